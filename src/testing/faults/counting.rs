//! [`Counting`]: how many round trips a call of the gate takes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::StoreError;

use super::{Verb, wrap};

/// Counts the calls of each verb.
///
/// ```
/// use otpgate::testing::{Counting, ModelStore, Verb, block_on};
/// use otpgate::store::TallyQuery;
/// use otpgate::{Pseudonym, Store, Timestamp};
///
/// let (store, calls) = Counting::new(ModelStore::new());
/// let query = TallyQuery::new(Timestamp::from_millis(0), Pseudonym::from_bytes([1; 16]));
/// block_on(store.tally(&query)).unwrap();
/// assert_eq!(calls.of(Verb::Tally), 1);
/// assert_eq!(calls.total(), 1);
/// ```
#[derive(Debug)]
pub struct Counting<S> {
    inner: S,
    calls: Calls,
}

/// The counts of a [`Counting`] store. Clones read the same counts.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<[AtomicU64; 4]>);

impl<S> Counting<S> {
    /// `inner`, and the handle to read its counts by.
    #[must_use]
    pub fn new(inner: S) -> (Self, Calls) {
        let calls = Calls::default();
        (Self { inner, calls: calls.clone() }, calls)
    }

    async fn around<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.counter(verb).fetch_add(1, Ordering::Relaxed);
        call.await
    }
}

wrap!(Counting);

impl Calls {
    /// Calls of `verb` since the start or the last [`reset`](Self::reset).
    #[must_use]
    pub fn of(&self, verb: Verb) -> u64 {
        self.counter(verb).load(Ordering::Relaxed)
    }

    /// Calls of all verbs.
    pub fn total(&self) -> u64 {
        Verb::ALL.iter().map(|verb| self.of(*verb)).sum()
    }

    /// Starts counting afresh.
    pub fn reset(&self) {
        Verb::ALL.iter().for_each(|verb| self.counter(*verb).store(0, Ordering::Relaxed));
    }

    fn counter(&self, verb: Verb) -> &AtomicU64 {
        let [admit, settle, redeem, tally] = &*self.0;
        match verb {
            Verb::Admit => admit,
            Verb::Settle => settle,
            Verb::Redeem => redeem,
            Verb::Tally => tally,
        }
    }
}
