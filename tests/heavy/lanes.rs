//! All orders in which threads can go through the lanes of the memory store, tried one after the other.
//!
//! A call adds one to what it touches by reading and writing apart, with no order of their own: that only
//! adds up if it is alone with it, and sees what the call before it wrote.

#[path = "../../src/store/memory/lanes.rs"]
#[expect(dead_code, reason = "the store's own sizes and its statistics")]
mod tried;

/// Locks whose every meeting loom decides.
mod sync {
    pub(super) use std::sync::{PoisonError, TryLockError};

    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};

    pub(super) const LOOKS: usize = 1;

    /// Whoever looked in vain goes to sleep.
    pub(super) fn spin_loop() {}
}

use loom::model::Builder;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use tried::{Lanes, lock};

const LANES: usize = 2;

struct House {
    lanes: Lanes,
    turn: Mutex<()>,
    counts: [AtomicUsize; LANES],
}

impl House {
    fn new(sharable: usize, meetings: u32) -> Self {
        let counts = std::array::from_fn(|_| AtomicUsize::new(0));
        Self { lanes: Lanes::of(LANES, sharable, meetings), turn: Mutex::new(()), counts }
    }

    /// Touches `names` in their order, whatever the order of their lanes is.
    fn call(&self, names: &[usize]) {
        let mut lanes = names.to_vec();
        lanes.sort_unstable();
        let taken = self.lanes.take(lanes);
        let mut turn = None;
        for name in names {
            if self.lanes.is_shared(*name) && turn.is_none() {
                turn = Some(lock(&self.turn).0);
            }
            let seen = self.counts[*name].load(Ordering::Relaxed);
            self.counts[*name].store(seen + 1, Ordering::Relaxed);
        }
        drop((turn, taken));
    }
}

/// Every thread makes its calls one after the other, and all together add up.
fn adds_up(sharable: usize, meetings: u32, threads: &'static [&'static [&'static [usize]]]) {
    let mut model = Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let house = Arc::new(House::new(sharable, meetings));
        let running: Vec<_> = threads
            .iter()
            .map(|calls| {
                let house = Arc::clone(&house);
                thread::spawn(move || calls.iter().for_each(|names| house.call(names)))
            })
            .collect();
        running.into_iter().for_each(|one| one.join().unwrap());
        for lane in 0..LANES {
            let calls = threads.iter().copied().flatten();
            let wanted = calls.filter(|names| names.contains(&lane)).count();
            assert_eq!(house.counts[lane].load(Ordering::Relaxed), wanted);
        }
    });
}

#[test]
fn a_lane_becomes_shared_between_any_two_steps_of_others() {
    adds_up(LANES, 1, &[&[&[0], &[0]], &[&[0], &[0]]]);
    adds_up(LANES, 1, &[&[&[0]], &[&[0]], &[&[0]]]);
}

#[test]
fn calls_of_several_lanes_wait_in_no_circle() {
    adds_up(LANES, 1, &[&[&[0, 1], &[1]], &[&[1, 0]]]);
    adds_up(1, 1, &[&[&[0, 1], &[1, 0]], &[&[1, 0], &[0, 1]]]);
}

#[test]
fn where_nothing_may_be_shared_lanes_alone_do() {
    adds_up(0, 1, &[&[&[0, 1], &[1]], &[&[1, 0], &[0]]]);
}
