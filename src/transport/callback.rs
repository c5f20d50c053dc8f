//! [`CallbackUrl`]: where a provider sends its receipts, with the text's own key in it.

use std::fmt;
use std::str::FromStr;

use crate::http::{BaseUrl, BaseUrlError};

use super::CallbackKey;

/// The parameter that carries the key.
const PARAMETER: &str = "otpgate";

/// The host's endpoint for delivery receipts. Each text gets a URL of its own, with its
/// [`CallbackKey`] as a parameter: a receipt can come before the provider's answer, when nobody knows
/// the message identifier yet.
///
/// The key is no secret and proves nothing about the receipt; the provider's signature covers the URL.
///
/// ```
/// use otpgate::transport::{CallbackUrl, OutboundSms};
///
/// let callback: CallbackUrl = "https://hooks.example.com/sms?tenant=7".parse()?;
/// let sms = OutboundSms::for_test("+15550100", "text", [1; 16]);
/// let url = callback.of(sms.callback_key());
/// assert_eq!(url, "https://hooks.example.com/sms?tenant=7&otpgate=AQEBAQEBAQEBAQEBAQEBAQ");
/// assert_eq!(CallbackUrl::key_in(&url), Some("AQEBAQEBAQEBAQEBAQEBAQ"));
/// # Ok::<(), otpgate::http::BaseUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackUrl(String);

impl CallbackUrl {
    /// The URL of one text.
    #[must_use]
    pub fn of(&self, key: &CallbackKey) -> String {
        let joint = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{joint}{PARAMETER}={}", self.0, key.as_str())
    }

    /// How long the URL of one text is.
    #[cfg(feature = "twilio")]
    pub(super) fn len_with(&self, key: &CallbackKey) -> usize {
        let added = PARAMETER.len().saturating_add(2).saturating_add(key.as_str().len());
        self.0.len().saturating_add(added)
    }

    /// The key in the URL of a receipt, as the provider called it.
    #[must_use]
    pub fn key_in(url: &str) -> Option<&str> {
        let (_, query) = url.split_once('?')?;
        let mut values = query.rsplit('&').filter_map(|pair| pair.split_once('='));
        // Ours stands behind whatever the host's own URL has.
        let (_, key) = values.find(|(name, _)| *name == PARAMETER)?;
        Self::is_key(key).then_some(key)
    }

    /// Whether `text` has the form of a key: for providers that bring it back in a field of their own.
    #[must_use]
    pub fn is_key(text: &str) -> bool {
        CallbackKey::is_form(text)
    }

    /// The URL as it was configured, for a provider that carries the key in a field of its own.
    #[cfg(feature = "vonage")]
    pub(super) fn plain(&self) -> &str {
        &self.0
    }
}

impl FromStr for CallbackUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let _checked: BaseUrl = address.parse()?;
        let plain = query.bytes().all(|byte| byte.is_ascii_graphic()) && !query.contains('#');
        // The slash at the end counts in a signature: the text is kept as it is.
        if plain { Ok(Self(text.to_owned())) } else { Err(BaseUrlError) }
    }
}

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Path and query may hold a token.
        let base = self.0.split(['/', '?']).nth(2).unwrap_or_default();
        f.debug_tuple("CallbackUrl").field(&base).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::OutboundSms;

    #[test]
    fn neither_path_nor_query_is_shown() {
        for url in ["https://a.example?token=x", "https://a.example/token?x", "https://a.example/"]
        {
            let callback: CallbackUrl = url.parse().unwrap();
            assert_eq!(format!("{callback:?}"), r#"CallbackUrl("a.example")"#);
        }
    }

    #[test]
    fn the_key_is_found_beside_a_parameter_of_the_same_name() {
        let sms = OutboundSms::for_test("+15550100", "text", [1; 16]);
        let callback: CallbackUrl = "https://a.example/sms?otpgate=yes".parse().unwrap();
        let url = callback.of(sms.callback_key());
        assert_eq!(CallbackUrl::key_in(&url), Some(sms.callback_key().as_str()));
    }
}
