//! What a delivery receipt may give back.

use std::time::Duration;

use crate::error::ConfigError;
use crate::limit::Limit;
use crate::transport::NumberFault;

/// Rules about delivery receipts, for [`Gate::receipts`](crate::Gate::receipts).
///
/// ```
/// let mut policy = otpgate::Policy::default();
/// assert_eq!((policy.receipts.refunds, policy.receipts.undelivered_is_free), (2, false));
/// policy.receipts.refunds = 0; // a text that was not delivered counts like any other
/// assert!(policy.check().is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct ReceiptPolicy {
    /// How many undelivered texts of a number are given back in any 24 hours. Interval and quotas
    /// get them back in the lanes of device proofs and callers only, because a stranger must not
    /// see what the network says of a number. Budgets get them back if such a text is free. Later
    /// ones count like texts that arrived. Otherwise somebody whose carrier says "undelivered"
    /// could have a number called without end. Default: 2.
    pub refunds: u64,
    /// Whether the provider bills nothing for a text that it reports as undelivered. Then the budgets
    /// get its price back too, within [`refunds`](Self::refunds). A price in the receipt comes first.
    /// Default: no; most providers bill what they handed to the network, and budgets must not hold less
    /// than was spent.
    pub undelivered_is_free: bool,
    /// How long a number is remembered that, by a provider's word, belongs to no subscriber. No
    /// text goes to a remembered number: the client is answered as if one had
    /// ([`ModePolicy::quiet`](super::ModePolicy::quiet)). An accepted code of any channel and
    /// [`Controls::forget_faults`](crate::Controls::forget_faults) end it. Nothing is remembered
    /// for a time of zero. Default: 7 days; numbering plans open new ranges, and a customer should
    /// not wait longer for a provider's list.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub invalid: Duration,
    /// As `invalid`, for a number that takes no texts. Default: 7 days; a landline that is ported
    /// to a mobile network takes a day, and the provider's list some more.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub not_mobile: Duration,
    /// As `invalid`, for a number that is out of service. Default: 1 day; networks say so as well
    /// of a handset that is between two cards, and the number comes to another holder after 45 days
    /// at the earliest (47 CFR 52.15(f)(1)(ii)).
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub disconnected: Duration,
    /// As `invalid`, for a number whose owner asked for no more texts. It is his word and no fault: an
    /// accepted code does not end it, and it holds in shadow mode
    /// ([`Mode::Observe`](super::Mode::Observe)). Default: 1 day; the provider keeps the opt-out
    /// itself, and an owner who opts in again where nobody tells the gate waits no longer.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub opted_out: Duration,
    /// As `invalid`, for a number that the provider or the network blocks. Default: 1 day; filters
    /// are tuned daily.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub barred: Duration,
}

impl Default for ReceiptPolicy {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            refunds: 2,
            undelivered_is_free: false,
            invalid: DAY.saturating_mul(7),
            not_mobile: DAY.saturating_mul(7),
            disconnected: DAY,
            opted_out: DAY,
            barred: DAY,
        }
    }
}

impl ReceiptPolicy {
    pub(crate) fn limit(&self) -> Limit {
        Limit::Window { max: self.refunds, span_ms: 86_400_000 }
    }

    /// Of several that are remembered of a number the last of these is named: its owner's word.
    pub(crate) const FAULTS: [NumberFault; 5] = [
        NumberFault::Invalid,
        NumberFault::NotMobile,
        NumberFault::Disconnected,
        NumberFault::Barred,
        NumberFault::OptedOut,
    ];

    /// How long a fault of a number is remembered.
    pub(crate) fn memory_of(&self, fault: NumberFault) -> Duration {
        match fault {
            NumberFault::Invalid => self.invalid,
            NumberFault::NotMobile => self.not_mobile,
            NumberFault::Disconnected => self.disconnected,
            NumberFault::OptedOut => self.opted_out,
            NumberFault::Barred => self.barred,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.refunds > 100 {
            return Err(ConfigError::rule("receipts.refunds", self.refunds, "at most 100 a day"));
        }
        for fault in Self::FAULTS {
            let span = self.memory_of(fault);
            if span > Duration::from_secs(90 * 86_400) {
                let found = format!("{span:?} for {fault}");
                return Err(ConfigError::rule("receipts", found, "at most 90 days"));
            }
        }
        Ok(())
    }
}
