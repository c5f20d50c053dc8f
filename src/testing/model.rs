//! [`ModelStore`]: the reference model, naive and obviously right.
//!
//! One lock over everything, an admission tried on a copy, limits judged from a log. It forgets
//! nothing, so it is for tests only; it is the oracle that the conformance suite compares with, and
//! the shortest complete [`Store`] to read before writing one.

mod meter;
mod realm;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::Store;
use crate::base::id::Pseudonym;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, SteadyClock, StoreError, Tallies,
    TallyQuery,
};

use realm::Realm;

/// The reference [`Store`]. Clones share the same state.
///
/// ```
/// use otpgate::testing::{ModelStore, block_on, store};
///
/// let report = block_on(store::conformance(|| async { ModelStore::new() }));
/// report.assert();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelStore(Arc<Mutex<BTreeMap<Pseudonym, Realm>>>, Arc<SteadyClock>);

/// A copy of all that a [`ModelStore`] holds.
#[derive(Clone, Debug)]
pub struct Snapshot(BTreeMap<Pseudonym, Realm>);

impl ModelStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of everything it holds.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Goes back to `snapshot`.
    pub fn restore(&self, snapshot: &Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.0.clone();
    }

    fn within<T>(&self, realm: Pseudonym, step: impl FnOnce(&mut Realm) -> T) -> T {
        let mut realms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step(realms.entry(realm).or_default())
    }
}

#[async_trait]
impl Store for ModelStore {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.1.judge(admission.clock, admission.now)?;
        Ok(self.within(admission.realm, |realm| realm.admit(admission)))
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.1.judge(settlement.clock, settlement.now)?;
        self.within(settlement.realm, |realm| realm.settle(settlement));
        Ok(())
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.1.judge(redemption.clock, redemption.now)?;
        Ok(self.within(redemption.realm, |realm| realm.redeem(redemption)))
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.1.judge(query.clock, query.now)?;
        Ok(self.within(query.realm, |realm| realm.tally(query)))
    }
}
