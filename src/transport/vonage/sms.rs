//! [`SmsApi`]: texts through Vonage's SMS API.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use form_urlencoded::Serializer;
use serde_json::Value;

use super::signature::signed_text;
use super::{Account, ERRORS, NAME, Sender, SigningAccount, without_sign};
use crate::base::time::Clock;
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};
use crate::message::{Encoding, Segments};
use crate::transport::json::{at, pick, plain, text, text_at, tree};
use crate::transport::{
    AdapterError, CallbackUrl, Handoff, HandoffError, HandoffErrorKind, OutboundSms, Price,
    ProviderApi, Senders, SmsTransport,
};

/// The longest callback that Vonage takes.
const LONGEST_CALLBACK: usize = 100;

/// An [`SmsTransport`] through Vonage's SMS API. See the [module](super).
#[derive(Debug)]
pub struct SmsApi {
    api: ProviderApi,
    base: BaseUrl,
    authentication: Authentication,
    clock: Arc<dyn Clock>,
    senders: Senders<Sender>,
    callback: Option<CallbackUrl>,
    validity: Option<Duration>,
    currency: Option<String>,
}

#[derive(Debug)]
enum Authentication {
    Secret(Credentials<Account>),
    Signature(Credentials<SigningAccount>),
}

impl SmsApi {
    /// A transport for `account` that sends as `senders`: one sender for all countries, or
    /// [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        senders: impl Into<Senders<Sender>>,
    ) -> SmsApiBuilder {
        SmsApiBuilder::new(Authentication::Secret(account.into()), senders.into())
    }

    /// The same with signed requests: the signature secret never leaves this machine, and a request
    /// that somebody has seen is worth nothing later. The host's clock must be right.
    #[must_use]
    pub fn builder_signed(
        account: impl Into<Credentials<SigningAccount>>,
        senders: impl Into<Senders<Sender>>,
    ) -> SmsApiBuilder {
        SmsApiBuilder::new(Authentication::Signature(account.into()), senders.into())
    }

    fn request(&self, sms: &OutboundSms) -> Result<HttpRequest, HandoffError> {
        let ttl = self.validity.map(|span| span.as_millis().to_string());
        let own = || self.senders.of(sms.region()).from();
        let sender = sms.registered_sender().map_or_else(own, without_sign);
        let mut fields = vec![
            ("to", without_sign(sms.expose_number())),
            ("from", sender),
            ("text", sms.expose_text()),
            ("client-ref", sms.idempotency_key().as_str()),
        ];
        // Without it Vonage replaces what GSM-7 does not have.
        if Segments::of(sms.expose_text()).encoding != Encoding::Gsm7 {
            fields.push(("type", "unicode"));
        }
        if let Some(registration) = sms.registration() {
            fields.extend(registration.entity_id().map(|id| ("entity-id", id)));
            fields.extend(registration.template_id().map(|id| ("content-id", id)));
        }
        fields.extend(self.callback.as_ref().map(|callback| ("callback", callback.plain())));
        fields.extend(ttl.as_deref().map(|ttl| ("ttl", ttl)));
        let request = HttpRequest::post(self.base.join("/sms/json"))
            .with_header("accept", "application/json");
        let form = "application/x-www-form-urlencoded";
        match &self.authentication {
            Authentication::Secret(account) => {
                let account = self.api.credentials(account)?;
                let request = request.with_basic_auth(account.key(), account.secret());
                Ok(request.with_body(form, encoded(&fields)))
            }
            Authentication::Signature(account) => {
                let account = self.api.credentials(account)?;
                let now = (self.clock.now().as_millis() / 1_000).to_string();
                fields.extend([("api_key", account.key()), ("timestamp", &now)]);
                let text = signed_text(fields.iter().copied());
                let signature =
                    text.and_then(|text| account.method().sign(account.secret(), &text));
                let signature = signature.ok_or_else(|| {
                    HandoffError::not_sent("the request cannot be signed")
                        .by(NAME)
                        .remedy("check the signature secret")
                        .alert_all()
                })?;
                fields.push(("sig", &signature));
                Ok(request.with_body(form, encoded(&fields)))
            }
        }
    }

    /// HTTP 200 says nothing: each part of the text has a status of its own.
    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        if let Some(handoff) = self.of_one_part(response) {
            return handoff;
        }
        let body = tree(response.body());
        let parts = at(&body, "/messages").as_array().map_or(&[][..], Vec::as_slice);
        if response.status() != 200 {
            return Err(self.api.rejected(response, code(parts).as_deref()));
        }
        // One part that was taken is paid for, whatever became of the others: never a fail-over.
        let taken: Vec<&Value> = parts.iter().filter(|part| is_taken(part)).collect();
        let Some(first) = taken.first() else {
            return Err(match code(parts) {
                Some(code) => self.api.rejected(response, Some(&code)),
                None => self.api.unreadable(),
            });
        };
        Ok(self
            .api
            .accepted(text_at(first, "/message-id"))?
            .priced(self.price(&taken))
            .in_segments(u32::try_from(taken.len()).ok())
            // Each part has a receipt with a price of its own and the same reference: by that, a text
            // of several parts would be settled at the price of one.
            .with_receipts_by_id())
    }

    /// The acceptance of a text that has one part, as most have; `None` if the answer is another.
    fn of_one_part(&self, response: &HttpResponse) -> Option<Result<Handoff, HandoffError>> {
        let [parts, status, id, price, second] = pick(response.body(), ONE_PART);
        let taken = response.status() == 200 && text(&status) == Some("0");
        if !taken || text(&parts) != Some("1") || second.is_some() {
            return None;
        }
        let price = text(&price).zip(self.currency.as_deref());
        let price = price.and_then(|(amount, currency)| Price::parse(amount, currency));
        let accepted = self.api.accepted(text(&id));
        Some(
            accepted
                .map(|handoff| handoff.priced(price).in_segments(Some(1)).with_receipts_by_id()),
        )
    }

    /// What all parts cost together, if the account's currency is known: the answer names none.
    fn price(&self, parts: &[&Value]) -> Option<Price> {
        let currency = self.currency.as_deref()?;
        let each = |part: &&Value| Price::parse(text_at(part, "/message-price")?, currency);
        let micros = parts
            .iter()
            .map(each)
            .try_fold(0_u64, |sum, price| sum.checked_add(price?.as_micros()))?;
        Price::from_micros(micros, currency)
    }
}

const ONE_PART: [&str; 5] = [
    "/message-count",
    "/messages/0/status",
    "/messages/0/message-id",
    "/messages/0/message-price",
    "/messages/1/status",
];

fn encoded(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn is_taken(part: &Value) -> bool {
    plain(at(part, "/status")).as_deref() == Some("0")
}

/// The status that decides: the first, unless another proves less.
fn code(parts: &[Value]) -> Option<String> {
    let proves_nothing = |code: &String| {
        let row = ERRORS.iter().find(|row| row.code == code);
        row.is_none_or(|row| row.kind == HandoffErrorKind::Indeterminate)
    };
    let all: Option<Vec<String>> = parts
        .iter()
        .filter(|part| !is_taken(part))
        .map(|part| plain(at(part, "/status")))
        .collect();
    let all = all?;
    all.iter().find(|code| proves_nothing(code)).or(all.first()).cloned()
}

#[async_trait]
impl SmsTransport for SmsApi {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let response = self.api.send(self.request(sms)?).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        match &self.authentication {
            Authentication::Secret(account) => self.api.credentials(account).map(drop),
            Authentication::Signature(account) => self.api.credentials(account).map(drop),
        }
    }
}

/// Settings of an [`SmsApi`] transport.
pub struct SmsApiBuilder {
    authentication: Authentication,
    senders: Senders<Sender>,
    wiring: Wiring,
    callback: Option<CallbackUrl>,
    validity: Option<Duration>,
    currency: Option<String>,
}

impl SmsApiBuilder {
    fn new(authentication: Authentication, senders: Senders<Sender>) -> Self {
        Self {
            authentication,
            senders,
            wiring: Wiring::default(),
            callback: None,
            validity: None,
            currency: None,
        }
    }

    wiring!(client);
    wiring!(base_url);
    wiring!(clock);

    /// Asks for delivery receipts to this address, in place of the account's; check them with
    /// [`SmsReceipts`](super::SmsReceipts). At most 100 characters. Nothing of the text is in it:
    /// its receipts are found by Vonage's message identifier, which the store keeps.
    #[must_use]
    pub fn callback(mut self, callback: CallbackUrl) -> Self {
        self.callback = Some(callback);
        self
    }

    /// How long Vonage may hold the text back before it fails it: 20 seconds to 7 days; 72 hours is
    /// Vonage's default. Networks have limits of their own.
    #[must_use]
    pub fn validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// The currency that the account is billed in, `EUR` for example: answers have the price without
    /// it, and an amount without a currency is not reported.
    #[must_use]
    pub fn billed_in(mut self, currency: impl Into<String>) -> Self {
        self.currency = Some(currency.into());
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if a sender, the callback, the validity or the currency is not of the form that
    /// Vonage documents, or the HTTP client could not be made.
    pub fn build(self) -> Result<SmsApi, AdapterError> {
        for sender in self.senders.iter() {
            sender.check(NAME)?;
        }
        if self.callback.as_ref().is_some_and(|url| url.plain().len() > LONGEST_CALLBACK) {
            return Err(AdapterError::new(NAME, "the callback has at most 100 characters"));
        }
        let span = Duration::from_secs(20)..=Duration::from_secs(604_800);
        if self.validity.is_some_and(|validity| !span.contains(&validity)) {
            return Err(AdapterError::new(NAME, "the validity is 20 seconds to 7 days"));
        }
        if self.currency.as_ref().is_some_and(|name| Price::from_micros(0, name).is_none()) {
            return Err(AdapterError::new(
                NAME,
                "the currency is three letters, `EUR` for example",
            ));
        }
        Ok(SmsApi {
            clock: self.wiring.clock(),
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: BaseUrl::or_fixed(self.wiring.base, NAME, "https://rest.nexmo.com")?,
            authentication: self.authentication,
            senders: self.senders,
            callback: self.callback,
            validity: self.validity,
            currency: self.currency,
        })
    }
}

crate::base::masked::debug_only!(SmsApiBuilder: senders);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_when_built() {
        let builder = || {
            let account = Account::new("abcd1234", "s").unwrap();
            SmsApi::builder(account, Sender::from_name("Example"))
        };
        assert!(builder().billed_in("eur").validity(Duration::from_secs(20)).build().is_ok());
        assert!(builder().billed_in("€").build().is_err());
        assert!(builder().validity(Duration::from_millis(19_999)).build().is_err());
        assert!(builder().validity(Duration::from_secs(604_801)).build().is_err());
        let url = |length: usize| format!("https://hooks.example.com/{}", "a".repeat(length - 26));
        assert!(builder().callback(url(100).parse().unwrap()).build().is_ok());
        assert!(builder().callback(url(101).parse().unwrap()).build().is_err());
    }

    #[test]
    fn the_status_that_proves_least_decides() {
        let parts = |all: &[&str]| -> Vec<Value> {
            all.iter().map(|status| serde_json::json!({ "status": status })).collect()
        };
        let code = |all: &[&str]| super::code(&parts(all));
        assert_eq!(code(&["1"]).as_deref(), Some("1"));
        assert_eq!(code(&["1", "4"]).as_deref(), Some("1"));
        assert_eq!(code(&["1", "5"]).as_deref(), Some("5"));
        assert_eq!(code(&["1", "777"]).as_deref(), Some("777"));
        assert_eq!(code(&["0"]), None);
        assert_eq!(code(&[]), None);
        let odd = [serde_json::json!({ "status": "1" }), serde_json::json!({})];
        assert_eq!(super::code(&odd), None, "a part without a status");
    }
}
