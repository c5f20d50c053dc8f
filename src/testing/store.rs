//! The conformance suite of [`Store`]: the definition of a correct store, listed as data.
//!
//! # Use
//!
//! ```
//! # use otpgate::testing::{ModelStore as MyStore, block_on, store};
//! # block_on(async {
//! let report = otpgate::testing::store::conformance(|| async { MyStore::new() }).await;
//! report.assert();
//! # });
//! ```
//!
//! The closure makes an empty store for each case. A store with a shared backend need not clean it:
//! every case works in realms of its own that were drawn from the operating system's generator.
//!
//! Three more checks are run apart, because they need more time or more knowledge of the store:
//! [`equivalence`] plays random histories against the [`ModelStore`](super::ModelStore),
//! [`capacity`] fills a store that has a hard cap, and [`Suite::spawn`] races on real threads.
//!
//! # Races
//!
//! Racers are polled within the caller's task, in an order drawn from a seed, and give way before
//! and after each call. That finds every race of a store that awaits a backend between its reading
//! and its writing. A store that does all its work within one poll can only be raced by threads:
//! hand [`Suite::spawn`] the `spawn` of a multi-thread runtime.
//!
//! ```no_run
//! # use otpgate::testing::{ModelStore as MyStore, store::Suite};
//! # async fn check() {
//! let spawn = |racer| drop(tokio::spawn(racer));
//! Suite::new().spawn(spawn).run(|| async { MyStore::new() }).await.assert();
//! # }
//! ```
//!
//! # What it does not see
//!
//! Durability, fail-over and replication lag are the backend's; a store's documentation says what
//! it promises there. That a backend's own expiry leaves at least [`GRACE`](crate::store::GRACE) is
//! seen only in part: the suite runs within seconds of real time.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "sums of small constants; one that overflows fails its case as a panic"
)]

mod admission;
mod ahead;
mod bench;
mod capacity;
mod challenge;
mod equivalence;
mod homes;
mod journal;
mod limits;
mod race;
mod redemption;
mod repeat;
mod scale;
mod settlement;
mod skew;
mod step;
mod time;

use std::future::Future;
use std::sync::Arc;

use crate::Store;

use super::case::case_type;
use super::prng::Prng;
use super::report::{Finding, Line, Outcome, Report};
use super::schedule::{BoxFuture, Caught};

use bench::{Bench, Racers};

pub use capacity::capacity;
pub use equivalence::{Script, equivalence};
pub use step::Step;

/// Runs every case on stores made by `make`, races within the caller's task.
///
/// See the [module](self) for the use and its limits.
pub async fn conformance<F, Fut, S>(make: F) -> Report
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    Suite::new().run(make).await
}

/// Every case, in the order in which they are run.
///
/// ```
/// let names: Vec<_> = otpgate::testing::store::cases().map(|case| case.name()).collect();
/// assert!(names.contains(&"one_winner_consumes"));
/// ```
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        limits::CASES,
        admission::CASES,
        challenge::CASES,
        redemption::CASES,
        settlement::CASES,
        repeat::CASES,
        journal::CASES,
        time::CASES,
        skew::CASES,
        ahead::CASES,
        race::CASES,
        scale::CASES,
        homes::CASES,
    ]
    .into_iter()
    .flatten()
}

case_type!(Bench, Finding);

/// A run of the suite with other than the usual settings.
#[derive(Debug, Default)]
pub struct Suite {
    seed: u64,
    racers: Racers,
    only: Option<String>,
}

impl Suite {
    /// The usual settings: seed 0, races within the caller's task, every case.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws interleavings and amounts from another seed. Names are fresh in every run all the same.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs racers by `spawn`, on as many threads as it has. A runtime's `spawn` does.
    #[must_use]
    pub fn spawn(mut self, spawn: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) -> Self {
        self.racers = Racers::Spawned(Arc::new(spawn));
        self
    }

    /// Runs only cases whose name contains `part`.
    #[must_use]
    pub fn only(mut self, part: impl Into<String>) -> Self {
        self.only = Some(part.into());
        self
    }

    /// Runs the cases on stores made by `make`, one for each case.
    pub async fn run<F, Fut, S>(self, make: F) -> Report
    where
        F: Fn() -> Fut,
        Fut: Future<Output = S>,
        S: Store,
    {
        let mut lines = Vec::new();
        let wanted = |case: &&Case| self.only.as_ref().is_none_or(|part| case.name.contains(part));
        for case in cases().filter(wanted) {
            let store: Arc<dyn Store> = Arc::new(make().await);
            let seeds = Prng::new(self.seed ^ fingerprint(case.name));
            let outcome = match Bench::new(store, seeds, self.racers.clone()) {
                Err(finding) => Outcome::Failed(finding),
                Ok(bench) => match Caught((case.run)(bench)).await {
                    Ok(Ok(())) => Outcome::Passed,
                    Ok(Err(finding)) => Outcome::Failed(finding),
                    Err(panic) => Outcome::Failed(Finding::new(format!("panicked: {panic}"))),
                },
            };
            lines.push(Line { case: case.name, clause: case.clause, outcome });
        }
        Report { seed: self.seed, lines }
    }
}

/// FNV-1a, so that a case draws the same numbers whatever other cases there are.
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Lists a case: the function's name is the case's.
macro_rules! case {
    ($run:ident, $clause:literal) => {
        $crate::testing::store::Case {
            name: stringify!($run),
            clause: $clause,
            run: |bench| Box::pin($run(bench)),
        }
    };
}
pub(crate) use case;
