//! [`FailNth`] and [`LoseAck`]: a call that is not taken, and a call that is taken in silence.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::{StoreError, StoreErrorKind};
use crate::testing::prng::Shared;

use super::{Verb, wrap};

/// Fails the nth call of one verb, before it takes effect.
#[derive(Debug)]
pub struct FailNth<S> {
    inner: S,
    verb: Verb,
    nth: u64,
    kind: StoreErrorKind,
    seen: AtomicU64,
}

impl<S> FailNth<S> {
    /// Answers call number `nth` (the first is 1) of `verb` with an error of `kind`; the inner
    /// store never sees it. With `nth` 0 every call of the verb fails.
    ///
    /// [`StoreErrorKind::Indeterminate`] here is the half of that word in which the call did *not*
    /// take effect; [`LoseAck`] is the other half.
    #[must_use]
    pub fn new(inner: S, verb: Verb, nth: u64, kind: StoreErrorKind) -> Self {
        Self { inner, verb, nth, kind, seen: AtomicU64::new(0) }
    }

    async fn around<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if verb == self.verb && hit(&self.seen, self.nth) {
            return Err(StoreError::new(self.kind, "a failure that the test asked for"));
        }
        call.await
    }
}

wrap!(FailNth);

/// Takes a call and loses the answer: the caller sees [`StoreErrorKind::Indeterminate`].
#[derive(Debug)]
pub struct LoseAck<S> {
    inner: S,
    when: When,
    seen: AtomicU64,
}

#[derive(Debug)]
enum When {
    Nth(Verb, u64),
    Percent(u64, Shared),
}

impl<S> LoseAck<S> {
    /// Loses the answer to call number `nth` (the first is 1) of `verb`; with 0, of every call.
    #[must_use]
    pub fn nth(inner: S, verb: Verb, nth: u64) -> Self {
        Self { inner, when: When::Nth(verb, nth), seen: AtomicU64::new(0) }
    }

    /// Loses `percent` of a hundred answers of all verbs, drawn from `seed`.
    #[must_use]
    pub fn percent(inner: S, percent: u64, seed: u64) -> Self {
        Self { inner, when: When::Percent(percent, Shared::new(seed)), seen: AtomicU64::new(0) }
    }

    async fn around<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let lost = match &self.when {
            When::Nth(which, nth) => *which == verb && hit(&self.seen, *nth),
            When::Percent(percent, prng) => prng.draw(|prng| prng.chance(*percent)),
        };
        let answer = call.await?;
        if lost {
            let source = "an acknowledgement that the test lost";
            return Err(StoreError::new(StoreErrorKind::Indeterminate, source));
        }
        Ok(answer)
    }
}

wrap!(LoseAck);

fn hit(seen: &AtomicU64, nth: u64) -> bool {
    let number = seen.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    nth == 0 || nth == number
}
