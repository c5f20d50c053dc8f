//! [`Ring`]: counts by the minute or the hour, in a bounded memory.

use crate::base::time::Timestamp;
use crate::telemetry::label;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(super) enum Tally {
    Tickets,
    Sent,
    Accepted,
    Rejected,
    Refused,
    Withheld,
    WouldRefuse,
    StepUps,
    Unconfirmed,
    NotAccepted,
    NumberRefused,
    Delivered,
    Undelivered,
    Outages,
}

const TALLIES: usize = Tally::Outages as usize + 1;
pub(super) const REASONS: usize = label::REASONS.len();

/// The counts of a minute or an hour.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Which minute or hour since 1970.
    index: u64,
    tallies: [u32; TALLIES],
    /// Refusals and withheld texts, by the kind of reason.
    pub(super) reasons: [u32; REASONS],
    /// Step-ups, by the kind of reason.
    pub(super) asked: [u32; REASONS],
    pub(super) spent: u64,
}

impl Slot {
    const EMPTY: Self = Self {
        index: u64::MAX,
        tallies: [0; TALLIES],
        reasons: [0; REASONS],
        asked: [0; REASONS],
        spent: 0,
    };

    pub(super) fn tally(&self, of: Tally) -> u64 {
        u64::from(self.tallies.get(of as usize).copied().unwrap_or(0))
    }

    pub(super) fn count(&mut self, of: Tally) {
        if let Some(count) = self.tallies.get_mut(of as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// A ring of slots; an index has one place.
pub(super) struct Ring {
    slots: Vec<Slot>,
    millis: u64,
}

impl Ring {
    pub(super) fn new(slots: usize, millis: u64) -> Self {
        Self { slots: vec![Slot::EMPTY; slots], millis }
    }

    fn index(&self, at: Timestamp) -> u64 {
        at.as_millis().checked_div(self.millis).unwrap_or(0)
    }

    /// The slot of a time; `None` if its place was given to a later one. One that is more than a round later
    /// was counted under a clock that led: nothing comes so late.
    pub(super) fn slot(&mut self, at: Timestamp) -> Option<&mut Slot> {
        let index = self.index(at);
        let length = u64::try_from(self.slots.len()).unwrap_or(1);
        let place = usize::try_from(index.checked_rem(length)?).ok()?;
        let slot = self.slots.get_mut(place)?;
        if slot.index != index {
            let ahead = if slot.index == u64::MAX { 0 } else { slot.index.saturating_sub(index) };
            if ahead > 0 && ahead <= length {
                return None;
            }
            *slot = Slot { index, ..Slot::EMPTY };
        }
        Some(slot)
    }

    /// How many slots it has.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slots of the last `count` spans up to `now`, the oldest first; empty ones where nothing was.
    pub(super) fn last(&self, count: usize, now: Timestamp) -> Vec<Slot> {
        let newest = self.index(now);
        let length = u64::try_from(self.slots.len()).unwrap_or(1);
        let count = u64::try_from(count.min(self.slots.len())).unwrap_or(0);
        (0..count)
            .rev()
            .map(|back| {
                let index = newest.saturating_sub(back);
                let place = index.checked_rem(length).and_then(|place| usize::try_from(place).ok());
                let slot = place.and_then(|place| self.slots.get(place));
                slot.filter(|slot| slot.index == index).copied().unwrap_or(Slot::EMPTY)
            })
            .collect()
    }
}
