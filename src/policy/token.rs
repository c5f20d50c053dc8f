//! The front-end token and its proof of work.

use std::time::Duration;

use crate::error::ConfigError;

/// Rules of the front-end token.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TokenPolicy {
    /// How long a ticket is good after the page was shown. At most 10 minutes (SECURITY-BAR row
    /// 44). Default: 10 minutes, for people who are called away from the form.
    pub life: Duration,
    /// How long after the page was shown a form is believed to be a person's. Default: 1.5 seconds;
    /// nobody types a number faster, scripts do (ASVS 2.4.2).
    pub human_time: Duration,
    /// Leading zero bits of the ordinary proof of work. Default: 12, about 4 000 hashes: under 50
    /// milliseconds in a browser, and a core-second for every few hundred requests of a bot. 0 for none.
    pub work_bits: u8,
    /// Leading zero bits of the first step-up. Default: 18, about 260 000 hashes. At most 24.
    pub step_up_bits: u8,
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            life: Duration::from_secs(600),
            human_time: Duration::from_millis(1_500),
            work_bits: 12,
            step_up_bits: 18,
        }
    }
}

impl TokenPolicy {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.life < Duration::from_secs(30) || self.life > Duration::from_secs(600) {
            return Err(ConfigError::rule(
                "token.life",
                format!("{:?}", self.life),
                "30 seconds to 10 minutes",
            ));
        }
        if self.human_time > Duration::from_secs(30) || self.human_time >= self.life {
            return Err(ConfigError::rule(
                "token.human_time",
                format!("{:?}", self.human_time),
                "at most 30 seconds and less than token.life, or the form can never be posted",
            ));
        }
        if self.work_bits > 24 || self.step_up_bits > 24 {
            return Err(ConfigError::rule(
                "token.work_bits",
                self.work_bits.max(self.step_up_bits),
                "at most 24 (16 million hashes: minutes on a phone)",
            ));
        }
        if self.step_up_bits <= self.work_bits {
            return Err(ConfigError::rule(
                "token.step_up_bits",
                self.step_up_bits,
                "more than token.work_bits, or stepping up asks for nothing",
            ));
        }
        Ok(())
    }
}
