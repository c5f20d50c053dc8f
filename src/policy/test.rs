//! Test numbers.

use crate::access::ControlBook;
use crate::error::ConfigError;

/// Whether a purpose accepts the fixed codes of test numbers ([`TestNumber`](crate::TestNumber)).
///
/// ```
/// use otpgate::Policy;
///
/// let mut policy = Policy::default();
/// assert_eq!(policy.test.numbers, 20);
/// policy.test.numbers = 21;
/// assert!(policy.check().unwrap_err().to_string().contains("test.numbers"));
/// assert_eq!(Policy::psd2().test.numbers, 0, "no fixed code confirms a payment");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct TestPolicy {
    /// How many test numbers a realm may have at once; 0: this purpose accepts none of them. At
    /// most 20, the default: two app stores, a few countries and a dozen parallel end-to-end tests
    /// need no more, and every one of them is a code that does not change. The default policy sets
    /// the cap; a purpose's own value only says whether the numbers are good for it.
    pub numbers: usize,
}

impl Default for TestPolicy {
    fn default() -> Self {
        Self { numbers: ControlBook::MAX_TEST_NUMBERS }
    }
}

impl TestPolicy {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.numbers > ControlBook::MAX_TEST_NUMBERS {
            return Err(ConfigError::rule(
                "test.numbers",
                self.numbers,
                "0 to 20: each is a code that does not change; several tests may share one number",
            ));
        }
        Ok(())
    }
}
