//! A challenge at rest: one code mostly, two at the most, and the attempts that are left.

use constant_time_eq::constant_time_eq_32;

use crate::base::codec::{Reader, Writer};
use crate::base::id::RequestId;
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::store::{ChallengeState, ChallengeWrite, Verdict};

/// A code's digest and until when it is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Code {
    digest: Tag,
    expires: Timestamp,
}

/// A challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct Challenge {
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

impl Challenge {
    /// What `write` opens, if it opens anything.
    pub(super) fn opened(write: &ChallengeWrite, now: Timestamp) -> Option<Self> {
        let ChallengeWrite::Open { digest, expires, closes, attempts, .. } = write else {
            return None;
        };
        Some(Self {
            newest: Code { digest: *digest, expires: *expires },
            previous: None,
            expires: *expires,
            opened: now,
            closes: *closes,
            attempts: *attempts,
            used: 0,
            seen: RequestId::default(),
            consumed: false,
        })
    }

    /// When it closes, and can be dropped after the grace.
    pub(in crate::store) fn closes(&self) -> Timestamp {
        self.closes
    }

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

    /// Appends the byte form to `bytes`.
    pub(in crate::store) fn write(&self, bytes: &mut Vec<u8>) {
        let code = |writer: Writer, code: &Code| writer.raw(&code.digest).time(code.expires);
        let flags = u8::from(self.consumed) | u8::from(self.previous.is_some()) << 1;
        let writer = Writer::new()
            .u8(flags)
            .time(self.closes)
            .time(self.opened)
            .time(self.expires)
            .u32(self.attempts)
            .u32(self.used)
            .raw(self.seen.as_bytes());
        let writer = self.codes().fold(writer, code);
        bytes.extend(writer.finish());
    }

    /// The challenge behind `bytes`; `None` if they are no challenge's.
    pub(in crate::store) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let flags = reader.u8().filter(|flags| *flags < 4)?;
        let (closes, opened, expires) = (reader.time()?, reader.time()?, reader.time()?);
        let (attempts, used) = (reader.u32()?, reader.u32()?);
        let seen = RequestId::from_bytes(reader.array()?);
        let mut code = || Some(Code { digest: reader.array()?, expires: reader.time()? });
        let newest = code()?;
        let previous = if flags & 2 == 0 { None } else { Some(Box::new(code()?)) };
        let consumed = flags & 1 == 1;
        let challenge =
            Self { newest, previous, expires, opened, closes, attempts, used, seen, consumed };
        reader.end(challenge)
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
