//! What tests of a host, a store or a transport need: a manual clock, faults, a model, suites.
//!
//! | you test | you take |
//! |---|---|
//! | a host application | [`ManualClock`], [`SeededEntropy`], [`ScriptedTransport`] |
//! | a host when its store fails | the wrappers of [`faults`] around a [`ModelStore`] |
//! | your own [`Store`](crate::Store) | [`store::conformance`], [`store::equivalence`] |
//! | your own [`SmsTransport`](crate::SmsTransport) | [`transport::conformance`] |
//! | your own [`HumanCheck`](crate::human::HumanCheck) | [`human::conformance`] |
//! | that nothing leaks | [`secrets::Needles`] |
//!
//! # A host by the manual clock
//!
//! Give the clock to the gate *and* to the store, which holds each call's time to its own:
//!
//! ```
//! use std::time::Duration;
//! use otpgate::store::MemoryStore;
//! use otpgate::testing::{ManualClock, ScriptedTransport};
//! use otpgate::{Gate, KeyRing, Money, Region};
//!
//! let clock = ManualClock::default();
//! let (transport, texts) = ScriptedTransport::new();
//! let gate = Gate::builder()
//!     .keys(KeyRing::generate()?)
//!     .store(MemoryStore::builder().clock(clock.clone()).build())
//!     .clock(clock.clone())
//!     .transport(transport)
//!     .brand("Example")
//!     .countries([Region::DE])
//!     .daily_budget(Money::dollars(50))
//!     .build()?;
//! clock.advance(Duration::from_secs(30)); // in place of sleeping
//! assert_eq!(texts.last_code(), None); // after a send: what the phone shows
//! # drop(gate);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Spread the numbers of a test: texts that nobody answers, to numbers of one block, are what the
//! detector is for.
//!
//! # A store in three lines
//!
//! ```
//! # use otpgate::testing::{ModelStore as MyStore, block_on};
//! # block_on(async {
//! let report = otpgate::testing::store::conformance(|| async { MyStore::new() }).await;
//! report.assert();
//! # });
//! ```
//!
//! # Nothing here belongs into production
//!
//! The module exists behind the feature `testing`, which changes nothing else. Name it under
//! `[dev-dependencies]` only: [`SeededEntropy`] makes codes that anybody with the seed can compute,
//! and [`ScriptedTransport`] keeps every text it was handed.

mod case;
mod clock;
mod entropy;
pub mod faults;
pub mod human;
mod model;
mod prng;
mod report;
mod schedule;
mod scripted;
pub mod secrets;
pub mod store;
pub mod transport;

pub use clock::ManualClock;
pub use entropy::{FailingEntropy, SeededEntropy};
pub use faults::{Calls, Counting, FailNth, Latency, LoseAck, Rewind, Rollback, StaleRead, Verb};
pub use model::{ModelStore, Snapshot};
pub use report::{Finding, Line, Outcome, Report};
#[cfg(test)]
pub(crate) use schedule::polled;
pub use schedule::{BoxFuture, Pause, block_on, pause, pauses};
pub use scripted::{Reply, ScriptedTransport, SentText, TransportHandle};

#[cfg(test)]
mod tests {
    /// The library's own tests come first, so that a plain `cargo test` ends here, before it leaves
    /// out most tests and fails at the examples in the documentation.
    #[test]
    #[allow(
        clippy::assertions_on_constants,
        reason = "what cargo was asked to build is the question"
    )]
    fn the_tests_run_with_the_feature() {
        assert!(cfg!(feature = "testing"), "run `cargo test --features testing`");
    }
}
