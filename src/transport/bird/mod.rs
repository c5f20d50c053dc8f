//! [`Bird`]: texts through the SMS resource of Bird's platform, and its webhooks.
//!
//! ```no_run
//! use otpgate::transport::bird::{ApiKey, Bird, Receipts, Sender, WebhookSecret};
//!
//! let key = ApiKey::new(std::env::var("BIRD_API_KEY")?)?;
//! let transport = Bird::builder(key, Sender::from_name("Example")).build()?;
//! let secret = WebhookSecret::new(std::env::var("BIRD_WEBHOOK_SECRET")?)?;
//! let receipts = Receipts::signed_by(secret);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A repeat
//!
//! Each text goes out with the `Idempotency-Key` of its reservation, for which Bird keeps its answer
//! for about three hours. The adapter makes one request all the same. A host may hand the same
//! [`OutboundSms`] to the same adapter again after a hand-off that was *indeterminate*
//! because the connection broke or the time was over: Bird answers as it did, or would have done, the
//! first time. It is no repeat
//!
//! - after a 5xx: Bird does not keep that answer, and works the request off anew;
//! - with another sender or text: `E01005`, and nothing is sent;
//! - with a key of another workspace or region, after three hours, or through another provider: a
//!   second text and a second charge.
//!
//! # Not the old MessageBird interface
//!
//! `rest.messagebird.com` has no idempotency key: a lost answer costs a second text. Its receipts are
//! queries in a URL, and its keys name no region.
//!
//! # Registrations
//!
//! The request has no fields for them: Bird registers senders, their categories and templates itself. A
//! registered [sender](crate::message::Registration::sender) goes as `from`.
//!
//! # The text unchanged
//!
//! Bird's *smart encoding* replaces characters. It is off unless asked for, and not asked for.

mod account;
mod error;
mod receipt;

use async_trait::async_trait;
use serde_json::Value;

use super::json::{Object, at, count, pick, text, text_at, tree};
use super::{
    AdapterError, Handoff, HandoffError, OutboundSms, Price, ProviderApi, Senders, SmsTransport,
};
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};

pub use account::{ApiKey, Sender};
pub use error::{ERRORS, FAULTS};
pub use receipt::{Receipts, WebhookSecret};

/// The provider's name in outcomes, events and errors.
pub const NAME: &str = "bird";

/// The field of the metadata that carries the text's key into its receipts.
const METADATA_KEY: &str = "otpgate";

/// An [`SmsTransport`] through Bird. See the [module](self).
#[derive(Debug)]
pub struct Bird {
    api: ProviderApi,
    base: Option<BaseUrl>,
    key: Credentials<ApiKey>,
    senders: Senders<Sender>,
}

impl Bird {
    /// A transport for the workspace of `key` that sends as `senders`: one sender for all countries,
    /// or [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        key: impl Into<Credentials<ApiKey>>,
        senders: impl Into<Senders<Sender>>,
    ) -> BirdBuilder {
        BirdBuilder { key: key.into(), senders: senders.into(), wiring: Wiring::default() }
    }

    fn request(&self, key: &ApiKey, sms: &OutboundSms) -> HttpRequest {
        let base = self.base.as_ref().unwrap_or(key.base());
        let own = self.senders.of(sms.region()).from();
        let idempotency_key = sms.idempotency_key().as_str();
        let body = Object::new()
            .text("to", sms.expose_number())
            .text("from", sms.registered_sender().unwrap_or(own))
            .text("text", sms.expose_text())
            // Bird keeps no text of this category.
            .text("category", "authentication")
            .object("metadata", Object::new().text(METADATA_KEY, sms.callback_key().as_str()));
        HttpRequest::post(base.join("/v1/sms/messages"))
            .with_bearer_auth(key.secret())
            .with_header("accept", "application/json")
            .with_header("idempotency-key", idempotency_key)
            .with_body("application/json", body.finish())
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        if response.status() != 202 {
            let code = code(&tree(response.body()));
            return Err(self.api.rejected(response, code.as_deref()));
        }
        // The price is `null` in most answers; receipts have it.
        let [id, status, code, amount, currency, segments] = pick(response.body(), ACCEPTED);
        if text(&status) == Some("rejected") {
            return Err(self.api.rejected(response, text(&code)));
        }
        let price = text(&amount).zip(text(&currency));
        Ok(self
            .api
            .accepted(text(&id))?
            .priced(price.and_then(|(amount, currency)| Price::parse(amount, currency)))
            .in_segments(count(&segments)))
    }
}

/// The most exact word of the error that the table knows, or Bird's code.
fn code(body: &Value) -> Option<String> {
    let error = at(body, "/error");
    let field = text_at(error, "/param").or_else(|| text_at(error, "/details/0/param"));
    let words = ["/code", "/name", "/type"].into_iter().filter_map(|word| text_at(error, word));
    let known = |word: &str| ERRORS.iter().any(|row| row.code == word);
    let of_field = |word: &str| field.map(|field| format!("{word} {field}"));
    words
        .flat_map(|word| of_field(word).into_iter().chain([word.to_owned()]))
        .find(|word| known(word))
        .or_else(|| text_at(error, "/code").map(Into::into))
}

/// What an answer of success says.
const ACCEPTED: [&str; 6] = [
    "/id",
    "/status",
    "/last_error/code",
    "/cost/amount",
    "/cost/currency_code",
    "/segments/count",
];

#[async_trait]
impl SmsTransport for Bird {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let key = self.api.credentials(&self.key)?;
        let response = self.api.send(self.request(&key, sms)).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.key).map(drop)
    }
}

/// Settings of a [`Bird`] transport.
pub struct BirdBuilder {
    key: Credentials<ApiKey>,
    senders: Senders<Sender>,
    wiring: Wiring,
}

impl BirdBuilder {
    wiring!(client);
    wiring!(
        base_url:
        "Another address than that of the key's region: a proxy of the company's own, or a \
         test server on this machine."
    );

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender is not of the form that Bird documents, or the HTTP client could
    /// not be made.
    pub fn build(self) -> Result<Bird, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        Ok(Bird {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: self.wiring.base,
            key: self.key,
            senders: self.senders,
        })
    }
}

crate::base::masked::debug_only!(BirdBuilder: senders);
