//! [`Rollback`] and [`StaleRead`]: a fail-over to a replica that lags.
//!
//! Both need to reach behind the port, so they stand on the [`ModelStore`].

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::Store;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, Tallies, TallyQuery,
};
use crate::testing::model::{ModelStore, Snapshot};

/// Forgets the last writes when told to: counters go back, consumed codes come back.
///
/// Redis and Sentinel lost 56 % of the acknowledged writes in Jepsen's partition test; this is the
/// same in one line of a test.
///
/// ```
/// use otpgate::testing::{ModelStore, Rollback, block_on};
/// use otpgate::store::{Admission, Admitted, Nonce};
/// use otpgate::{Pseudonym, RequestId, Store, Timestamp};
///
/// let store = Rollback::new(ModelStore::new(), 1);
/// let (now, later) = (Timestamp::from_millis(0), Timestamp::from_millis(60_000));
/// let mut first =
///     Admission::new(RequestId::from_bytes([1; 16]), now, Pseudonym::default(), later);
/// first.nonces.push(Nonce { key: Pseudonym::from_bytes([9; 16]), expires: later });
/// let mut second = first.clone();
/// second.id = RequestId::from_bytes([2; 16]);
///
/// assert!(matches!(block_on(store.admit(&first)).unwrap(), Admitted::Granted { .. }));
/// store.fail_over();
/// assert!(matches!(block_on(store.admit(&second)).unwrap(), Admitted::Granted { .. }));
/// ```
#[derive(Debug)]
pub struct Rollback {
    model: ModelStore,
    lag: usize,
    past: Mutex<Vec<Snapshot>>,
}

impl Rollback {
    /// A store whose replica lags `lag` writing calls behind `model`.
    #[must_use]
    pub fn new(model: ModelStore, lag: usize) -> Self {
        Self { model, lag, past: Mutex::new(Vec::new()) }
    }

    /// Goes on from the replica: what the last `lag` writing calls did is lost.
    pub fn fail_over(&self) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(replica) = past.first() {
            self.model.restore(replica);
        }
        past.clear();
    }

    fn remember(&self) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.push(self.model.snapshot());
        let surplus = past.len().saturating_sub(self.lag);
        past.drain(..surplus);
    }
}

#[async_trait]
impl Store for Rollback {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.remember();
        self.model.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.remember();
        self.model.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.remember();
        self.model.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.model.tally(query).await
    }
}

/// Answers `tally` from a replica that is as old as the last [`freeze`](Self::freeze).
#[derive(Debug)]
pub struct StaleRead {
    model: ModelStore,
    replica: ModelStore,
}

impl StaleRead {
    /// A store that writes to `model` and reads from a copy of it made now.
    #[must_use]
    pub fn new(model: ModelStore) -> Self {
        let replica = ModelStore::new();
        replica.restore(&model.snapshot());
        Self { model, replica }
    }

    /// Brings the replica up to date.
    pub fn freeze(&self) {
        self.replica.restore(&self.model.snapshot());
    }
}

#[async_trait]
impl Store for StaleRead {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.model.admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.model.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.model.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.replica.tally(query).await
    }
}
