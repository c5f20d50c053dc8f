//! The records of [`Sessions`](super::sessions::Sessions), and their names.

use super::evidence::NullIndex;
use super::home::is_from_home;
use super::level::Subject;
use super::path::{Path, is_clients, only};
use super::table::mix;
use super::tuning::Tuning;

/// A session is over after half an hour.
pub(super) const SESSION_MS: u64 = 30 * 60_000;

/// One (number, purpose) from its first send until it is forgotten, or what its client believes to be
/// one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) key: u64,
    pub(super) subject: Subject,
    pub(super) path: Path,
    /// The places of the path that count it, one bit each.
    pub(super) counted: u16,
    pub(super) null: NullIndex,
    pub(super) country: u16,
    /// Stages of evidence already applied; some may have been passed over.
    pub(super) stage: u8,
    /// Weight with which they were applied.
    pub(super) weight: (f32, f32),
    pub(super) sent_at: u64,
    pub(super) generation: u32,
    pub(super) live: bool,
    pub(super) known: bool,
    pub(super) verified: bool,
    pub(super) undelivered: bool,
    /// Member of the outage control group.
    pub(super) control: bool,
    /// No text of it went out, and its client believes that one did.
    pub(super) unsent: bool,
    /// The place of the block under suspicion that it counts for: see `together`.
    pub(super) suspected: u8,
}

impl Session {
    /// The nodes that count it.
    pub(super) fn nodes(&self) -> Path {
        only(&self.path, self.counted)
    }

    /// How much of its evidence counts at a place. The client's side sees neither whether a text went
    /// out nor whether it arrived, so there all of it counts. Where an operator is down it is people at
    /// home whose texts are lost; of those from afar, numbers that nobody holds look the same.
    pub(super) fn share_at(&self, place: usize, tuning: &Tuning, unsent_weight: f32) -> f32 {
        match (self.unsent, self.undelivered) {
            _ if is_clients(place) => 1.0,
            (true, _) => unsent_weight,
            (false, true) if is_from_home(&self.path) => tuning.undelivered_weight,
            (false, _) => 1.0,
        }
    }
}

/// One step-up that was asked and not yet answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenStepUp {
    pub(super) subject: Subject,
    pub(super) asked_at: u64,
    /// The places of the path that counted it, one bit each: the path may be another by the time it
    /// is answered.
    pub(super) places: u16,
    /// Whether the number counted as known then.
    pub(super) known: bool,
    pub(super) stage: u8,
    pub(super) generation: u32,
}

/// When a session last passed a step-up, and was last verified or reported as not delivered without being
/// known here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    pub(super) passed: u64,
    pub(super) verified: u64,
    pub(super) undelivered: u64,
}

/// Name of a session.
pub(super) fn session_key(subject: &Subject) -> u64 {
    mix(subject.digits ^ (u64::from(subject.purpose) << 56))
}

/// Name of the same session as its client believes it to be open while no text of it went out.
pub(super) fn withheld_key(key: u64) -> u64 {
    mix(!key)
}
