//! [`Counts`]: units that limit nothing and reach their row together.

use std::collections::VecDeque;

/// How many calls are counted together at the most.
pub(super) const MANY: u32 = 256;

/// How many stretches of counts wait to be told; of more the oldest are forgotten.
const UNTOLD: usize = 64;

/// A counter's row, as one process sees it.
///
/// Answers tell the counts that the row has passed through, each once over all processes, one for each
/// unit counted, somewhat late. So whoever waits for a certain count sees it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    waiting: u64,
    /// Whether some were taken and their row has yet to answer.
    on_their_way: bool,
    calls: u32,
    /// Stretches of the row's count that were counted and have yet to be told: after, and up to.
    untold: VecDeque<(u64, u64)>,
}

impl Counts {
    /// Counts `units`, and says which count is told for them; 0 if none is known.
    pub(super) fn count(&mut self, units: u64) -> u64 {
        self.waiting = self.waiting.saturating_add(units);
        self.calls = self.calls.saturating_add(1);
        let Some((after, until)) = self.untold.front_mut() else { return 0 };
        *after = after.saturating_add(units).min(*until);
        let told = *after;
        if *after == *until {
            self.untold.pop_front();
        }
        told
    }

    pub(super) fn are_many(&self) -> bool {
        self.calls >= MANY
    }

    pub(super) fn are_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Whether the row may say less than was counted.
    pub(super) fn are_owed(&self) -> bool {
        self.waiting > 0 || self.on_their_way
    }

    /// Takes what is to be counted in the row.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.calls = 0;
        let waiting = std::mem::take(&mut self.waiting);
        self.on_their_way = waiting > 0;
        (waiting > 0).then_some(waiting)
    }

    /// Notes that `units` brought the row to `count`, or that they did not arrive.
    pub(super) fn counted(&mut self, units: u64, count: Option<u64>) {
        self.on_their_way = false;
        let Some(count) = count else { return };
        if self.untold.len() == UNTOLD {
            self.untold.pop_front();
        }
        self.untold.push_back((count.saturating_sub(units), count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_told_once_over_all_processes() {
        let (mut row, mut told) = (0, Vec::new());
        let mut processes: Vec<Counts> = (0..3).map(|_| Counts::default()).collect();
        for round in 0..200_usize {
            for (number, counts) in processes.iter_mut().enumerate() {
                for _ in 0..(round * (number + 3)) % 7 {
                    told.push(counts.count(1));
                }
                if (round + number) % 3 == 0
                    && let Some(units) = counts.take()
                {
                    row += units;
                    counts.counted(units, Some(row));
                }
            }
        }
        told.retain(|count| *count > 0);
        told.sort_unstable();
        let before = told.len();
        told.dedup();
        assert_eq!(told.len(), before, "none is told twice");
        let waiting: u64 = processes.iter().map(|counts| counts.waiting).sum();
        let untold = processes.iter().flat_map(|counts| &counts.untold);
        let untold: u64 = untold.map(|(after, until)| until - after).sum();
        assert_eq!(told.len() as u64 + untold, row, "and none is passed over");
        assert!(untold <= 60 && waiting <= 60, "{untold} {waiting}");
    }

    #[test]
    fn units_are_owed_until_their_row_has_answered() {
        let mut counts = Counts::default();
        counts.count(3);
        assert!(counts.are_owed());
        assert_eq!(counts.take(), Some(3));
        assert!(counts.are_owed() && !counts.are_waiting());
        counts.counted(3, Some(3));
        assert!(!counts.are_owed());
        counts.count(4);
        counts.take();
        counts.counted(4, None);
        assert!(!counts.are_owed(), "what did not arrive is waited for no longer");
        counts.count(5);
        counts.take();
        // Whoever brought them has gone. The next one to do so finds nothing on its way.
        assert!(counts.take().is_none() && !counts.are_owed());
    }

    #[test]
    fn many_calls_are_counted_at_once() {
        let mut counts = Counts::default();
        for _ in 0..MANY {
            counts.count(3);
        }
        assert!(counts.are_many() && counts.are_waiting());
        assert_eq!(counts.take(), Some(768));
        assert!(!counts.are_many() && !counts.are_waiting() && counts.take().is_none());
    }
}
