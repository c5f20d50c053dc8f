//! The Redis store passes the suite that defines a correct store, on a real server, with latency,
//! and does what the reference model does.

use otpgate::store::RedisStore;
use otpgate::testing::store::Suite;
use support::needs_redis;
use support::redis_server::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_within_one_task() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let url = server.url();
    let report = Suite::new()
        .run(|| async { RedisStore::connect_with(&url, super::calls::patient()).await.unwrap() })
        .await;
    report.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_with_racers_on_threads() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let url = server.url();
    let spawn = |racer| drop(tokio::spawn(racer));
    let make = || async { RedisStore::connect_with(&url, super::calls::patient()).await.unwrap() };
    Suite::new().spawn(spawn).run(make).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equivalence_with_the_reference_model() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let url = server.url();
    for seed in 0..8 {
        let make =
            || async { RedisStore::connect_with(&url, super::calls::patient()).await.unwrap() };
        otpgate::testing::store::equivalence(make, seed, 400).await.assert();
    }
}
