//! What the adapters over HTTP do alike: one question, and what every kind of answer means.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::base::time::Timestamp;
use crate::http::{
    BaseUrl, Credentials, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    ReqwestClient, SecretText, Wiring, rfc3339_millis,
};

use super::{
    AdapterError, CodeMeaning, CodeRow, HumanCheckError, HumanCheckErrorKind, HumanFailure,
    HumanVerdict,
};

/// For everything, look-up and connection included: a visitor waits, and the text is still to come. The
/// services answer in a tenth of a second.
const DEADLINE: Duration = Duration::from_secs(5);

/// How far the service's clock and ours may be apart: what a store allows two gates.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// The oldest response that passes unless the host says otherwise: Turnstile documents 300 seconds of
/// life, the others two minutes; but what reCAPTCHA dates is the *load* of the challenge.
pub(super) const MAX_AGE: Duration = Duration::from_secs(300);

/// Settings that all adapters have.
pub(super) struct Settings {
    pub(super) wiring: Wiring,
    pub(super) max_age: Duration,
    pub(super) client_address: bool,
    pub(super) test_keys: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let (max_age, client_address, test_keys) = (MAX_AGE, false, false);
        Self { wiring: Wiring::default(), max_age, client_address, test_keys }
    }
}

crate::base::masked::debug_only!(Settings: max_age, client_address);

/// The methods of a builder with a field `settings`.
macro_rules! settings {
    () => {
        /// Asks through this client. Without it, through a
        /// [`ReqwestClient`](crate::http::ReqwestClient) of its own that gives up after 5 seconds.
        #[must_use]
        pub fn client(mut self, client: impl crate::http::HttpClient) -> Self {
            self.settings.wiring.client = Some(std::sync::Arc::new(client));
            self
        }

        /// Another address of the interface: a proxy of the company's own, or a test server.
        #[must_use]
        pub fn base_url(mut self, base: crate::http::BaseUrl) -> Self {
            self.settings.wiring.base = Some(base);
            self
        }

        /// The oldest response that passes, by the time in the service's answer, at most
        /// [`HumanPass::LIFE`](super::HumanPass::LIFE). Default: 300 seconds, the longest life that a
        /// service documents. One minute more is allowed for clocks that differ.
        #[must_use]
        pub fn max_age(mut self, span: std::time::Duration) -> Self {
            self.settings.max_age = span;
            self
        }
    };
    (client_address) => {
        /// Passes the client's address to the service, where the gate knows it. Personal data leaves the
        /// house: name the service in your privacy notice. Default: it stays.
        #[must_use]
        pub fn pass_client_address(mut self) -> Self {
            self.settings.client_address = true;
            self
        }
    };
    (test_keys) => {
        /// Takes the secrets that the service publishes for tests, which pass everybody. Without it
        /// they are refused as [`Misconfigured`](super::HumanCheckErrorKind::Misconfigured).
        #[must_use]
        pub fn test_keys_danger(mut self) -> Self {
            self.settings.test_keys = true;
            self
        }
    };
}
pub(super) use settings;

/// A service's interface.
#[derive(Debug)]
pub(super) struct Service {
    provider: &'static str,
    client: Arc<dyn HttpClient>,
    url: String,
    codes: &'static [CodeRow],
    hosts: Vec<String>,
    max_age: Duration,
    pub(super) client_address: bool,
}

impl Service {
    pub(super) fn new(
        provider: &'static str,
        (base, path): (&str, &str),
        codes: &'static [CodeRow],
        hosts: Vec<String>,
        settings: Settings,
    ) -> Result<Self, AdapterError> {
        if settings.max_age > super::HumanPass::LIFE {
            let problem =
                "the oldest response is at most an hour old: the gate remembers no longer";
            return Err(AdapterError::new(provider, problem));
        }
        if hosts.is_empty() || !hosts.iter().all(|host| is_host(host)) {
            let problem = "give the host names of the pages that show the widget, such as \
                           `shop.example`: no scheme, no port, no wildcard";
            return Err(AdapterError::new(provider, problem));
        }
        let base = BaseUrl::or_fixed(settings.wiring.base, provider, base)?;
        let client = match settings.wiring.client {
            Some(client) => client,
            None => Arc::new(
                ReqwestClient::builder()
                    .deadline(DEADLINE)
                    .build()
                    .map_err(|error| AdapterError::new(provider, error.to_string()))?,
            ),
        };
        let (url, max_age) = (base.join(path), settings.max_age);
        let client_address = settings.client_address;
        Ok(Self { provider, client, url, codes, hosts, max_age, client_address })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The credentials of now.
    pub(super) fn current<C>(&self, source: &Credentials<C>) -> Result<C, HumanCheckError> {
        source.current().map_err(|error| {
            HumanCheckError::new(HumanCheckErrorKind::Misconfigured).caused_by(error)
        })
    }

    /// The secret of now, unless it is one that passes everybody.
    pub(super) fn secret(
        &self,
        source: &Credentials<SecretText>,
        test: Option<&[&str]>,
    ) -> Result<SecretText, HumanCheckError> {
        let secret = self.current(source)?;
        let value = secret.expose_secret();
        if value.is_empty() || value.trim() != value {
            let what =
                "the secret is empty or has blanks around it; copy it from the vendor's page";
            return Err(self.error(HumanCheckErrorKind::Misconfigured, what));
        }
        if test.is_some_and(|test| test.contains(&value)) {
            let what = "the secret is the published one for tests, which passes everybody; set the \
                        site's own, or say `test_keys_danger` in a test";
            return Err(self.error(HumanCheckErrorKind::Misconfigured, what));
        }
        Ok(secret)
    }

    /// The question of a `siteverify` interface, as a form.
    #[cfg(any(feature = "hcaptcha", feature = "recaptcha", feature = "turnstile"))]
    pub(super) fn form(
        &self,
        secret: &SecretText,
        fields: &[(&str, &str)],
        client: Option<IpAddr>,
    ) -> HttpRequest {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("secret", secret.expose_secret());
        form.extend_pairs(fields);
        if let Some(client) = client.filter(|_| self.client_address) {
            form.append_pair("remoteip", &client.to_string());
        }
        HttpRequest::post(&self.url)
            .with_header("accept", "application/json")
            .with_body("application/x-www-form-urlencoded", form.finish())
    }

    /// Sends `request`, once.
    pub(super) async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HumanCheckError> {
        let response = self.client.send(request).await.map_err(|error| {
            let kind = match error.kind() {
                HttpErrorKind::Invalid => HumanCheckErrorKind::Misconfigured,
                HttpErrorKind::TooLarge => HumanCheckErrorKind::Unreadable,
                _ => HumanCheckErrorKind::Unavailable,
            };
            let what = format!("the service gave no answer: {error}");
            let (provider, source) = (self.provider, Some(error));
            HumanCheckError::new(kind).caused_by(ServiceError { provider, what, source })
        })?;
        if (300..400).contains(&response.status()) {
            let what = format!(
                "a redirect (HTTP {}); check the base URL and any proxy, none is followed",
                response.status()
            );
            return Err(self.error(HumanCheckErrorKind::Misconfigured, what));
        }
        Ok(response)
    }

    pub(super) fn error(
        &self,
        kind: HumanCheckErrorKind,
        what: impl Into<String>,
    ) -> HumanCheckError {
        let (provider, what) = (self.provider, what.into());
        HumanCheckError::new(kind).caused_by(ServiceError { provider, what, source: None })
    }

    pub(super) fn unreadable(&self, what: impl Into<String>) -> HumanCheckError {
        self.error(HumanCheckErrorKind::Unreadable, what)
    }

    /// What an answer means whose body says nothing.
    pub(super) fn by_status(&self, status: u16) -> HumanCheckError {
        let kind = match status {
            408 | 429 | 500.. => HumanCheckErrorKind::Unavailable,
            401 | 403 | 404 | 405 => HumanCheckErrorKind::Misconfigured,
            _ => HumanCheckErrorKind::Unreadable,
        };
        self.error(kind, format!("HTTP {status} without a code that explains it"))
    }

    pub(super) fn row(&self, code: &str) -> Option<&'static CodeRow> {
        self.codes.iter().find(|row| row.code == code)
    }

    /// What a row means.
    pub(super) fn meaning(&self, row: &CodeRow) -> Result<HumanFailure, HumanCheckError> {
        match row.means {
            CodeMeaning::Failed(failure) => Ok(failure),
            CodeMeaning::Error(kind) => {
                let CodeRow { code, says, remedy, .. } = row;
                Err(self.error(kind, format!("{code}: {says}; {remedy}")))
            }
        }
    }

    /// What several codes mean together: an error if one is about the host or the service, since then
    /// nothing was judged; else the first.
    pub(super) fn no(&self, codes: &[&str]) -> Result<HumanFailure, HumanCheckError> {
        let mut failure = None;
        for code in codes {
            let Some(row) = self.row(code) else {
                return Err(self.unreadable(format!(
                    "a code that its pages do not list: {}; compare the adapter with them",
                    shown(code)
                )));
            };
            let meant = self.meaning(row)?;
            failure.get_or_insert(meant);
        }
        Ok(failure.unwrap_or(HumanFailure::NotHuman))
    }

    /// The body of an explicit yes; else what was said.
    pub(super) fn yes(
        &self,
        response: &HttpResponse,
    ) -> Result<Result<Value, HumanVerdict>, HumanCheckError> {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let codes = match body.get("error-codes") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(codes)) => codes.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        match (body.get("success").and_then(Value::as_bool), codes, response.status()) {
            (Some(true), Some(codes), 200) if codes.is_empty() => Ok(Ok(body)),
            // reCAPTCHA says so when the month's free quota is used up: success, a score of 0.9, and
            // "Over free quota." for everybody.
            (Some(true), Some(codes), 200) => {
                self.no(&codes)?;
                Err(self.unreadable("a yes with error codes"))
            }
            (Some(false), Some(codes), 200..=499) => {
                Ok(Err(HumanVerdict::Failed(self.no(&codes)?)))
            }
            (_, _, 200) => Err(self.unreadable("an answer without a readable `success`")),
            (_, _, status) => Err(self.by_status(status)),
        }
    }

    /// Whether the service names one of the site's own hosts: the whole name, whatever its case.
    pub(super) fn is_ours(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host)))
    }

    /// Whether a response of `stamp` is young enough.
    pub(super) fn is_fresh(
        &self,
        stamp: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, HumanCheckError> {
        let at = stamp
            .and_then(rfc3339_millis)
            .map(Timestamp::from_millis)
            .ok_or_else(|| self.unreadable("a yes without a time of the challenge"))?;
        let limit = self.max_age.saturating_add(CLOCKS_APART);
        Ok(now.since(at) <= limit && at.since(now) <= CLOCKS_APART)
    }
}

/// A string field of an answer.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// A score from 0 to 1.
pub(super) fn score(body: &Value) -> Option<f64> {
    body.get("score").and_then(Value::as_f64).filter(|score| (0.0..=1.0).contains(score))
}

/// Site keys, where a service knows no action: a purpose that needs its responses apart from the others
/// has a key of its own.
#[derive(Clone, Debug)]
pub(super) struct SiteKeys {
    default: String,
    own: Vec<(String, String)>,
}

impl SiteKeys {
    pub(super) fn new(default: String) -> Self {
        Self { default, own: Vec::new() }
    }

    pub(super) fn add(&mut self, purpose: String, key: String) {
        self.own.push((purpose, key));
    }

    /// The key of a purpose; of two that it was given the later.
    pub(super) fn of(&self, purpose: &str) -> &str {
        let own = self.own.iter().rev().find(|(name, _)| name == purpose);
        own.map_or(&self.default, |(_, key)| key)
    }

    pub(super) fn check(&self, provider: &'static str) -> Result<(), AdapterError> {
        let keys = std::iter::once(&self.default).chain(self.own.iter().map(|(_, key)| key));
        check_keys(provider, keys.map(String::as_str))
    }
}

pub(super) fn check_keys<'k>(
    provider: &'static str,
    keys: impl IntoIterator<Item = &'k str>,
) -> Result<(), AdapterError> {
    let right = |key: &str| {
        !key.is_empty() && key.len() <= 256 && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match keys.into_iter().all(right) {
        true => Ok(()),
        false => {
            let problem =
                "a site key is empty or has odd characters; copy it from the vendor's page";
            Err(AdapterError::new(provider, problem))
        }
    }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// A code that may stand in a log. It comes from the wire, and could be the response itself: codes are
/// words, responses have digits.
fn shown(code: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-');
    let fits = (1..=48).contains(&code.len()) && code.bytes().all(plain);
    if fits { code } else { "one that cannot be shown" }
}

/// Whose answer it was, and what was wrong with it.
#[derive(thiserror::Error)]
#[error("{provider}: {what}")]
struct ServiceError {
    provider: &'static str,
    what: String,
    source: Option<HttpError>,
}

crate::base::sentence::debug_as_sentence!(ServiceError);
