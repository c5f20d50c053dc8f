//! [`Account`] and [`Sender`]: who pays and who the text comes from.

use std::sync::Arc;

use super::NAME;
use crate::transport::sender::{is_name, is_number_or_short_code};
use crate::transport::{AdapterError, SecretText};

/// A Twilio account and what it authenticates with: its auth token, or an API key. Take an API key:
/// it can be revoked without stopping everything else. `Debug` shows no secret.
///
/// ```
/// use otpgate::transport::twilio::Account;
///
/// let sid = format!("AC{:032}", 7);
/// assert!(Account::with_token(&sid, "token").is_ok());
/// assert!(Account::with_api_key(&sid, format!("SK{:032}", 7), "secret").is_ok());
/// assert!(Account::with_token("", "token").is_err(), "an environment variable that is not set");
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    // Shared, because every text asks for the account of now.
    sid: Arc<str>,
    user: Arc<str>,
    secret: SecretText,
}

impl Account {
    /// The account `AC…` with its auth token.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the SID is not `AC` and 32 hexadecimal digits, or the token is empty.
    pub fn with_token(
        sid: impl Into<String>,
        token: impl Into<String>,
    ) -> Result<Self, AdapterError> {
        let sid = sid.into();
        Self::new(sid.clone(), sid, token.into())
    }

    /// The account `AC…` with an API key `SK…`.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if an SID is not its letters and 32 hexadecimal digits, or the secret is
    /// empty.
    pub fn with_api_key(
        sid: impl Into<String>,
        key_sid: impl Into<String>,
        secret: impl Into<String>,
    ) -> Result<Self, AdapterError> {
        let user = key_sid.into();
        if !is_sid(&user, "SK") {
            let problem = "the API key's SID is SK and 32 hexadecimal digits";
            return Err(AdapterError::new(NAME, problem));
        }
        Self::new(sid.into(), user, secret.into())
    }

    fn new(sid: String, user: String, secret: String) -> Result<Self, AdapterError> {
        let secret = SecretText::new(secret);
        if !is_sid(&sid, "AC") {
            let problem =
                "the account SID is AC and 32 hexadecimal digits; copy it from the console";
            return Err(AdapterError::new(NAME, problem));
        }
        if secret.is_empty() || secret.expose_secret().trim() != secret.expose_secret() {
            let problem = "the auth token or secret is empty or has blanks around it; copy it from \
                           the console";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self { sid: sid.into(), user: user.into(), secret })
    }

    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.secret
    }
}

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Number(String),
    Name(String),
    MessagingService(String),
}

impl Sender {
    /// A number of the account in E.164 form, or a short code.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self(Kind::Number(number.into()))
    }

    /// An alphanumeric sender: up to 11 letters, digits and blanks. Many countries want it
    /// registered.
    #[must_use]
    pub fn from_name(name: impl Into<String>) -> Self {
        Self(Kind::Name(name.into()))
    }

    /// A messaging service `MG…`, which chooses the sender itself.
    #[must_use]
    pub fn from_messaging_service(sid: impl Into<String>) -> Self {
        Self(Kind::MessagingService(sid.into()))
    }

    /// The form field and its value.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match &self.0 {
            Kind::Number(sender) | Kind::Name(sender) => ("From", sender),
            Kind::MessagingService(sid) => ("MessagingServiceSid", sid),
        }
    }

    pub(super) fn check(&self) -> Result<(), AdapterError> {
        let (right, problem) = match &self.0 {
            Kind::Number(number) => (
                is_number_or_short_code(number),
                "the sender is a number with + and its country, or a short code of 3 to 8 digits",
            ),
            Kind::Name(name) => (
                is_name(name, b" +-_&"),
                "a sender name has up to 11 letters, digits, blanks and + - _ &, one letter at least",
            ),
            Kind::MessagingService(sid) => {
                (is_sid(sid, "MG"), "a messaging service's SID is MG and 32 hexadecimal digits")
            }
        };
        if right { Ok(()) } else { Err(AdapterError::new(NAME, problem)) }
    }
}

fn is_sid(text: &str, letters: &str) -> bool {
    text.strip_prefix(letters)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
