//! [`Dues`]: when each number is looked at again.

use std::collections::VecDeque;
use std::ops::Range;

/// Entries looked at for each that is added while the queue is tidied.
const STEPS: usize = 8;
/// A queue with so few entries that are over is not tidied.
const FEW: usize = 512;
/// In the place of an entry that has moved: due at once, and no number's.
const GONE: (u64, u64) = (0, 0);

/// A queue of times and numbers. What is over in the middle of it stays until it is tidied, which each new
/// entry does a little of, so that none pays for all.
#[derive(Clone, Debug, Default)]
pub(super) struct Dues {
    queue: VecDeque<(u64, u64)>,
    /// How far it is tidied. Between what was kept and what was looked at nothing is left.
    kept: usize,
    looked: usize,
    left_out: usize,
}

impl Dues {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn front(&self) -> Option<(u64, u64)> {
        self.queue.front().copied()
    }

    pub(super) fn range(&self, places: Range<usize>) -> impl Iterator<Item = (u64, u64)> {
        self.queue.range(places).copied()
    }

    /// By how many entries it has become shorter elsewhere than at its front, wrapping.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    pub(super) fn push(&mut self, due: u64, digits: u64) {
        self.queue.push_back((due, digits));
    }

    pub(super) fn pop(&mut self) -> Option<(u64, u64)> {
        self.kept = self.kept.saturating_sub(1);
        self.looked = self.looked.saturating_sub(1);
        self.queue.pop_front()
    }

    /// Leaves out some of what is over, once that is more than half of the `live` entries, and a few. With at
    /// most n of those at a time the queue is never longer than 2n + 1 024.
    pub(super) fn tidy(&mut self, live: usize, is_live: impl Fn(u64, u64) -> bool) {
        let is_long = self.queue.len() > live.saturating_add(live / 2).saturating_add(FEW);
        if self.looked == 0 && !is_long {
            return;
        }
        for _ in 0..STEPS {
            let Some(entry) = self.queue.get_mut(self.looked) else { break };
            let (due, digits) = std::mem::replace(entry, GONE);
            self.looked = self.looked.saturating_add(1);
            if is_live(due, digits)
                && let Some(place) = self.queue.get_mut(self.kept)
            {
                *place = (due, digits);
                self.kept = self.kept.saturating_add(1);
            }
        }
        if self.looked >= self.queue.len() {
            let over = self.looked.saturating_sub(self.kept);
            self.left_out = self.left_out.wrapping_add(over);
            self.queue.truncate(self.kept);
            (self.kept, self.looked) = (0, 0);
        }
    }

    /// Takes back what is due after `last`.
    pub(super) fn take_back(&mut self, last: u64) {
        self.queue.iter_mut().for_each(|(due, _)| *due = last.min(*due));
    }

    pub(super) fn bytes(&self) -> usize {
        self.queue.capacity().saturating_mul(size_of::<(u64, u64)>())
    }
}
