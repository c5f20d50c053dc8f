//! [`Rewind`]: a gate whose clock was set back.

use std::time::Duration;

use async_trait::async_trait;

use crate::Store;
use crate::base::time::Timestamp;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, Tallies, TallyQuery,
};
use crate::testing::prng::Shared;

/// Sets `now` back in some calls, as one gate among several does whose clock is behind.
#[derive(Debug)]
pub struct Rewind<S> {
    inner: S,
    by: Duration,
    percent: u64,
    prng: Shared,
}

impl<S> Rewind<S> {
    /// In `percent` of a hundred calls, drawn from `seed`, the inner store sees `now` less `by`.
    #[must_use]
    pub fn new(inner: S, by: Duration, percent: u64, seed: u64) -> Self {
        Self { inner, by, percent, prng: Shared::new(seed) }
    }

    fn seen(&self, now: Timestamp) -> Timestamp {
        if self.prng.draw(|prng| prng.chance(self.percent)) { now.before(self.by) } else { now }
    }
}

#[async_trait]
impl<S: Store> Store for Rewind<S> {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let seen = Admission { now: self.seen(admission.now), ..admission.clone() };
        self.inner.admit(&seen).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let seen = Settlement { now: self.seen(settlement.now), ..settlement.clone() };
        self.inner.settle(&seen).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let seen = Redemption { now: self.seen(redemption.now), ..redemption.clone() };
        self.inner.redeem(&seen).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let seen = TallyQuery { now: self.seen(query.now), ..query.clone() };
        self.inner.tally(&seen).await
    }
}
