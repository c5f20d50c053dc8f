//! Numbers that have verified before, and networks they did it from, in eight bytes each.
//!
//! A known number is never refused by the tree: a returning customer inside an attacked block keeps
//! working. The status ages in (an attacker's own verified numbers do not help him the same day) and
//! out (about 35 million US numbers change hands every year, after at least 45 days of rest).
//!
//! A stamp comes round again after 1 024 days. What was seen first longer ago than half of that counts as
//! half when it is seen again. What was not seen for its expiry, or for half of that, counts no more, and
//! its row goes within 32 days: see [`SWEEP`].

use std::ops::Range;

/// Six hours: the unit of the two stamps.
const UNIT: u64 = 6 * 3_600_000;
const STAMP: u64 = 0xfff;
/// Half the way round, in units: no stamp that counts is older.
const OLDEST: u64 = STAMP / 2 + 1;
/// What looks older than this was dated ahead by a clock that led.
const AHEAD: u64 = OLDEST + OLDEST / 2;
const WAYS: usize = 8;
/// In so many units, 32 days, all of the table is looked at for what is to be forgotten; the least table has
/// more buckets. A clock that jumps for an hour takes no more than a part along.
const SWEEP: usize = 128;

/// A set-associative table of (40-bit fingerprint, first seen, last seen).
#[derive(Clone, Debug)]
pub(super) struct Seen {
    rows: Vec<u64>,
    cap: usize,
    used: usize,
    /// The unit up to which rows were forgotten.
    turned: u64,
}

impl Seen {
    pub(super) fn new(cap: usize) -> Self {
        let cap = cap.next_power_of_two().max(4_096);
        Self { rows: vec![0; 4_096], cap, used: 0, turned: 0 }
    }

    /// Lets time pass: forgets a part of what was not seen for `expiry`, so that nothing is kept of whom it
    /// counts for no more, or lives until its stamps come round. A clock that jumps takes hardly anything
    /// else along: it may be set back.
    pub(super) fn turn(&mut self, now: u64, expiry: u64) {
        let unit = now / UNIT;
        if unit == self.turned {
            return;
        }
        let passed = usize::try_from(unit.saturating_sub(self.turned)).unwrap_or(usize::MAX);
        let passed = if passed > SWEEP { 1 } else { passed };
        self.turned = unit;
        let (part, unit) = (self.rows.len() / SWEEP, unit & STAMP);
        let over = expiry.div_ceil(UNIT).min(OLDEST)..AHEAD;
        for back in 0..passed {
            let start = usize::try_from(unit).unwrap_or(0).wrapping_sub(back) % SWEEP;
            let rows = self.rows.iter_mut().skip(start.saturating_mul(part)).take(part);
            for row in rows.filter(|row| **row != 0) {
                if over.contains(&age_of(*row, unit)) {
                    *row = 0;
                    self.used = self.used.saturating_sub(1);
                }
            }
        }
    }

    /// Milliseconds since the number first verified, if it did within `expiry` of its last time.
    pub(super) fn age(&self, key: u64, now: u64, expiry: u64) -> Option<u64> {
        let print = print_of(key);
        let row = self.bucket(print)?.iter().find(|row| **row >> 24 == print && **row != 0)?;
        first_within(*row, unit_of(now), expiry)
    }

    /// How many of those not forgotten first verified within `span` milliseconds, and how many before.
    pub(super) fn younger_and_older(&self, now: u64, span: u64, expiry: u64) -> (usize, usize) {
        let unit = unit_of(now);
        let ages = self.rows().filter_map(|row| first_within(row, unit, expiry));
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
            *row = match first_within(*row, unit, expiry) {
                // it came first longer ago than stamps can say
                Some(_) if age_of(*row >> 12, unit) > OLDEST => {
                    (print << 24) | (unit.wrapping_sub(OLDEST) & STAMP) << 12 | unit
                }
                Some(_) => (*row & !STAMP) | unit,
                None => fresh,
            };
            return;
        }
        // the emptiest place, else the one not seen for longest
        let oldest = bucket
            .iter_mut()
            .max_by_key(|row| if **row == 0 { u64::MAX } else { age_of(**row, unit) });
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

/// Units since the stamp that a row, or its upper part, ends with.
fn age_of(row: u64, unit: u64) -> u64 {
    unit.wrapping_sub(row) & STAMP
}

/// Milliseconds since the first time of a row, if its last one is within `expiry` of `unit`.
fn first_within(row: u64, unit: u64, expiry: u64) -> Option<u64> {
    let (first, last) = (age_of(row >> 12, unit), age_of(row, unit));
    let is_fresh = last < OLDEST && last.saturating_mul(UNIT) < expiry;
    is_fresh.then(|| first.saturating_sub(1).saturating_mul(UNIT))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const EXPIRY: u64 = 90 * DAY;
    /// Long after 1970, and not where stamps begin anew.
    const START: u64 = 20_000 * DAY;

    #[test]
    fn who_comes_for_years_is_never_new_again() {
        for every in [1, 30, 89] {
            let mut seen = Seen::new(1);
            seen.verified(7, START, EXPIRY);
            for day in 1..2_500 {
                let now = START + day * DAY;
                seen.turn(now, EXPIRY);
                let age = seen.age(7, now, EXPIRY).unwrap();
                assert!(age >= (day - 1).min(500) * DAY, "day {day}: {} days", age / DAY);
                if day % every == 0 {
                    seen.verified(7, now, EXPIRY);
                }
            }
        }
    }

    #[test]
    fn who_came_once_is_not_known_again_when_stamps_come_round() {
        let mut seen = Seen::new(1);
        (0..2_000).for_each(|key| seen.verified(key, START, EXPIRY));
        let there = seen.rows().count();
        for day in 0..2_500 {
            let now = START + day * DAY;
            seen.turn(now, EXPIRY);
            let known = (0..2_000).filter(|key| seen.age(*key, now, EXPIRY).is_some()).count();
            assert_eq!(known, if day < 90 { there } else { 0 }, "day {day}");
            // Nothing is kept of one that no longer counts: a part goes every six hours, for 32 days.
            let held = seen.rows().count();
            assert_eq!(held == there, day < 90, "day {day}: {held} of {there}");
            assert_eq!(held == 0, day > 90 + 30, "day {day}: {held} of {there}");
        }
        assert_eq!((seen.rows().count(), seen.used), (0, 0), "their places are free");
    }

    #[test]
    fn a_clock_that_jumps_for_a_day_takes_hardly_anything_along() {
        for years in [1, 2, 20] {
            let mut seen = Seen::new(1);
            (0..2_000).for_each(|key| seen.verified(key, START, EXPIRY));
            let there = seen.rows().count();
            for hour in 0..24 {
                seen.turn(START + years * 365 * DAY + hour * 3_600_000, EXPIRY);
            }
            let now = START + 5 * DAY;
            seen.turn(now, EXPIRY);
            let known = (0..2_000).filter(|key| seen.age(*key, now, EXPIRY).is_some()).count();
            assert!(known >= there - there / 20, "{known} of {there} after {years} years");
        }
    }
}
