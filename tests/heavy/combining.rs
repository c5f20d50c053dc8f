//! All orders in which threads can hand events over to a state and read it, tried one after the other.

#[path = "../../src/realm/combining.rs"]
mod tried;

/// Locks whose every meeting loom decides.
mod sync {
    pub(super) use std::sync::{PoisonError, TryLockError};

    pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(super) use loom::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use tried::Combining;

/// What was applied, in order: each event is its thread and its number there.
type Applied = Vec<(usize, usize)>;

/// What a decision misses is less than this.
const MISSED: usize = 2;

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(check);
}

fn of(applied: &Applied, thread: usize) -> Vec<usize> {
    applied.iter().filter(|(by, _)| *by == thread).map(|(_, n)| *n).collect()
}

/// The state, and something that is touched while it is held and before it is asked for: loom tries a
/// lock that is not to be had only where threads meet in something else besides.
struct House {
    state: Combining<Applied, (usize, usize)>,
    beats: AtomicUsize,
}

impl House {
    fn new() -> Arc<Self> {
        let state = Combining::new(Applied::new(), MISSED, |applied: &mut Applied, event| {
            applied.push(event)
        });
        Arc::new(Self { state, beats: AtomicUsize::new(0) })
    }

    fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn tell(&self, by: usize, n: usize) {
        self.beat();
        self.state.hand_over((by, n), |_| self.beat(), |_| ());
    }

    fn judge(&self) -> Applied {
        self.beat();
        let alone = |applied: &mut Applied| applied.clone();
        self.state.decide(alone, |applied| {
            self.beat();
            applied.clone()
        })
    }

    fn decide(&self) -> Applied {
        let applied = self.state.lock();
        self.beat();
        self.beat();
        applied.clone()
    }
}

#[test]
fn every_event_is_applied_once_and_in_its_threads_order() {
    model(|| {
        let house = House::new();
        let other = Arc::clone(&house);
        let telling = thread::spawn(move || (0..2).for_each(|n| other.tell(0, n)));
        // somebody who decides is in the way, and does not look again
        house.decide();
        house.tell(1, 0);
        telling.join().unwrap();
        let applied = house.decide();
        assert_eq!(applied.len(), 3, "{applied:?}");
        assert_eq!((of(&applied, 0), of(&applied, 1)), (vec![0, 1], vec![0]));
    });
}

#[test]
fn whoever_reads_finds_what_he_told() {
    model(|| {
        let house = House::new();
        let other = Arc::clone(&house);
        let telling = thread::spawn(move || {
            (0..2).for_each(|n| other.tell(0, n));
            assert_eq!(of(&other.decide(), 0), [0, 1]);
        });
        house.decide();
        house.decide();
        house.tell(1, 0);
        assert_eq!(of(&house.decide(), 1), [0]);
        telling.join().unwrap();
    });
}

#[test]
fn nobody_who_hands_over_waits_for_whoever_is_busy() {
    model(|| {
        let house = House::new();
        let busy = house.state.lock();
        let other = Arc::clone(&house);
        // it ends although the state is not let go
        let told =
            thread::spawn(move || other.state.hand_over((1, 0), |_| (), |applied| applied.len()));
        assert_eq!(told.join().unwrap(), None);
        assert!(busy.is_empty());
        drop(busy);
        assert_eq!(house.decide(), [(1, 0)]);
    });
}

#[test]
fn a_decision_beside_another_ends_although_that_one_does_not() {
    model(|| {
        let house = House::new();
        let reading = house.state.look();
        let other = Arc::clone(&house);
        let decided = thread::spawn(move || other.state.decide(|_| "alone", |_| "beside"));
        assert_eq!(decided.join().unwrap(), "beside");
        drop(reading);
        assert_eq!(house.state.decide(|_| "alone", |_| "beside"), "alone");
    });
}

#[test]
fn a_decision_misses_less_than_it_may_and_nothing_is_lost() {
    model(|| {
        let house = House::new();
        let other = Arc::clone(&house);
        let deciding = thread::spawn(move || other.judge());
        house.tell(1, 0);
        house.tell(1, 1);
        let seen = of(&house.judge(), 1);
        assert!(2 - seen.len() < MISSED, "{seen:?}");
        deciding.join().unwrap();
        assert_eq!(of(&house.decide(), 1), [0, 1]);
    });
}

#[test]
fn decisions_that_are_never_alone_are_up_to_date_in_the_end() {
    model(|| {
        let house = House::new();
        let other = Arc::clone(&house);
        let reading = house.state.look();
        house.tell(0, 0);
        // two may do without it, the next one waits until nobody reads
        let deciding = thread::spawn(move || [(); 3].map(|()| other.judge().len()));
        house.beat();
        drop(reading);
        assert_eq!(deciding.join().unwrap()[2], 1);
    });
}
