//! What a clock that led has dated ahead comes back when it is right again.
//!
//! Requests are judged here before the store is asked for its clock, so a process whose clock leads by
//! a year dates blocks, sessions and counts a year ahead. Nothing would fade or end until then. Each
//! time stored is taken back so far that it is over within its own span.

use super::detector::Detector;
use super::journal::AHEAD;
use super::node::{DAY, Node, State, day_of};
use super::tuning::Tuning;
use crate::base::time::{Timestamp, millis};

impl Detector {
    /// Takes back what is dated further ahead of `now` than gates' clocks may differ; whether anything
    /// was. `now` must be the clock's own reading, not that of a request under way: the detector is
    /// told of requests late, and lateness is no clock that was set back.
    pub(crate) fn heal(&mut self, now: Timestamp) -> bool {
        let now = now.as_millis();
        let ahead = self.now > now.saturating_add(millis(AHEAD));
        if ahead {
            self.take_back(now);
        }
        ahead
    }

    /// As [`heal`](Self::heal) for a memory that was read back, of which parts may be dated ahead.
    pub(super) fn heal_memory(&mut self, now: u64) {
        let latest = now.saturating_add(millis(AHEAD));
        if self.now > latest || self.tree.iter().any(|(_, node)| node.at > latest) {
            self.take_back(now);
        }
    }

    fn take_back(&mut self, now: u64) {
        self.now = self.now.min(now);
        self.born = self.born.min(now.max(1));
        self.tree.take_back(now);
        self.memory.take_back(now);
        self.operator.take_back(now);
        self.together.take_back(now);
        self.sessions.take_back(now);
    }
}

impl Node {
    /// A block that began ahead begins now and lasts as long as it was to last.
    pub(super) fn take_back(&mut self, now: u64, tuning: &Tuning) {
        let (_, longest) = tuning.block_range;
        let lasts = self.until.saturating_sub(self.since).min((longest * 1_000.0) as u64);
        self.since = self.since.min(now);
        let refuses = self.state == State::Refusing;
        let until = if refuses { self.since.saturating_add(lasts) } else { now };
        self.until = self.until.min(until);
        let hold = (tuning.share_hold * 1_000.0) as u64;
        self.share_until = self.share_until.min(now.saturating_add(hold));
        self.at = self.at.min(now.max(1));
        self.last_attempt = self.last_attempt.min(now);
        self.day = self.day.min(day_of(now));
        self.warm = self.warm.min(u32::try_from(now / (DAY / 24)).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::session::session_key;
    use super::*;
    use crate::pumping::{ClientNet, Judgement, Sighting, SightingKind, Subject};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn subject(digits: u64) -> Subject {
        Subject {
            region: *b"UZ",
            digits,
            known: false,
            purpose: 1,
            price_microusd: 141_100,
            client: ClientNet::of("203.0.113.7".parse().unwrap()),
        }
    }

    /// Bots ask for numbers of one block, and answer nothing, until they are refused.
    fn attacked(at: Timestamp) -> Detector {
        let mut detector = Detector::new(1);
        for n in 0..600_u32 {
            let now = at + Duration::from_secs(2) * n;
            let subject = subject(998_901_230_000 + u64::from(n) * 7 % 1_000);
            let assessment = detector.assess(now, &subject, true);
            detector.observe(Sighting::after(now, &subject, &assessment));
        }
        detector
    }

    fn is_refused(detector: &mut Detector, now: Timestamp) -> bool {
        let verdict = detector.assess(now, &subject(998_901_230_555), true).verdict;
        matches!(verdict, Judgement::Refuse { .. })
    }

    /// Twelve hours is the longest that a block lasts.
    const LONGEST: Duration = Duration::from_secs(12 * 3_600 + 1_200);

    #[test]
    fn a_block_of_a_clock_that_led_ends_within_its_own_span() {
        let mut detector = attacked(NOW + YEAR);
        assert!(is_refused(&mut detector, NOW + YEAR + Duration::from_secs(1_201)));
        let mut left_alone = detector.clone();
        assert!(detector.heal(NOW), "it was ahead");
        assert!(!detector.heal(NOW), "once");
        assert!(is_refused(&mut detector, NOW), "and is not let go at once");
        assert!(!is_refused(&mut detector, NOW + LONGEST));
        assert!(is_refused(&mut left_alone, NOW + LONGEST), "what this is for");
    }

    #[test]
    fn nothing_that_is_stored_stays_dated_ahead() {
        let mut detector = attacked(NOW + YEAR);
        let withheld = subject(998_907_770_000);
        detector.observe(Sighting::of(NOW + YEAR, SightingKind::Withheld, &withheld));
        detector.heal(NOW);
        let most = NOW.as_millis() + 86_400_000;
        let key = session_key(&withheld);
        assert!(detector.sessions.withheld_since(key, NOW.as_millis()).is_some());
        assert!(detector.now <= NOW.as_millis() && detector.born <= NOW.as_millis());
        for (_, node) in detector.tree.iter() {
            assert!(node.at <= most && node.until <= most && node.share_until <= most);
            assert!(node.last_attempt <= most && node.day <= day_of(NOW.as_millis()));
        }
        assert!(detector.sessions.latest() <= most);
        assert!(detector.operator.said_at().all(|at| at <= most));
        assert!(detector.memory.countries().iter().all(|country| country.control_at <= most));
    }

    #[test]
    fn sessions_ripen_and_alerts_are_raised_again_afterwards() {
        let mut detector = attacked(NOW + YEAR);
        detector.take_alerts();
        detector.heal(NOW);
        let later = NOW + Duration::from_secs(86_400);
        detector.advance(later.as_millis());
        let all = detector.sessions.all();
        assert!(all.iter().all(|session| !session.live), "all are over within a day");
        let mut alerts = 0;
        for n in 0..600_u32 {
            let now = later + Duration::from_secs(2) * n;
            let subject = subject(998_905_550_000 + u64::from(n));
            let assessment = detector.assess(now, &subject, true);
            detector.observe(Sighting::after(now, &subject, &assessment));
            alerts += detector.take_alerts().len();
        }
        assert!(alerts > 0, "an attack on the next day is announced");
    }

    #[test]
    fn a_clock_that_is_right_heals_nothing() {
        let mut detector = attacked(NOW);
        let end = NOW + Duration::from_secs(1_198);
        let before = detector.snapshot();
        assert!(!detector.heal(end.before(AHEAD)));
        assert_eq!(detector.snapshot(), before);
        detector.observe(Sighting::of(end, SightingKind::Sent, &subject(998_901_239_999)));
        assert!(!detector.heal(end));
    }
}
