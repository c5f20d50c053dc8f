//! What is set, how to change it, what cannot be set.
//!
//! [`Policy::default`](crate::Policy::default) holds NIST SP 800-63B-4 and OWASP ASVS 5.0 as they apply
//! to codes by SMS. `docs/defaults.md` lists every value with its source; a test compares the page with
//! the code.
//!
//! # Changing one value
//!
//! ```
//! use std::time::Duration;
//! use otpgate::Policy;
//! use otpgate::policy::Quota;
//!
//! let mut policy = Policy::default();
//! policy.code.life = Duration::from_secs(120);
//! policy.quotas.number = vec![Quota::hourly(3), Quota::daily(6)];
//! policy.quotas.country = vec![Quota::daily(20_000)];
//! assert!(policy.check().is_ok());
//! ```
//!
//! # What contradicts itself does not build
//!
//! ```
//! use std::time::Duration;
//! use otpgate::Policy;
//! use otpgate::policy::Quota;
//!
//! let mut policy = Policy::default();
//! policy.code.life = Duration::from_secs(601);
//! let error = policy.check().unwrap_err().to_string();
//! assert_eq!(error, "`code.life` is 601s, but must be 30 seconds to 10 minutes (NIST SP 800-63B-4 §3.1.3.2)");
//!
//! let mut policy = Policy::default();
//! policy.quotas.number = vec![Quota::hourly(8), Quota::daily(5)];
//! assert!(policy.check().is_err(), "the hour's quota could never be used up");
//!
//! let mut policy = Policy::default();
//! policy.attempts.open.max = 60; // 60 + 4 × 20 consecutive failures
//! assert!(policy.check().unwrap_err().to_string().contains("100"));
//! ```
//!
//! # One policy for each purpose
//!
//! Give a purpose its own rules with [`GateBuilder::purpose`](crate::GateBuilder::purpose); all
//! others share [`GateBuilder::policy`](crate::GateBuilder::policy). All purposes of a realm share
//! the meters of number totals, clients, blocks, countries and budgets. Each charge is judged by
//! the rule of its own purpose, so give the same quota lists to purposes that share a meter.
//!
//! # What has no default
//!
//! - **Destinations**: only you know where your customers are.
//! - **The daily budget**: it is your money. Take a few times an ordinary day; from four fifths on
//!   clients must step up.
//!
//! # What cannot be set
//!
//! - A code of fewer than six characters, or good for more than ten minutes.
//! - More than ten attempts at one verification, or more than 100 consecutive failures of one account.
//! - A resend that gives new attempts, a text during a store's outage, a text with anything but the
//!   template's fields.
//! - A source of randomness other than the operating system's.
