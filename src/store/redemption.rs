//! [`Redemption`]: one attempt at a code.

use std::time::Duration;

use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};

use super::admission::{Charge, Exchange, Mark, News, Observation};
use super::{ClockCheck, Home};

/// What [`Store::redeem`](super::Store::redeem) decides on.
///
/// A repeat of the identifier under which the challenge was last compared (`Accepted` or
/// `Mismatch`) is answered as before, ahead of every check, and changes nothing; the store remembers
/// that one identifier for each challenge. Other answers are decided afresh when repeated.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// Identifies this call; repeated only when an acknowledgement was lost.
    pub id: RequestId,
    /// The gate's time.
    pub now: Timestamp,
    /// How far `now` may be from the store's own clock.
    pub clock: ClockCheck,
    /// The tenant.
    pub realm: Pseudonym,
    /// Whom it is about: that of the admission that opened the challenge.
    pub home: Home,
    /// The challenge's name.
    pub challenge: Pseudonym,
    /// The submitted code's digest, once for each key it may have been made under. Empty for a
    /// code that is malformed: it matches nothing and is charged all the same.
    pub digests: Vec<Tag>,
    /// Paid whatever the challenge: the client's attempts.
    pub charges: Vec<Charge>,
    /// Paid only if the challenge is live: the subject's consecutive failures.
    pub subject_charges: Vec<Charge>,
    /// Meters that an accepted code resets.
    pub reset: Vec<MeterKey>,
    /// What an accepted code gives back: evidence and money that proved honest.
    pub credits: Vec<Credit>,
    /// Notes that an accepted code makes. A store whose room is bounded and spent leaves out a note on
    /// a subject that it would have to add, and accepts the code.
    pub marks: Vec<Mark>,
    /// What is counted whatever the answer.
    pub observe: Vec<Observation>,
    /// What is counted only if the code is not accepted.
    pub observe_failure: Vec<Observation>,
    /// News to leave for, and to fetch from, the other gates of the realm.
    pub exchange: Option<Exchange>,
}

impl Redemption {
    /// An attempt at a code of nobody's that matches nothing yet and charges nothing but itself.
    #[must_use]
    pub fn new(id: RequestId, now: Timestamp, realm: Pseudonym, challenge: Pseudonym) -> Self {
        Self {
            id,
            now,
            clock: ClockCheck::default(),
            realm,
            home: Home::NOBODY,
            challenge,
            digests: Vec::new(),
            charges: Vec::new(),
            subject_charges: Vec::new(),
            reset: Vec::new(),
            credits: Vec::new(),
            marks: Vec::new(),
            observe: Vec::new(),
            observe_failure: Vec::new(),
            exchange: None,
        }
    }
}

/// An amount that an accepted code gives back to a meter. For `Window`, `Spacing`, `Ladder` and
/// `Failures` it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credit {
    /// The meter.
    pub key: MeterKey,
    /// The rule it was charged under.
    pub limit: Limit,
    /// How much.
    pub amount: u64,
}

/// The answer to a redemption.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Redeemed {
    /// What became of the attempt.
    pub verdict: Verdict,
    /// For each of `observe`, then each of `observe_failure`, the count in its window afterwards;
    /// one that was not counted this time reads as it stands.
    pub observed: Vec<u64>,
    /// The journal, if an exchange was asked for.
    pub news: News,
}

/// What became of an attempt at a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// The code was right and is now used up.
    Accepted {
        /// Attempts it took, this one included.
        attempts: u32,
        /// When the challenge was opened.
        opened: Timestamp,
    },
    /// The code was wrong.
    Mismatch {
        /// Attempts left; at 0 the challenge is locked.
        left: u32,
    },
    /// No attempts were left.
    Locked,
    /// Every code of the challenge was past its expiry.
    Expired,
    /// The code was accepted before.
    Consumed,
    /// There is no such challenge.
    Unknown,
    /// A charge did not fit; nothing was charged and nothing was compared.
    Exhausted {
        /// Which: an index into `charges`, then on into `subject_charges`.
        index: usize,
        /// When it would fit if nothing else happens.
        retry_after: Duration,
    },
}
