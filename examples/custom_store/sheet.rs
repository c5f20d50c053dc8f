//! What one call reads and changes: an overlay that is kept whole or not at all.

use std::collections::HashMap;
use std::time::Duration;

use otpgate::limit::{Ledger, Limit, MeterKey};
use otpgate::store::{Charge, ClockCheck, Credit, Mark, Observation, Refund};
use otpgate::{Pseudonym, Timestamp};

/// Every subject's meters and marks, by its name.
pub type Subjects = HashMap<Pseudonym, Ledger>;

/// A charge that did not fit, and for how long.
pub type Unfit = (usize, Duration);

/// When a call takes place, and what is too late for any honest clock to have written before it.
#[derive(Clone, Copy)]
pub struct Moment {
    pub now: Timestamp,
    pub horizon: Timestamp,
}

impl Moment {
    pub fn of(now: Timestamp, clock: ClockCheck) -> Self {
        Self { now, horizon: clock.horizon(now) }
    }
}

pub struct Sheet<'a> {
    kept: &'a Subjects,
    changed: Subjects,
    at: Moment,
}

impl<'a> Sheet<'a> {
    pub fn new(kept: &'a Subjects, at: Moment) -> Self {
        Self { kept, changed: Subjects::new(), at }
    }

    /// The subjects to write back.
    pub fn into_changed(self) -> Subjects {
        self.changed
    }

    pub fn read(&self, name: Pseudonym) -> Option<&Ledger> {
        self.changed.get(&name).or_else(|| self.kept.get(&name))
    }

    fn write(&mut self, name: Pseudonym) -> &mut Ledger {
        let kept = self.kept;
        self.changed.entry(name).or_insert_with(|| kept.get(&name).cloned().unwrap_or_default())
    }

    /// A meter that is dated ahead comes back before anything else is done with it.
    fn heal(&mut self, key: MeterKey, limit: &Limit) {
        let Moment { now, horizon } = self.at;
        let ahead = |ledger: &Ledger| ledger.clone().heal(key.slot, limit, now, horizon);
        if self.read(key.subject).is_some_and(ahead) {
            self.write(key.subject).heal(key.slot, limit, now, horizon);
        }
    }

    /// What is kept of charges that are refused.
    pub fn heal_all(&mut self, charges: &[Charge]) {
        for charge in charges {
            if !self.waived(charge.waiver, self.at.now) {
                self.heal(charge.key, &charge.limit);
            }
        }
    }

    /// A subject as its meter is found, for who only reads.
    pub fn found(&self, key: MeterKey, limit: &Limit) -> Ledger {
        let Moment { now, horizon } = self.at;
        let mut ledger = self.read(key.subject).cloned().unwrap_or_default();
        ledger.heal(key.slot, limit, now, horizon);
        ledger
    }

    fn waived(&self, waiver: Option<MeterKey>, at: Timestamp) -> bool {
        let mark = waiver.and_then(|key| self.read(key.subject)?.mark(key.slot));
        mark.is_some_and(|(from, until)| from <= at && at < until)
    }

    /// Charges everything, each on what the earlier ones left. One that does not fit leaves its
    /// meter as it is; of those, the one with the longest wait (the first of equals) is the answer,
    /// and the caller throws the sheet away.
    pub fn charge(&mut self, charges: &[Charge]) -> Option<Unfit> {
        let mut worst: Option<Unfit> = None;
        for (index, charge) in charges.iter().enumerate() {
            if self.waived(charge.waiver, self.at.now) {
                continue;
            }
            let (key, now) = (charge.key, self.at.now);
            self.heal(key, &charge.limit);
            let charged = if charge.cost == 0 {
                // It must fit, but leaves no trace: not even a subject.
                let empty = Ledger::default();
                let ledger = self.read(key.subject).unwrap_or(&empty);
                ledger.quote(key.slot, &charge.limit, now, 0)
            } else {
                self.write(key.subject).charge(key.slot, &charge.limit, now, charge.cost)
            };
            if let Err(wait) = charged
                && worst.is_none_or(|(_, longest)| wait > longest)
            {
                worst = Some((index, wait));
            }
        }
        worst
    }

    /// Each charge's meter as it stands; a waived one reads 0.
    pub fn counts(&self, charges: &[Charge]) -> Vec<u64> {
        let count = |charge: &Charge| match self.waived(charge.waiver, self.at.now) {
            true => 0,
            false => self.count(charge.key, &charge.limit),
        };
        charges.iter().map(count).collect()
    }

    pub fn count(&self, key: MeterKey, limit: &Limit) -> u64 {
        self.found(key, limit).count(key.slot, limit, self.at.now)
    }

    /// Counts what limits nothing. A window without a maximum takes everything.
    pub fn observe(&mut self, observations: &[Observation]) {
        let now = self.at.now;
        for seen in observations {
            self.heal(seen.key, &window(seen));
            let _always =
                self.write(seen.key.subject).charge(seen.key.slot, &window(seen), now, seen.units);
        }
    }

    pub fn observed(&self, observations: &[Observation]) -> Vec<u64> {
        observations.iter().map(|seen| self.count(seen.key, &window(seen))).collect()
    }

    pub fn refund(&mut self, refund: &Refund) {
        if self.waived(refund.waiver, refund.charged) || self.read(refund.key.subject).is_none() {
            return;
        }
        let now = self.at.now;
        self.heal(refund.key, &refund.limit);
        if let Some(meter) = self.write(refund.key.subject).meter_mut(refund.key.slot) {
            meter.refund(&refund.limit, now, refund.charged, refund.cost);
        }
    }

    /// What an accepted code does: resets, then credits, then marks.
    pub fn reward(&mut self, reset: &[MeterKey], credits: &[Credit], marks: &[Mark]) {
        let Moment { now, horizon } = self.at;
        for key in reset {
            if self.read(key.subject).is_some() {
                self.write(key.subject).reset(key.slot);
            }
        }
        // Of the other kinds a credit changes nothing, not even a date.
        let changes = |credit: &&Credit| {
            matches!(credit.limit, Limit::Budget { .. } | Limit::Unverified { .. })
        };
        for credit in credits.iter().filter(changes) {
            self.heal(credit.key, &credit.limit);
            if self.read(credit.key.subject).is_some()
                && let Some(meter) = self.write(credit.key.subject).meter_mut(credit.key.slot)
            {
                meter.credit(&credit.limit, credit.amount);
            }
        }
        for mark in marks {
            let ledger = self.write(mark.key.subject);
            ledger.set_mark(mark.key.slot, now, horizon, mark.from, mark.until);
        }
    }
}

fn window(seen: &Observation) -> Limit {
    Limit::Window { max: u64::MAX, span_ms: seen.span_ms }
}
