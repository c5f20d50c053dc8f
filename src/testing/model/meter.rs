//! The reference arithmetic of [`Limit`]: the sentences of its documentation, one after the other.
//!
//! Written from the documentation and from nothing else, in the widest integers, without regard to
//! speed. A store's own arithmetic shares no line with it.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "128-bit integers hold every sum and product of the 64-bit quantities used here"
)]

use crate::base::time::Timestamp;
use crate::limit::Limit;

/// Everything that was ever done to a meter, for whichever limit comes to judge it.
///
/// Judged by a limit of another kind it counts as fresh, and a charge of another kind starts it
/// afresh.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    kind: Option<Kind>,
    /// `Spacing` and `Unverified`: the theoretical arrival time.
    tat: i128,
    arrived: i128,
    /// `Ladder`.
    rung: i128,
    last: i128,
    before: Option<(i128, i128)>,
    /// `Window` and `Budget`: what is left of each charge, with the bucket it fell into.
    units: Vec<(i128, i128)>,
    last_unit: i128,
    /// `Failures`.
    failures: i128,
    last_failure: i128,
}

/// Values that make no sense count as the least that do.
fn sensible(limit: Limit) -> Limit {
    match limit {
        Limit::Spacing { interval_ms, burst } => {
            Limit::Spacing { interval_ms: interval_ms.max(1), burst }
        }
        Limit::Unverified { max, drain_ms } => Limit::Unverified { max, drain_ms: drain_ms.max(1) },
        Limit::Ladder { first_ms, longest_ms, forget_ms } => {
            Limit::Ladder { first_ms, longest_ms, forget_ms: forget_ms.max(longest_ms).max(1) }
        }
        Limit::Window { max, span_ms } => Limit::Window { max, span_ms: span_ms.max(1) },
        Limit::Budget { max, span_ms } => Limit::Budget { max, span_ms: span_ms.max(1) },
        Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms } => {
            let forget_ms = forget_ms.max(longest_ms).max(1);
            Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms }
        }
    }
}

/// Which limits share their state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Arrival,
    Ladder,
    Units,
    Failures,
}

/// How long until a charge would fit.
pub(super) type Wait = u64;

impl Meter {
    /// What a charge of `cost` at `now` is answered; nothing changes.
    pub(super) fn judge(&self, limit: Limit, cost: u64, now: u64) -> Result<(), Wait> {
        let limit = sensible(limit);
        if self.kind.is_some_and(|kind| kind != kind_of(limit)) {
            return Self::default().judge(limit, cost, now);
        }
        let (cost, now) = (i128::from(cost), i128::from(now));
        let wait = match limit {
            Limit::Spacing { interval_ms: interval, burst }
            | Limit::Unverified { drain_ms: interval, max: burst } => {
                let (interval, burst) = (i128::from(interval), i128::from(burst));
                let new = self.tat.max(now) + cost * interval;
                new - now - burst * interval
            }
            Limit::Ladder { first_ms, longest_ms, forget_ms } => {
                let idle = (now - self.last).max(0);
                let rung = self.rung_in_force(forget_ms, now);
                ladder_wait(first_ms, longest_ms, rung) - idle
            }
            Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => {
                self.window_wait(i128::from(max), span_ms, cost, now)
            }
            Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms } => {
                let idle = (now - self.last_failure).max(0);
                let count = self.failures_in_force(forget_ms, now);
                if count + cost > i128::from(max) {
                    // A cost above `max` never fits; say so with the longest wait there is.
                    let forget = i128::from(forget_ms);
                    if idle < forget { forget - idle } else { forget }
                } else if count > 0 && count >= i128::from(pause_after) {
                    let over = count - i128::from(pause_after);
                    doubled(pause_ms, over).min(i128::from(longest_ms)) - idle
                } else {
                    0
                }
            }
        };
        if wait <= 0 { Ok(()) } else { Err(u64::try_from(wait).unwrap_or(u64::MAX)) }
    }

    /// Charges `cost`, which has been judged to fit.
    pub(super) fn charge(&mut self, limit: Limit, cost: u64, now: u64) {
        if cost == 0 {
            return;
        }
        let limit = sensible(limit);
        if self.kind != Some(kind_of(limit)) {
            *self = Self { kind: Some(kind_of(limit)), ..Self::default() };
        }
        let (cost, now) = (i128::from(cost), i128::from(now));
        match limit {
            Limit::Spacing { interval_ms: interval, .. }
            | Limit::Unverified { drain_ms: interval, .. } => {
                self.tat = self.tat.max(now) + cost * i128::from(interval);
                self.arrived = self.arrived.max(now);
            }
            Limit::Ladder { forget_ms, .. } => {
                self.before = Some((self.rung, self.last));
                self.rung = (self.rung_in_force(forget_ms, now) + 1).min(32);
                self.last = self.last.max(now);
            }
            Limit::Window { span_ms, .. } | Limit::Budget { span_ms, .. } => {
                let bucket = (now / width(span_ms)).max(self.newest());
                self.units.push((bucket, cost));
                self.last_unit = self.last_unit.max(now);
            }
            Limit::Failures { forget_ms, .. } => {
                self.failures = self.failures_in_force(forget_ms, now) + cost;
                self.last_failure = self.last_failure.max(now);
            }
        }
    }

    /// The count at `now`.
    pub(super) fn count(&self, limit: Limit, now: u64) -> u64 {
        let limit = sensible(limit);
        if self.kind != Some(kind_of(limit)) {
            return 0;
        }
        let now = i128::from(now);
        let count = match limit {
            Limit::Spacing { interval_ms: interval, .. }
            | Limit::Unverified { drain_ms: interval, .. } => {
                let (over, interval) = ((self.tat - now).max(0), i128::from(interval));
                (over + interval - 1) / interval
            }
            Limit::Ladder { forget_ms, .. } => self.rung_in_force(forget_ms, now),
            Limit::Window { span_ms, .. } | Limit::Budget { span_ms, .. } => {
                self.live(span_ms, now).map(|(_, units)| units).sum()
            }
            Limit::Failures { forget_ms, .. } => self.failures_in_force(forget_ms, now),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Gives back at `now` a charge of `cost` that was made at `charged`.
    pub(super) fn refund(&mut self, limit: Limit, cost: u64, charged: u64, now: u64) {
        let limit = sensible(limit);
        if self.kind != Some(kind_of(limit)) {
            return;
        }
        let (cost, charged, now) = (i128::from(cost), i128::from(charged), i128::from(now));
        match limit {
            Limit::Spacing { interval_ms: interval, .. }
            | Limit::Unverified { drain_ms: interval, .. } => {
                let drained = (now - charged).max(0);
                self.lower_tat((cost * i128::from(interval) - drained).max(0));
            }
            Limit::Ladder { forget_ms, .. } => match self.before.take() {
                Some(before) if charged == self.last => (self.rung, self.last) = before,
                before => {
                    let recent = (self.last - charged).max(0) < i128::from(forget_ms);
                    let off = i128::from(recent);
                    self.rung = (self.rung - off).max(0);
                    self.before = before.map(|(rung, last)| ((rung - off).max(0), last));
                }
            },
            Limit::Window { span_ms, .. } | Limit::Budget { span_ms, .. } => {
                let bucket = charged / width(span_ms);
                take(self.units.iter_mut().filter(|entry| entry.0 == bucket), cost);
            }
            Limit::Failures { forget_ms, .. } => {
                if (self.last_failure - charged).max(0) < i128::from(forget_ms) {
                    self.failures = (self.failures - cost).max(0);
                }
            }
        }
    }

    /// Gives `amount` back because a code was accepted.
    pub(super) fn credit(&mut self, limit: Limit, amount: u64) {
        let limit = sensible(limit);
        if self.kind != Some(kind_of(limit)) {
            return;
        }
        let amount = i128::from(amount);
        match limit {
            Limit::Budget { .. } => {
                // Sorting is stable and the order within a bucket does not matter.
                self.units.sort_by_key(|entry| entry.0);
                take(self.units.iter_mut().rev(), amount);
            }
            Limit::Unverified { drain_ms, .. } => self.lower_tat(amount * i128::from(drain_ms)),
            Limit::Spacing { .. }
            | Limit::Ladder { .. }
            | Limit::Window { .. }
            | Limit::Failures { .. } => {}
        }
    }

    fn lower_tat(&mut self, by: i128) {
        self.tat = (self.tat - by).max(0);
        self.arrived = self.arrived.min(self.tat);
    }

    /// Takes the meter back to `now` if its latest charge lies beyond `horizon`; what counted at that
    /// charge counts on.
    pub(super) fn heal(&mut self, limit: Limit, now: Timestamp, horizon: Timestamp) {
        let limit = sensible(limit);
        if self.kind != Some(kind_of(limit)) {
            return;
        }
        let (now, horizon) = (i128::from(now.as_millis()), i128::from(horizon.as_millis()));
        match limit {
            Limit::Spacing { .. } | Limit::Unverified { .. } if self.arrived > horizon => {
                self.tat -= self.arrived - now;
                self.arrived = now;
            }
            Limit::Ladder { .. } if self.last > horizon => {
                self.last = now;
                self.before = self.before.map(|(rung, last)| (rung, last.min(now)));
            }
            Limit::Window { span_ms, .. } | Limit::Budget { span_ms, .. }
                if self.last_unit > horizon =>
            {
                let own = self.newest() * width(span_ms);
                self.units.retain(|(bucket, _)| death(span_ms, *bucket) > own);
                let bucket = now / width(span_ms);
                self.units.iter_mut().for_each(|entry| entry.0 = entry.0.min(bucket));
                self.last_unit = now;
            }
            Limit::Failures { .. } if self.last_failure > horizon => self.last_failure = now,
            _ => {}
        }
    }

    fn rung_in_force(&self, forget_ms: u64, now: i128) -> i128 {
        let idle = (now - self.last).max(0);
        let forgotten = idle / i128::from(forget_ms);
        self.rung - self.rung.min(forgotten)
    }

    fn failures_in_force(&self, forget_ms: u64, now: i128) -> i128 {
        if now - self.last_failure >= i128::from(forget_ms) { 0 } else { self.failures }
    }

    fn newest(&self) -> i128 {
        self.units.iter().map(|(bucket, _)| *bucket).max().unwrap_or(0)
    }

    /// The window's own time: that of its newest bucket if `now` is earlier.
    fn window_now(&self, span_ms: u64, now: i128) -> i128 {
        now.max(self.newest() * width(span_ms))
    }

    fn live(&self, span_ms: u64, now: i128) -> impl Iterator<Item = (i128, i128)> {
        let now = self.window_now(span_ms, now);
        self.units.iter().copied().filter(move |(bucket, _)| death(span_ms, *bucket) > now)
    }

    fn window_wait(&self, max: i128, span_ms: u64, cost: i128, now: i128) -> i128 {
        if cost > max {
            return i128::from(span_ms);
        }
        let count: i128 = self.live(span_ms, now).map(|(_, units)| units).sum();
        if count + cost <= max {
            return 0;
        }
        let now = self.window_now(span_ms, now);
        let mut deaths: Vec<i128> =
            self.live(span_ms, now).map(|(bucket, _)| death(span_ms, bucket)).collect();
        deaths.sort_unstable();
        for at in deaths {
            let left = self.live(span_ms, now).filter(|(bucket, _)| death(span_ms, *bucket) > at);
            if left.map(|(_, units)| units).sum::<i128>() + cost <= max {
                return at - now;
            }
        }
        i128::from(span_ms)
    }
}

fn kind_of(limit: Limit) -> Kind {
    match limit {
        Limit::Spacing { .. } | Limit::Unverified { .. } => Kind::Arrival,
        Limit::Ladder { .. } => Kind::Ladder,
        Limit::Window { .. } | Limit::Budget { .. } => Kind::Units,
        Limit::Failures { .. } => Kind::Failures,
    }
}

fn width(span_ms: u64) -> i128 {
    (i128::from(span_ms) / 60).max(1)
}

/// When a bucket stops counting: the first time at which `(i + 1) × g > now − span` is false.
fn death(span_ms: u64, bucket: i128) -> i128 {
    (bucket + 1) * width(span_ms) + i128::from(span_ms)
}

fn ladder_wait(first_ms: u64, longest_ms: u64, rung: i128) -> i128 {
    if rung <= 0 { 0 } else { doubled(first_ms, rung - 1).min(i128::from(longest_ms)) }
}

fn doubled(first_ms: u64, times: i128) -> i128 {
    // 2^63 times a millisecond is beyond every limit: more doublings change nothing.
    i128::from(first_ms) << times.clamp(0, 63)
}

fn take<'a>(entries: impl Iterator<Item = &'a mut (i128, i128)>, mut units: i128) {
    for (_, held) in entries {
        let taken = units.min(*held);
        *held -= taken;
        units -= taken;
    }
}
