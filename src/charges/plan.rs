//! [`Plan`]: the charges of a send, and what each stands for.

use std::mem;
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::spare::{Spare, clear};
use crate::base::time::{Timestamp, millis};
use crate::context::Purpose;
use crate::event::EventKind;
use crate::limit::{Limit, MeterKey, Slot};
use crate::outcome::{Lane, LimitName, Proved, Remedy, Subjects};
use crate::policy::{BudgetPolicy, Evidence, Policy, Quota, ReceiptPolicy};
use crate::realm::slot;
use crate::store::{Charge, Refund};
use crate::transport::{Channel, NumberFault};

use super::cause::Cause;
use super::fault;
use super::limits::unlimited;

/// The window of the dashboard's counts.
pub(crate) const COUNT_SPAN_MS: u64 = 3_600_000;

/// A window that refuses nothing.
pub(crate) const UNLIMITED: Limit = Limit::Window { max: u64::MAX >> 11, span_ms: COUNT_SPAN_MS };

/// A send's charges, and what each stands for.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) charges: Vec<Charge>,
    pub(super) items: Vec<Item>,
    /// What of the money was spent before the text: it is not given back with it.
    kept: Money,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) cause: Cause,
    pub(super) remedy: Remedy,
    /// For a budget: all of it, whatever tier the charge is judged by.
    pub(super) whole: Option<Money>,
    /// Of a charge that counts what no accepted code has paid back: its cost for a text that is no
    /// free renewal.
    pub(super) evidence: Option<u64>,
    /// Of a charge that is only checked: what it would have charged.
    pub(super) checked: Option<u64>,
}

impl Item {
    pub(super) fn new(cause: Cause, remedy: Remedy) -> Self {
        Self { cause, remedy, whole: None, evidence: None, checked: None }
    }

    /// Whether it may be given back: what is really spent only while the `money` is due, of which a receipt
    /// may have given some back, or settled it, before.
    pub(super) fn is_due(&self, money: bool) -> bool {
        money || !self.cause.is_spend()
    }
}

/// What of a send has not been given back or settled before, by a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due {
    pub(crate) money: bool,
    pub(crate) number: bool,
}

impl Due {
    pub(crate) const ALL: Self = Self { money: true, number: true };
}

/// What a plan is made from.
pub(crate) struct Terms<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) purpose: &'a Purpose,
    pub(crate) lane: Lane,
    pub(crate) proved: Proved,
    /// The text's.
    pub(crate) price: Money,
    /// What is reserved beside it for a look-up.
    pub(crate) look_up: Money,
    pub(crate) daily_budget: Money,
    /// What the first text cost, if this renews a running verification. The first renewal pays
    /// messages and money, but is no new evidence against its network or block, and none that money
    /// is spent in vain; later ones are ([`Plan::resend_again`]).
    pub(crate) resend: Option<Money>,
    /// How long a verification stays open: as long as its one free renewal is remembered.
    pub(crate) open: Duration,
    /// Whether the client's network hides who it is: then less room is left in its networks.
    pub(crate) hidden: bool,
}

impl Terms<'_> {
    /// What is left, for this client, of a limit on the unverified messages of its networks.
    pub(super) fn of_client(&self, limit: Option<Evidence>) -> Option<Evidence> {
        limit.map(|whole| match self.hidden {
            true => self.policy.anonymisers.share(whole),
            false => whole,
        })
    }
}

/// A send has sixteen to twenty charges.
const FEW: usize = 24;
/// A plan with room for more is not kept.
const MOST: usize = 64;

thread_local! {
    /// The lists of the latest plan.
    static BLANK: Spare<(Vec<Charge>, Vec<Item>)> = const { Spare::empty() };
}

impl Drop for Plan {
    fn drop(&mut self) {
        let rooms = [clear(&mut self.charges), clear(&mut self.items)];
        if rooms.into_iter().all(|room| (FEW..=MOST).contains(&room)) {
            Spare::leave(&BLANK, (mem::take(&mut self.charges), mem::take(&mut self.items)));
        }
    }
}

impl Plan {
    /// An empty one with room for a send's charges.
    fn blank() -> Self {
        let lists = Spare::take(&BLANK);
        let (charges, items) =
            lists.unwrap_or_else(|| (Vec::with_capacity(FEW), Vec::with_capacity(FEW)));
        Self { charges, items, kept: Money::ZERO }
    }

    /// Every charge of one send.
    pub(crate) fn of_send(terms: &Terms<'_>, who: &Subjects) -> Self {
        let mut plan = Self::blank();
        plan.number(terms, who);
        plan.number_total(terms, who);
        plan.free_resend(terms, who);
        plan.client(terms, who);
        plan.groups(terms, who);
        plan.money(terms, who);
        plan.count(who);
        plan
    }

    /// Adds the questions whether the owner of `number` has opted out, and whether a provider has reported
    /// that texts to it are in vain.
    pub(crate) fn ask_fault(&mut self, number: Pseudonym) {
        let questions = [(slot::OPTED_OUT, Cause::OptOut), (slot::FAULT, Cause::Fault)];
        for (slot, cause) in questions {
            self.charge(number, slot, fault::FREE, 0, cause, Remedy::Wait);
        }
    }

    /// The same as a send that is withheld because of a fault of `number`, which the counts will name.
    pub(crate) fn of_fault(self, number: Pseudonym, policy: &ReceiptPolicy) -> Self {
        let mut plan = self.withheld();
        for fault in ReceiptPolicy::FAULTS {
            let charge = fault::kind(number, fault, millis(policy.memory_of(fault)), 0);
            plan.push(charge, Item::new(Cause::Fault, Remedy::Wait));
        }
        plan
    }

    /// The fault that the counts of [`of_fault`](Self::of_fault) name.
    pub(crate) fn fault(counts: &[u64]) -> Option<NumberFault> {
        let kinds = counts.iter().rev().zip(ReceiptPolicy::FAULTS.iter().rev());
        kinds.filter(|(count, _)| **count > 0).map(|(_, fault)| *fault).next()
    }

    /// What a text charges to its number in its lane: the interval and the quotas. The count that all
    /// lanes share is not in it.
    pub(crate) fn of_number(terms: &Terms<'_>, who: &Subjects) -> Self {
        let mut plan = Self::default();
        plan.number(terms, who);
        plan
    }

    /// What a text charges to the budgets that bound what is spent. Money that no accepted code has paid
    /// back is evidence, charged and credited at the price of the table.
    pub(crate) fn of_money(terms: &Terms<'_>, who: &Subjects) -> Self {
        let mut plan = Self::default();
        plan.money(terms, who);
        let spent = |item: &Item| item.cause.is_spend();
        let mut items = plan.items.iter();
        plan.charges.retain(|_| items.next().is_some_and(spent));
        plan.items.retain(spent);
        plan
    }

    /// The same charges, of `cost` each and without a bound: what was spent counts, whether or not
    /// there was room for it.
    pub(crate) fn unbounded(mut self, cost: u64) -> Self {
        for charge in &mut self.charges {
            (charge.limit, charge.cost) = (unlimited(charge.limit), cost);
        }
        self
    }

    /// The same charges, of `cost` each: what is given back of them, and of what a count of segments added. A
    /// store takes it from what was charged at the time of the text, so what was added long after stays.
    pub(crate) fn each_of(mut self, cost: u64) -> Self {
        self.charges.iter_mut().for_each(|charge| charge.cost = cost);
        self
    }

    /// Adds a refusal that only a mark of the number can waive, or nothing.
    pub(crate) fn verdict(
        &mut self,
        cause: Cause,
        remedy: Remedy,
        number: Pseudonym,
        waiver: Option<MeterKey>,
    ) {
        let key = MeterKey::new(number, slot::VERDICT);
        self.push(
            Charge { key, limit: Limit::SHUT, cost: 1, waiver, spare: 0 },
            Item::new(cause, remedy),
        );
    }

    /// Adds the count of a verification's messages by `channel`, of which there may be `max`.
    pub(crate) fn carried(
        &mut self,
        challenge: Pseudonym,
        channel: Channel,
        max: u64,
        open: Duration,
    ) {
        let limit = Limit::Window { max, span_ms: millis(open) };
        let slot = slot::carried(channel.index());
        self.charge(challenge, slot, limit, 1, Cause::Channel(channel), Remedy::Wait);
    }

    /// The same renewal once its number has had the free one: it is evidence like a first text.
    /// `None` if the charge at `index` is not the one for the free renewal.
    pub(crate) fn resend_again(&self, index: usize) -> Option<Self> {
        if self.cause(index).0 != Cause::FreeResend {
            return None;
        }
        let lines = self.charges.iter().zip(&self.items);
        let (charges, items) = lines
            .filter(|(_, item)| item.cause != Cause::FreeResend)
            .map(|(charge, item)| {
                let charge = match (item.evidence, item.checked) {
                    (Some(full), None) => Charge { cost: full, ..*charge },
                    (Some(full), Some(asked)) if full > asked => {
                        Charge { cost: full.saturating_sub(asked), ..*charge }.asked()
                    }
                    _ => *charge,
                };
                (charge, *item)
            })
            .unzip();
        Some(Self { charges, items, kept: self.kept })
    }

    /// The cause and remedy of the charge at `index`.
    pub(crate) fn cause(&self, index: usize) -> (Cause, Remedy) {
        self.items.get(index).map_or((Cause::Limit(LimitName::Realm), Remedy::Wait), |item| {
            (item.cause, item.remedy)
        })
    }

    /// What is given back when the text did not go out. A number that the provider refused for good
    /// leaves the client's charges standing, or probing for numbers would be free.
    pub(crate) fn refunds(&self, refused: bool, due: Due, charged: Timestamp) -> Vec<Refund> {
        self.given_back(charged, |item| match item.cause {
            Cause::Limit(LimitName::NumberInterval | LimitName::Number) => due.number,
            Cause::Budget(_) => item.is_due(due.money),
            cause => !(refused && cause.is_of_client()),
        })
    }

    /// What is given back of a look-up when the text went out or may have: of the `reserved`, what
    /// was not spent.
    pub(crate) fn refunds_of_look_up(&self, reserved: Money, charged: Timestamp) -> Vec<Refund> {
        let spared = reserved.as_microdollars().saturating_sub(self.kept.as_microdollars());
        if spared == 0 {
            return Vec::new();
        }
        let refunds = self.given_back(charged, |item| item.cause.is_spend());
        refunds
            .into_iter()
            .map(|refund| Refund { cost: refund.cost.min(spared), ..refund })
            .collect()
    }

    /// Notes that `money` of what was reserved is spent, whatever becomes of the text.
    pub(crate) fn keep(&mut self, money: Money) {
        self.kept = money;
    }

    pub(super) fn given_back(
        &self,
        charged: Timestamp,
        which: impl Fn(&Item) -> bool,
    ) -> Vec<Refund> {
        let pairs = self.charges.iter().zip(&self.items).filter(|(_, item)| which(item));
        pairs
            .map(|(charge, item)| {
                let kept = match item.cause.is_spend() {
                    true => self.kept.as_microdollars(),
                    false => 0,
                };
                let cost = charge.cost.saturating_sub(kept);
                let Charge { key, limit, waiver, .. } = *charge;
                Refund { key, limit, cost, charged, waiver }
            })
            .filter(|refund| refund.cost > 0)
            .collect()
    }

    /// The budgets in the plan: whose, and the index of the charge.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = (LimitName, usize)> + '_ {
        self.items.iter().enumerate().filter_map(|(index, item)| match item.cause {
            Cause::Budget(name) => Some((name, index)),
            _ => None,
        })
    }

    /// What an operator is told when the charges, each made `step` times, bring the budgets to
    /// `counts`. `text`: what one more text like this one is charged, if the charges are no text's.
    pub(crate) fn budget_tiers(
        &self,
        counts: &[u64],
        step: u64,
        soft: u8,
        text: Option<Money>,
    ) -> Vec<EventKind> {
        let mut told = Vec::new();
        let tier =
            |scope, percent| EventKind::BudgetTier { scope, percent, step_up: percent == soft };
        // A step-up tier at one of the other two is that one.
        let between = Some(soft).filter(|soft| !matches!(soft, 50 | 100));
        for (scope, index) in self.budgets() {
            let Some((used, max)) = counts.get(index).copied().zip(self.whole_budget(index)) else {
                continue;
            };
            let cost = self.charges.get(index).map_or(0, |charge| charge.cost.saturating_mul(step));
            let before = used.saturating_sub(cost);
            let share = |micro: u64| {
                u128::from(micro).saturating_mul(100).checked_div(max.into()).unwrap_or(0)
            };
            for percent in [Some(50), between].into_iter().flatten() {
                if share(before) < u128::from(percent) && share(used) >= u128::from(percent) {
                    told.push(tier(scope, percent));
                }
            }
            // Used up is a budget that no further text fits; prices seldom divide it evenly.
            let text = text.map_or(cost, |text| text.as_microdollars().saturating_mul(step));
            let fits = |used: u64| used.saturating_add(text) <= max;
            // A price that is settled may take the last room of cheaper texts than its own was.
            let ends = (fits(before) && !fits(used)) || (before < max && used >= max);
            if cost > 0 && ends {
                told.push(tier(scope, 100));
            }
        }
        told
    }

    /// The index of the resend ladder's charge.
    pub(crate) fn ladder(&self) -> Option<usize> {
        let ladder = Cause::Limit(LimitName::NumberInterval);
        self.items.iter().position(|item| item.cause == ladder)
    }

    /// The whole budget behind the charge at `index`.
    pub(crate) fn whole_budget(&self, index: usize) -> Option<u64> {
        self.items.get(index)?.whole.map(Money::as_microdollars)
    }

    /// Whether shadow mode lets a send pass that does not fit the charge at `index`. The purse of the
    /// realm and of all realms is real even in shadow mode; its step-up tier is not. So is the word of an
    /// operator or of a number's owner.
    pub(crate) fn may_be_waved(&self, index: usize) -> bool {
        let cause = self.cause(index).0;
        !cause.is_a_word() && (!cause.is_purse() || self.is_soft(index))
    }

    fn is_soft(&self, index: usize) -> bool {
        self.charges.get(index).zip(self.whole_budget(index)).is_some_and(|(charge, whole)| {
            charge.limit.raise(charge.spare) != BudgetPolicy::limit(Money::microdollars(whole))
        })
    }

    pub(super) fn quotas(&mut self, subject: Pseudonym, quotas: &[Quota], name: LimitName) {
        self.quotas_in(subject, 0, quotas, name);
    }

    /// [`quotas`](Self::quotas) that each lane counts apart.
    pub(super) fn quotas_in(
        &mut self,
        subject: Pseudonym,
        lane: u8,
        quotas: &[Quota],
        name: LimitName,
    ) {
        for quota in quotas {
            let (slot, cause) = (slot::quota(lane, quota.per), Cause::Limit(name));
            self.charge(subject, slot, quota.limit(), 1, cause, Remedy::Wait);
        }
    }

    pub(super) fn evidence(
        &mut self,
        terms: &Terms<'_>,
        subject: Pseudonym,
        evidence: Option<Evidence>,
        name: LimitName,
    ) {
        let key = MeterKey::new(subject, slot::UNVERIFIED);
        self.evidence_at(terms, key, evidence, name, None);
    }

    pub(super) fn evidence_at(
        &mut self,
        terms: &Terms<'_>,
        key: MeterKey,
        evidence: Option<Evidence>,
        name: LimitName,
        waiver: Option<MeterKey>,
    ) {
        let Some(evidence) = evidence else { return };
        let (max, remedy) = tier(terms.proved, evidence.soft, evidence.hard);
        let cost = u64::from(terms.resend.is_none());
        let charge = Charge { key, limit: evidence.limit(max), cost, waiver, spare: 0 };
        self.push(charge, Item { evidence: Some(1), ..Item::new(Cause::Limit(name), remedy) });
    }

    pub(super) fn charge(
        &mut self,
        subject: Pseudonym,
        slot: Slot,
        limit: Limit,
        cost: u64,
        cause: Cause,
        remedy: Remedy,
    ) {
        let key = MeterKey::new(subject, slot);
        let charge = Charge::new(key, limit, cost);
        self.push(charge, Item::new(cause, remedy));
    }

    pub(super) fn push(&mut self, charge: Charge, item: Item) {
        self.charges.push(charge);
        self.items.push(item);
    }
}

/// The tier that holds for a client, and what it can do about it.
pub(super) fn tier<T>(proved: Proved, soft: T, hard: T) -> (T, Remedy) {
    if proved == Proved::Ordinary { (soft, Remedy::Work) } else { (hard, Remedy::Wait) }
}
