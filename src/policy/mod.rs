//! [`Policy`]: every number the gate decides by, with its reason and its source.
//!
//! `Policy::default()` satisfies the clauses of [`Policy::nist_63b4`] and [`Policy::asvs_l2`]. Payments
//! ask for more: give their purpose [`Policy::psd2`]. Fields are public: change the ones you care
//! about. [`build`] refuses a policy that contradicts itself or a standard's floor, and names the rule.
//!
//! [`build`]: crate::GateBuilder::build

mod anonymiser;
mod attempts;
mod budget;
mod code;
mod fallback;
mod mode;
mod preset;
mod quota;
mod receipts;
mod shared;
mod signals;
mod test;
#[cfg(feature = "serde")]
mod text;
mod token;

use crate::error::ConfigError;

pub use anonymiser::{AnonymiserPolicy, AnonymiserTier};
pub use attempts::{AttemptPolicy, FailurePolicy};
pub use budget::BudgetPolicy;
pub use code::CodePolicy;
pub use fallback::{FallbackPolicy, FallbackStep};
pub use mode::{Mode, ModePolicy};
pub use quota::{Evidence, IntervalPolicy, Ladder, Quota, QuotaPolicy};
pub use receipts::ReceiptPolicy;
pub use signals::{AskNetwork, SignalsPolicy, WithoutAnswer};
pub use test::TestPolicy;
pub use token::TokenPolicy;

pub(crate) use shared::{agree, beside_nothing};

/// Every rule of a purpose.
///
/// ```
/// use otpgate::Policy;
///
/// let mut policy = Policy::default();
/// policy.code.attempts = 3;
/// policy.quotas.number.pop(); // no daily quota
/// assert!(policy.check().is_ok());
/// policy.code.attempts = 11;
/// assert!(policy.check().unwrap_err().to_string().contains("code.attempts"));
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Policy {
    /// The code: its form, its life, how often it may be tried.
    pub code: CodePolicy,
    /// The front-end token and its proof of work.
    pub token: TokenPolicy,
    /// The interval between two sends to one number.
    pub interval: IntervalPolicy,
    /// Messages per number, client, session, user, device, block, country, purpose, caller, realm.
    pub quotas: QuotaPolicy,
    /// Wrong guesses per number and per client.
    pub attempts: AttemptPolicy,
    /// Money.
    pub budget: BudgetPolicy,
    /// Clients whose network hides who they are.
    pub anonymisers: AnonymiserPolicy,
    /// What networks are asked about numbers.
    pub signals: SignalsPolicy,
    /// Whether refusals are enforced or only recorded.
    pub mode: ModePolicy,
    /// Other channels than the text message.
    pub fallback: FallbackPolicy,
    /// Fixed codes of test numbers.
    pub test: TestPolicy,
    /// What delivery receipts give back.
    pub receipts: ReceiptPolicy,
}

impl Policy {
    /// Refuses a policy that contradicts itself or breaks a floor.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Rule`] with the field, the value found and the rule it breaks.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.code.check()?;
        self.token.check()?;
        self.interval.check()?;
        self.quotas.check()?;
        self.attempts.check()?;
        self.budget.check(self.signals.reserved())?;
        self.anonymisers.check()?;
        self.fallback.check(&self.code)?;
        self.test.check()?;
        self.receipts.check()?;
        self.signals.check()
    }
}
