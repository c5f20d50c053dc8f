//! One value from the writer's thread to one waiting call.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::base::timer::rouse;

/// Both ends of a reply.
pub(super) fn reply<T>() -> (Promise<T>, Reply<T>) {
    let slot = Arc::new(Mutex::new(Slot { state: State::Open, waker: None }));
    (Promise(Arc::clone(&slot)), Reply(slot))
}

/// The end that answers. Dropped without an answer, it answers with nothing.
pub(super) struct Promise<T>(Arc<Mutex<Slot<T>>>);

/// The end that waits; resolves to nothing if the other end was dropped. It may be dropped at any
/// time.
pub(super) struct Reply<T>(Arc<Mutex<Slot<T>>>);

struct Slot<T> {
    state: State<T>,
    waker: Option<Waker>,
}

enum State<T> {
    Open,
    Answered(T),
    Over,
}

impl<T> Promise<T> {
    pub(super) fn answer(self, value: T) {
        self.close(State::Answered(value));
    }

    fn close(&self, state: State<T>) {
        let waker = {
            let mut slot = locked(&self.0);
            if !matches!(slot.state, State::Open) {
                return;
            }
            slot.state = state;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            rouse(waker);
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.close(State::Over);
    }
}

impl<T> Future for Reply<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = locked(&self.0);
        match std::mem::replace(&mut slot.state, State::Over) {
            State::Answered(value) => Poll::Ready(Some(value)),
            State::Over => Poll::Ready(None),
            State::Open => {
                slot.state = State::Open;
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Nothing can panic while it is held, apart from a waker's clone, which leaves the slot whole.
fn locked<T>(slot: &Mutex<Slot<T>>) -> MutexGuard<'_, Slot<T>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block_on;

    #[test]
    fn an_answer_crosses_threads_before_and_after_the_wait_begins() {
        let (promise, waiting) = reply();
        promise.answer(7);
        assert_eq!(block_on(waiting), Some(7));

        let (promise, waiting) = reply();
        let thread = std::thread::spawn(move || block_on(waiting));
        promise.answer(8);
        assert_eq!(thread.join().unwrap(), Some(8));
    }

    #[test]
    fn either_end_may_be_dropped() {
        let (promise, waiting) = reply::<u8>();
        drop(promise);
        assert_eq!(block_on(waiting), None);
        let (promise, waiting) = reply();
        drop(waiting);
        promise.answer(9);
    }

    struct Broken;

    impl std::task::Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("the queue of this executor is closed");
        }
    }

    #[test]
    fn whoever_answers_survives_an_executor_that_panics() {
        let (promise, waiting) = reply();
        let mut waiting = std::pin::pin!(waiting);
        let waker = Waker::from(Arc::new(Broken));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        promise.answer(7);
        assert_eq!(block_on(waiting), Some(7));
    }
}
