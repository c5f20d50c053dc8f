//! [`Infobip`]: texts through version 3 of Infobip's SMS interface, and its delivery reports.
//!
//! ```no_run
//! use otpgate::transport::PathToken;
//! use otpgate::transport::infobip::{ApiKey, Infobip, Receipts, Sender};
//!
//! let key = ApiKey::new(std::env::var("INFOBIP_API_KEY")?)?;
//! let base = "https://xyz.api.infobip.com".parse()?;
//! let token = std::env::var("INFOBIP_PATH_TOKEN")?;
//! let transport = Infobip::builder(key, base, Sender::from_name("Example"))
//!     .webhook(format!("https://hooks.example.com/infobip/{token}").parse()?)
//!     .build()?;
//! let receipts = Receipts::behind(PathToken::new(token).ok_or("a longer token")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A repeat
//!
//! Infobip takes no idempotency key: a repeated request is a second text and a second charge. A caller
//! may give a text its identifier (`destinations[].messageId`), and Infobip refuses one that was used
//! before (`REJECTED_DUPLICATE_MESSAGE_ID`) once that is enabled in the account; it does not say for how
//! long it looks. The adapter gives none, since nothing tells it whether the check is on.
//!
//! # Registrations
//!
//! Entity and template of India's DLT go into `regional.indiaDlt`, a registered
//! [sender](crate::message::Registration::sender) into `sender`. For a 10DLC campaign there is no field.

mod account;
mod error;
mod fault;
mod receipt;

use async_trait::async_trait;
use serde_json::Value;
use zeroize::Zeroizing;

use super::json::{Object, count, pick, text, text_at, tree};
use super::{
    AdapterError, CallbackUrl, Handoff, HandoffError, OutboundSms, ProviderApi, Senders,
    SmsTransport,
};
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};
use crate::recipient::Region;

pub use account::{ApiKey, Sender};
pub use error::ERRORS;
pub use fault::FAULTS;
pub use receipt::Receipts;

/// The provider's name in outcomes, events and errors.
pub const NAME: &str = "infobip";

/// An [`SmsTransport`] through Infobip. See the [module](self).
#[derive(Debug)]
pub struct Infobip {
    api: ProviderApi,
    base: BaseUrl,
    key: Credentials<ApiKey>,
    senders: Senders<Sender>,
    webhook: Option<CallbackUrl>,
}

impl Infobip {
    /// A transport for the account of `key` that sends as `senders`: one sender for all countries, or
    /// [`Senders`] with some of their own. `base` is the account's own address, as Infobip's portal
    /// shows it.
    #[must_use]
    pub fn builder(
        key: impl Into<Credentials<ApiKey>>,
        base: BaseUrl,
        senders: impl Into<Senders<Sender>>,
    ) -> InfobipBuilder {
        InfobipBuilder {
            key: key.into(),
            base,
            senders: senders.into(),
            wiring: Wiring::default(),
            webhook: None,
        }
    }

    fn request(&self, key: &ApiKey, sms: &OutboundSms) -> HttpRequest {
        let own = self.senders.of(sms.region()).as_str();
        let mut webhooks = Object::new().text("callbackData", sms.callback_key().as_str());
        if let Some(webhook) = &self.webhook {
            let delivery = Object::new().text("url", &webhook.of(sms.callback_key()));
            webhooks = webhooks.object("delivery", delivery).text("contentType", JSON);
        }
        let mut message = Object::new()
            .text("sender", sms.registered_sender_as_given().unwrap_or(own))
            .list_of_one("destinations", Object::new().text("to", sms.expose_number()))
            .object("content", Object::new().text("text", sms.expose_text()))
            .object("webhooks", webhooks);
        if let Some(dlt) = india(sms) {
            let regional = Object::new().object("indiaDlt", dlt);
            message = message.object("options", Object::new().object("regional", regional));
        }
        let body = Object::new()
            .list_of_one("messages", message)
            .object("options", Object::new().flag("includeSmsCountInResponse"));
        let app = Zeroizing::new(format!("App {}", key.secret().expose_secret()));
        HttpRequest::post(self.base.join("/sms/3/messages"))
            .with_header("authorization", app.as_str())
            .with_header("accept", JSON)
            .with_body(JSON, body.finish())
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        if response.status() != 200 {
            let code = code(&tree(response.body()));
            return Err(self.api.rejected(response, code.as_deref()));
        }
        let [id, group, name, segments] = pick(response.body(), MESSAGE);
        match text(&group) {
            Some("PENDING" | "DELIVERED") => {
                Ok(self.api.accepted(text(&id))?.in_segments(count(&segments)))
            }
            Some(group) => {
                let code = status(text(&name).unwrap_or_default(), group);
                Err(self.api.rejected(response, Some(&code)))
            }
            None => Err(self.api.unreadable()),
        }
    }
}

const JSON: &str = "application/json";

/// What an answer says of its one message.
const MESSAGE: [&str; 4] = [
    "/messages/0/messageId",
    "/messages/0/status/groupName",
    "/messages/0/status/name",
    "/messages/0/details/messageCount",
];

/// The row of a status that is no acceptance: by its name, else by its group.
fn status(name: &str, group: &str) -> String {
    let known = |code: &str| ERRORS.iter().any(|row| row.code == code);
    let precise = format!("{group} {name}");
    match name {
        _ if known(&precise) => precise,
        name if known(name) => name.to_owned(),
        _ => group.to_owned(),
    }
}

/// The code of an error, in the form of today or in that of older interfaces. A violation that points
/// to number or sender says so.
fn code(body: &Value) -> Option<String> {
    let older = || text_at(body, "/requestError/serviceException/messageId");
    let code = text_at(body, "/errorCode").or_else(older)?;
    let property = text_at(body, "/violations/0/property").unwrap_or_default();
    let field = property.rsplit('.').next().unwrap_or_default();
    let precise = format!("{code} {field}");
    let known = ERRORS.iter().any(|row| row.code == precise);
    Some(if known { precise } else { code.to_owned() })
}

/// Entity and template of India's DLT.
fn india(sms: &OutboundSms) -> Option<Object> {
    let registration = sms.registration().filter(|_| sms.region() == Some(Region::IN))?;
    let (entity, template) = (registration.entity_id(), registration.template_id()?);
    Some(Object::new().text("contentTemplateId", template).text_if("principalEntityId", entity))
}

#[async_trait]
impl SmsTransport for Infobip {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let key = self.api.credentials(&self.key)?;
        let response = self.api.send(self.request(&key, sms)).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.key).map(drop)
    }
}

/// Settings of an [`Infobip`] transport.
pub struct InfobipBuilder {
    key: Credentials<ApiKey>,
    base: BaseUrl,
    senders: Senders<Sender>,
    wiring: Wiring,
    webhook: Option<CallbackUrl>,
}

impl InfobipBuilder {
    wiring!(client);

    /// Asks for delivery reports to this address, in place of the account's subscription. Infobip
    /// signs nothing: end it with a [`PathToken`](crate::transport::PathToken), and check reports with
    /// [`Receipts`].
    #[must_use]
    pub fn webhook(mut self, webhook: CallbackUrl) -> Self {
        self.webhook = Some(webhook);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender is too long or has other characters, or the HTTP client could not
    /// be made.
    pub fn build(self) -> Result<Infobip, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        Ok(Infobip {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: self.base,
            key: self.key,
            senders: self.senders,
            webhook: self.webhook,
        })
    }
}

crate::base::masked::debug_only!(InfobipBuilder: base, senders);
