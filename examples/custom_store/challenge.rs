//! A challenge: up to two codes, and the attempts that are left.

use constant_time_eq::constant_time_eq_32;
use otpgate::store::{ChallengeState, ChallengeWrite, Verdict, VoidCode};
use otpgate::{RequestId, Timestamp};

use crate::sheet::Moment;

#[derive(Clone, Debug)]
pub struct Challenge {
    /// Digest and expiry; the newest last.
    codes: Vec<([u8; 32], Timestamp)>,
    expires: Timestamp,
    opened: Timestamp,
    pub closes: Timestamp,
    attempts: u32,
    used: u32,
    consumed: bool,
    latest: Option<(RequestId, Verdict)>,
}

impl Challenge {
    /// Whether `write` may be made on what is there.
    pub fn takes(held: Option<&Self>, write: &ChallengeWrite, at: Moment) -> bool {
        let open = held.filter(|held| held.is_open(at));
        match write {
            ChallengeWrite::Open { .. } => open.is_none(),
            ChallengeWrite::Renew { .. } => {
                open.is_some_and(|held| !held.consumed && held.used < held.attempts)
            }
        }
    }

    /// One that was opened under a wrong clock is none: its code would live as long as that led.
    fn is_open(&self, at: Moment) -> bool {
        at.now < self.closes && self.opened <= at.horizon
    }

    /// What is there after `write`.
    pub fn written(held: Option<&Self>, write: &ChallengeWrite, now: Timestamp) -> Option<Self> {
        match write {
            ChallengeWrite::Open { digest, expires, closes, attempts, .. } => Some(Self {
                codes: vec![(*digest, *expires)],
                expires: *expires,
                opened: now,
                closes: *closes,
                attempts: *attempts,
                used: 0,
                consumed: false,
                latest: None,
            }),
            ChallengeWrite::Renew { digest, expires, keep_previous, .. } => {
                let mut renewed = held?.clone();
                // The same code once more takes its own place.
                renewed.codes.pop_if(|newest| newest.0 == *digest);
                let keep = usize::from(*keep_previous).min(renewed.codes.len());
                renewed.codes.drain(..renewed.codes.len() - keep);
                renewed.codes.push((*digest, *expires));
                renewed.expires = *expires;
                Some(renewed)
            }
        }
    }

    /// The answer to a repeated attempt, or why none can be made.
    pub fn settled(&self, id: RequestId, at: Moment) -> (Option<Verdict>, Option<Verdict>) {
        if !self.is_open(at) {
            return (None, Some(Verdict::Unknown));
        }
        let repeated = self.latest.filter(|(latest, _)| *latest == id).map(|(_, verdict)| verdict);
        let dead = if self.consumed {
            Some(Verdict::Consumed)
        } else if self.used >= self.attempts {
            Some(Verdict::Locked)
        } else if self.codes.iter().all(|(_, expires)| at.now >= *expires) {
            Some(Verdict::Expired)
        } else {
            None
        };
        (repeated, dead)
    }

    /// Counts the attempt, and only then compares: every digest with every code, in constant time.
    pub fn attempt(&mut self, id: RequestId, digests: &[[u8; 32]], now: Timestamp) -> Verdict {
        self.used += 1;
        let mut right = false;
        for (code, expires) in &self.codes {
            for digest in digests {
                right |= constant_time_eq_32(code, digest) & (now < *expires);
            }
        }
        self.consumed = right;
        let verdict = if right {
            Verdict::Accepted { attempts: self.used, opened: self.opened }
        } else {
            Verdict::Mismatch { left: self.attempts - self.used }
        };
        self.latest = Some((id, verdict));
        verdict
    }

    pub fn void(&mut self, code: &VoidCode) {
        self.codes.retain(|(digest, _)| *digest != code.digest);
    }

    pub fn state(&self, at: Moment) -> ChallengeState {
        if !self.is_open(at) {
            ChallengeState::Unknown
        } else if self.consumed {
            ChallengeState::Consumed
        } else if self.used >= self.attempts {
            ChallengeState::Locked
        } else {
            let left = self.attempts - self.used;
            ChallengeState::Live { left, expires: self.expires, closes: self.closes }
        }
    }
}
