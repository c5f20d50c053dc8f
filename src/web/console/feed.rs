//! [`ConsoleFeed`]: what this process has seen of a realm lately, in a bounded memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Realm;
use crate::event::{Event, EventKind, Observer};
use crate::outcome::Snapshot;
use crate::pumping::NodeId;
use crate::telemetry::label;

use super::kept::{HOURS, Kept, MINUTES, Notice, shortened};
use super::tally::{REASONS, Slot, Tally};

/// What the console shows over time: an [`Observer`] that counts a realm's events by the minute for three
/// hours and by the hour for three days, and keeps the evidence of at most 64 places and the last 48
/// things that happened. About 350 kB at most, whatever the traffic. No client's number, code or address:
/// what operators change is kept in the words of the event, with the networks and prefixes that they
/// entered, their reasons, and numbers masked to the calling code and the last two digits.
///
/// It knows what this process has seen since it started. What holds for all gates on a store comes from
/// [`Gate::snapshot`](crate::Gate::snapshot).
///
/// ```
/// # use otpgate::Realm;
/// # use otpgate::web::console::ConsoleFeed;
/// let feed = ConsoleFeed::of(&Realm::default());
/// # let told = feed.clone();
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(told), async |shop| {
/// // `Gate::builder().observer(feed.clone())`, beside those that you have
/// # shop.issued().await;
/// assert!(feed.bytes() < 400_000);
/// # Ok(())
/// # });
/// ```
#[derive(Clone)]
pub struct ConsoleFeed(Arc<Shared>);

struct Shared {
    realm: Box<str>,
    kept: Mutex<Kept>,
}

/// The spans that the console shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Window {
    /// An hour, by the minute.
    Hour,
    /// Three hours, by the minute.
    Night,
    /// Three days, by the hour.
    Days,
}

impl ConsoleFeed {
    /// A feed of `realm`; events of others are not counted. Give it to the gate as an observer,
    /// and to the [`Console`](super::Console).
    #[must_use]
    pub fn of(realm: &Realm) -> Self {
        Self(Arc::new(Shared { realm: realm.as_str().into(), kept: Mutex::new(Kept::new()) }))
    }

    /// How much it holds, in bytes.
    pub fn bytes(&self) -> usize {
        let kept = self.kept();
        let slots = kept.minutes.len().saturating_add(kept.hours.len());
        let readings: usize = kept.places.values().map(|course| course.readings.capacity()).sum();
        let words: usize = kept.notices.iter().map(|notice| notice.words.capacity()).sum();
        slots
            .saturating_mul(size_of::<Slot>())
            .saturating_add(readings.saturating_mul(size_of::<(Timestamp, f32)>()))
            .saturating_add(kept.notices.capacity().saturating_mul(size_of::<Notice>()))
            .saturating_add(words)
            .saturating_add(kept.asked.as_ref().map_or(0, |(_, words)| words.capacity()))
    }

    pub(super) fn realm(&self) -> &str {
        &self.0.realm
    }

    /// Takes a reading of the evidence against every place that the detector acts on.
    pub(super) fn sample(&self, snapshot: &Snapshot) {
        let mut kept = self.kept();
        for place in &snapshot.blocks {
            kept.read(place.node, snapshot.at, super::words::evidence(place));
        }
    }

    /// One tally over a window, the oldest span first.
    pub(super) fn course(&self, of: Tally, window: Window, now: Timestamp) -> Vec<u64> {
        self.slots(window, now).iter().map(|slot| slot.tally(of)).collect()
    }

    /// The sum of a tally over a window.
    pub(super) fn sum(&self, of: Tally, window: Window, now: Timestamp) -> u64 {
        self.course(of, window, now).iter().sum()
    }

    /// What was spent in a window.
    pub(super) fn spent(&self, window: Window, now: Timestamp) -> Money {
        let spent = self.slots(window, now).iter().map(|slot| slot.spent).sum();
        Money::microdollars(spent)
    }

    /// Refusals and withheld texts of a window by the kind of reason, the most first.
    pub(super) fn reasons(&self, window: Window, now: Timestamp) -> Vec<(&'static str, u64)> {
        self.by_reason(window, now, |slot| &slot.reasons)
    }

    /// Step-ups of a window by the kind of reason, the most first.
    pub(super) fn asked(&self, window: Window, now: Timestamp) -> Vec<(&'static str, u64)> {
        self.by_reason(window, now, |slot| &slot.asked)
    }

    /// Why somebody was asked last, if that was in the last hour.
    pub(super) fn asked_last(&self, now: Timestamp) -> Option<String> {
        let asked = self.kept().asked.clone();
        let recent = |at: Timestamp| now.as_millis().abs_diff(at.as_millis()) < 3_600_000;
        asked.filter(|(at, _)| recent(*at)).map(|(_, words)| words)
    }

    fn by_reason(
        &self,
        window: Window,
        now: Timestamp,
        of: impl Fn(&Slot) -> &[u32; REASONS],
    ) -> Vec<(&'static str, u64)> {
        let slots = self.slots(window, now);
        let count = |place: usize| -> u64 {
            slots.iter().map(|slot| u64::from(of(slot).get(place).copied().unwrap_or(0))).sum()
        };
        let all = label::REASONS.iter().enumerate().map(|(place, word)| (*word, count(place)));
        let mut reasons: Vec<_> = all.filter(|(_, count)| *count > 0).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// The readings of a place's evidence, the oldest first.
    pub(super) fn evidence(&self, node: NodeId) -> Vec<(Timestamp, f32)> {
        let kept = self.kept();
        let course = kept.places.get(&node.to_bits());
        course.map(|course| course.readings.iter().copied().collect()).unwrap_or_default()
    }

    /// What happened, the newest first.
    pub(super) fn notices(&self) -> Vec<Notice> {
        self.kept().notices.iter().rev().cloned().collect()
    }

    /// When the first event came; the earliest, where the clock was set back.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.kept().since
    }

    fn slots(&self, window: Window, now: Timestamp) -> Vec<Slot> {
        let kept = self.kept();
        match window {
            Window::Hour => kept.minutes.last(60, now),
            Window::Night => kept.minutes.last(MINUTES, now),
            Window::Days => kept.hours.last(HOURS, now),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for ConsoleFeed {
    fn observe(&self, event: &Event) {
        if *event.realm != *self.0.realm {
            return;
        }
        let at = event.at;
        let mut kept = self.kept();
        kept.since = Some(kept.since.map_or(at, |since| since.min(at)));
        match &event.kind {
            EventKind::TicketIssued => kept.count(Tally::Tickets, at),
            EventKind::Sent { price, confirmed, .. } => {
                kept.count(Tally::Sent, at);
                let price = price.as_microdollars();
                kept.change(at, |slot| slot.spent = slot.spent.saturating_add(price));
                if !confirmed {
                    kept.count(Tally::Unconfirmed, at);
                }
            }
            EventKind::NotSent { refused, .. } => {
                kept.count(if *refused { Tally::NumberRefused } else { Tally::NotAccepted }, at);
            }
            EventKind::Accepted { .. } => kept.count(Tally::Accepted, at),
            EventKind::Rejected { .. } => kept.count(Tally::Rejected, at),
            EventKind::Refused { reason } => {
                kept.count(Tally::Refused, at);
                kept.reason(label::reason_word(reason), at, |slot| &mut slot.reasons);
            }
            EventKind::QuietlyRefused { reason } => {
                kept.count(Tally::Withheld, at);
                kept.reason(label::reason_word(reason), at, |slot| &mut slot.reasons);
            }
            EventKind::WouldRefuse { .. } => kept.count(Tally::WouldRefuse, at),
            EventKind::StepUpAsked { reason } => {
                kept.count(Tally::StepUps, at);
                kept.reason(label::reason_word(reason), at, |slot| &mut slot.asked);
                kept.asked = Some((at, shortened(reason.to_string())));
            }
            EventKind::Receipt { delivered, .. } => {
                kept.count(if *delivered { Tally::Delivered } else { Tally::Undelivered }, at);
            }
            EventKind::Outage { part, what } => {
                kept.count(Tally::Outages, at);
                kept.notice(at, true, format!("Outage ({}): {what}", label::part(*part)));
            }
            EventKind::Pumping { alert } => {
                kept.read(alert.node, at, alert.evidence);
                kept.notice(at, super::words::is_urgent(alert.kind), format!("Detector: {alert}"));
            }
            EventKind::BudgetTier { scope, percent, .. } => {
                let whose = super::words::whose(*scope, event);
                kept.notice(at, *percent == 100, format!("{whose}: {percent} percent are used"));
            }
            EventKind::GuessSpraying { failures } => {
                let words = format!("Guess spraying: {failures} wrong codes in an hour");
                kept.notice(at, true, words);
            }
            EventKind::TestNumberUsed { id, step, .. } => {
                let step = label::test_use(*step);
                kept.notice(at, true, format!("Test number of entry {id} used: {step}"));
            }
            EventKind::ControlsChanged { actor, change } => {
                kept.notice(at, false, format!("{actor}: {change}"));
            }
            _ => {}
        }
    }
}

impl fmt::Debug for ConsoleFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleFeed").field("realm", &self.0.realm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{LimitName, RefusalReason};
    use crate::pumping::{Alert, AlertKind, BlockLevel};
    use crate::web::console::kept::{NOTICE, NOTICES, PLACES, READINGS};

    const NOON: u64 = 1_795_348_800_000;

    fn event(at: u64, kind: EventKind) -> Event {
        Event {
            at: Timestamp::from_millis(at),
            realm: Realm::default().as_str().into(),
            purpose: None,
            region: None,
            number: None,
            text: None,
            kind,
        }
    }

    fn feed() -> ConsoleFeed {
        ConsoleFeed::of(&Realm::default())
    }

    fn refused() -> EventKind {
        EventKind::Refused { reason: RefusalReason::SmsOff }
    }

    #[test]
    fn counts_stand_in_their_minute_and_go_after_three_hours() {
        let feed = feed();
        for minute in 0..400_u64 {
            for _ in 0..=minute % 3 {
                feed.observe(&event(NOON + minute * 60_000, refused()));
            }
        }
        let now = Timestamp::from_millis(NOON + 399 * 60_000);
        let night = feed.course(Tally::Refused, Window::Night, now);
        let expected: Vec<u64> = (220..400).map(|minute| minute % 3 + 1).collect();
        assert_eq!(night, expected);
        let sum = |window| feed.sum(Tally::Refused, window, now);
        assert_eq!(sum(Window::Hour), expected[120..].iter().sum::<u64>());
        assert_eq!(feed.reasons(Window::Hour, now), [("sms_off", 120)]);
        assert_eq!(sum(Window::Days), (0..400_u64).map(|minute| minute % 3 + 1).sum::<u64>());
        // Two days later the minutes are empty, and the hours still there.
        let later = Timestamp::from_millis(NOON + 2 * 86_400_000);
        assert_eq!(feed.sum(Tally::Refused, Window::Night, later), 0);
        assert!(feed.sum(Tally::Refused, Window::Days, later) > 0);
    }

    #[test]
    fn a_straggler_does_not_fall_into_a_later_minute() {
        let feed = feed();
        feed.observe(&event(NOON + 180 * 60_000, refused()));
        feed.observe(&event(NOON, refused())); // the same place in the ring
        let now = Timestamp::from_millis(NOON + 180 * 60_000);
        assert_eq!(feed.course(Tally::Refused, Window::Night, now).last(), Some(&1));
        assert_eq!(feed.sum(Tally::Refused, Window::Night, now), 1);
    }

    #[test]
    fn a_clock_that_led_leaves_no_hole() {
        let feed = feed();
        let (led, node) = (NOON + 365 * 86_400_000, NodeId::pool(BlockLevel::Cold));
        let alert = |at_ms: u64, node: NodeId, evidence: f32| {
            let alert = Alert { at_ms, kind: AlertKind::BlockBegun, node, network: None, evidence };
            event(at_ms, EventKind::Pumping { alert })
        };
        for minute in 0..400_u64 {
            feed.observe(&event(led + minute * 60_000, refused()));
        }
        feed.observe(&event(led, EventKind::StepUpAsked { reason: RefusalReason::SmsOff }));
        for place in 0..PLACES as u64 {
            let block = NodeId::block(BlockLevel::TenThousand, 998_941_230_000 + place * 10_000);
            feed.observe(&alert(led, block, 7.0));
        }
        feed.observe(&alert(led, node, 7.0));
        for minute in 0..180_u64 {
            feed.observe(&event(NOON + minute * 60_000, refused()));
            feed.observe(&alert(NOON + minute * 60_000, node, minute as f32));
        }
        let now = Timestamp::from_millis(NOON + 179 * 60_000);
        assert_eq!(feed.course(Tally::Refused, Window::Night, now), [1; 180]);
        assert_eq!(feed.sum(Tally::Refused, Window::Days, now), 180);
        assert_eq!(feed.since(), Some(Timestamp::from_millis(NOON)));
        assert_eq!(feed.asked_last(now), None);
        let evidence: Vec<f32> = feed.evidence(node).iter().map(|(_, value)| *value).collect();
        assert_eq!(evidence, (0..180_u16).map(f32::from).collect::<Vec<_>>());
        assert_eq!(feed.kept().places.len(), 1, "what was read of the others was of another year");
    }

    #[test]
    fn whatever_comes_it_stays_within_its_bytes() {
        let feed = feed();
        for index in 0..5_000_u64 {
            let node = NodeId::block(BlockLevel::TenThousand, 998_941_230_000 + index * 10_000);
            let at_ms = NOON + index * 61_000;
            let alert =
                Alert { at_ms, kind: AlertKind::BlockBegun, node, network: None, evidence: 7.0 };
            feed.observe(&event(at_ms, EventKind::Pumping { alert }));
            let again = Alert { at_ms: at_ms + 1, node: NodeId::pool(BlockLevel::Cold), ..alert };
            feed.observe(&event(at_ms + 1, EventKind::Pumping { alert: again }));
            let (actor, change) = (format!("actor {index}"), "ß".repeat(1_000));
            feed.observe(&event(at_ms, EventKind::ControlsChanged { actor, change }));
        }
        assert!(feed.bytes() < 400_000, "{}", feed.bytes());
        assert_eq!(feed.notices().len(), NOTICES);
        assert!(feed.notices().iter().all(|notice| notice.words.len() <= NOTICE));
        assert_eq!(feed.kept().places.len(), PLACES);
        // The place that is always spoken of was never the quietest.
        assert_eq!(feed.evidence(NodeId::pool(BlockLevel::Cold)).len(), READINGS);
    }

    #[test]
    fn step_ups_are_counted_by_their_reason_and_the_last_one_is_kept_for_an_hour() {
        let feed = feed();
        for (minute, reason) in [
            (0, RefusalReason::Pumping("one".to_owned())),
            (70, RefusalReason::Pumping("ß".repeat(NOTICE))),
            (71, RefusalReason::Limit(LimitName::Client)),
            (72, RefusalReason::Pumping("the last".to_owned())),
        ] {
            feed.observe(&event(NOON + minute * 60_000, EventKind::StepUpAsked { reason }));
        }
        let at = |minutes: u64| Timestamp::from_millis(NOON + minutes * 60_000);
        assert_eq!(feed.asked(Window::Hour, at(75)), [("pumping", 2), ("limit", 1)]);
        assert_eq!(feed.asked(Window::Night, at(75)), [("pumping", 3), ("limit", 1)]);
        assert_eq!(feed.reasons(Window::Night, at(75)), [], "nobody was refused");
        assert_eq!(feed.asked_last(at(131)).unwrap(), "pumping: the last");
        assert_eq!(feed.asked_last(at(132)), None);
        let endless = RefusalReason::Pumping("ß".repeat(5_000));
        feed.observe(&event(NOON + 80 * 60_000, EventKind::StepUpAsked { reason: endless }));
        let words = feed.asked_last(at(80)).unwrap();
        assert!(words.len() <= NOTICE && words.ends_with("ß…"), "{words}");
    }

    #[test]
    fn another_realm_s_events_are_not_its_own() {
        let feed = feed();
        let mut other = event(NOON, refused());
        other.realm = "tenant-8".into();
        feed.observe(&other);
        assert_eq!(feed.sum(Tally::Refused, Window::Hour, Timestamp::from_millis(NOON)), 0);
        assert_eq!(feed.since(), None);
    }
}
