//! [`Limit`]: the six rules a meter can be judged by.

use crate::base::id::Pseudonym;

/// Which of a subject's meters: the hour window, the resend ladder, the failure count and so on.
///
/// The gate numbers them; a store treats the number as opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Slot(pub u32);

/// The name of one meter: a subject (a number, an address prefix, a country …) and a slot.
///
/// All meters of one subject share its pseudonym, so that a store can keep them side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MeterKey {
    /// Whose meter it is.
    pub subject: Pseudonym,
    /// Which one.
    pub slot: Slot,
}

impl MeterKey {
    /// The meter of `subject` in `slot`.
    #[must_use]
    pub const fn new(subject: Pseudonym, slot: Slot) -> Self {
        Self { subject, slot }
    }
}

/// A rule that a meter is judged by.
///
/// Deliberately exhaustive: a store that cannot honour a new kind must stop compiling.
///
/// All quantities are whole numbers below 2^53, so that every backend's arithmetic is exact. Times
/// are milliseconds. A charge of cost 0 is checked like any other and changes nothing. `now` is the call's; where a meter holds a later time than `now`, the meter's
/// is used, so that a clock that steps back never loosens a limit. A `retry_after` is exact to the
/// millisecond unless the clock has stepped back; then it counts from the meter's time. A meter further
/// ahead than any honest clock [heals](super::Meter::heal).
///
/// Sums and products that would leave 64 bits saturate. A zero where a rule says "at least 1" counts
/// as 1, and a `forget_ms` below `longest_ms` counts as `longest_ms`.
///
/// A meter's state is of one of four kinds: that of `Spacing` and `Unverified`, that of `Ladder`,
/// that of `Window`, `Budget` and observations, or that of `Failures`. Judged by a limit of another
/// kind a meter counts as fresh, and a granted charge puts the new kind's state in place of the old;
/// refunds and credits of another kind change nothing. The gate gives each kind its own slots.
///
/// | kind | a charge of `cost` is granted if | a refund undoes | an accepted code |
/// |---|---|---|---|
/// | `Spacing` | the bucket of `burst` units, refilled one each `interval_ms`, holds `cost` | what of it has not drained | changes nothing |
/// | `Ladder` | the wait of the current rung has passed | the step up | changes nothing |
/// | `Window` | units in every span of `span_ms` stay at or below `max` | the same amount | changes nothing |
/// | `Budget` | as `Window`, over charges minus credits | the same amount | credits the meter |
/// | `Unverified` | the level, draining one unit each `drain_ms`, stays at or below `max` | what of it has not drained | credits the meter |
/// | `Failures` | fewer than `max` charges since the last reset, and the pause has passed | the same amount | resets the meter |
///
/// ```
/// use std::time::Duration;
/// use otpgate::Timestamp;
/// use otpgate::limit::{Limit, Meter};
///
/// let at = Timestamp::from_millis;
/// let wait = |seconds| Some(Duration::from_secs(seconds));
///
/// // The wait before the next send doubles with each.
/// let ladder = Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 1_800_000 };
/// let mut meter = Meter::fresh(&ladder);
/// meter.charge(&ladder, at(0), 1).unwrap();
/// assert_eq!(meter.wait(&ladder, at(0), 1), wait(30));
/// meter.charge(&ladder, at(30_000), 1).unwrap();
/// assert_eq!(meter.wait(&ladder, at(30_000), 1), wait(60));
///
/// // Unverified messages drain by themselves, and an accepted code takes one back.
/// let unverified = Limit::Unverified { max: 2, drain_ms: 60_000 };
/// let mut meter = Meter::fresh(&unverified);
/// meter.charge(&unverified, at(0), 2).unwrap();
/// assert_eq!(meter.wait(&unverified, at(0), 1), wait(60));
/// meter.credit(&unverified, 1);
/// assert_eq!(meter.wait(&unverified, at(0), 1), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limit {
    /// A minimum distance with a burst (generic cell rate algorithm).
    ///
    /// State: the theoretical arrival time `tat`, in ms, and the time of the latest charge, which only
    /// tells whether the meter is dated ahead. With `base = max(tat, now)` and
    /// `new = base + cost × interval_ms`, the charge is granted if `new − now ≤ burst ×
    /// interval_ms`, and then `tat = new`. Otherwise `retry_after = new − now − burst ×
    /// interval_ms`. A refund at `now` of a charge made at `charged` subtracts
    /// `max(0, cost × interval_ms − max(0, now − charged))` from `tat`: what has drained meanwhile
    /// is gone, or it would pay for a later charge. The count is
    /// `⌈max(0, tat − now) / interval_ms⌉`.
    Spacing {
        /// The emission interval: one unit is regained in this time, at least 1.
        interval_ms: u64,
        /// How many units may be taken at once; of none nothing fits but what costs nothing.
        burst: u64,
    },
    /// A growing minimum distance between charges, forgotten with time: the resend ladder.
    ///
    /// State: `rung`, `last`, and both as they were `before` the latest charge. `idle = max(0, now −
    /// last)`; the rung in force is `rung − min(rung, ⌊idle / forget_ms⌋)`. At rung 0 there is no
    /// wait; at rung r the wait is `min(first_ms × 2^(r−1), longest_ms)`. Granted if `idle ≥ wait`;
    /// then `rung = min(rung in force + 1, 32)`, `last = max(last, now)`, and `before` is what the
    /// two were. Otherwise `retry_after = wait − idle`. The top rung bounds how long somebody else's
    /// requests can be held against a line.
    ///
    /// A refund of the latest charge (`charged = last`, once) restores `before`. A refund of an
    /// earlier one takes one rung off, of `before` as well, if `last − charged < forget_ms`; further
    /// back its step has been forgotten. The cost is ignored. The count is the rung in force.
    Ladder {
        /// The first wait.
        first_ms: u64,
        /// The longest wait.
        longest_ms: u64,
        /// One rung is forgotten after each such time without a charge, at least `longest_ms`.
        forget_ms: u64,
    },
    /// At most `max` units in any span of `span_ms`.
    ///
    /// State: units by sub-bucket of width `g = max(1, ⌊span_ms / 60⌋)`; a charge at `now` falls
    /// into bucket `max(⌊now / g⌋, newest bucket)`. With `t = max(now, newest bucket × g)`, a bucket
    /// `i` counts while `(i + 1) × g > t − span_ms`, so it counts a little too long and never too
    /// short: no span of `span_ms`, wherever it starts, holds more than `max` (a fixed window
    /// admits twice that). Granted if `count + cost ≤ max`. Otherwise `retry_after` is the time from
    /// `t` until enough buckets have died, or `span_ms` if `cost > max`.
    ///
    /// A refund takes units from bucket `⌊charged / g⌋`, not below zero; a charge that a clock set
    /// back had put into a later bucket is not refunded. A bucket emptied so stays the newest.
    ///
    /// If the span changes, units are sorted into the new buckets by the time of their old bucket's
    /// latest charge, never an earlier one. A longer span starts from what the shorter one still
    /// held. One meter is charged under one span: a charge drops what is dead for its own.
    Window {
        /// Units.
        max: u64,
        /// The length of the window, at least 1.
        span_ms: u64,
    },
    /// A window of money that converts: charges are spend, credits are spend that paid off.
    ///
    /// As [`Window`](Limit::Window), but a credit is taken from the newest buckets first, each not
    /// below zero; what is left over of a credit is forgotten.
    Budget {
        /// Millionths of a dollar.
        max: u64,
        /// The length of the window, at least 1.
        span_ms: u64,
    },
    /// A leaky bucket of messages that nobody has verified yet.
    ///
    /// State, charge and refund as [`Spacing`](Limit::Spacing) with `interval_ms = drain_ms` and
    /// `burst = max`. A credit subtracts `amount × drain_ms` from `tat`, whenever the message went
    /// out: honest traffic pays for a little of what nobody verifies. Credits do not pile up, as an
    /// empty bucket stays empty.
    Unverified {
        /// The level at which charges are refused.
        max: u64,
        /// One unit drains in this time, at least 1.
        drain_ms: u64,
    },
    /// Consecutive failures: every attempt is charged first, and success resets the meter.
    ///
    /// State: `count`, `last`; `idle = max(0, now − last)`. If `idle ≥ forget_ms` the count is 0.
    /// Refused if `count + cost > max` (`retry_after = forget_ms − idle`, or `forget_ms` if nothing
    /// is left to forget), or if `count ≥ pause_after`, `count > 0` and `idle < min(pause_ms ×
    /// 2^(count − pause_after), longest_ms)` (`retry_after` = what is left of that pause). When
    /// granted, `count += cost` and `last = max(last, now)`. A refund takes `cost` off the count,
    /// not below zero, if `last − charged < forget_ms`; `last` stays.
    Failures {
        /// Attempts before the meter is shut until `forget_ms` has passed or a success resets it.
        max: u64,
        /// From how many failures on there is a pause before each attempt.
        pause_after: u64,
        /// The first pause.
        pause_ms: u64,
        /// The longest pause.
        longest_ms: u64,
        /// Without an attempt for this long the count starts afresh, at least `longest_ms`.
        forget_ms: u64,
    },
}

impl Limit {
    /// Refuses every charge that is not waived: the way a verdict of the gate reaches the one
    /// atomic admission, where a [`Charge`](crate::store::Charge)'s waiver may overrule it.
    pub const SHUT: Self = Self::Window { max: 0, span_ms: 60_000 };

    /// Whether an accepted code gives anything back: a credit of the other kinds changes nothing, and heals
    /// nothing.
    #[cfg(any(feature = "memory", feature = "redb", feature = "redis", feature = "postgres"))]
    pub(crate) const fn takes_credits(&self) -> bool {
        matches!(self, Self::Budget { .. } | Self::Unverified { .. })
    }

    /// The same limit for so many units fewer; `None` if it has not as many, or none that are counted so.
    pub(crate) fn lower(self, units: u64) -> Option<Self> {
        self.with_most(|most| most.checked_sub(units))
    }

    /// The same limit for so many units more.
    pub(crate) fn raise(self, units: u64) -> Self {
        self.with_most(|most| Some(most.saturating_add(units))).unwrap_or(self)
    }

    fn with_most(self, change: impl Fn(u64) -> Option<u64>) -> Option<Self> {
        Some(match self {
            Self::Window { max, span_ms } => Self::Window { max: change(max)?, span_ms },
            Self::Budget { max, span_ms } => Self::Budget { max: change(max)?, span_ms },
            Self::Unverified { max, drain_ms } => Self::Unverified { max: change(max)?, drain_ms },
            Self::Spacing { .. } | Self::Ladder { .. } | Self::Failures { .. } => return None,
        })
    }

    /// How long after its last change a meter judged by this limit can still matter; afterwards a
    /// store may drop it.
    pub fn memory_ms(&self) -> u64 {
        match *self {
            Self::Spacing { interval_ms, burst } => interval_ms.max(1).saturating_mul(burst),
            Self::Unverified { max, drain_ms } => drain_ms.max(1).saturating_mul(max),
            Self::Ladder { longest_ms, forget_ms, .. } => {
                forget_ms.max(longest_ms).max(1).saturating_mul(32)
            }
            Self::Window { span_ms, .. } | Self::Budget { span_ms, .. } => {
                span_ms.max(1).saturating_add(bucket_ms(span_ms))
            }
            Self::Failures { longest_ms, forget_ms, .. } => forget_ms.max(longest_ms).max(1),
        }
    }
}

/// The width of a window's sub-buckets.
pub(crate) const fn bucket_ms(span_ms: u64) -> u64 {
    let width = span_ms / 60;
    if width == 0 { 1 } else { width }
}
