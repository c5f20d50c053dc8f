//! The [`SmsTransport`] port: handing one rendered text to a provider, and the adapters of providers.
//!
//! | transport | feature |
//! |---|---|
//! | `twilio::Twilio` | `twilio` |
//! | `esendex::Esendex` | `esendex` |
//! | `telnyx::Telnyx` | `telnyx` |
//! | `aws::EndUserMessaging`, `aws::Sns` | `aws` |
//! | `bird::Bird` | `bird` |
//! | `infobip::Infobip` | `infobip` |
//! | `plivo::Plivo` | `plivo` |
//! | `vonage::SmsApi`, `vonage::MessagesApi` | `vonage` |
//! | `template::HttpTransport`, any other provider, described by a template | `template` |
//! | [`ConsoleTransport`], for a first run | – |
//! | [`Deadline`], [`FailOver`], [`Route`], [`Weighted`], [`CircuitBreaker`], [`InFlightLimit`], [`SpendLimit`], around others | – |
//!
//! `docs/providers.md` says what each code of each provider means, how its receipts are checked, and
//! what a repeat would do.
//!
//! # How to add an adapter to the crate
//!
//! One folder, `transport/<provider>/`, behind a feature of that name, which imports nothing above
//! this port:
//!
//! - `mod.rs`: the transport, its builder and `NAME`. Its `hand_off` is three lines: take the
//!   credentials of now, send one request, read the answer. `ProviderApi` does what is alike for all: it
//!   turns a failed request, a redirect, a code and a missing identifier into the right
//!   [`HandoffError`].
//! - `error.rs`: `ERRORS`, one [`ErrorRow`] for every code that the provider documents and for the
//!   statuses that speak without one; `FAULTS`, one [`FaultRow`] for each code in its receipts.
//! - `receipt.rs`: a [`ReceiptVerifier`]. The way of signing is configured, never taken from the request.
//! - `tests/providers/<provider>.rs`: the provider's documented answers as an `Adapter`. One macro then
//!   runs the conformance suite over plain HTTP and TLS, every fault, every row of the table and
//!   the secret scan; `wire.rs` compares the request with the SDK's recorded one.
//! - `docs/providers.md`: a row, a section, and the two tables, which the test writes.

#[cfg(feature = "http")]
mod api;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "bird")]
pub mod bird;
#[cfg(feature = "http")]
mod callback;
mod channel;
mod console;
mod deadline;
mod error;
mod error_row;
#[cfg(feature = "esendex")]
pub mod esendex;
#[cfg(any(feature = "aws", feature = "template", feature = "twilio", feature = "vonage"))]
mod hex;
#[cfg(feature = "infobip")]
pub mod infobip;
#[cfg(any(
    feature = "aws",
    feature = "bird",
    feature = "infobip",
    feature = "plivo",
    feature = "telnyx",
    feature = "twilio",
    feature = "vonage"
))]
#[cfg_attr(
    not(all(feature = "aws", feature = "infobip", feature = "telnyx", feature = "twilio")),
    allow(dead_code, reason = "each provider needs a part of it")
)]
mod json;
#[cfg(feature = "template")]
pub mod messagebird;
#[cfg(any(feature = "aws", feature = "vonage"))]
mod pem;
#[cfg(feature = "plivo")]
pub mod plivo;
mod price;
mod receipt;
#[cfg_attr(
    not(all(feature = "bird", feature = "twilio")),
    allow(dead_code, reason = "each provider needs a part of it")
)]
mod sender;
pub mod signals;
#[cfg(feature = "template")]
pub mod sinch;
mod sms;
#[cfg(feature = "telnyx")]
pub mod telnyx;
#[cfg(feature = "template")]
pub mod template;
#[cfg(feature = "twilio")]
pub mod twilio;
#[cfg(feature = "vonage")]
pub mod vonage;
mod wrappers;
#[cfg(any(feature = "aws", feature = "esendex", feature = "template"))]
#[cfg_attr(
    not(feature = "esendex"),
    allow(dead_code, reason = "SNS only reads, and no attributes")
)]
mod xml;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use crate::base::adapter_error::AdapterError;
pub use crate::base::network::{NetworkCode, NetworkCodeError};
pub use crate::base::secret::SecretText;
#[cfg(feature = "http")]
pub use api::ProviderApi;
#[cfg(feature = "http")]
pub use callback::CallbackUrl;
pub use channel::Channel;
pub use console::ConsoleTransport;
pub use deadline::Deadline;
pub use error::{HandoffError, HandoffErrorKind, NumberFault};
pub use error_row::ErrorRow;
pub use price::Price;
pub use receipt::{
    DeliveryFault, DeliveryStatus, FaultRow, OwnersWish, PathToken, Receipt, ReceiptError,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, ReportedOutcome, Wish,
};
pub use sender::Senders;
pub(crate) use sms::Number;
pub use sms::{CallbackKey, Handoff, IdempotencyKey, OutboundSms};
pub use wrappers::{
    CircuitBreaker, Conversions, FailOver, InFlightLimit, Priced, Route, RouteRule, SpendLimit,
    Weighted,
};

/// Hands texts to an SMS provider.
///
/// # Contract
///
/// An implementer
///
/// - MUST send the text of [`OutboundSms::expose_text`] unchanged, to
///   [`OutboundSms::expose_number`], at most once a call;
/// - MUST NOT retry unless the provider honours [`OutboundSms::idempotency_key`];
/// - MUST report [`HandoffErrorKind::NotSent`] only if the provider provably did not accept the
///   text (no connection, an authentication error, a queue that refused it), and
///   [`HandoffErrorKind::Refused`] only if the provider said no for good. Everything else, a
///   time-out first of all, is [`HandoffErrorKind::Indeterminate`]: the gate then counts the
///   message as spent, keeps the code good and does not try again;
/// - MUST put neither the number nor the text into an error or a log;
/// - MUST end by itself: a provider that hangs is a time-out. Wrap it in
///   [`Deadline`] if its client has none;
/// - MUST NOT wait in the thread that polls it: no deadline reaches a call that does. Give a client
///   that blocks a thread of its own, such as tokio's `spawn_blocking`.
///
/// [`otpgate::testing::transport`](crate::testing) holds an implementer to this.
///
/// A whole implementation, but for the provider:
///
/// ```
/// use async_trait::async_trait;
/// use otpgate::SmsTransport;
/// use otpgate::transport::{Handoff, HandoffError, OutboundSms};
///
/// #[derive(Debug)]
/// struct MyProvider;
///
/// #[async_trait]
/// impl SmsTransport for MyProvider {
///     async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
///         let key = sms.idempotency_key().as_str();
///         match post(sms.expose_number(), sms.expose_text(), key).await {
///             Ok((202, message_id)) => Ok(Handoff::accepted(message_id)),
///             Ok((401 | 429, _)) => Err(HandoffError::not_sent("the provider did not take it")),
///             Ok((404 | 410, _)) => Err(HandoffError::refused("no such subscriber")),
///             Ok(_) => Err(HandoffError::indeterminate("an answer that we do not know")),
///             Err(error) => Err(HandoffError::indeterminate(error)), // a time-out
///         }
///     }
/// }
/// # async fn post(_: &str, _: &str, _: &str) -> Result<(u16, String), std::io::Error> {
/// #     Ok((202, "message-1".to_owned()))
/// # }
/// # let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
/// # let handoff = otpgate::testing::block_on(MyProvider.hand_off(&sms)).unwrap();
/// # assert_eq!(handoff.message_id.as_deref(), Some("message-1"));
/// ```
#[async_trait]
pub trait SmsTransport: fmt::Debug + Send + Sync + 'static {
    /// Hands `sms` to the provider. Returns when the provider has accepted it; that it was
    /// delivered is a later fact.
    ///
    /// # Errors
    ///
    /// [`HandoffError`]. Its kind decides whether your money and the user's limits are given back.
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError>;

    /// Whether a text could be handed off, as far as that can be told without sending one: above all
    /// whether there are credentials. [`Gate::ready`](crate::Gate::ready) asks. The default knows
    /// nothing against it.
    ///
    /// # Errors
    ///
    /// [`HandoffError`] of kind [`NotSent`](HandoffErrorKind::NotSent), with cause and remedy.
    async fn ready(&self) -> Result<(), HandoffError> {
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: SmsTransport + ?Sized> SmsTransport for Arc<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        (**self).hand_off(sms).await
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        (**self).ready().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: SmsTransport + ?Sized> SmsTransport for Box<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        (**self).hand_off(sms).await
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        (**self).ready().await
    }
}
