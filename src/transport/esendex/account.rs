//! [`Account`] and [`Sender`]: who pays and who the text comes from.

use super::NAME;
use crate::transport::{AdapterError, SecretText};

/// An account reference and the user who sends for it. `Debug` shows no secret.
///
/// ```
/// use otpgate::transport::esendex::Account;
///
/// assert!(Account::new("EX0000000", "user@example.com", "password").is_ok());
/// assert!(Account::new("EX0000000", "user@example.com", "").is_err(), "a variable that is not set");
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    reference: String,
    user: String,
    password: SecretText,
}

impl Account {
    /// The account `EX…`, with a user of the API and their password.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if one of them is empty, the reference has other characters than letters and
    /// digits, or the user has a colon, which basic authentication cannot carry.
    pub fn new(
        reference: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, AdapterError> {
        let (reference, user) = (reference.into(), user.into());
        let password = SecretText::new(password);
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if reference.is_empty() || !plain(&reference) {
            let problem = "the account reference is EX and digits; copy it from the account's page";
            return Err(AdapterError::new(NAME, problem));
        }
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            let problem = "the user is empty, or has a colon in it; it is what you log in with";
            return Err(AdapterError::new(NAME, problem));
        }
        if password.is_empty() {
            let problem = "the password is empty; set the API password of that user";
            return Err(AdapterError::new(NAME, problem));
        }
        Ok(Self { reference, user, password })
    }

    pub(super) fn reference(&self) -> &str {
        &self.reference
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn password(&self) -> &SecretText {
        &self.password
    }
}

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(Option<String>);

impl Sender {
    /// The account's own default.
    #[must_use]
    pub fn of_account() -> Self {
        Self(None)
    }

    /// A name of up to 11 letters, digits and `* $ ? ! " # % & _ - , . @ ' +` and blanks, or a number
    /// of up to 20 digits. Many countries want it registered.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Some(name.into()))
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn check(&self) -> Result<(), AdapterError> {
        let Some(name) = &self.0 else { return Ok(()) };
        let digits = name.bytes().all(|byte| byte.is_ascii_digit());
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"*$?!\"#%&_-,.@'+ ".contains(&byte);
        let right = (1..=20).contains(&name.len()) && digits
            || (1..=11).contains(&name.len()) && name.bytes().all(allowed);
        if right {
            return Ok(());
        }
        let problem = "the sender is a name of up to 11 characters, or a number of up to 20 digits";
        Err(AdapterError::new(NAME, problem))
    }
}
