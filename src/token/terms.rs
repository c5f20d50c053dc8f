//! What a ticket demands: how long it lives, how soon it may be used, how much work it costs.

use std::time::Duration;

use crate::base::time::millis;

/// What one ticket demands of the page that answers it.
///
/// ```
/// use otpgate::token::{TicketLevel, TicketTerms, WorkBits};
///
/// let terms = TicketTerms::default();
/// assert_eq!((terms.level, terms.work), (TicketLevel::Ordinary, WorkBits::NONE));
///
/// let under_attack = TicketTerms::harder_work(WorkBits::new(18)?);
/// assert_eq!(under_attack.work.expected_hashes(), 262_144);
/// # Ok::<(), otpgate::token::TermsError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TicketTerms {
    /// How long the ticket may be answered.
    pub ttl: TicketTtl,
    /// How long after its issue the ticket may first be answered.
    pub human_time: HumanTime,
    /// How much work the proof must hold.
    pub work: WorkBits,
    /// Which step-up the ticket stands for.
    pub level: TicketLevel,
}

impl TicketTerms {
    /// The terms of a step-up by work alone.
    ///
    /// The human time is zero, because whoever sees a step-up has already filled in the form.
    #[must_use]
    pub fn harder_work(work: WorkBits) -> Self {
        Self {
            human_time: HumanTime::ZERO,
            work,
            level: TicketLevel::HarderWork,
            ..Self::default()
        }
    }

    /// The terms of a step-up that also asks for a human check. The human time is zero, as above.
    #[must_use]
    pub fn human_check(work: WorkBits) -> Self {
        Self {
            human_time: HumanTime::ZERO,
            work,
            level: TicketLevel::HumanCheck,
            ..Self::default()
        }
    }
}

/// Which step-up a ticket stands for. It is under the ticket's MAC: a proof shows what was asked of it.
///
/// Exhaustive on purpose: a gate that does not handle a step-up must not compile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum TicketLevel {
    /// The ticket of a page that was opened for the first time.
    #[default]
    Ordinary,
    /// The ticket was issued because the risk called for more work.
    HarderWork,
    /// The ticket was issued because a [`HumanCheck`](crate::human::HumanCheck) must pass with it. The
    /// level says that the check was *asked for*; whether it passed is for the port to say. At a gate
    /// without a check it stands for no step-up.
    HumanCheck,
}

impl TicketLevel {
    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Ordinary => 0,
            Self::HarderWork => 1,
            Self::HumanCheck => 2,
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Ordinary),
            1 => Some(Self::HarderWork),
            2 => Some(Self::HumanCheck),
            _ => None,
        }
    }
}

/// How long a ticket may be answered: 30 seconds to 10 minutes, in whole seconds.
///
/// The default is the longest life, 10 minutes. A person types a number in a minute or two, and one
/// who is called away finds the form still good. A shorter life only makes bursts smaller: a bot
/// can solve tickets in advance and spend them at once, but none older than this.
///
/// ```
/// use otpgate::token::TicketTtl;
/// use std::time::Duration;
///
/// assert_eq!(TicketTtl::default().as_duration(), Duration::from_secs(600));
/// assert!(TicketTtl::new(Duration::from_secs(300)).is_ok());
/// assert!(TicketTtl::new(Duration::from_secs(601)).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TicketTtl(u16);

impl TicketTtl {
    /// The longest life, 10 minutes: as long as a code may live (NIST SP 800-63B-4 §3.1.3.2).
    pub const MAX: Self = Self(600);

    /// The shortest life, 30 seconds: no person is quicker on a slow line.
    pub const MIN: Self = Self(30);

    /// A life of `ttl`; a fraction of a second is dropped.
    ///
    /// # Errors
    ///
    /// [`TermsError::Ttl`] if `ttl` is shorter than 30 seconds or longer than 10 minutes.
    pub fn new(ttl: Duration) -> Result<Self, TermsError> {
        let beyond = ttl > Self::MAX.as_duration();
        let seconds = u16::try_from(ttl.as_secs()).ok().filter(|_| !beyond);
        seconds.and_then(Self::from_secs).ok_or(TermsError::Ttl { given: ttl })
    }

    /// The life as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    pub(super) const fn to_secs(self) -> u16 {
        self.0
    }

    pub(super) fn from_secs(seconds: u16) -> Option<Self> {
        let ttl = Self(seconds);
        (Self::MIN..=Self::MAX).contains(&ttl).then_some(ttl)
    }
}

impl Default for TicketTtl {
    fn default() -> Self {
        Self::MAX
    }
}

/// How long after its issue a ticket may first be answered: 0 to 20 seconds, in milliseconds.
///
/// The default is 1.5 seconds: realistic human timing (OWASP ASVS 5.0.0, 2.4.2), and still below
/// what a person needs to accept a number from autofill and press the button. It does not lower a
/// bot's rate, since tickets can wait side by side. It makes every message cost a page load and a
/// wait, and makes haste visible.
///
/// ```
/// use otpgate::token::HumanTime;
/// use std::time::Duration;
///
/// assert_eq!(HumanTime::default().as_duration(), Duration::from_millis(1_500));
/// assert!(HumanTime::new(Duration::from_secs(21)).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HumanTime(u16);

impl HumanTime {
    /// No wait, for step-ups and for native clients that prefetch nothing.
    pub const ZERO: Self = Self(0);

    /// The longest wait, 20 seconds: less than the shortest life of a ticket.
    pub const MAX: Self = Self(20_000);

    /// A wait of `wait`; a fraction of a millisecond is dropped.
    ///
    /// # Errors
    ///
    /// [`TermsError::HumanTime`] if `wait` is longer than 20 seconds.
    pub fn new(wait: Duration) -> Result<Self, TermsError> {
        let beyond = wait > Self::MAX.as_duration();
        let millis = u16::try_from(millis(wait)).ok().filter(|_| !beyond);
        millis.map(Self).ok_or(TermsError::HumanTime { given: wait })
    }

    /// The wait as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }

    pub(super) const fn to_millis(self) -> u16 {
        self.0
    }

    pub(super) fn from_millis(millis: u16) -> Option<Self> {
        let wait = Self(millis);
        (wait <= Self::MAX).then_some(wait)
    }
}

impl Default for HumanTime {
    fn default() -> Self {
        Self(1_500)
    }
}

/// How much work a proof must hold: the number of leading zero bits of a SHA-256 digest, 0 to 24.
///
/// Each bit doubles the work; the mean is 2^bits digests of one block. `docs/token-format.md` has the
/// table of what that means on the machines it was measured on. `WorkBits::default()` is none; how much
/// a gate's tickets ask for is in [`TokenPolicy`](crate::policy::TokenPolicy): none unless changed, and 17
/// bits when a client must step up.
///
/// ```
/// use otpgate::token::WorkBits;
///
/// assert_eq!(WorkBits::NONE.expected_hashes(), 1);
/// assert_eq!(WorkBits::new(16)?.expected_hashes(), 65_536);
/// assert!(WorkBits::new(25).is_err());
/// # Ok::<(), otpgate::token::TermsError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WorkBits(u8);

impl WorkBits {
    /// No work: the first digest will do.
    pub const NONE: Self = Self(0);

    /// The most that may be asked, 24 bits (16.8 million digests on average): minutes in a browser,
    /// and the 32-bit counter still fails to hold an answer less than once in 10^100 tickets.
    pub const MAX: Self = Self(24);

    /// Work of `bits` leading zero bits.
    ///
    /// # Errors
    ///
    /// [`TermsError::Work`] if `bits` is more than 24.
    pub const fn new(bits: u8) -> Result<Self, TermsError> {
        if bits > Self::MAX.0 { Err(TermsError::Work { given: bits }) } else { Ok(Self(bits)) }
    }

    /// The number of leading zero bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// How many digests an honest client computes on average: 2^bits.
    #[must_use]
    pub const fn expected_hashes(self) -> u64 {
        1_u64.wrapping_shl(self.0 as u32)
    }
}

/// A demand that no ticket may make.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// The life is outside 30 seconds to 10 minutes.
    #[error("a ticket cannot live for {given:?}; choose 30 seconds to 10 minutes")]
    Ttl {
        /// What was asked for.
        given: Duration,
    },
    /// The human time is beyond 20 seconds.
    #[error("a ticket cannot make a person wait {given:?}; choose at most 20 seconds")]
    HumanTime {
        /// What was asked for.
        given: Duration,
    },
    /// The work is beyond 24 bits.
    #[error(
        "{given} bits of work would keep a browser busy for minutes; choose at most 24, or ask for a human check"
    )]
    Work {
        /// What was asked for.
        given: u8,
    },
}

crate::base::sentence::debug_as_sentence!(TermsError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_exact() {
        let ms = Duration::from_millis;
        assert!(TicketTtl::new(ms(29_999)).is_err());
        assert!(TicketTtl::new(ms(30_000)).is_ok());
        assert!(TicketTtl::new(ms(600_000)).is_ok());
        assert!(TicketTtl::new(ms(600_001)).is_err());
        assert!(TicketTtl::new(Duration::MAX).is_err());
        assert!(HumanTime::new(ms(20_000)).is_ok());
        assert!(HumanTime::new(Duration::from_micros(20_000_001)).is_err());
        assert!(HumanTime::new(Duration::MAX).is_err());
        assert!(WorkBits::new(24).is_ok());
        assert!(WorkBits::new(25).is_err());
    }

    #[test]
    fn a_ticket_can_always_be_answered_before_it_expires() {
        assert!(HumanTime::MAX.as_duration() < TicketTtl::MIN.as_duration());
    }
}
