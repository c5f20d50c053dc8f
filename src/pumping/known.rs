//! Numbers that have verified before, and networks they did it from, in eight bytes each.
//!
//! A known number is never refused by the tree: a returning customer inside an attacked block keeps
//! working. The status ages in (an attacker's own verified numbers do not help him the same day) and
//! out (about 35 million US numbers change hands every year, after at least 45 days of rest).

use std::ops::Range;

/// Six hours: the unit of the two stamps.
const UNIT: u64 = 6 * 3_600_000;
const STAMP: u64 = 0xfff;
const WAYS: usize = 8;

/// A set-associative table of (40-bit fingerprint, first seen, last seen).
#[derive(Clone, Debug)]
pub(super) struct Seen {
    rows: Vec<u64>,
    cap: usize,
    used: usize,
}

impl Seen {
    pub(super) fn new(cap: usize) -> Self {
        Self { rows: vec![0; 4_096], cap: cap.next_power_of_two().max(4_096), used: 0 }
    }

    /// Milliseconds since the number first verified, if it did within `expiry` of its last time.
    pub(super) fn age(&self, key: u64, now: u64, expiry: u64) -> Option<u64> {
        let print = print_of(key);
        let row = self.bucket(print)?.iter().find(|row| **row >> 24 == print && **row != 0)?;
        let unit = unit_of(now);
        let last = unit.wrapping_sub(*row & STAMP) & STAMP;
        let first = unit.wrapping_sub((*row >> 12) & STAMP) & STAMP;
        (last.saturating_mul(UNIT) < expiry).then(|| first.saturating_sub(1).saturating_mul(UNIT))
    }

    /// How many of those not forgotten first verified within `span` milliseconds, and how many before.
    pub(super) fn younger_and_older(&self, now: u64, span: u64, expiry: u64) -> (usize, usize) {
        let unit = unit_of(now);
        let ages = self.rows().filter_map(|row| {
            let [first, last] = [row >> 12, row].map(|stamp| unit.wrapping_sub(stamp) & STAMP);
            (last.saturating_mul(UNIT) < expiry)
                .then(|| first.saturating_sub(1).saturating_mul(UNIT))
        });
        let (younger, older): (Vec<u64>, Vec<u64>) = ages.partition(|age| *age < span);
        (younger.len(), older.len())
    }

    /// Remembers that the number verified.
    pub(super) fn verified(&mut self, key: u64, now: u64, expiry: u64) {
        let print = print_of(key);
        let unit = unit_of(now);
        let full = self.rows.len().saturating_mul(3) / 4;
        if self.used > full && self.rows.len() < self.cap {
            self.grow();
        }
        let start = self.start(print);
        let Some(bucket) = self.rows.get_mut(start..start.saturating_add(WAYS)) else { return };
        let fresh = (print << 24) | (unit << 12) | unit;
        if let Some(row) = bucket.iter_mut().find(|row| **row >> 24 == print && **row != 0) {
            let last = unit.wrapping_sub(*row & STAMP) & STAMP;
            *row = if last.saturating_mul(UNIT) < expiry { (*row & !STAMP) | unit } else { fresh };
            return;
        }
        // the emptiest place, else the one not seen for longest
        let oldest = bucket
            .iter_mut()
            .max_by_key(|row| if **row == 0 { u64::MAX } else { unit.wrapping_sub(**row) & STAMP });
        if let Some(row) = oldest {
            if *row == 0 {
                self.used = self.used.saturating_add(1);
            }
            *row = fresh;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity().saturating_mul(8)
    }

    /// Raw rows, for a snapshot.
    pub(super) fn rows(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().copied().filter(|row| *row != 0)
    }

    /// How many buckets each of `shards` parts of the table has; `shards` divides their number.
    pub(super) fn buckets_in(&self, shards: usize) -> usize {
        (self.rows.len() / WAYS).div_ceil(shards.max(1))
    }

    /// For how many rows each of `shards` parts has room.
    pub(super) fn rows_in(&self, shards: usize) -> usize {
        self.buckets_in(shards).saturating_mul(WAYS)
    }

    /// The rows in some of the buckets of one of `shards` parts.
    pub(super) fn rows_of(
        &self,
        shard: usize,
        shards: usize,
        buckets: Range<usize>,
    ) -> impl Iterator<Item = u64> {
        let starts = buckets.map(move |bucket| {
            bucket.saturating_mul(shards).saturating_add(shard).saturating_mul(WAYS)
        });
        let all = starts.filter_map(|start| self.rows.get(start..start.saturating_add(WAYS)));
        all.flatten().copied().filter(|row| *row != 0)
    }

    /// Puts a row of a snapshot back.
    pub(super) fn restore_row(&mut self, row: u64) {
        if self.used > self.rows.len().saturating_mul(3) / 4 && self.rows.len() < self.cap {
            self.grow();
        }
        self.place(row);
    }

    fn place(&mut self, row: u64) {
        let start = self.start(row >> 24);
        if let Some(bucket) = self.rows.get_mut(start..start.saturating_add(WAYS))
            && let Some(slot) = bucket.iter_mut().find(|slot| **slot == 0)
        {
            *slot = row;
            self.used = self.used.saturating_add(1);
        }
    }

    fn grow(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        self.rows = vec![0; rows.len().saturating_mul(2)];
        self.used = 0;
        for row in rows.into_iter().filter(|row| *row != 0) {
            self.place(row);
        }
    }

    fn start(&self, print: u64) -> usize {
        let buckets = (self.rows.len() / WAYS).max(1);
        let mask = buckets.saturating_sub(1);
        (usize::try_from(print).unwrap_or(0) & mask).saturating_mul(WAYS)
    }

    fn bucket(&self, print: u64) -> Option<&[u64]> {
        let start = self.start(print);
        self.rows.get(start..start.saturating_add(WAYS))
    }
}

fn print_of(key: u64) -> u64 {
    (super::table::mix(key) >> 24).max(1)
}

fn unit_of(now: u64) -> u64 {
    (now / UNIT) & STAMP
}
