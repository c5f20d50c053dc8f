//! [`Combining`]: a state that one thread at a time works on, and events that nobody waits to hand over.
//!
//! A thread that has an event does not wait for the thread that is busy with the state. It leaves
//! the event, and the next thread to take the state applies it before anything else. So a thread
//! that is alone applies each event at once, in order, and a thread that reads the state sees
//! everything that was handed over before, its own events included.
//!
//! `tests/heavy/combining.rs` tries all orders in which threads can go through this file.

use super::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError, TryLockError};

pub(crate) struct Combining<S, E> {
    state: Mutex<S>,
    waiting: Mutex<Vec<E>>,
    /// How many wait; written under their lock.
    count: AtomicUsize,
    apply: fn(&mut S, E),
}

impl<S, E> Combining<S, E> {
    pub(crate) fn new(state: S, apply: fn(&mut S, E)) -> Self {
        Self {
            state: Mutex::new(state),
            waiting: Mutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            apply,
        }
    }

    /// The state, with everything that was handed over.
    pub(crate) fn lock(&self) -> MutexGuard<'_, S> {
        // A panic leaves statistics that may be off, not a decision that is wrong.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(&mut state);
        state
    }

    /// Applies `event` to the state that `prepare` has seen, or leaves it to whoever is busy with the
    /// state; what `finish` says of the state that has it. Everything handed over before by this thread
    /// is applied before it.
    pub(crate) fn hand_over<R>(
        &self,
        event: E,
        mut prepare: impl FnMut(&mut S),
        finish: impl Fn(&mut S) -> R,
    ) -> Option<R> {
        let mut done = match self.try_lock() {
            Some(mut state) => {
                prepare(&mut state);
                self.catch_up(&mut state);
                (self.apply)(&mut state, event);
                Some(finish(&mut state))
            }
            None => {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.push(event);
                self.count.store(waiting.len(), Ordering::Release);
                None
            }
        };
        // Whoever was busy may have looked for the last time before this was left; and what others left
        // while this thread was busy is better applied now than by the next request.
        if self.count.load(Ordering::Acquire) > 0
            && let Some(mut state) = self.try_lock()
        {
            if done.is_none() {
                prepare(&mut state);
            }
            self.catch_up(&mut state);
            if done.is_none() {
                done = Some(finish(&mut state));
            }
        }
        done
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, S>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn catch_up(&self, state: &mut S) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let events = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.count.store(0, Ordering::Release);
            std::mem::take(&mut *waiting)
        };
        for event in events {
            (self.apply)(state, event);
        }
    }
}
