//! [`Combining`]: a state that many threads read side by side, and events that nobody waits to hand over.
//!
//! A thread that has an event does not wait for the threads that are busy with the state. It leaves
//! the event, and the next thread to take the state for itself applies it before anything else. So a
//! thread that is alone applies each event at once, in order.
//!
//! A thread that decides takes the state for itself if nobody else is there: it sees everything that
//! was handed over, and brings the state up to date. Otherwise it reads what is there beside the
//! others. What it then misses is bounded in events and decisions, not in time: so many of either,
//! and the next to decide waits until the readers are gone and applies what was left.
//!
//! `tests/heavy/combining.rs` tries all orders in which threads can go through this file.

use super::sync::{AtomicUsize, Mutex, Ordering, PoisonError, TryLockError};
use super::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) struct Combining<S, E> {
    state: RwLock<S>,
    waiting: Mutex<Vec<E>>,
    /// How many wait; written under their lock.
    count: AtomicUsize,
    /// Decisions since the state was last up to date.
    decided: AtomicUsize,
    most: usize,
    apply: fn(&mut S, E),
}

impl<S, E> Combining<S, E> {
    /// A decision misses `most` events at most.
    pub(crate) fn new(state: S, most: usize, apply: fn(&mut S, E)) -> Self {
        Self {
            state: RwLock::new(state),
            waiting: Mutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            decided: AtomicUsize::new(0),
            most,
            apply,
        }
    }

    /// The state for itself, with everything that was handed over. Waits for whoever is busy with it.
    pub(crate) fn lock(&self) -> RwLockWriteGuard<'_, S> {
        // A panic leaves statistics that may be off, not a decision that is wrong.
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(&mut state);
        state
    }

    /// The state to look at, with everything that was handed over before.
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, S> {
        if self.count.load(Ordering::Acquire) > 0 {
            drop(self.lock());
        }
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides by `alone` if nobody else is busy with the state, or if it has fallen behind too far, and
    /// otherwise by `beside`, without what others are telling at that moment. No decision waits for
    /// another, unless that one is alone.
    pub(crate) fn decide<R>(
        &self,
        alone: impl FnOnce(&mut S) -> R,
        beside: impl FnOnce(&S) -> R,
    ) -> R {
        let decision = match self.try_lock() {
            Some(mut state) => {
                self.catch_up(&mut state);
                alone(&mut state)
            }
            None if self.is_behind() => alone(&mut self.lock()),
            None => beside(&self.state.read().unwrap_or_else(PoisonError::into_inner)),
        };
        // Whoever was told that somebody is busy may have meant this thread.
        if self.count.load(Ordering::Acquire) > 0
            && let Some(mut state) = self.try_lock()
        {
            self.catch_up(&mut state);
        }
        decision
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

    /// Whether more than a decision may miss was left, or decided, since the state was up to date.
    fn is_behind(&self) -> bool {
        let decided = self.decided.fetch_add(1, Ordering::Relaxed);
        decided >= self.most || self.count.load(Ordering::Acquire) >= self.most
    }

    fn try_lock(&self) -> Option<RwLockWriteGuard<'_, S>> {
        match self.state.try_write() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn catch_up(&self, state: &mut S) {
        self.decided.store(0, Ordering::Relaxed);
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
