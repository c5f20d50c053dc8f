//! [`Slice`]: what one process has charged ahead of a common limit, and spends without asking.

#[cfg(test)]
#[path = "slice_tests.rs"]
mod tests;

use std::time::Duration;

use crate::base::id::RequestId;
use crate::base::time::{Timestamp, millis};
use crate::limit::bucket_ms;

/// Of what is left of a limit all processes together hold one in so many unspent, at the most.
const IDLE: u64 = 16;

/// Units for fewer calls than this are not worth a transaction: the row is charged by each call.
const FEW: u64 = 16;

/// How long units that were charged ahead can be spent.
pub(super) const LIFE: Duration = Duration::from_secs(2);

/// Units that last shorter than this are too few, and such that last four times as long too many.
const SHORT: Duration = Duration::from_millis(250);

/// A window's row, as one process sees it.
///
/// *Never too late*: a unit counts in the row before it is spent, and in the window's bucket that it
/// is spent in, because a slice ends with its bucket. It is spent only under limits that the row was
/// within when it was counted. So of what any limit granted in any span the last unit to be counted
/// saw all others, and there was room for it.
///
/// *Too early* by what other processes hold unspent: each takes no more than its part of a
/// [sixteenth](IDLE) of what is left, and none where that is for [few](FEW) calls.
#[derive(Debug, Default)]
pub(super) struct Slice {
    held: Option<Held>,
    /// The row's count as it was heard last, and when.
    heard: Option<(u64, Timestamp)>,
    /// How many units to take next.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    /// The admission that charged them.
    by: RequestId,
    at: Timestamp,
    /// The row's count before them.
    first: u64,
    units: u64,
    spent: u64,
    /// When that was by this process's own time.
    taken: Duration,
}

/// A call's cost, taken out of a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spent {
    by: RequestId,
    cost: u64,
    /// The row's count with it. Each count is told by the one process that took it ahead.
    pub(super) count: u64,
}

/// Units that were charged ahead and not spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unspent {
    /// The admission that charged them.
    pub(super) by: RequestId,
    pub(super) at: Timestamp,
    pub(super) units: u64,
    /// How long ago, by this process's own time.
    pub(super) age: Duration,
}

impl Slice {
    /// Takes `cost` out of what is held, if a limit of `max` over `span_ms` allows that at `now`.
    pub(super) fn spend(
        &mut self,
        max: u64,
        span_ms: u64,
        now: Timestamp,
        cost: u64,
    ) -> Option<Spent> {
        let held = self.held.as_mut()?;
        let bucket = |at: Timestamp| at.as_millis().checked_div(bucket_ms(span_ms));
        let ceiling = held.first.saturating_add(held.units);
        let spent = held.spent.saturating_add(cost);
        if bucket(held.at) != bucket(now)
            || now >= held.at + LIFE
            || ceiling > max
            || spent > held.units
            || held.spent == held.units
        {
            return None;
        }
        held.spent = spent;
        Some(Spent { by: held.by, cost, count: held.first.saturating_add(spent) })
    }

    /// Puts back what a call took that was refused. What belongs to units held before stays spent.
    pub(super) fn put_back(&mut self, spent: Spent) {
        if let Some(held) = self.held.as_mut().filter(|held| held.by == spent.by) {
            held.spent = held.spent.saturating_sub(spent.cost);
        }
    }

    /// Notes the row's count at `now`.
    pub(super) fn hear(&mut self, count: u64, now: Timestamp) {
        self.heard = Some((count, now));
    }

    /// How many units to charge ahead, for one of `processes`, of a limit of `max`; `None` if the call
    /// is to charge the row itself: little is left, or nobody has looked how much.
    pub(super) fn wants(&self, max: u64, now: Timestamp, cost: u64, processes: u32) -> Option<u64> {
        let (count, at) = self.heard?;
        if now.since(at).max(at.since(now)) >= LIFE {
            return None;
        }
        let parts = IDLE.saturating_mul(u64::from(processes));
        let most = max.saturating_sub(count).checked_div(parts).unwrap_or(0);
        let least = FEW.saturating_mul(cost.max(1));
        (most >= least).then(|| self.next.clamp(least, most))
    }

    /// Holds `units` that the admission `by` charged at `now`, which brought the row to `count`. What of
    /// the units before was not spent goes back.
    pub(super) fn hold(
        &mut self,
        by: RequestId,
        now: Timestamp,
        units: u64,
        count: u64,
        taken: Duration,
    ) -> Option<Unspent> {
        self.next = match self.held {
            Some(held) if taken.saturating_sub(held.taken) > SHORT.saturating_mul(4) => units / 2,
            Some(held) if taken.saturating_sub(held.taken) > SHORT => units,
            _ => units.saturating_mul(2),
        };
        let unspent = self.close(taken);
        let first = count.saturating_sub(units);
        self.held = Some(Held { by, at: now, first, units, spent: 0, taken });
        self.hear(count, now);
        unspent
    }

    /// Gives up what is held.
    pub(super) fn close(&mut self, elapsed: Duration) -> Option<Unspent> {
        let Held { by, at, units, spent, taken, .. } = self.held.take()?;
        let (units, age) = (units.saturating_sub(spent), elapsed.saturating_sub(taken));
        (units > 0).then_some(Unspent { by, at, units, age })
    }

    /// Gives up what is held if it can be spent no longer.
    pub(super) fn close_if_over(&mut self, elapsed: Duration) -> Option<Unspent> {
        let held = self.held?;
        (elapsed.saturating_sub(held.taken) >= LIFE).then(|| self.close(elapsed)).flatten()
    }

    /// Whether a call that is to charge the row may be refused for what is held here.
    pub(super) fn is_in_the_way(&self, max: u64, cost: u64) -> bool {
        let left = self.left();
        let without = self.heard.map_or(0, |(count, _)| count.saturating_sub(left));
        left > 0 && without.saturating_add(cost) <= max
    }

    /// What of the row's count is not spent.
    pub(super) fn left(&self) -> u64 {
        self.held.map_or(0, |held| held.units.saturating_sub(held.spent))
    }

    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }
}

/// Milliseconds of [`LIFE`]: windows that are shorter than thirty of it end their buckets too soon.
pub(super) fn worth(span_ms: u64) -> bool {
    span_ms >= millis(LIFE).saturating_mul(30)
}
