//! From the estimate that was reserved to what the provider says it charged.

use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::charges::{Due, Plan, Terms};
use crate::error::{GateError, GateErrorKind};
use crate::event::EventKind;
use crate::gate::Gate;
use crate::guarded;
use crate::limit::{Limit, MeterKey};
use crate::outcome::{Note, Proved};
use crate::realm::slot;
use crate::store::{Admitted, Charge};
use crate::transport::{Handoff, Price};

use super::paid::{Cost, Step};
use super::said::Said;
use super::{unexpected, window_ms};

/// How often another gate may name a price of the same text meanwhile.
const TRIES: usize = 8;

/// What a provider says of a text's price.
pub(in crate::gate) struct Named {
    /// What the budgets are to hold, if they hold less or an estimate.
    pub(in crate::gate) cost: Option<Cost>,
    /// A price in a currency for which no rate is stated.
    pub(in crate::gate) unconverted: Option<Price>,
}

impl Gate {
    /// What the provider's answer to a hand-off says of the text's cost.
    pub(in crate::gate) fn named_in_answer(&self, note: &Note, handoff: &Handoff) -> Named {
        self.named_cost(note, &Said::in_answer(handoff))
    }

    /// What a provider says of the text's cost: a price, or more segments than were reserved.
    ///
    /// A price of zero names nothing, as trial accounts and routes without a price report it, unless the
    /// text was not delivered: then it says that nothing was billed.
    fn named_cost(&self, note: &Note, said: &Said) -> Named {
        let counted = more_segments(note, said.segments).map(Cost::Counted);
        if said.is_unbilled() {
            return Named { cost: Some(Cost::Named(Money::ZERO)), unconverted: None };
        }
        let Some(stated) = said.named_price() else {
            return Named { cost: counted, unconverted: None };
        };
        match self.inner.policy(&note.purpose).budget.dollars(stated) {
            Some(price) if said.part => {
                Named { cost: Some(Cost::NamedOfPart(price)), unconverted: None }
            }
            Some(price) => Named { cost: Some(Cost::Named(price)), unconverted: None },
            None => Named { cost: counted, unconverted: Some(stated) },
        }
    }

    /// Takes what a receipt says of the text's cost.
    pub(super) async fn take_price(
        &self,
        note: &Note,
        said: &Said,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let Named { cost, unconverted } = self.named_cost(note, said);
        if let Some(cost) = cost {
            self.settle_price(note, cost, said.price, now).await?;
        }
        if let Some(stated) = unconverted {
            let detail = stated.to_string();
            if self.is_first(note, "told unconverted", detail.as_bytes(), now).await? {
                self.tell_of(note, now, EventKind::PriceUnconverted { stated });
            }
        }
        Ok(())
    }

    /// Puts `cost` into the budgets in place of what they hold for the send, and tells it.
    ///
    /// What a provider said is kept in a meter of the send's own, also where it is just what was reserved. The
    /// first price named replaces the estimate, in both directions; a later one counts if it is higher.
    /// So the budgets never hold less than the highest price that was named, in whatever order the
    /// prices come, and however often.
    pub(in crate::gate) async fn settle_price(
        &self,
        note: &Note,
        cost: Cost,
        stated: Option<Price>,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let key = MeterKey::new(self.names().send(&note.id), slot::PAID);
        let mut before = 0_u64;
        for _ in 0..TRIES {
            let Some(step) = cost.step(before, note.price) else { return Ok(()) };
            let detail = [step.meter.to_be_bytes(), before.to_be_bytes()].concat();
            let mut admission = self.once(note, "price", &detail, now);
            let more = step.price.saturating_sub(step.held);
            if more > 0 {
                admission.charges =
                    std::mem::take(&mut self.money_of(note).unbounded(more).charges);
            }
            // Fits only if nobody has named another price since.
            let limit = Limit::Window { max: step.meter, span_ms: window_ms() };
            admission.charges.push(Charge::new(key, limit, step.meter.saturating_sub(before)));
            match guarded::admit(&*self.inner.store, &admission).await? {
                Admitted::Granted { counts, step: by, .. } => {
                    let less = step.held.saturating_sub(step.price);
                    if less > 0 {
                        let back = self.money_of(note).each_of(less);
                        let refunds = back.refunds(false, Due::ALL, note.at);
                        self.inner.give_back(admission.id, admission.home, refunds, None).await?;
                    }
                    let is_told = step.held == step.price
                        || !self.is_first(note, "told price", &detail, now).await?;
                    if !is_told {
                        let stated = stated.filter(|_| !matches!(cost, Cost::Counted(_)));
                        self.tell_settled(note, step, stated, (&counts, by), now);
                    }
                    return Ok(());
                }
                Admitted::Exhausted { counts, .. } => {
                    before = counts.last().copied().unwrap_or(step.meter);
                }
                other => return Err(unexpected(&other)),
            }
        }
        Err(GateError::new(GateErrorKind::Store, "prices of one text kept coming in meanwhile"))
    }

    /// Tells what the budgets hold now, and which of their tiers that has reached.
    fn tell_settled(
        &self,
        note: &Note,
        step: Step,
        stated: Option<Price>,
        (counts, by): (&[u64], u64),
        now: Timestamp,
    ) {
        let more = step.price.saturating_sub(step.held);
        if more > 0 {
            let soft = self.inner.policy(&note.purpose).budget.soft_percent;
            let plan = self.money_of(note).unbounded(more);
            for tier in plan.budget_tiers(counts, by, soft, Some(note.price)) {
                self.tell_of(note, now, tier);
            }
        }
        let (reserved, price) = (Money::microdollars(step.held), Money::microdollars(step.price));
        self.tell_of(note, now, EventKind::Settled { reserved, price, stated });
    }

    /// What the send charged to the budgets.
    fn money_of(&self, note: &Note) -> Plan {
        let number = self.names().number(&note.recipient);
        let who =
            self.names().destination(self.inner.global, &note.recipient, number, &note.purpose);
        Plan::of_money(&self.terms_of(note), &who)
    }

    /// The terms on which the send was charged, as far as its number and the budgets go.
    pub(super) fn terms_of<'a>(&'a self, note: &'a Note) -> Terms<'a> {
        let policy = self.inner.policy(&note.purpose);
        Terms {
            policy,
            purpose: &note.purpose,
            lane: note.lane,
            proved: Proved::Human,
            hidden: false,
            price: note.price,
            look_up: Money::ZERO,
            daily_budget: self.inner.daily_budget,
            resend: None,
            open: policy.code.open,
        }
    }
}

/// What a text costs at the price that was reserved, if the provider counts more segments.
fn more_segments(note: &Note, segments: Option<u32>) -> Option<Money> {
    let (counted, reserved) = (u64::from(segments?), u64::from(note.segments));
    let each = note.price.as_microdollars().div_ceil(reserved.max(1));
    (counted > reserved).then(|| Money::microdollars(each.saturating_mul(counted)))
}
