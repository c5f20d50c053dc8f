//! One deployment over six nodes. Besides the tests of its own, A1 to A4 and A19: the scenarios as they
//! are, on another store.

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
#[path = "../../scenarios/a19_token_abuse.rs"]
mod a19_token_abuse;
#[path = "../redis/calls.rs"]
mod calls;
mod spread;
#[path = "../../scenarios/step_up.rs"]
mod step_up;

/// What the scenarios are made of, but for the stores.
mod support {
    use std::sync::{Arc, Mutex, PoisonError, Weak};
    use std::time::Duration;

    use async_trait::async_trait;
    use otpgate::store::{
        Admission, Admitted, Redeemed, Redemption, RedisOptions, RedisStore, Settlement,
        StoreError, Tallies, TallyQuery,
    };
    use otpgate::testing::Latency;
    use otpgate::{Entropy, Pseudonym, Store, SystemEntropy};

    use ::support::redis_server::SixNodes;
    pub(crate) use ::support::*;

    /// A deployment of its own on nodes that the tests running now share.
    #[derive(Debug)]
    pub(crate) struct Spread {
        /// Connected by the first call, as the scenarios ask for a store outside of any.
        store: tokio::sync::OnceCell<RedisStore>,
        realm: Pseudonym,
        nodes: Nodes,
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
    fn spread() -> Option<Spread> {
        if !::support::redis_server::available() {
            return None;
        }
        let nodes = nodes();
        let mut realm = [0; 16];
        SystemEntropy.fill(&mut realm).unwrap();
        let (store, realm) = (tokio::sync::OnceCell::new(), Pseudonym::from_bytes(realm));
        Some(Spread { store, realm, nodes: Nodes(nodes) })
    }

    impl Spread {
        async fn store(&self) -> &RedisStore {
            let options = RedisOptions {
                partitions: 6,
                response_timeout: Duration::from_secs(5),
                ..RedisOptions::default()
            };
            let connect =
                async || RedisStore::cluster_with(self.nodes.0.urls(), options).await.unwrap();
            self.store.get_or_init(connect).await
        }
    }

    pub(crate) fn slow_stores(_: u64) -> Vec<(&'static str, Box<dyn Store>)> {
        spread().map(|store| ("spread", Box::new(store) as Box<dyn Store>)).into_iter().collect()
    }

    pub(crate) fn small() -> Box<dyn Store> {
        spread().map_or_else(
            || Box::new(Latency::new(memory(), 3, 0x51ed)) as Box<dyn Store>,
            |store| Box::new(store) as Box<dyn Store>,
        )
    }

    #[async_trait]
    impl Store for Spread {
        async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
            let mut admission = admission.clone();
            admission.realm = self.realm;
            self.store().await.admit(&admission).await
        }

        async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
            let mut settlement = settlement.clone();
            settlement.realm = self.realm;
            self.store().await.settle(&settlement).await
        }

        async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
            let mut redemption = redemption.clone();
            redemption.realm = self.realm;
            self.store().await.redeem(&redemption).await
        }

        async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
            let mut query = query.clone();
            query.realm = self.realm;
            self.store().await.tally(&query).await
        }
    }
}
