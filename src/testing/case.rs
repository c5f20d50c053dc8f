//! What the published suites share: [`case_type!`], the type of their cases, and [`Fault`], what
//! ends a case of a suite that directs the other side.

use std::fmt;

use super::report::{Finding, Outcome};
use super::schedule::{BoxFuture, Caught};

macro_rules! case_type {
    ($stage:ty, $fault:ty) => {
        /// One case: a sentence of the contract and the check that holds an implementation to it.
        pub struct Case {
            name: &'static str,
            clause: &'static str,
            run: fn($stage) -> $crate::testing::BoxFuture<'static, Result<(), $fault>>,
        }

        impl Case {
            /// Its name, unique in the suite.
            pub fn name(&self) -> &'static str {
                self.name
            }

            /// The sentence of the contract that it checks.
            pub fn clause(&self) -> &'static str {
                self.clause
            }
        }

        impl std::fmt::Debug for Case {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("Case")
                    .field("name", &self.name)
                    .field("clause", &self.clause)
                    .finish()
            }
        }
    };
}

pub(super) use case_type;

/// Why a case ended early, where the other side is asked to behave as `B` says.
pub(super) enum Fault<B> {
    Found(Finding),
    Skipped(B),
}

pub(super) fn found<T, B>(text: impl Into<String>) -> Result<T, Fault<B>> {
    Err(Fault::Found(Finding::new(text)))
}

pub(super) fn check<B>(holds: bool, text: &str) -> Result<(), Fault<B>> {
    if holds { Ok(()) } else { found(text) }
}

/// Runs a case; `side` is who is asked to behave.
pub(super) async fn played<B: fmt::Debug>(
    side: &str,
    run: BoxFuture<'static, Result<(), Fault<B>>>,
) -> Outcome {
    match Caught(run).await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(Fault::Found(finding))) => Outcome::Failed(finding),
        Ok(Err(Fault::Skipped(behaviour))) => {
            Outcome::Skipped(format!("the {side} cannot play {behaviour:?}"))
        }
        Err(panic) => Outcome::Failed(Finding::new(format!("panicked: {panic}"))),
    }
}
