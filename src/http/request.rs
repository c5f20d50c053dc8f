//! [`HttpRequest`]: what is sent, wiped when dropped.

use std::fmt;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::base::secret::SecretText;

/// The method of a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl Method {
    /// As it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One request. Headers and body are wiped when it is dropped; `Debug` shows neither, nor the query,
/// nor a number in the path.
///
/// ```
/// use otpgate::http::{HttpRequest, SecretText};
///
/// let request = HttpRequest::post("https://api.example.com/sms?key=k")
///     .with_basic_auth("account", &SecretText::new("hush"))
///     .with_body("application/json", r#"{"to":"+15550100"}"#);
/// assert_eq!(request.header("authorization"), Some("Basic YWNjb3VudDpodXNo"));
/// let shown = format!("{request:?}");
/// assert!(shown.contains("api.example.com/sms") && !shown.contains("key=k"));
/// assert!(!shown.contains("YWNj") && !shown.contains("15550100"));
/// let asked = HttpRequest::get("https://api.example.com/numbers/+15550100");
/// assert!(format!("{asked:?}").contains("api.example.com/numbers/…"));
/// ```
pub struct HttpRequest {
    method: Method,
    url: String,
    headers: Vec<(&'static str, Zeroizing<String>)>,
    body: Zeroizing<Vec<u8>>,
}

impl HttpRequest {
    /// A `GET` of `url`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url.into())
    }

    /// A `POST` to `url`.
    #[must_use]
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url.into())
    }

    fn new(method: Method, url: String) -> Self {
        // Credentials, what is accepted, the content's type, and one of the provider's own.
        Self { method, url, headers: Vec::with_capacity(4), body: Zeroizing::default() }
    }

    /// Adds a header. Names are in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Zeroizing::new(value.into())));
        self
    }

    /// Adds `Authorization: Basic` (RFC 7617).
    #[must_use]
    pub fn with_basic_auth(self, user: &str, password: &SecretText) -> Self {
        let pair = Zeroizing::new([user, ":", password.expose_secret()].concat());
        let encoded = Zeroizing::new(Base64::encode_string(pair.as_bytes()));
        self.with_header("authorization", ["Basic ", &encoded].concat())
    }

    /// Adds `Authorization: Bearer` (RFC 6750).
    #[must_use]
    pub fn with_bearer_auth(self, token: &SecretText) -> Self {
        self.with_header("authorization", format!("Bearer {}", token.expose_secret()))
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn with_body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Zeroizing::new(body.into());
        self.with_header("content-type", content_type)
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers in the order in which they were added. Values are secret.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The body. It holds a number and a code.
    pub fn expose_body(&self) -> &[u8] {
        &self.body
    }

    /// The body, to hand on without a copy that nobody wipes.
    #[must_use]
    pub fn into_body(self) -> Zeroizing<Vec<u8>> {
        self.body
    }
}

/// `url` without the numbers in its path: what has seven digits or more in a row may be one.
fn masked(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at.saturating_add(3));
    let path = url.get(host..).and_then(|rest| rest.find('/')).unwrap_or(url.len());
    let (origin, mut rest) = url.split_at_checked(host.saturating_add(path)).unwrap_or((url, ""));
    let mut shown = origin.to_owned();
    while let Some(at) = rest.find(|symbol: char| symbol.is_ascii_digit()) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let end = from.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at_checked(end).unwrap_or((from, ""));
        let is_number = digits.len() >= 7;
        shown.push_str(if is_number { before.trim_end_matches('+') } else { before });
        shown.push_str(if is_number { "…" } else { digits });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = masked(self.url.split('?').next().unwrap_or_default());
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &url)
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_in_a_path_is_shown_however_it_is_written() {
        for (path, shown) in [
            ("/numbers/+15550100", "/numbers/…"),
            ("/numbers/%2B15550100", "/numbers/%2B…"),
            ("/numbers/%2b15550100.json", "/numbers/%2b….json"),
            ("/to:15550100/from:15550111", "/to:…/from:…"),
            ("/to-+15550100,15550111", "/to-…,…"),
            ("/v2/2010-04-01/123456", "/v2/2010-04-01/123456"),
        ] {
            let request = HttpRequest::get(format!("https://a1234567.example{path}?to=15550100"));
            let shown = format!("url: \"https://a1234567.example{shown}\"");
            let whole = format!("{request:?}");
            assert!(whole.contains(&shown), "{path}: {whole}");
        }
    }
}
