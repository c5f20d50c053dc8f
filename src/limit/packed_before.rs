//! The byte form that a [`Ledger`] had before [this one](super::packed), read from files that hold it.
//!
//! ```text
//! ledger   = over meter*                      over: when it can be dropped; 6 bytes, or 6 of 255 and 8
//! meter    = slot kind [count] fields         slot: one byte, or 255 and four; kind: see below
//! time     = 4 bytes, how long before over; or 6 if kind has FAR, or 8 if WIDE, since the epoch
//! units    = 1 byte, or 6 if kind has LARGE, or 8 if WIDE too
//! level    = 3 bytes of milliseconds, or 6 if kind has LARGE, or 8 if WIDE too
//! ```
//!
//! Everything is little-endian. Its wide ends have all of their 48 bits set, the others the highest one clear.

use super::failures::Failures;
use super::gcra::Gcra;
use super::ladder::Ladder;
use super::ledger::{Entry, Ledger};
use super::meter::{Meter, State};
use super::rule::Slot;
use super::window::{Bucket, Older, Window};
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
        let entry = from.entry()?;
        bytes = from.bytes;
        entries.push((slot, entry));
    }
    Some(Ledger { over_at: Timestamp::from_millis(over), entries })
}

/// One meter being read.
struct In<'a> {
    over: u64,
    flags: u8,
    bytes: &'a [u8],
}

impl In<'_> {
    fn entry(&mut self) -> Option<Entry> {
        Some(match self.flags & KIND {
            GCRA_ALONE => {
                let tat = self.time()?;
                Entry::Meter(Meter(State::Gcra(Gcra { tat, level: tat })))
            }
            GCRA => {
                let (tat, level) = (self.time()?, self.level()?);
                Entry::Meter(Meter(State::Gcra(Gcra { tat, level: level.min(tat) })))
            }
            LADDER => {
                let (rung, last) = (self.byte()?, self.time()?);
                Entry::Meter(Meter(State::Ladder(Ladder { rung, last, before: None })))
            }
            LADDER_WITH_BEFORE => {
                let (rung, earlier) = (self.byte()?, self.byte()?);
                let (last, before) = (self.time()?, Some((earlier, self.time()?)));
                Entry::Meter(Meter(State::Ladder(Ladder { rung, last, before })))
            }
            WINDOW => {
                let length = usize::from(self.byte()?);
                let newest = self.bucket()?;
                let mut older = Older::with_capacity(length);
                for _ in 0..length {
                    older.push(self.bucket()?);
                }
                Entry::Meter(Meter(State::Window(Window { newest, older })))
            }
            FAILURES => {
                let Bucket { time: last, units: count } = self.bucket()?;
                Entry::Meter(Meter(State::Failures(Failures { count, last })))
            }
            MARK => {
                let (since, until) = (self.time()?, self.time()?);
                Entry::Mark(Timestamp::from_millis(since), Timestamp::from_millis(until))
            }
            _ => return None,
        })
    }

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
