//! [`Numbers`]: recent unverified sends to each number.

use std::collections::VecDeque;
use std::ops::Range;

use super::super::node::fade;
use super::super::table::KeyMap;

/// Eight hours: a person whose phone was off is not remembered tomorrow.
const NUMBER_TAU: f32 = 8.0 * 3_600.0 * std::f32::consts::LOG2_E;
/// How long a number is remembered after its last send.
pub(in crate::pumping) const NUMBER_KEEP_MS: u64 = 24 * 3_600_000;

/// Recent unverified sends to one number.
#[derive(Clone, Copy, Debug)]
pub(in crate::pumping) struct NumberCount {
    pub(in crate::pumping) sends: f32,
    pub(in crate::pumping) sessions: u16,
    /// Step-ups asked for this number and not passed.
    pub(in crate::pumping) failed: u8,
    pub(in crate::pumping) at: u64,
}

impl NumberCount {
    fn sends_at(&self, now: u64) -> f32 {
        let mut sends = self.sends;
        fade(&mut sends, now.saturating_sub(self.at) as f32 / 1_000.0, NUMBER_TAU);
        sends
    }
}

/// A number that is counted is in the queue as well, at least once.
#[derive(Clone, Debug)]
pub(in crate::pumping) struct Numbers {
    counts: KeyMap<NumberCount>,
    queue: VecDeque<(u64, u64)>,
    cap: usize,
}

impl Numbers {
    pub(super) fn new(cap: usize) -> Self {
        Self { counts: KeyMap::default(), queue: VecDeque::new(), cap }
    }

    /// What is counted of a number.
    pub(in crate::pumping) fn get(&self, digits: u64) -> Option<&NumberCount> {
        self.counts.get(&digits)
    }

    /// Every number that is counted.
    pub(in crate::pumping) fn iter(&self) -> impl Iterator<Item = (u64, &NumberCount)> {
        self.counts.iter().map(|(digits, count)| (*digits, count))
    }

    /// When numbers are looked at again, those that came last at the end.
    pub(in crate::pumping) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Some of these.
    pub(in crate::pumping) fn queue(
        &self,
        places: Range<usize>,
    ) -> impl Iterator<Item = (u64, u64)> {
        self.queue.range(places).copied()
    }

    /// Unverified sends to a number, decayed, and how many sessions they made.
    pub(in crate::pumping) fn sends(&self, digits: u64, now: u64) -> (f32, u16) {
        self.counts.get(&digits).map_or((0.0, 0), |count| (count.sends_at(now), count.sessions))
    }

    /// Step-ups not passed for a number, forgotten two hours after the last.
    pub(in crate::pumping) fn failures(&self, digits: u64, now: u64) -> f32 {
        const KEEP_MS: u64 = 2 * 3_600_000;
        self.counts
            .get(&digits)
            .filter(|count| count.at.saturating_add(KEEP_MS) > now)
            .map_or(0.0, |count| f32::from(count.failed))
    }

    /// Counts a send to a number.
    pub(in crate::pumping) fn count(&mut self, digits: u64, now: u64, is_new_session: bool) {
        let queue = &mut self.queue;
        let count = self.counts.entry(digits).or_insert_with(|| {
            queue.push_back((now.saturating_add(NUMBER_KEEP_MS), digits));
            NumberCount { sends: 0.0, sessions: 0, failed: 0, at: now }
        });
        let sends = count.sends_at(now);
        let sessions = if sends < 0.3 { 0 } else { count.sessions };
        count.sends = sends + 1.0;
        count.sessions = sessions.saturating_add(u16::from(is_new_session));
        count.at = now;
        self.trim();
    }

    /// Counts a step-up that was not passed.
    pub(in crate::pumping) fn count_failure(&mut self, digits: u64, now: u64) {
        if !self.counts.contains_key(&digits) {
            self.queue.push_back((now.saturating_add(NUMBER_KEEP_MS), digits));
        }
        let (sends, sessions) = self.sends(digits, now);
        let failed = u8::try_from(self.failures(digits, now) as u32).unwrap_or(u8::MAX);
        let failed = failed.saturating_add(1);
        self.counts.insert(digits, NumberCount { sends, sessions, failed, at: now });
        self.trim();
    }

    /// A code was entered: nothing is held against the number.
    pub(in crate::pumping) fn forgive(&mut self, digits: u64) {
        self.counts.remove(&digits);
    }

    /// Puts a number's count of a snapshot back, unless there is a younger one.
    pub(in crate::pumping) fn restore(&mut self, digits: u64, count: NumberCount) {
        if self.counts.get(&digits).is_none_or(|there| there.at < count.at) {
            self.queue.push_back((count.at.saturating_add(NUMBER_KEEP_MS), digits));
            self.counts.insert(digits, count);
            self.trim();
        }
    }

    /// Forgets numbers nobody has sent to for a day.
    pub(super) fn expire(&mut self, now: u64) {
        while let Some((due, digits)) = self.queue.front().copied()
            && due <= now
        {
            self.queue.pop_front();
            if let Some(count) = self.counts.get(&digits) {
                let again = count.at.saturating_add(NUMBER_KEEP_MS);
                if again > now {
                    self.queue.push_back((again, digits));
                } else {
                    self.counts.remove(&digits);
                }
            }
        }
    }

    pub(super) fn take_back(&mut self, now: u64) {
        for count in self.counts.values_mut() {
            count.at = count.at.min(now);
        }
        let last = now.saturating_add(NUMBER_KEEP_MS);
        self.queue.iter_mut().for_each(|(at, _)| *at = last.min(*at));
    }

    pub(super) fn bytes(&self) -> usize {
        let counts = self.counts.capacity().saturating_mul(40);
        counts.saturating_add(self.queue.capacity().saturating_mul(16))
    }

    #[cfg(test)]
    pub(super) fn latest(&self) -> u64 {
        let counts = self.counts.values().map(|count| count.at);
        counts.chain(self.queue.iter().map(|(at, _)| *at)).max().unwrap_or(0)
    }

    fn trim(&mut self) {
        while self.counts.len() > self.cap {
            let Some((_, oldest)) = self.queue.pop_front() else { break };
            self.counts.remove(&oldest);
        }
    }
}
