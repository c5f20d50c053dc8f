//! The Redis store on a three-node cluster of the test's own: the suite, a fail-over, moved slots.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::store::{
    Admitted, MeterQuery, RedisSetupError, RedisStore, StoreErrorKind, TallyQuery, Verdict,
};
use otpgate::testing::store::Suite;
use otpgate::{Pseudonym, Store};
use support::needs_redis;
use support::redis_server::RedisCluster;

use super::calls::{Sent, T0, charging, empty, meter, name, window};

/// The slot of a realm, by the server's own reckoning.
fn slot(cluster: &RedisCluster, realm: Pseudonym) -> u32 {
    let key = format!("{{{}}}e", Base64UrlUnpadded::encode_string(realm.as_bytes()));
    cluster.nodes[0].say(&["CLUSTER", "KEYSLOT", &key]).parse().unwrap()
}

fn realm_on_first(cluster: &RedisCluster) -> Pseudonym {
    std::iter::repeat_with(name).find(|realm| slot(cluster, *realm) <= 5460).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_on_a_cluster() {
    needs_redis!();
    let cluster = RedisCluster::start();
    let urls = cluster.urls();
    let make = || async { RedisStore::cluster_with(&urls, super::calls::patient()).await.unwrap() };
    Suite::new().run(make).await.assert();
    for node in &cluster.nodes {
        assert!(node.info("db0").eq(&0) && node.calls("evalsha") > 0, "every node had its realms");
    }
    // One URL is enough, and a single server's constructor says what to use.
    let store = RedisStore::cluster_with([&urls[2]], super::calls::patient()).await.unwrap();
    for _ in 0..50 {
        assert!(store.admit(&empty(name(), T0)).await.is_ok());
    }
    let error = RedisStore::connect(&urls[0]).await.unwrap_err();
    assert!(matches!(error, RedisSetupError::Mode { .. }), "{error}");
    assert!(error.to_string().contains("RedisStore::cluster"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_is_survived_and_brings_back_no_code() {
    needs_redis!();
    let mut cluster = RedisCluster::start();
    let store = RedisStore::cluster_with(cluster.urls(), super::calls::patient()).await.unwrap();
    let (realm, key) = (realm_on_first(&cluster), meter());
    let (used, fresh) = (Sent::new(), Sent::new());
    used.send(&store, realm, T0).await;
    fresh.send(&store, realm, T0).await;
    assert_eq!(cluster.nodes[0].say(&["WAIT", "1", "5000"]), "1");
    // The replica hangs and its link is cut; what follows is acknowledged and never gets there.
    let pid = cluster.replica.info("process_id").to_string();
    let signal = |name: &str| {
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    cluster.nodes[0].say(&["CLIENT", "KILL", "TYPE", "replica"]);
    let lost = 100;
    for _ in 0..lost {
        assert!(store.admit(&charging(realm, T0, key, window(1_000))).await.is_ok());
    }
    assert!(matches!(used.redeem(&store, realm, T0).await, Ok(Verdict::Accepted { .. })));
    // What bounds the loss: without a replica that keeps up the primary takes nothing more.
    cluster.nodes[0].say(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let refused = store.admit(&charging(realm, T0, key, window(1_000))).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused:?}");
    cluster.nodes[0].kill();
    let during = store.admit(&empty(realm, T0)).await.unwrap_err().kind();
    assert!(matches!(during, StoreErrorKind::Indeterminate | StoreErrorKind::Unavailable));
    signal("-CONT");
    cluster.replica.say(&["CLUSTER", "FAILOVER", "TAKEOVER"]);

    let mut query = TallyQuery::new(T0, realm);
    query.meters.push(MeterQuery { key, limit: window(1_000), cost: 0 });
    let count = loop {
        match store.tally(&query).await {
            Ok(tallies) => break tallies.meters[0].count,
            Err(error) => {
                let kind = error.kind();
                let closed =
                    matches!(kind, StoreErrorKind::Indeterminate | StoreErrorKind::Unavailable);
                assert!(closed, "{error:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    println!("fail-over: {lost} acknowledged and not replicated, {count} of them kept");
    assert_eq!(count, 0, "the bound is what was not replicated, and here that is all");
    for sent in [used, fresh] {
        assert_eq!(sent.redeem(&store, realm, T0).await.unwrap(), Verdict::Unknown);
    }
    let sent = Sent::new();
    sent.send(&store, realm, T0).await;
    assert!(matches!(sent.redeem(&store, realm, T0).await, Ok(Verdict::Accepted { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_is_followed() {
    needs_redis!();
    let cluster = RedisCluster::start();
    let store = RedisStore::cluster_with(cluster.urls(), super::calls::patient()).await.unwrap();
    let (realm, key) = (realm_on_first(&cluster), meter());
    let slot = slot(&cluster, realm).to_string();
    let ids: Vec<_> = cluster.nodes.iter().map(|node| node.say(&["CLUSTER", "MYID"])).collect();
    cluster.nodes[1].say(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
    cluster.nodes[0].say(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    let error = store.admit(&charging(realm, T0, key, window(9))).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    for node in [1, 0, 2] {
        cluster.nodes[node].say(&["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]);
    }
    for expected in 1..=3 {
        let answer = store.admit(&charging(realm, T0, key, window(9))).await.unwrap();
        let Admitted::Granted { counts, .. } = answer else { panic!("granted") };
        assert_eq!(counts, [expected]);
    }
}
