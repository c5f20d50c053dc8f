//! The published conformance suite and the reference model, on a real PostgreSQL.

#![cfg(all(feature = "postgres", feature = "testing"))]

#[path = "support/postgres_server.rs"]
mod postgres_server;

use std::sync::Arc;

use otpgate::store::PostgresStore;
use otpgate::store::postgres::Statements;
use otpgate::testing::store;

/// A server, and a store on it that is migrated.
async fn ready() -> Option<(Arc<postgres_server::PostgresServer>, PostgresStore)> {
    let server = postgres_server::shared()?;
    let store = PostgresStore::connect(&server.url()).await.expect("the server is reachable");
    store.migrate().await.expect("the migrations apply");
    Some((server, store))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_within_a_task() {
    let Some((_server, store)) = ready().await else { return };
    store::conformance(|| async { store.clone() }).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_on_threads() {
    let Some((_server, store)) = ready().await else { return };
    let store = store.with_statements(Statements::Named);
    let spawn = |racer| drop(tokio::spawn(racer));
    store::Suite::new().seed(7).spawn(spawn).run(|| async { store.clone() }).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equivalence_to_the_reference_model() {
    let Some((_server, store)) = ready().await else { return };
    for seed in 0..8 {
        store::equivalence(|| async { store.clone() }, seed, 150).await.assert();
    }
}
