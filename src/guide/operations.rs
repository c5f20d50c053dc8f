//! Keys, alarms, incidents, roll-out. `docs/operations.md` is the runbook, with the reasons; this page
//! is its code.
//!
//! # Rotating the key
//!
//! The new key signs; the old one verifies until its end. The index key is the deployment's first key
//! and stays, in the ring and in the secret manager, when that key no longer verifies anything.
//!
//! ```
//! use otpgate::{Clock, KeyId, KeyRing, Pepper, RETIRED_KEY_LIFE, SystemClock};
//! # fn secret(_: &str) -> Result<Pepper, otpgate::EntropyError> {
//! #     Pepper::generate(&otpgate::SystemEntropy)
//! # }
//!
//! let retired = SystemClock::new().now(); // when the new key came into use, from your deployment
//! let keys = KeyRing::new(KeyId(3), secret("otpgate-3")?)
//!     .retire(KeyId(2), secret("otpgate-2")?, retired + RETIRED_KEY_LIFE)
//!     .index(secret("otpgate-1")?); // the first: never delete it
//! assert_eq!(keys.current(), KeyId(3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Hearing what happens
//!
//! ```
//! use otpgate::{EventKind, QueuedObserver};
//!
//! let (observer, events) = QueuedObserver::bounded(10_000);
//! // Gate::builder()… .observer(observer)
//! let reader = std::thread::spawn(move || {
//!     for event in events {
//!         match event.kind {
//!             EventKind::BudgetTier { percent: 100, .. } => eprintln!("page: {event:?}"),
//!             EventKind::BudgetTier { step_up: true, .. } => eprintln!("page: {event:?}"),
//!             EventKind::GuessSpraying { .. } | EventKind::Outage { .. } => eprintln!("page: {event:?}"),
//!             EventKind::Pumping { alert } => eprintln!("look: {alert}"),
//!             _ => {} // count them: sent, refused, rejected …
//!         }
//!     }
//! });
//! # drop(observer);
//! # reader.join().unwrap();
//! ```
//!
//! An event holds no number and no code, so you can log it as it is. `docs/operations-reference.md`
//! says what each one means. The features `metrics` and `tracing` turn events into counters and spans
//! (`docs/telemetry.md`), `console` into a page for whoever is on call (`docs/console.md`).
//!
//! # The operator's hand
//!
//! ```
//! use std::time::Duration;
//! use otpgate::access::{Actor, Effect, Reason, Target};
//! # use otpgate::{Gate, KeyRing, Money, Region};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let gate = Gate::builder()
//! #     .keys(KeyRing::generate()?)
//! #     .store(otpgate::store::MemoryStore::default())
//! #     .transport(otpgate::transport::ConsoleTransport::to(Vec::new()))
//! #     .brand("Example")
//! #     .countries([Region::DE])
//! #     .daily_budget(Money::dollars(50))
//! #     .build()?;
//!
//! let now = gate.snapshot().await?; // what is going on
//! println!("{} of {} spent, {} sent this hour", now.spent, now.daily_budget, now.sent);
//! for country in &now.countries {
//!     println!("{}: {} sent, {:?} % converted", country.region, country.sent, country.conversion_percent());
//! }
//!
//! let controls = gate.controls(); // and what to do about it
//! let id = controls
//!     .enter(
//!         Target::Prefix("+4915112".parse()?),
//!         Effect::Block,
//!         Reason::new("pumping since 02:40, ticket 4711")?,
//!         Actor::new("ada")?,
//!         Some(controls.now() + Duration::from_secs(6 * 3_600)),
//!     )
//!     .await?;
//! assert_eq!(gate.snapshot().await?.controls.len(), 1);
//! controls.lift(id, &Actor::new("ada")?).await?;
//! assert!(controls.list().await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Every gate on the same store obeys from its next request on.
//!
//! # Rolling out in shadow
//!
//! Let the gate decide, record and send all the same, for one country or purpose at a time:
//!
//! ```
//! use otpgate::policy::Mode;
//! use otpgate::{Policy, Purpose, Region};
//!
//! let mut policy = Policy::default();
//! policy.mode.general = Mode::Observe;
//! policy.mode.countries.insert(Region::DE, Mode::Enforce);
//! assert_eq!(policy.mode.of(&Purpose::SIGN_UP, Some(Region::DE)), Mode::Enforce);
//! assert_eq!(policy.mode.of(&Purpose::SIGN_UP, Some(Region::AT)), Mode::Observe);
//! ```
//!
//! A text that would have been refused raises
//! [`EventKind::WouldRefuse`](crate::EventKind::WouldRefuse).
