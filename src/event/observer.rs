//! [`Observer`]: who gets the events, and the ones that the crate brings.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Event;

/// Gets every [`Event`].
///
/// `observe` runs on the path of a request: it MUST NOT block. Hand slow work to a
/// [`QueuedObserver`]. A panic is caught and does not change the answer.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use otpgate::{Event, EventKind, Observer};
///
/// /// The bill so far, in millionths of a dollar.
/// #[derive(Clone, Debug, Default)]
/// struct Bill(Arc<AtomicU64>);
///
/// impl Observer for Bill {
///     fn observe(&self, event: &Event) {
///         if let EventKind::Sent { price, .. } = event.kind {
///             self.0.fetch_add(price.as_microdollars(), Ordering::Relaxed);
///         }
///     }
/// }
/// # let bill = Bill::default();
/// # let told = bill.clone();
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(told), async |shop| {
/// # shop.issued().await;
/// assert!(bill.0.load(Ordering::Relaxed) > 0);
/// # Ok(())
/// # });
/// ```
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Takes note of `event`.
    fn observe(&self, event: &Event);
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn observe(&self, event: &Event) {
        (**self).observe(event);
    }
}

impl<O: Observer + ?Sized> Observer for Box<O> {
    fn observe(&self, event: &Event) {
        (**self).observe(event);
    }
}

/// Tells the first, then the second; a panic of one does not keep the event from the other. For a
/// host that counts, logs and shows:
///
/// ```
/// use otpgate::{NoObserver, Observer, QueuedObserver};
///
/// let (log, _events) = QueuedObserver::bounded(1_024);
/// let both: Box<dyn Observer> = Box::new((log, (NoObserver, NoObserver)));
/// # drop(both);
/// ```
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&self, event: &Event) {
        tell(&self.0, event);
        tell(&self.1, event);
    }
}

/// Notes nothing: what a gate has whose builder was given no observer.
///
/// ```
/// use otpgate::{NoObserver, Observer, QueuedObserver};
///
/// let audited = false; // from the configuration
/// let observer: Box<dyn Observer> = match audited {
///     true => Box::new(QueuedObserver::bounded(1_024).0),
///     false => Box::new(NoObserver),
/// };
/// assert_eq!(format!("{observer:?}"), "NoObserver");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _: &Event) {}
}

/// Passes events to another thread through a bounded queue. When the queue is full the newest event
/// is dropped and counted; the gate never waits (ASVS 16.3.4).
///
/// ```
/// use otpgate::QueuedObserver;
///
/// let (observer, events) = QueuedObserver::bounded(1_024);
/// let sink = std::thread::spawn(move || events.into_iter().count());
/// drop(observer);
/// assert_eq!(sink.join().unwrap(), 0);
/// ```
#[derive(Debug)]
pub struct QueuedObserver {
    queue: SyncSender<Event>,
    dropped: AtomicU64,
}

impl QueuedObserver {
    /// An observer with a queue of `capacity` events, and the end to read them from.
    #[must_use]
    pub fn bounded(capacity: usize) -> (Self, Receiver<Event>) {
        let (queue, events) = sync_channel(capacity);
        (Self { queue, dropped: AtomicU64::new(0) }, events)
    }

    /// How many events found the queue full or nobody reading.
    ///
    /// ```
    /// # let (observer, _events) = otpgate::QueuedObserver::bounded(1);
    /// # let observer = std::sync::Arc::new(observer);
    /// # let told = std::sync::Arc::clone(&observer);
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.observer(told), async |shop::Shop { gate, client, .. }| {
    /// # let purpose = otpgate::Purpose::SIGN_UP;
    /// let _one = gate.preflight(&purpose, &client)?;
    /// let _two = gate.preflight(&purpose, &client)?; // the queue of one is full
    /// assert_eq!(observer.dropped(), 1);
    /// # Ok(())
    /// # });
    /// ```
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Observer for QueuedObserver {
    fn observe(&self, event: &Event) {
        if self.queue.try_send(event.clone()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Tells `observer`, whatever it does.
pub(crate) fn tell(observer: &dyn Observer, event: &Event) {
    let _panicked = catch_unwind(AssertUnwindSafe(|| observer.observe(event)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::event::EventKind;

    fn event() -> Event {
        Event {
            at: Timestamp::from_millis(0),
            realm: "default".into(),
            purpose: None,
            region: None,
            number: None,
            text: None,
            kind: EventKind::TicketIssued,
        }
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_counts_it() {
        let (observer, events) = QueuedObserver::bounded(2);
        for _ in 0..5 {
            tell(&observer, &event());
        }
        assert_eq!(observer.dropped(), 3);
        drop(observer);
        assert_eq!(events.into_iter().count(), 2);
    }

    #[test]
    fn a_panicking_observer_is_survived() {
        #[derive(Debug)]
        struct Panics;
        impl Observer for Panics {
            fn observe(&self, _: &Event) {
                panic!("observer");
            }
        }
        tell(&Panics, &event());
        let (queue, events) = QueuedObserver::bounded(2);
        (Panics, queue).observe(&event());
        assert_eq!(events.try_iter().count(), 1, "the one beside it hears of it all the same");
    }
}
