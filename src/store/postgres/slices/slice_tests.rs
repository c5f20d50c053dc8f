//! What slices promise: never too late, and too early by no more than said.

#![allow(clippy::arithmetic_side_effects, reason = "a sum that overflows fails its test")]

use proptest::prelude::*;

use super::*;
use crate::limit::{Limit, Meter};

const T0: u64 = 1_800_000_000_000;
const SPAN: u64 = 120_000;

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Act {
    /// A call of a process under one of two limits, which charges ahead if that is worth it.
    Call {
        process: usize,
        wide: bool,
        cost: u64,
        behind: u64,
        refused: bool,
    },
    /// A call takes units, and is refused only later.
    Take {
        process: usize,
        wide: bool,
        cost: u64,
    },
    /// One of those is refused at last.
    PutBack {
        which: usize,
    },
    /// What a process holds goes back, or is lost with it.
    Close {
        process: usize,
        lost: bool,
    },
    /// A text that did not go out.
    Refund {
        which: usize,
    },
    Later {
        by: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let process = || 0..4_usize;
    prop_oneof![
        30 => (process(), any::<bool>(), 0..4_u64, prop_oneof![3 => Just(0), 1 => 0..3_000_u64], 0..8_u8)
            .prop_map(|(process, wide, cost, behind, refused)| Act::Call {
                process, wide, cost, behind, refused: refused == 0
            }),
        6 => (process(), any::<bool>(), 0..4_u64)
            .prop_map(|(process, wide, cost)| Act::Take { process, wide, cost }),
        6 => (0..64_usize).prop_map(|which| Act::PutBack { which }),
        1 => (process(), any::<bool>()).prop_map(|(process, lost)| Act::Close { process, lost }),
        2 => (0..64_usize).prop_map(|which| Act::Refund { which }),
        3 => prop_oneof![Just(1), 0..100_u64, 0..3_000_u64, 0..40_000_u64]
            .prop_map(|by| Act::Later { by }),
    ]
}

/// A deployment of four processes on one row, and the truth about what it granted.
struct Deployment {
    now: u64,
    row: Meter,
    processes: Vec<Slice>,
    ids: u8,
    /// When, how much, and under which limit.
    granted: Vec<(u64, u64, bool)>,
    /// What is taken by calls that are yet to be refused, and of which process.
    taken: Vec<(usize, Spent)>,
    maxima: [u64; 2],
}

impl Deployment {
    fn new(maxima: [u64; 2]) -> Self {
        let processes = (0..4).map(|_| Slice::default()).collect();
        let row = Meter::fresh(&window(1));
        Self { now: T0, row, processes, ids: 0, granted: Vec::new(), taken: Vec::new(), maxima }
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now - T0)
    }

    fn take_back(&mut self, unspent: Option<Unspent>) {
        if let Some(Unspent { at, units, .. }) = unspent {
            let now = Timestamp::from_millis(self.now);
            self.row.refund(&window(u64::MAX), now, at, units);
        }
    }

    /// As [`PostgresStore`](crate::store::PostgresStore) does it, the row in place of the server.
    fn call(&mut self, process: usize, wide: bool, cost: u64, behind: u64, refused: bool) -> bool {
        let (time, elapsed, max) =
            (self.now - behind, self.elapsed(), self.maxima[usize::from(wide)]);
        let now = Timestamp::from_millis(time);
        for ahead in [true, false] {
            let slice = &mut self.processes[process];
            if let Some(spent) = slice.spend(max, SPAN, now, cost) {
                if refused {
                    slice.put_back(spent, SPAN);
                    return false;
                }
                slice.keep(spent);
                self.granted.push((time, cost, wide));
                return true;
            }
            match slice.wants(max, now, cost, 4) {
                Some(units) if ahead => match self.row.charge(&window(max), now, units) {
                    Ok(count) => {
                        self.ids = self.ids.wrapping_add(1);
                        let by = RequestId::from_bytes([self.ids; 16]);
                        let before = slice.hold(by, now, units, count, elapsed);
                        self.take_back(before);
                    }
                    Err(_) => slice.hear(self.row.count(&window(max), now), now),
                },
                _ => {
                    if slice.is_in_the_way(max, cost) {
                        let before = slice.close(elapsed);
                        self.take_back(before);
                    }
                    break;
                }
            }
        }
        let paid = !refused && self.row.charge(&window(max), now, cost).is_ok();
        self.processes[process].hear(self.row.count(&window(max), now), now);
        if paid {
            self.granted.push((time, cost, wide));
        }
        paid
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Call { process, wide, cost, behind, refused } => {
                self.call(process, wide, cost, behind, refused);
            }
            Act::Take { process, wide, cost } => {
                let (now, max) = (Timestamp::from_millis(self.now), self.maxima[usize::from(wide)]);
                let spent = self.processes[process].spend(max, SPAN, now, cost);
                self.taken.extend(spent.map(|spent| (process, spent)));
            }
            Act::PutBack { which } => {
                if !self.taken.is_empty() {
                    let (process, spent) = self.taken.remove(which % self.taken.len());
                    self.processes[process].put_back(spent, SPAN);
                }
            }
            Act::Close { process, lost } => {
                let elapsed = self.elapsed();
                let unspent = self.processes[process].close(elapsed);
                self.take_back(unspent.filter(|_| !lost));
            }
            Act::Refund { which } => {
                if !self.granted.is_empty() {
                    let which = which % self.granted.len();
                    let (time, cost, _) = self.granted.remove(which);
                    let at = |time| Timestamp::from_millis(time);
                    self.row.refund(&window(u64::MAX), at(self.now), at(time), cost);
                }
            }
            Act::Later { by } => {
                self.now += by;
                // As somebody looks after it, by the time that has passed.
                let elapsed = self.elapsed();
                for process in 0..4 {
                    let unspent = self.processes[process].close_if_over(elapsed);
                    self.take_back(unspent);
                }
            }
        }
    }

    /// Whether more was granted by a limit in some span than it allows.
    fn exceeded(&self) -> Option<String> {
        for (wide, max) in [(false, self.maxima[0]), (true, self.maxima[1])] {
            for (end, _, _) in &self.granted {
                let within = |time: u64| time <= *end && time + SPAN > *end;
                // What the wider limit granted counts for those that are judged by it.
                let of = self.granted.iter().filter(|(time, _, by)| within(*time) && (wide || !by));
                let sum: u64 = of.map(|(_, cost, _)| cost).sum();
                if sum > max {
                    return Some(format!("{sum} of {max} by {end}"));
                }
            }
        }
        None
    }
}

fn window(max: u64) -> Limit {
    Limit::Window { max, span_ms: SPAN }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_limit_is_ever_exceeded(
        acts in prop::collection::vec(act(), 1..400),
        narrow in 1_000_u64..3_000, wider in 0_u64..3_000, scale in 1_u64..20,
    ) {
        let mut deployment = Deployment::new([narrow, narrow + wider]);
        for act in &acts {
            // Larger costs, so that a few hundred acts use the limits up.
            let act = match act.clone() {
                Act::Call { process, wide, cost, behind, refused } => {
                    Act::Call { process, wide, cost: cost * scale, behind, refused }
                }
                Act::Take { process, wide, cost } => Act::Take { process, wide, cost: cost * scale },
                other => other,
            };
            deployment.act(&act);
        }
        prop_assert_eq!(deployment.exceeded(), None);
    }

    #[test]
    fn what_lies_idle_is_a_sixteenth_of_what_was_left(
        max in 1_000_u64..1 << 40, spent in 0_u64..1 << 40, cost in 1_u64..100, next in any::<u64>(),
    ) {
        let now = Timestamp::from_millis(T0);
        let left = max.saturating_sub(spent);
        let mut slice = Slice { next, ..Slice::default() };
        prop_assert_eq!(slice.wants(max, now, cost, 4), None, "nobody has looked");
        slice.hear(spent, now);
        match slice.wants(max, now, cost, 4) {
            Some(units) => prop_assert!(units * 4 <= left / 16 && units >= 16 * cost),
            None => prop_assert!(left / 64 < 16 * cost),
        }
    }
}

#[test]
fn four_processes_use_a_limit_up() {
    let mut deployment = Deployment::new([4_000, 4_000]);
    let mut granted = 0;
    for turn in 0..8_000 {
        granted += u64::from(deployment.call(turn % 4, true, 1, 0, false));
    }
    let idle: u64 = deployment.processes.iter().map(Slice::left).sum();
    assert_eq!(granted + idle, 4_000, "what is not granted is held");
    assert!(idle <= 4_000 / 16, "{idle}");
    // The processes give back what they do not use.
    deployment.act(&Act::Later { by: 2_000 });
    for turn in 0..8_000 {
        granted += u64::from(deployment.call(turn % 4, true, 1, 0, false));
    }
    assert_eq!(granted, 4_000);
}

#[test]
fn counts_are_told_by_whoever_took_them_ahead() {
    let now = Timestamp::from_millis(T0);
    let mut slices = [Slice::default(), Slice::default()];
    let (mut row, mut told) = (0, Vec::new());
    for turn in 0..3_000_u64 {
        let slice = &mut slices[usize::from(turn % 3 == 0)];
        slice.hear(row, now);
        if let Some(spent) = slice.spend(1 << 40, SPAN, now, 1) {
            told.push(spent.count);
            continue;
        }
        row += 20;
        let by = RequestId::from_bytes([u8::try_from(turn % 251).unwrap(); 16]);
        assert_eq!(slice.hold(by, now, 20, row, Duration::ZERO), None, "it was spent to the last");
        told.push(slice.spend(1 << 40, SPAN, now, 1).unwrap().count);
    }
    told.sort_unstable();
    let all: Vec<u64> = (1..=row).filter(|count| told.binary_search(count).is_ok()).collect();
    assert_eq!(told, all, "each once");
    assert!(row - told.len() as u64 <= 40, "none is passed over");
}

#[test]
fn a_slice_ends_with_its_bucket() {
    let (mut slice, span) = (Slice::default(), 3_600_000);
    let at = |ms| Timestamp::from_millis(T0 + ms);
    // Half a second before the minute in which the row counts it ends.
    slice.hold(RequestId::default(), at(59_500), 100, 100, Duration::ZERO);
    assert!(slice.spend(1_000, span, at(59_999), 1).is_some());
    assert!(slice.spend(1_000, span, at(59_000), 1).is_some(), "by a clock that is behind");
    assert!(slice.spend(1_000, span, at(60_000), 1).is_none());
    assert!(slice.spend(99, span, at(59_999), 1).is_none(), "under a limit that the row passed");
    assert!(slice.spend(1_000, span, at(59_999), 99).is_none(), "more than is left");
    assert_eq!(slice.left(), 98);
}

const DAY: u64 = 86_400_000;

/// A slice of a hundred units, which brought the row to `count`.
fn hundred(count: u64) -> Slice {
    let mut slice = Slice::default();
    slice.hold(RequestId::default(), Timestamp::from_millis(T0), 100, count, Duration::ZERO);
    slice
}

#[test]
fn a_slice_lives_two_seconds_by_the_calls_and_by_its_process() {
    let (mut slice, at) = (hundred(100), |ms| Timestamp::from_millis(T0 + ms));
    let one = slice.spend(1_000, DAY, at(1_999), 1).unwrap();
    assert!(slice.spend(1_000, DAY, at(2_000), 1).is_none());
    // A call on its way may yet be refused.
    assert_eq!(slice.close_if_over(LIFE), None);
    slice.keep(one);
    assert_eq!(slice.close_if_over(Duration::from_millis(1_999)), None);
    let back = slice.close_if_over(LIFE).unwrap();
    assert_eq!((back.at, back.units, back.age), (at(0), 99, LIFE));
    assert!(!slice.holds());
    // What was heard of the row is believed for as long.
    assert!(slice.wants(1 << 40, at(1_999), 1, 2).is_some());
    assert_eq!(slice.wants(1 << 40, at(2_000), 1, 2), None);
}

#[test]
fn what_is_put_back_late_comes_to_the_units_of_its_bucket() {
    let (mut slice, now) = (hundred(100), Timestamp::from_millis(T0));
    let ninety = slice.spend(1_000, DAY, now, 90).unwrap();
    let ten = slice.spend(1_000, DAY, now, 10).unwrap();
    // All are taken by calls on their way, so that others charge ahead anew.
    assert_eq!(slice.hold(RequestId::from_bytes([1; 16]), now, 100, 200, Duration::ZERO), None);
    let five = slice.spend(1_000, DAY, now, 5).unwrap();
    assert_eq!(five.count, 105);
    slice.put_back(ninety, DAY);
    assert_eq!(slice.left(), 185);
    slice.put_back(five, DAY);
    assert_eq!(slice.left(), 190);
    let all = slice.spend(200, DAY, now, 190).unwrap();
    assert_eq!(all.count, 200, "no more than the row says");
    assert!(slice.spend(1_000, DAY, now, 1).is_none());
    slice.put_back(all, DAY);
    let back = slice.close(Duration::ZERO).unwrap();
    assert_eq!((back.by, back.units), (RequestId::from_bytes([1; 16]), 190));
    // Where nothing is held, or what is held counts in another bucket of the row, it stays spent.
    slice.put_back(ten, DAY);
    let later = Timestamp::from_millis(T0 + DAY / 60);
    slice.hold(RequestId::from_bytes([2; 16]), later, 100, 300, Duration::ZERO);
    slice.put_back(ten, DAY);
    assert_eq!(slice.left(), 100);
}

#[test]
fn a_call_that_never_ends_does_not_keep_units_for_ever() {
    let (mut slice, now) = (hundred(100), Timestamp::from_millis(T0));
    assert!(slice.spend(1_000, DAY, now, 1).is_some());
    assert_eq!(slice.close_if_over(LONGEST - Duration::from_millis(1)), None);
    assert_eq!(slice.close_if_over(LONGEST).unwrap().units, 99);
}

#[test]
fn what_is_used_up_tells_no_count_and_is_in_nobody_s_way() {
    let (mut slice, now) = (hundred(1_000), Timestamp::from_millis(T0));
    assert!(slice.is_in_the_way(1_000, 100) && !slice.is_in_the_way(1_000, 101));
    assert!(slice.spend(1_000, DAY, now, 100).is_some());
    assert_eq!(slice.spend(1_000, DAY, now, 0), None, "its count was told");
    assert!(!slice.is_in_the_way(1_000, 1));
}
