//! What networks are asked about numbers.

use std::time::Duration;

use crate::base::money::Money;
use crate::error::ConfigError;

/// Which numbers the network is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum AskNetwork {
    /// Of none.
    #[default]
    Never,
    /// Numbers that were not verified before. The time of the look-up then shows whether a number
    /// is new, unless you answer the page before [`Gate::issue`](crate::Gate::issue) has returned.
    NewNumbers,
    /// Every number. A rule on SIM swaps needs this, because they happen to known numbers.
    Always,
}

/// What follows when the network gives no answer in time, or none that decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum WithoutAnswer {
    /// The text goes out.
    #[default]
    Send,
    /// It does not.
    Refuse,
}

/// What networks are asked about numbers before a text is paid for, and what follows from the answer.
///
/// A look-up comes after everything that is cheap: token, lists, limits, detector and budget have let
/// the text through, and its price was reserved with the text's. It needs
/// [`GateBuilder::signals`](crate::GateBuilder::signals).
///
/// Two things follow. A SIM card that was changed lately gets no code, because whoever changed it
/// may have stolen the number. If the network says that a number assigned as mobile is something
/// else, the pumping detector counts that as evidence against its block.
///
/// For payments:
///
/// ```
/// use std::time::Duration;
/// use otpgate::Policy;
/// use otpgate::policy::{AskNetwork, WithoutAnswer};
///
/// let mut payment = Policy::psd2(); // for `GateBuilder::purpose(Purpose::PAYMENT, …)`
/// payment.signals.ask = AskNetwork::Always;
/// payment.signals.without_answer = WithoutAnswer::Refuse;
/// assert_eq!(payment.signals.sim_swap, Duration::from_secs(72 * 3_600));
/// assert!(payment.check().is_ok());
///
/// payment.signals.sim_swap_life = Duration::from_secs(80 * 3_600); // older than what it rules on
/// assert!(payment.check().unwrap_err().to_string().contains("signals.sim_swap_life"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct SignalsPolicy {
    /// Of which numbers. Default: of none.
    pub ask: AskNetwork,
    /// What a look-up costs at most. It counts on every budget that the text counts on but
    /// [`unverified`](super::BudgetPolicy::unverified), whatever becomes of the text, unless the
    /// provider was provably not asked. Default: 10 cents, our judgement: providers publish no
    /// price for SIM swap, which carriers set by contract. Take your contract's.
    pub price: Money,
    /// A SIM card that was changed within this time gets no code; zero switches the rule off.
    /// Default: 72 hours, three times the 24 in which India's carriers deliver no text after a
    /// change (order of the Department of Telecommunications, November 2022), so that the owner of
    /// a stolen number has a weekend to notice. The interface that carriers agreed on asks for 240
    /// unless told otherwise (CAMARA SIM Swap, `maxAge`); so long a wait would lock out everybody
    /// with a new phone.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub sim_swap: Duration,
    /// What follows when there is no answer. Default: the text goes out; carriers of many countries
    /// answer nothing.
    pub without_answer: WithoutAnswer,
    /// For how long an answer about the SIM card holds, whichever purpose asked for it: the
    /// purposes share answers, and each judges their age by its own rule. Default: 10 minutes, the
    /// longest life of a code: one look-up for a verification and its renewals. At most `sim_swap`.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub sim_swap_life: Duration,
    /// For how long an answer about carrier and line holds, judged likewise. Default: 30 days. At
    /// most 90, after which carriers give a number to somebody else.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub line_life: Duration,
}

impl Default for SignalsPolicy {
    fn default() -> Self {
        Self {
            ask: AskNetwork::Never,
            price: Money::cents(10),
            sim_swap: Duration::from_secs(72 * 3_600),
            without_answer: WithoutAnswer::Send,
            sim_swap_life: Duration::from_secs(600),
            line_life: Duration::from_secs(30 * 86_400),
        }
    }
}

impl SignalsPolicy {
    /// What a look-up may cost beside the text's price.
    pub(super) fn reserved(&self) -> Money {
        if self.ask == AskNetwork::Never { Money::ZERO } else { self.price }
    }

    /// How far back a change of the SIM card matters.
    pub(crate) fn swap_rule(&self) -> Option<Duration> {
        (!self.sim_swap.is_zero()).then_some(self.sim_swap)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        const HOUR: Duration = Duration::from_secs(3_600);
        const DAY: Duration = Duration::from_secs(86_400);
        let longest = DAY.saturating_mul(100);
        if let Some(span) = self.swap_rule()
            && !(HOUR..=longest).contains(&span)
        {
            return Err(ConfigError::rule(
                "signals.sim_swap",
                format!("{span:?}"),
                "zero for no rule, or 1 hour to 100 days: carriers tell no more (CAMARA SIM Swap, \
                 `maxAge`, 1 to 2400 hours)",
            ));
        }
        if self.swap_rule().is_some_and(|span| self.sim_swap_life > span) {
            return Err(ConfigError::rule(
                "signals.sim_swap_life",
                format!("{:?}", self.sim_swap_life),
                "at most signals.sim_swap, or an answer is older than what it rules on",
            ));
        }
        if self.line_life > DAY.saturating_mul(90) {
            return Err(ConfigError::rule(
                "signals.line_life",
                format!("{:?}", self.line_life),
                "at most 90 days, after which carriers give a number to a new holder",
            ));
        }
        Ok(())
    }
}
