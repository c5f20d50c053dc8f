//! Consecutive failures: counted before the comparison, wiped by a success.

/// State of [`Limit::Failures`](super::Limit::Failures).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Failures {
    pub(super) count: u64,
    pub(super) last: u64,
}

/// What [`Failures`] are judged by.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) max: u64,
    pub(super) pause_after: u64,
    pub(super) pause: u64,
    pub(super) longest: u64,
    pub(super) forget: u64,
}

impl Patience {
    fn forget(self) -> u64 {
        self.forget.max(self.longest).max(1)
    }

    fn pause(self, count: u64) -> u64 {
        let Some(doublings) = count.checked_sub(self.pause_after) else { return 0 };
        let factor = u32::try_from(doublings).ok().and_then(|by| 1_u64.checked_shl(by));
        match factor {
            Some(factor) => self.pause.saturating_mul(factor).min(self.longest),
            None => {
                if self.pause == 0 {
                    0
                } else {
                    self.longest
                }
            }
        }
    }
}

impl Failures {
    pub(super) fn in_force(self, patience: Patience, now: u64) -> u64 {
        if now.saturating_sub(self.last) >= patience.forget() { 0 } else { self.count }
    }

    pub(super) fn wait(self, patience: Patience, now: u64, cost: u64) -> u64 {
        let count = self.in_force(patience, now);
        let idle = now.saturating_sub(self.last);
        let until_forgotten = match patience.forget().saturating_sub(idle) {
            0 => patience.forget(),
            left => left,
        };
        if count.saturating_add(cost) > patience.max {
            until_forgotten
        } else if count == 0 {
            0
        } else {
            patience.pause(count).saturating_sub(idle).min(until_forgotten)
        }
    }

    pub(super) fn charge(&mut self, patience: Patience, now: u64, cost: u64) {
        self.count = self.in_force(patience, now).saturating_add(cost);
        self.last = self.last.max(now);
    }

    pub(super) fn heal(&mut self, now: u64, horizon: u64) -> bool {
        let ahead = self.last > horizon;
        if ahead {
            self.last = now;
        }
        ahead
    }

    pub(super) fn refund(&mut self, patience: Patience, charged: u64, cost: u64) {
        // Further back the charge may have been forgotten, and the count be another's.
        if self.last.saturating_sub(charged) < patience.forget() {
            self.count = self.count.saturating_sub(cost);
        }
    }

    pub(super) fn over_at(self, patience: Patience) -> u64 {
        if self.count == 0 { 0 } else { self.last.saturating_add(patience.forget()) }
    }
}
