//! [`wait`]: a pause that needs no runtime.
//!
//! The crate runs under any executor. One thread for the whole process wakes the futures that wait.
//! It starts with the first of them and ends when none has waited for some seconds.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::time::{Clock, SystemClock};

/// How long the thread stays when nobody waits.
const IDLE: Duration = Duration::from_secs(10);

static TIMER: LazyLock<Timer> = LazyLock::new(Timer::default);

/// Done once `span` has passed on the monotonic clock.
pub(crate) fn wait(span: Duration) -> Wait {
    Wait { due: TIMER.clock.elapsed().saturating_add(span), place: None }
}

/// What comes of `future` within `span`; `None` if it is not done by then.
pub(crate) async fn within<F: Future>(span: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    // Who answers at once needs no timer.
    let mut end: Option<Pin<Box<Wait>>> = None;
    poll_fn(move |context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        let end = end.get_or_insert_with(|| Box::pin(wait(span)));
        end.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// See [`wait`].
pub(crate) struct Wait {
    due: Duration,
    /// Tells apart those that are due together; `None` until it was polled.
    place: Option<u64>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if TIMER.clock.elapsed() >= self.due {
            return Poll::Ready(());
        }
        self.place = Some(TIMER.enter(self.due, self.place, context.waker()));
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            TIMER.book().waiting.remove(&(self.due, place));
        }
    }
}

/// Wakes a task. An executor that panics at it loses that task, and not the thread that others wait for.
pub(crate) fn rouse(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

#[derive(Default)]
struct Timer {
    clock: SystemClock,
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Default)]
struct Book {
    waiting: BTreeMap<(Duration, u64), Waker>,
    next: u64,
    running: bool,
}

impl Timer {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&'static self, due: Duration, place: Option<u64>, waker: &Waker) -> u64 {
        let mut book = self.book();
        let place = place.unwrap_or_else(|| {
            book.next = book.next.wrapping_add(1);
            book.next
        });
        let first = book.waiting.first_key_value().is_none_or(|(earliest, _)| due < earliest.0);
        book.waiting.insert((due, place), waker.clone());
        if !book.running {
            // Without a thread nobody is woken here, but whoever polls again sees that time is up.
            let name = thread::Builder::new().name("otpgate-timer".to_owned());
            book.running = name.spawn(move || self.run()).is_ok();
        } else if first {
            self.changed.notify_one();
        }
        place
    }

    fn run(&self) {
        let mut book = self.book();
        loop {
            let now = self.clock.elapsed();
            let later = book.waiting.split_off(&(now.saturating_add(Duration::from_nanos(1)), 0));
            let due = std::mem::replace(&mut book.waiting, later);
            if !due.is_empty() {
                drop(book);
                due.into_values().for_each(rouse);
                book = self.book();
                continue;
            }
            let next = book.waiting.first_key_value().map(|(next, _)| next.0.saturating_sub(now));
            let pause = self.changed.wait_timeout(book, next.unwrap_or(IDLE));
            let (held, outcome) = pause.unwrap_or_else(PoisonError::into_inner);
            book = held;
            if next.is_none() && outcome.timed_out() && book.waiting.is_empty() {
                book.running = false;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    /// An executor of one thread: parks until it is woken.
    struct Parked(thread::Thread);

    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Parked(thread::current())));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(done) => return done,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn wakes_in_the_order_of_the_ends_and_not_before() {
        let before = TIMER.clock.elapsed();
        let (mut early, mut late) =
            (pin!(wait(Duration::from_millis(2))), pin!(wait(Duration::from_millis(4))));
        let mut order = Vec::new();
        run(poll_fn(|context| {
            // The later one registers first, so the thread has to change its mind.
            if !order.contains(&4) && late.as_mut().poll(context).is_ready() {
                order.push(4);
            }
            if !order.contains(&2) && early.as_mut().poll(context).is_ready() {
                order.push(2);
            }
            if order.len() == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        assert!(TIMER.clock.elapsed() >= before + Duration::from_millis(4));
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let mut long = Box::pin(wait(Duration::from_secs(86_400)));
        let waker = Waker::noop();
        for _ in 0..3 {
            assert!(long.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        let key = (long.due, long.place.unwrap());
        assert!(TIMER.book().waiting.contains_key(&key));
        drop(long);
        assert!(!TIMER.book().waiting.contains_key(&key));
    }

    /// A task whose executor is broken.
    struct Broken;

    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("the queue of this executor is closed");
        }
    }

    #[test]
    fn an_executor_that_panics_stops_nobody_else() {
        let mut lost = Box::pin(wait(Duration::from_millis(1)));
        let waker = Waker::from(Arc::new(Broken));
        assert!(lost.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        run(wait(Duration::from_millis(3)));
        assert!(
            !TIMER.book().waiting.contains_key(&(lost.due, lost.place.unwrap())),
            "it was woken"
        );
        run(wait(Duration::from_millis(1)));
    }
}
