//! [`Account`]: the access key that requests are signed with.

use super::NAME;
use crate::transport::{AdapterError, SecretText};

/// An access key of an AWS account or role. `Debug` shows no secret.
///
/// Keys of a role expire: give a source that reads the current ones
/// ([`Credentials::from_fn`](crate::http::Credentials::from_fn)), with their session token.
///
/// ```
/// use otpgate::transport::aws::Account;
///
/// let account = Account::new("AKIDEXAMPLE", "secret").unwrap();
/// assert!(account.with_session_token("token").is_ok());
/// assert!(Account::new("AKIDEXAMPLE", "").is_err(), "an environment variable that is not set");
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    key_id: String,
    secret: SecretText,
    session_token: Option<SecretText>,
}

impl Account {
    /// An access key identifier, `AKIA…` or `ASIA…`, and its secret.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if one of them is empty, or has blanks or other odd characters.
    pub fn new(key_id: impl Into<String>, secret: impl Into<String>) -> Result<Self, AdapterError> {
        let (key_id, secret) = (key_id.into(), SecretText::new(secret));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !(1..=128).contains(&key_id.len()) || !key_id.bytes().all(plain) {
            let problem = "the access key identifier is letters and digits; copy it again";
            return Err(AdapterError::new(NAME, problem));
        }
        if !is_graphic(&secret) {
            let problem =
                "the secret access key is empty, or has blanks or line breaks; copy it again";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self { key_id, secret, session_token: None })
    }

    /// Adds the session token that belongs to a temporary key.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if it is empty, or has blanks or line breaks.
    pub fn with_session_token(self, token: impl Into<String>) -> Result<Self, AdapterError> {
        let token = SecretText::new(token);
        if !is_graphic(&token) {
            let problem =
                "the session token is empty, or has blanks or line breaks; fetch a new one";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self { session_token: Some(token), ..self })
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(super) fn secret(&self) -> &SecretText {
        &self.secret
    }

    pub(super) fn session_token(&self) -> Option<&SecretText> {
        self.session_token.as_ref()
    }
}

fn is_graphic(secret: &SecretText) -> bool {
    !secret.is_empty() && secret.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())
}
