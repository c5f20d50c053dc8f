//! The generic cell rate algorithm: one time, from which a whole leaky bucket follows.

/// State of [`Limit::Spacing`](super::Limit::Spacing) and
/// [`Limit::Unverified`](super::Limit::Unverified): the theoretical arrival time.
///
/// The bucket's level at `now` is `tat − now`, so it drains without anybody writing it. What it was
/// right after the latest charge is kept as well: `tat` alone does not tell a full bucket of today
/// from an empty one of next year.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Gcra {
    pub(super) tat: u64,
    /// How far `tat` lay ahead of the latest charge, in milliseconds, less what was given back since.
    pub(super) level: u64,
}

/// What a [`Gcra`] is judged by.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    /// At least 1.
    pub(super) interval: u64,
    pub(super) burst: u64,
}

impl Rate {
    pub(super) fn new(interval: u64, burst: u64) -> Self {
        Self { interval: interval.max(1), burst }
    }

    pub(super) fn depth(self) -> u64 {
        self.interval.saturating_mul(self.burst)
    }

    fn time(self, units: u64) -> u64 {
        self.interval.saturating_mul(units)
    }
}

impl Gcra {
    pub(super) fn wait(self, rate: Rate, now: u64, cost: u64) -> u64 {
        let new = self.tat.max(now).saturating_add(rate.time(cost));
        new.saturating_sub(now).saturating_sub(rate.depth())
    }

    pub(super) fn charge(&mut self, rate: Rate, now: u64, cost: u64) {
        let last = self.last().max(now);
        self.tat = self.tat.max(now).saturating_add(rate.time(cost));
        self.level = self.tat.saturating_sub(last);
    }

    pub(super) fn heal(&mut self, now: u64, horizon: u64) -> bool {
        let ahead = self.last() > horizon;
        if ahead {
            self.tat = now.saturating_add(self.level);
        }
        ahead
    }

    /// When it was charged last.
    pub(super) fn last(self) -> u64 {
        self.tat.saturating_sub(self.level)
    }

    fn lower(&mut self, by: u64) {
        self.tat = self.tat.saturating_sub(by);
        self.level = self.level.saturating_sub(by);
    }

    /// Gives back what has not drained since: more would pay for a later charge.
    pub(super) fn refund(&mut self, rate: Rate, now: u64, charged: u64, cost: u64) {
        let left = rate.time(cost).saturating_sub(now.saturating_sub(charged));
        self.lower(left);
    }

    pub(super) fn credit(&mut self, rate: Rate, amount: u64) {
        self.lower(rate.time(amount));
    }

    pub(super) fn count(self, rate: Rate, now: u64) -> u64 {
        self.tat.saturating_sub(now).div_ceil(rate.interval)
    }

    pub(super) fn over_at(self) -> u64 {
        self.tat
    }
}
