//! Whole gates on Redis: two processes are one, and a server that goes away is an outage that ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use otpgate::store::RedisStore;
use support::redis_proxy::Proxy;
use support::redis_server::{self, RedisServer};
use support::server_clock::ServerClock;
use support::{ALICE, BOB, House, client, clocks, gates, needs_redis};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_on_one_server_are_one() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let stores = async || {
        server.say(&["FLUSHALL"]);
        let connect = async || {
            RedisStore::connect_with(&server.url(), super::calls::patient()).await.unwrap()
        };
        (connect().await, connect().await)
    };
    gates::two_gates_are_one(stores).await;
}

/// On the wire: one command for a request, one for a verification, whatever the policy charges.
#[tokio::test]
async fn a_request_and_a_verification_are_one_command_each() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let house =
        House::lab(RedisStore::connect_with(&proxy.url(), super::calls::patient()).await.unwrap());
    let _ = house.send(BOB).await;
    let names = || proxy.commands().into_iter().map(|words| words[0].clone()).collect::<Vec<_>>();
    // What came before: the questions at the start, and each script's first call.
    let before = names();
    assert!(before.len() > 1, "{before:?}");
    let grant = house.send_to(ALICE, &client(2)).await.into_grant();
    assert_eq!(names(), [b"EVALSHA".to_vec()]);
    assert!(!house.accepts_from(&grant, &house.wrong_code(), &client(2)).await);
    proxy.commands();
    assert!(house.accepts_from(&grant, &house.last_code(), &client(2)).await);
    assert_eq!(names(), [b"EVALSHA".to_vec()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_fails_closed_and_ends_by_itself() {
    needs_redis!();
    let server = Mutex::new(RedisServer::start(&["--appendonly", "yes"]));
    let url = server.lock().unwrap().url();
    let store = RedisStore::connect_with(&url, super::calls::patient()).await.unwrap();
    gates::an_outage_fails_closed_and_ends_by_itself(
        store,
        async || server.lock().unwrap().kill(),
        async || server.lock().unwrap().start_again(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_spends_nothing_twice_and_shuts_nothing() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let stores = async || {
        server.say(&["FLUSHALL"]);
        Arc::new(RedisStore::connect_with(&server.url(), super::calls::patient()).await.unwrap())
    };
    clocks::a_wrong_clock_spends_nothing_twice_and_shuts_nothing(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_with_a_wrong_clock() {
    needs_redis!();
    let Some(clock) = ServerClock::right().map(Arc::new) else { return };
    let server = RedisServer::with_clock(&clock);
    let stores = async |_| {
        clock.lead(Duration::ZERO);
        server.say(&["FLUSHALL"]);
        Arc::new(RedisStore::connect_with(&server.url(), super::calls::patient()).await.unwrap())
    };
    clocks::three_days_with_a_wrong_clock(stores, |passed| clock.lead(passed)).await;
}

#[cfg(feature = "redis-cluster")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_on_a_cluster() {
    needs_redis!();
    let cluster = redis_server::RedisCluster::start();
    let urls = cluster.urls();
    let stores = async || {
        cluster.nodes.iter().for_each(|node| drop(node.say(&["FLUSHALL"])));
        Arc::new(RedisStore::cluster_with(&urls, super::calls::patient()).await.unwrap())
    };
    clocks::a_wrong_clock_spends_nothing_twice_and_shuts_nothing(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_leading_gate_spent_stays_spent() {
    needs_redis!();
    let Some(clock) = ServerClock::right().map(Arc::new) else { return };
    let server = RedisServer::with_clock(&clock);
    let stores = async |_| {
        clock.lead(Duration::ZERO);
        server.say(&["FLUSHALL"]);
        Arc::new(RedisStore::connect_with(&server.url(), super::calls::patient()).await.unwrap())
    };
    clocks::what_a_leading_gate_spent_stays_spent(stores, async |by| clock.lead(by)).await;
}
