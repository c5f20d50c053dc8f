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

/// How long it waits at the most for calls on their way, which have three deadlines of five
/// seconds.
const LONGEST: Duration = Duration::from_secs(16);

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
    /// What calls put back late that had taken it out of units before: as good as these, as it
    /// counts in the same bucket of the row, and the row's count with these was within its limit.
    back: u64,
    spent: u64,
    /// How many calls have taken some of it of which nobody knows yet whether they are refused.
    open: u64,
    /// When that was by this process's own time.
    taken: Duration,
}

/// A call's cost, taken out of a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spent {
    by: RequestId,
    /// When its units were charged.
    at: Timestamp,
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
        let ceiling = held.first.saturating_add(held.units);
        let spent = held.spent.saturating_add(cost);
        if bucket(held.at, span_ms) != bucket(now, span_ms)
            || now >= held.at + LIFE
            || ceiling > max
            || spent > held.units.saturating_add(held.back)
            || held.left() == 0
        {
            return None;
        }
        held.spent = spent;
        held.open = held.open.saturating_add(1);
        let count = held.first.saturating_add(spent).min(ceiling);
        Some(Spent { by: held.by, at: held.at, cost, count })
    }

    /// Puts back what a call took that was refused. If its units are not held any more, it comes to
    /// those that are, of the same bucket; where none are, it stays spent.
    pub(super) fn put_back(&mut self, spent: Spent, span_ms: u64) {
        let Some(held) = self.held.as_mut() else { return };
        if held.by == spent.by {
            held.spent = held.spent.saturating_sub(spent.cost);
            held.open = held.open.saturating_sub(1);
        } else if bucket(held.at, span_ms) == bucket(spent.at, span_ms) {
            held.back = held.back.saturating_add(spent.cost);
        }
    }

    /// What a call took is spent: it was granted, or may have been.
    pub(super) fn keep(&mut self, spent: Spent) {
        if let Some(held) = self.held.as_mut().filter(|held| held.by == spent.by) {
            held.open = held.open.saturating_sub(1);
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
        self.held = Some(Held { by, at: now, first, units, back: 0, spent: 0, open: 0, taken });
        self.hear(count, now);
        unspent
    }

    /// Gives up what is held.
    pub(super) fn close(&mut self, elapsed: Duration) -> Option<Unspent> {
        let held = self.held.take()?;
        let Held { by, at, taken, .. } = held;
        let (units, age) = (held.left(), elapsed.saturating_sub(taken));
        (units > 0).then_some(Unspent { by, at, units, age })
    }

    /// Gives up what is held if it can be spent no longer, and no call on its way may yet put back
    /// what it took: it is given back once.
    pub(super) fn close_if_over(&mut self, elapsed: Duration) -> Option<Unspent> {
        let held = self.held?;
        let age = elapsed.saturating_sub(held.taken);
        let over = age >= LIFE && held.open == 0 || age >= LONGEST;
        over.then(|| self.close(elapsed)).flatten()
    }

    /// Whether a call that is to charge the row may be refused for what is held here.
    pub(super) fn is_in_the_way(&self, max: u64, cost: u64) -> bool {
        let left = self.left();
        let without = self.heard.map_or(0, |(count, _)| count.saturating_sub(left));
        left > 0 && without.saturating_add(cost) <= max
    }

    /// What of the row's count is not spent.
    pub(super) fn left(&self) -> u64 {
        self.held.map_or(0, |held| held.left())
    }

    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }
}

impl Held {
    /// What was not spent.
    fn left(&self) -> u64 {
        self.units.saturating_add(self.back).saturating_sub(self.spent)
    }
}

/// The bucket of a window in which the row counts what is charged at `at`.
fn bucket(at: Timestamp, span_ms: u64) -> Option<u64> {
    at.as_millis().checked_div(bucket_ms(span_ms))
}

/// Milliseconds of [`LIFE`]: windows that are shorter than thirty of it end their buckets too soon.
pub(super) fn worth(span_ms: u64) -> bool {
    span_ms >= millis(LIFE).saturating_mul(30)
}
