//! The same send on other terms: in shadow mode, as a decoy, quietly.

use crate::gate::plan::{Cause, Item, Plan, Remedy};
use crate::limit::Limit;
use crate::outcome::LimitName;
use crate::policy::BudgetPolicy;

impl Plan {
    /// The same charges, of which none but the purses refuses: shadow mode keeps counting.
    pub(crate) fn in_shadow(mut self) -> Self {
        self.items.iter_mut().for_each(|item| item.remedy = Remedy::Wait);
        let mut index = 0;
        self.charges.retain_mut(|charge| {
            let kept = !self.items.get(index).is_some_and(|item| item.cause.is_verdict());
            match self.items.get(index) {
                Some(Item { cause, whole: Some(whole), .. }) if cause.is_purse() => {
                    charge.limit = BudgetPolicy::limit(*whole);
                }
                Some(_) => charge.limit = unlimited(charge.limit),
                None => {}
            }
            index = index.saturating_add(1);
            kept
        });
        self.items.retain(|item| !item.cause.is_verdict());
        self
    }

    /// What a send costs that sends nothing: the same checks, and no money.
    pub(crate) fn unpaid(mut self) -> Self {
        for (charge, item) in self.charges.iter_mut().zip(&self.items) {
            if let Cause::Budget(_) = item.cause {
                (charge.limit, charge.cost) = match less(charge.limit, charge.cost) {
                    Some(limit) => (limit, 0),
                    None => (Limit::SHUT, 1),
                };
            }
        }
        self
    }

    /// The charges that concern nobody but the client and the number it typed.
    pub(crate) fn own(mut self) -> Self {
        let kept = |item: &Item| match item.cause {
            Cause::Failures | Cause::FreeResend => true,
            Cause::Limit(name) => matches!(
                name,
                LimitName::NumberInterval
                    | LimitName::Number
                    | LimitName::Client
                    | LimitName::ClientUnverified
                    | LimitName::NetworkUnverified
                    | LimitName::CampusUnverified
                    | LimitName::ProviderUnverified
                    | LimitName::AllocationUnverified
                    | LimitName::CustomersUnverified
                    | LimitName::Session
                    | LimitName::User
                    | LimitName::Device
                    | LimitName::Caller
            ),
            Cause::Budget(_) | Cause::Pumping | Cause::KnownOnly(_) => false,
        };
        let mut items = self.items.iter();
        self.charges.retain(|_| items.next().is_some_and(kept));
        self.items.retain(kept);
        self
    }
}

/// The limit that a charge of nothing fits exactly when one of `cost` fits `limit`, if any does.
fn less(limit: Limit, cost: u64) -> Option<Limit> {
    match limit {
        Limit::Window { max, span_ms } => {
            max.checked_sub(cost).map(|max| Limit::Window { max, span_ms })
        }
        Limit::Budget { max, span_ms } => {
            max.checked_sub(cost).map(|max| Limit::Budget { max, span_ms })
        }
        other => Some(other),
    }
}

/// `limit` without a bound; it goes on counting in the same state.
fn unlimited(limit: Limit) -> Limit {
    const MOST: u64 = u64::MAX >> 11;
    match limit {
        Limit::Spacing { interval_ms, .. } => {
            Limit::Spacing { interval_ms, burst: MOST.checked_div(interval_ms).unwrap_or(MOST) }
        }
        Limit::Ladder { forget_ms, .. } => Limit::Ladder { first_ms: 0, longest_ms: 0, forget_ms },
        Limit::Window { span_ms, .. } => Limit::Window { max: MOST, span_ms },
        Limit::Budget { span_ms, .. } => Limit::Budget { max: MOST, span_ms },
        Limit::Unverified { drain_ms, .. } => {
            Limit::Unverified { max: MOST.checked_div(drain_ms).unwrap_or(MOST), drain_ms }
        }
        Limit::Failures { forget_ms, .. } => {
            Limit::Failures { max: MOST, pause_after: MOST, pause_ms: 0, longest_ms: 0, forget_ms }
        }
    }
}
