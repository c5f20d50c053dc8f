//! [`Plivo`]: texts through Plivo's Message resource, and its delivery receipts.
//!
//! ```no_run
//! use otpgate::transport::SecretText;
//! use otpgate::transport::plivo::{Account, Plivo, Receipts, Sender};
//!
//! let token = std::env::var("PLIVO_AUTH_TOKEN")?;
//! let account = Account::new(std::env::var("PLIVO_AUTH_ID")?, token.as_str())?;
//! let transport = Plivo::builder(account, Sender::from_number("+15550100"))
//!     .callback("https://hooks.example.com/sms".parse()?)
//!     .without_log()
//!     .build()?;
//! let receipts = Receipts::signed(SecretText::new(token));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A repeat
//!
//! Plivo takes no idempotency key: a repeated request is a second text and a second charge.
//!
//! # Registrations
//!
//! Entity and template of a registered text (India's DLT) go as `dlt_entity_id` and `dlt_template_id`, a
//! registered [sender](crate::message::Registration::sender) as `src`. A 10DLC campaign belongs to the
//! number or to the powerpack.
//!
//! # The text unchanged
//!
//! Switch *Auto-replace* off in the console's messaging settings: it replaces characters, and a phone
//! may then not find the code.

mod account;
mod error;
mod receipt;

use std::time::Duration;

use async_trait::async_trait;

use super::json::{Object, pick, text};
use super::{
    AdapterError, CallbackUrl, Handoff, HandoffError, OutboundSms, ProviderApi, Senders,
    SmsTransport,
};
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};

pub use account::{Account, Sender};
pub use error::{ERRORS, FAULTS};
pub use receipt::Receipts;

/// The provider's name in outcomes, events and errors.
pub const NAME: &str = "plivo";

/// An [`SmsTransport`] through Plivo. See the [module](self).
#[derive(Debug)]
pub struct Plivo {
    api: ProviderApi,
    base: BaseUrl,
    account: Credentials<Account>,
    senders: Senders<Sender>,
    callback: Option<CallbackUrl>,
    validity: Option<Duration>,
    log: bool,
}

impl Plivo {
    /// A transport for `account` that sends as `senders`: one sender for all countries, or
    /// [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        senders: impl Into<Senders<Sender>>,
    ) -> PlivoBuilder {
        PlivoBuilder {
            account: account.into(),
            senders: senders.into(),
            wiring: Wiring::default(),
            callback: None,
            validity: None,
            log: true,
        }
    }

    fn request(&self, account: &Account, sms: &OutboundSms) -> HttpRequest {
        let own = || self.senders.of(sms.region()).field();
        let (name, sender) = sms.registered_sender().map_or_else(own, |sender| ("src", sender));
        let callback = self.callback.as_ref().map(|url| url.of(sms.callback_key()));
        let registration = sms.registration();
        let body = Object::new()
            .text(name, sender)
            .text("dst", sms.expose_number())
            .text("text", sms.expose_text())
            .text_if("url", callback.as_deref())
            .text_if("method", callback.as_ref().map(|_| "POST"))
            .number_if("message_expiry", self.validity.map(|span| span.as_secs()))
            .text_if("log", (!self.log).then_some("false"))
            .text_if("dlt_entity_id", registration.and_then(|one| one.entity_id()))
            .text_if("dlt_template_id", registration.and_then(|one| one.template_id()));
        HttpRequest::post(self.base.join(&format!("/v1/Account/{}/Message/", account.id())))
            .with_basic_auth(account.id(), account.token())
            .with_header("accept", "application/json")
            .with_body("application/json", body.finish())
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        let [id, words] = pick(response.body(), ["/message_uuid/0", "/error"]);
        if response.status() != 202 {
            let words = text(&words).unwrap_or_default().to_ascii_lowercase();
            let code = words.contains("insufficient credit").then_some(error::NO_CREDIT);
            return Err(self.api.rejected(response, code));
        }
        self.api.accepted(text(&id))
    }
}

#[async_trait]
impl SmsTransport for Plivo {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let account = self.api.credentials(&self.account)?;
        let response = self.api.send(self.request(&account, sms)).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.account).map(drop)
    }
}

/// Settings of a [`Plivo`] transport.
pub struct PlivoBuilder {
    account: Credentials<Account>,
    senders: Senders<Sender>,
    wiring: Wiring,
    callback: Option<CallbackUrl>,
    validity: Option<Duration>,
    log: bool,
}

impl PlivoBuilder {
    wiring!(client);
    wiring!(base_url);

    /// Asks for delivery receipts to this address; check them with [`Receipts`].
    #[must_use]
    pub fn callback(mut self, callback: CallbackUrl) -> Self {
        self.callback = Some(callback);
        self
    }

    /// How long Plivo may keep the text in its queue before it fails it, in whole seconds: 5 to 10 799;
    /// three hours is Plivo's default. A code that has expired is not worth its price.
    #[must_use]
    pub fn validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// Keeps text and number out of Plivo's logs, where they stand for some days otherwise: a code is
    /// nobody's to read. Plivo's support then cannot look a text up.
    #[must_use]
    pub fn without_log(mut self) -> Self {
        self.log = false;
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender or the validity is not of the form that Plivo documents, or the
    /// HTTP client could not be made.
    pub fn build(self) -> Result<Plivo, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        if self.validity.is_some_and(|span| !(5..=10_799).contains(&span.as_secs())) {
            return Err(AdapterError::new(NAME, "the validity is 5 to 10799 seconds"));
        }
        Ok(Plivo {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: BaseUrl::or_fixed(self.wiring.base, NAME, "https://api.plivo.com")?,
            account: self.account,
            senders: self.senders,
            callback: self.callback,
            validity: self.validity,
            log: self.log,
        })
    }
}

crate::base::masked::debug_only!(PlivoBuilder: senders);
