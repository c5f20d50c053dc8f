//! A store with a hard cap, and its wrong sister that evicts.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use otpgate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, StoreError, StoreErrorKind, Tallies,
    TallyQuery,
};
use otpgate::testing::ModelStore;
use otpgate::{Pseudonym, Store};

use super::animal::next_row;

/// A store in memory with a hard cap on challenges. The wrong one makes room by forgetting the
/// oldest, as an LRU cache or `maxmemory-policy allkeys-lru` does.
#[derive(Debug)]
pub(crate) struct Capped {
    model: ModelStore,
    cap: usize,
    evicts: bool,
    live: Mutex<VecDeque<Admission>>,
    evicted: Mutex<BTreeSet<Pseudonym>>,
}

impl Capped {
    pub(crate) fn new(cap: usize, evicts: bool) -> Self {
        let (live, evicted) = (Mutex::default(), Mutex::default());
        Self { model: ModelStore::new(), cap, evicts, live, evicted }
    }

    /// Where `name` is kept: an evicted name leads to an empty place.
    fn place(&self, name: Pseudonym) -> Pseudonym {
        if self.evicted.lock().unwrap().contains(&name) { next_row(name) } else { name }
    }
}

#[async_trait]
impl Store for Capped {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        if admission.challenge.is_some() {
            let mut live = self.live.lock().unwrap();
            live.retain(|it| admission.now < it.now + Duration::from_secs(600));
            if live.len() >= self.cap {
                if !self.evicts {
                    return Err(StoreError::new(StoreErrorKind::Full, "the cap is reached"));
                }
                if let Some(oldest) = live.pop_front() {
                    let mut evicted = self.evicted.lock().unwrap();
                    evicted.extend(oldest.charges.iter().map(|it| it.key.subject));
                    evicted.extend(oldest.nonces.iter().map(|it| it.key));
                }
            }
            live.push_back(admission.clone());
        }
        let mut placed = admission.clone();
        for charge in &mut placed.charges {
            charge.key.subject = self.place(charge.key.subject);
        }
        placed.nonces.iter_mut().for_each(|nonce| nonce.key = self.place(nonce.key));
        self.model.admit(&placed).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.model.settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.model.redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let mut placed = query.clone();
        for meter in &mut placed.meters {
            meter.key.subject = self.place(meter.key.subject);
        }
        self.model.tally(&placed).await
    }
}
