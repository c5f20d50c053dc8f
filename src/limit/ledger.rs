//! [`Ledger`]: all meters and marks of one subject, and their byte form.

use std::time::Duration;

use super::meter::Meter;
use super::rule::{Limit, Slot};
use crate::base::time::Timestamp;

/// All meters and marks of one subject, side by side.
///
/// A store that fetches and writes back whole subjects keeps its [bytes](Ledger::to_bytes): about
/// five for each meter.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::limit::{Ledger, Limit, Slot};
///
/// let (limit, now) = (Limit::Window { max: 5, span_ms: 60_000 }, Timestamp::from_millis(7));
/// let mut ledger = Ledger::default();
/// assert_eq!(ledger.charge(Slot(1), &limit, now, 1), Ok(1));
/// let ledger = Ledger::from_bytes(&ledger.to_bytes()).expect("its own bytes");
/// assert_eq!(ledger.count(Slot(1), &limit, now), 1);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    pub(super) over_at: Timestamp,
    pub(super) entries: Vec<(Slot, Entry)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    Meter(Meter),
    Mark(Timestamp, Timestamp),
}

impl Ledger {
    /// The meter in `slot`, if anything was charged on it.
    #[must_use]
    pub fn meter(&self, slot: Slot) -> Option<&Meter> {
        self.entries.iter().find_map(|(at, entry)| match entry {
            Entry::Meter(meter) if *at == slot => Some(meter),
            _ => None,
        })
    }

    /// As [`Meter::quote`], for the meter in `slot`.
    ///
    /// # Errors
    ///
    /// The wait until it fits.
    pub fn quote(
        &self,
        slot: Slot,
        limit: &Limit,
        now: Timestamp,
        cost: u64,
    ) -> Result<u64, Duration> {
        match self.meter(slot) {
            Some(meter) => meter.quote(limit, now, cost),
            None => Meter::fresh(limit).quote(limit, now, cost),
        }
    }

    /// As [`Meter::count`], for the meter in `slot`.
    #[must_use]
    pub fn count(&self, slot: Slot, limit: &Limit, now: Timestamp) -> u64 {
        self.meter(slot).map_or(0, |meter| meter.count(limit, now))
    }

    /// As [`Meter::charge`], for the meter in `slot`.
    ///
    /// # Errors
    ///
    /// The wait until it fits; nothing changed.
    pub fn charge(
        &mut self,
        slot: Slot,
        limit: &Limit,
        now: Timestamp,
        cost: u64,
    ) -> Result<u64, Duration> {
        let count = self.quote(slot, limit, now, cost)?;
        self.add(slot, limit, now, cost);
        Ok(count)
    }

    /// Charges `cost` without asking whether it fits: after a [`quote`](Ledger::quote) that said so.
    pub(crate) fn add(&mut self, slot: Slot, limit: &Limit, now: Timestamp, cost: u64) {
        if cost == 0 {
            return;
        }
        let over_at = match self.meter_mut(slot) {
            Some(meter) => {
                meter.add(limit, now, cost);
                meter.over_at(limit)
            }
            None => {
                let mut meter = Meter::fresh(limit);
                meter.add(limit, now, cost);
                let over_at = meter.over_at(limit);
                self.entries.push((slot, Entry::Meter(meter)));
                over_at
            }
        };
        self.over_at = self.over_at.max(over_at);
    }

    /// As [`Meter::heal`], for the meter in `slot`.
    pub fn heal(&mut self, slot: Slot, limit: &Limit, now: Timestamp, horizon: Timestamp) -> bool {
        self.meter_mut(slot).is_some_and(|meter| meter.heal(limit, now, horizon))
    }

    /// The meter in `slot`, to refund or credit it.
    pub fn meter_mut(&mut self, slot: Slot) -> Option<&mut Meter> {
        self.entries.iter_mut().find_map(|(at, entry)| match entry {
            Entry::Meter(meter) if *at == slot => Some(meter),
            _ => None,
        })
    }

    /// Resets the meter in `slot`.
    pub fn reset(&mut self, slot: Slot) {
        self.entries.retain(|(at, entry)| *at != slot || matches!(entry, Entry::Mark(..)));
    }

    /// The mark in `slot`, from when until when, whether or not it has ended.
    #[must_use]
    pub fn mark(&self, slot: Slot) -> Option<(Timestamp, Timestamp)> {
        self.entries.iter().find_map(|(at, entry)| match entry {
            Entry::Mark(from, until) if *at == slot => Some((*from, *until)),
            _ => None,
        })
    }

    /// Marks `slot`. A mark that has not ended keeps its start if that is earlier, and its end if
    /// that is later, but not by more than `horizon` is than `now`
    /// ([`ClockCheck::horizon`](crate::store::ClockCheck::horizon)): a wrong clock wrote such an end.
    pub fn set_mark(
        &mut self,
        slot: Slot,
        now: Timestamp,
        horizon: Timestamp,
        from: Timestamp,
        until: Timestamp,
    ) {
        let honest = |later: Timestamp| {
            horizon == Timestamp::MAX || later.since(until) <= horizon.since(now)
        };
        let (from, until) = match self.mark(slot) {
            Some((earlier, later)) if now < later && honest(later) => {
                (from.min(earlier), until.max(later))
            }
            Some((earlier, later)) if now < later => (from.min(earlier), until),
            _ => (from, until),
        };
        self.entries.retain(|(at, entry)| *at != slot || matches!(entry, Entry::Meter(_)));
        self.entries.push((slot, Entry::Mark(from, until)));
        self.over_at = self.over_at.max(until);
    }

    /// From when on the whole ledger can be dropped. It never moves to an earlier time.
    pub fn over_at(&self) -> Timestamp {
        self.over_at
    }

    /// Roughly how many numbers the ledger holds.
    pub fn weight(&self) -> usize {
        self.entries.iter().fold(0, |sum: usize, (_, entry)| {
            sum.saturating_add(match entry {
                Entry::Meter(meter) => meter.weight(),
                Entry::Mark(..) => 1,
            })
        })
    }

    /// Drops the buckets that ran dry before `then`, and the marks that ended: judged now, each is as
    /// good as fresh. The rest keep their places.
    #[cfg(any(test, feature = "memory", feature = "redb"))]
    pub(crate) fn forget(&mut self, then: Timestamp) {
        self.entries.retain(|(_, entry)| match entry {
            Entry::Meter(meter) => meter.dry_at().is_none_or(|dry| dry > then),
            Entry::Mark(_, until) => *until > then,
        });
    }

    /// Empties it, and keeps what it has allocated.
    #[cfg(any(test, feature = "memory", feature = "redb"))]
    pub(crate) fn clear(&mut self) {
        self.over_at = Timestamp::default();
        self.entries.clear();
    }

    /// Takes over what `other` holds, into what this one has allocated.
    #[cfg(feature = "redb")]
    pub(crate) fn copy(&mut self, other: &Self) {
        self.over_at = other.over_at;
        self.entries.clone_from(&other.entries);
    }

    /// For how many meters and marks it has allocated.
    #[cfg(any(test, feature = "memory", feature = "redb"))]
    pub(crate) fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// How many meters and marks it holds.
    #[cfg(any(test, feature = "memory", feature = "redb"))]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
