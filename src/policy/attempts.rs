//! Wrong guesses per number and per client.

use std::time::Duration;

use crate::base::time::millis;
use crate::error::ConfigError;
use crate::limit::Limit;

use super::quota::Evidence;

/// Consecutive failures of one number in one lane, over all codes, purposes and channels; or of one
/// account's authenticator.
///
/// Each failure doubles the wait before the next attempt, so the share outlasts a siege of days,
/// and an owner waits days, not weeks. These are the pauses of the lane that anyone can use:
///
/// ```
/// use std::time::Duration;
/// use otpgate::limit::{Limit, Meter};
/// use otpgate::{Policy, Timestamp};
///
/// let lane = Policy::default().attempts.open;
/// assert_eq!((lane.pause_after, lane.max), (6, 20));
/// # let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap();
/// # let (pause_ms, longest_ms, forget_ms) = (ms(lane.pause), ms(lane.longest), ms(lane.forget));
/// # let (max, pause_after) = (lane.max, lane.pause_after);
/// # let limit = Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms };
/// let (mut meter, mut now) = (Meter::fresh(&limit), Timestamp::from_millis(0));
/// let mut waits = Vec::new();
/// for _ in 0..lane.max {
///     let wait = meter.wait(&limit, now, 1).unwrap_or_default();
///     waits.push(wait.as_secs());
///     now = now + wait;
///     meter.charge(&limit, now, 1).unwrap();
/// }
/// assert_eq!(waits[..6], [0; 6]);
/// assert_eq!(waits[6..13], [30, 60, 120, 240, 480, 960, 1_920]);
/// assert_eq!(waits[13..], [3_840, 7_680, 15_360, 30_720, 61_440, 122_880, 245_760]); // to 68 h
/// assert_eq!(waits.iter().sum::<u64>() / 3_600, 136); // five days and a half until it is shut
/// assert_eq!(meter.wait(&limit, now, 1), Some(lane.forget)); // or until a success
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct FailurePolicy {
    /// Failures until the lane is shut: until a success, or for `forget`. Default: 20, see
    /// [`AttemptPolicy`].
    pub max: u64,
    /// The number of failures from which each attempt must wait. Default: 6, one more than a
    /// verification has.
    pub pause_after: u64,
    /// The first pause; it doubles with each further failure. Default: 30 seconds (NIST §3.2.2).
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub pause: Duration,
    /// The longest pause. Default: 3 days, so that with 20 failures the last pause is 68 hours and
    /// a siege must last five days and a half to shut the lane. Because pauses double, an owner waits
    /// no longer than the siege has lasted. NIST §3.2.2 names 30 seconds to an hour as an example,
    /// and no upper bound.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub longest: Duration,
    /// After this long without a counted attempt, the count starts afresh: a day or longer, or a patient
    /// attacker has the whole share again. Default: 31 days; 90 days for the authenticator. A success in any lane, or an operator's
    /// [`forgive`](crate::Controls::forgive), resets it at once.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub forget: Duration,
}

impl FailurePolicy {
    /// A fifth of NIST's hundred.
    const SHARE: Self = Self {
        max: 20,
        pause_after: 6,
        pause: Duration::from_secs(30),
        longest: Duration::from_secs(3 * 86_400),
        forget: Duration::from_secs(31 * 86_400),
    };

    pub(crate) fn limit(&self) -> Limit {
        Limit::Failures {
            max: self.max,
            pause_after: self.pause_after,
            pause_ms: millis(self.pause),
            longest_ms: millis(self.longest),
            forget_ms: millis(self.forget),
        }
    }
}

/// Rules against guessing.
///
/// A new code must not give new guesses (NIST SP 800-63B-4 §3.1.3.2), and one subscriber account
/// may have at most 100 consecutive failures over all its authenticators (§3.2.2). Anyone can fail
/// on anyone's number, so the 100 are split by what a client has proved: nobody can use up a share
/// that takes more proof than they have.
///
/// ```
/// use otpgate::Policy;
///
/// let mut policy = Policy::default();
/// let rules = &policy.attempts;
/// let shares = [rules.open, rules.checked, rules.proven, rules.caller, rules.authenticator];
/// assert_eq!(shares.iter().map(|share| share.max).sum::<u64>(), 100);
///
/// policy.attempts.proven.max = 21;
/// assert!(policy.check().unwrap_err().to_string().contains("NIST SP 800-63B-4 §3.2.2"));
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct AttemptPolicy {
    /// Anyone. Default: 20.
    pub open: FailurePolicy,
    /// Clients that passed a human check. Default: 20.
    pub checked: FailurePolicy,
    /// Clients that prove a device that verified the number before. Default: 20.
    pub proven: FailurePolicy,
    /// Verifications that your own service asked for, with a caller's key. Default: 20.
    pub caller: FailurePolicy,
    /// The account's authenticator app (feature `totp`), which [`GateBuilder::policy`] alone
    /// decides. Its share of the hundred is reserved even if you do not use it. Default: 20,
    /// forgotten after 90 days.
    ///
    /// [`GateBuilder::policy`]: crate::GateBuilder::policy
    pub authenticator: FailurePolicy,
    /// Attempts of one session at one network, as a leaky bucket that an accepted code empties by
    /// one. Default: 60, one forgotten a minute; an hour of a session's texts has room for 50 wrong
    /// codes. Codes without a genuine grant fill a separate bucket of the same size for their
    /// network, which refuses only more of them. `soft` is not used here.
    pub client: Evidence,
    /// Failures per hour in the realm that raise the guess-spraying alarm; `u64::MAX` for no alarm.
    /// Default: 1 000.
    pub spray_alarm: u64,
}

impl Default for AttemptPolicy {
    fn default() -> Self {
        Self {
            open: FailurePolicy::SHARE,
            checked: FailurePolicy::SHARE,
            proven: FailurePolicy::SHARE,
            caller: FailurePolicy::SHARE,
            authenticator: FailurePolicy {
                forget: Duration::from_secs(90 * 86_400),
                ..FailurePolicy::SHARE
            },
            client: Evidence { soft: 60, hard: 60, drain: Duration::from_secs(60) },
            spray_alarm: 1_000,
        }
    }
}

type Share = fn(&AttemptPolicy) -> &FailurePolicy;

impl AttemptPolicy {
    /// Consecutive failures of one account, over everything that can authenticate it (NIST
    /// SP 800-63B-4 §3.2.2).
    pub(super) const MOST: u64 = 100;

    /// The least time after which failures are forgotten without a success.
    const FORGET: Duration = Duration::from_secs(86_400);

    /// What the hundred are split into.
    pub(super) const SHARES: [(&'static str, Share); 5] = [
        ("attempts.open", |attempts| &attempts.open),
        ("attempts.checked", |attempts| &attempts.checked),
        ("attempts.proven", |attempts| &attempts.proven),
        ("attempts.caller", |attempts| &attempts.caller),
        ("attempts.authenticator", |attempts| &attempts.authenticator),
    ];

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let shares = Self::SHARES.map(|(field, share)| (field, share(self)));
        let total = shares.iter().fold(0_u64, |sum, (_, share)| sum.saturating_add(share.max));
        if total > Self::MOST {
            return Err(ConfigError::rule(
                "attempts",
                total,
                "open + checked + proven + caller + authenticator at most 100 consecutive failures \
                 (NIST SP 800-63B-4 §3.2.2)",
            ));
        }
        for (field, lane) in shares {
            if lane.max == 0 || lane.pause_after == 0 || lane.pause_after > lane.max {
                return Err(ConfigError::rule(
                    field,
                    format!("{} / {}", lane.max, lane.pause_after),
                    "max ≥ 1 and 1 ≤ pause_after ≤ max",
                ));
            }
            let forgotten_early = lane.forget < lane.longest || lane.forget < Self::FORGET;
            if lane.longest < lane.pause || forgotten_early {
                return Err(ConfigError::rule(
                    field,
                    format!("{:?} / {:?} / {:?}", lane.pause, lane.longest, lane.forget),
                    "pause ≤ longest ≤ forget, and forget ≥ 1 day: each time it has passed the share can \
                     be guessed away anew",
                ));
            }
        }
        if self.spray_alarm == 0 {
            return Err(ConfigError::rule(
                "attempts.spray_alarm",
                0,
                "at least 1 failure an hour; u64::MAX for no alarm",
            ));
        }
        if self.client.hard == 0 || !self.client.is_kept_exactly() {
            return Err(ConfigError::rule(
                "attempts.client",
                format!("{} / {:?}", self.client.hard, self.client.drain),
                "hard ≥ 1, drain 1 ms to 31 days, and hard × drain at most 270 000 years",
            ));
        }
        Ok(())
    }
}
