//! Leased slices: one limit that many parts keep together, each by itself.
//!
//! A meter that every call charges, such as a realm's budget, makes all calls wait for each other.
//! [`Pool`] keeps that meter in one place and hands out *leases*: some units each, for some time. A
//! part of the deployment (a partition of a cluster, a process) keeps its lease as a [`Slice`]
//! beside what is its own, and spends from it without asking. [`LeaseTerms`] say what makes this
//! safe:
//!
//! - **Never too late.** Leased units count as spent from the moment of the lease, and no less long
//!   than if each had been spent at the lease's end. So whatever the parts do, in any order, no limit
//!   is ever exceeded: not when a slice is spent late, lost, restored from a copy or given back, nor
//!   when parts come and go.
//! - **Too early by a bound.** A call may be refused although units are left: those that lie idle in
//!   other parts, at most a [sixteenth](LeaseTerms::share) of the limit and one call's cost in each
//!   part. They come back when they are given back; what is lost stays spent, for the limit's span
//!   and a lease's life at the most.
//!
//! Parts do not depend on each other: if one is gone, only its own slice is missing.
//!
//! ```
//! use std::time::Duration;
//! use otpgate::Timestamp;
//! use otpgate::limit::{LeaseTerms, Limit, Pool, Slice};
//!
//! let budget = Limit::Budget { max: 50_000_000, span_ms: 86_400_000 }; // $50 a day
//! let terms = LeaseTerms::new(budget, Duration::from_secs(30)).expect("a budget can be leased");
//! let now = Timestamp::from_millis(1_800_000_000_000);
//! let (mut pool, mut slice) = (Pool::default(), Slice::default());
//!
//! // A text for five cents: nothing is leased yet, then enough for ten texts is.
//! assert!(slice.spend(now, 50_000).is_none());
//! let lease = pool.lease(&terms, now, 50_000, 6).expect("the budget is untouched");
//! assert_eq!(lease.units(), 520_833);
//! assert_eq!(slice.deposit(lease), None);
//! for _ in 0..10 {
//!     assert!(slice.spend(now, 50_000).is_some());
//! }
//! // What is left of it goes back, and the pool knows what was spent.
//! let unused = slice.give_back().expect("two cents");
//! pool.take_back(&terms, now, unused);
//! assert_eq!(pool.count(&terms, now), 500_000);
//! ```

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::meter::Meter;
use super::rule::Limit;
use crate::base::time::{Timestamp, millis};

/// How much of what is left all parts together may hold idle: one in so many.
const IDLE: u64 = 16;

/// The conditions under which a limit is leased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseTerms {
    pool: Limit,
    max: u64,
    life: Duration,
}

impl LeaseTerms {
    /// Leases of `limit` that last for `life`; `None` if it cannot be leased.
    ///
    /// `Window` and `Budget` always can. `Spacing` and `Unverified` can if more units fit into their
    /// bucket than drain from it in a lease's life. `Ladder` and `Failures` have no units to share: each
    /// charge depends on the one before, so they stay where their subject is.
    ///
    /// A longer life costs fewer leases and is paid for by the limit: a window counts for so much
    /// longer, a bucket is so much smaller.
    #[must_use]
    pub fn new(limit: Limit, life: Duration) -> Option<Self> {
        let life_ms = millis(life);
        let smaller = |max: u64, drain_ms: u64| {
            let max = max.saturating_sub(life_ms.div_ceil(drain_ms.max(1)));
            (max > 0).then_some(max)
        };
        let (pool, max) = match limit {
            Limit::Window { max, span_ms } => {
                (Limit::Window { max, span_ms: span_ms.max(1).saturating_add(life_ms) }, max)
            }
            Limit::Budget { max, span_ms } => {
                (Limit::Budget { max, span_ms: span_ms.max(1).saturating_add(life_ms) }, max)
            }
            Limit::Spacing { interval_ms, burst } => {
                let burst = smaller(burst, interval_ms)?;
                (Limit::Spacing { interval_ms, burst }, burst)
            }
            Limit::Unverified { max, drain_ms } => {
                let max = smaller(max, drain_ms)?;
                (Limit::Unverified { max, drain_ms }, max)
            }
            Limit::Ladder { .. } | Limit::Failures { .. } => return None,
        };
        Some(Self { pool, max, life })
    }

    /// The limit that the pool's meter is judged by: a window that counts for a lease's life longer, or
    /// a bucket that is smaller by what drains in one. Whoever spends at a lease's end then finds what
    /// was spent before it still counted.
    #[must_use]
    pub const fn pool_limit(&self) -> Limit {
        self.pool
    }

    /// How long a lease lasts.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.life
    }

    /// How many units to lease to one of `parts` when the pool's count is `count`: a sixteenth of what
    /// is left, shared by all parts. The less is left the smaller, so that the last of a limit is not
    /// held where nobody asks for it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::limit::{LeaseTerms, Limit};
    ///
    /// let limit = Limit::Window { max: 9_600, span_ms: 3_600_000 };
    /// let terms = LeaseTerms::new(limit, Duration::from_secs(30)).unwrap();
    /// assert_eq!([0, 4_800, 9_500].map(|count| terms.share(count, 6)), [100, 50, 1]);
    /// ```
    #[must_use]
    pub fn share(&self, count: u64, parts: u32) -> u64 {
        let left = self.max.saturating_sub(count);
        left.checked_div(IDLE.saturating_mul(u64::from(parts))).unwrap_or(left)
    }
}

/// Units that one part may spend, handed over once.
///
/// It is neither `Clone` nor made by anybody but a [`Pool`]. A store that sends it somewhere writes its
/// four numbers with [`into_parts`](Self::into_parts), and the receiver may get them twice.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "units that are not deposited are spent all the same"]
pub struct Lease {
    number: u64,
    at: Timestamp,
    until: Timestamp,
    units: u64,
}

impl Lease {
    /// How many units it is for.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.units
    }

    /// Its number, when it was made and ends, and its units: to be sent to the part that asked.
    #[must_use]
    pub const fn into_parts(self) -> (u64, Timestamp, Timestamp, u64) {
        (self.number, self.at, self.until, self.units)
    }

    /// What [`into_parts`](Self::into_parts) took apart.
    pub const fn from_parts(number: u64, at: Timestamp, until: Timestamp, units: u64) -> Self {
        Self { number, at, until, units }
    }
}

/// Units of a lease that were not spent, or whose spending was undone.
///
/// It is given to the pool at most once. Where it is not known whether it arrived, it is not sent again:
/// what is lost so is spent, and what arrives twice would be spent twice.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "units that are not taken back stay spent"]
pub struct Unused {
    at: Timestamp,
    units: u64,
}

impl Unused {
    /// When the lease was made, and how many units come back.
    #[must_use]
    pub const fn into_parts(self) -> (Timestamp, u64) {
        (self.at, self.units)
    }

    /// What [`into_parts`](Self::into_parts) took apart.
    pub const fn from_parts(at: Timestamp, units: u64) -> Self {
        Self { at, units }
    }
}

/// Which lease a cost was taken from, to undo it by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent {
    number: u64,
    at: Timestamp,
    cost: u64,
}

/// Where a limit is kept as a whole. It counts what was leased, less what came back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pool {
    meter: Option<Meter>,
    number: u64,
}

impl Pool {
    /// A pool whose meter and latest number a store has kept.
    #[must_use]
    pub const fn from_parts(meter: Meter, number: u64) -> Self {
        Self { meter: Some(meter), number }
    }

    /// The meter, if anything was leased, and the latest lease's number.
    #[must_use]
    pub const fn parts(&self) -> (Option<&Meter>, u64) {
        (self.meter.as_ref(), self.number)
    }

    /// Leases [what is right](LeaseTerms::share) for one of `parts`, and no less than `cost`.
    ///
    /// # Errors
    ///
    /// How long until `cost` can be leased if nothing comes back. Nothing has changed.
    pub fn lease(
        &mut self,
        terms: &LeaseTerms,
        now: Timestamp,
        cost: u64,
        parts: u32,
    ) -> Result<Lease, Duration> {
        let meter = self.meter.get_or_insert_with(|| Meter::fresh(&terms.pool));
        let units = terms.share(meter.count(&terms.pool, now), parts).max(cost);
        meter.charge(&terms.pool, now, units)?;
        // Never one that was in use before, not even where a copy of the pool was restored.
        self.number = self.number.saturating_add(1).max(now.as_millis());
        let until = now + terms.life;
        Ok(Lease { number: self.number, at: now, until, units })
    }

    /// Takes back what a part did not spend.
    pub fn take_back(&mut self, terms: &LeaseTerms, now: Timestamp, unused: Unused) {
        if let Some(meter) = &mut self.meter {
            meter.refund(&terms.pool, now, unused.at, unused.units);
        }
    }

    /// What is spent, or leased and not come back.
    #[must_use]
    pub fn count(&self, terms: &LeaseTerms, now: Timestamp) -> u64 {
        self.meter.as_ref().map_or(0, |meter| meter.count(&terms.pool, now))
    }
}

/// What one part holds of a limit: its latest lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Slice {
    number: u64,
    at: Timestamp,
    until: Timestamp,
    units: u64,
    left: u64,
    /// Leases made until then are void.
    void: Option<Timestamp>,
}

impl Slice {
    /// Puts a lease in place of the one before, and answers what of that one goes back.
    ///
    /// A lease that was deposited before, or is older than the one held, changes nothing: messages may
    /// be doubled or overtake each other, and what comes late is spent unseen.
    pub fn deposit(&mut self, lease: Lease) -> Option<Unused> {
        let voided = self.void.is_some_and(|void| lease.at <= void);
        if lease.number <= self.number || voided {
            return None;
        }
        let unused = self.give_back();
        let Lease { number, at, until, units } = lease;
        *self = Self { number, at, until, units, left: units, void: self.void };
        unused
    }

    /// Takes `cost` out of what is left; `None` if that is less, or the lease has ended.
    pub fn spend(&mut self, now: Timestamp, cost: u64) -> Option<Spent> {
        if now >= self.until {
            return None;
        }
        self.left = self.left.checked_sub(cost)?;
        Some(Spent { number: self.number, at: self.at, cost })
    }

    /// Undoes a spending, once. The units are left again if they are of the lease held; else they go
    /// back to the pool.
    pub fn refund(&mut self, spent: Spent) -> Option<Unused> {
        if spent.number == self.number {
            self.left = self.left.saturating_add(spent.cost).min(self.units);
            return None;
        }
        (spent.cost > 0).then_some(Unused { at: spent.at, units: spent.cost })
    }

    /// Empties the slice; what was left goes back, whether or not the lease has ended.
    ///
    /// The slice must be kept empty before the pool hears of it.
    pub fn give_back(&mut self) -> Option<Unused> {
        let units = std::mem::take(&mut self.left);
        (units > 0).then_some(Unused { at: self.at, units })
    }

    /// Empties the slice, and nothing goes back: for a part that may have forgotten what it spent, after
    /// a restart, a fail-over or a restored copy.
    ///
    /// Leases made until `now` are void too, as they may have been held and forgotten. `now` is no
    /// earlier than by the fastest clock that a lease may have been made by.
    pub fn void(&mut self, now: Timestamp) {
        (self.left, self.units) = (0, 0);
        self.void = Some(self.void.map_or(now, |void| void.max(now)));
    }

    /// Units that can be spent at `now`.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> u64 {
        if now < self.until { self.left } else { 0 }
    }
}
