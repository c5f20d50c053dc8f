//! The front-end dynamic token: proof that the page was served recently, to this session, for the
//! number that was typed.
//!
//! The gate hands the page a [`SendTicket`]; the page answers it with a [`TokenProof`] that binds the
//! typed number and holds as much SHA-256 work as the ticket asks for; [`TokenProof::check`] turns
//! it into a [`CheckedToken`], which is spent with everything else that counts. Native clients call
//! [`answer`]; browsers follow `docs/token-format.md`.
//!
//! A token raises the cost of automation: for every message a bot must load the page, keep its
//! session and address, wait as long as a person needs, and do the work that the risk calls for. It
//! authenticates nobody and replaces no limit.
//!
//! ```
//! use otpgate::token::{self, Scope, SendTicket, TicketTerms, TokenProof};
//! use otpgate::{KeyRing, SystemEntropy, Timestamp};
//! use std::time::Duration;
//!
//! let keys = KeyRing::generate()?;
//! let scope = Scope {
//!     realm: "shop",
//!     purpose: "sign-up",
//!     origin: "https://shop.example",
//!     session: "5f2b",
//!     client: b"203.0.113.7/32",
//! };
//! let served = Timestamp::from_millis(1_800_000_000_000);
//! let ticket = SendTicket::issue(&scope, TicketTerms::default(), &keys, &SystemEntropy, served)?;
//!
//! let proof = ticket.answer("0151 123 456 78")?; // in the browser
//!
//! let posted = served + Duration::from_secs(20);
//! let token = TokenProof::parse(&proof)?.check(&scope, "015112345678", &keys, posted)?;
//! assert_eq!(token.expires(), ticket.expires());
//!
//! let other = TokenProof::parse(&proof)?.check(&scope, "015112345679", &keys, posted);
//! assert!(other.is_err(), "the proof is for the number that was typed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod error;
mod proof;
mod scope;
mod terms;
mod ticket;
mod work;

pub use answer::{AnswerError, answer, answer_within};
pub use error::TokenError;
pub use proof::{CheckedToken, TokenProof};
pub use scope::Scope;
pub use terms::{HumanTime, TermsError, TicketLevel, TicketTerms, TicketTtl, WorkBits};
pub use ticket::SendTicket;
pub use work::reduce;

#[cfg(test)]
mod vectors;
