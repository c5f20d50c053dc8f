//! [`ManualClock`]: time that moves only when a test moves it.

use std::ops::Add;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::time::{Clock, Timestamp};

/// A clock that stands still until a test moves it. Clones share the same time.
///
/// It keeps the two readings of [`Clock`] apart, so that a test can step the wall clock without the
/// monotonic one: what NTP, a virtual machine that was paused and an operator do in production.
///
/// ```
/// use std::time::Duration;
/// use otpgate::testing::ManualClock;
/// use otpgate::{Clock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
/// let handle = clock.clone();
/// handle.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), Timestamp::from_millis(1_005_000));
///
/// handle.set_wall(Timestamp::from_millis(400_000)); // set back: only the wall clock moves
/// assert_eq!(clock.now(), Timestamp::from_millis(400_000));
/// assert_eq!(clock.elapsed(), Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Clone, Copy, Debug)]
struct Hands {
    wall: Timestamp,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock whose wall time is `wall` and whose monotonic reading is zero.
    #[must_use]
    pub fn new(wall: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands { wall, elapsed: Duration::ZERO })))
    }

    /// Lets `span` pass on both clocks.
    pub fn advance(&self, span: Duration) {
        self.turn(|hands| {
            hands.wall = Timestamp::add(hands.wall, span);
            hands.elapsed = hands.elapsed.saturating_add(span);
        });
    }

    /// Steps the wall clock to `wall`, forwards or backwards. No time passes.
    pub fn set_wall(&self, wall: Timestamp) {
        self.turn(|hands| hands.wall = wall);
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Hands) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for ManualClock {
    /// Starts at 2027-01-15T08:00:00Z: late enough for every deadline before it to be in the past.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_800_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.turn(|hands| hands.wall)
    }

    fn elapsed(&self) -> Duration {
        self.turn(|hands| hands.elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_at_its_end() {
        let clock = ManualClock::new(Timestamp::MAX);
        clock.advance(Duration::MAX);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::MAX);
        assert_eq!(clock.elapsed(), Duration::MAX);
    }
}
