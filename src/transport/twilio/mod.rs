//! [`Twilio`]: texts through Twilio's Messages resource, and its delivery receipts.
//!
//! ```no_run
//! use otpgate::transport::twilio::{Account, Receipts, Sender, Twilio};
//!
//! let token = std::env::var("TWILIO_AUTH_TOKEN")?;
//! let account = Account::with_token(std::env::var("TWILIO_ACCOUNT_SID")?, token.as_str())?;
//! let transport = Twilio::builder(account, Sender::from_number("+15550100"))
//!     .status_callback("https://hooks.example.com/sms".parse()?)
//!     .build()?;
//! let receipts = Receipts::with_auth_token(otpgate::transport::SecretText::new(token));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Lookup`] asks Twilio what it knows of a number before a text is paid for.
//!
//! # A repeat
//!
//! Twilio takes no idempotency key: a repeated request is a second text and a second charge. The
//! adapter makes one request for each text.
//!
//! # Registrations
//!
//! The Messages resource has no fields for them: Twilio's sender team registers templates and headers of
//! India's DLT, and a 10DLC campaign belongs to its messaging service or number. A registered
//! [sender](crate::message::Registration::sender) goes as `From`. `ContentSid` is not used: Twilio would
//! write the text from a template of its own, and nobody would have read it back.
//!
//! # The text unchanged
//!
//! Switch *Smart Encoding* off in a messaging service: it replaces characters, and a phone may then
//! not find the code. Twilio's own code products (Verify) keep the code to themselves; they are no
//! transport for this crate.

mod account;
mod error;
mod lookup;
mod receipt;

use std::time::Duration;

use async_trait::async_trait;
use form_urlencoded::Serializer;

use super::json::{pick, text};
use super::{
    AdapterError, CallbackUrl, Handoff, HandoffError, OutboundSms, Price, ProviderApi, Senders,
    SmsTransport,
};
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};

pub use account::{Account, Sender};
pub use error::{ERRORS, FAULTS};
pub use lookup::{Lookup, LookupBuilder};
pub use receipt::Receipts;

/// The provider's name in outcomes, events and errors.
pub const NAME: &str = "twilio";

/// An [`SmsTransport`] through Twilio. See the [module](self).
#[derive(Debug)]
pub struct Twilio {
    api: ProviderApi,
    base: BaseUrl,
    account: Credentials<Account>,
    senders: Senders<Sender>,
    callback: Option<CallbackUrl>,
    validity: Option<Duration>,
}

impl Twilio {
    /// A transport for `account` that sends as `senders`: one sender for all countries, or
    /// [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        senders: impl Into<Senders<Sender>>,
    ) -> TwilioBuilder {
        TwilioBuilder {
            account: account.into(),
            senders: senders.into(),
            wiring: Wiring::default(),
            edge: None,
            region: None,
            callback: None,
            validity: None,
        }
    }

    fn request(&self, account: &Account, sms: &OutboundSms) -> HttpRequest {
        let url = [self.base.as_str(), "/2010-04-01/Accounts/", account.sid(), "/Messages.json"];
        let own = || self.senders.of(sms.region()).field();
        let (name, sender) = sms.registered_sender().map_or_else(own, |sender| ("From", sender));
        let mut form = Serializer::new(String::with_capacity(self.room(sms, sender)));
        form.append_pair("To", sms.expose_number());
        form.append_pair(name, sender);
        form.append_pair("Body", sms.expose_text());
        if let Some(callback) = &self.callback {
            form.append_pair("StatusCallback", &callback.of(sms.callback_key()));
        }
        if let Some(validity) = self.validity {
            form.append_pair("ValidityPeriod", &validity.as_secs().to_string());
        }
        HttpRequest::post(url.concat())
            .with_basic_auth(account.user(), account.secret())
            .with_header("accept", "application/json")
            .with_body("application/x-www-form-urlencoded", form.finish())
    }

    /// More than the form takes, however much of it is encoded: a buffer that moves leaves a copy of
    /// number and text behind unwiped.
    fn room(&self, sms: &OutboundSms, sender: &str) -> usize {
        let callback = match &self.callback {
            Some(callback) => callback.len_with(sms.callback_key()),
            None => 0,
        };
        [sms.expose_number().len(), sender.len(), sms.expose_text().len(), callback]
            .into_iter()
            .fold(96, |room, length| room.saturating_add(length.saturating_mul(3)))
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        if response.status() != 201 {
            return Err(self.api.rejected(response, code(response).as_deref()));
        }
        let [id, amount, unit, segments] =
            pick(response.body(), ["/sid", "/price", "/price_unit", "/num_segments"]);
        let price = text(&amount).zip(text(&unit));
        // 0 until a messaging service has chosen its sender.
        let segments = text(&segments).and_then(|count| count.parse().ok());
        Ok(self
            .api
            .accepted(text(&id))?
            .priced(price.and_then(|(amount, unit)| Price::parse(amount, unit)))
            .in_segments(segments.filter(|count| *count > 0)))
    }
}

/// A number in errors of the API; absent if a proxy in between answers with HTML.
fn code(response: &HttpResponse) -> Option<String> {
    let [code] = pick(response.body(), ["/code"]);
    code?.number().map(|code| code.to_string())
}

#[async_trait]
impl SmsTransport for Twilio {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let account = self.api.credentials(&self.account)?;
        let response = self.api.send(self.request(&account, sms)).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.account).map(drop)
    }
}

/// Settings of a [`Twilio`] transport.
pub struct TwilioBuilder {
    account: Credentials<Account>,
    senders: Senders<Sender>,
    wiring: Wiring,
    edge: Option<String>,
    region: Option<String>,
    callback: Option<CallbackUrl>,
    validity: Option<Duration>,
}

impl TwilioBuilder {
    wiring!(client);
    wiring!(
        base_url:
        "Another address of the whole interface, in place of edge and region: a proxy of the \
         company's own, or a test server on this machine."
    );

    /// Enters Twilio's network here: `dublin`, for example.
    #[must_use]
    pub fn edge(mut self, edge: impl Into<String>) -> Self {
        self.edge = Some(edge.into());
        self
    }

    /// Has the text processed and stored in this region: `ie1`, for example. Each region has
    /// credentials of its own; those of another are answered with error 20003.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Asks for delivery receipts to this address; check them with [`Receipts`].
    #[must_use]
    pub fn status_callback(mut self, callback: CallbackUrl) -> Self {
        self.callback = Some(callback);
        self
    }

    /// How long Twilio may hold the text back before it fails it: between one second and ten hours,
    /// which is Twilio's default. A code that has expired is not worth its price.
    #[must_use]
    pub fn validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender, edge, region or validity is not of the form that Twilio
    /// documents, or the HTTP client could not be made.
    pub fn build(self) -> Result<Twilio, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        if self.validity.is_some_and(|span| !(1..=36_000).contains(&span.as_secs())) {
            return Err(AdapterError::new(NAME, "the validity is between 1 and 36000 seconds"));
        }
        let base = match self.wiring.base {
            Some(base) => base,
            None => address(self.edge.as_deref(), self.region.as_deref())?,
        };
        Ok(Twilio {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base,
            account: self.account,
            senders: self.senders,
            callback: self.callback,
            validity: self.validity,
        })
    }
}

crate::base::masked::debug_only!(TwilioBuilder: senders, edge, region);

/// `api[.edge][.region].twilio.com`; an edge alone is one of region `us1`.
fn address(edge: Option<&str>, region: Option<&str>) -> Result<BaseUrl, AdapterError> {
    let label = |text: &&str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if ![edge, region].into_iter().flatten().all(|text| label(&text)) {
        let problem = "edge and region are names such as `dublin` and `ie1`";
        return Err(AdapterError::new(NAME, problem));
    }
    let host = match (edge, region) {
        (None, None) => "api.twilio.com".to_owned(),
        (None, Some(region)) => format!("api.{region}.twilio.com"),
        (Some(edge), region) => format!("api.{edge}.{}.twilio.com", region.unwrap_or("us1")),
    };
    format!("https://{host}")
        .parse()
        .map_err(|_| AdapterError::new(NAME, "edge and region make no host name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_and_region_make_the_host() {
        let host = |edge, region| address(edge, region).map(|base| base.host().to_owned());
        assert_eq!(host(None, None).unwrap(), "api.twilio.com");
        assert_eq!(host(None, Some("ie1")).unwrap(), "api.ie1.twilio.com");
        assert_eq!(host(Some("dublin"), None).unwrap(), "api.dublin.us1.twilio.com");
        assert_eq!(host(Some("dublin"), Some("ie1")).unwrap(), "api.dublin.ie1.twilio.com");
        for bad in ["", "a.b", "evil.example/", "a b"] {
            assert!(host(Some(bad), None).is_err(), "{bad}");
            assert!(host(None, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_are_checked_when_built() {
        let account = Account::with_token(format!("AC{:032}", 0), "token").unwrap();
        let build = |sender| Twilio::builder(account.clone(), sender).build().map(drop);
        assert!(build(Sender::from_number("155501001234")).is_err());
        assert!(build(Sender::from_name("Example")).is_ok());
        let odd = Twilio::builder(account.clone(), Sender::from_name("Example"));
        assert!(odd.validity(Duration::ZERO).build().is_err());
    }
}
