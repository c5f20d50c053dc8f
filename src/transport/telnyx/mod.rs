//! [`Telnyx`]: texts through Telnyx's Messages resource, and its delivery receipts.
//!
//! ```no_run
//! use otpgate::transport::telnyx::{ApiKey, PublicKey, Receipts, Sender, Telnyx};
//!
//! let key = ApiKey::new(std::env::var("TELNYX_API_KEY")?)?;
//! let transport = Telnyx::builder(key, Sender::from_number("+15550100"))
//!     .webhook("https://hooks.example.com/sms".parse()?)
//!     .build()?;
//! let receipts = Receipts::signed_by(PublicKey::new(&std::env::var("TELNYX_PUBLIC_KEY")?)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A repeat
//!
//! Each text goes out with the `Idempotency-Key` of its reservation. For 24 hours Telnyx answers a request
//! with the same key and body as it did the first time, if it had taken the text. The adapter makes one
//! request all the same. A host may hand the same [`OutboundSms`] to the same adapter again after a hand-off
//! that was *indeterminate*. It is no repeat
//!
//! - if Telnyx had not taken the text: it works the request off anew;
//! - with another sender, text or webhook, after 24 hours, or through another provider.
//!
//! Telnyx's own SDKs repeat after 408, 409, 429, 5xx and a lost connection, without a key unless their
//! caller gives one.
//!
//! # Registrations
//!
//! The Messages resource has no fields for templates. A 10DLC campaign belongs to the number or to the
//! messaging profile of [`Sender::from_pool`]. A registered
//! [sender](crate::message::Registration::sender) goes as `from`, with the profile of the sender
//! that is configured for the country: a name needs one.
//!
//! # The text unchanged
//!
//! Switch *smart encoding* and the *URL shortener* off in the messaging profile: they replace
//! characters and links, and a phone may then not find the code.

mod account;
mod error;
mod receipt;

use async_trait::async_trait;
use serde_json::Value;

use super::json::{Object, at, count, pick, plain, text, text_at, tree};
use super::{
    AdapterError, CallbackUrl, Handoff, HandoffError, OutboundSms, Price, ProviderApi, Senders,
    SmsTransport,
};
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};

pub use account::{ApiKey, Sender};
pub use error::{ERRORS, FAULTS};
pub use receipt::{PublicKey, Receipts};

/// The provider's name in outcomes, events and errors.
pub const NAME: &str = "telnyx";

/// An [`SmsTransport`] through Telnyx. See the [module](self).
#[derive(Debug)]
pub struct Telnyx {
    api: ProviderApi,
    base: BaseUrl,
    key: Credentials<ApiKey>,
    senders: Senders<Sender>,
    webhook: Option<CallbackUrl>,
}

impl Telnyx {
    /// A transport for the account of `key` that sends as `senders`: one sender for all countries,
    /// or [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        key: impl Into<Credentials<ApiKey>>,
        senders: impl Into<Senders<Sender>>,
    ) -> TelnyxBuilder {
        TelnyxBuilder {
            key: key.into(),
            senders: senders.into(),
            wiring: Wiring::default(),
            webhook: None,
        }
    }

    fn request(&self, key: &ApiKey, sms: &OutboundSms) -> HttpRequest {
        let sender = self.senders.of(sms.region());
        let webhook = self.webhook.as_ref().map(|webhook| webhook.of(sms.callback_key()));
        let body = Object::new()
            .text("to", sms.expose_number())
            .text_if("from", sms.registered_sender().or_else(|| sender.from()))
            .text("text", sms.expose_text())
            .text_if("messaging_profile_id", sender.profile())
            .text_if("webhook_url", webhook.as_deref());
        HttpRequest::post(self.base.join("/v2/messages"))
            .with_bearer_auth(key.secret())
            .with_header("accept", "application/json")
            .with_header("idempotency-key", sms.idempotency_key().as_str())
            .with_body("application/json", body.finish())
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        if response.status() != 200 {
            let code = code(&tree(response.body()));
            return Err(self.api.rejected(response, code.as_deref()));
        }
        // The price is `null` in most answers; receipts have it.
        let [id, parts, amount, currency] = pick(response.body(), ACCEPTED);
        let price = text(&amount).zip(text(&currency));
        Ok(self
            .api
            .accepted(text(&id))?
            .priced(price.and_then(|(amount, currency)| Price::parse(amount, currency)))
            .in_segments(count(&parts)))
    }
}

/// The code of the first error. Where it may be about either number, it says which one Telnyx names.
fn code(body: &Value) -> Option<String> {
    let error = at(body, "/errors/0");
    let code = plain(at(error, "/code"))?;
    let pointer = text_at(error, "/source/pointer").unwrap_or_default();
    let points_to = |field: &&str| {
        let rest = pointer.strip_prefix(*field);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    Some(match ["/to", "/from"].into_iter().find(points_to) {
        Some(field) if matches!(code.as_str(), "10001" | "10002" | "10016") => {
            format!("{code} {field}")
        }
        _ => code,
    })
}

/// What an answer of success says.
const ACCEPTED: [&str; 4] = ["/data/id", "/data/parts", "/data/cost/amount", "/data/cost/currency"];

#[async_trait]
impl SmsTransport for Telnyx {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let key = self.api.credentials(&self.key)?;
        let response = self.api.send(self.request(&key, sms)).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.key).map(drop)
    }
}

/// Settings of a [`Telnyx`] transport.
pub struct TelnyxBuilder {
    key: Credentials<ApiKey>,
    senders: Senders<Sender>,
    wiring: Wiring,
    webhook: Option<CallbackUrl>,
}

impl TelnyxBuilder {
    wiring!(client);
    wiring!(base_url);

    /// Asks for delivery receipts to this address, in place of the messaging profile's; check them
    /// with [`Receipts`].
    #[must_use]
    pub fn webhook(mut self, webhook: CallbackUrl) -> Self {
        self.webhook = Some(webhook);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender is not of the form that Telnyx documents, or the HTTP client
    /// could not be made.
    pub fn build(self) -> Result<Telnyx, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        Ok(Telnyx {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: BaseUrl::or_fixed(self.wiring.base, NAME, "https://api.telnyx.com")?,
            key: self.key,
            senders: self.senders,
            webhook: self.webhook,
        })
    }
}

crate::base::masked::debug_only!(TelnyxBuilder: senders);
