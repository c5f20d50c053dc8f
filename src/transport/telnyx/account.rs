//! [`ApiKey`] and [`Sender`]: who pays and who the text comes from.

use super::NAME;
use crate::transport::sender::{is_digits, is_e164, is_name};
use crate::transport::{AdapterError, SecretText};

/// An API key of a Telnyx account, `KEY…`. `Debug` shows nothing of it.
///
/// ```
/// use otpgate::transport::telnyx::ApiKey;
///
/// assert!(ApiKey::new("KEY0123456789").is_ok());
/// assert!(ApiKey::new("").is_err(), "an environment variable that is not set");
/// assert!(ApiKey::new("KEY0123456789\n").is_err(), "a file with its line break");
/// ```
#[derive(Clone, Debug)]
pub struct ApiKey(SecretText);

impl ApiKey {
    /// The key as Telnyx's portal shows it.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if it is empty, or has blanks, line breaks or characters outside of ASCII.
    pub fn new(key: impl Into<String>) -> Result<Self, AdapterError> {
        let key = SecretText::new(key);
        if key.is_empty() || !key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = "the API key is empty, or has blanks or line breaks; copy it again";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self(key))
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.0
    }
}

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender {
    from: Option<From>,
    profile: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum From {
    Number(String),
    ShortCode(String),
    Name(String),
}

impl Sender {
    /// A number of the account, in E.164: `+15550100`. It must have a messaging profile.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self { from: Some(From::Number(number.into())), profile: None }
    }

    /// A short code of the account: five to eight digits.
    #[must_use]
    pub fn from_short_code(code: impl Into<String>) -> Self {
        Self { from: Some(From::ShortCode(code.into())), profile: None }
    }

    /// A name of up to 11 letters, digits and blanks, with the messaging profile that it is
    /// configured in.
    #[must_use]
    pub fn from_name(name: impl Into<String>, profile: impl Into<String>) -> Self {
        Self { from: Some(From::Name(name.into())), profile: Some(profile.into()) }
    }

    /// Whatever number of the messaging profile's pool Telnyx chooses.
    #[must_use]
    pub fn from_pool(profile: impl Into<String>) -> Self {
        Self { from: None, profile: Some(profile.into()) }
    }

    /// The field `from`.
    pub(super) fn from(&self) -> Option<&str> {
        self.from.as_ref().map(|from| match from {
            From::Number(text) | From::ShortCode(text) | From::Name(text) => text.as_str(),
        })
    }

    /// The field `messaging_profile_id`.
    pub(super) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    pub(super) fn check(&self) -> Result<(), AdapterError> {
        let problem = match (&self.from, &self.profile) {
            (Some(From::Number(number)), _) if !is_e164(number) => {
                "the sender's number is + and 7 to 15 digits"
            }
            (Some(From::ShortCode(code)), _)
                if !(5..=8).contains(&code.len()) || !is_digits(code) =>
            {
                "the short code is five to eight digits"
            }
            (Some(From::Name(name)), _) if !is_name(name, b" ") => {
                "the sender's name is 1 to 11 letters, digits and blanks, one letter at least"
            }
            (_, Some(profile)) if !is_identifier(profile) => {
                "the messaging profile is its identifier, a UUID; copy it from the portal"
            }
            _ => return Ok(()),
        };
        Err(AdapterError::new(NAME, problem))
    }
}

/// The form of a UUID.
fn is_identifier(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hexadecimal = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_checked() {
        const PROFILE: &str = "4000eba1-a0c0-4563-9925-b25e842a7cb6";
        for good in [
            Sender::from_number("+15550100"),
            Sender::from_short_code("12345"),
            Sender::from_name("My Shop 24", PROFILE),
            Sender::from_pool(PROFILE),
        ] {
            assert!(good.check().is_ok(), "{good:?}");
        }
        for bad in [
            Sender::from_number("15550100"),
            Sender::from_number(""),
            Sender::from_number("+0555010011"),
            Sender::from_short_code("1234"),
            Sender::from_short_code("abcde"),
            Sender::from_name("Twelve chars", PROFILE),
            Sender::from_name("12345", PROFILE),
            Sender::from_name("", PROFILE),
            Sender::from_name("Shop", ""),
            Sender::from_pool("4000eba1"),
            Sender::from_pool("4000eba1-a0c0-4563-9925-b25e842a7cbx"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
