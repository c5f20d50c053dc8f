//! [`redeem`](crate::store::Store::redeem) and [`settle`](crate::store::Store::settle) over several
//! partitions.

use std::time::Duration;

use crate::store::{Charge, Mark, Redeemed, Redemption, Settlement, StoreError, Verdict};

use super::super::call::{Call, Errand, Scope};
use super::super::place::Place;
use super::lend::{Loan, not_here};
use super::{Run, Settled, TRIES, check_splits};

impl Run<'_> {
    pub(in super::super) async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let meters = !settlement.refunds.is_empty() || !settlement.observe.is_empty();
        let part = self.layout.part_of(settlement.home.name().unwrap_or(self.when.realm));
        let place = match settlement.home.name() {
            None if !meters => self.layout.hub(),
            _ => self.layout.place(part, settlement.home),
        };
        let lefts = self.send(Call::settle(settlement, &place)).await?.settled()?;
        self.give_elsewhere(part, not_here(&place, &settlement.refunds, &lefts)).await;
        self.spread.used_up.forget(self.when, settlement.refunds.iter().map(|refund| refund.key));
        if place.is_part() {
            self.exchange(settlement.exchange.as_ref(), true).await;
        }
        Ok(())
    }

    pub(in super::super) async fn redeem(
        &self,
        redemption: &Redemption,
    ) -> Result<Redeemed, StoreError> {
        let part = self.layout.part_of(redemption.home.name().unwrap_or(redemption.realm));
        let place = self.layout.place(part, redemption.home);
        let Settled { mut said, loans } = self.redeem_at(part, &place, redemption).await?;
        let pays_only_charges = matches!(
            said.answer.verdict,
            Verdict::Unknown | Verdict::Consumed | Verdict::Locked | Verdict::Expired
        );
        let first = redemption.charges.len();
        let in_vain = |loan: &Loan| match said.answer.verdict {
            Verdict::Exhausted { .. } => true,
            _ => said.repeated || (pays_only_charges && loan.index >= first),
        };
        let vain: Vec<Loan> = loans.into_iter().filter(in_vain).collect();
        self.repay(&vain).await;
        for (count, observation) in said
            .answer
            .observed
            .iter_mut()
            .zip(redemption.observe.iter().chain(&redemption.observe_failure))
        {
            if place.is_common(observation.key.subject) {
                *count = place.estimate(*count, observation.units);
            }
        }
        if matches!(said.answer.verdict, Verdict::Accepted { .. }) {
            let credited = redemption.credits.iter().map(|credit| credit.key);
            self.spread.used_up.forget(self.when, credited.chain(redemption.reset.iter().copied()));
            self.spread_marks(part, &place, &redemption.marks).await;
        }
        let append = !said.repeated;
        let exchange = redemption.exchange.as_ref();
        said.answer.news = self.exchange(exchange, append).await;
        Ok(said.answer)
    }

    /// Makes the call at its partition until the answer rests on what others have taken over.
    async fn redeem_at(
        &self,
        part: usize,
        place: &Place,
        redemption: &Redemption,
    ) -> Result<Settled<Redeemed>, StoreError> {
        let both = redemption.charges.iter().chain(&redemption.subject_charges);
        let charges: Vec<Charge> = both.copied().collect();
        check_splits(place, charges.iter().map(|charge| (charge.key, &charge.limit)))?;
        let mut loans = Vec::<Loan>::new();
        let mut tries: usize = 0;
        loop {
            let paid = loans.iter().map(|loan| loan.index).collect::<Vec<_>>();
            let call = Call::redeem(redemption, place, &Scope::Part { copies: &[], paid: &paid });
            let mut said = match self.send(call).await {
                Ok(reply) => reply.redeemed()?,
                Err(error) => return Err(self.broken_off(error, &loans).await),
            };
            tries = tries.saturating_add(1);
            if said.unfit.is_empty() || tries >= TRIES {
                return Ok(Settled { said, loans });
            }
            match self.borrow(part, place, &charges, &said.unfit).await {
                Err(error) => return Err(self.broken_off(error, &loans).await),
                Ok(Ok(more)) => loans.extend(more),
                Ok(Err(worst)) => {
                    let retry_after = Duration::from_millis(worst.wait);
                    said.answer.verdict = Verdict::Exhausted { index: worst.index, retry_after };
                    return Ok(Settled { said, loans });
                }
            }
        }
    }

    /// Makes marks on what is common in the other partitions too. One that is lost does without: a charge
    /// is then not waived that would have been.
    async fn spread_marks(&self, part: usize, place: &Place, marks: &[Mark]) {
        let marks: Vec<Mark> =
            marks.iter().filter(|mark| place.is_common(mark.key.subject)).copied().collect();
        if marks.is_empty() {
            return;
        }
        let errand = Errand { marks: &marks, ..Errand::default() };
        for other in (0..self.layout.tags.len()).filter(|other| *other != part) {
            drop(self.ask(other, &errand).await);
        }
    }
}
