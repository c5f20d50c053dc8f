//! [`HttpResponse`]: a complete answer.

use std::fmt;
use std::time::Duration;

use super::date;

/// The longest pause that [`HttpResponse::retry_after`] reports. A provider that asks for more is
/// down, and whoever waits should look again after a day.
const LONGEST_PAUSE: u64 = 24 * 3_600;

/// A complete answer. `Debug` shows no body: a provider may repeat the number in it.
///
/// ```
/// use std::time::Duration;
/// use otpgate::http::HttpResponse;
///
/// let answer = HttpResponse::new(429).with_header("Retry-After", "2").with_body(b"slow down");
/// assert_eq!(answer.retry_after(), Some(Duration::from_secs(2)));
/// assert!(!format!("{answer:?}").contains("slow"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    status: u16,
    headers: Vec<(String, String)>,
    /// As the shipped client got them. Most are never asked for, so none is copied.
    #[cfg(feature = "reqwest")]
    received: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl HttpResponse {
    /// An answer with this status, without headers and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            #[cfg(feature = "reqwest")]
            received: reqwest::header::HeaderMap::new(),
            body: Vec::new(),
        }
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn with_received(mut self, headers: reqwest::header::HeaderMap) -> Self {
        self.received = headers;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let set = self.headers.iter().find(|(known, _)| known == name);
        #[cfg(feature = "reqwest")]
        let received = || self.received.get(name)?.to_str().ok();
        #[cfg(not(feature = "reqwest"))]
        let received = || None;
        set.map(|(_, value)| value.as_str()).or_else(received)
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How long the server asks to wait (`Retry-After`, RFC 9110 section 10.2.3), at most a day. A
    /// date counts from the answer's own `Date`, so that no clock of ours is asked.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        let seconds = if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
            value.parse().unwrap_or(u64::MAX)
        } else {
            let until = date::seconds(value)?;
            until.saturating_sub(date::seconds(self.header("date")?)?)
        };
        Some(Duration::from_secs(seconds.min(LONGEST_PAUSE)))
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&str, &str)]) -> Option<u64> {
        let answer = headers
            .iter()
            .fold(HttpResponse::new(503), |answer, (name, value)| answer.with_header(name, *value));
        answer.retry_after().map(|pause| pause.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        const DATE: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(asked(&[("Retry-After", "120")]), Some(120));
        assert_eq!(asked(&[("retry-after", " 0 ")]), Some(0));
        assert_eq!(asked(&[DATE, ("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")]), Some(30));
        let past = ("Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT");
        assert_eq!(asked(&[DATE, past]), Some(0));
        assert_eq!(
            asked(&[past]),
            None,
            "without a date of its own there is nothing to count from"
        );
        for broken in ["", "-5", "soon", "1.5", "Sun, 06 Nov 1994"] {
            assert_eq!(asked(&[DATE, ("Retry-After", broken)]), None, "{broken}");
        }
        assert_eq!(asked(&[("Retry-After", "99999999999999999999999")]), Some(86_400));
    }
}
