//! [`ApiKey`] and [`Sender`]: who pays and who the text comes from.

use super::NAME;
use crate::transport::{AdapterError, SecretText};

/// An API key of an Infobip account. `Debug` shows nothing of it.
///
/// ```
/// use otpgate::transport::infobip::ApiKey;
///
/// assert!(ApiKey::new("0123456789abcdef-0123").is_ok());
/// assert!(ApiKey::new("").is_err(), "an environment variable that is not set");
/// assert!(ApiKey::new("0123456789abcdef\n").is_err(), "a file with its line break");
/// ```
#[derive(Clone, Debug)]
pub struct ApiKey(SecretText);

impl ApiKey {
    /// The key as Infobip's portal shows it, without the word `App`.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if it is empty, or has blanks, line breaks or characters outside of ASCII.
    pub fn new(key: impl Into<String>) -> Result<Self, AdapterError> {
        let key = SecretText::new(key);
        if key.is_empty() || !key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = "the API key is empty, or has blanks or line breaks; give it without App";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self(key))
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.0
    }
}

/// Who a text comes from. Many countries want it registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(String);

impl Sender {
    /// A number or short code of 3 to 15 digits, with or without `+`.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self(number.into())
    }

    /// A name of up to 11 printable characters, one letter at least.
    #[must_use]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The field `sender`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn check(&self) -> Result<(), AdapterError> {
        let digits = self.0.strip_prefix('+').unwrap_or(&self.0);
        let number =
            (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let name = (1..=11).contains(&self.0.len())
            && self.0.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            && self.0.bytes().any(|byte| byte.is_ascii_alphabetic());
        if number || name {
            return Ok(());
        }
        let problem =
            "the sender is a name of 1 to 11 characters, one letter at least, or 3 to 15 digits";
        Err(AdapterError::new(NAME, problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_checked() {
        for good in ["+15550100", "12345", "447491163443"] {
            assert!(Sender::from_number(good).check().is_ok(), "{good}");
        }
        for good in ["Example", "My Shop 24", "A.B-C"] {
            assert!(Sender::from_name(good).check().is_ok(), "{good}");
        }
        for bad in ["", "+", "12", "1234567890123456", "Twelve chars", "Käse", "--", "a\n"] {
            assert!(Sender::from_name(bad).check().is_err(), "{bad}");
        }
    }
}
