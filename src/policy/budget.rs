//! Money.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::money::Money;
use crate::base::time::millis;
use crate::error::ConfigError;
use crate::limit::Limit;
use crate::recipient::Region;
use crate::transport::Price;

/// Rules about money, over any 24 hours. What an admission reserves counts as spent. It is given
/// back only if the text provably did not go out.
///
/// The realm's budget is not here: it has no sensible default, so
/// [`GateBuilder::daily_budget`](crate::GateBuilder::daily_budget) asks for it.
///
/// A purpose with a policy of its own shares the meters of block, country and realm with the others.
/// [`build`](crate::GateBuilder::build) refuses one that leaves out `block`, `unverified`, `country` or a
/// country of `countries` that the general policy has, since its texts would be spent beside that budget.
/// The maximum may differ.
///
/// ```
/// use otpgate::{Money, Policy, Region};
///
/// let mut policy = Policy::default();
/// policy.budget.message = Money::cents(20); // no text dearer than this, however many segments
/// policy.budget.country = Some(Money::dollars(5)); // for each country
/// policy.budget.countries.insert(Region::DE, Money::dollars(40)); // but this one
/// assert!(policy.check().is_ok());
///
/// policy.budget.countries.insert(Region::LV, Money::ZERO); // to shut it off use the destinations
/// assert!(policy.check().is_err());
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct BudgetPolicy {
    /// The share of a budget, in percent, above which clients must step up. Default: 80.
    pub soft_percent: u8,
    /// Per purpose. Default: none.
    pub purpose: Option<Money>,
    /// Per country, unless `countries` names it. Default: none.
    pub country: Option<Money>,
    /// Per named country.
    pub countries: BTreeMap<Region, Money>,
    /// Per block of 10 000 numbers. Default: none.
    pub block: Option<Money>,
    /// Over all realms of the gate, if your tenants share one budget. Default: none; each realm has
    /// its own. Every purpose's policy names it or none does: [`build`](crate::GateBuilder::build)
    /// refuses a purpose that would spend beside it.
    pub global: Option<Money>,
    /// Spend on texts that no accepted code has paid back yet, over the realm: bots spend it, users
    /// return it. A code pays back what its first text cost. Look-ups do not count, and the first
    /// renewal of a verification only with what it costs more than the first text, so at most twice
    /// this is spent on texts in vain, at the price table's prices: what a provider says that a text cost
    /// changes every other budget and not this one. Default: none, because the right value depends on
    /// your volume.
    pub unverified: Option<Money>,
    /// The dearest single message, all its segments. Default: 50 cents; the dearest country of the built-in
    /// price table costs 28, and some countries of other lists more than 50.
    pub message: Money,
    /// What one unit of another currency is worth, in dollars, by its ISO 4217 code, for providers
    /// that bill in it. For a currency without a rate the reserved amount stands, and
    /// [`EventKind::PriceUnconverted`](crate::EventKind::PriceUnconverted) says so. Default: none;
    /// choose a rate that is too high rather than too low.
    pub rates: BTreeMap<String, Money>,
}

impl Default for BudgetPolicy {
    fn default() -> Self {
        Self {
            soft_percent: 80,
            purpose: None,
            country: None,
            countries: BTreeMap::new(),
            block: None,
            global: None,
            unverified: None,
            message: Money::cents(50),
            rates: BTreeMap::new(),
        }
    }
}

impl BudgetPolicy {
    pub(crate) const SPAN: Duration = Duration::from_secs(86_400);

    pub(crate) fn for_country(&self, region: Option<Region>) -> Option<Money> {
        region.and_then(|region| self.countries.get(&region).copied()).or(self.country)
    }

    /// What a provider charged, in the gate's money, rounded up. `None` for a currency without a rate.
    pub(crate) fn dollars(&self, price: Price) -> Option<Money> {
        if let Some(money) = price.as_money() {
            return Some(money);
        }
        let rate = self.rates.get(price.currency())?.as_microdollars();
        let micro = u128::from(price.as_micros()).saturating_mul(rate.into()).div_ceil(1_000_000);
        Some(Money::microdollars(u64::try_from(micro).unwrap_or(u64::MAX)))
    }

    /// The part of `money` above which clients must step up.
    pub(crate) fn soft(&self, money: Money) -> Money {
        let micro =
            u128::from(money.as_microdollars()).saturating_mul(self.soft_percent.into()) / 100;
        Money::microdollars(u64::try_from(micro).unwrap_or(u64::MAX))
    }

    pub(crate) fn limit(max: Money) -> Limit {
        Limit::Window { max: max.as_microdollars(), span_ms: millis(Self::SPAN) }
    }

    pub(crate) fn unverified_limit(max: Money) -> Limit {
        Limit::Budget { max: max.as_microdollars(), span_ms: millis(Self::SPAN) }
    }

    /// `look_up` is what a text may cost beside its price.
    pub(super) fn check(&self, look_up: Money) -> Result<(), ConfigError> {
        if !(1..=100).contains(&self.soft_percent) {
            return Err(ConfigError::rule("budget.soft_percent", self.soft_percent, "1 to 100"));
        }
        if self.message == Money::ZERO {
            return Err(ConfigError::rule("budget.message", self.message, "more than nothing"));
        }
        for (currency, rate) in &self.rates {
            let known =
                Price::from_micros(0, currency).is_some_and(|one| one.currency() == currency);
            if !known || currency == "USD" || *rate == Money::ZERO {
                return Err(ConfigError::rule(
                    "budget.rates",
                    format!("{currency} at {rate}"),
                    "more than nothing for a currency of three capitals that is not USD",
                ));
            }
        }
        let listed = self.countries.values().copied();
        let single = [self.purpose, self.country, self.block, self.global];
        let mut budgets = listed.chain(single.into_iter().flatten());
        let unverified = self.unverified.filter(|budget| *budget < self.message);
        let dearest = self.message + look_up;
        match budgets.find(|budget| *budget < dearest).or(unverified) {
            None => Ok(()),
            Some(budget) => Err(ConfigError::rule(
                "budget",
                budget,
                "at least budget.message, and signals.price beside it where the network is asked, or no \
                 text is ever sent; to shut a country off use the destination policy or the controls",
            )),
        }
    }
}
