//! [`SmsApi`] and [`MessagesApi`]: texts through Vonage, and its delivery receipts.
//!
//! The SMS API answers with parts and price. The Messages API is Vonage's newer one: an application's
//! private key in place of the account's secret, and statuses with a signature of their own.
//!
//! ```no_run
//! use otpgate::transport::SecretText;
//! use otpgate::transport::vonage::{Account, Sender, SignatureMethod, SmsApi, SmsReceipts};
//!
//! let account = Account::new("abcd1234", std::env::var("VONAGE_API_SECRET")?)?;
//! let transport = SmsApi::builder(account, Sender::from_name("Example"))
//!     .callback("https://hooks.example.com/sms".parse()?)
//!     .billed_in("EUR")
//!     .build()?;
//! let secret = SecretText::new(std::env::var("VONAGE_SIGNATURE_SECRET")?);
//! let receipts = SmsReceipts::signed(secret, SignatureMethod::HmacSha256);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With an application:
//!
//! ```no_run
//! use otpgate::transport::SecretText;
//! use otpgate::transport::vonage::{Application, MessagesApi, MessagesReceipts, Sender};
//!
//! let key = std::fs::read_to_string("private.key")?;
//! let application = Application::new("aaaaaaaa-bbbb-cccc-dddd-0123456789ab", key)?;
//! let sender = Sender::from_number("+15550100");
//! let transport = MessagesApi::builder_for_application(application, sender)
//!     .webhook("https://hooks.example.com/sms".parse()?)
//!     .build()?;
//! let secret = SecretText::new(std::env::var("VONAGE_SIGNATURE_SECRET")?);
//! let receipts = MessagesReceipts::signed(secret);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`IdentityInsights`] asks Vonage what it knows of a number before a text is paid for.
//!
//! # A repeat
//!
//! Vonage takes no idempotency key: a repeated request is a second text and a second charge. Its SDK
//! for Python sends up to ten times when a connection is lost; this adapter makes one request.
//!
//! # Several parts
//!
//! The SMS API answers with a status for each part of a long text, under HTTP 200 in any case. One part
//! that was taken is paid for, so the text counts as accepted and is never sent elsewhere.
//!
//! # Registrations
//!
//! Entity and template of a registered text (India's DLT) go as fields of their own, a
//! registered [sender](crate::message::Registration::sender) as `from`. A 10DLC campaign belongs to
//! the number.
//!
//! # Characters
//!
//! The SMS API replaces what the GSM alphabet lacks unless a text is marked as `unicode`. The adapter
//! marks it where, and only where, the text needs it; Vonage's own SDKs leave that to the caller. The
//! Messages API chooses by itself.

mod account;
mod application;
mod error;
mod insights;
mod messages;
mod messages_error;
mod messages_receipt;
mod signature;
mod sms;
mod sms_receipt;

pub use account::{Account, Sender, SigningAccount};
pub use application::Application;
pub use error::{ERRORS, FAULTS};
pub use insights::{IdentityInsights, IdentityInsightsBuilder};
pub use messages::{MessagesApi, MessagesApiBuilder};
pub use messages_error::{MESSAGES_ERRORS, MESSAGES_FAULTS};
pub use messages_receipt::MessagesReceipts;
pub use signature::SignatureMethod;
pub use sms::{SmsApi, SmsApiBuilder};
pub use sms_receipt::SmsReceipts;

/// The name of the SMS API in outcomes, events and errors.
pub const NAME: &str = "vonage";

/// The name of the Messages API in outcomes, events and errors.
pub const MESSAGES_NAME: &str = "vonage-messages";

/// The name of the Identity Insights API in errors.
pub const INSIGHTS_NAME: &str = "vonage-insights";

/// A number as Vonage documents it: digits only. Its SDKs leave the sign in.
fn without_sign(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}
