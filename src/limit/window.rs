//! The sliding window: units by sub-bucket, each counted a little too long and never too short.

use smallvec::SmallVec;

use super::rule::bucket_ms;

/// The most sub-buckets one window keeps; beyond it the two oldest become one, dated by the later.
const MOST: usize = 128;

/// Units, and the latest time at which any of them was charged.
///
/// The time stands instead of the bucket's index, so that a span that changes re-sorts the units
/// by itself: never into an earlier bucket than that of their latest charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bucket {
    pub(super) time: u64,
    pub(super) units: u64,
}

/// Buckets before the newest, in as many bytes as a `Vec`.
pub(super) type Older = SmallVec<[Bucket; 1]>;

/// State of [`Limit::Window`](super::Limit::Window) and [`Limit::Budget`](super::Limit::Budget).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Window {
    /// Kept apart because most windows have no other.
    pub(super) newest: Bucket,
    /// Oldest first. Of the few windows that have any most have one, which takes no room of its own.
    pub(super) older: Older,
}

/// The length of a window and the width of its sub-buckets.
#[derive(Clone, Copy)]
pub(super) struct Span {
    length: u64,
    width: u64,
}

impl Span {
    pub(super) fn new(length: u64) -> Self {
        let length = length.max(1);
        Self { length, width: bucket_ms(length) }
    }

    fn index(self, time: u64) -> u64 {
        // The width is at least 1.
        time.checked_div(self.width).unwrap_or(time)
    }

    fn start(self, time: u64) -> u64 {
        self.index(time).saturating_mul(self.width)
    }

    /// When the bucket that `time` falls into stops counting.
    fn death(self, time: u64) -> u64 {
        self.start(time).saturating_add(self.width).saturating_add(self.length)
    }

    /// Whether `time` falls into a later bucket than `newest`. Divides only where it must: a window
    /// is judged on every call, and a division costs as much as the rest.
    fn is_later(self, time: u64, newest: u64) -> bool {
        match time.checked_sub(newest) {
            None | Some(0) => false,
            Some(apart) => apart >= self.width || self.index(time) > self.index(newest),
        }
    }

    /// The earliest time whose bucket still counts at `now`: [`death`](Self::death) solved for it.
    fn alive_from(self, now: u64) -> u64 {
        now.checked_sub(self.length).map_or(0, |left| self.start(left))
    }
}

impl Window {
    pub(super) fn count(&self, span: Span, now: u64) -> u64 {
        self.count_from(span.alive_from(self.effective(span, now)))
    }

    /// The count as it stands, and that which a charge would leave or how long it has to wait.
    pub(super) fn judge(
        &self,
        span: Span,
        max: u64,
        now: u64,
        cost: u64,
    ) -> (u64, Result<u64, u64>) {
        let now = self.effective(span, now);
        let alive = span.alive_from(now);
        let count = self.count_from(alive);
        let after = count.saturating_add(cost);
        if cost > max {
            return (count, Err(span.length));
        }
        let mut excess = after.saturating_sub(max);
        if excess == 0 {
            return (count, Ok(after));
        }
        for bucket in self.buckets().filter(|bucket| bucket.time >= alive) {
            excess = excess.saturating_sub(bucket.units);
            if excess == 0 {
                return (count, Err(span.death(bucket.time).saturating_sub(now)));
            }
        }
        (count, Err(span.length))
    }

    pub(super) fn charge(&mut self, span: Span, now: u64, cost: u64) {
        if !span.is_later(now, self.newest.time) {
            self.newest.units = self.newest.units.saturating_add(cost);
            self.newest.time = self.newest.time.max(now);
            return;
        }
        // By the bucket's start, not by `now`: what is dropped is dead for every later call, even
        // for one whose clock is behind.
        let alive = span.alive_from(span.start(now));
        // Nothing is made room for that is dropped at once.
        if self.newest.units > 0 && self.newest.time >= alive {
            self.older.push(self.newest);
        }
        self.newest = Bucket { time: now, units: cost };
        let dead = self.older.iter().take_while(|old| old.time < alive).count();
        self.older.drain(..dead);
        if self.older.len() >= MOST {
            let oldest = self.older.remove(0);
            if let Some(next) = self.older.first_mut() {
                next.units = next.units.saturating_add(oldest.units);
            }
        }
    }

    /// All units dated after `now` come into its bucket.
    pub(super) fn heal(&mut self, now: u64, horizon: u64) -> bool {
        let ahead = self.newest.time > horizon;
        if ahead {
            let later = self.older.iter().take_while(|old| old.time <= now).count();
            let units = self.older.drain(later..).map(|old| old.units);
            self.newest.units = units.fold(self.newest.units, u64::saturating_add);
            self.newest.time = now;
        }
        ahead
    }

    pub(super) fn refund(&mut self, span: Span, charged: u64, cost: u64) {
        let start = span.start(charged);
        let end = start.saturating_add(span.width);
        self.take(cost, |bucket| (start..end).contains(&bucket.time));
    }

    pub(super) fn credit(&mut self, amount: u64) {
        self.take(amount, |_| true);
    }

    pub(super) fn over_at(&self, span: Span) -> u64 {
        let empty = self.newest.units == 0 && self.older.is_empty();
        // No earlier than the bucket's death, and no division.
        let longest = span.width.saturating_add(span.length);
        if empty { 0 } else { self.newest.time.saturating_add(longest) }
    }

    fn count_from(&self, alive: u64) -> u64 {
        self.buckets()
            .map(|bucket| if bucket.time >= alive { bucket.units } else { 0 })
            .fold(0, u64::saturating_add)
    }

    /// Oldest first.
    fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.older.iter().chain([&self.newest])
    }

    /// Where the meter holds a later time than `now`, the meter's.
    fn effective(&self, span: Span, now: u64) -> u64 {
        if now >= self.newest.time { now } else { now.max(span.start(self.newest.time)) }
    }

    /// Takes `units` from the buckets that `wanted` picks, newest first, none below zero.
    fn take(&mut self, mut units: u64, wanted: impl Fn(&Bucket) -> bool) {
        let newest_first = [&mut self.newest].into_iter().chain(self.older.iter_mut().rev());
        for bucket in newest_first.filter(|bucket| wanted(bucket)) {
            let taken = bucket.units.min(units);
            bucket.units = bucket.units.saturating_sub(taken);
            units = units.saturating_sub(taken);
            if units == 0 {
                return;
            }
        }
    }
}
