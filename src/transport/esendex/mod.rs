//! [`Esendex`]: texts through Esendex's message dispatcher, and its push notifications.
//!
//! ```no_run
//! use otpgate::transport::PathToken;
//! use otpgate::transport::esendex::{Account, Esendex, Receipts, Sender};
//!
//! let account = Account::new("EX0000000", "user@example.com", std::env::var("ESENDEX_PASSWORD")?)?;
//! let transport = Esendex::builder(account, Sender::named("Example")).build()?;
//! let token = PathToken::new(std::env::var("ESENDEX_PATH_TOKEN")?).ok_or("a longer token")?;
//! let receipts = Receipts::behind(token);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A repeat
//!
//! Esendex takes no idempotency key: a repeated request is a second text and a second charge.
//!
//! # Registrations
//!
//! The dispatcher has no fields for them; Esendex registers templates and senders itself. A registered
//! [sender](crate::message::Registration::sender) goes as `from`.
//!
//! # Characters
//!
//! Esendex's own default is the GSM alphabet, which loses every other character. The adapter always
//! sends `characterset` *Auto*.

mod account;
mod error;
mod receipt;

use std::time::Duration;

use async_trait::async_trait;

use super::xml::{Element, content};
use super::{AdapterError, Handoff, HandoffError, OutboundSms, ProviderApi, Senders, SmsTransport};
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};

pub use account::{Account, Sender};
pub use error::ERRORS;
pub use receipt::Receipts;

/// The provider's name in outcomes, events and errors.
pub const NAME: &str = "esendex";

/// An [`SmsTransport`] through Esendex. See the [module](self).
#[derive(Debug)]
pub struct Esendex {
    api: ProviderApi,
    base: BaseUrl,
    account: Credentials<Account>,
    senders: Senders<Sender>,
    validity: Option<u64>,
}

impl Esendex {
    /// A transport for `account` that sends as `senders`: one sender for all countries, or
    /// [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        senders: impl Into<Senders<Sender>>,
    ) -> EsendexBuilder {
        EsendexBuilder {
            account: account.into(),
            senders: senders.into(),
            wiring: Wiring::default(),
            validity: None,
        }
    }

    /// The elements in the order of Esendex's schema.
    fn document(&self, account: &Account, sms: &OutboundSms) -> Option<String> {
        let element =
            |name: &str, text: &str| content(text).map(|text| format!("<{name}>{text}</{name}>"));
        let mut message = String::new();
        let own = || self.senders.of(sms.region()).name();
        let registered = sms.registered_sender().map(|sender| sender.trim_start_matches('+'));
        if let Some(sender) = registered.or_else(own) {
            message.push_str(&element("from", sender)?);
        }
        message.push_str(&element("to", sms.expose_number().trim_start_matches('+'))?);
        message.push_str(&element("body", sms.expose_text())?);
        if let Some(hours) = self.validity {
            message.push_str(&element("validity", &hours.to_string())?);
        }
        Some(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><messages>{}\
             <characterset>Auto</characterset><message>{message}</message></messages>",
            element("accountreference", account.reference())?,
        ))
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        if response.status() != 200 {
            return Err(self.api.rejected(response, None));
        }
        let root = Element::parse(response.body());
        let headers = root.filter(|root| root.name() == "messageheaders");
        let header = headers.as_ref().and_then(|headers| headers.child("messageheader"));
        let id = header.and_then(|header| header.attribute("id")).map(same_case);
        Ok(self.api.accepted(id.as_deref())?.with_receipts_by_id())
    }
}

/// GUIDs come in capitals from the dispatcher and in small letters elsewhere: one form for both.
fn same_case(id: &str) -> String {
    id.to_ascii_lowercase()
}

#[async_trait]
impl SmsTransport for Esendex {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let account = self.api.credentials(&self.account)?;
        let document = self.document(&account, sms).ok_or_else(|| {
            HandoffError::not_sent("the text has a character that XML cannot carry")
                .by(NAME)
                .remedy("take control characters out of the message format")
                .alert()
        })?;
        let request = HttpRequest::post(self.base.join("/v1.0/messagedispatcher"))
            .with_basic_auth(account.user(), account.password())
            .with_header("accept", "application/xml")
            .with_body("application/xml", document);
        let response = self.api.send(request).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.account).map(drop)
    }
}

/// Settings of an [`Esendex`] transport.
pub struct EsendexBuilder {
    account: Credentials<Account>,
    senders: Senders<Sender>,
    wiring: Wiring,
    validity: Option<Duration>,
}

impl EsendexBuilder {
    wiring!(client);
    wiring!(base_url);

    /// How long Esendex may hold the text back before it fails it, in whole hours from 1 to 72, which
    /// is Esendex's default.
    #[must_use]
    pub fn validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender or the validity is not of the form that Esendex documents, or the
    /// HTTP client could not be made.
    pub fn build(self) -> Result<Esendex, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        let hours = |span: Duration| span.as_secs() / 3_600;
        let whole = |span: Duration| span == Duration::from_secs(hours(span).saturating_mul(3_600));
        if self.validity.is_some_and(|span| !whole(span) || !(1..=72).contains(&hours(span))) {
            return Err(AdapterError::new(NAME, "the validity is 1 to 72 whole hours"));
        }
        Ok(Esendex {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: BaseUrl::or_fixed(self.wiring.base, NAME, "https://api.esendex.com")?,
            account: self.account,
            senders: self.senders,
            validity: self.validity.map(hours),
        })
    }
}

crate::base::masked::debug_only!(EsendexBuilder: senders);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_when_built() {
        let account = Account::new("EX0000000", "user@example.com", "p").unwrap();
        let built = |sender| Esendex::builder(account.clone(), sender).build().is_ok();
        assert!(built(Sender::of_account()) && built(Sender::named("Example")));
        assert!(built(Sender::named("447700900123")));
        assert!(!built(Sender::named("Example Limited")) && !built(Sender::named("")));
        let half_hours = |count: u64| {
            let builder = Esendex::builder(account.clone(), Sender::of_account());
            builder.validity(Duration::from_secs(count * 1_800)).build().is_ok()
        };
        assert!(half_hours(2) && half_hours(144) && !half_hours(1) && !half_hours(146));
        for (reference, user, password) in [
            ("", "user", "p"),
            ("EX 1", "user", "p"),
            ("EX1", "", "p"),
            ("EX1", "a:b", "p"),
            ("EX1", "user", ""),
        ] {
            assert!(Account::new(reference, user, password).is_err(), "{reference} {user}");
        }
    }
}
