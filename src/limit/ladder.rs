//! The resend ladder: each step up doubles the wait, idle time forgets the steps.

/// The highest rung. It bounds how long a line that somebody else abuses is held against its owner.
pub(super) const TOP: u8 = 32;

/// State of [`Limit::Ladder`](super::Limit::Ladder).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Ladder {
    pub(super) rung: u8,
    pub(super) last: u64,
    /// Rung and time before the latest charge, until a refund has used them.
    pub(super) before: Option<(u8, u64)>,
}

/// What a [`Ladder`] is judged by.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    first: u64,
    longest: u64,
    forget: u64,
}

impl Steps {
    pub(super) fn new(first: u64, longest: u64, forget: u64) -> Self {
        Self { first, longest, forget: forget.max(longest).max(1) }
    }

    fn wait(self, rung: u8) -> u64 {
        match rung.checked_sub(1) {
            None => 0,
            Some(doublings) => {
                let factor = 1_u64.checked_shl(u32::from(doublings)).unwrap_or(u64::MAX);
                self.first.saturating_mul(factor).min(self.longest)
            }
        }
    }
}

impl Ladder {
    pub(super) fn in_force(self, steps: Steps, now: u64) -> u8 {
        // `forget` is at least 1.
        let forgotten = now.saturating_sub(self.last).checked_div(steps.forget).unwrap_or(0);
        self.rung.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }

    pub(super) fn wait(self, steps: Steps, now: u64) -> u64 {
        steps.wait(self.in_force(steps, now)).saturating_sub(now.saturating_sub(self.last))
    }

    /// The rung that a charge of `cost` would leave in force.
    pub(super) fn after(self, steps: Steps, now: u64, cost: u64) -> u64 {
        let rung = self.in_force(steps, now);
        u64::from(if cost == 0 { rung } else { rung.saturating_add(1).min(TOP) })
    }

    pub(super) fn charge(&mut self, steps: Steps, now: u64) {
        let rung = self.in_force(steps, now).saturating_add(1).min(TOP);
        *self = Self { rung, last: self.last.max(now), before: Some((self.rung, self.last)) };
    }

    pub(super) fn heal(&mut self, now: u64, horizon: u64) -> bool {
        let ahead = self.last > horizon;
        if ahead {
            self.last = now;
            self.before = self.before.map(|(rung, last)| (rung, last.min(now)));
        }
        ahead
    }

    pub(super) fn refund(&mut self, steps: Steps, charged: u64) {
        match self.before {
            Some((rung, last)) if charged == self.last => {
                *self = Self { rung, last, before: None };
            }
            // Within one `forget` no rung was forgotten, so the step is still among those counted.
            before if self.last.saturating_sub(charged) < steps.forget => {
                self.rung = self.rung.saturating_sub(1);
                self.before = before.map(|(rung, last)| (rung.saturating_sub(1), last));
            }
            _ => {}
        }
    }

    pub(super) fn over_at(self, steps: Steps) -> u64 {
        self.last.saturating_add(steps.forget.saturating_mul(u64::from(self.rung)))
    }
}
