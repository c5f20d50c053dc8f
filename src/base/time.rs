//! Wall-clock time in milliseconds, and the [`Clock`] every decision takes it from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates, so that a clock that jumps can neither panic nor wrap a deadline.
///
/// ```
/// use std::time::Duration;
/// use otpgate::Timestamp;
///
/// let noon = Timestamp::from_millis(1_000);
/// assert_eq!(noon + Duration::from_secs(2), Timestamp::from_millis(3_000));
/// assert_eq!(noon.since(Timestamp::from_millis(5_000)), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The latest representable instant; used for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// A timestamp from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Time elapsed since `earlier`; zero if `earlier` is later than `self`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// `self` minus `span`, not before the Unix epoch.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::Timestamp;
    ///
    /// let hour = Duration::from_secs(3_600);
    /// assert_eq!(Timestamp::from_millis(3_600_500).before(hour), Timestamp::from_millis(500));
    /// assert_eq!(Timestamp::from_millis(500).before(hour), Timestamp::from_millis(0));
    /// ```
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl From<SystemTime> for Timestamp {
    /// The instant in whole milliseconds, for times that other libraries give; not before the Unix
    /// epoch.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use otpgate::Timestamp;
    ///
    /// assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_secs(1)).as_millis(), 1_000);
    /// assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)).as_millis(), 0);
    /// ```
    fn from(time: SystemTime) -> Self {
        Self(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl Timestamp {
    /// `2026-11-28T06:00:00Z`: for people, and for whoever reads what they wrote.
    pub(crate) fn utc(self) -> String {
        let seconds = self.0 / 1_000;
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of a day since 1970; months and days count from 1.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    // Years begin in March, so that the leap day is their last one, and eras with the year 0.
    let days = days.saturating_add(719_468);
    let (eras, of_era) = (days / 146_097, days % 146_097);
    let leaps = (of_era / 1_460).saturating_sub(of_era / 36_524).saturating_add(of_era / 146_096);
    let years = of_era.saturating_sub(leaps) / 365;
    let before = years.saturating_mul(365).saturating_add(years / 4).saturating_sub(years / 100);
    let of_year = of_era.saturating_sub(before);
    let month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let first = month.saturating_mul(153).saturating_add(2) / 5;
    let day = of_year.saturating_sub(first).saturating_add(1);
    let year = eras.saturating_mul(400).saturating_add(years);
    // March to December, then January and February, which are the next year's for everybody else.
    match month {
        0..10 => (year, month.saturating_add(3), day),
        _ => (year.saturating_add(1), month.saturating_sub(9), day),
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// A duration in whole milliseconds, saturating at `u64::MAX`.
#[must_use]
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Where the time comes from. The gate reads it once per call and hands `now` to everything below.
///
/// Implementers MUST return wall-clock time from [`now`](Clock::now), because deadlines are stored
/// and compared by other processes, and MUST return a reading from [`elapsed`](Clock::elapsed) that
/// never decreases. The gate combines the two, so that a wall clock that is set back neither
/// extends the life of a code nor reopens a window.
///
/// A host that takes its time from somewhere else gives both readings:
///
/// ```
/// use std::time::Duration;
/// use otpgate::{Clock, SystemClock, Timestamp};
///
/// /// The system's clock, corrected by what a time server said.
/// #[derive(Debug)]
/// struct Corrected { system: SystemClock, ahead: Duration }
///
/// impl Clock for Corrected {
///     fn now(&self) -> Timestamp {
///         self.system.now() + self.ahead
///     }
///     fn elapsed(&self) -> Duration {
///         self.system.elapsed() // monotonic: a correction must not show here
///     }
/// }
/// let clock = Corrected { system: SystemClock::new(), ahead: Duration::from_secs(2) };
/// assert!(clock.now().since(clock.system.now()) > Duration::from_secs(1));
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current wall-clock time.
    fn now(&self) -> Timestamp;

    /// Time since some fixed instant of this process, unaffected by changes of the wall clock.
    fn elapsed(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn elapsed(&self) -> Duration {
        (**self).elapsed()
    }
}

impl<C: Clock + ?Sized> Clock for Box<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn elapsed(&self) -> Duration {
        (**self).elapsed()
    }
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // this is the one home of the ambient clock
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp(since.map_or(0, millis))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that never runs backwards and never stands still within this process.
///
/// Its reading is the monotonic time plus the largest lead that the wall clock ever had over it.
/// `max(now, last seen)` alone would freeze when the wall clock is set back, and a code issued in
/// that time would outlive its deadline.
#[derive(Debug)]
pub(crate) struct Forward<C> {
    inner: C,
    lead: AtomicU64,
}

impl<C: Clock> Forward<C> {
    pub(crate) fn new(inner: C) -> Self {
        Self { inner, lead: AtomicU64::new(0) }
    }

    /// Forgets the largest lead and takes the wall clock as it is: it may have been ahead by mistake
    /// and be right again. Only after the store has refused the time for being too far from its own.
    pub(crate) fn relearn(&self) {
        let elapsed = millis(self.inner.elapsed());
        let lead = self.inner.now().as_millis().saturating_sub(elapsed);
        self.lead.store(lead, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = millis(self.inner.elapsed());
        let lead = self.inner.now().as_millis().saturating_sub(elapsed);
        let seen = self.lead.load(Ordering::Relaxed);
        let lead =
            if lead > seen { self.lead.fetch_max(lead, Ordering::Relaxed).max(lead) } else { seen };
        Timestamp(elapsed.saturating_add(lead))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug)]
    struct Scripted(Mutex<(u64, u64)>);

    impl Clock for Scripted {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.lock().unwrap().0)
        }

        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.lock().unwrap().1)
        }
    }

    #[test]
    fn a_wall_clock_set_back_neither_reverses_nor_freezes_time() {
        let clock = Forward::new(Scripted(Mutex::new((1_000_000, 10))));
        assert_eq!(clock.now().as_millis(), 1_000_000);
        *clock.inner.0.lock().unwrap() = (400_000, 20);
        assert_eq!(clock.now().as_millis(), 1_000_010);
        *clock.inner.0.lock().unwrap() = (400_000, 5_020);
        assert_eq!(clock.now().as_millis(), 1_005_010);
    }

    #[test]
    fn a_wall_clock_set_forward_is_followed() {
        let clock = Forward::new(Scripted(Mutex::new((1_000, 10))));
        assert_eq!(clock.now().as_millis(), 1_000);
        *clock.inner.0.lock().unwrap() = (9_000, 11);
        assert_eq!(clock.now().as_millis(), 9_000);
    }

    #[test]
    fn a_lead_that_was_a_mistake_is_unlearnt_on_demand_only() {
        let clock = Forward::new(Scripted(Mutex::new((1_000, 10))));
        *clock.inner.0.lock().unwrap() = (9_000_000, 20);
        assert_eq!(clock.now().as_millis(), 9_000_000);
        *clock.inner.0.lock().unwrap() = (1_020, 30);
        assert_eq!(clock.now().as_millis(), 9_000_010);
        clock.relearn();
        assert_eq!(clock.now().as_millis(), 1_020);
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp(5).before(Duration::MAX), Timestamp(0));
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
