//! [`Kept`]: the counts, the evidence against places and the notices that a feed keeps.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::base::time::Timestamp;
use crate::pumping::NodeId;
use crate::telemetry::label;

use super::tally::{REASONS, Ring, Slot, Tally};

/// Minutes kept: three hours, the length of a night's alarm.
pub(super) const MINUTES: usize = 180;
/// Hours kept: three days, so that today stands beside yesterday.
pub(super) const HOURS: usize = 72;
/// Places whose evidence is kept.
pub(super) const PLACES: usize = 64;
/// Readings kept of each place: one a minute for three hours.
pub(super) const READINGS: usize = 180;
/// Things that happened that are kept.
pub(super) const NOTICES: usize = 48;
/// A reading that is so much later than another was taken under a clock that led.
const AHEAD: Duration = Duration::from_secs(300);
/// The longest text of a notice, in bytes.
pub(super) const NOTICE: usize = 280;

/// The evidence against a place, over time.
#[derive(Default)]
pub(super) struct Course {
    pub(super) readings: VecDeque<(Timestamp, f32)>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) at: Timestamp,
    pub(super) urgent: bool,
    pub(super) words: String,
    /// How often the same was said in a row.
    pub(super) times: u32,
}

/// All that is kept of a realm.
pub(super) struct Kept {
    pub(super) minutes: Ring,
    pub(super) hours: Ring,
    pub(super) places: BTreeMap<u64, Course>,
    pub(super) notices: VecDeque<Notice>,
    /// The newest step-up's time and reason.
    pub(super) asked: Option<(Timestamp, String)>,
    pub(super) since: Option<Timestamp>,
}

impl Kept {
    pub(super) fn new() -> Self {
        Self {
            minutes: Ring::new(MINUTES, 60_000),
            hours: Ring::new(HOURS, 3_600_000),
            places: BTreeMap::new(),
            notices: VecDeque::new(),
            asked: None,
            since: None,
        }
    }

    pub(super) fn count(&mut self, of: Tally, at: Timestamp) {
        self.change(at, |slot| slot.count(of));
    }

    pub(super) fn reason(
        &mut self,
        word: &str,
        at: Timestamp,
        of: impl Fn(&mut Slot) -> &mut [u32; REASONS],
    ) {
        let place = label::REASONS.iter().position(|known| *known == word);
        self.change(at, |slot| {
            if let Some(count) = place.and_then(|place| of(slot).get_mut(place)) {
                *count = count.saturating_add(1);
            }
        });
    }

    pub(super) fn change(&mut self, at: Timestamp, change: impl Fn(&mut Slot)) {
        self.minutes.slot(at).into_iter().for_each(&change);
        self.hours.slot(at).into_iter().for_each(&change);
    }

    /// Takes a reading. What is dated ahead of it would take the place of all that is to come.
    pub(super) fn read(&mut self, node: NodeId, at: Timestamp, evidence: f32) {
        let name = node.to_bits();
        let is_ahead = |(later, _): &(Timestamp, f32)| *later > at + AHEAD;
        self.places.retain(|_, course| {
            while course.readings.back().is_some_and(is_ahead) {
                course.readings.pop_back();
            }
            !course.readings.is_empty()
        });
        if !self.places.contains_key(&name) && self.places.len() >= PLACES {
            // The one that was quiet longest makes room.
            let last = |course: &Course| course.readings.back().map(|(at, _)| *at);
            let oldest = self.places.iter().min_by_key(|(_, course)| last(course));
            if let Some(oldest) = oldest.map(|(name, _)| *name) {
                self.places.remove(&oldest);
            }
        }
        let course = self.places.entry(name).or_default();
        match course.readings.back_mut() {
            // One a minute: the later one of the same minute counts.
            Some((before, value)) if before.as_millis() / 60_000 >= at.as_millis() / 60_000 => {
                *value = evidence;
            }
            _ => {
                if course.readings.len() >= READINGS {
                    course.readings.pop_front();
                }
                course.readings.push_back((at, evidence));
            }
        }
    }

    pub(super) fn notice(&mut self, at: Timestamp, urgent: bool, words: String) {
        let words = shortened(words);
        if let Some(last) = self.notices.back_mut().filter(|last| last.words == words) {
            (last.at, last.times) = (at, last.times.saturating_add(1));
            return;
        }
        if self.notices.len() >= NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(Notice { at, urgent, words, times: 1 });
    }
}

/// At most [`NOTICE`] bytes of it, and a sign where something is left out.
pub(super) fn shortened(mut words: String) -> String {
    const LEFT_OUT: &str = "…";
    if words.len() > NOTICE {
        let mut end = NOTICE.saturating_sub(LEFT_OUT.len());
        while !words.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        words.truncate(end);
        words.push_str(LEFT_OUT);
    }
    words.shrink_to_fit();
    words
}
