//! [`MemoryStore`]: everything in this process's memory, within a fixed bound.

mod lanes;
mod papers;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod touched;
mod view;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use async_trait::async_trait;
use dashmap::DashMap;

use crate::base::time::{Clock, Timestamp};
use crate::store::verbs::{self, Challenge, Moment, Once};
use crate::store::{
    Admission, Admitted, ClockCheck, Document, Redeemed, Redemption, Settlement, SteadyClock,
    Store, StoreError, StoreErrorKind, Tallies, TallyQuery,
};

use lanes::Lanes;
use papers::Journal;
use subject::Subject;
use table::{Key, Mask, Room, Table};
use touched::Touched;
use view::View;

/// A [`Store`] in this process's memory.
///
/// For one process, and for hosts that can bear what a restart means. It
///
/// - **forgets everything when the process ends.** Codes in flight then read as unknown, which is
///   safe. Counters start at zero, which is not: after each restart an attacker may spend every
///   limit once more, budgets included. Who can make a process restart, or runs several of them,
///   needs a store outside of it.
/// - **knows this process only.** Two processes with a memory store each grant every limit twice.
/// - **never evicts what is live.** It holds at most [`capacity`](MemoryStoreBuilder::capacity)
///   entries. When they are all taken, it drops what has expired, then answers
///   [`Full`](StoreErrorKind::Full) to calls that need a new entry, while calls on existing entries
///   go on. A flood therefore costs new visitors their service, and nobody a limit.
///
/// Each call is one step. Calls that have nothing in common do not wait for each other; what they do
/// have in common (a budget, a country) is counted exactly, one call after the other, each for the
/// time of the arithmetic. No lock is held across an `await`. Expired entries are dropped a few at a time by the
/// calls themselves, by the calls' `now`; there is no thread.
///
/// ```
/// use otpgate::store::MemoryStore;
///
/// let store = MemoryStore::builder().capacity(100_000).build();
/// assert_eq!((store.entries(), store.capacity()), (0, 100_000));
/// ```
pub struct MemoryStore {
    /// What each call has for itself.
    lanes: Lanes,
    /// What a realm's calls share: one for each realm, or for a few that have it in common by chance.
    turns: Box<[Mutex<()>]>,
    subjects: Table<Subject>,
    challenges: Table<Challenge>,
    once: Table<Once>,
    documents: DashMap<Key, Document>,
    journals: Table<Journal>,
    room: Room,
    clock: SteadyClock,
    broom: Mutex<Broom>,
}

/// How a [`MemoryStore`] is set up.
#[derive(Debug)]
#[must_use]
pub struct MemoryStoreBuilder {
    capacity: usize,
    clock: SteadyClock,
}

impl MemoryStore {
    /// A store of the default [`capacity`](MemoryStoreBuilder::capacity).
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets up a store.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder { capacity: DEFAULT_CAPACITY, clock: SteadyClock::default() }
    }

    /// How many entries it holds, expired ones included until they are dropped.
    ///
    /// An entry is a subject with all its meters and marks, a challenge, a nonce, a remembered
    /// admission, a document, a journal, or an entry of a journal.
    pub fn entries(&self) -> usize {
        self.room.taken()
    }

    /// How many entries it may hold.
    pub fn capacity(&self) -> usize {
        self.room.capacity()
    }

    /// All bytes it holds, to search them for what must not be there.
    #[cfg(any(test, feature = "testing"))]
    pub fn dump(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let key = |bytes: &mut Vec<u8>, key: Key| {
            key.bytes().iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        };
        self.subjects.each(|name, subject| {
            key(&mut bytes, name);
            bytes.extend(subject.to_bytes());
        });
        self.challenges.each(|name, challenge| {
            key(&mut bytes, name);
            challenge.write(&mut bytes);
        });
        self.once.each(|name, once| {
            key(&mut bytes, name);
            bytes.extend(once.bits().to_le_bytes());
        });
        for document in &self.documents {
            key(&mut bytes, *document.key());
            bytes.extend(&document.content);
        }
        self.journals.each(|name, journal| {
            key(&mut bytes, name);
            journal.dump(&mut bytes);
        });
        bytes
    }
}

/// See [`MemoryStoreBuilder::capacity`] for the arithmetic.
const DEFAULT_CAPACITY: usize = 4_000_000;

impl MemoryStoreBuilder {
    /// How many entries the store may hold; by default 4 000 000.
    ///
    /// A number that is sent one code takes about six entries (itself, its session, the challenge,
    /// the remembered admission, one or two nonces) and 480 bytes. Four million entries are
    /// therefore 350 MB at the most, and 650 000 numbers within the longest window, which is a day
    /// by default: seven codes a second, day and night. A number whose code was entered keeps one entry
    /// for 90 days, by which it is known; one that was only guessed at, for 31. Add one for each.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// The clock that calls are held to, where they are [checked](ClockCheck); by default the
    /// system's. Tests give the clock that their gates have.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SteadyClock::new(clock);
        self
    }

    /// The store.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        // Small enough that sweeping a segment takes microseconds, and few enough that an empty
        // store is small.
        let segments = (self.capacity / 4_096).next_power_of_two().clamp(4, 64);
        MemoryStore {
            lanes: Lanes::new(),
            turns: std::iter::repeat_with(Mutex::default).take(64).collect(),
            subjects: Table::new(segments),
            challenges: Table::new(segments),
            once: Table::new(segments),
            documents: DashMap::default(),
            journals: Table::new(JOURNALS),
            room: Room::new(self.capacity),
            clock: self.clock,
            broom: Mutex::default(),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        let touched = Touched::by(Mask::of(admission.realm)).admission(admission);
        self.step(admission.now, admission.clock, touched, |view| verbs::admit(view, admission))
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let touched = Touched::by(Mask::of(settlement.realm)).settlement(settlement);
        self.step(settlement.now, settlement.clock, touched, |view| verbs::settle(view, settlement))
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        let touched = Touched::by(Mask::of(redemption.realm)).redemption(redemption);
        self.step(redemption.now, redemption.clock, touched, |view| verbs::redeem(view, redemption))
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let touched = Touched::by(Mask::of(query.realm)).tally(query);
        self.step(query.now, query.clock, touched, |view| verbs::tally(view, query))
    }
}

/// What locks are made of: a test brings its own.
mod sync {
    pub(super) use std::hint::spin_loop;
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

    /// How often a call looks whether it may go on before it goes to sleep: about 20 µs. A call is a
    /// few microseconds of arithmetic, and waking a thread takes longer than that.
    pub(super) const LOOKS: usize = 64;
}

/// Why a step did nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Undone {
    Full,
    Unreadable,
}

/// What is left to sweep.
#[derive(Debug, Default)]
struct Broom {
    next: usize,
    /// How many entries the calls so far should have looked at, less those they have.
    due: i64,
    /// The minute of the latest sweep, and how many segments in a row had nothing to drop in it.
    minute: u64,
    fruitless: usize,
}

/// How many entries a call looks at for having expired: a call leaves about six, so that less than
/// half of what is held has expired once the store is half full.
const SWEPT_BY_A_CALL: i64 = 8;
const SWEPT_BY_A_CALL_WHEN_HALF_FULL: i64 = 32;

/// How many entries a call looks at when there is no room.
const SWEPT_FOR_ROOM: usize = 8_192;

/// How many entries a look at a segment of journals drops: about 50 µs.
const PRUNED_BY_A_LOOK: usize = 1_024;

/// Subjects, challenges, and what is used once.
const TABLES: usize = 3;

/// Segments of journals: there is one journal for each realm, and the broom is to spend its looks on entries.
const JOURNALS: usize = 4;

impl MemoryStore {
    /// Takes `step`, after making room for it if there is none.
    fn step<T>(
        &self,
        now: Timestamp,
        clock: ClockCheck,
        mut touched: Touched,
        step: impl Fn(&View<'_>) -> Result<T, Undone>,
    ) -> Result<T, StoreError> {
        self.clock.judge(clock, now)?;
        let at = Moment::of(now, clock);
        let mut taken = step(&View::of(self, &mut touched));
        if let Err(Undone::Full) = taken
            && self.make_room(at)
        {
            taken = step(&View::of(self, &mut touched));
        }
        self.sweep_a_little(at);
        taken.map_err(|undone| match undone {
            Undone::Full => {
                StoreError::new(StoreErrorKind::Full, "every entry of the capacity is live")
            }
            Undone::Unreadable => {
                StoreError::new(StoreErrorKind::Corrupt, "a subject does not read back")
            }
        })
    }

    /// Waits for the turn of `mask`'s realm. While it is held, no other call sees or changes what the
    /// realm's calls share, whatever maps it is spread over.
    fn turn(&self, mask: &Mask) -> Option<MutexGuard<'_, ()>> {
        let index = usize::try_from(mask.spread() & 63).unwrap_or(0);
        self.turns.get(index).map(|turn| lanes::lock(turn).0)
    }

    fn sweep_a_little(&self, at: Moment) {
        let mut broom = match self.broom.try_lock() {
            Ok(broom) => broom,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody is sweeping already.
            Err(TryLockError::WouldBlock) => return,
        };
        let half = self.room.capacity() / 2;
        let share =
            if self.room.taken() < half { SWEPT_BY_A_CALL } else { SWEPT_BY_A_CALL_WHEN_HALF_FULL };
        broom.due = broom.due.saturating_add(share);
        if broom.due > 0 {
            let (held, _) = self.sweep_next(&mut broom, at);
            // An empty segment has its price too.
            let looked_at = i64::try_from(held).unwrap_or(i64::MAX).saturating_add(64);
            broom.due = broom.due.saturating_sub(looked_at);
        }
    }

    /// Whether anything could be dropped.
    fn make_room(&self, at: Moment) -> bool {
        let mut broom = self.broom.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut looked_at, mut dropped) = (0_usize, 0_usize);
        // Entries expire by the minute: once all were looked at in vain, the next minute may help.
        while !self.is_barren(&broom, at.now) && looked_at < SWEPT_FOR_ROOM && dropped < 64 {
            let (held, gone) = self.sweep_next(&mut broom, at);
            looked_at = looked_at.saturating_add(held);
            dropped = dropped.saturating_add(gone);
        }
        dropped > 0
    }

    fn is_barren(&self, broom: &Broom, now: Timestamp) -> bool {
        broom.minute == now.as_millis() / 60_000 && broom.fruitless >= self.segments()
    }

    fn segments(&self) -> usize {
        self.tables().saturating_add(self.journals.segments())
    }

    fn tables(&self) -> usize {
        self.subjects.segments().saturating_mul(TABLES)
    }

    fn sweep_next(&self, broom: &mut Broom, at: Moment) -> (usize, usize) {
        let now = at.now;
        let journal = broom.next.checked_sub(self.tables());
        let segment = broom.next / TABLES;
        let (held, dropped) = match (journal, broom.next % TABLES) {
            (Some(segment), _) => self.prune_journals(segment, at),
            (None, 0) => self.subjects.sweep(segment, now),
            (None, 1) => self.challenges.sweep(segment, now),
            (None, _) => self.once.sweep(segment, now),
        };
        // A segment of journals that had more to drop is looked at again.
        if journal.is_none() || dropped < PRUNED_BY_A_LOOK {
            broom.next = broom.next.saturating_add(1);
            if broom.next >= self.segments() {
                broom.next = 0;
            }
        }
        self.room.give_back(dropped);
        let minute = now.as_millis() / 60_000;
        if dropped > 0 || broom.minute != minute {
            broom.fruitless = 0;
        }
        broom.minute = minute;
        broom.fruitless = broom.fruitless.saturating_add(usize::from(dropped == 0));
        (held, dropped)
    }

    /// Drops what is over in the journals of one segment, whose realms may never call again: how many
    /// entries it looked at, and how many it dropped.
    fn prune_journals(&self, segment: usize, at: Moment) -> (usize, usize) {
        let mut dropped = 0_usize;
        let journals = self.journals.retain(segment, |journal| {
            let most = PRUNED_BY_A_LOOK.saturating_sub(dropped);
            dropped = dropped.saturating_add(journal.prune(at, most));
            true
        });
        (journals.saturating_add(dropped), dropped)
    }
}
