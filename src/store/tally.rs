//! [`TallyQuery`]: reading without charging, for screens, operators and gates that start.

use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};

use super::admission::News;
use super::{ClockCheck, Home};

/// What [`Store::tally`](super::Store::tally) reads. Answers stand in the order of the questions.
#[derive(Clone, Debug)]
pub struct TallyQuery {
    /// The gate's time.
    pub now: Timestamp,
    /// How far `now` may be from the store's own clock.
    pub clock: ClockCheck,
    /// The tenant.
    pub realm: Pseudonym,
    /// Whose own the marks and challenges are, and which of the meters.
    pub home: Home,
    /// Meters to read.
    pub meters: Vec<MeterQuery>,
    /// Marks to read.
    pub marks: Vec<MeterKey>,
    /// Challenges to read.
    pub challenges: Vec<Pseudonym>,
    /// Documents to read.
    pub documents: Vec<Pseudonym>,
    /// A journal to read, and the sequence number to read after.
    pub journal: Option<(Pseudonym, u64)>,
}

impl TallyQuery {
    /// A query about nobody that asks for nothing yet.
    #[must_use]
    pub fn new(now: Timestamp, realm: Pseudonym) -> Self {
        Self {
            now,
            clock: ClockCheck::default(),
            realm,
            home: Home::NOBODY,
            meters: Vec::new(),
            marks: Vec::new(),
            challenges: Vec::new(),
            documents: Vec::new(),
            journal: None,
        }
    }
}

/// A meter to read, judged by a limit as if `cost` were to be charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeterQuery {
    /// The meter.
    pub key: MeterKey,
    /// The rule.
    pub limit: Limit,
    /// The cost to try; 0 to read the count alone.
    pub cost: u64,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tallies {
    /// Meters.
    pub meters: Vec<Reading>,
    /// Marks: from when until when, if they have not ended.
    pub marks: Vec<Option<(Timestamp, Timestamp)>>,
    /// Challenges.
    pub challenges: Vec<ChallengeState>,
    /// Documents.
    pub documents: Vec<Document>,
    /// The journal.
    pub news: News,
}

/// A meter as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// The count, in the limit's unit.
    pub count: u64,
    /// How long until the asked-for cost would fit; zero if it fits now.
    pub retry_after: Duration,
}

/// A challenge as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChallengeState {
    /// A code can be entered or sent again.
    Live {
        /// Attempts left.
        left: u32,
        /// When the newest code expires; it may have done so.
        expires: Timestamp,
        /// When the challenge closes.
        closes: Timestamp,
    },
    /// No attempts are left.
    Locked,
    /// Its code was accepted.
    Consumed,
    /// It does not exist or has closed.
    Unknown,
}

/// A document as it stands; version 0 and empty if it does not exist.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Document {
    /// Its version.
    pub version: u64,
    /// Its content.
    pub content: Vec<u8>,
}
