//! The byte form of a [`Ledger`]: short, and fixed widths, since it is read and written on every call.
//!
//! ```text
//! ledger   = over meter*                      over: when it can be dropped; 6 bytes, or 6 of 255 and 8
//! meter    = slot kind [count] fields         slot: one byte, or 255 and four; kind: see below
//! time     = 4 bytes, how long before over; or 6 if kind has FAR, or 8 if WIDE, since the epoch
//! units    = 1 byte, or 6 if kind has LARGE, or 8 if WIDE too
//! level    = 3 bytes of milliseconds, or 6 if kind has LARGE, or 8 if WIDE too
//! ```
//!
//! Everything is little-endian. Four bytes of milliseconds reach back 49 days.

use super::failures::Failures;
use super::gcra::Gcra;
use super::ladder::Ladder;
use super::ledger::{Entry, Ledger};
use super::meter::{Meter, State};
use super::rule::Slot;
use super::window::{Bucket, Window};
use crate::base::time::Timestamp;

/// A bucket of which only the time is known. It counts as one that was charged at the epoch, so that it
/// is never taken for one that is dated ahead.
const GCRA_ALONE: u8 = 0;
const LADDER: u8 = 1;
const LADDER_WITH_BEFORE: u8 = 2;
const WINDOW: u8 = 3;
const FAILURES: u8 = 4;
const MARK: u8 = 5;
const GCRA: u8 = 6;
const KIND: u8 = 0x0f;

/// A time is not within four bytes before the ledger's end.
const FAR: u8 = 0x20;
/// Units take more than a byte.
const LARGE: u8 = 0x40;
/// Something takes more than six bytes.
const WIDE: u8 = 0x80;

/// What stands for the ledger's end when that takes more than six bytes.
const WIDE_OVER: u64 = (1 << 48) - 1;

pub(super) fn write(ledger: &Ledger, bytes: &mut Vec<u8>) {
    let over = ledger.over_at.as_millis();
    let [a, b, c, d, e, f, ..] = over.min(WIDE_OVER).to_le_bytes();
    bytes.extend_from_slice(&[a, b, c, d, e, f]);
    if over >= WIDE_OVER {
        bytes.extend_from_slice(&over.to_le_bytes());
    }
    for (slot, entry) in &ledger.entries {
        match u8::try_from(slot.0) {
            Ok(slot @ 0..=254) => bytes.push(slot),
            _ => {
                bytes.push(255);
                bytes.extend_from_slice(&slot.0.to_le_bytes());
            }
        }
        match entry {
            Entry::Meter(Meter(State::Gcra(gcra))) => {
                let mut out = Out::with_level(bytes, over, gcra.tat, gcra.level);
                out.time(gcra.tat);
                out.level(gcra.level);
            }
            Entry::Meter(Meter(State::Ladder(ladder))) => match ladder.before {
                Some((rung, last)) => {
                    let mut out =
                        Out::new(bytes, over, LADDER_WITH_BEFORE, &[ladder.last, last], 0);
                    out.bytes.extend_from_slice(&[ladder.rung, rung]);
                    out.time(ladder.last);
                    out.time(last);
                }
                None => {
                    let mut out = Out::new(bytes, over, LADDER, &[ladder.last], 0);
                    out.bytes.push(ladder.rung);
                    out.time(ladder.last);
                }
            },
            Entry::Meter(Meter(State::Window(window))) => {
                let buckets = || std::iter::once(&window.newest).chain(&window.older);
                let (first, last) = buckets().fold((u64::MAX, 0), |(first, last), bucket| {
                    (bucket.time.min(first), bucket.time.max(last))
                });
                let units = buckets().fold(0, |all, bucket| all | bucket.units);
                let mut out = Out::new(bytes, over, WINDOW, &[first, last], units);
                // A window never keeps more than 128.
                out.bytes.push(u8::try_from(window.older.len()).unwrap_or(u8::MAX));
                for bucket in buckets() {
                    out.time(bucket.time);
                    out.units(bucket.units);
                }
            }
            Entry::Meter(Meter(State::Failures(failures))) => {
                let mut out = Out::new(bytes, over, FAILURES, &[failures.last], failures.count);
                out.time(failures.last);
                out.units(failures.count);
            }
            Entry::Mark(from, until) => {
                let (from, until) = (from.as_millis(), until.as_millis());
                let mut out = Out::new(bytes, over, MARK, &[from, until], 0);
                out.time(from);
                out.time(until);
            }
        }
    }
}

pub(super) fn read(bytes: &[u8]) -> Option<Ledger> {
    let mut head = In { over: 0, flags: FAR, bytes };
    let mut over = head.time()?;
    if over == WIDE_OVER {
        head.flags = WIDE;
        over = head.time()?;
    }
    let mut bytes = head.bytes;
    let mut entries = Vec::with_capacity(bytes.len().div_ceil(8).min(8));
    while let Some((slot, rest)) = bytes.split_first() {
        bytes = rest;
        let slot = match slot {
            255 => {
                let (slot, rest) = bytes.split_first_chunk::<4>()?;
                bytes = rest;
                Slot(u32::from_le_bytes(*slot))
            }
            slot => Slot(u32::from(*slot)),
        };
        let mut from = In { over, flags: 0, bytes };
        from.flags = from.byte()?;
        let entry = match from.flags & KIND {
            GCRA_ALONE => {
                let tat = from.time()?;
                Entry::Meter(Meter(State::Gcra(Gcra { tat, level: tat })))
            }
            GCRA => {
                let (tat, level) = (from.time()?, from.level()?);
                Entry::Meter(Meter(State::Gcra(Gcra { tat, level })))
            }
            LADDER => {
                let (rung, last) = (from.byte()?, from.time()?);
                Entry::Meter(Meter(State::Ladder(Ladder { rung, last, before: None })))
            }
            LADDER_WITH_BEFORE => {
                let (rung, earlier) = (from.byte()?, from.byte()?);
                let (last, before) = (from.time()?, Some((earlier, from.time()?)));
                Entry::Meter(Meter(State::Ladder(Ladder { rung, last, before })))
            }
            WINDOW => {
                let length = usize::from(from.byte()?);
                let newest = from.bucket()?;
                let mut older = Vec::with_capacity(length);
                for _ in 0..length {
                    older.push(from.bucket()?);
                }
                Entry::Meter(Meter(State::Window(Window { newest, older })))
            }
            FAILURES => {
                let Bucket { time: last, units: count } = from.bucket()?;
                Entry::Meter(Meter(State::Failures(Failures { count, last })))
            }
            MARK => {
                let (since, until) = (from.time()?, from.time()?);
                Entry::Mark(Timestamp::from_millis(since), Timestamp::from_millis(until))
            }
            _ => return None,
        };
        bytes = from.bytes;
        entries.push((slot, entry));
    }
    Some(Ledger { over_at: Timestamp::from_millis(over), entries })
}

/// One meter being written.
struct Out<'a> {
    over: u64,
    flags: u8,
    bytes: &'a mut Vec<u8>,
}

impl<'a> Out<'a> {
    /// Starts a meter with `times`, or the earliest and latest of them, and `units`, or-ed together.
    fn new(bytes: &'a mut Vec<u8>, over: u64, kind: u8, times: &[u64], units: u64) -> Self {
        Self::fitting(bytes, over, kind, times, units, 8)
    }

    /// Starts a bucket.
    fn with_level(bytes: &'a mut Vec<u8>, over: u64, tat: u64, level: u64) -> Self {
        Self::fitting(bytes, over, GCRA, &[tat], level, 24)
    }

    fn fitting(
        bytes: &'a mut Vec<u8>,
        over: u64,
        kind: u8,
        times: &[u64],
        units: u64,
        bits: u32,
    ) -> Self {
        let all = times.iter().fold(units, |all, time| all | time);
        let near = |time: &u64| over.checked_sub(*time).is_some_and(|gap| gap >> 32 == 0);
        let wide = if all >> 48 == 0 { 0 } else { WIDE };
        let far = if wide == 0 && !times.iter().all(near) { FAR } else { 0 };
        let large = if units.checked_shr(bits).unwrap_or(0) == 0 { 0 } else { LARGE };
        let flags = kind | wide | far | large;
        bytes.push(flags);
        Self { over, flags, bytes }
    }

    fn time(&mut self, value: u64) {
        if self.flags & (FAR | WIDE) == 0 {
            let [a, b, c, d, ..] = self.over.wrapping_sub(value).to_le_bytes();
            self.bytes.extend_from_slice(&[a, b, c, d]);
        } else {
            self.long(value);
        }
    }

    fn units(&mut self, value: u64) {
        if self.flags & LARGE == 0 {
            let [low, ..] = value.to_le_bytes();
            self.bytes.push(low);
        } else {
            self.long(value);
        }
    }

    fn level(&mut self, value: u64) {
        if self.flags & LARGE == 0 {
            let [a, b, c, ..] = value.to_le_bytes();
            self.bytes.extend_from_slice(&[a, b, c]);
        } else {
            self.long(value);
        }
    }

    fn long(&mut self, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        if self.flags & WIDE == 0 {
            self.bytes.extend_from_slice(&[a, b, c, d, e, f]);
        } else {
            self.bytes.extend_from_slice(&[a, b, c, d, e, f, g, h]);
        }
    }
}

/// One meter being read.
struct In<'a> {
    over: u64,
    flags: u8,
    bytes: &'a [u8],
}

impl In<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn time(&mut self) -> Option<u64> {
        if self.flags & (FAR | WIDE) != 0 {
            return self.long();
        }
        let (gap, rest) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = rest;
        self.over.checked_sub(u64::from(u32::from_le_bytes(*gap)))
    }

    fn units(&mut self) -> Option<u64> {
        if self.flags & LARGE == 0 { self.byte().map(u64::from) } else { self.long() }
    }

    fn level(&mut self) -> Option<u64> {
        if self.flags & LARGE != 0 {
            return self.long();
        }
        let ([a, b, c], rest) = self.bytes.split_first_chunk::<3>()?;
        self.bytes = rest;
        Some(u64::from_le_bytes([*a, *b, *c, 0, 0, 0, 0, 0]))
    }

    fn long(&mut self) -> Option<u64> {
        if self.flags & WIDE == 0 {
            let ([a, b, c, d, e, f], rest) = self.bytes.split_first_chunk::<6>()?;
            self.bytes = rest;
            Some(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]))
        } else {
            let (whole, rest) = self.bytes.split_first_chunk::<8>()?;
            self.bytes = rest;
            Some(u64::from_le_bytes(*whole))
        }
    }

    fn bucket(&mut self) -> Option<Bucket> {
        Some(Bucket { time: self.time()?, units: self.units()? })
    }
}
