//! [`Admission`]: everything that one send must pass and pay, in one message to the store.

use std::time::Duration;

use crate::base::id::{Pseudonym, RequestId};
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::limit::{Limit, MeterKey};

use super::{ClockCheck, Home};

/// What [`Store::admit`](super::Store::admit) decides on.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Identifies this call; repeated only when an acknowledgement was lost.
    pub id: RequestId,
    /// The gate's time.
    pub now: Timestamp,
    /// How far `now` may be from the store's own clock.
    pub clock: ClockCheck,
    /// The tenant; every key below belongs to it and never meets another realm's.
    pub realm: Pseudonym,
    /// Whom it is about.
    pub home: Home,
    /// Until when a granted admission is remembered under `id`, for repeats and for settling.
    pub remember: Timestamp,
    /// Documents whose version the decision rests on.
    pub guards: Vec<Guard>,
    /// What may be used once: the front-end token, a caller's request, an authenticator step.
    pub nonces: Vec<Nonce>,
    /// What must be paid, checked in this order. The same meter may stand more than once; the later
    /// charge then finds what the earlier one would leave, and one that does not fit leaves its
    /// meter as it is.
    pub charges: Vec<Charge>,
    /// What is counted whatever the answer.
    pub observe: Vec<Observation>,
    /// The code to keep.
    pub challenge: Option<ChallengeWrite>,
    /// Documents to write if everything passes.
    pub documents: Vec<DocumentWrite>,
    /// News to leave for, and to fetch from, the other gates of the realm.
    pub exchange: Option<Exchange>,
}

impl Admission {
    /// An admission about nobody that checks and charges nothing yet.
    #[must_use]
    pub fn new(id: RequestId, now: Timestamp, realm: Pseudonym, remember: Timestamp) -> Self {
        Self {
            id,
            now,
            clock: ClockCheck::default(),
            realm,
            home: Home::NOBODY,
            remember,
            guards: Vec::new(),
            nonces: Vec::new(),
            charges: Vec::new(),
            observe: Vec::new(),
            challenge: None,
            documents: Vec::new(),
            exchange: None,
        }
    }
}

/// A cost on a meter, judged by a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// The meter.
    pub key: MeterKey,
    /// The rule.
    pub limit: Limit,
    /// How much: one for a message, millionths of a dollar for money.
    pub cost: u64,
    /// If this mark is live at `now`, the charge is neither checked nor charged.
    pub waiver: Option<MeterKey>,
    /// How many units must be free beside `cost`. [`limit`](Self::limit) is lower by as many, so a store that
    /// keeps a limit in one piece need not look here. One that keeps it in several shares out the two
    /// together, or what is only asked for would fit where what is charged does not.
    pub spare: u64,
}

impl Charge {
    /// A charge that no mark waives.
    pub const fn new(key: MeterKey, limit: Limit, cost: u64) -> Self {
        Self { key, limit, cost, waiver: None, spare: 0 }
    }

    /// The same, only asked: a charge of 0 that fits exactly when this one does, where the limit counts units
    /// ([`Window`](Limit::Window), [`Budget`](Limit::Budget), [`Unverified`](Limit::Unverified)). Of the others
    /// it fits as long as no wait is in force.
    ///
    /// ```
    /// use otpgate::limit::{Limit, MeterKey, Slot};
    /// use otpgate::{Pseudonym, store::Charge};
    ///
    /// let key = MeterKey::new(Pseudonym::from_bytes([1; 16]), Slot(1));
    /// let limit = Limit::Window { max: 10, span_ms: 60_000 };
    /// let asked = Charge::new(key, limit, 3).asked();
    /// assert_eq!(asked.limit, Limit::Window { max: 7, span_ms: 60_000 });
    /// assert_eq!((asked.cost, asked.spare), (0, 3));
    /// ```
    #[must_use]
    pub fn asked(self) -> Self {
        match self.limit {
            // What is of one number alone is in one piece.
            Limit::Spacing { .. } | Limit::Ladder { .. } | Limit::Failures { .. } => {
                Self { cost: 0, ..self }
            }
            // What no limit has room for never fits, and so changes nothing either.
            limit => limit.lower(self.cost).map_or(self, |limit| Self {
                limit,
                cost: 0,
                spare: self.spare.saturating_add(self.cost),
                ..self
            }),
        }
    }
}

/// A count that limits nothing: refused traffic stays visible and refills nothing.
///
/// Kept as a [`Limit::Window`] without a maximum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// The meter.
    pub key: MeterKey,
    /// The window it is counted over.
    pub span_ms: u64,
    /// How much to add.
    pub units: u64,
}

/// Something that may be used once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nonce {
    /// Its name.
    pub key: Pseudonym,
    /// Until when it must be remembered; what it belongs to has expired by then, by the clock of every
    /// gate.
    pub expires: Timestamp,
}

/// A note on a subject that is live from one time to another, such as "this number is known".
///
/// Marking a mark that has not ended keeps the earlier `from` and the later `until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Where the note is made. No meter stands under the same key.
    pub key: MeterKey,
    /// Live from this time on.
    pub from: Timestamp,
    /// No longer live from this time on.
    pub until: Timestamp,
}

/// A document, and the version of it that a decision rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guard {
    /// The document.
    pub document: Pseudonym,
    /// Its version; 0 for a document that does not exist.
    pub version: u64,
}

/// A document to write: a list of controls, a detector snapshot. Compare-and-swap on its version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentWrite {
    /// The document.
    pub document: Pseudonym,
    /// The version it must have now; 0 for none. Afterwards it is one more.
    pub expect: u64,
    /// The new content, opaque to the store.
    pub content: Vec<u8>,
}

/// The code to keep. Two digests at most are live for one challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChallengeWrite {
    /// A new challenge with its first code. A challenge of that name must not exist.
    Open {
        /// The challenge's name.
        key: Pseudonym,
        /// The code's keyed digest.
        digest: Tag,
        /// The code is good before this time.
        expires: Timestamp,
        /// The challenge can be renewed before this time, and is remembered until then.
        closes: Timestamp,
        /// Attempts over the challenge's whole life, whatever the number of codes.
        attempts: u32,
    },
    /// Another code for a challenge that is neither consumed, locked nor closed.
    ///
    /// Attempts are carried over. With `keep_previous` the newest earlier code stays good until its
    /// own expiry; without, it is void at once. The newest code's own digest once more is no other
    /// code: its expiry moves, and with `keep_previous` the code before it stays.
    Renew {
        /// The challenge's name.
        key: Pseudonym,
        /// The new code's keyed digest.
        digest: Tag,
        /// The new code is good before this time.
        expires: Timestamp,
        /// Whether the code in flight stays good.
        keep_previous: bool,
    },
}

/// An append to the realm's journal, and where to read on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// The journal.
    pub journal: Pseudonym,
    /// The entry to append; nothing is appended if it is empty.
    pub append: Vec<u8>,
    /// Entries after this sequence number are wanted; 0 for all that are kept.
    pub after: u64,
}

/// What the journal holds: entries in order, younger than [`JOURNAL_LIFE`](super::JOURNAL_LIFE).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// Entries after the one asked for, the caller's own included, each with its sequence number.
    pub entries: Vec<(u64, Vec<u8>)>,
    /// The sequence number of the newest entry the journal ever had.
    pub latest: u64,
}

/// The answer to an admission.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Admitted {
    /// Everything was charged.
    Granted {
        /// For each charge the meter's count after the whole admission; a waived charge reads 0.
        counts: Vec<u64>,
        /// By how many of its costs a count of a [common](super::Home) meter moves at once: 1. A store
        /// that is spread tells estimates: as many as it has parts in the one that watches for the
        /// others, and 0 in those others. So whoever looks for a count that passes a mark between
        /// `count - step * cost` and `count` sees it once.
        step: u64,
        /// For each observation the count in its window afterwards.
        observed: Vec<u64>,
        /// The journal, if an exchange was asked for.
        news: News,
    },
    /// A charge did not fit; nothing was charged.
    Exhausted {
        /// Which: of those that do not fit, the one with the longest wait.
        index: usize,
        /// When it would fit if nothing else happens.
        retry_after: Duration,
        /// For each charge the meter's count as it stands; a waived charge reads 0.
        counts: Vec<u64>,
        /// For each observation the count in its window afterwards.
        observed: Vec<u64>,
        /// The journal, if an exchange was asked for.
        news: News,
    },
    /// A nonce was used before; nothing was charged.
    NonceSpent {
        /// Which.
        index: usize,
    },
    /// The challenge to renew does not exist, or is consumed, locked or closed; or the one to open
    /// exists. Nothing was charged.
    ChallengeGone,
    /// A document has another version than the guard or write at hand says; nothing was charged.
    Stale {
        /// The document.
        document: Pseudonym,
        /// The version it has.
        version: u64,
    },
}

impl Admitted {
    /// The journal, where the answer has it.
    pub(crate) const fn news(&mut self) -> Option<&mut News> {
        match self {
            Self::Granted { news, .. } | Self::Exhausted { news, .. } => Some(news),
            Self::NonceSpent { .. } | Self::ChallengeGone | Self::Stale { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limit::{Meter, Slot};

    /// Small limits of the kinds that are counted in units, with values that make no sense.
    fn units() -> impl Strategy<Value = Limit> {
        (0..3_u8, 0..5_u64, 0..3_000_u64).prop_map(|(kind, max, span_ms)| match kind {
            0 => Limit::Window { max, span_ms },
            1 => Limit::Budget { max, span_ms },
            _ => Limit::Unverified { max, drain_ms: span_ms },
        })
    }

    proptest! {
        /// Whatever a larger limit has put into the meter.
        #[test]
        fn what_is_asked_fits_when_the_charge_would(
            limit in units(),
            cost in 0..5_u64,
            more in 0..4_u64,
            steps in prop::collection::vec((0..2_000_u64, 1..4_u64), 0..20),
        ) {
            let (mut meter, mut now) = (Meter::fresh(&limit), Timestamp::from_millis(1_000_000));
            for (later, units) in steps {
                now = now + std::time::Duration::from_millis(later);
                let _ = meter.charge(&limit.raise(more), now, units);
            }
            let key = MeterKey::new(Pseudonym::from_bytes([1; 16]), Slot(1));
            let asked = Charge::new(key, limit, cost).asked();
            for later in [0, 1, 100, 2_000] {
                let now = now + std::time::Duration::from_millis(later);
                let waits = (meter.wait(&limit, now, cost), meter.wait(&asked.limit, now, asked.cost));
                prop_assert_eq!(waits.0, waits.1, "{:?} as {:?}", limit, asked);
            }
        }
    }
}
