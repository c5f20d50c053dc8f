//! [`Spread`]: one deployment over several partitions.
//!
//! A call goes to the partition of its [`Home`], and everything of that home is there. Of what is common
//! to all homes each partition keeps a share ([`Place::share`]), which it grants without asking: `lend`.
//! Where a token is claimed stands in `claims`, documents and journal in `hub`.

mod claims;
mod hub;
mod lend;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeWrite, Charge, ClockCheck, Home, Mark, MeterQuery, Reading,
    Redeemed, Redemption, Refund, Settlement, StoreError, StoreErrorKind, Tallies, TallyQuery,
    Verdict, VoidCode,
};

use super::RedisStore;
use super::answer::{Reply, Said};
use super::call::{Call, Errand, Scope};
use super::failure::{OtherLayout, Unsettled, Unsplittable};
use super::place::{Layout, Place};
use hub::Journals;
use lend::{Loan, UsedUp};

/// How often a call is made again: for copies of versions, and because another call was quicker.
const TRIES: usize = 6;

/// What a process knows of the deployments that it spreads.
pub(super) struct Spread {
    parts: u16,
    layouts: Mutex<HashMap<Pseudonym, Arc<Layout>>>,
    used_up: UsedUp,
    journals: Journals,
    /// Held while asking for a layout, so that many first calls ask once.
    asking: tokio::sync::Mutex<()>,
    /// Held while the rests of several partitions are put together, so that two calls do not hold half
    /// of them each.
    gathering: tokio::sync::Mutex<()>,
}

/// Whose call it is, and when.
#[derive(Clone, Copy)]
struct When {
    realm: Pseudonym,
    now: Timestamp,
    clock: ClockCheck,
}

/// What a partition said at last, and what others have taken over for it.
struct Settled<T> {
    said: Said<T>,
    loans: Vec<Loan>,
}

/// One call over the partitions of its deployment.
pub(super) struct Run<'a> {
    spread: &'a Spread,
    store: &'a RedisStore,
    layout: Arc<Layout>,
    when: When,
}

impl Spread {
    pub(super) fn new(parts: u16) -> Option<Self> {
        let (layouts, used_up) = (Mutex::default(), UsedUp::default());
        let (asking, gathering) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        let journals = Journals::default();
        (parts > 1).then_some(Self { parts, layouts, used_up, journals, asking, gathering })
    }

    /// A call of `realm`'s, which is made at `now`.
    pub(super) async fn run<'a>(
        &'a self,
        store: &'a RedisStore,
        realm: Pseudonym,
        now: Timestamp,
        clock: ClockCheck,
    ) -> Result<Run<'a>, StoreError> {
        let when = When { realm, now, clock };
        let layout = self.layout(store, when).await?;
        Ok(Run { spread: self, store, layout, when })
    }

    /// Where the parts of a realm are. The first call of a process asks whether it is spread so.
    async fn layout(&self, store: &RedisStore, when: When) -> Result<Arc<Layout>, StoreError> {
        let known = self.known_layout(when.realm);
        if let Some(layout) = known {
            return Ok(layout);
        }
        let _turn = self.asking.lock().await;
        if let Some(layout) = self.known_layout(when.realm) {
            return Ok(layout);
        }
        let call = Call::layout(when.realm, when.now, when.clock, self.parts);
        let kept = store.run(call).await?.number()?;
        if kept != u64::from(self.parts) {
            let asked = u64::from(self.parts);
            return Err(StoreError::new(StoreErrorKind::Corrupt, OtherLayout { kept, asked }));
        }
        let layout = Arc::new(Layout::new(when.realm, u64::from(self.parts)));
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(layouts.entry(when.realm).or_insert(layout)))
    }

    fn known_layout(&self, realm: Pseudonym) -> Option<Arc<Layout>> {
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner).get(&realm).cloned()
    }
}

impl Run<'_> {
    pub(super) async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
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
            let said = self.store.run(call).await?.admitted(admission)?;
            Settled { said, loans: Vec::new() }
        } else {
            self.admit_at(part, &place, admission).await?
        };
        if !repeated && !matches!(answer, Admitted::Granted { .. }) {
            self.release(place.tag, admission).await;
        }
        if !admission.documents.is_empty() && !at_hub {
            answer = match answer {
                Admitted::Granted { .. } => match self.write_documents(admission).await {
                    Ok(None) => answer,
                    Ok(Some(stale)) => {
                        self.undo(&place, admission, &loans, repeated).await?;
                        stale
                    }
                    Err(error) => {
                        self.undo(&place, admission, &loans, repeated).await?;
                        return Err(error);
                    }
                },
                Admitted::Stale { .. } => answer,
                // What the port checks first is asked last, and only of what is refused.
                other => self.stale_write(admission).await?.unwrap_or(other),
            };
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
            let mut said = self.store.run(call).await?.admitted(admission)?;
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
            let more = self.borrow(part, place, &charges, &said.unfit).await?;
            match more {
                Ok(more) => loans.extend(more),
                Err(worst) => {
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
        self.store.run(Call::withdraw(&settlement, place)).await?.settled()?;
        Ok(())
    }

    pub(super) async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let meters = !settlement.refunds.is_empty() || !settlement.observe.is_empty();
        let part = self.layout.part_of(settlement.home.name().unwrap_or(self.when.realm));
        let place = match settlement.home.name() {
            None if !meters => self.layout.hub(),
            _ => self.layout.place(part, settlement.home),
        };
        let lefts = self.store.run(Call::settle(settlement, &place)).await?.settled()?;
        let common = |refund: &Refund| place.is_common(refund.key.subject);
        let left = (settlement.refunds.iter().zip(lefts))
            .filter(|(refund, left)| *left > 0 && common(refund))
            .map(|(refund, left)| Refund { cost: left, ..*refund });
        self.give_elsewhere(part, left.collect()).await;
        self.spread.used_up.forget(self.when, settlement.refunds.iter().map(|refund| refund.key));
        if place.is_part() {
            self.exchange(settlement.exchange.as_ref(), true).await;
        }
        Ok(())
    }

    pub(super) async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let part = self.layout.part_of(redemption.home.name().unwrap_or(redemption.realm));
        let place = self.layout.place(part, redemption.home);
        let both = redemption.charges.iter().chain(&redemption.subject_charges);
        let charges: Vec<Charge> = both.copied().collect();
        check_splits(&place, charges.iter().map(|charge| (charge.key, &charge.limit)))?;
        let plain: Vec<_> =
            charges.iter().map(|charge| (charge.key, charge.limit, charge.cost)).collect();
        let mut loans = Vec::<Loan>::new();
        let mut tries: usize = 0;
        let mut said = loop {
            let paid = loans.iter().map(|loan| loan.index).collect::<Vec<_>>();
            let call = Call::redeem(redemption, &place, &Scope::Part { copies: &[], paid: &paid });
            let mut said = self.store.run(call).await?.redeemed()?;
            tries = tries.saturating_add(1);
            if said.unfit.is_empty() || tries >= TRIES {
                break said;
            }
            match self.borrow(part, &place, &plain, &said.unfit).await? {
                Ok(more) => loans.extend(more),
                Err(worst) => {
                    let retry_after = Duration::from_millis(worst.wait);
                    said.answer.verdict = Verdict::Exhausted { index: worst.index, retry_after };
                    break said;
                }
            }
        };
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

    /// Own meters, marks and challenges from the home's partition; common meters from all, added up;
    /// documents and journal from the hub.
    pub(super) async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let home = self.layout.part_of(query.home.name().unwrap_or(query.realm));
        let is_common = |meter: &MeterQuery| !query.home.owns(meter.key.subject);
        let mut tallies = Tallies::default();
        tallies.meters.resize(query.meters.len(), Reading::default());
        let common = query.meters.iter().any(is_common);
        for part in 0..self.layout.tags.len() {
            let whole = part == home;
            let asked: Vec<usize> = (query.meters.iter().enumerate())
                .filter(|(_, meter)| whole || is_common(meter))
                .map(|(index, _)| index)
                .collect();
            let nothing = asked.is_empty() && query.marks.is_empty() && query.challenges.is_empty();
            // Whoever asks for nothing learns at least whether his clock is right.
            let elsewhere = !query.documents.is_empty() || query.journal.is_some();
            if (nothing && elsewhere) || (!whole && !common) {
                continue;
            }
            let mut there = TallyQuery::new(query.now, query.realm);
            (there.clock, there.home) = (query.clock, query.home);
            there.meters =
                asked.iter().filter_map(|index| query.meters.get(*index).copied()).collect();
            if whole {
                (there.marks, there.challenges) = (query.marks.clone(), query.challenges.clone());
            }
            let call = Call::tally(&there, &self.layout.place(part, query.home));
            let read = self.store.run(call).await?.tallied(&there)?;
            for (index, reading) in asked.iter().zip(&read.meters) {
                let own = query.meters.get(*index).is_none_or(|meter| !is_common(meter));
                let Some(sum) = tallies.meters.get_mut(*index) else { continue };
                sum.count = sum.count.saturating_add(reading.count);
                // It fits as soon as it fits anywhere.
                let first = own || part == 0;
                sum.retry_after = match first {
                    true => reading.retry_after,
                    false => sum.retry_after.min(reading.retry_after),
                };
            }
            if whole {
                (tallies.marks, tallies.challenges) = (read.marks, read.challenges);
            }
        }
        if !query.documents.is_empty() || query.journal.is_some() {
            let mut there = TallyQuery::new(query.now, query.realm);
            there.clock = query.clock;
            (there.documents, there.journal) = (query.documents.clone(), query.journal);
            let call = Call::tally(&there, &self.layout.hub());
            let read = self.store.run(call).await?.tallied(&there)?;
            (tallies.documents, tallies.news) = (read.documents, read.news);
        }
        Ok(tallies)
    }

    /// Asks the partition `part` by its share of what is common: nothing there is the caller's own.
    async fn ask(&self, part: usize, errand: &Errand<'_>) -> Result<Reply, StoreError> {
        let there = self.layout.place(part, Home::NOBODY);
        self.store.run(Call::peer(self.when.now, self.when.clock, &there, errand)).await
    }

    /// The other partitions, the next one first.
    fn others(&self, part: usize) -> impl Iterator<Item = usize> + use<> {
        let parts = self.layout.tags.len();
        (part.saturating_add(1)..parts).chain(0..part.min(parts))
    }
}

/// A ladder or a count of failures on what is common cannot be split, and is not let through unsplit.
fn check_splits<'a>(
    place: &Place,
    charges: impl Iterator<Item = (MeterKey, &'a Limit)>,
) -> Result<(), StoreError> {
    for (key, limit) in charges {
        let whole = matches!(limit, Limit::Ladder { .. } | Limit::Failures { .. });
        if whole && place.is_common(key.subject) {
            return Err(StoreError::new(StoreErrorKind::Corrupt, Unsplittable));
        }
    }
    Ok(())
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

/// Whether a partition gave no answer.
fn is_lost(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate)
}
