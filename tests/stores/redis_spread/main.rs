//! One deployment over six nodes. Besides the tests of its own, A1 to A4, A18, A19 and A28: the scenarios as they
//! are, on another store, whose number of partitions changes meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects, unreachable_pub)]
#![allow(dead_code, reason = "the scenarios bring more than is used here")]

#[path = "../../scenarios/a01_double_consume.rs"]
mod a01_double_consume;
#[path = "../../scenarios/a02_limit_overrun.rs"]
mod a02_limit_overrun;
#[path = "../../scenarios/a03_resend_resets.rs"]
mod a03_resend_resets;
#[path = "../../scenarios/a04_send_burst.rs"]
mod a04_send_burst;
#[path = "../../scenarios/a18_clock_games.rs"]
mod a18_clock_games;
#[path = "../../scenarios/a19_token_abuse.rs"]
mod a19_token_abuse;
#[path = "../redis/calls.rs"]
mod calls;
mod change;
#[path = "../../scenarios/human_once.rs"]
mod human_once;
mod spread;
#[path = "../../scenarios/step_up.rs"]
mod step_up;

/// What the scenarios are made of, but for the stores.
mod support {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    use async_trait::async_trait;
    use otpgate::store::{
        Admission, Admitted, Redeemed, Redemption, RedisOptions, RedisStore, Settlement,
        StoreError, Tallies, TallyQuery,
    };
    use otpgate::testing::Latency;
    use otpgate::{Entropy, Pseudonym, Store, SystemEntropy, Timestamp};

    use ::support::redis_server::SixNodes;
    pub(crate) use ::support::*;

    /// Redis counts milliseconds in doubles: up to the year 287 396.
    pub(crate) const LATEST: u64 = 9_000_000_000_000;

    /// How many calls are made before a change: a race is under way by then.
    const CALLS_BEFORE: u32 = 12;

    /// A deployment of its own on nodes that the tests running now share.
    #[derive(Debug)]
    pub(crate) struct Spread {
        /// Connected by the first call, as the scenarios ask for a store outside of any.
        store: tokio::sync::OnceCell<RedisStore>,
        realm: Pseudonym,
        nodes: Nodes,
        partitions: u16,
        /// Into how many partitions it is changed in the midst of what is done.
        changed: Option<u16>,
        calls: AtomicU32,
    }

    struct Nodes(Arc<SixNodes>);

    impl std::fmt::Debug for Nodes {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("six nodes")
        }
    }

    static RUNNING: Mutex<Weak<SixNodes>> = Mutex::new(Weak::new());

    fn nodes() -> Arc<SixNodes> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let nodes = Arc::new(SixNodes::start(6));
            *running = Arc::downgrade(&nodes);
            nodes
        })
    }

    /// `None` if no server is installed.
    fn spread(partitions: u16, changed: Option<u16>) -> Option<Spread> {
        if !::support::redis_server::available() {
            return None;
        }
        let nodes = nodes();
        let mut realm = [0; 16];
        SystemEntropy.fill(&mut realm).unwrap();
        let (store, realm) = (tokio::sync::OnceCell::new(), Pseudonym::from_bytes(realm));
        let (nodes, calls) = (Nodes(nodes), AtomicU32::new(0));
        Some(Spread { store, realm, nodes, partitions, changed, calls })
    }

    impl Spread {
        async fn store(&self) -> &RedisStore {
            let options = RedisOptions { partitions: self.partitions, ..crate::calls::patient() };
            let connect =
                async || RedisStore::cluster_with(self.nodes.0.urls(), options).await.unwrap();
            self.store.get_or_init(connect).await
        }

        /// The store, once this call has changed it if it is its turn.
        async fn at(&self, now: Timestamp) -> Result<&RedisStore, StoreError> {
            let store = self.store().await;
            let calls = self.calls.fetch_add(1, Ordering::Relaxed);
            if let Some(to) = self.changed
                && calls == CALLS_BEFORE
            {
                store.repartition(self.realm, to, now).await?;
            }
            Ok(store)
        }
    }

    pub(crate) fn slow_stores(seed: u64) -> Vec<(&'static str, Box<dyn Store>)> {
        let ways = [
            ("spread", 6, None),
            ("1 to 6 in the midst", 1, Some(6)),
            ("6 to 3 in the midst", 6, Some(3)),
            ("6 to 1 in the midst", 6, Some(1)),
        ];
        let stores = ways.into_iter().filter_map(|(said, partitions, changed)| {
            let store = spread(partitions, changed)?;
            Some((said, Box::new(Latency::new(store, 3, seed)) as Box<dyn Store>))
        });
        stores.collect()
    }

    pub(crate) fn small() -> Box<dyn Store> {
        spread(6, None).map_or_else(
            || Box::new(Latency::new(memory(), 3, 0x51ed)) as Box<dyn Store>,
            |store| Box::new(store) as Box<dyn Store>,
        )
    }

    #[async_trait]
    impl Store for Spread {
        async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
            let mut admission = admission.clone();
            admission.realm = self.realm;
            self.at(admission.now).await?.admit(&admission).await
        }

        async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
            let mut settlement = settlement.clone();
            settlement.realm = self.realm;
            self.at(settlement.now).await?.settle(&settlement).await
        }

        async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
            let mut redemption = redemption.clone();
            redemption.realm = self.realm;
            self.at(redemption.now).await?.redeem(&redemption).await
        }

        async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
            let mut query = query.clone();
            query.realm = self.realm;
            self.at(query.now).await?.tally(&query).await
        }
    }
}
