//! Wall-clock time in milliseconds, and the [`Clock`] every decision takes it from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// A duration in whole milliseconds, saturating at `u64::MAX`.
#[must_use]
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Where the time comes from. The gate reads it once per call and hands `now` to everything below.
///
/// Implementers MUST return wall-clock time: deadlines are stored and compared by other processes.
/// A clock that steps back is tolerated; the gate never lets its own time run backwards.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current wall-clock time.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

impl<C: Clock + ?Sized> Clock for Box<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The operating system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // this is the one home of the ambient clock
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, millis))
    }
}

/// A clock that never runs backwards within this process: `max(now, last seen)`.
///
/// A step back of the wall clock must not extend a code's life or reopen a window.
#[derive(Debug)]
pub struct Forward<C> {
    inner: C,
    latest: AtomicU64,
}

impl<C: Clock> Forward<C> {
    /// Wraps `inner`.
    pub fn new(inner: C) -> Self {
        Self { inner, latest: AtomicU64::new(0) }
    }
}

impl<C: Clock> Clock for Forward<C> {
    fn now(&self) -> Timestamp {
        let now = self.inner.now().as_millis();
        let latest = self.latest.fetch_max(now, Ordering::Relaxed);
        Timestamp(now.max(latest))
    }
}
