//! What a send charges to the budgets.

use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::limit::{Limit, MeterKey, Slot};
use crate::outcome::{LimitName, Subjects};
use crate::policy::BudgetPolicy;
use crate::realm::slot;
use crate::store::Charge;

use super::plan::{Cause, Item, Plan, Terms, tier};

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
            self.budget(terms, subject, slot::MONEY, amount, name, BudgetPolicy::limit);
        }
        if let Some(amount) = budget.unverified {
            let (slot, name) = (slot::MONEY_UNVERIFIED, LimitName::RealmUnverified);
            self.budget(terms, who.realm, slot, amount, name, BudgetPolicy::unverified_limit);
        }
    }

    fn budget(
        &mut self,
        terms: &Terms<'_>,
        subject: Pseudonym,
        slot: Slot,
        amount: Money,
        name: LimitName,
        limit: impl Fn(Money) -> Limit,
    ) {
        let soft = terms.policy.budget.soft(amount);
        let (max, remedy) = tier(terms.proved, soft, amount);
        let cost = terms.price.as_microdollars();
        let key = MeterKey::new(subject, slot);
        let charge = Charge { key, limit: limit(max), cost, waiver: None };
        let item = Item { whole: Some(amount), ..Item::new(Cause::Budget(name), remedy) };
        self.push(charge, item);
    }
}
