//! Whether a realm has customers of its own.
//!
//! Whoever sends the first hundred texts of a realm *is* its traffic. What is unusual can be told only
//! where it is known what is usual, and known from more people than an attacker has phones. So a number
//! counts once, a day late, and of one day and of one range only so many.

use super::known::Seen;
use super::node::DAY;

/// Of a block of 100 000 numbers at most so many count: whoever owns a range can verify all of it.
const OF_A_BLOCK: u64 = 16;
/// Far more than any history needs.
const ROWS: usize = 4_096;

/// The numbers that a realm's history is made of.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) numbers: Seen,
    /// When they were counted last, in steps of six hours.
    counted: u64,
    /// Those of the last day, and those from before.
    fresh: usize,
    settled: usize,
}

impl History {
    pub(super) fn new() -> Self {
        Self { numbers: Seen::new(ROWS), counted: u64::MAX, fresh: 0, settled: 0 }
    }

    /// Counts anew every six hours, the grain of what is remembered.
    pub(super) fn turn(&mut self, now: u64, expiry: u64) {
        let step = now / (DAY / 4);
        if self.counted != step {
            self.counted = step;
            (self.fresh, self.settled) = self.numbers.younger_and_older(now, DAY, expiry);
        }
    }

    /// A number verified. Of one day at most `a_day` new ones count.
    pub(super) fn verified(&mut self, digits: u64, now: u64, expiry: u64, a_day: usize) {
        let of_block = super::table::mix(digits) % OF_A_BLOCK;
        let key = (digits / 100_000).saturating_mul(OF_A_BLOCK).saturating_add(of_block);
        let is_new = self.numbers.age(key, now, expiry).is_none();
        if is_new && self.fresh >= a_day {
            return;
        }
        self.fresh = self.fresh.saturating_add(usize::from(is_new));
        self.numbers.verified(key, now, expiry);
    }

    /// Numbers that count, all of them verified more than a day ago.
    pub(super) fn numbers(&self) -> usize {
        self.settled
    }

    /// Rows were put back: they are counted with the next event.
    pub(super) fn restored(&mut self) {
        self.counted = u64::MAX;
    }
}
