//! What a delivery receipt may give back.

use crate::error::ConfigError;
use crate::limit::Limit;

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
    /// How many undelivered texts of a number are given back to its interval and its quotas in any 24
    /// hours. The next ones count like texts that arrived, or whoever has the carrier say
    /// "undelivered" could have a number called without end. Default: 2.
    pub refunds: u64,
    /// Whether the provider bills nothing for a text that it reports as undelivered. Then the budgets
    /// get its price back too, within [`refunds`](Self::refunds). A price in the receipt comes first.
    /// Default: no; most providers bill what they handed to the network, and budgets must not hold less
    /// than was spent.
    pub undelivered_is_free: bool,
}

impl Default for ReceiptPolicy {
    fn default() -> Self {
        Self { refunds: 2, undelivered_is_free: false }
    }
}

impl ReceiptPolicy {
    pub(crate) fn limit(&self) -> Limit {
        Limit::Window { max: self.refunds, span_ms: 86_400_000 }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.refunds > 100 {
            return Err(ConfigError::rule("receipts.refunds", self.refunds, "at most 100 a day"));
        }
        Ok(())
    }
}
