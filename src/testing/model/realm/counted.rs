//! What a realm counts and keeps beside codes: meters, marks and the journal.

use std::collections::BTreeMap;

use super::{Realm, When};
use crate::base::time::{Timestamp, millis};
use crate::limit::{Limit, MeterKey};
use crate::store::{Charge, Exchange, JOURNAL_LIFE, Mark, News, Observation};
use crate::testing::model::meter::{Meter, Wait};

impl Realm {
    /// Takes the meters of `charges` back that are dated ahead, whatever becomes of the call.
    pub(super) fn heal(&mut self, charges: &[Charge], at: When) {
        for charge in charges {
            if !self.waived(charge.waiver, at.now)
                && let Some(meter) = self.meters.get_mut(&charge.key)
            {
                meter.heal(charge.limit, at.now, at.horizon);
            }
        }
    }

    /// The meter as a call finds it.
    pub(super) fn seen(&self, key: &MeterKey, limit: Limit, at: When) -> Meter {
        let mut meter = self.meters.get(key).cloned().unwrap_or_default();
        meter.heal(limit, at.now, at.horizon);
        meter
    }

    /// The meters after all of `charges`, or the index and wait of the one that waits longest. A
    /// charge that does not fit leaves its meter as it finds it.
    pub(super) fn charged(
        &self,
        charges: &[Charge],
        at: When,
    ) -> Result<BTreeMap<MeterKey, Meter>, (usize, Wait)> {
        let mut meters = self.meters.clone();
        let mut longest: Option<(usize, Wait)> = None;
        for (index, charge) in charges.iter().enumerate() {
            if self.waived(charge.waiver, at.now) {
                continue;
            }
            let meter = meters.entry(charge.key).or_default();
            match meter.judge(charge.limit, charge.cost, at.now.as_millis()) {
                Ok(()) => meter.charge(charge.limit, charge.cost, at.now.as_millis()),
                Err(wait) if longest.is_none_or(|(_, other)| wait > other) => {
                    longest = Some((index, wait));
                }
                Err(_) => {}
            }
        }
        longest.map_or(Ok(meters), Err)
    }

    pub(super) fn waived(&self, waiver: Option<MeterKey>, at: Timestamp) -> bool {
        let mark = waiver.and_then(|key| self.marks.get(&key));
        mark.is_some_and(|(from, until)| *from <= at && at < *until)
    }

    pub(super) fn counts(&self, charges: &[Charge], at: When) -> Vec<u64> {
        let count = |charge: &Charge| match self.waived(charge.waiver, at.now) {
            true => 0,
            false => {
                let meter = self.seen(&charge.key, charge.limit, at);
                meter.count(charge.limit, at.now.as_millis())
            }
        };
        charges.iter().map(count).collect()
    }

    pub(super) fn observe(&mut self, observations: &[Observation], at: When) {
        for observation in observations {
            let meter = self.meters.entry(observation.key).or_default();
            meter.heal(window(observation), at.now, at.horizon);
            meter.charge(window(observation), observation.units, at.now.as_millis());
        }
    }

    pub(super) fn observed(&self, observations: &[Observation], at: When) -> Vec<u64> {
        let count = |observation: &Observation| {
            let meter = self.seen(&observation.key, window(observation), at);
            meter.count(window(observation), at.now.as_millis())
        };
        observations.iter().map(count).collect()
    }

    pub(super) fn mark(&mut self, mark: &Mark, at: When) {
        let (mut from, mut until) = (mark.from, mark.until);
        if let Some((earlier, later)) = self.marks.get(&mark.key)
            && at.now < *later
        {
            from = from.min(*earlier);
            // An end that a wrong clock wrote is not kept.
            let slack = at.horizon.since(at.now);
            if at.horizon == Timestamp::MAX || later.since(until) <= slack {
                until = until.max(*later);
            }
        }
        self.marks.insert(mark.key, (from, until));
    }

    pub(super) fn append(&mut self, exchange: Option<&Exchange>, at: When) {
        if let Some(exchange) = exchange.filter(|exchange| !exchange.append.is_empty()) {
            let journal = self.journals.entry(exchange.journal).or_default();
            journal.push((at.now, exchange.append.clone()));
        }
    }

    pub(super) fn news(&self, exchange: Option<&Exchange>, at: When) -> News {
        let Some(exchange) = exchange else { return News::default() };
        let journal = self.journals.get(&exchange.journal).map_or(&[][..], Vec::as_slice);
        let young = |entry: Timestamp| {
            millis(at.now.since(entry)) < millis(JOURNAL_LIFE) && entry <= at.horizon
        };
        News {
            entries: (1..)
                .zip(journal)
                .filter(|(number, (at, _))| *number > exchange.after && young(*at))
                .map(|(number, (_, entry))| (number, entry.clone()))
                .collect(),
            latest: u64::try_from(journal.len()).unwrap_or(u64::MAX),
        }
    }
}

fn window(observation: &Observation) -> Limit {
    Limit::Window { max: u64::MAX, span_ms: observation.span_ms }
}
