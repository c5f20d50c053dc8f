//! [`HttpTransport`]: any provider with an HTTP interface, described by a template.
//!
//! A template says what is sent and how to read the answer. It is a value of the host's configuration,
//! in TOML as a rule, and implements [`Deserialize`](serde::Deserialize):
//!
//! ```toml
//! name = "example"
//!
//! [request]
//! method = "POST"
//! url = "https://api.example.com/v1/texts"
//! bearer = "{secret.api_key}"
//! json = { to = "{number}", from = "{sender}", text = "{text}", webhook = "{callback}" }
//!
//! [answer]
//! success = [202]
//! id = "/message/id"
//! code = ["/error/code"]
//!
//! [[error]]
//! code = "no-such-number"
//! kind = "refused"
//! meaning = "the number is not valid"
//! remedy = "ask for another number"
//! number = "invalid"
//!
//! [[error]]
//! code = "HTTP 401"
//! kind = "not-sent"
//! meaning = "the API key is not accepted"
//! remedy = "check the API key"
//! every_text = true
//! ```
//!
//! `docs/providers.md` has every key, and three templates of real providers. What the template does not
//! say is as with every adapter here: one request, no redirect, success is a documented status and a
//! message identifier, and what no row explains is *indeterminate*.
//!
//! # Secrets
//!
//! None stands in a template. `{secret.api_key}` asks the source that the host gives for `api_key`, for
//! each text anew. Scheme and host of the URL are fixed text: no value can send a secret elsewhere.
//!
//! # A repeat
//!
//! Nothing is repeated. `{key}` hands the idempotency key to a provider that takes one; whether a
//! repeat is safe then, its documentation says.
//!
//! # What a template cannot describe
//!
//! A request that is signed (OVH), a token that is fetched first (OAuth), and an answer that means one thing
//! or the other by its prose. Write an adapter for those, with [`ProviderApi`].

mod answer;
mod body;
mod error;
mod file;
mod intern;
mod pattern;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use super::{
    AdapterError, CallbackUrl, ErrorRow, Handoff, HandoffError, OutboundSms, ProviderApi, Senders,
    SmsTransport,
};
use crate::http::{
    BaseUrl, CredentialError, Credentials, HttpRequest, Method, SecretText, Wiring, wiring,
};
use answer::Reader;
use body::{Body, Fields};
use pattern::{Pattern, Place, Values};

pub use error::TemplateError;

/// A provider's HTTP interface, as a template describes it. See the [module](self).
///
/// ```
/// use otpgate::transport::template::HttpTemplate;
///
/// # let toml = |text| serde_json::from_str::<HttpTemplate>(text); // the same keys
/// let error = toml(r#"{
///     "name": "example",
///     "request": { "method": "POST", "url": "https://api.example.com/v1",
///                  "bearer": "a credential", "form": { "to": "{number}", "text": "{text}" } },
///     "answer": { "success": [200], "id": "/id" }
/// }"#).unwrap_err();
/// let sentence = error.to_string();
/// assert!(sentence.contains("request.bearer") && sentence.contains("{secret.NAME}"));
/// assert!(!sentence.contains("a credential"));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct HttpTemplate {
    name: &'static str,
    method: Method,
    base: BaseUrl,
    path: Pattern,
    query: Fields,
    headers: Vec<(&'static str, Pattern)>,
    basic: Option<(Pattern, Pattern)>,
    bearer: Option<Pattern>,
    body: Body,
    answer: Reader,
    errors: Vec<ErrorRow>,
}

impl HttpTemplate {
    /// The provider's name in outcomes, events and errors.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its error table.
    pub fn errors(&self) -> &[ErrorRow] {
        &self.errors
    }

    /// The names of the secrets that it asks for, sorted.
    pub fn secrets(&self) -> Vec<String> {
        let secret = |place: &Place| match place {
            Place::Secret(name) => Some(name.clone()),
            _ => None,
        };
        let mut names: Vec<_> =
            self.patterns().flat_map(Pattern::places).filter_map(secret).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Where number and text may stand.
    fn content(&self) -> impl Iterator<Item = &Pattern> {
        let fields = self.query.patterns().chain(self.body.patterns());
        fields.chain(std::iter::once(&self.path))
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        let basic = self.basic.iter().flat_map(|(user, password)| [user, password]);
        let headers = self.headers.iter().map(|(_, pattern)| pattern);
        self.content().chain(headers).chain(basic).chain(&self.bearer)
    }

    /// The request, but for a missing value that it cannot be without.
    fn request(&self, base: &BaseUrl, values: &Values<'_>) -> Result<HttpRequest, Unwritten> {
        let path = self.path.fill(values, |value| Some(of_path(value))).flatten();
        let mut url = base.join(&path.ok_or(Unwritten::Missing)?);
        if !self.query.0.is_empty() {
            url.push('?');
            url.push_str(&self.query.write(values));
        }
        let mut request = match self.method {
            Method::Get => HttpRequest::get(url),
            Method::Post => HttpRequest::post(url),
        };
        if let Some((user, password)) = &self.basic {
            let filled = |pattern: &Pattern| pattern.plain(values).ok_or(Unwritten::Missing);
            let password = SecretText::new(filled(password)?.as_str());
            request = request.with_basic_auth(&filled(user)?, &password);
        }
        if let Some(bearer) = &self.bearer {
            let token = bearer.plain(values).ok_or(Unwritten::Missing)?;
            request = request.with_bearer_auth(&SecretText::new(token.as_str()));
        }
        for (name, pattern) in &self.headers {
            if let Some(value) = pattern.plain(values) {
                request = request.with_header(name, value.as_str());
            }
        }
        match self.body.content_type() {
            None => Ok(request),
            Some(kind) => {
                let body = self.body.write(values).map_err(|_| Unwritten::Uncarried)?;
                Ok(request.with_body(kind, body))
            }
        }
    }
}

/// Why there is no request.
enum Unwritten {
    Missing,
    Uncarried,
}

/// `value` as a segment of a path (RFC 3986).
fn of_path(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// An [`SmsTransport`] through the provider of a template. See the [module](self).
#[derive(Debug)]
pub struct HttpTransport {
    api: ProviderApi,
    template: HttpTemplate,
    base: BaseUrl,
    secrets: Credentials<BTreeMap<String, SecretText>>,
    senders: Option<Senders<String>>,
    callback: Option<CallbackUrl>,
}

impl HttpTransport {
    /// A transport through the provider of `template`. `secrets` gives each secret by its name, for
    /// every text anew; it is called on the path of a request and must not block.
    #[must_use]
    pub fn builder(
        template: HttpTemplate,
        secrets: impl Fn(&str) -> Result<SecretText, CredentialError> + Send + Sync + 'static,
    ) -> HttpTransportBuilder {
        let names = template.secrets();
        let each = move |name: &String| match secrets(name)? {
            empty if empty.is_empty() => Err(CredentialError::new(format!(
                "the secret `{name}` is empty; set it where the others come from"
            ))),
            secret => Ok((name.clone(), secret)),
        };
        HttpTransportBuilder {
            secrets: Credentials::from_fn(move || names.iter().map(&each).collect()),
            template,
            wiring: Wiring::default(),
            senders: None,
            callback: None,
        }
    }

    fn unsent(&self, why: &Unwritten) -> HandoffError {
        let (cause, remedy) = match why {
            Unwritten::Missing => (
                "a value that the request cannot be without is missing",
                "leave it out of url, basic and bearer, or see that every text has it",
            ),
            Unwritten::Uncarried => (
                "the text has a character that XML cannot carry",
                "take control characters out of the message format",
            ),
        };
        HandoffError::not_sent(cause).by(self.template.name).remedy(remedy).alert()
    }
}

#[async_trait]
impl SmsTransport for HttpTransport {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let secrets = self.api.credentials(&self.secrets)?;
        let own = || self.senders.as_ref().map(|senders| senders.of(sms.region()).as_str());
        let callback = self.callback.as_ref().map(|callback| callback.of(sms.callback_key()));
        let values = Values {
            sms,
            sender: sms.registered_sender_as_given().or_else(own),
            callback: callback.as_deref(),
            secrets: &secrets,
        };
        let request = self.template.request(&self.base, &values);
        let request = request.map_err(|why| self.unsent(&why))?;
        let response = self.api.send(request).await?;
        let handoff = self.template.answer.read(&self.api, &self.template.errors, &response)?;
        let by_id = self.template.answer.receipts_by_id;
        Ok(if by_id { handoff.with_receipts_by_id() } else { handoff })
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.secrets).map(drop)
    }
}

/// Settings of an [`HttpTransport`].
pub struct HttpTransportBuilder {
    template: HttpTemplate,
    secrets: Credentials<BTreeMap<String, SecretText>>,
    wiring: Wiring,
    senders: Option<Senders<String>>,
    callback: Option<CallbackUrl>,
}

impl HttpTransportBuilder {
    wiring!(client);
    wiring!(
        base_url:
        "Another scheme and host than the template's: a proxy of the company's own, or a test \
         server on this machine."
    );

    /// What `{sender}` stands for: one sender for all countries, or [`Senders`] with some of their own.
    #[must_use]
    pub fn senders(mut self, senders: impl Into<Senders<String>>) -> Self {
        self.senders = Some(senders.into());
        self
    }

    /// What `{callback}` stands for: the host's endpoint for receipts, with each text's key.
    #[must_use]
    pub fn callback(mut self, callback: CallbackUrl) -> Self {
        self.callback = Some(callback);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the template has a `{sender}` and there is none, a sender is empty, longer
    /// than 20 characters or has line breaks, or the HTTP client could not be made.
    pub fn build(self) -> Result<HttpTransport, AdapterError> {
        let name = self.template.name;
        let asks_sender = self.template.patterns().any(|pattern| pattern.uses(&Place::Sender));
        if asks_sender && self.senders.is_none() {
            return Err(AdapterError::new(name, "the template has a {sender}; set `senders`"));
        }
        let right = |sender: &String| {
            (1..=20).contains(&sender.len()) && !sender.chars().any(char::is_control)
        };
        if !self.senders.iter().flat_map(Senders::iter).all(right) {
            return Err(AdapterError::new(name, "a sender has 1 to 20 characters"));
        }
        let errors = self.template.errors.clone();
        Ok(HttpTransport {
            api: ProviderApi::with_default_client(name, self.wiring.client, errors)?,
            base: self.wiring.base.unwrap_or_else(|| self.template.base.clone()),
            template: self.template,
            secrets: self.secrets,
            senders: self.senders,
            callback: self.callback,
        })
    }
}

impl fmt::Debug for HttpTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransportBuilder")
            .field("template", &self.template.name)
            .field("senders", &self.senders)
            .finish_non_exhaustive()
    }
}
