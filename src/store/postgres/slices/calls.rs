//! The verbs of the port, where rows are charged ahead: what a call pays itself, and what is left of it.

use std::mem;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::limit::Limit;
use crate::store::{
    Admission, Admitted, Charge, Observation, Redeemed, Redemption, Settlement, StoreError,
    StoreErrorKind, Tallies, TallyQuery, Verdict,
};

use super::super::PostgresStore;
use super::super::lease::lost;
use super::{Name, Offer, Payer, Slices, When};

impl PostgresStore {
    pub(in super::super) async fn sliced_admit(
        &self,
        slices: &Arc<Slices>,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        // Whose acknowledgement was lost has paid.
        if slices.knows(admission.id) {
            return self.try_admit(admission).await;
        }
        // On a task of its own: who drops this call leaves nobody else to put back what it takes
        // out of a slice, should it be refused, nor to count late.
        let (store, slices, call) = (self.clone(), Arc::clone(slices), admission.clone());
        seen_through(tokio::spawn(async move { store.admit_apart(&slices, call).await })).await
    }

    async fn admit_apart(
        &self,
        slices: &Arc<Slices>,
        mut call: Admission,
    ) -> Result<Admitted, StoreError> {
        let Admission { id, realm, home, now, clock, .. } = call;
        let when = When { realm, home, now, clock };
        let (charges, observe) = (mem::take(&mut call.charges), mem::take(&mut call.observe));
        self.count_before(slices, when, charges.iter()).await;
        let mut payers = Vec::with_capacity(charges.len());
        for charge in &charges {
            payers.push(self.pay(slices, when, charge).await);
        }
        let later: Vec<_> = observe.iter().map(|it| slices.counts_later(when, it)).collect();
        let apart = slices.tells_apart(when, call.exchange.as_ref());
        let exchange = if apart { call.exchange.take() } else { None };
        // What is left for the call to pay, count and tell itself.
        let pairs = charges.iter().zip(&payers);
        call.charges = pairs.filter(|(_, payer)| payer.is_the_call()).map(|(it, _)| *it).collect();
        let pairs = observe.iter().zip(&later);
        call.observe = pairs.filter(|(_, later)| later.is_none()).map(|(it, _)| *it).collect();
        let answer = self.try_admit(&call).await;
        let granted = matches!(answer, Ok(Admitted::Granted { .. }));
        let refused = match &answer {
            Ok(_) => !granted,
            Err(error) => is_undone(error),
        };
        slices.close_accounts(&payers, refused);
        if !refused {
            slices.remember(id);
        }
        let mut answer = answer?;
        let mut told = self.tell(slices, when, exchange.as_ref()).await;
        let units = observe.iter().map(|it| it.units);
        let costs = charges.iter().map(|charge| charge.cost);
        let paid: Vec<_> = payers.iter().copied().zip(costs).collect();
        let observed =
            |told: &[u64]| slices.all_observed(later.iter().copied().zip(units.clone()), told);
        match &mut answer {
            Admitted::Granted { counts, observed: seen, news: heard, .. } => {
                *counts = slices.all_counts(when, &paid, counts, true);
                *seen = observed(seen);
                *heard = told.take().unwrap_or_else(|| std::mem::take(heard));
            }
            Admitted::Exhausted { index, counts, observed: seen, news: heard, .. } => {
                *counts = slices.all_counts(when, &paid, counts, false);
                *seen = observed(seen);
                *heard = told.take().unwrap_or_else(|| std::mem::take(heard));
                let mut by_calls =
                    payers.iter().enumerate().filter(|(_, payer)| payer.is_the_call());
                *index = by_calls.nth(*index).map_or(*index, |(index, _)| index);
            }
            _ => drop(observed(&[])),
        }
        self.tend(slices);
        Ok(answer)
    }

    /// Finds who pays `charge`.
    async fn pay(&self, slices: &Arc<Slices>, when: When, charge: &Charge) -> Payer {
        let (name, turn) = match slices.offer(when, charge) {
            Offer::Paid(payer) => return payer,
            Offer::Alone(name) => {
                self.give_back_at_once(slices, name).await;
                return Payer::Call(Some(name));
            }
            Offer::Ahead(name, _, turn) => (name, turn),
        };
        let _turn = turn.lock().await;
        // Another call may have done it meanwhile.
        match slices.offer(when, charge) {
            Offer::Paid(payer) => return payer,
            Offer::Alone(_) => {}
            Offer::Ahead(_, units, _) => {
                self.charge_ahead(slices, name, when, charge.limit, units).await;
            }
        }
        match slices.offer(when, charge) {
            Offer::Paid(payer) => payer,
            _ => Payer::Call(Some(name)),
        }
    }

    pub(in super::super) async fn sliced_settle(
        &self,
        slices: &Arc<Slices>,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let Settlement { realm, home, now, clock, .. } = *settlement;
        let when = When { realm, home, now, clock };
        if !slices.tells_apart(when, settlement.exchange.as_ref()) {
            return self.try_settle(settlement).await;
        }
        let rest = Settlement { exchange: None, ..settlement.clone() };
        self.try_settle(&rest).await?;
        self.tell(slices, when, settlement.exchange.as_ref()).await;
        self.tend(slices);
        Ok(())
    }

    pub(in super::super) async fn sliced_redeem(
        &self,
        slices: &Arc<Slices>,
        redemption: &Redemption,
    ) -> Result<Redeemed, StoreError> {
        if slices.knows(redemption.id) {
            return self.try_redeem(redemption).await;
        }
        // As an admission: what was compared is counted, whoever still waits for the verdict.
        let (store, slices, call) = (self.clone(), Arc::clone(slices), redemption.clone());
        seen_through(tokio::spawn(async move { store.redeem_apart(&slices, call).await })).await
    }

    async fn redeem_apart(
        &self,
        slices: &Arc<Slices>,
        mut call: Redemption,
    ) -> Result<Redeemed, StoreError> {
        let Redemption { id, realm, home, now, clock, .. } = call;
        let when = When { realm, home, now, clock };
        let charges = call.charges.iter().chain(&call.subject_charges);
        self.count_before(slices, when, charges).await;
        let later = |list: &[Observation]| -> Vec<Option<Name>> {
            list.iter().map(|it| slices.counts_later(when, it)).collect()
        };
        let rest = |list: &[Observation], later: &[Option<Name>]| -> Vec<Observation> {
            let pairs = list.iter().zip(later).filter(|(_, later)| later.is_none());
            pairs.map(|(it, _)| *it).collect()
        };
        let apart = slices.tells_apart(when, call.exchange.as_ref());
        let exchange = if apart { call.exchange.take() } else { None };
        let (observe, observe_failure) =
            (mem::take(&mut call.observe), mem::take(&mut call.observe_failure));
        let (always, failure) = (later(&observe), later(&observe_failure));
        call.observe = rest(&observe, &always);
        call.observe_failure = rest(&observe_failure, &failure);
        let answer = self.try_redeem(&call).await;
        if !answer.as_ref().is_err_and(is_undone) {
            slices.remember(id);
        }
        let mut answer = answer?;
        if let Some(news) = self.tell(slices, when, exchange.as_ref()).await {
            answer.news = news;
        }
        let accepted = matches!(answer.verdict, Verdict::Accepted { .. });
        let always = always.into_iter().zip(observe.iter().map(|it| it.units));
        let failed = observe_failure.iter();
        let failed = failed.map(|it| if accepted { 0 } else { it.units });
        let all = always.chain(failure.into_iter().zip(failed));
        answer.observed = slices.all_observed(all, &answer.observed);
        self.tend(slices);
        Ok(answer)
    }

    /// What this process holds is not spent, and what it has yet to count is counted first.
    pub(in super::super) async fn sliced_tally(
        &self,
        slices: &Arc<Slices>,
        query: &TallyQuery,
    ) -> Result<Tallies, StoreError> {
        if slices.has_yet_to_count(query) {
            self.count_at_once(slices, query.realm).await;
        }
        let mut tallies = self.try_tally(query).await?;
        let rows = slices.rows();
        for (meter, reading) in query.meters.iter().zip(&mut tallies.meters) {
            if let Limit::Window { span_ms, .. } | Limit::Budget { span_ms, .. } = meter.limit {
                let name = Name { realm: query.realm, key: meter.key, span_ms };
                let left = rows.busy.get(&name).map_or(0, |row| row.slice.left());
                reading.count = reading.count.saturating_sub(left);
            }
        }
        Ok(tallies)
    }
}

/// The answer of a call on a task of its own.
async fn seen_through<T>(task: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    task.await.unwrap_or_else(|_| Err(lost()))
}

/// Whether a call has changed nothing.
fn is_undone(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Full)
}
