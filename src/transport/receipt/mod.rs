//! Delivery receipts: what a provider says later about a text, believed only after its check.

mod error;
#[cfg(any(
    feature = "bird",
    feature = "plivo",
    feature = "template",
    feature = "twilio",
    feature = "vonage"
))]
#[cfg_attr(
    not(any(feature = "plivo", feature = "template", feature = "twilio", feature = "vonage")),
    allow(dead_code, reason = "Bird's secrets are no texts")
)]
pub(super) mod mac;
mod path_token;
mod request;
#[cfg(any(
    feature = "aws",
    feature = "bird",
    feature = "telnyx",
    feature = "template",
    feature = "vonage"
))]
#[cfg_attr(
    not(any(feature = "bird", feature = "telnyx", feature = "template", feature = "vonage")),
    allow(dead_code, reason = "AWS writes its times as dates")
)]
pub(super) mod signed_time;
mod verified;
#[cfg(feature = "reqwest")]
#[cfg_attr(
    not(any(
        feature = "aws",
        feature = "bird",
        feature = "telnyx",
        feature = "template",
        feature = "twilio",
        feature = "vonage"
    )),
    allow(dead_code, reason = "Esendex and Infobip sign nothing")
)]
pub(super) mod words;

use crate::base::time::Timestamp;

pub use error::{ReceiptError, ReceiptErrorKind};
pub use path_token::PathToken;
pub use request::ReceiptRequest;
pub use verified::{DeliveryFault, FaultRow, OwnersWish, Receipt, ReceiptState, Wish};

/// Checks one provider's receipts. Each adapter has one (`twilio::Receipts` for example).
///
/// # Contract
///
/// An implementer
///
/// - MUST check the signature over the raw parts of the request before it reads anything else, and
///   MUST compare in constant time;
/// - MUST take the way of signing from its own configuration, never from the request: a sender must
///   not be able to ask for a weaker one;
/// - MUST refuse a signed time more than five minutes away from `now`, where the provider signs one;
/// - MUST put neither the number nor a secret into an error or a log.
///
/// A receipt without a signed time can be sent again by whoever has seen it. The gate remembers it by
/// [`Receipt::replay_key`].
pub trait ReceiptVerifier: std::fmt::Debug + Send + Sync + 'static {
    /// The receipts in `request`: one, as a rule; several, or none that concern a text or an opt-out,
    /// with some providers.
    ///
    /// # Errors
    ///
    /// [`ReceiptError`] if the request is not genuine, too old or unreadable. Nothing is believed.
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError>;
}

/// A provider's delivery receipt, reduced to what matters here.
///
/// A provider's words are many, and most say nothing final; report only those that do:
///
/// ```
/// use otpgate::DeliveryStatus;
///
/// fn final_status(word: &str) -> Option<DeliveryStatus> {
///     match word {
///         "delivered" => Some(DeliveryStatus::Delivered),
///         "undelivered" | "expired" | "rejected" => Some(DeliveryStatus::Undelivered),
///         _ => None, // queued, accepted, sent: nothing is known yet
///     }
/// }
/// assert_eq!(final_status("sent"), None);
/// assert_eq!(final_status("expired"), Some(DeliveryStatus::Undelivered));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeliveryStatus {
    /// The handset has the text.
    Delivered,
    /// The text was not and will not be delivered.
    Undelivered,
}

/// What a verification turned out to be worth to the host: for [`Gate::report`](crate::Gate::report).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReportedOutcome {
    /// The account behind it is a real user's.
    Genuine,
    /// The code was entered, but nothing of worth followed: somebody converts on purpose.
    Worthless,
}
