//! Your own storage.
//!
//! A [`Store`](crate::Store) is four verbs: `admit`, `settle`, `redeem`, `tally`. The contract is
//! in [`store`](crate::store), and what each limit means to the millisecond in
//! [`Limit`](crate::limit::Limit). For a backend in another language `docs/store-protocol.md` has
//! it all on one page, with worked numbers. If the backend can say that it would lose state (a
//! read-only standby, a setting), say so in [`ready`](crate::Store::ready), which has a default.
//!
//! # Before the first line
//!
//! Ask whether the backend can *check several counters and then change them, as one step*. A script on the
//! server (Redis), a transaction with locked rows (SQL), a lock in the process, a conditional write of one
//! record: yes. `GET`, decide, `SET`: no, however quick. Measured with a store that takes 300 µs, a library
//! built on get and set let all of 200 parallel guesses through a limit of 3.
//!
//! # What Rust gives you
//!
//! [`Meter`](crate::limit::Meter) is the arithmetic of every limit without a clock or a store, and
//! [`Ledger`](crate::limit::Ledger) packs all meters and marks of one subject into a few bytes. A store
//! that keeps one blob for each subject needs to do no arithmetic itself:
//!
//! ```
//! use otpgate::limit::{Ledger, Limit, Meter};
//! use otpgate::Timestamp;
//!
//! let limit = Limit::Window { max: 2, span_ms: 3_600_000 };
//! let now = Timestamp::from_millis(7_200_000);
//! let mut meter = Meter::fresh(&limit);
//! assert_eq!(meter.wait(&limit, now, 1), None); // fits: check everything first …
//! assert_eq!(meter.charge(&limit, now, 1), Ok(1)); // … then charge everything
//! assert_eq!(meter.charge(&limit, now, 1), Ok(2));
//! assert!(meter.wait(&limit, now, 1).is_some());
//!
//! let blob = Ledger::default().to_bytes();
//! assert!(Ledger::from_bytes(&blob).is_some());
//! ```
//!
//! # The order of work
//!
//! 1. `admit` for charges alone; then nonces, observations, the challenge, guards and documents, the
//!    journal.
//! 2. `redeem`; then `settle`; `tally` last.
//! 3. Repeated identifiers: remember a granted admission until its `remember`, and for each challenge the
//!    last redemption with its answer.
//! 4. Garbage collection: [`GRACE`](crate::store::GRACE) after each deadline, never before, never by the
//!    backend's own idea of what is unused.
//! 5. Meters dated ahead: call [`Meter::heal`](crate::limit::Meter::heal) before anything else, and
//!    keep its result even if the call is refused. Without it one wrong clock shuts a meter until
//!    its date.
//! 6. A hard cap. When it is reached: drop what has expired, then answer
//!    [`Full`](crate::store::StoreErrorKind::Full). Never evict.
//!
//! Copy from `examples/custom_store`: a host's own store in seven hundred lines, which runs the
//! suite below on itself. The shortest to read is `otpgate::testing::ModelStore`: one lock over
//! everything, an admission tried on a copy.
//!
//! # Three lines decide
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! # use otpgate::testing::{ModelStore as MyStore, block_on};
//! # block_on(async {
//! let report = otpgate::testing::store::conformance(|| async { MyStore::new() }).await;
//! report.assert();
//! # });
//! ```
//!
//! The suite is the definition of a correct store. Each case names the sentence of the contract it holds
//! you to. Three more are run apart: `otpgate::testing::store::capacity`, for a store with a hard cap, and
//! these two:
//!
#![cfg_attr(feature = "testing", doc = "```no_run")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! # use otpgate::testing::ModelStore as MyStore;
//! use otpgate::testing::store::{Suite, equivalence};
//! # async fn check() {
//! // On real threads, for a store that works within one poll.
//! let spawn = |racer| drop(tokio::spawn(racer));
//! Suite::new().spawn(spawn).run(|| async { MyStore::new() }).await.assert();
//!
//! // Random histories, answer for answer the same as the reference model.
//! equivalence(|| async { MyStore::new() }, 1, 1_000).await.assert();
//! # }
//! ```
//!
//! The suite cannot see durability, fail-over, replica lag, or whether the backend's own expiry
//! respects the grace. Say in your documentation what holds there.
//!
//! # Errors
//!
//! | kind | when | what the gate does |
//! |---|---|---|
//! | [`Unavailable`](crate::store::StoreErrorKind::Unavailable) | the call surely did not take effect | refuses, reports an outage |
//! | [`Indeterminate`](crate::store::StoreErrorKind::Indeterminate) | it may have: a time-out, a cut connection | repeats it once under the same identifier |
//! | [`Full`](crate::store::StoreErrorKind::Full) | everything held is live | refuses new work |
//! | [`Clock`](crate::store::StoreErrorKind::Clock) | `now` is further from the store's clock than the call's [`ClockCheck`](crate::store::ClockCheck) allows | refuses until the clocks agree |
//! | [`Corrupt`](crate::store::StoreErrorKind::Corrupt) | something cannot be read | refuses; an operator has to look |
//!
//! When in doubt, `Indeterminate`.
