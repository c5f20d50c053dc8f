//! [`BaseUrl`]: where a provider's interface stands.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::base::adapter_error::AdapterError;

/// Scheme, host and port, and perhaps a path: `https://api.example.com`. Always `https`, but for
/// this machine itself, where a test server may speak plain `http`.
///
/// ```
/// use otpgate::http::BaseUrl;
///
/// let base: BaseUrl = "https://api.example.com/".parse()?;
/// assert_eq!(base.join("/v1/messages"), "https://api.example.com/v1/messages");
/// assert_eq!(base.host(), "api.example.com");
///
/// assert!("http://127.0.0.1:8080".parse::<BaseUrl>().is_ok());
/// assert!("http://api.example.com".parse::<BaseUrl>().is_err(), "credentials in the clear");
/// assert!("https://user:pass@example.com".parse::<BaseUrl>().is_err());
/// # Ok::<(), otpgate::http::BaseUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// Without a slash at the end.
    text: String,
}

impl BaseUrl {
    /// Where an interface stands: the host's own address of it, or the one that `provider` documents.
    #[cfg_attr(
        not(all(feature = "esendex", feature = "hcaptcha")),
        allow(dead_code, reason = "only adapters with one fixed address need it")
    )]
    pub(crate) fn or_fixed(
        own: Option<Self>,
        provider: &'static str,
        fixed: &str,
    ) -> Result<Self, AdapterError> {
        let read = || {
            fixed.parse().map_err(|_| AdapterError::new(provider, "the interface has no address"))
        };
        own.map_or_else(read, Ok)
    }

    /// The URL of `path`, which begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The URL as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, as they are written.
    pub fn authority(&self) -> &str {
        let after = self.text.split_once("://").map_or("", |(_, rest)| rest);
        after.split('/').next().unwrap_or_default()
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        host(self.authority())
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.contains(['@', '?', '#', '\\', '"', '<', '>', '%']);
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let name = host(authority);
        if !plain || !host_is_right(name) || !port_is_right(authority, name) {
            return Err(BaseUrlError);
        }
        let here = name.eq_ignore_ascii_case("localhost")
            || in_brackets(name).unwrap_or(name).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match scheme {
            "https" => {}
            "http" if here => {}
            _ => return Err(BaseUrlError),
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned() })
    }
}

/// The host in `host`, `host:port` or `[v6]:port`.
fn host(authority: &str) -> &str {
    match authority.find(']') {
        Some(end) => authority.get(..=end).unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets: what every HTTP client reads alike.
fn host_is_right(host: &str) -> bool {
    match in_brackets(host) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            let in_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.bytes().all(in_a_name)
        }
    }
}

fn in_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

fn port_is_right(authority: &str, host: &str) -> bool {
    match authority.get(host.len()..) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BaseUrl").field(&self.text).finish()
    }
}

/// Text that is no [`BaseUrl`].
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a base URL; write https://host, or http:// for a server on this machine, without user, \
     query and fragment"
)]
pub struct BaseUrlError;

crate::base::sentence::debug_as_sentence!(BaseUrlError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine() {
        for good in [
            "https://api.example.com",
            "https://api.example.com:8443/base/",
            "http://localhost:8080",
            "http://127.0.0.1:1",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
        ] {
            assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.example.com",
            "https://",
            "https://:443",
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "ftp://localhost",
            "HTTPS://example.com",
            "https://a@example.com",
            "https://example.com?x",
            "https://example.com#x",
            "https://example.com:port",
            "https://example.com:99999",
            "https://exa mple.com",
            "https://example.com\\@evil.example",
            "https://[::1",
            "http://::1[]:8080",
            "http://[[::1]]",
            "http://[]127.0.0.1[]",
            "https://[api.example.com]",
            "https://[::1%25lo]",
            "https://api.example.com,evil.example",
        ] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }
}
