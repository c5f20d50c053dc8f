//! Events on their way to the other gates, and which of theirs were already absorbed.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::sighting::{EVENT_BYTES, Sighting, SightingKind};

/// Events kept for the other gates while none are taken.
const OUTBOX: usize = 4_096;
/// Events told at a time: 2.5 kB. A call is not to cost more because others came before it.
const TOLD: usize = 64;
/// Gates remembered.
const PEERS: usize = 256;
/// Gaps remembered of each: far more than calls overtake one another.
const GAPS: usize = 64;
/// Clock difference between gates that is tolerated; events further ahead are dropped.
pub(super) const AHEAD: Duration = Duration::from_secs(300);
const HEADER: usize = 21;
const VERSION: u8 = 3;
/// The first knew no withheld texts, the second did not tell them apart. Both are read.
const OLDEST: u8 = 1;

/// Why a journal entry or snapshot was not taken.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Shorter than it says, or longer.
    #[error("detector bytes are cut off or too long; discard them and start from the live journal")]
    Length,
    /// Another version wrote it.
    #[error("detector bytes have version {0}, which this build does not read; discard them")]
    Version(u8),
    /// A field holds what no writer writes.
    #[error("detector bytes are damaged; discard them and start from the live journal")]
    Damaged,
}

/// Entries at most that come back for a later call: as many events as the outbox holds.
const UNTOLD: usize = OUTBOX / TOLD;

/// Outbox and inbox state.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    gate: u64,
    next: u64,
    outbox: VecDeque<[u8; EVENT_BYTES]>,
    /// Entries that did not arrive, the oldest first.
    untold: VecDeque<Vec<u8>>,
    seen: VecDeque<Heard>,
    shared: bool,
}

impl Journal {
    pub(super) fn new(gate: u64) -> Self {
        Self {
            gate,
            next: 0,
            outbox: VecDeque::new(),
            untold: VecDeque::new(),
            seen: VecDeque::new(),
            shared: false,
        }
    }

    pub(super) fn gate(&self) -> u64 {
        self.gate
    }

    pub(super) fn push(&mut self, event: &Sighting) {
        if !self.shared {
            return;
        }
        // refusals, quiet ones too, are what a flood makes for free: when the outbox is half full
        // they stay at home
        let free = [
            SightingKind::Refused,
            SightingKind::Withheld,
            SightingKind::Knocked,
            SightingKind::Unsent,
        ];
        let is_free = free.contains(&event.kind);
        if is_free && self.outbox.len() >= OUTBOX / 2 {
            return;
        }
        if self.outbox.len() >= OUTBOX {
            self.outbox.pop_front();
        }
        self.outbox.push_back(event.to_bytes());
        self.next = self.next.saturating_add(1);
    }

    pub(super) fn bytes(&self) -> usize {
        let untold: usize = self.untold.iter().map(Vec::len).sum();
        self.outbox.capacity().saturating_mul(EVENT_BYTES).saturating_add(untold)
    }

    /// How far each gate's events were heard, this one's own included.
    pub(super) fn heard(&self) -> Vec<(u64, u64)> {
        let others = self.seen.iter().map(|heard| (heard.gate, heard.next));
        others.chain([(self.gate, self.next)]).filter(|(_, n)| *n > 0).collect()
    }

    /// How far a gate's events were heard, by a snapshot that is read into a detector that heard none.
    pub(super) fn saw(&mut self, gate: u64, next: u64) {
        if gate == self.gate {
            self.next = next;
        } else if let Some(heard) = self.heard_of(gate) {
            heard.next = next;
        }
    }

    /// Goes on beside another memory: what was heard is what that one heard, no more and no less. What is to
    /// be told stays.
    pub(super) fn go_on_beside(&mut self, restored: &mut Self) {
        // restored under the same name: the others have heard so many of its events already
        self.next = self.next.max(restored.next);
        self.seen = std::mem::take(&mut restored.seen);
    }

    /// What was heard of another gate.
    fn heard_of(&mut self, gate: u64) -> Option<&mut Heard> {
        if !self.seen.iter().any(|heard| heard.gate == gate) {
            if self.seen.len() >= PEERS {
                self.seen.pop_front();
            }
            self.seen.push_back(Heard { gate, next: 0, gaps: VecDeque::new() });
        }
        self.seen.iter_mut().find(|heard| heard.gate == gate)
    }

    /// Keeps events for other gates from now on.
    pub(super) fn share(&mut self) {
        self.shared = true;
    }

    /// Takes an entry back that may not have arrived: the next call tells it once more. Whoever heard it knows
    /// it by its numbers.
    pub(super) fn untell(&mut self, entry: &[u8]) {
        let is_own = Entry::read(entry).is_ok_and(|entry| entry.gate == self.gate);
        if is_own && self.untold.len() < UNTOLD {
            self.untold.push_back(entry.to_vec());
        }
    }

    /// Takes the oldest events from the outbox, as [`Entry::read`] reads them; empty without any.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        if let Some(entry) = self.untold.pop_front() {
            return entry;
        }
        let held = self.outbox.len();
        let count = held.min(TOLD);
        if count == 0 {
            return Vec::new();
        }
        let first = self.next.saturating_sub(held as u64);
        let mut out = Vec::with_capacity(HEADER.saturating_add(count.saturating_mul(EVENT_BYTES)));
        out.push(VERSION);
        out.extend_from_slice(&self.gate.to_be_bytes());
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
        for event in self.outbox.drain(..count) {
            out.extend_from_slice(&event);
        }
        out
    }

    /// Those of another gate's events that are new here, which are heard from now on; none are in an
    /// entry of this gate's own.
    pub(super) fn hear<'a>(&mut self, entry: &'a Entry) -> Vec<&'a Sighting> {
        if entry.gate == self.gate {
            return Vec::new();
        }
        let Some(heard) = self.heard_of(entry.gate) else { return Vec::new() };
        let events = entry.events.iter().zip(entry.first..);
        let new = events.filter(|(_, n)| !heard.has(*n)).map(|(event, _)| event).collect();
        heard.note(entry.first..entry.first.saturating_add(entry.events.len() as u64));
        new
    }
}

/// Which of another gate's events were heard. It numbers them when a call takes them along, and of calls
/// that are under way at once a later one may be the first to arrive: what it skipped is still to come.
#[derive(Clone, Debug)]
struct Heard {
    gate: u64,
    /// Below this all were, but for the gaps.
    next: u64,
    /// What was skipped, the newest last.
    gaps: VecDeque<Range<u64>>,
}

impl Heard {
    fn has(&self, number: u64) -> bool {
        number < self.next && !self.gaps.iter().any(|gap| gap.contains(&number))
    }

    fn note(&mut self, numbers: Range<u64>) {
        if numbers.start < self.next {
            let left = |gap: Range<u64>| {
                let before = gap.start..gap.end.min(numbers.start);
                let after = gap.start.max(numbers.end)..gap.end;
                [before, after].into_iter().filter(|rest| !rest.is_empty())
            };
            self.gaps = self.gaps.drain(..).flat_map(left).collect();
        } else if numbers.start > self.next {
            self.gaps.push_back(self.next..numbers.start);
        }
        self.next = self.next.max(numbers.end);
        // What was skipped longest ago will not come any more.
        while self.gaps.len() > GAPS {
            self.gaps.pop_front();
        }
    }
}

/// What a gate drained.
pub(super) struct Entry {
    gate: u64,
    /// The number of its first event.
    first: u64,
    events: Vec<Sighting>,
}

impl Entry {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let (head, body) = bytes.split_first_chunk::<HEADER>().ok_or(CodecError::Length)?;
        let [version, rest @ ..] = head;
        if !(OLDEST..=VERSION).contains(version) {
            return Err(CodecError::Version(*version));
        }
        let (gate, rest) = rest.split_first_chunk::<8>().ok_or(CodecError::Length)?;
        let (first, rest) = rest.split_first_chunk::<8>().ok_or(CodecError::Length)?;
        let count = u32::from_be_bytes(rest.try_into().map_err(|_| CodecError::Length)?) as usize;
        if count > OUTBOX || body.len() != count.saturating_mul(EVENT_BYTES) {
            return Err(CodecError::Length);
        }
        let events: Option<Vec<Sighting>> =
            body.as_chunks::<EVENT_BYTES>().0.iter().map(Sighting::from_bytes).collect();
        let events = events.ok_or(CodecError::Damaged)?;
        Ok(Self { gate: u64::from_be_bytes(*gate), first: u64::from_be_bytes(*first), events })
    }
}

crate::base::sentence::debug_as_sentence!(CodecError);
