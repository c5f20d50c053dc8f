//! [`admit`](crate::store::Store::admit) over several partitions.

use std::time::Duration;

use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Refund, Settlement, StoreError, StoreErrorKind,
    VoidCode,
};

use super::super::answer::Said;
use super::super::call::{Call, Scope};
use super::super::failure::Unsettled;
use super::super::place::Place;
use super::lend::Loan;
use super::{Run, Settled, TRIES, check_splits};

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
        if let Some(refusal) = self.refused_before(&place, admission).await? {
            let answer = match at_hub {
                true => refusal,
                false => self.refuse(part, &place, admission, refusal).await?,
            };
            if !matches!(answer, Admitted::Granted { .. }) {
                self.release(place.tag, admission).await;
            }
            return Ok(answer);
        }
        let Settled { said: Said { mut answer, repeated, .. }, loans } = if at_hub {
            let call = Call::admit(admission, &place, &Scope::All);
            let said = self.send(call).await?.admitted(admission)?;
            Settled { said, loans: Vec::new() }
        } else {
            self.admit_at(part, &place, admission).await?
        };
        if !repeated && !matches!(answer, Admitted::Granted { .. }) {
            self.release(place.tag, admission).await;
        }
        if !admission.documents.is_empty() && !at_hub {
            answer = self.with_documents(&place, admission, &loans, repeated, answer).await?;
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

    /// The answer once the documents of the call are written, which the hub keeps. Where they cannot be, what
    /// was granted is undone.
    async fn with_documents(
        &self,
        place: &Place,
        admission: &Admission,
        loans: &[Loan],
        repeated: bool,
        answer: Admitted,
    ) -> Result<Admitted, StoreError> {
        Ok(match answer {
            Admitted::Granted { .. } => match self.write_documents(admission).await {
                Ok(None) => answer,
                failed => {
                    self.undo(place, admission, loans, repeated).await?;
                    failed?.unwrap_or(answer)
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
    ) -> Result<Admitted, StoreError> {
        let mut shut = admission.clone();
        let own = admission.home.name().unwrap_or(admission.realm);
        let never = Limit::Window { max: 0, span_ms: 1 };
        let key = MeterKey::new(own, crate::limit::Slot(0));
        shut.charges.push(Charge { key, limit: never, cost: 1, waiver: None });
        let said = self.admit_at(part, place, &shut).await?.said;
        let append = !said.repeated;
        let news = self.exchange(admission.exchange.as_ref(), append).await;
        Ok(match said.answer {
            Admitted::Granted { mut counts, step, observed, .. } => {
                counts.pop();
                Admitted::Granted { counts, step, observed, news }
            }
            stale @ Admitted::Stale { .. } => stale,
            Admitted::NonceSpent { index: here } => match refusal {
                Admitted::NonceSpent { index } => Admitted::NonceSpent { index: index.min(here) },
                stale => stale,
            },
            _ => refusal,
        })
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
            let charges =
                admission.charges.iter().map(|charge| (charge.key, charge.limit, charge.cost));
            let charges: Vec<_> = charges.collect();
            tell_counts(&mut said.answer, place, admission, &paid);
            if said.unfit.is_empty() {
                if !matches!(said.answer, Admitted::Granted { .. }) {
                    self.repay(&loans).await;
                    loans.clear();
                }
                return Ok(Settled { said, loans });
            }
            match self.borrow(part, place, &charges, &said.unfit).await {
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

    /// Makes a granted admission as if it had never been, unless it was granted in an earlier call.
    async fn undo(
        &self,
        place: &Place,
        admission: &Admission,
        loans: &[Loan],
        repeated: bool,
    ) -> Result<(), StoreError> {
        if !repeated {
            self.withdraw(place, admission, loans).await?;
            self.repay(loans).await;
        }
        self.release(place.tag, admission).await;
        Ok(())
    }

    /// Takes what a granted admission charged and opened here back.
    async fn withdraw(
        &self,
        place: &Place,
        admission: &Admission,
        loans: &[Loan],
    ) -> Result<(), StoreError> {
        let here = |index: usize| !loans.iter().any(|loan| loan.index == index);
        let charges = admission.charges.iter().enumerate().filter(|(index, _)| here(*index));
        let refunds = charges.map(|(_, charge)| {
            let Charge { key, limit, cost, waiver } = *charge;
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
        self.send(Call::withdraw(&settlement, place)).await?.settled()?;
        Ok(())
    }
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
