//! Interleaving without a runtime: a pause, a seeded join, and a minimal `block_on`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::prng::Prng;

/// A future that can be sent to another thread, as `async_trait` makes them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives way once: whatever else is ready may run first.
///
/// This is the latency that the suite injects. It does not sleep: a sleep needs a runtime, makes
/// the test slow, and orders the racers the same way each time, whereas the suite's own scheduler
/// picks who goes on at each pause from a seed. A store in memory that awaits nothing cannot be
/// interleaved and needs no pause; a store that is written to be wrong puts one wherever a real one
/// would wait for its backend.
///
/// ```
/// use otpgate::testing::{block_on, pause};
///
/// block_on(pause()); // returns, having let others go first
/// ```
pub fn pause() -> Pause {
    pauses(1)
}

/// Gives way `times` times in a row.
pub fn pauses(times: u32) -> Pause {
    Pause { left: times }
}

/// The future of [`pause`].
#[derive(Debug)]
#[must_use = "a pause does nothing unless it is awaited"]
pub struct Pause {
    left: u32,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.left.checked_sub(1) {
            None => Poll::Ready(()),
            Some(left) => {
                self.left = left;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Runs a future to its end on this thread, parking while it waits.
///
/// For tests of a host that has no runtime. A store that needs tokio has to be polled by tokio.
///
/// ```
/// assert_eq!(otpgate::testing::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    thread_local! {
        static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
    }

    let waker = WAKER.with(Waker::clone);
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

/// Runs all futures within the caller's task. At each step one of those that can go on is chosen at
/// random, so that every interleaving of their awaits can happen and a seed repeats it.
pub(crate) fn join_all<T>(futures: Vec<BoxFuture<'_, T>>, seed: u64) -> Join<'_, T> {
    let racers = futures
        .into_iter()
        .map(|future| Racer { future: Some(future), output: None, flag: Arc::default() })
        .collect();
    Join { racers, prng: Prng::new(seed) }
}

pub(crate) struct Join<'a, T> {
    racers: Vec<Racer<'a, T>>,
    prng: Prng,
}

struct Racer<'a, T> {
    future: Option<BoxFuture<'a, T>>,
    output: Option<T>,
    flag: Arc<Flag>,
}

struct Flag {
    ready: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl Default for Flag {
    fn default() -> Self {
        Self { ready: AtomicBool::new(true), parent: Mutex::new(None) }
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.ready.store(true, Ordering::Release);
        let parent = self.parent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

/// Steps before the caller's task gives way, so that a runtime's other tasks and its drivers run.
const TURN: u32 = 256;

impl<T: Unpin> Future for Join<'_, T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<T>> {
        let this = &mut *self;
        for racer in &this.racers {
            let mut parent = racer.flag.parent.lock().unwrap_or_else(PoisonError::into_inner);
            *parent = Some(context.waker().clone());
        }
        for _ in 0..TURN {
            let mut ready: Vec<&mut Racer<'_, T>> = this
                .racers
                .iter_mut()
                .filter(|racer| racer.future.is_some() && racer.flag.ready.load(Ordering::Acquire))
                .collect();
            let chosen = this.prng.index(ready.len());
            let Some(racer) = ready.get_mut(chosen) else {
                if this.racers.iter().all(|racer| racer.future.is_none()) {
                    let outputs = this.racers.iter_mut().filter_map(|racer| racer.output.take());
                    return Poll::Ready(outputs.collect());
                }
                return Poll::Pending;
            };
            racer.flag.ready.store(false, Ordering::Release);
            let waker = Waker::from(Arc::clone(&racer.flag));
            if let Some(future) = &mut racer.future
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                racer.output = Some(output);
                racer.future = None;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Turns a panic of `future` into `Err` with its message.
pub(crate) struct Caught<'a, T>(pub(crate) BoxFuture<'a, T>);

impl<T> Future for Caught<'_, T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(ToString::to_string)
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                Poll::Ready(Err(text.unwrap_or_else(|| "a panic without a text".into())))
            }
        }
    }
}

/// What one look at `future` comes to.
#[cfg(test)]
pub(crate) async fn polled<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn order(seed: u64) -> Vec<u32> {
        let order = Mutex::new(Vec::new());
        let racers: Vec<BoxFuture<'_, ()>> = (0..4)
            .map(|id| {
                let order = &order;
                Box::pin(async move {
                    pauses(2).await;
                    order.lock().unwrap().push(id);
                }) as BoxFuture<'_, ()>
            })
            .collect();
        block_on(join_all(racers, seed));
        order.into_inner().unwrap()
    }

    #[test]
    fn a_seed_repeats_an_interleaving_and_seeds_differ() {
        assert_eq!(order(3), order(3));
        let seen: BTreeSet<Vec<u32>> = (0..200).map(order).collect();
        assert_eq!(seen.len(), 24, "all 4! orders of finishing occur");
    }

    #[test]
    fn outputs_stand_in_the_order_of_the_futures() {
        let racers: Vec<BoxFuture<'_, usize>> = (0_usize..50)
            .map(|id| {
                Box::pin(async move {
                    pauses(50 - u32::try_from(id).unwrap()).await;
                    id
                }) as BoxFuture<'_, usize>
            })
            .collect();
        assert_eq!(block_on(join_all(racers, 1)), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_wake_from_another_thread_is_seen() {
        let (send, receive) = std::sync::mpsc::channel::<Waker>();
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let waiting = std::future::poll_fn(move |context| {
            if done.load(Ordering::Acquire) {
                return Poll::Ready(7);
            }
            send.send(context.waker().clone()).unwrap();
            Poll::Pending
        });
        let thread = thread::spawn(move || {
            let waker = receive.recv().unwrap();
            seen.store(true, Ordering::Release);
            waker.wake();
        });
        assert_eq!(block_on(join_all(vec![Box::pin(waiting) as BoxFuture<'_, _>], 0)), [7]);
        thread.join().unwrap();
    }

    #[test]
    fn a_panic_becomes_its_text() {
        let caught = block_on(Caught::<()>(Box::pin(async { panic!("gave {}", "up") })));
        assert_eq!(caught, Err("gave up".into()));
    }
}
