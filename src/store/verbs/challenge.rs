//! A challenge at rest: one code mostly, two at the most, and the attempts that are left.

use constant_time_eq::constant_time_eq_32;

#[cfg(feature = "redb")]
use crate::base::codec::Reader;
#[cfg(any(feature = "redb", feature = "testing", test))]
use crate::base::codec::Writer;
use crate::base::id::RequestId;
use crate::base::mac::Tag;
use crate::base::time::Timestamp;
use crate::store::{ChallengeState, ChallengeWrite, Verdict};

use super::Moment;

/// A code's digest and until when it is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Code {
    digest: Tag,
    expires: Timestamp,
}

/// The codes of a challenge that can still be accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Codes {
    /// A void code has expired at the epoch.
    newest: Code,
    previous: Option<Box<Code>>,
    /// When the newest code that was ever kept expires, void or not.
    expires: Timestamp,
}

/// A challenge. Of the million that a store in memory holds, what a sweep asks for is at hand and the
/// rest apart, since a table has room for more than it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct Challenge {
    closes: Timestamp,
    course: Box<Course>,
}

/// What became of a challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Course {
    opened: Timestamp,
    /// The latest attempt that was compared; meaningful if `used > 0`.
    seen: RequestId,
    attempts: u32,
    used: u32,
    /// None once one of them was accepted: most of what a store holds, and it needs no digest.
    codes: Option<Box<Codes>>,
}

impl Code {
    const VOID: Self = Self { digest: [0; 32], expires: Timestamp::from_millis(0) };
}

impl Codes {
    fn each(&self) -> impl Iterator<Item = &Code> {
        std::iter::once(&self.newest).chain(self.previous.as_deref())
    }
}

impl Challenge {
    /// What `write` opens, if it opens anything.
    pub(super) fn opened(write: &ChallengeWrite, now: Timestamp) -> Option<Self> {
        let ChallengeWrite::Open { digest, expires, closes, attempts, .. } = write else {
            return None;
        };
        let newest = Code { digest: *digest, expires: *expires };
        let course = Course {
            opened: now,
            seen: RequestId::default(),
            attempts: *attempts,
            used: 0,
            codes: Some(Box::new(Codes { newest, previous: None, expires: *expires })),
        };
        Some(Self { closes: *closes, course: Box::new(course) })
    }

    /// When it closes, and can be dropped after the grace.
    pub(in crate::store) fn closes(&self) -> Timestamp {
        self.closes
    }

    /// One that was opened beyond the horizon is none: its codes would be good for as long as the
    /// clock led that dated them.
    pub(super) fn is_open(&self, at: Moment) -> bool {
        at.now < self.closes && self.course.opened <= at.horizon
    }

    pub(super) fn can_be_renewed(&self, at: Moment) -> bool {
        self.is_open(at) && self.course.codes.is_some() && self.left() > 0
    }

    pub(super) fn renew(&mut self, digest: Tag, expires: Timestamp, keep_previous: bool) {
        let Some(codes) = self.course.codes.as_mut() else { return };
        let current = std::mem::replace(&mut codes.newest, Code { digest, expires });
        // The same code once more is no other code, and the one before it is still the one before.
        let earlier = match constant_time_eq_32(&digest, &current.digest) {
            true => codes.previous.take(),
            false => (current != Code::VOID).then(|| Box::new(current)),
        };
        codes.previous = earlier.filter(|_| keep_previous);
        codes.expires = expires;
    }

    /// Forgets the code with this digest; if it was the newest, the one before is then the newest.
    pub(super) fn void(&mut self, digest: &Tag) {
        let Some(codes) = self.course.codes.as_mut() else { return };
        let is = |code: &Code| constant_time_eq_32(digest, &code.digest);
        let previous = codes.previous.take().filter(|code| !is(code));
        if is(&codes.newest) {
            codes.newest = previous.map_or(Code::VOID, |previous| *previous);
        } else {
            codes.previous = previous;
        }
    }

    /// The answer to a repetition of the latest attempt.
    pub(super) fn repeated(&self, id: RequestId, at: Moment) -> Option<Verdict> {
        (self.is_open(at) && self.course.used > 0 && self.course.seen == id).then(|| self.answer())
    }

    /// Why no attempt can be made, if none can.
    pub(super) fn dead(&self, at: Moment) -> Option<Verdict> {
        if !self.is_open(at) {
            return Some(Verdict::Unknown);
        }
        let Some(codes) = &self.course.codes else { return Some(Verdict::Consumed) };
        if self.left() == 0 {
            Some(Verdict::Locked)
        } else if codes.each().all(|code| at.now >= code.expires) {
            Some(Verdict::Expired)
        } else {
            None
        }
    }

    /// Counts an attempt, compares, consumes. Every code is compared with every digest, so that
    /// the time tells nothing.
    pub(super) fn attempt(&mut self, id: RequestId, digests: &[Tag], now: Timestamp) -> Verdict {
        self.course.used = self.course.used.saturating_add(1);
        self.course.seen = id;
        let codes = self.course.codes.iter().flat_map(|codes| codes.each());
        let right = codes.fold(false, |right, code| {
            digests.iter().fold(right, |right, digest| {
                right | (constant_time_eq_32(digest, &code.digest) & (now < code.expires))
            })
        });
        if right {
            self.course.codes = None;
        }
        self.answer()
    }

    pub(super) fn state(&self, at: Moment) -> ChallengeState {
        if !self.is_open(at) {
            return ChallengeState::Unknown;
        }
        match &self.course.codes {
            None => ChallengeState::Consumed,
            Some(_) if self.left() == 0 => ChallengeState::Locked,
            Some(codes) => ChallengeState::Live {
                left: self.left(),
                expires: codes.expires,
                closes: self.closes,
            },
        }
    }

    /// Appends the byte form to `bytes`.
    #[cfg(any(feature = "redb", feature = "testing", test))]
    pub(in crate::store) fn write(&self, bytes: &mut Vec<u8>) {
        let mut writer = Writer::new()
            .u8(self
                .course
                .codes
                .as_ref()
                .map_or(0, |codes| if codes.previous.is_some() { 2 } else { 1 }))
            .time(self.closes)
            .time(self.course.opened)
            .u32(self.course.attempts)
            .u32(self.course.used)
            .raw(self.course.seen.as_bytes());
        if let Some(codes) = &self.course.codes {
            let code = |writer: Writer, code: &Code| writer.raw(&code.digest).time(code.expires);
            writer = codes.each().fold(writer.time(codes.expires), code);
        }
        bytes.extend(writer.finish());
    }

    /// The challenge behind `bytes`; `None` if they are no challenge's.
    #[cfg(feature = "redb")]
    pub(in crate::store) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let number = reader.u8().filter(|number| *number <= 2)?;
        let (closes, opened) = (reader.time()?, reader.time()?);
        let (attempts, used) = (reader.u32()?, reader.u32()?);
        let seen = RequestId::from_bytes(reader.array()?);
        let codes = if number == 0 {
            None
        } else {
            let expires = reader.time()?;
            let mut code = || Some(Code { digest: reader.array()?, expires: reader.time()? });
            let newest = code()?;
            let previous = if number == 2 { Some(Box::new(code()?)) } else { None };
            Some(Box::new(Codes { newest, previous, expires }))
        };
        let course = Course { opened, seen, attempts, used, codes };
        reader.end(Self { closes, course: Box::new(course) })
    }

    fn answer(&self) -> Verdict {
        if self.course.codes.is_none() {
            Verdict::Accepted { attempts: self.course.used, opened: self.course.opened }
        } else {
            Verdict::Mismatch { left: self.left() }
        }
    }

    fn left(&self) -> u32 {
        self.course.attempts.saturating_sub(self.course.used)
    }
}
