//! [`AdapterError`]: a setting of an adapter is wrong.

use std::borrow::Cow;
use std::fmt;

/// A provider's adapter could not be made. Holds no secret.
///
/// ```
/// use otpgate::transport::AdapterError;
///
/// let error = AdapterError::new("twilio", "the account SID is AC and 32 hexadecimal digits");
/// assert_eq!(error.to_string(), "twilio: the account SID is AC and 32 hexadecimal digits");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AdapterError {
    provider: &'static str,
    problem: Cow<'static, str>,
}

impl AdapterError {
    /// `problem` says what a right setting looks like. It holds no secret.
    #[must_use]
    pub fn new(provider: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { provider, problem: problem.into() }
    }

    /// Whose adapter it is.
    pub fn provider(&self) -> &'static str {
        self.provider
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.provider, self.problem)
    }
}

impl std::error::Error for AdapterError {}

crate::base::sentence::debug_as_sentence!(AdapterError);
