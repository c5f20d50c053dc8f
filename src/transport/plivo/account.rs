//! [`Account`] and [`Sender`]: who pays and who the text comes from.

use super::NAME;
use crate::transport::sender::{is_name, is_number_or_short_code};
use crate::transport::{AdapterError, SecretText};

/// A Plivo account or subaccount and its auth token. `Debug` shows no secret.
///
/// ```
/// use otpgate::transport::plivo::Account;
///
/// assert!(Account::new("MA000000000000000000", "token").is_ok());
/// assert!(Account::new("MA000000000000000000", "").is_err(), "a variable that is not set");
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    id: String,
    token: SecretText,
}

impl Account {
    /// The auth ID, `MA…`, or `SA…` of a subaccount, with its auth token.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the auth ID is not 20 capitals and digits that begin so, or the token is
    /// empty or has blanks around it.
    pub fn new(id: impl Into<String>, token: impl Into<String>) -> Result<Self, AdapterError> {
        let (id, token) = (id.into(), SecretText::new(token));
        let plain = id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if id.len() != 20 || !plain || !(id.starts_with("MA") || id.starts_with("SA")) {
            let problem = "the auth ID is MA or SA and 18 capitals and digits; copy it again";
            return Err(AdapterError::new(NAME, problem));
        }
        if token.is_empty() || token.expose_secret().trim() != token.expose_secret() {
            let problem =
                "the auth token is empty or has blanks around it; copy it from the console";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self { id, token })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn token(&self) -> &SecretText {
        &self.token
    }
}

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Number(String),
    Name(String),
    Powerpack(String),
}

impl Sender {
    /// A number of the account in E.164, `+15550101`, or a short code. Needed in North America.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self(Kind::Number(number.into()))
    }

    /// A name of up to 11 letters, digits and blanks. Many countries want it registered.
    #[must_use]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self(Kind::Name(name.into()))
    }

    /// A powerpack, by its UUID: Plivo chooses among its numbers.
    #[must_use]
    pub fn from_powerpack(id: impl Into<String>) -> Self {
        Self(Kind::Powerpack(id.into()))
    }

    /// The field and its value.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match &self.0 {
            Kind::Number(sender) | Kind::Name(sender) => ("src", sender),
            Kind::Powerpack(id) => ("powerpack_uuid", id),
        }
    }

    pub(super) fn check(&self) -> Result<(), AdapterError> {
        let (right, problem) = match &self.0 {
            Kind::Number(number) => (
                is_number_or_short_code(number),
                "the sender is a number with + and its country, or a short code of 3 to 8 digits",
            ),
            Kind::Name(name) => (
                is_name(name, b" "),
                "a sender name is 1 to 11 letters, digits and blanks, one letter at least",
            ),
            Kind::Powerpack(id) => (
                id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
                "the powerpack is its UUID; copy it from the console",
            ),
        };
        if right { Ok(()) } else { Err(AdapterError::new(NAME, problem)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_senders_are_checked() {
        for id in ["", "MA", "XA000000000000000000", "ma000000000000000000", "MA00000000000000000/"]
        {
            assert!(Account::new(id, "token").is_err(), "{id}");
        }
        assert!(Account::new("SAABCDEFGHIJ01234567", "token").is_ok());
        assert!(Account::new("MA000000000000000000", "token\n").is_err());
        for good in [
            Sender::from_number("+15550101"),
            Sender::from_number("12345"),
            Sender::from_name("My Shop 24"),
            Sender::from_powerpack("4000eba1-a0c0-4563-9925-b25e842a7cb6"),
        ] {
            assert!(good.check().is_ok(), "{good:?}");
        }
        for bad in [
            Sender::from_number(""),
            Sender::from_number("155501001234"),
            Sender::from_number("+1555<2"),
            Sender::from_name("12345"),
            Sender::from_name("Twelve chars"),
            Sender::from_powerpack("4000eba1"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
