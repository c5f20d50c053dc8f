//! The byte form of a [`Ledger`]: short, since there are millions, and read and written on every call.
//!
//! ```text
//! ledger = over meter*                       over: when it can be dropped; 6 bytes, the highest bit set,
//!                                            or 6 of WIDE_OVER and 8
//! meter  = head slot [time] [number] fields
//! head   = 1 byte: kind | slot form | SAME | ONE
//! slot   = by its form: 1 byte, the highest of the slot's four, the others 0 or those of the meter before;
//!          2 bytes, the highest and the lowest; or all 4
//! time   = the latest charge or the mark's start: how long before that of the meter before, or before
//!          `over`; signed
//! number = a level, rung, count of units or of failures; a mark has none
//! ```
//!
//! All other numbers are in base 128, lowest digits first, the highest bit of a byte saying that more
//! follow; a signed one is doubled, and less than zero complemented. What one call charged to one subject
//! has one time, and most are asked once, so most meters have neither time nor number.
//!
//! [`Ledger::write_rest`] and [`Ledger::from_rest`] leave `over` to a caller that keeps it
//! elsewhere.

use super::failures::Failures;
use super::gcra::Gcra;
use super::ladder::Ladder;
use super::ledger::{Entry, Ledger};
use super::meter::{Meter, State};
use super::packed_before;
use super::rule::Slot;
use super::window::{Bucket, Older, Window};
use crate::base::time::Timestamp;

const GCRA: u8 = 0;
/// Nothing was charged on it before, so a refund leads back to nothing.
const LADDER_FROM_FRESH: u8 = 1;
const LADDER_WITH_BEFORE: u8 = 2;
const LADDER: u8 = 3;
/// A window of one bucket.
const BUCKET: u8 = 4;
const WINDOW: u8 = 5;
const FAILURES: u8 = 6;
const MARK: u8 = 7;
/// A mark that ends when the ledger is over.
const MARK_TO_THE_END: u8 = 8;
const KIND: u8 = 0x0f;

/// The slot's three lower bytes are 0.
const SLOT_ALONE: u8 = 0x00;
/// They are those of the meter before.
const SLOT_AS_BEFORE: u8 = 0x10;
/// The two in the middle are 0.
const SLOT_RANKED: u8 = 0x20;
const SLOT_WHOLE: u8 = 0x30;
const SLOT: u8 = 0x30;
const LOWER: u32 = 0x00ff_ffff;

/// The time is that of the meter before and is left out.
const SAME: u8 = 0x40;
/// The number is 1 and is left out.
const ONE: u8 = 0x80;

/// In the six bytes of `over`: it is followed by this form, not by [the one before](packed_before).
const NEW: u64 = 1 << 47;
/// What stands for the ledger's end when that takes more than 47 bits. The form before ends all its
/// wide ones with all bits set.
const WIDE_OVER: u64 = (1 << 48) - 2;

impl Ledger {
    /// The byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.weight().saturating_mul(16).saturating_add(8));
        self.write(&mut bytes);
        bytes
    }

    /// Appends the byte form to `bytes`.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let over = self.over_at.as_millis();
        let short = if over < WIDE_OVER ^ NEW { over | NEW } else { WIDE_OVER };
        let [a, b, c, d, e, f, ..] = short.to_le_bytes();
        bytes.extend_from_slice(&[a, b, c, d, e, f]);
        if short == WIDE_OVER {
            bytes.extend_from_slice(&over.to_le_bytes());
        }
        self.write_rest(bytes);
    }

    /// As [`write`](Ledger::write), for a store that keeps [`over_at`](Ledger::over_at) elsewhere.
    pub(crate) fn write_rest(&self, bytes: &mut Vec<u8>) {
        let over = self.over_at.as_millis();
        let mut out = Out { bytes, time: over, slot: 0 };
        for (slot, entry) in &self.entries {
            match entry {
                Entry::Meter(Meter(State::Gcra(gcra))) => {
                    out.meter(GCRA, *slot, gcra.last(), gcra.level);
                }
                Entry::Meter(Meter(State::Ladder(ladder))) => {
                    let rung = u64::from(ladder.rung);
                    match ladder.before {
                        Some((0, 0)) => out.meter(LADDER_FROM_FRESH, *slot, ladder.last, rung),
                        Some((rung_before, before)) => {
                            out.meter(LADDER_WITH_BEFORE, *slot, ladder.last, rung);
                            out.bytes.push(rung_before);
                            out.signed(ladder.last.wrapping_sub(before));
                        }
                        None => out.meter(LADDER, *slot, ladder.last, rung),
                    }
                }
                Entry::Meter(Meter(State::Window(window))) => {
                    let kind = if window.older.is_empty() { BUCKET } else { WINDOW };
                    let mut later = window.newest.time;
                    out.meter(kind, *slot, later, window.newest.units);
                    if kind == WINDOW {
                        // A window never keeps more than 128.
                        out.bytes.push(u8::try_from(window.older.len()).unwrap_or(u8::MAX));
                    }
                    for bucket in window.older.iter().rev() {
                        out.signed(later.wrapping_sub(bucket.time));
                        out.number(bucket.units);
                        later = bucket.time;
                    }
                }
                Entry::Meter(Meter(State::Failures(failures))) => {
                    out.meter(FAILURES, *slot, failures.last, failures.count);
                }
                Entry::Mark(from, until) if *until == self.over_at => {
                    out.head(MARK_TO_THE_END, *slot, from.as_millis());
                }
                Entry::Mark(from, until) => {
                    out.head(MARK, *slot, from.as_millis());
                    out.signed(over.wrapping_sub(until.as_millis()));
                }
            }
        }
    }

    /// The ledger that is over at `over_at` and [wrote](Ledger::write_rest) `bytes`.
    pub(crate) fn from_rest(over_at: Timestamp, bytes: &[u8]) -> Option<Self> {
        let mut ledger = Self::default();
        ledger.read_rest(over_at, bytes)?;
        Some(ledger)
    }

    /// As [`from_rest`](Ledger::from_rest), in the place of what the ledger held.
    pub(crate) fn read_rest(&mut self, over_at: Timestamp, bytes: &[u8]) -> Option<()> {
        let over = over_at.as_millis();
        let Ledger { over_at: kept, entries } = self;
        *kept = over_at;
        entries.clear();
        entries.reserve(bytes.len().div_ceil(4).min(8));
        let mut from = In { bytes, time: over, slot: 0 };
        while !from.bytes.is_empty() {
            let (kind, one, slot) = from.head()?;
            let time = from.time;
            if matches!(kind, MARK | MARK_TO_THE_END) && !one {
                let until = if kind == MARK { over.wrapping_sub(from.signed()?) } else { over };
                let mark = Entry::Mark(Timestamp::from_millis(time), Timestamp::from_millis(until));
                entries.push((slot, mark));
                continue;
            }
            let number = if one { 1 } else { from.number()? };
            let ladder = |before| {
                let rung = u8::try_from(number).ok()?;
                Some(State::Ladder(Ladder { rung, last: time, before }))
            };
            let state = match kind {
                GCRA => State::Gcra(Gcra { tat: time.checked_add(number)?, level: number }),
                LADDER_FROM_FRESH => ladder(Some((0, 0)))?,
                LADDER_WITH_BEFORE => {
                    ladder(Some((from.byte()?, time.wrapping_sub(from.signed()?))))?
                }
                LADDER => ladder(None)?,
                BUCKET | WINDOW => {
                    let length = if kind == WINDOW { usize::from(from.byte()?) } else { 0 };
                    let (mut older, mut later) = (Older::with_capacity(length), time);
                    for _ in 0..length {
                        later = later.wrapping_sub(from.signed()?);
                        older.push(Bucket { time: later, units: from.number()? });
                    }
                    older.reverse();
                    State::Window(Window { newest: Bucket { time, units: number }, older })
                }
                FAILURES => State::Failures(Failures { count: number, last: time }),
                _ => return None,
            };
            entries.push((slot, Entry::Meter(Meter(state))));
        }
        Some(())
    }

    /// The ledger behind `bytes`; `None` if they are no ledger's.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([a, b, c, d, e, f], rest) = bytes.split_first_chunk::<6>()?;
        let short = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]);
        if short == WIDE_OVER {
            let (over, rest) = rest.split_first_chunk::<8>()?;
            Self::from_rest(Timestamp::from_millis(u64::from_le_bytes(*over)), rest)
        } else if short & NEW != 0 && short < WIDE_OVER {
            Self::from_rest(Timestamp::from_millis(short ^ NEW), rest)
        } else {
            packed_before::read(bytes)
        }
    }
}

/// What is being written, with time and slot of the meter before.
struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    time: u64,
    slot: u32,
}

impl Out<'_> {
    /// Writes a meter that was charged at `time` at last.
    fn meter(&mut self, kind: u8, slot: Slot, time: u64, number: u64) {
        if number == 1 {
            self.head(kind | ONE, slot, time);
        } else {
            self.head(kind, slot, time);
            self.number(number);
        }
    }

    fn head(&mut self, head: u8, slot: Slot, time: u64) {
        let head = if time == self.time { head | SAME } else { head };
        let [a, b, c, d] = slot.0.to_be_bytes();
        match slot.0 & LOWER {
            0 => self.bytes.extend_from_slice(&[head | SLOT_ALONE, a]),
            lower if lower == self.slot & LOWER => {
                self.bytes.extend_from_slice(&[head | SLOT_AS_BEFORE, a]);
            }
            1..=0xff => self.bytes.extend_from_slice(&[head | SLOT_RANKED, a, d]),
            _ => self.bytes.extend_from_slice(&[head | SLOT_WHOLE, a, b, c, d]),
        }
        if time != self.time {
            self.signed(self.time.wrapping_sub(time));
        }
        (self.time, self.slot) = (time, slot.0);
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A difference that may have wrapped.
    fn signed(&mut self, value: u64) {
        let sign = if value >> 63 == 0 { 0 } else { u64::MAX };
        self.number(value << 1 ^ sign);
    }
}

/// What is being read, with time and slot of the meter before.
struct In<'a> {
    bytes: &'a [u8],
    time: u64,
    slot: u32,
}

impl In<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// A meter's kind, whether its number is left out, and its slot; its time is then in `time`.
    fn head(&mut self) -> Option<(u8, bool, Slot)> {
        let head = self.byte()?;
        let a = self.byte()?;
        let lower = match head & SLOT {
            SLOT_AS_BEFORE => self.slot & LOWER,
            SLOT_RANKED => u32::from(self.byte()?),
            SLOT_WHOLE => {
                let ([b, c, d], rest) = self.bytes.split_first_chunk::<3>()?;
                self.bytes = rest;
                u32::from_be_bytes([0, *b, *c, *d])
            }
            _ => 0,
        };
        self.slot = u32::from(a) << 24 | lower;
        if head & SAME == 0 {
            self.time = self.time.wrapping_sub(self.signed()?);
        }
        Some((head & KIND, head & ONE != 0, Slot(self.slot)))
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // The tenth byte has one bit.
                return (shift < 63 || byte <= 1).then_some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<u64> {
        let value = self.number()?;
        let sign = if value & 1 == 0 { 0 } else { u64::MAX };
        Some(value >> 1 ^ sign)
    }
}
