//! What a realm has few of: documents and journals.

use std::collections::VecDeque;

use crate::base::time::{Timestamp, millis};
use crate::store::verbs::Moment;
use crate::store::{GRACE, JOURNAL_LIFE, News};

/// A journal: entries in the order they came, each with the time it came at.
#[derive(Debug, Default)]
pub(super) struct Journal {
    latest: u64,
    entries: VecDeque<(Timestamp, Box<[u8]>)>,
}

impl Journal {
    /// Drops entries that are past their life and the grace, or dated ahead, `most` at most; how many. One
    /// that is dated ahead would keep all that came after it. The journal stays: its number goes on.
    pub(super) fn prune(&mut self, Moment { now, horizon }: Moment, most: usize) -> usize {
        let life = millis(JOURNAL_LIFE).saturating_add(millis(GRACE));
        let old = |at: &Timestamp| millis(now.since(*at)) >= life || *at > horizon;
        let mut dropped: usize = 0;
        while dropped < most && self.entries.front().is_some_and(|(at, _)| old(at)) {
            self.entries.pop_front();
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    pub(super) fn append(&mut self, now: Timestamp, entry: &[u8]) {
        self.latest = self.latest.saturating_add(1);
        self.entries.push_back((now, entry.into()));
    }

    pub(super) fn news(&self, after: u64, Moment { now, horizon }: Moment) -> News {
        let held = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let first = self.latest.saturating_sub(held).saturating_add(1);
        // From the place that was asked for, not past everything before it: a call costs what is new.
        let skipped = usize::try_from(after.saturating_add(1).saturating_sub(first));
        let skipped = skipped.unwrap_or(usize::MAX).min(self.entries.len());
        let start = first.saturating_add(u64::try_from(skipped).unwrap_or(u64::MAX));
        let entries = (start..)
            .zip(self.entries.range(skipped..))
            .filter(|(_, (at, _))| now.since(*at) < JOURNAL_LIFE && *at <= horizon)
            .map(|(number, (_, entry))| (number, entry.to_vec()))
            .collect();
        News { entries, latest: self.latest }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn dump(&self, into: &mut Vec<u8>) {
        self.entries.iter().for_each(|(_, entry)| into.extend(entry));
    }
}
