//! [`admit`](crate::store::Store::admit) over several partitions.

use std::time::Duration;

use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Refund, Settlement, StoreError, StoreErrorKind,
    VoidCode,
};

use super::super::answer::Said;
use super::super::call::{Call, Scope, Undone};
use super::super::failure::Unsettled;
use super::super::place::Place;
use super::hub::Written;
use super::lend::{Loan, not_here};
use super::{Run, Settled, TRIES, check_splits, is_moved};

/// An admission that its own partition has granted.
#[derive(Clone, Copy)]
struct Made<'a> {
    part: usize,
    place: &'a Place,
    admission: &'a Admission,
    loans: &'a [Loan],
    /// In an earlier call.
    repeated: bool,
}

impl Run<'_> {
    pub(in super::super) async fn admit(
        &self,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let layout = &self.layout;
        let meters = !admission.charges.is_empty() || !admission.observe.is_empty();
        let at_hub = admission.home.name().is_none() && !meters && admission.challenge.is_none();
        let (part, place) = if at_hub {
            (usize::MAX, layout.hub())
        } else {
            let part = layout.part_of(admission.home.name().unwrap_or(admission.realm));
            (part, layout.place(part, admission.home))
        };
        check_splits(&place, admission.charges.iter().map(|charge| (charge.key, &charge.limit)))?;
        let decided = self.decide(part, &place, at_hub, admission).await;
        if decided.as_ref().is_err_and(has_certainly_failed) {
            self.release(place.tag, admission).await;
        }
        let (Settled { said: Said { mut answer, repeated, .. }, loans }, is_refused) = decided?;
        if !repeated && !matches!(answer, Admitted::Granted { .. }) {
            self.release(place.tag, admission).await;
        }
        let is_granted = matches!(answer, Admitted::Granted { .. });
        if !admission.documents.is_empty() && !at_hub && (is_granted || !is_refused) {
            let made = Made { part, place: &place, admission, loans: &loans, repeated };
            answer = self.with_documents(made, answer).await?;
        }
        let written = !admission.documents.is_empty() && !repeated;
        if written && matches!(answer, Admitted::Granted { .. }) {
            self.tell_versions(admission).await;
        }
        if !at_hub {
            let news = self.exchange(admission.exchange.as_ref(), !repeated).await;
            if let Admitted::Granted { news: told, .. } | Admitted::Exhausted { news: told, .. } =
                &mut answer
            {
                *told = news;
            }
        }
        Ok(answer)
    }

    /// What another partition and the call's own say of it, and whether it was refused before its own was
    /// asked. Its documents are not written yet.
    async fn decide(
        &self,
        part: usize,
        place: &Place,
        at_hub: bool,
        admission: &Admission,
    ) -> Result<(Settled<Admitted>, bool), StoreError> {
        let refusal = self.refused_before(place, admission).await?;
        let is_refused = refusal.is_some();
        let settled = match refusal {
            Some(refusal) if at_hub => Settled { said: Said::certain(refusal), loans: Vec::new() },
            Some(refusal) => self.refuse(part, place, admission, refusal).await?,
            None if at_hub => {
                let call = Call::admit(admission, place, &Scope::All);
                let said = self.send(call).await?.admitted(admission)?;
                Settled { said, loans: Vec::new() }
            }
            None => self.admit_at(part, place, admission).await?,
        };
        Ok((settled, is_refused))
    }

    /// The answer once the documents of the call are written, which the hub keeps. Where they cannot be, what
    /// was granted is undone; while the hub is lost, they count as written by somebody else.
    async fn with_documents(
        &self,
        made: Made<'_>,
        answer: Admitted,
    ) -> Result<Admitted, StoreError> {
        let admission = made.admission;
        Ok(match answer {
            Admitted::Granted { .. } => match self.write_documents(admission).await {
                Ok(Written::All) => answer,
                Ok(Written::Stale(stale)) => {
                    self.undo(made).await?;
                    stale
                }
                Ok(Written::Perhaps) => {
                    self.undo_unless_repeated(made).await?;
                    let first = admission.documents.first();
                    first.map_or(answer, |write| Admitted::Stale {
                        document: write.document,
                        version: write.expect,
                    })
                }
                Err(error) => {
                    self.undo_unless_repeated(made).await?;
                    return Err(error);
                }
            },
            Admitted::Stale { .. } => answer,
            // What the port checks first is asked last, and only of what is refused.
            other => self.stale_write(admission).await?.unwrap_or(other),
        })
    }

    /// What another partition refuses before the call's own is asked: a token that is claimed already, and
    /// a document that has changed, where a renewal takes from a challenge what cannot be given back.
    async fn refused_before(
        &self,
        place: &Place,
        admission: &Admission,
    ) -> Result<Option<Admitted>, StoreError> {
        let spent = self.claim(place.tag, admission).await?;
        let spent = spent.map(|index| Admitted::NonceSpent { index });
        let renews = matches!(admission.challenge, Some(ChallengeWrite::Renew { .. }));
        let stale = match !admission.documents.is_empty() && (renews || spent.is_some()) {
            true => self.stale_write(admission).await?,
            false => None,
        };
        Ok(stale.or(spent))
    }

    /// Counts what an admission observes that is refused for `refusal`, unless it was granted before or is
    /// refused for something that is asked earlier.
    async fn refuse(
        &self,
        part: usize,
        place: &Place,
        admission: &Admission,
        refusal: Admitted,
    ) -> Result<Settled<Admitted>, StoreError> {
        let mut shut = admission.clone();
        let own = admission.home.name().unwrap_or(admission.realm);
        let never = Limit::Window { max: 0, span_ms: 1 };
        let key = MeterKey::new(own, crate::limit::Slot(0));
        shut.charges.push(Charge::new(key, never, 1));
        let mut settled = self.admit_at(part, place, &shut).await?;
        let answer = &mut settled.said.answer;
        match (&mut *answer, refusal) {
            (Admitted::Granted { counts, .. }, _) => drop(counts.pop()),
            (Admitted::Stale { .. }, _) => {}
            (Admitted::NonceSpent { index: here }, Admitted::NonceSpent { index }) => {
                *here = index.min(*here);
            }
            (_, refusal) => *answer = refusal,
        }
        Ok(settled)
    }

    /// Makes the call at its partition until the answer rests on current versions and on what others
    /// have taken over.
    async fn admit_at(
        &self,
        part: usize,
        place: &Place,
        admission: &Admission,
    ) -> Result<Settled<Admitted>, StoreError> {
        let (mut copies, mut loans) = (Vec::new(), Vec::<Loan>::new());
        let mut last = None;
        for _ in 0..TRIES {
            let paid = loans.iter().map(|loan| loan.index).collect::<Vec<_>>();
            let scope = Scope::Part { copies: &copies, paid: &paid };
            let call = Call::admit(admission, place, &scope);
            let mut said = match self.send(call).await {
                Ok(reply) => reply.admitted(admission)?,
                Err(error) => return Err(self.broken_off(error, &loans).await),
            };
            if said.wants_copies {
                copies = self.versions(admission).await?;
                continue;
            }
            copies.clear();
            tell_counts(&mut said.answer, place, admission, &paid);
            if said.unfit.is_empty() {
                if said.repeated || !matches!(said.answer, Admitted::Granted { .. }) {
                    self.repay(&loans).await;
                    loans.clear();
                }
                return Ok(Settled { said, loans });
            }
            match self.borrow(part, place, &admission.charges, &said.unfit).await {
                Err(error) => return Err(self.broken_off(error, &loans).await),
                Ok(Ok(more)) => loans.extend(more),
                Ok(Err(worst)) => {
                    self.repay(&loans).await;
                    if let Admitted::Exhausted { index, retry_after, .. } = &mut said.answer {
                        (*index, *retry_after) = (worst.index, Duration::from_millis(worst.wait));
                    }
                    return Ok(Settled { said, loans: Vec::new() });
                }
            }
            last = Some(said);
        }
        self.repay(&loans).await;
        match last {
            Some(said) => Ok(Settled { said, loans: Vec::new() }),
            None => Err(StoreError::new(StoreErrorKind::Unavailable, Unsettled)),
        }
    }

    /// As [`undo`](Self::undo). What an earlier call was granted stands, unless it is certain that its
    /// documents were not written.
    async fn undo_unless_repeated(&self, made: Made<'_>) -> Result<(), StoreError> {
        if made.repeated { Ok(()) } else { self.undo(made).await }
    }

    /// Makes a granted admission as if it had never been. One that was granted in an earlier call, which
    /// broke off before it could do so, took over elsewhere what its own partition does not hold.
    async fn undo(&self, made: Made<'_>) -> Result<(), StoreError> {
        let Made { part, place, admission, loans, repeated } = made;
        let elsewhere = self.withdraw(place, admission, loans).await?;
        if repeated {
            self.give_elsewhere(part, elsewhere).await;
        }
        self.repay(loans).await;
        self.release(place.tag, admission).await;
        Ok(())
    }

    /// Takes what a granted admission charged and opened here back. Answers what of the common charges is
    /// not here.
    async fn withdraw(
        &self,
        place: &Place,
        admission: &Admission,
        loans: &[Loan],
    ) -> Result<Vec<Refund>, StoreError> {
        let here = |index: usize| !loans.iter().any(|loan| loan.index == index);
        let charges = admission.charges.iter().enumerate().filter(|(index, _)| here(*index));
        let refunds = charges.map(|(_, charge)| {
            let Charge { key, limit, cost, waiver, .. } = *charge;
            Refund { key, limit, cost, charged: admission.now, waiver }
        });
        let void = admission.challenge.as_ref().map(|write| match write {
            ChallengeWrite::Open { key, digest, .. }
            | ChallengeWrite::Renew { key, digest, .. } => {
                VoidCode { challenge: *key, digest: *digest }
            }
        });
        let settlement = Settlement {
            admission: admission.id,
            now: admission.now,
            clock: admission.clock,
            realm: admission.realm,
            home: admission.home,
            refunds: refunds.collect(),
            void,
            observe: Vec::new(),
            exchange: None,
        };
        let moving = self.layout.before.is_some();
        let undone = Undone::Admission { nonces: &admission.nonces, moving };
        let call = Call::settlement(&settlement, place, undone);
        let lefts = self.send(call).await?.settled()?;
        Ok(not_here(place, &settlement.refunds, &lefts))
    }
}

/// Whether a call that came out so was not made, and is not made again over another layout.
fn has_certainly_failed(error: &StoreError) -> bool {
    let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::Full, StoreErrorKind::Clock];
    kinds.contains(&error.kind()) && !is_moved(error)
}

/// The counts of common meters, as estimates of the whole.
fn tell_counts(answer: &mut Admitted, place: &Place, admission: &Admission, paid: &[usize]) {
    let common = admission.charges.iter().any(|charge| place.is_common(charge.key.subject));
    let (counts, observed, granted) = match answer {
        Admitted::Granted { counts, step, observed, .. } => {
            // What others have taken over moves no count of this partition's.
            *step = match (common, paid) {
                (false, _) => 1,
                (true, []) => place.step(),
                (true, _) => 0,
            };
            (counts, observed, true)
        }
        Admitted::Exhausted { counts, observed, .. } => (counts, observed, false),
        _ => return,
    };
    for (index, (count, charge)) in counts.iter_mut().zip(&admission.charges).enumerate() {
        if place.is_common(charge.key.subject) {
            let here = granted && !paid.contains(&index) && *count > 0;
            *count = place.estimate(*count, if here { charge.cost } else { 0 });
        }
    }
    for (count, observation) in observed.iter_mut().zip(&admission.observe) {
        if place.is_common(observation.key.subject) {
            *count = place.estimate(*count, observation.units);
        }
    }
}
