//! The conformance suite on the stores of this crate.

use std::collections::BTreeSet;

use otpgate::testing::store::{Suite, cases, conformance, equivalence};
use otpgate::testing::{BoxFuture, Latency, ModelStore, block_on};

#[test]
fn the_model_conforms() {
    block_on(conformance(|| async { ModelStore::new() })).assert();
}

#[test]
fn the_model_conforms_under_latency_and_other_seeds() {
    for seed in 1..=3 {
        let make = || async { Latency::new(ModelStore::new(), 5, seed) };
        block_on(Suite::new().seed(seed).run(make)).assert();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_model_conforms_on_threads() {
    let spawn = |racer: BoxFuture<'static, ()>| drop(tokio::spawn(racer));
    Suite::new().spawn(spawn).run(|| async { ModelStore::new() }).await.assert();
}

#[test]
fn the_model_is_equivalent_to_itself() {
    for seed in 0..20 {
        block_on(equivalence(|| async { ModelStore::new() }, seed, 300)).assert();
    }
}

#[test]
fn one_backend_serves_all_cases() {
    let shared = ModelStore::new();
    block_on(conformance(|| async { shared.clone() })).assert();
}

#[test]
fn names_are_unique_and_every_case_names_its_clause() {
    let names: BTreeSet<_> = cases().map(|case| case.name()).collect();
    assert_eq!(names.len(), cases().count());
    assert!(cases().all(|case| case.clause().len() > 20));
    assert!(names.len() >= 90, "{} cases", names.len());
}

#[cfg(feature = "memory")]
mod memory {
    use otpgate::store::MemoryStore;
    use otpgate::testing::store::capacity;

    use super::*;

    #[test]
    fn the_memory_store_conforms() {
        block_on(conformance(|| async { MemoryStore::new() })).assert();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_memory_store_conforms_on_threads() {
        for seed in 0..5 {
            let spawn = |racer: BoxFuture<'static, ()>| drop(tokio::spawn(racer));
            let suite = Suite::new().seed(seed).spawn(spawn);
            suite.run(|| async { MemoryStore::new() }).await.assert();
        }
    }

    #[test]
    fn the_memory_store_is_equivalent_to_the_model() {
        for seed in 0..40 {
            block_on(equivalence(|| async { MemoryStore::new() }, seed, 300)).assert();
        }
    }

    #[test]
    fn the_memory_store_is_bounded() {
        let make = || async { MemoryStore::builder().capacity(2_000).build() };
        block_on(capacity(make, 2_000)).assert();
    }
}
