//! The front-end token and its proof of work.

use crate::error::ConfigError;
use crate::token::{HumanTime, TicketLevel, TicketTerms, TicketTtl, WorkBits};

/// Rules of the front-end token. The types hold the bounds.
///
/// ```
/// use otpgate::Policy;
/// use otpgate::token::WorkBits;
///
/// let mut policy = Policy::default();
/// assert_eq!(policy.token.work, WorkBits::NONE);
/// assert_eq!(policy.token.step_up_work.expected_hashes(), 131_072);
/// policy.token.work = WorkBits::new(17)?; // as much as the step-up
/// assert!(policy.check().is_err());
/// # Ok::<(), otpgate::token::TermsError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct TokenPolicy {
    /// How long a ticket may be answered after the page was shown. Default: [`TicketTtl::default`].
    pub life: TicketTtl,
    /// How long after the page was shown a form is believed to be a person's. See [`HumanTime`].
    pub human_time: HumanTime,
    /// The ordinary proof of work. Default: none. Work that no visitor notices deters no attacker:
    /// 12 bits take 2 ms in a browser and 0.0003 ms on a GPU (`docs/token-format.md`). The proof
    /// still binds the number.
    pub work: WorkBits,
    /// The first step-up. Default: 17 bits, about 130 000 hashes: 0.05 s in a browser with the page's
    /// script, 0.2 s in one that is a quarter as fast.
    pub step_up_work: WorkBits,
    /// Ask everyone for a human check, not only those who must step up. Default: no. Needs
    /// [`GateBuilder::human_check`](crate::GateBuilder::human_check).
    pub human_check_always: bool,
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            life: TicketTtl::default(),
            human_time: HumanTime::default(),
            work: WorkBits::NONE,
            step_up_work: WorkBits::new(17).unwrap_or_default(),
            human_check_always: false,
        }
    }
}

impl TokenPolicy {
    pub(crate) fn ordinary(&self) -> TicketTerms {
        TicketTerms {
            ttl: self.life,
            human_time: self.human_time,
            work: self.work,
            level: TicketLevel::Ordinary,
        }
    }

    pub(crate) fn harder_work(&self) -> TicketTerms {
        TicketTerms { ttl: self.life, ..TicketTerms::harder_work(self.step_up_work) }
    }

    pub(crate) fn human_check(&self) -> TicketTerms {
        TicketTerms { ttl: self.life, ..TicketTerms::human_check(self.work) }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.step_up_work <= self.work {
            return Err(ConfigError::rule(
                "token.step_up_work",
                self.step_up_work.bits(),
                "more bits than token.work, or stepping up asks for nothing",
            ));
        }
        Ok(())
    }
}
