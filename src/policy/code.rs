//! The code: its form, its life, how often it may be tried.

use std::time::Duration;

use crate::error::ConfigError;
use crate::otp::{CodeFormat, ResendCode};

/// Rules of the code itself.
///
/// ```
/// use std::time::Duration;
/// use otpgate::Policy;
///
/// let mut policy = Policy::default();
/// assert_eq!(policy.code.life, Duration::from_secs(300));
/// policy.code.open = Duration::from_secs(240);
/// assert_eq!(
///     policy.check().unwrap_err().to_string(),
///     "`code.open` is 240s, but must be at least code.life and at most 30 minutes",
/// );
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CodePolicy {
    /// Its length and alphabet. Default: 6 digits (NIST SP 800-63B-4 §3.1.3.2; ASVS 6.5.4). Another one
    /// holds for verifications that begin then: those that are open keep theirs.
    pub format: CodeFormat,
    /// How long a code is good. 30 seconds to 10 minutes (NIST §3.1.3.2; ASVS 6.5.5). Default: 5
    /// minutes, the median of the field; the median user needs 14 seconds, the slowest carriers 30.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub life: Duration,
    /// How long a verification stays open for another code. Default: 15 minutes, so that a user
    /// whose code expired can ask again without starting over. At most 30 minutes, because a retired
    /// key is kept for an hour.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub open: Duration,
    /// Wrong guesses until the verification is locked, over all codes sent for it. 1 to 10 (ASVS
    /// 6.6.3). Default: 5 (EU 2018/389 Art. 4(3)(b)).
    pub attempts: u32,
    /// Whether a code in flight stays good when another is sent. Default: it does, because people
    /// usually ask again when a text is late.
    pub resend: ResendCode,
    /// Whether every code is bound to a transaction. A send without one
    /// ([`Clearance::bind`](crate::Clearance::bind)) is then an error of your program
    /// ([`GateErrorKind::Message`](crate::GateErrorKind::Message)), and `build()` asks for a message that
    /// shows transactions, also of each channel that [`fallback`](super::Policy::fallback) leads to. Default: off; [`Policy::psd2`](super::Policy::psd2) has it on (EU 2018/389
    /// Art. 5(1)), so use that for the purpose of payments, not for all. A verification that was opened
    /// without one, before it was on, gets no other code.
    pub bound: bool,
}

impl Default for CodePolicy {
    fn default() -> Self {
        Self {
            format: CodeFormat::default(),
            life: Duration::from_secs(300),
            open: Duration::from_secs(900),
            attempts: 5,
            resend: ResendCode::KeepPrevious,
            bound: false,
        }
    }
}

impl CodePolicy {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let seconds = Duration::from_secs;
        if self.life < seconds(30) || self.life > seconds(600) {
            return Err(ConfigError::rule(
                "code.life",
                format!("{:?}", self.life),
                "30 seconds to 10 minutes (NIST SP 800-63B-4 §3.1.3.2)",
            ));
        }
        if self.open < self.life || self.open > seconds(1_800) {
            return Err(ConfigError::rule(
                "code.open",
                format!("{:?}", self.open),
                "at least code.life and at most 30 minutes",
            ));
        }
        if !(1..=10).contains(&self.attempts) {
            return Err(ConfigError::rule("code.attempts", self.attempts, "1 to 10 (ASVS 6.6.3)"));
        }
        Ok(())
    }
}
