//! What a send charges to the budgets.

use crate::base::money::Money;
use crate::limit::{Limit, MeterKey};
use crate::outcome::{LimitName, Subjects};
use crate::policy::BudgetPolicy;
use crate::realm::slot;
use crate::store::Charge;

use super::cause::Cause;
use super::plan::{Item, Plan, Terms, tier};

impl Plan {
    pub(super) fn money(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let budget = &terms.policy.budget;
        let country = budget.for_country(who.region);
        let block = who.block.zip(budget.block);
        for (subject, amount, name) in [
            block.map(|(subject, amount)| (subject, amount, LimitName::Block)),
            country.map(|amount| (who.country, amount, LimitName::Country)),
            budget.purpose.map(|amount| (who.purpose, amount, LimitName::Purpose)),
            budget.global.map(|amount| (who.global, amount, LimitName::Global)),
            Some((who.realm, terms.daily_budget, LimitName::Realm)),
        ]
        .into_iter()
        .flatten()
        {
            let cost = (terms.price + terms.look_up).as_microdollars();
            let key = MeterKey::new(subject, slot::MONEY);
            self.budget(terms, key, (amount, name), BudgetPolicy::limit, cost, None);
        }
        if let Some(amount) = budget.unverified {
            self.unverified(terms, who, amount);
        }
    }

    /// Money that no accepted code has paid back. A code pays back what the first text cost,
    /// whatever went out for it, so only texts count, and the free renewal counts with what it
    /// costs more than the first: bots spend on texts at most twice what they may.
    fn unverified(&mut self, terms: &Terms<'_>, who: &Subjects, amount: Money) {
        let full = terms.price.as_microdollars();
        let cost = terms.resend.map_or(full, |first| full.saturating_sub(first.as_microdollars()));
        let key = MeterKey::new(who.realm, slot::MONEY_UNVERIFIED);
        let whose = (amount, LimitName::RealmUnverified);
        self.budget(terms, key, whose, BudgetPolicy::unverified_limit, cost, Some(full));
    }

    fn budget(
        &mut self,
        terms: &Terms<'_>,
        key: MeterKey,
        (amount, name): (Money, LimitName),
        limit: impl Fn(Money) -> Limit,
        cost: u64,
        evidence: Option<u64>,
    ) {
        let soft = terms.policy.budget.soft(amount);
        let (max, remedy) = tier(terms.proved, soft, amount);
        let charge = Charge::new(key, limit(max), cost);
        let bare = Item::new(Cause::Budget(name), remedy);
        self.push(charge, Item { whole: Some(amount), evidence, ..bare });
    }
}
