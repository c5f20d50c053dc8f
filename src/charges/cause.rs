//! [`Cause`]: what a charge of a plan is for, and what is told if it does not fit.

use crate::access::ControlId;
use crate::outcome::{LimitName, RefusalReason};
use crate::transport::{Channel, NumberFault};

/// Why a charge stands in the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    Limit(LimitName),
    Budget(LimitName),
    Failures,
    /// The one renewal that is no evidence.
    FreeResend,
    /// The detector.
    Pumping,
    /// An operator who extends the detector's block.
    Extended,
    KnownOnly(ControlId),
    /// Messages of a verification by one channel.
    Channel(Channel),
    /// A provider reported that texts to the number are in vain.
    Fault,
    /// The number's owner asked for no more texts.
    OptOut,
}

impl Cause {
    /// The money that the host has said may be spent in all, as opposed to how it is to be spread.
    pub(super) fn is_purse(self) -> bool {
        matches!(self, Self::Budget(LimitName::Realm | LimitName::Global))
    }

    /// Whether it counts what is really spent, look-ups included. What counts the unpaid counts texts alone,
    /// at the price that an accepted code pays back.
    pub(super) fn is_spend(self) -> bool {
        matches!(self, Self::Budget(name) if name != LimitName::RealmUnverified)
    }

    /// Whether it is charged to the client, and not to the number. If so, it stays charged when a
    /// provider refuses the number for good.
    pub(super) fn is_of_client(self) -> bool {
        matches!(self, Self::Limit(name) if name.is_of_client())
    }

    /// Whether it speaks against all texts to the number.
    pub(crate) fn is_of_number(self) -> bool {
        matches!(self, Self::Fault | Self::OptOut)
    }

    /// Whether it is a refusal as pumping, by the detector or by an operator who extends its block.
    pub(crate) fn is_pumping(self) -> bool {
        matches!(self, Self::Pumping | Self::Extended)
    }

    /// Whether an operator or the number's owner says so, which is no experiment in shadow mode.
    pub(super) fn is_a_word(self) -> bool {
        matches!(self, Self::Extended | Self::KnownOnly(_) | Self::OptOut)
    }

    pub(crate) fn reason(self, pumping: Option<String>) -> RefusalReason {
        match self {
            Self::Limit(name) => RefusalReason::Limit(name),
            Self::Budget(name) => RefusalReason::Budget(name),
            // Never told: a renewal that is not free is judged as evidence instead.
            Self::FreeResend => RefusalReason::Limit(LimitName::NumberInterval),
            Self::Failures => RefusalReason::TooManyFailures,
            Self::Pumping | Self::Extended => RefusalReason::Pumping(pumping.unwrap_or_default()),
            Self::KnownOnly(id) => RefusalReason::KnownNumbersOnly { id },
            Self::Channel(channel) => RefusalReason::ChannelNotYet { channel },
            Self::Fault => RefusalReason::NumberFault { fault: None },
            Self::OptOut => RefusalReason::NumberFault { fault: Some(NumberFault::OptedOut) },
        }
    }
}
