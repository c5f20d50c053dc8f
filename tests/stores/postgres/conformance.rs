//! The published conformance suite and the reference model, on a real PostgreSQL.

use otpgate::Store;
use otpgate::store::postgres::Statements;
use otpgate::store::{Admitted, Observation};
use otpgate::testing::store;
use support::postgres_server::Shared;

use super::calls::{HOUR, NOON, admission, charge, hourly, meter, ready};

static SERVER: Shared = Shared::new();

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_within_a_task() {
    let Some((_server, store)) = ready(&SERVER).await else { return };
    store::conformance(|| async { store.clone() }).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_on_threads() {
    let Some((_server, store)) = ready(&SERVER).await else { return };
    let store = store.with_statements(Statements::Named);
    let spawn = |racer| drop(tokio::spawn(racer));
    store::Suite::new().seed(7).spawn(spawn).run(|| async { store.clone() }).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equivalence_to_the_reference_model() {
    let Some((_server, store)) = ready(&SERVER).await else { return };
    for seed in 0..8 {
        store::equivalence(|| async { store.clone() }, seed, 150).await.assert();
    }
}

/// Observations are charged in the step that checks charges, and no count is too much for them.
#[tokio::test]
async fn nothing_observed_is_refused() {
    let Some((_server, store)) = ready(&SERVER).await else { return };
    for number in 0..3 {
        let mut call = admission(number, NOON, vec![charge(meter(b'x', 1), hourly(9))]);
        call.observe = vec![Observation { key: meter(b'x', 2), span_ms: HOUR, units: u64::MAX }];
        let answer = store.admit(&call).await.unwrap();
        assert!(matches!(answer, Admitted::Granted { .. }), "{answer:?}");
    }
}

/// Everything that homes share is charged ahead as soon as it is busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_of_four_processes() {
    let Some((_server, store)) = ready(&SERVER).await else { return };
    let store = store.with_processes(4);
    store::conformance(|| async { store.clone() }).await.assert();
    let spawn = |racer| drop(tokio::spawn(racer));
    let suite = store::Suite::new().seed(9).spawn(spawn);
    suite.run(|| async { store.clone() }).await.assert();
    store::equivalence(|| async { store.clone() }, 21, 300).await.assert();
}
