//! Events on their way to the other gates, and which of theirs were already absorbed.

use std::collections::VecDeque;
use std::time::Duration;

use super::sighting::{EVENT_BYTES, Sighting, SightingKind};

/// Events kept for the other gates while none are taken.
const OUTBOX: usize = 4_096;
/// Events told at a time: 2.5 kB. A call is not to cost more because others came before it.
const TOLD: usize = 64;
/// Gates remembered.
const PEERS: usize = 256;
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

/// Outbox and inbox state.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    gate: u64,
    next: u64,
    outbox: VecDeque<[u8; EVENT_BYTES]>,
    seen: VecDeque<(u64, u64)>,
    shared: bool,
}

impl Journal {
    pub(super) fn new(gate: u64) -> Self {
        Self { gate, next: 0, outbox: VecDeque::new(), seen: VecDeque::new(), shared: false }
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
        self.outbox.capacity().saturating_mul(EVENT_BYTES)
    }

    fn has_seen(&self, gate: u64) -> u64 {
        self.seen.iter().find(|(g, _)| *g == gate).map_or(0, |(_, next)| *next)
    }

    /// How far each gate's events were heard, this one's own included.
    pub(super) fn heard(&self) -> Vec<(u64, u64)> {
        self.seen.iter().copied().chain([(self.gate, self.next)]).filter(|(_, n)| *n > 0).collect()
    }

    /// How far a gate's events were heard.
    pub(super) fn saw(&mut self, gate: u64, next: u64) {
        if gate == self.gate {
            // restored under the same name: the others have heard so many of its events already
            self.next = self.next.max(next);
            return;
        }
        if let Some(entry) = self.seen.iter_mut().find(|(g, _)| *g == gate) {
            entry.1 = entry.1.max(next);
        } else {
            if self.seen.len() >= PEERS {
                self.seen.pop_front();
            }
            self.seen.push_back((gate, next));
        }
    }

    /// Keeps events for other gates from now on.
    pub(super) fn share(&mut self) {
        self.shared = true;
    }

    /// Takes the oldest events from the outbox, as [`Entry::read`] reads them; empty without any.
    pub(super) fn drain(&mut self) -> Vec<u8> {
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

    /// Those of another gate's events that are new here; none are in an entry of this gate's own.
    pub(super) fn unheard<'a>(
        &self,
        entry: &'a Entry,
    ) -> impl Iterator<Item = &'a Sighting> + use<'a> {
        let seen = self.has_seen(entry.gate);
        let is_own = entry.gate == self.gate;
        let events = entry.events.iter().zip(entry.first..);
        events.filter(move |(_, n)| !is_own && *n >= seen).map(|(event, _)| event)
    }

    /// All of an entry was heard.
    pub(super) fn heard_all(&mut self, entry: &Entry) {
        if entry.gate != self.gate {
            self.saw(entry.gate, entry.first.saturating_add(entry.events.len() as u64));
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
