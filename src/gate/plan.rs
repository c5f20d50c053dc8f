//! What a send must pay: the policy's rules turned into one list of charges.

mod credits;
mod variants;

use std::time::Duration;

use crate::access::ControlId;
use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::time::{Timestamp, millis};
use crate::context::Purpose;
use crate::event::EventKind;
use crate::limit::{Limit, MeterKey, Slot};
use crate::outcome::{Client, Lane, LimitName, Networks, Proved, RefusalReason, Remedy, Subjects};
use crate::policy::{BudgetPolicy, Evidence, FailurePolicy, Policy, Quota, ReceiptPolicy};
use crate::realm::slot;
use crate::store::{Charge, Refund};
use crate::transport::{Channel, NumberFault};

use super::receipts::fault;

pub(crate) use credits::{credits, customers, of_client};

/// The window of the dashboard's counts.
pub(crate) const COUNT_SPAN_MS: u64 = 3_600_000;

/// A window that refuses nothing.
pub(crate) const UNLIMITED: Limit = Limit::Window { max: u64::MAX >> 11, span_ms: COUNT_SPAN_MS };

/// Each lane of the clients without an address counts its quotas apart from this rank on: a list has
/// fewer entries.
const UNKNOWN_RANKS: u8 = 16;

/// Why a charge stands in the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    Limit(LimitName),
    Budget(LimitName),
    Failures,
    /// The one renewal that is no evidence.
    FreeResend,
    Pumping,
    KnownOnly(ControlId),
    /// Messages of a verification by one channel.
    Channel(Channel),
    /// A provider reported that texts to the number are in vain.
    Fault,
}

impl Cause {
    /// The money that the host has said may be spent in all, as opposed to how it is to be spread.
    fn is_purse(self) -> bool {
        matches!(self, Self::Budget(LimitName::Realm | LimitName::Global))
    }

    pub(crate) fn reason(self, pumping: Option<String>) -> RefusalReason {
        match self {
            Self::Limit(name) => RefusalReason::Limit(name),
            Self::Budget(name) => RefusalReason::Budget(name),
            // Never told: a renewal that is not free is judged as evidence instead.
            Self::FreeResend => RefusalReason::Limit(LimitName::NumberInterval),
            Self::Failures => RefusalReason::TooManyFailures,
            Self::Pumping => RefusalReason::Pumping(pumping.unwrap_or_default()),
            Self::KnownOnly(id) => RefusalReason::KnownNumbersOnly { id },
            Self::Channel(channel) => RefusalReason::ChannelNotYet { channel },
            Self::Fault => RefusalReason::NumberFault { fault: None },
        }
    }
}

/// A send's charges, and what each stands for.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) charges: Vec<Charge>,
    items: Vec<Item>,
    /// What of the money was spent before the text: it is not given back with it.
    kept: Money,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    cause: Cause,
    remedy: Remedy,
    /// Whether a provider that refused the number for good leaves the charge standing.
    kept_on_refusal: bool,
    /// For a budget: all of it, whatever tier the charge is judged by.
    whole: Option<Money>,
    /// Whether the charge counts unverified messages.
    evidence: bool,
    /// Of a charge that is only checked: what it would have charged.
    checked: Option<u64>,
}

impl Item {
    fn new(cause: Cause, remedy: Remedy) -> Self {
        Self { cause, remedy, kept_on_refusal: false, whole: None, evidence: false, checked: None }
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
    pub(crate) price: Money,
    pub(crate) daily_budget: Money,
    /// Whether this renews a running verification. The first renewal pays messages and money, but is
    /// no new evidence against its network or block; later ones are ([`Plan::resend_again`]).
    pub(crate) resend: bool,
    /// How long a verification stays open: as long as its one free renewal is remembered.
    pub(crate) open: Duration,
    /// Whether the client's network hides who it is: then less room is left in its networks.
    pub(crate) hidden: bool,
}

impl Terms<'_> {
    /// What is left, for this client, of a limit on the unverified messages of its networks.
    fn of_client(&self, limit: Option<Evidence>) -> Option<Evidence> {
        limit.map(|whole| match self.hidden {
            true => self.policy.anonymisers.share(whole),
            false => whole,
        })
    }
}

impl Plan {
    /// Every charge of one send.
    pub(crate) fn of_send(terms: &Terms<'_>, who: &Subjects) -> Self {
        let mut plan = Self {
            charges: Vec::with_capacity(16),
            items: Vec::with_capacity(16),
            kept: Money::ZERO,
        };
        plan.number(terms, who);
        plan.number_total(terms, who);
        plan.free_resend(terms, who);
        plan.client(terms, who);
        plan.groups(terms, who);
        plan.money(terms, who);
        plan.count(who);
        plan
    }

    /// Adds the question whether a provider has reported that texts to `number` are in vain.
    pub(crate) fn ask_fault(&mut self, number: Pseudonym) {
        self.charge(number, slot::FAULT, fault::FREE, 0, Cause::Fault, Remedy::Wait);
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
        let spent = |item: &Item| item.cause != Cause::Budget(LimitName::RealmUnverified);
        let mut items = plan.items.iter();
        plan.charges.retain(|_| items.next().is_some_and(spent));
        plan.items.retain(spent);
        plan
    }

    /// The same charges, of `cost` each and without a bound: what was spent counts, whether or not
    /// there was room for it.
    pub(crate) fn unbounded(mut self, cost: u64) -> Self {
        for charge in &mut self.charges {
            (charge.limit, charge.cost) = (variants::unlimited(charge.limit), cost);
        }
        self
    }

    /// `cost` given back of each charge.
    pub(crate) fn partly(mut self, cost: u64) -> Self {
        self.charges.iter_mut().for_each(|charge| charge.cost = charge.cost.min(cost));
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
        self.push(Charge { key, limit: Limit::SHUT, cost: 1, waiver }, Item::new(cause, remedy));
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
                let (limit, cost) = match (item.evidence, item.checked) {
                    (false, _) => (charge.limit, charge.cost),
                    (true, None) => (charge.limit, 1),
                    (true, Some(_)) => variants::checked(charge.limit, 1),
                };
                (Charge { limit, cost, ..*charge }, *item)
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
            Cause::Budget(LimitName::RealmUnverified) => true,
            Cause::Budget(_) => due.money,
            _ => !(refused && item.kept_on_refusal),
        })
    }

    /// Notes that `money` of what was reserved is spent, whatever becomes of the text.
    pub(crate) fn keep(&mut self, money: Money) {
        self.kept = money;
    }

    fn given_back(&self, charged: Timestamp, which: impl Fn(&Item) -> bool) -> Vec<Refund> {
        let pairs = self.charges.iter().zip(&self.items).filter(|(_, item)| which(item));
        pairs
            .map(|(charge, item)| {
                let kept = match item.cause {
                    Cause::Budget(_) => self.kept.as_microdollars(),
                    _ => 0,
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

    /// What an operator is told when `cost` more brings the budgets to `counts`.
    pub(crate) fn budget_tiers(&self, counts: &[u64], cost: u64, soft: u8) -> Vec<EventKind> {
        let mut told = Vec::new();
        for (scope, index) in self.budgets() {
            let Some((used, max)) = counts.get(index).copied().zip(self.whole_budget(index)) else {
                continue;
            };
            let before = used.saturating_sub(cost);
            let share = |micro: u64| {
                u128::from(micro).saturating_mul(100).checked_div(max.into()).unwrap_or(0)
            };
            for percent in [50, soft] {
                if share(before) < u128::from(percent) && share(used) >= u128::from(percent) {
                    told.push(EventKind::BudgetTier { scope, percent });
                }
            }
            // Used up is a budget that no further text fits; prices seldom divide it evenly.
            if cost > 0 && used.saturating_add(cost) > max {
                told.push(EventKind::BudgetTier { scope, percent: 100 });
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
    /// realm and of all realms is real even in shadow mode; its step-up tier is not.
    pub(crate) fn may_be_waved(&self, index: usize) -> bool {
        match self.cause(index).0 {
            Cause::KnownOnly(_) => false,
            cause => !cause.is_purse() || self.is_soft(index),
        }
    }

    fn is_soft(&self, index: usize) -> bool {
        self.charges.get(index).zip(self.whole_budget(index)).is_some_and(|(charge, whole)| {
            charge.limit != BudgetPolicy::limit(Money::microdollars(whole))
        })
    }

    fn number(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let (policy, lane) = (terms.policy, terms.lane.index());
        let human = if terms.lane == Lane::Open { Remedy::Human } else { Remedy::Wait };
        let failures = terms.lane.failures(&policy.attempts);
        // Cost 0: a send is not a failure. A lane that is shut or pauses gets no new code: nobody
        // could enter it, its text would be wasted, and its owner told to type what is not read.
        let counted = terms.lane.counted();
        let max = failures.max.saturating_sub(1);
        let shut = FailurePolicy { max, ..*failures }.limit();
        self.charge(who.number, counted, shut, 0, Cause::Failures, human);
        self.charge(
            who.number,
            slot::ladder(terms.purpose, lane),
            policy.interval.ladder.limit(),
            1,
            Cause::Limit(LimitName::NumberInterval),
            Remedy::Wait,
        );
        for (rank, quota) in (0..).zip(&policy.quotas.number) {
            self.charge(
                who.number,
                slot::number_quota(terms.purpose, lane, rank),
                quota.limit(),
                1,
                Cause::Limit(LimitName::Number),
                human,
            );
        }
    }

    /// One count of a number's texts for everybody, of which those who have proved less may fill less.
    fn number_total(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let human = if terms.lane == Lane::Open { Remedy::Human } else { Remedy::Wait };
        for (rank, quota) in (0..).zip(&terms.policy.quotas.number_total) {
            let quota = Quota { max: terms.lane.of_total(quota.max), ..*quota };
            let cause = Cause::Limit(LimitName::Number);
            self.charge(who.number, slot::total(rank), quota.limit(), 1, cause, human);
        }
    }

    /// One renewal in the life of a verification, which an impatient person takes, is no evidence.
    /// Counted by the number, so that an old grant cannot be had back with its renewal unused.
    fn free_resend(&mut self, terms: &Terms<'_>, who: &Subjects) {
        if terms.resend {
            let once = Limit::Window { max: 1, span_ms: millis(terms.open) };
            let slot = slot::free_resend(terms.purpose, terms.lane.index());
            self.charge(who.number, slot, once, 1, Cause::FreeResend, Remedy::Wait);
        }
    }

    fn client(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let quotas = &terms.policy.quotas;
        match who.client {
            Client::Network(networks) => {
                self.quotas(networks.own, &quotas.client, LimitName::Client);
                let name = LimitName::ClientUnverified;
                let own = terms.of_client(quotas.client_unverified);
                self.evidence(terms, networks.own, own, name);
                self.around(terms, networks);
            }
            Client::Unknown(shared) => {
                let first = terms.lane.index().saturating_mul(UNKNOWN_RANKS);
                self.ranked(shared, first, &quotas.client_unknown, LimitName::Client);
            }
            Client::Caller => {}
        }
        for (subject, quotas, name) in [
            (who.session, &quotas.session, LimitName::Session),
            (who.user, &quotas.user, LimitName::User),
            (who.device, &quotas.device, LimitName::Device),
        ] {
            if let Some(subject) = subject {
                self.quotas(subject, quotas, name);
            }
        }
        self.items.iter_mut().for_each(|item| {
            if let Cause::Limit(
                LimitName::Client
                | LimitName::ClientUnverified
                | LimitName::NetworkUnverified
                | LimitName::CampusUnverified
                | LimitName::ProviderUnverified
                | LimitName::AllocationUnverified
                | LimitName::CustomersUnverified
                | LimitName::Session
                | LimitName::User
                | LimitName::Device,
            ) = item.cause
            {
                item.kept_on_refusal = true;
            }
        });
    }

    /// The networks around the client. Customers lift the limits above its site, but for the one on
    /// the allocation that nothing lifts.
    fn around(&mut self, terms: &Terms<'_>, networks: Networks) {
        let quotas = &terms.policy.quotas;
        for (rung, place) in networks.rungs() {
            let (evidence, name) = rung.limit(quotas);
            let waiver = rung.is_lifted().then(|| place.customers());
            let evidence = terms.of_client(evidence);
            self.evidence_at(terms, place.unverified(), evidence, name, waiver);
        }
        let name = LimitName::CustomersUnverified;
        let at_most = terms.of_client(quotas.customers_unverified);
        self.evidence_at(terms, networks.at_most(), at_most, name, None);
    }

    /// Counts what was sent, for the dashboard: charges that never refuse.
    fn count(&mut self, who: &Subjects) {
        for (subject, name) in [(who.country, LimitName::Country), (who.realm, LimitName::Realm)] {
            self.charge(subject, slot::SENT, UNLIMITED, 1, Cause::Limit(name), Remedy::Wait);
        }
    }

    fn groups(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let quotas = &terms.policy.quotas;
        if let Some(block) = who.block {
            self.quotas(block, &quotas.block, LimitName::Block);
            self.evidence(terms, block, quotas.block_unverified, LimitName::BlockUnverified);
        }
        if let Some(caller) = who.caller {
            self.quotas(caller, &quotas.caller, LimitName::Caller);
        }
        self.quotas(who.country, &quotas.country, LimitName::Country);
        self.quotas(who.purpose, &quotas.purpose, LimitName::Purpose);
        self.quotas(who.realm, &quotas.realm, LimitName::Realm);
        self.quotas(who.global, &quotas.global, LimitName::Global);
    }

    fn money(&mut self, terms: &Terms<'_>, who: &Subjects) {
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

    fn quotas(&mut self, subject: Pseudonym, quotas: &[Quota], name: LimitName) {
        self.ranked(subject, 0, quotas, name);
    }

    fn ranked(&mut self, subject: Pseudonym, first: u8, quotas: &[Quota], name: LimitName) {
        for (rank, quota) in (first..).zip(quotas) {
            let cause = Cause::Limit(name);
            self.charge(subject, slot::quota(rank), quota.limit(), 1, cause, Remedy::Wait);
        }
    }

    fn evidence(
        &mut self,
        terms: &Terms<'_>,
        subject: Pseudonym,
        evidence: Option<Evidence>,
        name: LimitName,
    ) {
        let key = MeterKey::new(subject, slot::UNVERIFIED);
        self.evidence_at(terms, key, evidence, name, None);
    }

    fn evidence_at(
        &mut self,
        terms: &Terms<'_>,
        key: MeterKey,
        evidence: Option<Evidence>,
        name: LimitName,
        waiver: Option<MeterKey>,
    ) {
        let Some(evidence) = evidence else { return };
        let (max, remedy) = tier(terms.proved, evidence.soft, evidence.hard);
        let cost = u64::from(!terms.resend);
        let charge = Charge { key, limit: evidence.limit(max), cost, waiver };
        self.push(charge, Item { evidence: true, ..Item::new(Cause::Limit(name), remedy) });
    }

    fn charge(
        &mut self,
        subject: Pseudonym,
        slot: Slot,
        limit: Limit,
        cost: u64,
        cause: Cause,
        remedy: Remedy,
    ) {
        let key = MeterKey::new(subject, slot);
        let charge = Charge { key, limit, cost, waiver: None };
        self.push(charge, Item::new(cause, remedy));
    }

    fn push(&mut self, charge: Charge, item: Item) {
        self.charges.push(charge);
        self.items.push(item);
    }
}

/// The tier that holds for a client, and what it can do about it.
fn tier<T>(proved: Proved, soft: T, hard: T) -> (T, Remedy) {
    if proved == Proved::Ordinary { (soft, Remedy::Work) } else { (hard, Remedy::Wait) }
}
