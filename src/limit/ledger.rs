//! [`Ledger`]: all meters and marks of one subject, and their byte form.

use std::time::Duration;

use super::failures::Failures;
use super::gcra::Gcra;
use super::ladder::Ladder;
use super::meter::{Meter, State};
use super::rule::{Limit, Slot};
use super::window::{Bucket, Window};
use crate::base::time::Timestamp;

/// All meters and marks of one subject, side by side.
///
/// A store that fetches and writes back whole subjects keeps its [bytes](Ledger::to_bytes): about
/// ten for each meter.
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
    over_at: Timestamp,
    entries: Vec<(Slot, Entry)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
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

    /// As [`Meter::wait`], for the meter in `slot`.
    #[must_use]
    pub fn wait(&self, slot: Slot, limit: &Limit, now: Timestamp, cost: u64) -> Option<Duration> {
        match self.meter(slot) {
            Some(meter) => meter.wait(limit, now, cost),
            None => Meter::fresh(limit).wait(limit, now, cost),
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
        if let Some(wait) = self.wait(slot, limit, now, cost) {
            return Err(wait);
        }
        self.add(slot, limit, now, cost);
        Ok(self.count(slot, limit, now))
    }

    /// Charges `cost` without asking whether it fits: after a [`wait`](Ledger::wait) that said so.
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
    /// that is later.
    pub fn set_mark(&mut self, slot: Slot, now: Timestamp, from: Timestamp, until: Timestamp) {
        let (from, until) = match self.mark(slot) {
            Some((earlier, later)) if now < later => (from.min(earlier), until.max(later)),
            _ => (from, until),
        };
        self.entries.retain(|(at, entry)| *at != slot || matches!(entry, Entry::Meter(_)));
        self.entries.push((slot, Entry::Mark(from, until)));
        self.over_at = self.over_at.max(until);
    }

    /// From when on the whole ledger can be dropped. It never moves to an earlier time.
    #[must_use]
    pub fn over_at(&self) -> Timestamp {
        self.over_at
    }

    /// Roughly how many numbers the ledger holds.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.entries.iter().fold(0, |sum: usize, (_, entry)| {
            sum.saturating_add(match entry {
                Entry::Meter(meter) => meter.weight(),
                Entry::Mark(..) => 1,
            })
        })
    }

    /// The byte form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.weight().saturating_mul(12).saturating_add(10));
        self.write(&mut bytes);
        bytes
    }

    /// Appends the byte form to `bytes`.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.over_at.as_millis());
        for (slot, entry) in &self.entries {
            put(bytes, u64::from(slot.0));
            match entry {
                Entry::Meter(Meter(State::Gcra(gcra))) => {
                    bytes.push(0);
                    put(bytes, gcra.tat);
                }
                Entry::Meter(Meter(State::Ladder(ladder))) => {
                    bytes.extend([if ladder.before.is_some() { 2 } else { 1 }, ladder.rung]);
                    put(bytes, ladder.last);
                    if let Some((rung, last)) = ladder.before {
                        bytes.push(rung);
                        put(bytes, last);
                    }
                }
                Entry::Meter(Meter(State::Window(window))) => {
                    bytes.push(3);
                    put(bytes, window.older.len() as u64);
                    put_bucket(bytes, &window.newest);
                    window.older.iter().for_each(|bucket| put_bucket(bytes, bucket));
                }
                Entry::Meter(Meter(State::Failures(failures))) => {
                    bytes.push(4);
                    put(bytes, failures.count);
                    put(bytes, failures.last);
                }
                Entry::Mark(from, until) => {
                    bytes.push(5);
                    put(bytes, from.as_millis());
                    put(bytes, until.as_millis());
                }
            }
        }
    }

    /// The ledger behind `bytes`; `None` if they are no ledger's.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes;
        let over_at = Timestamp::from_millis(take(&mut bytes)?);
        let mut entries = Vec::with_capacity(bytes.len().div_ceil(10));
        while !bytes.is_empty() {
            let slot = Slot(u32::try_from(take(&mut bytes)?).ok()?);
            let entry = match take_byte(&mut bytes)? {
                0 => Entry::Meter(Meter(State::Gcra(Gcra { tat: take(&mut bytes)? }))),
                kind @ (1 | 2) => {
                    let (rung, last) = (take_byte(&mut bytes)?, take(&mut bytes)?);
                    let before = match kind {
                        1 => None,
                        _ => Some((take_byte(&mut bytes)?, take(&mut bytes)?)),
                    };
                    Entry::Meter(Meter(State::Ladder(Ladder { rung, last, before })))
                }
                3 => {
                    let older = take(&mut bytes)?;
                    let newest = take_bucket(&mut bytes)?;
                    let older = (0..older).map(|_| take_bucket(&mut bytes)).collect::<Option<_>>();
                    Entry::Meter(Meter(State::Window(Window { newest, older: older? })))
                }
                4 => {
                    let (count, last) = (take(&mut bytes)?, take(&mut bytes)?);
                    Entry::Meter(Meter(State::Failures(Failures { count, last })))
                }
                5 => {
                    let (from, until) = (take(&mut bytes)?, take(&mut bytes)?);
                    Entry::Mark(Timestamp::from_millis(from), Timestamp::from_millis(until))
                }
                _ => return None,
            };
            entries.push((slot, entry));
        }
        Some(Self { over_at, entries })
    }
}

fn put_bucket(bytes: &mut Vec<u8>, bucket: &Bucket) {
    put(bytes, bucket.time);
    put(bytes, bucket.units);
}

fn take_bucket(bytes: &mut &[u8]) -> Option<Bucket> {
    Some(Bucket { time: take(bytes)?, units: take(bytes)? })
}

/// LEB128: seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}
