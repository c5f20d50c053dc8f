//! How far a call's `now` may be from the store's own clock: [`ClockCheck`] and [`ClockApart`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::time::{Clock, SystemClock, Timestamp, millis};

use super::{GRACE, StoreError, StoreErrorKind};

/// How far a host's clock may be from its store's unless the host says otherwise: 60 s.
///
/// Hosts under NTP are within milliseconds, and a virtual machine that is moved pauses for seconds,
/// so a minute is already a fault. It is no more than [`GRACE`], by which every store keeps what
/// has expired. Two gates may be twice the bound apart, though, so a gate has what may be used once
/// kept for that much longer: then no store's own expiry comes too early, whatever the bound.
pub const DEFAULT_CLOCK_SKEW: Duration = GRACE;

/// How a store judges a call's `now` before it does anything else.
///
/// A gate whose clock leads by a day would spend a daily budget twice, and would date meters so far
/// ahead that they refuse everybody for as long. One that lags by a day would do the same from the
/// other side. So the store compares `now` with its own clock, and a call further off than the bound
/// changes nothing and fails as [`StoreErrorKind::Clock`].
///
/// ```
/// use std::time::Duration;
/// use otpgate::Timestamp;
/// use otpgate::store::{ClockCheck, StoreErrorKind};
///
/// let (check, noon) = (ClockCheck::Within(Duration::from_secs(60)), Timestamp::from_millis(43_200_000));
/// assert!(check.judge(noon + Duration::from_secs(60), noon).is_ok());
/// let error = check.judge(noon + Duration::from_secs(90_000), noon).unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::Clock);
/// assert!(ClockCheck::Unchecked.judge(Timestamp::MAX, noon).is_ok());
/// ```
//
// Exhaustive: a store that cannot honour a new way of checking must stop compiling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockCheck {
    /// Any `now` is taken. For simulated time; a gate asks for it only where its builder was told to.
    #[default]
    Unchecked,
    /// `now` may differ from the store's clock by at most this much, ahead or behind.
    Within(Duration),
    /// An operator vouches for this host's clock. A store that keeps time by this process's own
    /// clock sets it to the wall clock anew, then checks as [`Within`](Self::Within); one with a
    /// server's clock only checks.
    Set(Duration),
}

impl ClockCheck {
    /// The bound; `None` if there is none.
    #[must_use]
    pub fn skew(self) -> Option<Duration> {
        match self {
            Self::Unchecked => None,
            Self::Within(skew) | Self::Set(skew) => Some(skew),
        }
    }

    /// The latest time that a call before one of `now` may honestly have had: twice the bound later,
    /// since each of the two may be off by it, in opposite directions. What is dated beyond that, a
    /// wrong clock has written.
    ///
    /// A store takes a meter that lies beyond back to `now` ([`Meter::heal`](crate::limit::Meter::heal)),
    /// and treats a challenge that was opened beyond it, and a journal entry, as gone. Unchecked calls
    /// have no horizon: in simulated time nothing is wrong.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::Timestamp;
    /// use otpgate::store::ClockCheck;
    ///
    /// let (noon, minute) = (Timestamp::from_millis(43_200_000), Duration::from_secs(60));
    /// assert_eq!(ClockCheck::Within(minute).horizon(noon), noon + 2 * minute);
    /// assert_eq!(ClockCheck::Unchecked.horizon(noon), Timestamp::MAX);
    /// ```
    #[must_use]
    pub fn horizon(self, now: Timestamp) -> Timestamp {
        self.skew().map_or(Timestamp::MAX, |skew| now + skew.saturating_mul(2))
    }

    /// Judges `now` by `store`, the store's own clock.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Clock`] with a [`ClockApart`] as its source.
    pub fn judge(self, now: Timestamp, store: Timestamp) -> Result<(), StoreError> {
        match self.skew() {
            Some(skew) if now.since(store).max(store.since(now)) > skew => {
                Err(StoreError::new(StoreErrorKind::Clock, ClockApart { now, store, skew }))
            }
            _ => Ok(()),
        }
    }
}

/// Two clocks that differ too much for a call to be taken. Its text says which leads, by how much,
/// and what to do.
///
/// ```
/// use std::time::Duration;
/// use otpgate::Timestamp;
/// use otpgate::store::ClockCheck;
///
/// let noon = Timestamp::from_millis(43_200_000);
/// let check = ClockCheck::Within(Duration::from_secs(60));
/// let error = check.judge(noon + Duration::from_secs(90_000), noon).unwrap_err();
/// let cause = std::error::Error::source(&error).unwrap().to_string();
/// assert!(cause.starts_with("this host's clock is 1 d 1 h ahead of the store's"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClockApart {
    now: Timestamp,
    store: Timestamp,
    skew: Duration,
}

impl ClockApart {
    /// How far apart they are.
    pub fn distance(&self) -> Duration {
        self.now.since(self.store).max(self.store.since(self.now))
    }

    /// Whether the caller's clock leads; if not, it lags.
    pub fn caller_leads(&self) -> bool {
        self.now > self.store
    }
}

impl fmt::Display for ClockApart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.caller_leads() { "ahead of" } else { "behind" };
        write!(
            f,
            "this host's clock is {} {side} the store's, and {} is allowed; set the wrong one of the \
             two by NTP (`chronyc makestep`); where this process keeps the store and its clock is \
             right now, restart it or call `Controls::trust_clock`",
            Span(self.distance()),
            Span(self.skew),
        )
    }
}

impl std::error::Error for ClockApart {}

crate::base::sentence::debug_as_sentence!(ClockApart);

/// A span in its two largest units.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [
            (seconds / 86_400, "d"),
            (seconds / 3_600 % 24, "h"),
            (seconds / 60 % 60, "min"),
            (seconds % 60, "s"),
        ];
        let mut largest = units.iter().skip_while(|(count, _)| *count == 0).take(2);
        let Some((count, unit)) = largest.next() else {
            return write!(f, "{} ms", self.0.as_millis());
        };
        write!(f, "{count} {unit}")?;
        match largest.next() {
            Some((count, unit)) if *count > 0 => write!(f, " {count} {unit}"),
            _ => Ok(()),
        }
    }
}

/// The clock of a store that has no server: the wall clock as it was when the store was opened, and
/// from then on the monotonic one.
///
/// A wall clock that steps shows against it. One that NTP slews is followed, by at most a thousandth
/// of the time that has passed: NTP slews by half of that at most, and whoever runs for a year
/// must not add up to an outage.
///
/// Time in which the machine slept is not counted, on Linux: after a pause longer than the bound
/// calls are refused until the store is opened anew or an operator vouches for the clock
/// ([`ClockCheck::Set`]). No store of one machine can tell a pause from a clock that is wrong.
///
/// ```
/// use std::time::Duration;
/// use otpgate::Clock;
/// use otpgate::store::{ClockCheck, SteadyClock};
/// use otpgate::testing::ManualClock;
///
/// let host = ManualClock::default();
/// let steady = SteadyClock::new(host.clone());
/// let check = ClockCheck::Within(Duration::from_secs(60));
/// host.advance(Duration::from_secs(8 * 3_600)); // a night without a call
/// assert!(steady.judge(check, host.now()).is_ok());
/// host.set_wall(host.now() + Duration::from_secs(90_000)); // a step by 25 hours
/// assert!(steady.judge(check, host.now()).is_err());
/// assert!(steady.judge(ClockCheck::Set(Duration::from_secs(60)), host.now()).is_ok());
/// assert!(steady.judge(check, host.now()).is_ok());
/// ```
#[derive(Debug)]
pub struct SteadyClock {
    clock: Box<dyn Clock>,
    /// Wall clock minus monotonic clock, as trusted.
    lead: AtomicU64,
    /// The monotonic time, in milliseconds, at which `lead` was last adjusted.
    adjusted: AtomicU64,
}

/// How often the wall clock is followed.
const FOLLOW_MS: u64 = 60_000;

impl SteadyClock {
    /// A clock that agrees with the wall clock of `clock` now.
    #[must_use]
    pub fn new(clock: impl Clock) -> Self {
        let steady =
            Self { clock: Box::new(clock), lead: AtomicU64::new(0), adjusted: AtomicU64::new(0) };
        steady.set();
        steady
    }

    /// Judges a call's `now`.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Clock`] if it is further off than `check` allows.
    pub fn judge(&self, check: ClockCheck, now: Timestamp) -> Result<(), StoreError> {
        match check {
            ClockCheck::Unchecked => return Ok(()),
            ClockCheck::Within(_) => {}
            ClockCheck::Set(_) => self.set(),
        }
        check.judge(now, self.now())
    }

    fn set(&self) {
        let elapsed = millis(self.clock.elapsed());
        // The wall clock never lies before the monotonic one's start, except where it is broken.
        let lead = self.clock.now().as_millis().saturating_sub(elapsed);
        self.lead.store(lead, Ordering::Relaxed);
        self.adjusted.store(elapsed, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        let elapsed = millis(self.clock.elapsed());
        let adjusted = self.adjusted.load(Ordering::Relaxed);
        let passed = elapsed.saturating_sub(adjusted);
        if passed >= FOLLOW_MS
            && self
                .adjusted
                .compare_exchange(adjusted, elapsed, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let wall = self.clock.now().as_millis().saturating_sub(elapsed);
            let (lead, most) = (self.lead.load(Ordering::Relaxed), passed / 1_000);
            let followed = wall.clamp(lead.saturating_sub(most), lead.saturating_add(most));
            self.lead.store(followed, Ordering::Relaxed);
        }
        Timestamp::from_millis(elapsed.saturating_add(self.lead.load(Ordering::Relaxed)))
    }
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::new(SystemClock::new())
    }
}
