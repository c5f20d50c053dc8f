//! [`ReceiptRequest`]: the raw parts of an HTTP request, as signatures need them.

use std::fmt;

/// The raw parts of a provider's request. Nothing is decoded: a signature covers the exact text.
///
/// With axum, `url` is `format!("https://hooks.example.com{}", parts.uri)`: the public address that the
/// provider was given, not the one behind the proxy, with path and query as they came.
///
/// ```
/// use otpgate::transport::ReceiptRequest;
///
/// let headers = [("X-Twilio-Signature", "abc")];
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms?a=1",
///     headers: &headers,
///     body: b"MessageSid=SM1",
/// };
/// assert_eq!(request.header("x-twilio-signature"), Some("abc"));
/// assert_eq!(request.query(), "a=1");
/// ```
#[derive(Clone, Copy)]
pub struct ReceiptRequest<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// Scheme, host, path and query, exactly as the provider called it.
    pub url: &'a str,
    /// Names in any case, and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The raw body.
    pub body: &'a [u8],
}

impl<'a> ReceiptRequest<'a> {
    /// The value of the header with this name. `None` if there is none, or more than one: which of
    /// them was signed, nobody knows.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Whether there is a header with this name.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// What follows the first `?` in the URL.
    pub fn query(&self) -> &'a str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }
}

impl fmt::Debug for ReceiptRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptRequest")
            .field("method", &self.method)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}
