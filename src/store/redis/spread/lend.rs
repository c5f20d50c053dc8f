//! What is common to all homes: each partition grants its share, and where that is used up the charge is
//! made at another one that has room, and the call is made again without it. So a charge is never counted
//! less than once, wherever a call breaks off.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey};
use crate::store::{Charge, Refund, StoreError, StoreErrorKind};

use super::super::answer::Unfit;
use super::super::call::Errand;
use super::super::place::{Place, is_asked, judged};
use super::{Run, When, is_lost, is_moved};

/// How many meters are known to be used up everywhere.
const KNOWN: usize = 4_096;
/// How long a meter that is used up everywhere is not asked for elsewhere again.
const USED_UP: Duration = Duration::from_secs(1);

/// A meter of a deployment, and the limit that judges it.
type Judged = (Pseudonym, MeterKey, [u64; 2]);

/// A charge that another partition has taken over.
pub(super) struct Loan {
    part: usize,
    /// Which of the call's charges it is.
    pub(super) index: usize,
    key: MeterKey,
    limit: Limit,
    units: u64,
}

/// That a limit of a common meter has no room anywhere.
struct Full {
    /// How long it is believed. From when, too, or a clock that led and was put right would have it so for as
    /// long as it led.
    believed: Range<Timestamp>,
    /// When there is room again.
    until: Timestamp,
}

/// Which limits have no room anywhere.
#[derive(Default)]
pub(super) struct UsedUp(Mutex<HashMap<Judged, Full>>);

impl UsedUp {
    /// When there is room again, if there is none now.
    fn until(&self, when: When, key: MeterKey, limit: &Limit) -> Option<Timestamp> {
        let used_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = used_up.get(&(when.realm, key, terms(limit)))?;
        full.believed.contains(&when.now).then_some(full.until)
    }

    fn note(&self, when: When, key: MeterKey, limit: &Limit, wait: u64) {
        let mut used_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used_up.len() >= KNOWN {
            used_up.retain(|_, full| full.believed.contains(&when.now));
        }
        if used_up.len() >= KNOWN {
            used_up.clear();
        }
        let until = when.now + Duration::from_millis(wait);
        let believed = when.now..until.min(when.now + USED_UP);
        used_up.insert((when.realm, key, terms(limit)), Full { believed, until });
    }

    pub(super) fn forget(&self, when: When, keys: impl Iterator<Item = MeterKey>) {
        let mut used_up = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used_up.is_empty() {
            return;
        }
        for given in keys {
            used_up.retain(|(realm, key, _), _| *realm != when.realm || *key != given);
        }
    }
}

/// So many refunds of a realm are remembered: far more than a partition can lend between two looks at the
/// layout. What is beyond stays spent, the safe side.
const OWED: usize = 4_096;

/// What is to be given back to partitions that serve no more, by realm.
#[derive(Default)]
pub(super) struct Debts(Mutex<HashMap<Pseudonym, Vec<Refund>>>);

impl Debts {
    fn owe(&self, realm: Pseudonym, refunds: impl IntoIterator<Item = Refund>) {
        let mut debts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let owed = debts.entry(realm).or_default();
        let room = OWED.saturating_sub(owed.len());
        owed.extend(refunds.into_iter().take(room));
    }

    fn of(&self, realm: Pseudonym) -> Vec<Refund> {
        let mut debts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        debts.remove(&realm).unwrap_or_default()
    }
}

impl Run<'_> {
    /// Finds partitions that take over the charges that do not fit here: all of them, or the one with the
    /// longest wait that nobody takes. A charge on a home's own is nobody else's.
    pub(super) async fn borrow(
        &self,
        part: usize,
        place: &Place,
        charges: &[Charge],
        unfit: &[Unfit],
    ) -> Result<Result<Vec<Loan>, Unfit>, StoreError> {
        let charge_of = |unfit: &Unfit| charges.get(unfit.index).copied();
        if let Some(worst) = self.hopeless(place, charges, unfit) {
            return Ok(Err(worst));
        }
        let mut lacking = unfit.to_vec();
        let mut loans = Vec::new();
        for other in self.others(part) {
            let asked: Vec<Charge> = lacking
                .iter()
                .filter_map(charge_of)
                .map(|charge| Charge { waiver: None, ..charge })
                .collect();
            let errand = Errand { taken: &asked, ..Errand::default() };
            let waits = match self.ask(other, &errand).await {
                Ok(reply) => reply.done()?.waits,
                Err(error) if is_lost(&error) => continue,
                Err(error) => return Err(self.broken_off(error, &loans).await),
            };
            for (unfit, wait) in lacking.iter_mut().zip(waits) {
                unfit.wait = unfit.wait.min(wait);
            }
            for unfit in lacking.extract_if(.., |unfit| unfit.wait == 0) {
                if let Some(Charge { key, limit, cost: units, .. }) = charge_of(&unfit) {
                    loans.push(Loan { part: other, index: unfit.index, key, limit, units });
                }
            }
            if lacking.is_empty() {
                return Ok(Ok(loans));
            }
        }
        // No partition has room for all of it. Together they may have.
        let mut still = Vec::new();
        for unfit in lacking {
            let Some(charge) = charge_of(&unfit) else { continue };
            match self.gather(place, unfit.index, &charge).await {
                Ok(Some(pieces)) => loans.extend(pieces),
                Ok(None) => still.push(unfit),
                Err(error) => return Err(self.broken_off(error, &loans).await),
            }
        }
        if still.is_empty() {
            return Ok(Ok(loans));
        }
        for unfit in &still {
            if let Some(charge) = charge_of(unfit) {
                let (limit, _) = judged(&charge);
                self.spread.used_up.note(self.when, charge.key, &limit, unfit.wait);
            }
        }
        self.repay(&loans).await;
        let none = Unfit { index: 0, wait: 0 };
        Ok(Err(longest(still.iter().copied()).unwrap_or(none)))
    }

    /// The one to wait longest for of those that no other partition can lend to: the place's own, and those
    /// that lately were used up everywhere.
    fn hopeless(&self, place: &Place, charges: &[Charge], unfit: &[Unfit]) -> Option<Unfit> {
        let hopeless = unfit.iter().filter_map(|unfit| {
            let Some(charge) = charges.get(unfit.index) else { return Some(*unfit) };
            if !place.is_common(charge.key.subject) {
                return Some(*unfit);
            }
            let (limit, _) = judged(charge);
            let until = self.spread.used_up.until(self.when, charge.key, &limit)?;
            Some(Unfit { wait: unfit.wait.min(millis(until.since(self.when.now))), ..*unfit })
        });
        longest(hopeless)
    }

    /// Puts a charge together from what is left in several partitions; all of it, or nothing. One that only
    /// asks gives it back at once.
    async fn gather(
        &self,
        place: &Place,
        index: usize,
        charge: &Charge,
    ) -> Result<Option<Vec<Loan>>, StoreError> {
        let (key, (limit, cost)) = (charge.key, judged(charge));
        // One unit has no parts, and where a home's own is, nothing is shared.
        if cost < 2 || !place.is_common(key.subject) {
            return Ok(None);
        }
        let _turn = self.spread.gathering.lock().await;
        if self.spread.used_up.until(self.when, key, &limit).is_some() {
            return Ok(None);
        }
        let mut pieces = Vec::new();
        let mut missing = cost;
        for part in 0..self.layout.tags.len() {
            let taken = [Charge::new(key, limit, missing)];
            let errand = Errand { taken: &taken, partly: true, ..Errand::default() };
            let units = match self.ask(part, &errand).await {
                Ok(reply) => reply.done()?.waits.first().copied().unwrap_or(0).min(missing),
                Err(error) if is_lost(&error) => continue,
                Err(error) => return Err(self.broken_off(error, &pieces).await),
            };
            if units > 0 {
                pieces.push(Loan { part, index, key, limit, units });
                missing = missing.saturating_sub(units);
            }
            if missing > 0 {
                continue;
            }
            if is_asked(charge) {
                self.repay(&pieces).await;
                pieces = vec![Loan { part, index, key, limit, units: 0 }];
            }
            return Ok(Some(pieces));
        }
        self.repay(&pieces).await;
        Ok(None)
    }

    /// What others have taken over for a call that came out with `error`: where that says for certain that
    /// it was not made, it is given back.
    pub(super) async fn broken_off(&self, error: StoreError, loans: &[Loan]) -> StoreError {
        if is_moved(&error) {
            self.repay(loans).await;
        }
        error
    }

    /// Gives back what others have taken over in vain. What does not arrive stays spent.
    pub(super) async fn repay(&self, loans: &[Loan]) {
        for Loan { part, key, limit, units, .. } in loans {
            let (key, limit, cost) = (*key, *limit, *units);
            let given = [Refund { key, limit, cost, charged: self.when.now, waiver: None }];
            let errand = Errand { given: &given, ..Errand::default() };
            if self.ask(*part, &errand).await.is_err_and(|error| is_moved(&error)) {
                self.spread.debts.owe(self.when.realm, given);
            }
        }
    }

    /// Gives back what partitions were to get that serve no more, where it has come to since.
    pub(super) async fn pay_debts(&self) {
        let debts = self.spread.debts.of(self.when.realm);
        if !debts.is_empty() {
            self.give_elsewhere(usize::MAX, debts).await;
        }
    }

    /// Gives back in other partitions what one of them did not hold: a charge that another one took over
    /// comes back where it is. What does not arrive stays spent.
    pub(super) async fn give_elsewhere(&self, part: usize, mut left: Vec<Refund>) {
        for other in self.others(part) {
            if left.is_empty() {
                return;
            }
            // Whether it was waived has been decided.
            left.iter_mut().for_each(|refund| refund.waiver = None);
            let errand = Errand { given: &left, ..Errand::default() };
            let done = match self.ask(other, &errand).await {
                Ok(reply) => reply.done(),
                Err(error) if is_moved(&error) => {
                    self.spread.debts.owe(self.when.realm, left);
                    return;
                }
                // It may have been given back there, and must not be once more elsewhere.
                Err(error) if error.kind() == StoreErrorKind::Indeterminate => return,
                Err(_) => continue,
            };
            let Ok(done) = done else { continue };
            for (refund, still) in left.iter_mut().zip(done.lefts) {
                refund.cost = refund.cost.min(still);
            }
            left.retain(|refund| refund.cost > 0);
        }
    }
}

/// What of `refunds` on what is common a partition did not hold, which has given back all but `lefts`.
pub(super) fn not_here(place: &Place, refunds: &[Refund], lefts: &[u64]) -> Vec<Refund> {
    let common = |refund: &Refund| place.is_common(refund.key.subject);
    (refunds.iter().zip(lefts))
        .filter(|(refund, left)| **left > 0 && common(refund))
        .map(|(refund, left)| Refund { cost: *left, ..*refund })
        .collect()
}

/// What two limits on one meter may differ in.
fn terms(limit: &Limit) -> [u64; 2] {
    match *limit {
        Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => [max, span_ms],
        Limit::Spacing { burst: max, interval_ms: drain_ms }
        | Limit::Unverified { max, drain_ms } => [max, drain_ms],
        Limit::Ladder { longest_ms, forget_ms, .. } => [longest_ms, forget_ms],
        Limit::Failures { max, forget_ms, .. } => [max, forget_ms],
    }
}

/// Of those that wait longest the first.
fn longest(unfit: impl Iterator<Item = Unfit>) -> Option<Unfit> {
    unfit.reduce(|worst, next| if next.wait > worst.wait { next } else { worst })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Slot;

    #[test]
    fn what_is_owed_has_a_bound() {
        let (debts, realm) = (Debts::default(), Pseudonym::from_bytes([7; 16]));
        let limit = Limit::Window { max: 10, span_ms: 1_000 };
        let key = MeterKey::new(realm, Slot(1));
        let charged = Timestamp::from_millis(1);
        let refund = Refund { key, limit, cost: 1, charged, waiver: None };
        for _ in 0..100 {
            debts.owe(realm, std::iter::repeat_n(refund, 100));
        }
        assert_eq!(debts.of(realm).len(), OWED);
        assert_eq!(debts.of(realm).len(), 0, "given back once");
    }
}
