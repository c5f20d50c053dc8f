//! Issue and verify one-time codes by SMS without letting bots spend your money.
//!
//! You bring an SMS provider ([`SmsTransport`]) and a place for state ([`Store`]). A [`Gate`] makes
//! every decision in between. This page is the five-minute tour; [`guide`] has the rest.
//!
//! # One verification
//!
//! | when | call | answer |
//! |---|---|---|
//! | the page is shown | [`Gate::preflight`] | a ticket, which goes into the form |
//! | the form is posted | [`Gate::request`] | the text is handed off: an [`EntryGrant`] for the session; or a step-up, or a refusal |
//! | the same in two steps | [`Gate::clear`] | a [`Clearance`], a step-up or a refusal; no store is asked, unless an operator's entry refuses |
//! | | [`Gate::issue`] | what `request` answers |
//! | the code page is asked for | [`Gate::entry`] | whether it may be shown |
//! | "send it again" | [`Gate::resend`] | as `issue`; attempts are carried over |
//! | the code is typed | [`Gate::verify`] | a [`Verification`], or a rejection without a reason |
//!
//! ```
//! use otpgate::store::MemoryStore;
//! use otpgate::{ClientContext, Gate, KeyRing, Money, Purpose, Recipient, Region, Sent, Verified};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let phone = otpgate::transport::ConsoleTransport::to(Vec::new());
//! # let my_provider = phone.clone();
//! # let mut policy = otpgate::Policy::default();
//! # policy.token.human_time = otpgate::token::HumanTime::ZERO; // nobody types in this example
//! let gate = Gate::builder()
//!     .keys(KeyRing::generate()?) // in production: `from_text`, from a secret manager
//!     .store(MemoryStore::default())
//!     .transport(my_provider)
//!     .brand("Example")
//!     .origin("example.com")
//!     .countries([Region::DE, Region::AT])
//!     .daily_budget(Money::dollars(50))
//! #   .policy(policy)
//!     .build()?; // once, at start
//! gate.ready().await?; // the store answers, the credentials are there; nothing is sent
//!
//! // GET: the ticket goes into the form, and the page's script answers it for the number typed.
//! let client = ClientContext::from_peer("192.0.2.7".parse()?, "session cookie");
//! let ticket = gate.preflight(&Purpose::SIGN_UP, &client)?;
//! let proof = ticket.answer("0151 12345678")?;
//!
//! // POST: the number is read, the proof is checked, the text goes out.
//! let recipient = Recipient::parse("0151 12345678", Some(Region::DE))?;
//! let grant = match gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await? {
//!     Sent::Issued(issued) => issued.into_grant(),
//!     Sent::StepUp(more) => panic!("the page answers {:?} and posts again", more.ticket()),
//!     Sent::Refused(why) => panic!("the page shows {:?}", why.public()),
//! };
//!
//! // The code page.
//! # let code = phone.last_code().ok_or("no code")?;
//! let Verified::Accepted(verification) = gate.verify(&grant, &code, &client).await? else {
//!     panic!("rejected")
//! };
//! assert_eq!(verification.recipient().expose_e164().as_str(), "+4915112345678");
//!
//! // The same code again is rejected, and so is the same proof.
//! assert!(matches!(gate.verify(&grant, &code, &client).await?, Verified::Rejected(_)));
//! let again = gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
//! assert!(matches!(again, Sent::Refused(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # Four things to know
//!
//! - **An outcome is not an error.** A refusal, a step-up and a rejected code are values inside
//!   `Ok`. An `Err` is an outage: the gate could not decide, so it sent and accepted nothing. Never
//!   show an `Err` as a wrong code.
//! - **Proofs are values.** [`Clearance`], [`Verification`] and their like have private fields, are
//!   not `Clone`, and are consumed. If you skip a step, the code does not compile.
//! - **Two answers for each refusal.** [`Refusal::reason`] is for your log, [`Refusal::public`] for the
//!   client; a [`Rejection`] has no reason at all. The [`Observer`] hears everything.
//! - **Every number has a source.** [`Policy::default`] holds the standards; `docs/defaults.md`
//!   lists each value with its source.
//!
//! # Where to look
//!
//! | you want to | look at |
//! |---|---|
//! | wire two HTTP handlers | [`guide::getting_started`] |
//! | send through your own provider | [`guide::transport_authors`], [`transport`] |
//! | keep state elsewhere | [`guide::store_authors`], [`store`] |
//! | change a limit | [`guide::defaults`], [`policy`] |
//! | say where texts may go, block, allow, switch off | [`access`], [`Gate::controls`] |
//! | run it: keys, alarms, incidents | [`guide::operations`] |
//! | offer an authenticator app | [`guide::second_factor`], [`otp`] |
//! | know which holes of others shaped it | [`guide::attacks`] |
//!
//! # Features
//!
//! - `memory` (default): [`store::MemoryStore`], for one process that may forget everything when it
//!   ends. Leave it off if you use another store: it brings dashmap.
//! - `redb`: [`store::RedbStore`], in one file that survives the process, for one server. Leave it
//!   off if you use another store: it brings redb.
//! - `redis`: [`store::RedisStore`], shared by many gates, one round trip a call; with
//!   `redis-cluster` for a cluster and `redis-tls` for an encrypted connection. Leave them off if
//!   you use another store: they bring the redis crate and tokio.
//! - `postgres`: [`store::PostgresStore`], shared by many gates, nothing acknowledged is lost.
//!   Leave it off if you use another store: it brings tokio-postgres and tokio.
//! - `twilio`, `esendex`, `telnyx`, `bird`, `infobip`, `plivo`, `vonage`, `aws`: the adapter of
//!   that provider in [`transport`], with the client of `reqwest`. Enable those you have an account
//!   with.
//! - `turnstile`, `hcaptcha`, `recaptcha`, `friendly-captcha`: the adapter of that CAPTCHA in
//!   [`human`], with the client of `reqwest`; `altcha`: puzzles of your own, which asks no service
//!   and brings pbkdf2. Enable the one your page shows.
//! - `template`: `transport::template::HttpTransport`, any other provider by a template in the configuration.
//!   Leave it off without one: it brings serde.
//! - `reqwest`: `http::ReqwestClient`, on rustls and ring; the providers bring it. `http` alone is
//!   the port for a client of your own.
//! - `web`: the endpoints that a page talks to, as functions over `http` types; `axum`: the same as
//!   a router; `openapi`: their OpenAPI description. Leave them off if you write the handlers yourself:
//!   they bring http, serde_json, axum and utoipa.
//! - `totp` (default): authenticator app codes. Leave it off if you offer none: it brings totp-rs.
//! - `serde`: policies as text, for a configuration file. Nothing that holds a code, a key or a
//!   number has a text form. Leave it off if you make policies in code.
//! - `console`: a page for whoever is on call, which you mount behind your own authentication
//!   (`web::console`). It brings what `web` does, and form_urlencoded.
//! - `metrics`, `tracing`: counters and spans with bounded labels and no personal data
//!   ([`telemetry`]). They bring the crates of those names.
//! - `testing`: manual clock, fault wrappers, reference model and conformance suites. Name it under
//!   `[dev-dependencies]` only.
//!
//! Features only add; none changes what the rest does.

mod base;

#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod access;
#[cfg(feature = "http")]
pub mod http;
pub mod human;
pub mod limit;
pub mod message;
pub mod otp;
pub mod policy;
pub mod pumping;
pub mod recipient;
pub mod store;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod token;
pub mod transport;
#[cfg(feature = "web")]
pub mod web;

mod builder;
mod charges;
mod context;
pub mod error;
mod event;
mod gate;
mod guarded;
mod outcome;
mod realm;

pub use access::ClientIp;
pub use base::entropy::{Entropy, EntropyError, SystemEntropy};
pub use base::id::{Pseudonym, RequestId};
pub use base::keyring::{KeyId, KeyRing, Pepper, PepperError, RETIRED_KEY_LIFE};
pub use base::money::Money;
pub use base::time::{Clock, SystemClock, Timestamp};
pub use builder::GateBuilder;
pub use context::{ClientContext, NameError, Purpose, Realm};
pub use error::{ConfigError, GateError, GateErrorKind};
pub use event::{
    Event, EventKind, NoObserver, Observer, OutagePart, QueuedObserver, RejectionCause, TestUse,
};
pub use gate::{
    Controls, ControlsError, FallbackChannel, Gate, RECEIPT_WINDOW, ReceiptsError, TestNumber,
};
#[cfg(feature = "totp")]
pub use outcome::AuthenticatorVerdict;
pub use outcome::{
    ChannelOffer, Clearance, Cleared, CountrySnapshot, DetectorFootprint, Entry, EntryClosed,
    EntryGrant, EntryView, GlobalBudget, Issued, LimitName, OtherGate, PublicRefusal,
    PublicRefusalKind, ReceiptOutcome, RecordError, Refusal, RefusalReason, Rejection, SendRecord,
    Sent, Snapshot, StepUp, StepUpMeans, TakenReceipt, Verification, Verified,
};
pub use policy::Policy;
pub use recipient::{LineType, Recipient, RecipientError, Region};
pub use store::Store;
pub use transport::{Channel, DeliveryStatus, ReportedOutcome, SmsTransport};
