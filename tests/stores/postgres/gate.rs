//! Whole gates on PostgreSQL: two processes are one, and a server that goes away is an outage that
//! ends.

use std::sync::Arc;
use std::time::Duration;

use otpgate::Timestamp;
use otpgate::store::PostgresStore;
use support::postgres_server::{self, PostgresServer};
use support::server_clock::ServerClock;
use support::{clocks, gates};

/// A store on the tables of `server`, which are emptied.
async fn fresh(server: &PostgresServer) -> PostgresStore {
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let tables = "truncate otpgate.subject, otpgate.once, otpgate.challenge, otpgate.document, \
                  otpgate.journal, otpgate.entry";
    let emptied = server.client("psql").args(["-q", "-c", tables, "postgres"]).status().unwrap();
    assert!(emptied.success());
    store
}

/// Whether each call charges busy rows itself, or two processes charge them ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_on_one_database_are_one() {
    let Some(server) = postgres_server::start(&[]) else { return };
    for processes in [1, 2] {
        let stores = async || {
            let one = fresh(&server).await;
            let two = PostgresStore::connect(&server.url()).await.unwrap();
            (one.with_processes(processes), two.with_processes(processes))
        };
        gates::two_gates_are_one(stores).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_fails_closed_and_ends_by_itself() {
    let Some(server) = postgres_server::start(&[]) else { return };
    gates::an_outage_fails_closed_and_ends_by_itself(
        fresh(&server).await,
        async || server.kill(),
        async || server.restart(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_spends_nothing_twice_and_shuts_nothing() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let stores = async || Arc::new(fresh(&server).await);
    clocks::a_wrong_clock_spends_nothing_twice_and_shuts_nothing(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_with_a_wrong_clock() {
    let Some(clock) = ServerClock::right().map(Arc::new) else { return };
    let Some(server) = postgres_server::with_clock(&clock) else { return };
    let stores = async |_| {
        clock.lead(Duration::ZERO);
        Arc::new(fresh(&server).await)
    };
    clocks::three_days_with_a_wrong_clock(stores, |passed| clock.lead(passed)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_leading_gate_spent_stays_spent() {
    let Some(clock) = ServerClock::right().map(Arc::new) else { return };
    let Some(server) = postgres_server::with_clock(&clock) else { return };
    let stores = async |_| {
        clock.lead(Duration::ZERO);
        Arc::new(fresh(&server).await)
    };
    let passed = async |by| {
        clock.lead(by);
        let store = PostgresStore::connect(&server.url()).await.unwrap();
        store.remove_expired(Timestamp::MAX, 1_000).await.unwrap();
    };
    clocks::what_a_leading_gate_spent_stays_spent(stores, passed).await;
}
