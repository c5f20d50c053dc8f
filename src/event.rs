//! What the gate tells the host: [`Event`]s with reasons and without secrets, to an [`Observer`].

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::access::ControlId;
use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::error::GateErrorKind;
use crate::human::HumanFailure;
use crate::outcome::{LimitName, RefusalReason};
use crate::pumping::Alert;
use crate::recipient::Region;
use crate::transport::signals::Signals;
use crate::transport::{Channel, DeliveryFault, NumberFault, Price};

/// One decision or change of state (ASVS 16.3). Holds no code, key, token or number: a number appears
/// as its country and a keyed pseudonym that is the same for the same number. Addresses appear only as
/// the networks that an operator enters into the controls or that the pumping detector warns of.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(8);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(observer), async |shop| {
/// # shop.issued().await;
/// use otpgate::{EventKind, Region};
///
/// let sent = events.iter().find(|event| matches!(event.kind, EventKind::Sent { .. })).unwrap();
/// assert_eq!((&*sent.realm, sent.region), ("default", Some(Region::DE)));
/// assert!(sent.number.is_some(), "a pseudonym: the same for every text to this number");
/// assert!(!format!("{sent:?}").contains("15112345678"));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The gate's time.
    pub at: Timestamp,
    /// The realm's name.
    pub realm: Arc<str>,
    /// The purpose, where there is one.
    pub purpose: Option<Purpose>,
    /// The country of the number, where there is one.
    pub region: Option<Region>,
    /// The number's pseudonym, where there is one.
    pub number: Option<Pseudonym>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
///
/// The enum grows, so a match ends in `_`:
///
/// ```
/// use otpgate::{EventKind, LimitName};
///
/// fn metric(kind: &EventKind) -> Option<&'static str> {
///     match kind {
///         EventKind::Sent { .. } => Some("sms_sent"),
///         EventKind::Accepted { .. } => Some("code_accepted"),
///         EventKind::Outage { .. } | EventKind::GuessSpraying { .. } => Some("page_somebody"),
///         EventKind::BudgetTier { percent: 100, .. } => Some("page_somebody"),
///         _ => None,
///     }
/// }
/// let half = EventKind::BudgetTier { scope: LimitName::Realm, percent: 50 };
/// assert_eq!(metric(&half), None);
/// assert_eq!(metric(&EventKind::GuessSpraying { failures: 1_000 }), Some("page_somebody"));
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A ticket was made for a page.
    TicketIssued,
    /// A text was handed off.
    Sent {
        /// What it cost: all its segments.
        price: Money,
        /// Segments billed.
        segments: u32,
        /// Whether it renewed a running verification.
        resend: bool,
        /// Whether the provider confirmed it.
        confirmed: bool,
        /// By which channel it went.
        channel: Channel,
    },
    /// A text was not accepted by the provider; what it cost was given back.
    NotSent {
        /// Whether the provider refused the number for good.
        refused: bool,
        /// By which channel it was to go.
        channel: Channel,
    },
    /// A decoy was answered: no text was sent, the client cannot tell.
    DecoyAnswered,
    /// A send was refused.
    Refused {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// A text was withheld and the client told otherwise, because another number would have got it
    /// for a private reason ([`ModePolicy::quiet`](crate::policy::ModePolicy::quiet)). Many of them
    /// while no attack is on are honest people who wait in vain: look at the reason.
    QuietlyRefused {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// In shadow mode: a send would have been refused.
    WouldRefuse {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// A client was asked to prove more.
    StepUpAsked {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// A human check was made and not passed, beside [`Refused`](Self::Refused).
    HumanCheckFailed {
        /// Why, as far as the service tells.
        failure: HumanFailure,
    },
    /// A code was accepted.
    Accepted {
        /// Attempts it took.
        attempts: u32,
        /// Time from the first send to the right code.
        took: Duration,
    },
    /// A code was not accepted.
    Rejected {
        /// Why.
        cause: RejectionCause,
    },
    /// A test number was used: a code was asked for and no text sent, or the fixed code was accepted, in
    /// place of [`Sent`](Self::Sent) and [`Accepted`](Self::Accepted); or a wrong one was not, beside
    /// [`Rejected`](Self::Rejected). Whoever did not expect it looks at once.
    TestNumberUsed {
        /// The entry.
        id: ControlId,
        /// What was done.
        step: TestUse,
        /// Why the entry was made.
        reason: String,
        /// Who made it.
        actor: String,
    },
    /// An authenticator-app code was checked.
    Authenticator {
        /// Whether it was accepted.
        accepted: bool,
    },
    /// The use of a budget passed a tier; raised by the text that passes it.
    BudgetTier {
        /// Whose budget.
        scope: LimitName,
        /// The tier in percent: 50, the policy's step-up tier, or 100 when no further text of that
        /// price fits.
        percent: u8,
    },
    /// Many wrong codes over many numbers: somebody tries one guess each.
    GuessSpraying {
        /// Failures in the last hour.
        failures: u64,
    },
    /// The pumping detector has something to say; at most once in ten minutes of one kind about one
    /// node.
    Pumping {
        /// What, where, and on what evidence.
        alert: Alert,
    },
    /// What the network says of a number, before its text goes out or is refused.
    Signals {
        /// What it says.
        signals: Signals,
        /// Whether it was asked for this text and paid for, or kept from before.
        asked: bool,
    },
    /// A delivery receipt came in, the first that says what became of its text.
    Receipt {
        /// Whether the text was delivered.
        delivered: bool,
        /// Why it was not, where the provider says so.
        fault: Option<DeliveryFault>,
        /// Whether the number's owner got interval and quotas back: in the lanes of device proofs and
        /// callers, a few times a day.
        given_back: bool,
    },
    /// A provider named what a text really cost, and the budgets were put right.
    Settled {
        /// What the budgets held for it: the price table's, or what the provider had said before.
        reserved: Money,
        /// What they hold now.
        price: Money,
        /// What the provider said, in its own currency; `None` if nothing was billed by the policy
        /// ([`ReceiptPolicy::undelivered_is_free`](crate::policy::ReceiptPolicy::undelivered_is_free)),
        /// or if it named only more segments than were reserved.
        stated: Option<Price>,
    },
    /// A provider named a price in a currency for which the policy states no rate
    /// ([`BudgetPolicy::rates`](crate::policy::BudgetPolicy::rates)). The budgets keep what was
    /// reserved.
    PriceUnconverted {
        /// What the provider said.
        stated: Price,
    },
    /// A provider reported something about a number that holds for later texts too. None goes to it for
    /// as long as it is remembered, and `QuietlyRefused` tells of those that were asked for;
    /// [`Controls::forget_faults`](crate::Controls::forget_faults) ends it.
    NumberFault {
        /// What it reported.
        fault: NumberFault,
        /// How long it is remembered.
        remembered: Duration,
    },
    /// The owner of a number opted in by text, and what providers had reported about it is forgotten.
    OptedIn,
    /// A genuine receipt belongs to no send that this deployment knows: one of another system on the
    /// same account, or one whose send has been forgotten.
    ReceiptUnmatched {
        /// Whose receipt it is.
        provider: &'static str,
    },
    /// The host reported what a verification was worth.
    Reported {
        /// Whether it was worthless.
        worthless: bool,
    },
    /// An operator changed the controls.
    ControlsChanged {
        /// Who.
        actor: String,
        /// What, in words.
        change: String,
    },
    /// A part failed: the gate refused because of it, or went on without it, as the text says.
    Outage {
        /// Which part: whom to wake.
        part: OutagePart,
        /// What, in words.
        what: String,
    },
}

/// Which part an [`EventKind::Outage`] is about.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(8);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # use otpgate::store::StoreErrorKind;
/// # use otpgate::testing::{FailNth, ModelStore, Verb};
/// # let broken = FailNth::new(ModelStore::default(), Verb::Admit, 0, StoreErrorKind::Unavailable);
/// # shop::open_with(|parts| parts.observer(observer).store(broken).clock_unchecked_danger(), async |shop| {
/// # let clearance = shop.clearance().await;
/// use otpgate::{EventKind, OutagePart};
///
/// assert!(shop.gate.issue(clearance).await.is_err()); // the store does not answer
/// let outage = events.try_iter().find_map(|event| match event.kind {
///     EventKind::Outage { part, .. } => Some(part),
///     _ => None,
/// });
/// assert_eq!(outage, Some(OutagePart::Store));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum OutagePart {
    /// The store gave no answer, is full, or holds what cannot be read.
    Store,
    /// This host's clock and the store's are too far apart.
    Clock,
    /// The human check could not be made.
    HumanCheck,
    /// A look-up of a number gave no answer.
    LookUp,
    /// A provider failed in a way that has no event of its own: its transport panicked, or every text
    /// will fail so until an operator acts
    /// ([`HandoffError::needs_operator`](crate::transport::HandoffError::needs_operator)): wrong
    /// credentials, no credit, a sender that is not registered.
    Provider,
    /// The operating system gave no random bytes.
    Entropy,
    /// A text did not have its exact form.
    Text,
    /// A plug-in panicked.
    PlugIn,
    /// The host's half of the web edge failed.
    Host,
}

impl OutagePart {
    pub(crate) const fn of(kind: GateErrorKind) -> Self {
        match kind {
            GateErrorKind::Store | GateErrorKind::StoreFull => Self::Store,
            GateErrorKind::Clock => Self::Clock,
            GateErrorKind::HumanCheck => Self::HumanCheck,
            GateErrorKind::Entropy => Self::Entropy,
            GateErrorKind::Message => Self::Text,
            GateErrorKind::HandOff => Self::Provider,
            GateErrorKind::Panic => Self::PlugIn,
        }
    }
}

/// What was done with a test number ([`EventKind::TestNumberUsed`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TestUse {
    /// A code was asked for: no text went out.
    Issued,
    /// The fixed code was accepted.
    Accepted,
    /// Another code was not.
    Rejected,
}

/// Why a code was not accepted. For logs; the client sees one answer.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(8);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(observer), async |shop| {
/// # let grant = shop.grant().await;
/// # let code = shop.code();
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::{EventKind, RejectionCause};
///
/// let _accepted = gate.verify(&grant, &code, &client).await?;
/// let _rejected = gate.verify(&grant, &code, &client).await?; // two clicks
/// let cause = RejectionCause::Replay;
/// assert!(events.try_iter().any(|event| event.kind == EventKind::Rejected { cause }));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RejectionCause {
    /// Wrong.
    Mismatch,
    /// No code, or two different ones; charged like a wrong one.
    Malformed,
    /// Past its expiry.
    Expired,
    /// Accepted before: a replay, or two clicks.
    Replay,
    /// No attempts were left.
    Locked,
    /// No such verification.
    Unknown,
    /// The grant is forged, too old or another client's.
    BadGrant,
    /// The number's lane is shut or pausing.
    NumberLimit,
    /// The session's attempts are used up; or those of its network, if it holds no genuine grant.
    ClientLimit,
}

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
    /// # shop::open_with(|parts| parts.observer(told), async |shop| {
    /// # let shop::Shop { gate, client, .. } = shop;
    /// # let purpose = otpgate::Purpose::SIGN_UP;
    /// let _one = gate.preflight(&purpose, &client)?;
    /// let _two = gate.preflight(&purpose, &client)?; // the queue of one is full
    /// assert_eq!(observer.dropped(), 1);
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
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

    fn event() -> Event {
        Event {
            at: Timestamp::from_millis(0),
            realm: "default".into(),
            purpose: None,
            region: None,
            number: None,
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
