//! A challenge at rest: one code mostly, two at the most, and the attempts that are left.

use constant_time_eq::constant_time_eq_32;

use crate::base::id::RequestId;
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::store::{ChallengeState, ChallengeWrite, Verdict};

use super::table::{DropAt, Held};

/// A challenge in its table.
#[derive(Debug)]
pub(super) struct Kept {
    drop_at: DropAt,
    pub(super) challenge: Box<Challenge>,
}

/// A code's digest and until when it is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Code {
    digest: Tag,
    expires: Timestamp,
}

/// A challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Challenge {
    /// A void code has expired at the epoch.
    newest: Code,
    previous: Option<Box<Code>>,
    /// When the newest code that was ever kept expires, void or not.
    expires: Timestamp,
    opened: Timestamp,
    closes: Timestamp,
    attempts: u32,
    used: u32,
    /// The latest attempt that was compared; meaningful if `used > 0`.
    seen: RequestId,
    consumed: bool,
}

impl Kept {
    /// What `write` opens, if it opens anything.
    pub(super) fn opened(write: &ChallengeWrite, now: Timestamp) -> Option<Self> {
        let ChallengeWrite::Open { digest, expires, closes, attempts, .. } = write else {
            return None;
        };
        let challenge = Challenge {
            newest: Code { digest: *digest, expires: *expires },
            previous: None,
            expires: *expires,
            opened: now,
            closes: *closes,
            attempts: *attempts,
            used: 0,
            seen: RequestId::default(),
            consumed: false,
        };
        Some(Self { drop_at: DropAt::after(*closes), challenge: Box::new(challenge) })
    }
}

impl Challenge {
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        now < self.closes
    }

    pub(super) fn can_be_renewed(&self, now: Timestamp) -> bool {
        self.is_open(now) && !self.consumed && self.left() > 0
    }

    pub(super) fn renew(&mut self, digest: Tag, expires: Timestamp, keep_previous: bool) {
        let current = std::mem::replace(&mut self.newest, Code { digest, expires });
        let keep = keep_previous && current.expires > Timestamp::default();
        self.previous = keep.then(|| Box::new(current));
        self.expires = expires;
    }

    /// Forgets the newest code; the one before, if it was kept, is then the newest.
    pub(super) fn void(&mut self) {
        self.newest = match self.previous.take() {
            Some(previous) => *previous,
            None => Code { digest: [0; 32], expires: Timestamp::default() },
        };
    }

    /// The answer to a repetition of the latest attempt.
    pub(super) fn repeated(&self, id: RequestId, now: Timestamp) -> Option<Verdict> {
        (self.is_open(now) && self.used > 0 && self.seen == id).then(|| self.answer())
    }

    /// Why no attempt can be made, if none can.
    pub(super) fn dead(&self, now: Timestamp) -> Option<Verdict> {
        if !self.is_open(now) {
            Some(Verdict::Unknown)
        } else if self.consumed {
            Some(Verdict::Consumed)
        } else if self.left() == 0 {
            Some(Verdict::Locked)
        } else if self.codes().all(|code| now >= code.expires) {
            Some(Verdict::Expired)
        } else {
            None
        }
    }

    /// Counts an attempt, compares, consumes. Every code is compared with every digest, so that
    /// the time tells nothing.
    pub(super) fn attempt(&mut self, id: RequestId, digests: &[Tag], now: Timestamp) -> Verdict {
        self.used = self.used.saturating_add(1);
        self.seen = id;
        let right = self.codes().fold(false, |right, code| {
            digests.iter().fold(right, |right, digest| {
                right | (constant_time_eq_32(digest, &code.digest) & (now < code.expires))
            })
        });
        self.consumed |= right;
        self.answer()
    }

    pub(super) fn state(&self, now: Timestamp) -> ChallengeState {
        if !self.is_open(now) {
            ChallengeState::Unknown
        } else if self.consumed {
            ChallengeState::Consumed
        } else if self.left() == 0 {
            ChallengeState::Locked
        } else {
            let (expires, closes) = (self.expires, self.closes);
            ChallengeState::Live { left: self.left(), expires, closes }
        }
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn dump(&self, into: &mut Vec<u8>) {
        self.codes().for_each(|code| into.extend(code.digest));
        into.extend(self.seen.as_bytes());
        let times = [self.expires, self.opened, self.closes];
        times.iter().for_each(|time| into.extend(time.as_millis().to_le_bytes()));
        into.extend(self.attempts.to_le_bytes());
        into.extend(self.used.to_le_bytes());
    }

    fn answer(&self) -> Verdict {
        if self.consumed {
            Verdict::Accepted { attempts: self.used, opened: self.opened }
        } else {
            Verdict::Mismatch { left: self.left() }
        }
    }

    fn left(&self) -> u32 {
        self.attempts.saturating_sub(self.used)
    }

    fn codes(&self) -> impl Iterator<Item = &Code> {
        std::iter::once(&self.newest).chain(self.previous.as_deref())
    }
}

impl Held for Kept {
    fn drop_at(&self) -> DropAt {
        self.drop_at
    }
}
