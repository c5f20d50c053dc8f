//! The same send on other terms: in shadow mode, as a decoy, quietly.

use super::cause::Cause;
use super::limits::unlimited;
use super::plan::{Item, Plan};
use crate::base::time::Timestamp;
use crate::outcome::{LimitName, Remedy};
use crate::policy::BudgetPolicy;
use crate::store::{Charge, Refund};

impl Plan {
    /// The same charges, of which none but the purses, an operator's entry and an opt-out refuses: shadow
    /// mode keeps counting.
    pub(crate) fn in_shadow(mut self) -> Self {
        let waved = self.items.iter_mut().filter(|item| !item.cause.is_a_word());
        waved.for_each(|item| item.remedy = Remedy::Wait);
        for (charge, item) in self.charges.iter_mut().zip(&self.items) {
            match *item {
                Item { cause, .. } if cause.is_a_word() => {}
                Item { cause, whole: Some(whole), checked: asked, .. } if cause.is_purse() => {
                    charge.limit = BudgetPolicy::limit(whole);
                    if let Some(cost) = asked {
                        *charge = Charge { cost, spare: 0, ..*charge }.asked();
                    }
                }
                _ => charge.limit = unlimited(charge.limit),
            }
        }
        let stays = |item: &Item| item.cause != Cause::Pumping;
        let mut items = self.items.iter();
        self.charges.retain(|_| items.next().is_some_and(stays));
        self.items.retain(stays);
        self
    }

    /// What a send costs that sends nothing: the same checks, and no money.
    pub(crate) fn unpaid(self) -> Self {
        self.checking(|item| matches!(item.cause, Cause::Budget(_)))
    }

    /// What a send to a test number costs: the same checks, no money, and no evidence against its block.
    /// Its client is charged as for a text, or what he gets next would tell which numbers are tests.
    pub(crate) fn tested(self) -> Self {
        self.without_fault().checking(|item| {
            matches!(item.cause, Cause::Limit(LimitName::BlockUnverified) | Cause::Budget(_))
        })
    }

    /// What a send costs that is withheld: the same checks, charged to nobody but the client and the
    /// number it typed, or bots would use up the quotas of those whom they imitate.
    pub(crate) fn withheld(self) -> Self {
        self.without_fault().checking(Self::is_spared)
    }

    /// What is given back when a text was charged and is withheld after all.
    pub(crate) fn refunds_of_withheld(&self, charged: Timestamp) -> Vec<Refund> {
        self.given_back(charged, Self::is_spared)
    }

    /// What is given back when a text did not go out and is answered as if it had: what a withheld one does
    /// not charge, or a decoy. If the verification may go on (`again`), what counts as evidence stays: its
    /// free renewal rides on it, and its code pays it back.
    pub(crate) fn refunds_of_hidden(
        &self,
        decoy: bool,
        again: bool,
        money: bool,
        charged: Timestamp,
    ) -> Vec<Refund> {
        self.given_back(charged, |item| {
            let spared = match decoy {
                true => matches!(item.cause, Cause::Budget(_)),
                false => Self::is_spared(item),
            };
            spared && item.is_due(money) && !(again && item.evidence.is_some())
        })
    }

    /// Whether a withheld text does not charge it.
    fn is_spared(item: &Item) -> bool {
        match item.cause {
            Cause::Failures | Cause::FreeResend | Cause::Channel(_) => false,
            Cause::Limit(LimitName::NumberInterval | LimitName::Number | LimitName::Caller) => {
                false
            }
            Cause::Limit(name) => !name.is_of_client(),
            Cause::Budget(_) | Cause::Pumping | Cause::Extended | Cause::KnownOnly(_) => true,
            Cause::Fault | Cause::OptOut => true,
        }
    }

    /// The same charges; whether texts to the number are in vain is not asked.
    fn without_fault(mut self) -> Self {
        let stays = |item: &Item| !item.cause.is_of_number();
        let mut items = self.items.iter();
        self.charges.retain(|_| items.next().is_some_and(stays));
        self.items.retain(stays);
        self
    }

    /// The same charges, those that `only` names checked and not made.
    fn checking(mut self, only: impl Fn(&Item) -> bool) -> Self {
        let pairs = self.charges.iter_mut().zip(&mut self.items);
        for (charge, item) in pairs.filter(|(_, item)| only(item)) {
            // A decoy is checked once, though it is withheld as well.
            item.checked.get_or_insert(charge.cost);
            *charge = charge.asked();
        }
        self
    }
}
