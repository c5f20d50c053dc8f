//! [`Lanes`]: who may touch what, so that calls that have nothing in common do not wait for each other.
//!
//! What a call touches lies in lanes. It takes its own lanes before it looks at anything, in ascending
//! order, and keeps them to its end. What calls have in common (a budget, a country, a realm's counts)
//! would make all of them wait there for the whole of each other's work, so a lane that calls keep
//! meeting in becomes a *shared* one, for good: what lies in it belongs to whoever has the realm's
//! turn, which a call takes last and keeps for the arithmetic on it alone.
//!
//! **Nobody is ever in a lane twice.** Whoever holds a lane that is not shared, or the turn where it
//! is, is alone with the realm's part of it. A lane becomes shared only under its own lock, by a call
//! that has not touched it yet and goes on with the turn, so never while another is in it; and it never
//! changes back. **Nobody waits in a circle**: lanes are taken in one
//! order, and turns after them, one for each call.
//!
//! `tests/heavy/lanes.rs` tries all orders in which threads can go through this file.

use super::sync::{
    AtomicBool, LOOKS, Mutex, MutexGuard, Ordering, PoisonError, TryLockError, spin_loop,
};

/// Lanes there are: with 16 calls at a time and a dozen lanes a call, one visit in 23 finds another call
/// there by chance if nobody ever leaves the store, and one in 90 if calls are a quarter of the work.
pub(super) const LANES: usize = 4_096;

/// From so many meetings on, and from so large a share of all visits, a lane is shared. Chance
/// alone stays below it: see [`LANES`].
const MEETINGS: u32 = 16;
const SHARE: u32 = 16;

/// At most one lane in so many is shared: beyond that calls would wait in the turn for what they do
/// not share. Those that are there from the start are what a realm has in common.
const SHARED_OF: usize = 8;

/// Lanes a call usually has.
const FEW: usize = 24;

#[derive(Debug, Default)]
struct Lane {
    shared: AtomicBool,
    visits: Mutex<Visits>,
}

/// How many calls came through a lane lately, and how many found another in it.
#[derive(Debug, Default)]
pub(super) struct Visits {
    all: u32,
    met: u32,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Box<[Lane]>,
    /// What is left of the lanes that may be shared.
    sharable: Mutex<usize>,
    meetings: u32,
}

/// The lanes that a call has. They are free again when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Taken<'a> {
    few: [Option<MutexGuard<'a, Visits>>; FEW],
    more: Vec<MutexGuard<'a, Visits>>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self::of(LANES, LANES / SHARED_OF, MEETINGS)
    }

    /// So many lanes, of which so many may be shared, each after so many meetings.
    pub(super) fn of(lanes: usize, sharable: usize, meetings: u32) -> Self {
        let lanes = std::iter::repeat_with(Lane::default).take(lanes).collect();
        Self { lanes, sharable: Mutex::new(sharable), meetings }
    }

    /// Whether what lies in `lane` belongs to whoever has the turn. Does not change while the caller has
    /// what it took.
    pub(super) fn is_shared(&self, lane: usize) -> bool {
        // Acquire: whoever sees a lane shared sees what was written under its lock before.
        self.lanes.get(lane).is_none_or(|lane| lane.shared.load(Ordering::Acquire))
    }

    /// How many lanes are shared.
    #[cfg(test)]
    pub(super) fn shared(&self) -> usize {
        (0..self.lanes.len()).filter(|lane| self.is_shared(*lane)).count()
    }

    /// Makes `lane` a shared one before anybody uses it.
    #[cfg(test)]
    pub(super) fn share(&self, lane: usize) {
        if let Some(lane) = self.lanes.get(lane) {
            lane.shared.store(true, Ordering::Release);
        }
    }

    /// Takes `lanes`, which must ascend, except for those that are shared or become it.
    pub(super) fn take(&self, lanes: impl IntoIterator<Item = usize>) -> Taken<'_> {
        let mut taken = Taken::default();
        let mut count = 0_usize;
        for lane in lanes.into_iter().filter_map(|lane| self.lanes.get(lane)) {
            let Some(guard) = self.enter(lane) else { continue };
            match taken.few.get_mut(count) {
                Some(place) => *place = Some(guard),
                None => taken.more.push(guard),
            }
            count = count.saturating_add(1);
        }
        taken
    }

    /// The lane's lock, unless it is shared.
    fn enter<'a>(&self, lane: &'a Lane) -> Option<MutexGuard<'a, Visits>> {
        if lane.shared.load(Ordering::Acquire) {
            return None;
        }
        let (mut visits, met) = lock(&lane.visits);
        // Meanwhile whoever had it may have shared it: then it is not needed.
        if lane.shared.load(Ordering::Acquire) {
            return None;
        }
        visits.all = visits.all.saturating_add(1);
        if met {
            visits.met = visits.met.saturating_add(1);
            let often =
                visits.met >= self.meetings && visits.met.saturating_mul(SHARE) >= visits.all;
            if often && self.may_share() {
                lane.shared.store(true, Ordering::Release);
                return None;
            }
        }
        // What was long ago says nothing.
        if visits.all >= 4_096 {
            *visits = Visits::default();
        }
        Some(visits)
    }

    fn may_share(&self) -> bool {
        let (mut left, _) = lock(&self.sharable);
        match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                true
            }
            None => false,
        }
    }
}

/// Waits for `lock`, and whether somebody had it.
pub(super) fn lock<T>(lock: &Mutex<T>) -> (MutexGuard<'_, T>, bool) {
    for look in 0..LOOKS {
        match lock.try_lock() {
            Ok(guard) => return (guard, look > 0),
            // A thread that panicked in its turn left nothing half done that is worse than refusing.
            Err(TryLockError::Poisoned(poisoned)) => return (poisoned.into_inner(), look > 0),
            Err(TryLockError::WouldBlock) => (0..16).for_each(|_| spin_loop()),
        }
    }
    (lock.lock().unwrap_or_else(PoisonError::into_inner), true)
}
