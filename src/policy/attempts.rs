//! Wrong guesses per number and per client.

use std::time::Duration;

use crate::base::time::millis;
use crate::error::ConfigError;
use crate::limit::Limit;

use super::quota::Evidence;

/// Consecutive failures of one number in one lane, over all codes, purposes and channels.
///
/// The pauses of the lane that anyone can use:
///
/// ```
/// use std::time::Duration;
/// use otpgate::limit::{Limit, Meter};
/// use otpgate::{Policy, Timestamp};
///
/// let lane = Policy::default().attempts.open;
/// assert_eq!((lane.pause_after, lane.max), (10, 20));
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
/// assert_eq!(waits[..10], [0; 10]);
/// assert_eq!(waits[10..], [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
/// assert_eq!(meter.wait(&limit, now, 1), Some(lane.forget)); // or until a success
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct FailurePolicy {
    /// Failures until the lane is shut: until a success, or for `forget`. Default: 20 or 40, see
    /// [`AttemptPolicy`].
    pub max: u64,
    /// From how many failures on each attempt must wait. Default: half of `max`.
    pub pause_after: u64,
    /// The first pause; it doubles with each further failure. Default: 30 seconds (NIST §3.2.2).
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub pause: Duration,
    /// The longest pause. Default: 1 hour (NIST §3.2.2).
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub longest: Duration,
    /// Without any attempt for this long the count starts afresh. Default: 31 days. A success by any
    /// lane, or an operator's [`forgive`](crate::Controls::forgive), does it at once.
    #[cfg_attr(feature = "serde", serde(with = "crate::policy::text::span"))]
    pub forget: Duration,
}

impl FailurePolicy {
    const fn lane(max: u64) -> Self {
        Self {
            max,
            pause_after: max / 2,
            pause: Duration::from_secs(30),
            longest: Duration::from_secs(3_600),
            forget: Duration::from_secs(31 * 86_400),
        }
    }

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
/// A new code must not give new guesses (NIST SP 800-63B-4 §3.1.3.2), and a subscriber may have at
/// most 100 consecutive failures (§3.2.2). Since anyone can fail on anyone's number, the 100 are
/// split into three lanes: strangers use up only their own.
///
/// ```
/// use otpgate::Policy;
///
/// let mut policy = Policy::default();
/// let lanes = policy.attempts.open.max + policy.attempts.checked.max + policy.attempts.proven.max;
/// assert_eq!(lanes, 100);
///
/// policy.attempts.proven.max = 41;
/// assert!(policy.check().unwrap_err().to_string().contains("NIST SP 800-63B-4 §3.2.2"));
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct AttemptPolicy {
    /// Anyone. Default: 20, pausing 30 seconds to 1 hour from 10 on (NIST §3.2.2).
    pub open: FailurePolicy,
    /// Clients that passed a human check. Default: 40.
    pub checked: FailurePolicy,
    /// Clients that prove a device on which the number was verified before. Default: 40.
    pub proven: FailurePolicy,
    /// Failures per client network, as a leaky bucket that an accepted code empties by one.
    /// Default: 60, one forgotten a minute. `soft` is not used here.
    pub client: Evidence,
    /// Failures per hour in the realm that raise the alarm of guess spraying; `u64::MAX` for no alarm.
    /// Default: 1 000.
    pub spray_alarm: u64,
}

impl Default for AttemptPolicy {
    fn default() -> Self {
        Self {
            open: FailurePolicy::lane(20),
            checked: FailurePolicy::lane(40),
            proven: FailurePolicy::lane(40),
            client: Evidence { soft: 60, hard: 60, drain: Duration::from_secs(60) },
            spray_alarm: 1_000,
        }
    }
}

impl AttemptPolicy {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let total = self.open.max.saturating_add(self.checked.max).saturating_add(self.proven.max);
        if total > 100 {
            return Err(ConfigError::rule(
                "attempts",
                total,
                "open + checked + proven at most 100 consecutive failures (NIST SP 800-63B-4 §3.2.2)",
            ));
        }
        for (field, lane) in [
            ("attempts.open", &self.open),
            ("attempts.checked", &self.checked),
            ("attempts.proven", &self.proven),
        ] {
            if lane.max == 0 || lane.pause_after == 0 || lane.pause_after > lane.max {
                return Err(ConfigError::rule(
                    field,
                    format!("{} / {}", lane.max, lane.pause_after),
                    "max ≥ 1 and 1 ≤ pause_after ≤ max",
                ));
            }
            if lane.longest < lane.pause || lane.forget < lane.longest {
                return Err(ConfigError::rule(
                    field,
                    format!("{:?} / {:?} / {:?}", lane.pause, lane.longest, lane.forget),
                    "pause ≤ longest ≤ forget",
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
        if self.client.hard == 0 || self.client.drain < Duration::from_millis(1) {
            return Err(ConfigError::rule(
                "attempts.client",
                format!("{} / {:?}", self.client.hard, self.client.drain),
                "hard ≥ 1 and drain ≥ 1 ms",
            ));
        }
        Ok(())
    }
}
