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
use crate::transport::Price;

use super::{unexpected, window_ms};

/// How often another gate may name a price of the same text meanwhile.
const TRIES: usize = 8;
/// Beyond it a store's arithmetic would not be exact.
const MOST: u64 = 1 << 50;

/// What a provider says that a text cost.
pub(in crate::gate) enum Named {
    Nothing,
    /// In a currency for which no rate is stated.
    Unconverted(Price),
    Cost(Money),
}

impl Gate {
    /// What a provider says of the text's cost: a price, or more segments than were reserved.
    pub(in crate::gate) fn named_cost(
        &self,
        note: &Note,
        price: Option<Price>,
        segments: Option<u32>,
    ) -> Named {
        match price {
            Some(stated) => match self.inner.policy(&note.purpose).budget.dollars(stated) {
                Some(cost) => Named::Cost(cost),
                None => Named::Unconverted(stated),
            },
            None => more_segments(note, segments).map_or(Named::Nothing, Named::Cost),
        }
    }

    /// Takes what a receipt says of the text's cost.
    pub(super) async fn take_price(
        &self,
        note: &Note,
        price: Option<Price>,
        segments: Option<u32>,
        now: Timestamp,
    ) -> Result<(), GateError> {
        match self.named_cost(note, price, segments) {
            Named::Nothing => Ok(()),
            Named::Cost(cost) => self.settle_price(note, cost, price, now).await,
            Named::Unconverted(stated) => {
                let detail = stated.to_string();
                if self.is_first(note, "told unconverted", detail.as_bytes(), now).await? {
                    self.tell_of(note, now, EventKind::PriceUnconverted { stated });
                }
                Ok(())
            }
        }
    }

    /// Puts `price` into the budgets in place of what they hold for the send, and tells it.
    ///
    /// What a provider named is kept in a meter of the send's own, one millionth more than it said. The
    /// first price named replaces the estimate, in both directions; a later one counts if it is higher.
    /// So the budgets never hold less than the highest price that was named, in whatever order the
    /// prices come, and however often.
    pub(in crate::gate) async fn settle_price(
        &self,
        note: &Note,
        price: Money,
        stated: Option<Price>,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let price = price.as_microdollars().min(MOST);
        let named = price.saturating_add(1);
        let number = self.names().number(&note.recipient);
        let who =
            self.names().destination(self.inner.global, &note.recipient, number, &note.purpose);
        let key = MeterKey::new(self.names().send(&note.id), slot::PAID);
        let mut before = 0_u64;
        for _ in 0..TRIES {
            if before >= named {
                return Ok(());
            }
            let held = before.checked_sub(1).unwrap_or(note.price.as_microdollars());
            let (more, less) = (price.saturating_sub(held), held.saturating_sub(price));
            let plan = || Plan::of_money(&self.terms_of(note), &who);
            let detail = [named.to_be_bytes(), before.to_be_bytes()].concat();
            let mut admission = self.once(note, "price", &detail, now);
            if more > 0 {
                admission.charges = std::mem::take(&mut plan().unbounded(more).charges);
            }
            // Fits only if nobody has named another price since.
            let limit = Limit::Window { max: named, span_ms: window_ms() };
            let cost = named.saturating_sub(before);
            admission.charges.push(Charge::new(key, limit, cost));
            match guarded::admit(&*self.inner.store, &admission).await? {
                Admitted::Granted { counts, step, .. } => {
                    if less > 0 {
                        let refunds = plan().partly(less).refunds(false, Due::ALL, note.at);
                        self.inner.give_back(admission.id, admission.home, refunds, None).await?;
                    }
                    if held == price || !self.is_first(note, "told price", &detail, now).await? {
                        return Ok(());
                    }
                    if more > 0 {
                        let soft = self.inner.policy(&note.purpose).budget.soft_percent;
                        let text = Some(note.price);
                        let plan = plan().unbounded(more);
                        for tier in plan.budget_tiers(&counts, step, soft, text) {
                            self.tell_of(note, now, tier);
                        }
                    }
                    let (reserved, price) = (Money::microdollars(held), Money::microdollars(price));
                    self.tell_of(note, now, EventKind::Settled { reserved, price, stated });
                    return Ok(());
                }
                Admitted::Exhausted { counts, .. } => {
                    before = counts.last().copied().unwrap_or(named);
                }
                other => return Err(unexpected(&other)),
            }
        }
        Err(GateError::new(GateErrorKind::Store, "prices of one text kept coming in meanwhile"))
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
