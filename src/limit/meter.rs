//! [`Meter`]: one counter's state, and every step it can take, without a clock or a store.

use std::time::Duration;

use super::failures::{Failures, Patience};
use super::gcra::{Gcra, Rate};
use super::ladder::{Ladder, Steps};
use super::rule::Limit;
use super::window::{Span, Window};
use crate::base::time::Timestamp;

/// The state of one meter, judged by the [`Limit`] that comes with each step.
///
/// Pure: nothing here reads a clock or keeps a limit, so a store in Rust can hold it in whatever
/// way it likes, and a store in another language has one page to port. No step panics or wraps,
/// whatever the numbers.
///
/// ```
/// use std::time::Duration;
/// use otpgate::Timestamp;
/// use otpgate::limit::{Limit, Meter};
///
/// let five_an_hour = Limit::Window { max: 5, span_ms: 3_600_000 };
/// let noon = Timestamp::from_millis(43_200_000);
/// let mut meter = Meter::fresh(&five_an_hour);
/// for expected in 1..=5 {
///     assert_eq!(meter.charge(&five_an_hour, noon, 1), Ok(expected));
/// }
/// // The sixth has to wait for the hour and, at most, one sixtieth of it.
/// let wait = meter.charge(&five_an_hour, noon, 1).unwrap_err();
/// assert_eq!(wait, Duration::from_secs(3_660));
/// assert_eq!(meter.charge(&five_an_hour, noon + wait, 1), Ok(1));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meter(pub(super) State);

/// The four kinds of state; [`Limit`] says which of its rules share one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum State {
    Gcra(Gcra),
    Ladder(Ladder),
    Window(Window),
    Failures(Failures),
}

impl Meter {
    /// A fresh meter, on which nothing was charged.
    #[must_use]
    pub fn fresh(limit: &Limit) -> Self {
        Self(match Rule::of(limit) {
            Rule::Rate(_) => State::Gcra(Gcra::default()),
            Rule::Steps(_) => State::Ladder(Ladder::default()),
            Rule::Span(..) => State::Window(Window::default()),
            Rule::Patience(_) => State::Failures(Failures::default()),
        })
    }

    /// The count that a charge of `cost` would leave.
    ///
    /// # Errors
    ///
    /// How long until it fits if nothing else happens. Exact: it fits at that time, not a
    /// millisecond before. Even a cost that can never fit has a wait.
    pub fn quote(&self, limit: &Limit, now: Timestamp, cost: u64) -> Result<u64, Duration> {
        self.judge(limit, now, cost).1
    }

    /// The [`count`](Meter::count) as it stands, and the [`quote`](Meter::quote).
    pub(crate) fn judge(
        &self,
        limit: &Limit,
        now: Timestamp,
        cost: u64,
    ) -> (u64, Result<u64, Duration>) {
        let at = now.as_millis();
        let (count, wait, after) = match (&self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(rate)) => {
                let mut after = *gcra;
                after.charge(rate, at, cost);
                (gcra.count(rate, at), gcra.wait(rate, at, cost), after.count(rate, at))
            }
            (State::Ladder(ladder), Rule::Steps(steps)) => (
                ladder.in_force(steps, at).into(),
                ladder.wait(steps, at),
                ladder.after(steps, at, cost),
            ),
            (State::Window(window), Rule::Span(span, max)) => {
                let (count, quote) = window.judge(span, max, at, cost);
                return (count, quote.map_err(Duration::from_millis));
            }
            (State::Failures(failures), Rule::Patience(patience)) => {
                let count = failures.in_force(patience, at);
                (count, failures.wait(patience, at, cost), count.saturating_add(cost))
            }
            _ => return (0, Self::fresh(limit).quote(limit, now, cost)),
        };
        (count, if wait == 0 { Ok(after) } else { Err(Duration::from_millis(wait)) })
    }

    /// How long until `cost` fits; `None` if it fits now. See [`quote`](Meter::quote).
    #[must_use]
    pub fn wait(&self, limit: &Limit, now: Timestamp, cost: u64) -> Option<Duration> {
        self.quote(limit, now, cost).err()
    }

    /// Charges `cost` if it fits, and returns the count afterwards.
    ///
    /// # Errors
    ///
    /// The [`wait`](Meter::wait) until it fits; the meter is unchanged.
    pub fn charge(&mut self, limit: &Limit, now: Timestamp, cost: u64) -> Result<u64, Duration> {
        let count = self.quote(limit, now, cost)?;
        self.add(limit, now, cost);
        Ok(count)
    }

    /// Charges `cost` without asking whether it fits: after a [`quote`](Meter::quote) that said so.
    pub(crate) fn add(&mut self, limit: &Limit, now: Timestamp, cost: u64) {
        if cost == 0 {
            return;
        }
        let at = now.as_millis();
        match (&mut self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(rate)) => gcra.charge(rate, at, cost),
            (State::Ladder(ladder), Rule::Steps(steps)) => ladder.charge(steps, at),
            (State::Window(window), Rule::Span(span, _)) => window.charge(span, at, cost),
            (State::Failures(failures), Rule::Patience(patience)) => {
                failures.charge(patience, at, cost);
            }
            _ => {
                *self = Self::fresh(limit);
                self.add(limit, now, cost);
            }
        }
    }

    /// Takes a meter that is dated ahead back to `now`; whether it was.
    ///
    /// A meter whose latest charge lies beyond `horizon`, which is what
    /// [`ClockCheck::horizon`](crate::store::ClockCheck::horizon) makes of the call, was charged
    /// under a wrong clock and would refuse until that date. It is dated `now` and keeps what was
    /// charged: from then on it is shut no longer than its own span, and nobody spends a limit
    /// twice. A store calls this before it does anything else with a meter that a call names, and
    /// keeps the result whatever the outcome of the call. A call that only reads heals a copy. A
    /// meter of another kind than the limit's is left alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::Timestamp;
    /// use otpgate::limit::{Limit, Meter};
    ///
    /// let daily = Limit::Window { max: 5, span_ms: 86_400_000 };
    /// let now = Timestamp::from_millis(1_800_000_000_000);
    /// let (year, minute) = (Duration::from_secs(31_536_000), Duration::from_secs(60));
    /// let mut meter = Meter::fresh(&daily);
    /// meter.charge(&daily, now + year, 5).unwrap();
    /// assert!(meter.wait(&daily, now, 1).unwrap() >= Duration::from_secs(86_400)); // of next year
    ///
    /// assert!(meter.heal(&daily, now, now + 2 * minute));
    /// assert_eq!(meter.count(&daily, now), 5);
    /// assert_eq!(meter.wait(&daily, now + Duration::from_secs(2 * 86_400), 1), None);
    /// assert!(!meter.heal(&daily, now, now + 2 * minute), "once");
    /// ```
    pub fn heal(&mut self, limit: &Limit, now: Timestamp, horizon: Timestamp) -> bool {
        let (now, horizon) = (now.as_millis(), horizon.as_millis());
        match (&mut self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(_)) => gcra.heal(now, horizon),
            (State::Ladder(ladder), Rule::Steps(_)) => ladder.heal(now, horizon),
            (State::Window(window), Rule::Span(..)) => window.heal(now, horizon),
            (State::Failures(failures), Rule::Patience(_)) => failures.heal(now, horizon),
            _ => false,
        }
    }

    /// Whether [`heal`](Meter::heal) would do anything.
    #[cfg(any(feature = "memory", feature = "redb"))]
    pub(crate) fn is_ahead(&self, limit: &Limit, horizon: Timestamp) -> bool {
        let latest = match (&self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(_)) => gcra.last(),
            (State::Ladder(ladder), Rule::Steps(_)) => ladder.last,
            (State::Window(window), Rule::Span(..)) => window.newest.time,
            (State::Failures(failures), Rule::Patience(_)) => failures.last,
            _ => 0,
        };
        latest > horizon.as_millis()
    }

    /// Undoes a charge of `cost` that was made at `charged`; never more than is left of it.
    ///
    /// ```
    /// use otpgate::Timestamp;
    /// use otpgate::limit::{Limit, Meter};
    ///
    /// let (hourly, now) = (Limit::Window { max: 5, span_ms: 3_600_000 }, Timestamp::from_millis(0));
    /// let mut meter = Meter::fresh(&hourly);
    /// meter.charge(&hourly, now, 3).unwrap();
    /// meter.refund(&hourly, now, now, 1); // the text did not go out
    /// assert_eq!(meter.count(&hourly, now), 2);
    /// ```
    pub fn refund(&mut self, limit: &Limit, now: Timestamp, charged: Timestamp, cost: u64) {
        let (at, charged) = (now.as_millis(), charged.as_millis());
        match (&mut self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(rate)) => gcra.refund(rate, at, charged, cost),
            (State::Ladder(ladder), Rule::Steps(steps)) => ladder.refund(steps, charged),
            (State::Window(window), Rule::Span(span, ..)) => window.refund(span, charged, cost),
            (State::Failures(failures), Rule::Patience(patience)) => {
                failures.refund(patience, charged, cost);
            }
            _ => {}
        }
    }

    /// Gives back `amount` for an accepted code, where the limit's kind says that it does.
    pub fn credit(&mut self, limit: &Limit, amount: u64) {
        match (&mut self.0, limit, Rule::of(limit)) {
            (State::Gcra(gcra), Limit::Unverified { .. }, Rule::Rate(rate)) => {
                gcra.credit(rate, amount);
            }
            (State::Window(window), Limit::Budget { .. }, _) => window.credit(amount),
            _ => {}
        }
    }

    /// The count, in the limit's unit.
    #[must_use]
    pub fn count(&self, limit: &Limit, now: Timestamp) -> u64 {
        let at = now.as_millis();
        match (&self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(rate)) => gcra.count(rate, at),
            (State::Ladder(ladder), Rule::Steps(steps)) => u64::from(ladder.in_force(steps, at)),
            (State::Window(window), Rule::Span(span, ..)) => window.count(span, at),
            (State::Failures(failures), Rule::Patience(patience)) => {
                failures.in_force(patience, at)
            }
            _ => 0,
        }
    }

    /// From when on the meter can be dropped: judged by this limit it is then as good as fresh.
    #[must_use]
    pub fn over_at(&self, limit: &Limit) -> Timestamp {
        Timestamp::from_millis(match (&self.0, Rule::of(limit)) {
            (State::Gcra(gcra), Rule::Rate(_)) => gcra.over_at(),
            (State::Ladder(ladder), Rule::Steps(steps)) => ladder.over_at(steps),
            (State::Window(window), Rule::Span(span, ..)) => window.over_at(span),
            (State::Failures(failures), Rule::Patience(patience)) => failures.over_at(patience),
            _ => 0,
        })
    }

    /// When a leaky bucket runs dry, whatever limit judges it; `None` for meters of other kinds.
    #[cfg(any(test, feature = "memory", feature = "redb"))]
    pub(crate) fn dry_at(&self) -> Option<Timestamp> {
        match &self.0 {
            State::Gcra(gcra) => Some(Timestamp::from_millis(gcra.tat)),
            State::Ladder(_) | State::Window(_) | State::Failures(_) => None,
        }
    }

    /// Roughly how many numbers the meter holds; stores choose a form for it by this.
    pub fn weight(&self) -> usize {
        match &self.0 {
            State::Window(window) => window.older.len().saturating_add(1),
            State::Gcra(_) | State::Ladder(_) | State::Failures(_) => 1,
        }
    }
}

/// A limit, sorted by the state it judges.
enum Rule {
    Rate(Rate),
    Steps(Steps),
    Span(Span, u64),
    Patience(Patience),
}

impl Rule {
    #[inline]
    fn of(limit: &Limit) -> Self {
        match *limit {
            Limit::Spacing { interval_ms, burst } => Self::Rate(Rate::new(interval_ms, burst)),
            Limit::Unverified { max, drain_ms } => Self::Rate(Rate::new(drain_ms, max)),
            Limit::Ladder { first_ms, longest_ms, forget_ms } => {
                Self::Steps(Steps::new(first_ms, longest_ms, forget_ms))
            }
            Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => {
                Self::Span(Span::new(span_ms), max)
            }
            Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms } => {
                Self::Patience(Patience {
                    max,
                    pause_after,
                    pause: pause_ms,
                    longest: longest_ms,
                    forget: forget_ms,
                })
            }
        }
    }
}
