//! The fixed code of a test number.

use super::format::CodeFormat;
use super::passcode::Passcode;
use super::pasted::MalformedCode;
use super::submitted::SubmittedCode;
use crate::base::entropy::{Entropy, EntropyError};
use crate::base::secret::SecretText;

/// A code that an operator fixes for a test number ([`TestNumber`](crate::TestNumber)).
///
/// It is a secret like any code, and a longer-lived one: masked, wiped on drop, and kept sealed.
/// Prefer to draw it, so that it is not what somebody would try first. A code that you choose may
/// be neither one digit repeated nor a run.
///
/// ```
/// use otpgate::SystemEntropy;
/// use otpgate::otp::{CodeFormat, TestCode, TestCodeError};
///
/// let format = CodeFormat::default();
/// let drawn = TestCode::draw(&format, &SystemEntropy)?;
/// assert_eq!(drawn.expose_secret().len(), 6);
/// assert_eq!(format!("{drawn:?}"), "TestCode([redacted])");
///
/// assert!(TestCode::new("482 915", &format).is_ok());
/// for first in ["000000", "123456", "987654"] {
///     assert_eq!(TestCode::new(first, &format).unwrap_err(), TestCodeError::Guessable);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TestCode {
    text: SecretText,
    format: CodeFormat,
}

impl TestCode {
    /// Draws a code of `format`.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the generator fails.
    pub fn draw(format: &CodeFormat, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        loop {
            let drawn = Passcode::draw(format, entropy)?;
            if !is_guessable(drawn.expose_secret()) {
                return Ok(Self { text: SecretText::new(drawn.expose_secret()), format: *format });
            }
        }
    }

    /// Takes a code of your choice, such as one that a reviewer already has.
    ///
    /// # Errors
    ///
    /// [`TestCodeError`] if it is no code of `format`, or one that anybody would try.
    pub fn new(text: &str, format: &CodeFormat) -> Result<Self, TestCodeError> {
        let code = SubmittedCode::parse(text, format)?;
        if is_guessable(code.expose_secret()) {
            return Err(TestCodeError::Guessable);
        }
        Ok(Self { text: SecretText::new(code.expose_secret()), format: *format })
    }

    /// The characters, under a name that a reviewer can search for.
    pub fn expose_secret(&self) -> &str {
        self.text.expose_secret()
    }

    /// The shape of it.
    pub const fn format(&self) -> CodeFormat {
        self.format
    }
}

crate::base::masked::debug_redacted!(TestCode);

/// One character over and over, or a run up or down.
fn is_guessable(code: &str) -> bool {
    let steps = || code.as_bytes().windows(2).filter_map(|pair| pair.first().zip(pair.last()));
    let all = |step: i16| {
        steps().all(|(one, two)| i16::from(*two) == i16::from(*one).saturating_add(step))
    };
    [-1, 0, 1].into_iter().any(all)
}

/// A code that no test number may have.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TestCodeError {
    /// No code of the format, or more than one.
    #[error("the test code is not one: {0}")]
    Malformed(#[from] MalformedCode),
    /// One character over and over, or a run.
    #[error(
        "the test code is one that anybody would try first; draw one, or take one without a pattern"
    )]
    Guessable,
}

crate::base::sentence::debug_as_sentence!(TestCodeError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_refused_and_others_are_not() {
        let format = CodeFormat::default();
        let new = |text| TestCode::new(text, &format).map(|code| code.expose_secret().to_owned());
        for bad in ["000000", "999999", "012345", "123456", "654321", "345678"] {
            assert_eq!(new(bad), Err(TestCodeError::Guessable), "{bad}");
        }
        for good in ["000001", "112233", "121212", "482915", "901234"] {
            assert_eq!(new(good).as_deref(), Ok(good));
        }
        assert!(matches!(new("12345"), Err(TestCodeError::Malformed(_))));
        assert!(matches!(new(""), Err(TestCodeError::Malformed(_))));
    }
}
