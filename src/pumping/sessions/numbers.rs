//! [`Numbers`]: recent unverified sends to each number.

use std::ops::Range;

use super::super::node::fade;
use super::super::table::KeyMap;
use super::dues::Dues;

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

/// What is counted of a number, and when it is looked at again: by this its entry in the queue is known
/// from those of counts that were forgiven.
#[derive(Clone, Copy, Debug)]
struct Counted {
    count: NumberCount,
    due: u64,
}

/// A number that is counted is in the queue as well.
#[derive(Clone, Debug)]
pub(in crate::pumping) struct Numbers {
    counts: KeyMap<Counted>,
    queue: Dues,
    cap: usize,
}

impl Numbers {
    pub(super) fn new(cap: usize) -> Self {
        Self { counts: KeyMap::default(), queue: Dues::default(), cap }
    }

    /// What is counted of a number.
    pub(in crate::pumping) fn get(&self, digits: u64) -> Option<&NumberCount> {
        self.counts.get(&digits).map(|counted| &counted.count)
    }

    /// Every number that is counted.
    pub(in crate::pumping) fn iter(&self) -> impl Iterator<Item = (u64, &NumberCount)> {
        self.counts.iter().map(|(digits, counted)| (*digits, &counted.count))
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
        self.queue.range(places)
    }

    /// By how many entries the queue has become shorter elsewhere than at its front, wrapping.
    pub(in crate::pumping) fn left_out(&self) -> usize {
        self.queue.left_out()
    }

    /// Unverified sends to a number, decayed, and how many sessions they made.
    pub(in crate::pumping) fn sends(&self, digits: u64, now: u64) -> (f32, u16) {
        self.get(digits).map_or((0.0, 0), |count| (count.sends_at(now), count.sessions))
    }

    /// Step-ups not passed for a number, forgotten two hours after the last.
    pub(in crate::pumping) fn failures(&self, digits: u64, now: u64) -> f32 {
        const KEEP_MS: u64 = 2 * 3_600_000;
        self.get(digits)
            .filter(|count| count.at.saturating_add(KEEP_MS) > now)
            .map_or(0.0, |count| f32::from(count.failed))
    }

    /// Counts a send to a number.
    pub(in crate::pumping) fn count(&mut self, digits: u64, now: u64, is_new_session: bool) {
        let before = self.get(digits);
        let sends = before.map_or(0.0, |count| count.sends_at(now));
        let (sessions, failed) = before.map_or((0, 0), |count| (count.sessions, count.failed));
        let sessions = if sends < 0.3 { 0 } else { sessions };
        let sessions = sessions.saturating_add(u16::from(is_new_session));
        self.put(digits, NumberCount { sends: sends + 1.0, sessions, failed, at: now });
    }

    /// Counts a step-up that was not passed.
    pub(in crate::pumping) fn count_failure(&mut self, digits: u64, now: u64) {
        let (sends, sessions) = self.sends(digits, now);
        let failed = u8::try_from(self.failures(digits, now) as u32).unwrap_or(u8::MAX);
        let failed = failed.saturating_add(1);
        self.put(digits, NumberCount { sends, sessions, failed, at: now });
    }

    /// Puts a count in the place of the one before. One that is new is looked at again in a day.
    fn put(&mut self, digits: u64, count: NumberCount) {
        if let Some(counted) = self.counts.get_mut(&digits) {
            counted.count = count;
            return;
        }
        self.add(digits, count);
        self.trim();
    }

    fn add(&mut self, digits: u64, count: NumberCount) {
        let due = count.at.saturating_add(NUMBER_KEEP_MS);
        self.counts.insert(digits, Counted { count, due });
        self.push(due, digits);
    }

    fn push(&mut self, due: u64, digits: u64) {
        self.queue.push(due, digits);
        let counts = &self.counts;
        self.queue.tidy(counts.len(), |due, digits| is_due(counts, due, digits));
    }

    /// A code was entered: nothing is held against the number.
    pub(in crate::pumping) fn forgive(&mut self, digits: u64) {
        self.counts.remove(&digits);
    }

    /// Puts a number's count of a snapshot back, unless there is a younger one.
    pub(in crate::pumping) fn restore(&mut self, digits: u64, count: NumberCount) {
        if self.get(digits).is_none_or(|there| there.at < count.at) {
            self.add(digits, count);
            self.trim();
        }
    }

    /// Forgets numbers nobody has sent to for a day.
    pub(super) fn expire(&mut self, now: u64) {
        while let Some((due, digits)) = self.queue.front()
            && due <= now
        {
            self.queue.pop();
            let counted = self.counts.get_mut(&digits).filter(|counted| counted.due == due);
            let Some(counted) = counted else { continue };
            let again = counted.count.at.saturating_add(NUMBER_KEEP_MS);
            if again > now {
                counted.due = again;
                self.push(again, digits);
            } else {
                self.counts.remove(&digits);
            }
        }
    }

    pub(super) fn take_back(&mut self, now: u64) {
        let last = now.saturating_add(NUMBER_KEEP_MS);
        for counted in self.counts.values_mut() {
            counted.count.at = counted.count.at.min(now);
            counted.due = counted.due.min(last);
        }
        self.queue.take_back(last);
    }

    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity().saturating_mul(40).saturating_add(self.queue.bytes())
    }

    #[cfg(test)]
    pub(super) fn latest(&self) -> u64 {
        let counts = self.counts.values().map(|counted| counted.count.at);
        counts.chain(self.queue.range(0..self.queue.len()).map(|(at, _)| at)).max().unwrap_or(0)
    }

    fn trim(&mut self) {
        while self.counts.len() > self.cap {
            let Some((due, oldest)) = self.queue.pop() else { break };
            if is_due(&self.counts, due, oldest) {
                self.counts.remove(&oldest);
            }
        }
    }
}

/// Whether an entry of the queue is that of a number's count, and not of one that is gone.
fn is_due(counts: &KeyMap<Counted>, due: u64, digits: u64) -> bool {
    counts.get(&digits).is_some_and(|counted| counted.due == due)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    /// What is counted of a number, to a hundredth.
    fn hundredths(numbers: &Numbers, digits: u64, now: u64) -> u32 {
        (numbers.sends(digits, now).0 * 100.0) as u32
    }

    #[test]
    fn texts_whose_codes_are_entered_leave_no_queue() {
        let mut numbers = Numbers::new(57_344);
        // Three hundred people whose codes stay out, and as many texts again and again whose do not.
        (0..300).for_each(|digits| numbers.count(digits, digits, true));
        let mut longest = 0;
        for k in 0..50_000 {
            let digits = 1_000 + k % 20_000;
            numbers.count(digits, 1_000 + k, true);
            numbers.forgive(digits);
            longest = longest.max(numbers.queued());
        }
        assert!(longest <= 2 * 300 + 1_024, "{longest}");
        assert!((0..300).all(|digits| hundredths(&numbers, digits, 51_000) == 99));
        numbers.expire(24 * HOUR + 51_000);
        assert_eq!((numbers.queued(), numbers.counts.len()), (0, 0), "a day later nothing is left");
    }

    #[test]
    fn the_queue_is_bounded_however_many_are_counted_before_they_verify() {
        let mut numbers = Numbers::new(4_096);
        let mut longest = 0;
        for round in 0..20 {
            let digits = |k: u64| round * 10_000 + k;
            for k in 0..4_000 {
                numbers.count(digits(k), round * HOUR, true);
                longest = longest.max(numbers.queued());
            }
            (0..4_000).for_each(|k| numbers.forgive(digits(k)));
        }
        assert!(longest <= 2 * 4_096 + 1_024, "{longest}");
    }

    #[test]
    fn a_number_that_comes_again_after_it_verified_is_counted_for_its_own_day() {
        let mut numbers = Numbers::new(2);
        numbers.count(7, 0, true);
        numbers.forgive(7);
        numbers.count(8, HOUR, true);
        numbers.count(7, 10 * HOUR, true);
        // The first entry of the queue is not that of the number's count.
        numbers.count(9, 11 * HOUR, true);
        assert_eq!([7, 8, 9].map(|digits| numbers.get(digits).is_some()), [true, false, true]);
        numbers.expire(34 * HOUR - 1);
        assert!(numbers.get(7).is_some());
        numbers.expire(34 * HOUR);
        assert!(numbers.get(7).is_none());
    }

    #[test]
    fn a_number_is_remembered_for_a_day_after_its_last_send() {
        let mut numbers = Numbers::new(64);
        numbers.count(7, 0, true);
        numbers.count(7, 23 * HOUR, true);
        numbers.expire(24 * HOUR);
        assert!(hundredths(&numbers, 7, 24 * HOUR) > 100);
        numbers.expire(47 * HOUR - 1);
        assert!(numbers.get(7).is_some());
        numbers.expire(47 * HOUR);
        assert_eq!((numbers.get(7).is_some(), numbers.queued()), (false, 0));
    }

    #[test]
    fn of_two_counts_that_are_put_back_the_younger_lasts_for_its_day() {
        let count = |at| NumberCount { sends: 1.0, sessions: 1, failed: 0, at };
        let mut numbers = Numbers::new(64);
        for at in [2 * HOUR, HOUR, 5 * HOUR] {
            numbers.restore(7, count(at));
        }
        numbers.expire(29 * HOUR - 1);
        assert_eq!(numbers.get(7).map(|count| count.at), Some(5 * HOUR));
        numbers.expire(29 * HOUR);
        assert_eq!((numbers.get(7).is_some(), numbers.queued()), (false, 0));
    }
}
