//! [`Account`], [`SigningAccount`] and [`Sender`]: who pays and who the text comes from.

use super::{NAME, SignatureMethod, without_sign};
use crate::transport::sender::{is_digits, is_name};
use crate::transport::{AdapterError, SecretText};

/// An API key of a Vonage account and its secret, for either interface. `Debug` shows no secret.
///
/// ```
/// use otpgate::transport::vonage::Account;
///
/// assert!(Account::new("abcd1234", "secret").is_ok());
/// assert!(Account::new("abcd1234", "").is_err(), "an environment variable that is not set");
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    key: String,
    secret: SecretText,
}

impl Account {
    /// The API key and the API secret, as the dashboard shows them.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the key has other characters than letters and digits, or the secret is
    /// empty or has blanks around it.
    pub fn new(key: impl Into<String>, secret: impl Into<String>) -> Result<Self, AdapterError> {
        let secret = SecretText::new(secret);
        Ok(Self { key: checked_key(key.into())?, secret: checked_secret(secret)? })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.secret
    }
}

/// An API key and the signature secret that requests to the SMS API are signed with, in place of the
/// API secret: the secret itself is never sent. `Debug` shows no secret.
///
/// ```
/// use otpgate::transport::vonage::{SignatureMethod, SigningAccount};
///
/// let signing = SigningAccount::new("abcd1234", "secret", SignatureMethod::HmacSha256);
/// assert!(signing.is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct SigningAccount {
    key: String,
    secret: SecretText,
    method: SignatureMethod,
}

impl SigningAccount {
    /// The API key, the signature secret, and the signature method that the account's settings name.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the key has other characters than letters and digits, or the secret is
    /// empty or has blanks around it.
    pub fn new(
        key: impl Into<String>,
        signature_secret: impl Into<String>,
        method: SignatureMethod,
    ) -> Result<Self, AdapterError> {
        let secret = SecretText::new(signature_secret);
        Ok(Self { key: checked_key(key.into())?, secret: checked_secret(secret)?, method })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.secret
    }

    pub(super) fn method(&self) -> SignatureMethod {
        self.method
    }
}

fn checked_key(key: String) -> Result<String, AdapterError> {
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if (1..=64).contains(&key.len()) && plain {
        return Ok(key);
    }
    let problem = "the API key is letters and digits; copy it from the dashboard";
    Err(AdapterError::new(NAME, problem))
}

fn checked_secret(secret: SecretText) -> Result<SecretText, AdapterError> {
    if !secret.is_empty() && secret.expose_secret().trim() == secret.expose_secret() {
        return Ok(secret);
    }
    let problem = "the secret is empty or has blanks around it; copy it from the dashboard";
    Err(AdapterError::new(NAME, problem))
}

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Number(String),
    Name(String),
}

impl Sender {
    /// A number of the account in E.164, with or without its `+`, or a short code. Needed in North
    /// America.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self(Kind::Number(number.into()))
    }

    /// A name of up to 11 letters and digits. Vonage drops blanks. Many countries want it registered.
    #[must_use]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self(Kind::Name(name.into()))
    }

    /// The field `from`.
    pub(super) fn from(&self) -> &str {
        match &self.0 {
            Kind::Number(number) => without_sign(number),
            Kind::Name(name) => name,
        }
    }

    pub(super) fn check(&self, provider: &'static str) -> Result<(), AdapterError> {
        let (right, problem) = match &self.0 {
            Kind::Number(number) => {
                let bare = number.strip_prefix('+').unwrap_or(number);
                let right = (3..=15).contains(&bare.len()) && is_digits(bare);
                (right, "the sender is a number with its country, or a short code")
            }
            Kind::Name(name) => (
                is_name(name, b""),
                "a sender name is 1 to 11 letters and digits, one letter at least, without blanks",
            ),
        };
        if right { Ok(()) } else { Err(AdapterError::new(provider, problem)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_senders_are_checked() {
        for (key, secret) in [("", "s"), ("a b", "s"), ("a:b", "s"), ("abcd1234", " s"), ("a", "")]
        {
            assert!(Account::new(key, secret).is_err(), "{key} {secret}");
            let method = SignatureMethod::HmacSha512;
            assert!(SigningAccount::new(key, secret, method).is_err(), "{key} {secret}");
        }
        let account = Account::new("abcd1234", "s3cr3t").unwrap();
        assert!(!format!("{account:?}").contains("s3cr3t"));
        for good in [
            Sender::from_number("+15550101"),
            Sender::from_number("447700900001"),
            Sender::from_number("12345"),
            Sender::from_name("Example24"),
        ] {
            assert!(good.check(NAME).is_ok(), "{good:?}");
        }
        assert_eq!(Sender::from_number("+15550101").from(), "15550101");
        for bad in [
            Sender::from_number(""),
            Sender::from_number("++15550101"),
            Sender::from_number("+1 555"),
            Sender::from_name("My Shop"),
            Sender::from_name("TwelveLetter"),
            Sender::from_name("12345"),
            Sender::from_name(""),
        ] {
            assert!(bad.check(NAME).is_err(), "{bad:?}");
        }
    }
}
