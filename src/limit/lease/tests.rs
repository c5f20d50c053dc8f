//! The two sentences that leases promise: never too late, and too early by no more than said.

#![allow(clippy::arithmetic_side_effects, reason = "a sum that overflows fails its test")]

use std::time::Duration;

use proptest::prelude::*;

use super::{IDLE, Lease, LeaseTerms, Limit, Pool, Slice, Spent};
use crate::base::time::Timestamp;

const T0: u64 = 1_800_000_000_000;

fn at(time: u64) -> Timestamp {
    Timestamp::from_millis(time)
}

/// What may happen to a deployment, in any order.
#[derive(Clone, Debug)]
enum Act {
    /// A part has a call: it spends, or leases as much as is right and spends of that.
    Call {
        part: usize,
        cost: u64,
        behind: u64,
    },
    /// A lease is made and is under way; it arrives with some later act, or never.
    Ask {
        part: usize,
        cost: u64,
    },
    /// A lease under way arrives, and perhaps again later.
    Arrive {
        which: usize,
        again: bool,
    },
    GiveBack {
        part: usize,
    },
    /// What was emptied never gets to the pool.
    LoseUnused {
        part: usize,
    },
    Refund {
        which: usize,
    },
    /// A copy of the part is made.
    Copy {
        part: usize,
    },
    /// The copy is restored, which shows and voids the slice.
    Restore {
        part: usize,
    },
    /// The part is gone, with all it held.
    Lose {
        part: usize,
    },
    /// The deployment has so many parts from now on; those beyond give back, or are lost.
    Resize {
        parts: usize,
        lost: bool,
    },
    Later {
        by: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let part = || 0..6_usize;
    prop_oneof![
        8 => (part(), 1..4_u64, prop_oneof![3 => Just(0), 1 => 0..3_000_u64])
            .prop_map(|(part, cost, behind)| Act::Call { part, cost, behind }),
        2 => (part(), 1..4_u64).prop_map(|(part, cost)| Act::Ask { part, cost }),
        2 => (0..8_usize, any::<bool>()).prop_map(|(which, again)| Act::Arrive { which, again }),
        1 => part().prop_map(|part| Act::GiveBack { part }),
        1 => part().prop_map(|part| Act::LoseUnused { part }),
        2 => (0..64_usize).prop_map(|which| Act::Refund { which }),
        1 => part().prop_map(|part| Act::Copy { part }),
        1 => part().prop_map(|part| Act::Restore { part }),
        1 => part().prop_map(|part| Act::Lose { part }),
        1 => (1..7_usize, any::<bool>()).prop_map(|(parts, lost)| Act::Resize { parts, lost }),
        4 => prop_oneof![Just(1), 0..100_u64, 0..3_000_u64, 0..40_000_u64]
            .prop_map(|by| Act::Later { by }),
    ]
}

fn limits() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (1..40_u64, 1..20_000_u64).prop_map(|(max, span_ms)| Limit::Window { max, span_ms }),
        (1..4_000_u64, 1..20_000_u64).prop_map(|(max, span_ms)| Limit::Budget { max, span_ms }),
        (1..2_000_u64, 1..40_u64)
            .prop_map(|(interval_ms, burst)| Limit::Spacing { interval_ms, burst }),
        (1..40_u64, 1..2_000_u64).prop_map(|(max, drain_ms)| Limit::Unverified { max, drain_ms }),
    ]
}

/// A deployment, and the truth about what it spent.
struct Deployment {
    limit: Limit,
    terms: LeaseTerms,
    now: u64,
    pool: Pool,
    parts: Vec<Slice>,
    copies: Vec<Option<Slice>>,
    /// Leases, as they are sent, and to which part.
    under_way: Vec<(usize, (u64, Timestamp, Timestamp, u64))>,
    /// When, what, and whether it was undone.
    spent: Vec<(u64, Spent, bool)>,
}

impl Deployment {
    fn new(limit: Limit, life: u64) -> Option<Self> {
        let terms = LeaseTerms::new(limit, Duration::from_millis(life))?;
        Some(Self {
            limit,
            terms,
            now: T0,
            pool: Pool::default(),
            parts: vec![Slice::default(); 3],
            copies: vec![None; 3],
            under_way: Vec::new(),
            spent: Vec::new(),
        })
    }

    fn part(&self, part: usize) -> usize {
        part % self.parts.len()
    }

    fn lease(&mut self, cost: u64) -> Option<Lease> {
        let parts = u32::try_from(self.parts.len()).unwrap();
        self.pool.lease(&self.terms, at(self.now), cost, parts).ok()
    }

    fn take_back(&mut self, unused: Option<super::Unused>) {
        if let Some(unused) = unused {
            self.pool.take_back(&self.terms, at(self.now), unused);
        }
    }

    /// Whether the call was let through.
    fn call(&mut self, part: usize, cost: u64, behind: u64) -> bool {
        let part = self.part(part);
        // The part's clock is behind; a lease that is younger than that is spent when it was made.
        let now = self.now - behind;
        let mut spent = self.parts[part].spend(at(now), cost);
        if spent.is_none()
            && let Some(lease) = self.lease(cost)
        {
            let unused = self.parts[part].deposit(lease);
            self.take_back(unused);
            spent = self.parts[part].spend(at(now), cost);
        }
        if let Some(spent) = spent {
            let time = now.max(spent.at.as_millis());
            self.spent.push((time, spent, false));
        }
        spent.is_some()
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Call { part, cost, behind } => drop(self.call(part, cost, behind)),
            Act::Ask { part, cost } => {
                if let Some(lease) = self.lease(cost) {
                    self.under_way.push((self.part(part), lease.into_parts()));
                }
            }
            Act::Arrive { which, again } => {
                if self.under_way.is_empty() {
                    return;
                }
                let which = which % self.under_way.len();
                let (part, (number, made, until, units)) = self.under_way[which];
                if !again {
                    self.under_way.remove(which);
                }
                let lease = Lease::from_parts(number, made, until, units);
                let unused = self.parts[part].deposit(lease);
                self.take_back(unused);
            }
            Act::GiveBack { part } => {
                let part = self.part(part);
                let unused = self.parts[part].give_back();
                self.take_back(unused);
            }
            Act::LoseUnused { part } => {
                let part = self.part(part);
                let _ = self.parts[part].give_back();
            }
            Act::Refund { which } => {
                if self.spent.is_empty() {
                    return;
                }
                let which = which % self.spent.len();
                let (_, spent, undone) = self.spent[which];
                if !undone {
                    self.spent[which].2 = true;
                    // The part that spent it, if it is still there.
                    let part = self.parts.iter().position(|part| part.number == spent.number);
                    let unused = self.parts[part.unwrap_or(0)].refund(spent);
                    self.take_back(unused);
                }
            }
            Act::Copy { part } => {
                let part = self.part(part);
                self.copies[part] = Some(self.parts[part]);
            }
            Act::Restore { part } => {
                let part = self.part(part);
                if let Some(copy) = self.copies[part] {
                    self.parts[part] = copy;
                    self.parts[part].void(at(self.now));
                }
            }
            Act::Lose { part } => {
                let part = self.part(part);
                self.parts[part] = Slice::default();
                self.parts[part].void(at(self.now));
            }
            Act::Resize { parts, lost } => {
                while self.parts.len() > parts {
                    let mut part = self.parts.pop().unwrap();
                    self.copies.pop();
                    if !lost {
                        let unused = part.give_back();
                        self.take_back(unused);
                    }
                    // What is under way to it, or to others under their new numbers, is lost.
                    self.under_way.clear();
                }
                while self.parts.len() < parts {
                    // A part that comes again may be an old one: what it held is void.
                    let mut part = Slice::default();
                    part.void(at(self.now));
                    self.parts.push(part);
                    self.copies.push(None);
                    self.under_way.clear();
                }
            }
            Act::Later { by } => self.now += by,
        }
    }

    /// Whether what was spent, and not undone, ever exceeded the limit.
    fn exceeded(&self) -> Option<String> {
        let mut spent: Vec<_> = self
            .spent
            .iter()
            .filter(|(_, _, undone)| !undone)
            .map(|(time, spent, _)| (*time, spent.cost))
            .collect();
        spent.sort_unstable();
        match self.limit {
            Limit::Window { max, span_ms } | Limit::Budget { max, span_ms } => {
                for (end, _) in &spent {
                    let within = spent
                        .iter()
                        .filter(|(time, _)| time <= end && end - time < span_ms)
                        .map(|(_, cost)| cost)
                        .sum::<u64>();
                    if within > max {
                        return Some(format!("{within} of {max} in the span to {end}"));
                    }
                }
            }
            Limit::Spacing { interval_ms, burst: max }
            | Limit::Unverified { max, drain_ms: interval_ms } => {
                let mut dry = 0;
                for (time, cost) in &spent {
                    dry = dry.max(*time) + cost * interval_ms;
                    if dry - time > max * interval_ms {
                        return Some(format!("{} ms of {max} units at {time}", dry - time));
                    }
                }
            }
            _ => unreachable!("not leased"),
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_order_of_acts_exceeds_the_limit(
        limit in limits(),
        life in prop_oneof![Just(1_u64), 1..200_u64, 1..20_000_u64],
        acts in prop::collection::vec(act(), 1..250),
    ) {
        let Some(mut deployment) = Deployment::new(limit, life) else { return Ok(()) };
        for act in &acts {
            deployment.act(act);
        }
        prop_assert_eq!(deployment.exceeded(), None);
    }

    /// At one instant, with nothing lost: spent and leased add up, what is refused too early lies idle
    /// elsewhere and is no more than was said, and it all comes back.
    #[test]
    fn what_is_refused_too_early_is_bounded_and_comes_back(
        max in 1..5_000_u64,
        budget in any::<bool>(),
        parts in 1..7_usize,
        calls in prop::collection::vec((0..6_usize, 1..8_u64, 0..10_u8), 1..400),
    ) {
        let span_ms = 3_600_000;
        let limit = match budget {
            true => Limit::Budget { max, span_ms },
            false => Limit::Window { max, span_ms },
        };
        let mut deployment = Deployment::new(limit, 30_000).unwrap();
        deployment.act(&Act::Resize { parts, lost: false });
        // Where parts were made anew, leases of the same instant are void.
        deployment.act(&Act::Later { by: 1 });
        let (mut total, mut dearest) = (0, 0);
        let count = |it: &Deployment| it.pool.count(&it.terms, at(it.now));
        let idle = |it: &Deployment| it.parts.iter().map(|part| part.left).sum::<u64>();
        for (part, cost, how) in calls {
            dearest = dearest.max(cost);
            match how {
                0 => deployment.act(&Act::GiveBack { part }),
                1 => deployment.act(&Act::Refund { which: part }),
                _ if deployment.call(part, cost, 0) => {}
                _ => {
                    let left = max - total;
                    let bound = max / IDLE + u64::try_from(parts).unwrap() * dearest;
                    prop_assert!(left < cost + bound, "{left} left, and {cost} were refused");
                }
            }
            total = deployment.spent.iter().filter(|it| !it.2).map(|it| it.1.cost).sum();
            prop_assert_eq!(total + idle(&deployment), count(&deployment));
            prop_assert!(count(&deployment) <= max);
        }
        for part in 0..parts {
            deployment.act(&Act::GiveBack { part });
        }
        prop_assert_eq!(count(&deployment), total);
        // All that is left can be spent by any one part.
        if max > total {
            prop_assert!(deployment.call(0, max - total, 0));
        }
    }
}

#[test]
fn a_lease_counts_once_however_often_and_late_it_arrives() {
    let limit = Limit::Window { max: 100, span_ms: 60_000 };
    let terms = LeaseTerms::new(limit, Duration::from_secs(10)).unwrap();
    let (mut pool, mut slice) = (Pool::default(), Slice::default());
    let copy = |lease: Lease| {
        let (number, at, until, units) = lease.into_parts();
        [(); 3].map(|()| Lease::from_parts(number, at, until, units))
    };
    let [first, again, third] = copy(pool.lease(&terms, at(T0), 5, 1).unwrap());
    assert_eq!(first.units(), 6);
    assert_eq!(slice.deposit(first), None);
    assert!(slice.spend(at(T0), 6).is_some());
    assert_eq!(slice.deposit(again), None);
    assert_eq!(slice.left(at(T0)), 0, "the same lease twice");
    let [second, ..] = copy(pool.lease(&terms, at(T0), 5, 1).unwrap());
    assert_eq!(slice.deposit(second), None);
    assert_eq!(slice.deposit(third), None);
    assert_eq!(slice.left(at(T0)), 5, "an older lease after a newer one");
    // Spent to its last millisecond, and no longer.
    assert_eq!(slice.left(at(T0 + 9_999)), 5);
    assert!(slice.spend(at(T0 + 9_999), 1).is_some());
    assert_eq!((slice.left(at(T0 + 10_000)), slice.spend(at(T0 + 10_000), 1)), (0, None));
    // What was left of it comes back all the same.
    pool.take_back(&terms, at(T0 + 10_000), slice.give_back().unwrap());
    assert_eq!(slice.give_back(), None);
    assert_eq!(pool.count(&terms, at(T0 + 10_000)), 7);
}

#[test]
fn a_restored_copy_spends_nothing_of_before() {
    let limit = Limit::Window { max: 100, span_ms: 60_000 };
    let terms = LeaseTerms::new(limit, Duration::from_secs(10)).unwrap();
    let (mut pool, mut slice) = (Pool::default(), Slice::default());
    let copy = slice;
    let (number, made, until, units) = pool.lease(&terms, at(T0), 5, 1).unwrap().into_parts();
    let _ = slice.deposit(Lease::from_parts(number, made, until, units));
    let spent = slice.spend(at(T0), 5).unwrap();
    slice = copy;
    slice.void(at(T0 + 50));
    // The message that brought the lease comes a second time.
    let _ = slice.deposit(Lease::from_parts(number, made, until, units));
    assert_eq!(slice.spend(at(T0 + 51), 1), None);
    // A new one is as good as ever, and what was spent before can still be undone.
    let _ = slice.deposit(pool.lease(&terms, at(T0 + 51), 5, 1).unwrap());
    assert!(slice.spend(at(T0 + 51), 5).is_some());
    pool.take_back(&terms, at(T0 + 51), slice.refund(spent).unwrap());
    assert_eq!(pool.count(&terms, at(T0 + 51)), 6);
}

#[test]
fn a_pool_that_is_restored_uses_no_number_twice() {
    let limit = Limit::Window { max: 100, span_ms: 60_000 };
    let terms = LeaseTerms::new(limit, Duration::from_secs(10)).unwrap();
    let mut pool = Pool::default();
    let (first, ..) = pool.lease(&terms, at(T0), 1, 1).unwrap().into_parts();
    let (Some(meter), number) = pool.parts() else { panic!("it has leased") };
    let mut restored = Pool::from_parts(meter.clone(), number);
    let (second, ..) = pool.lease(&terms, at(T0 + 5), 1, 1).unwrap().into_parts();
    let (third, ..) = restored.lease(&terms, at(T0 + 9), 1, 1).unwrap().into_parts();
    assert!(first < second && second < third);
}

#[test]
fn what_cannot_be_leased_says_so() {
    let second = Duration::from_secs(1);
    let terms = |limit| LeaseTerms::new(limit, second).map(|terms| terms.pool_limit());
    let spacing = |interval_ms, burst| Limit::Spacing { interval_ms, burst };
    // Of ten units one drains in a lease's life, and of one none is left.
    assert_eq!(terms(spacing(1_000, 10)), Some(spacing(1_000, 9)));
    assert_eq!(terms(spacing(1_001, 10)), Some(spacing(1_001, 9)));
    assert_eq!(terms(spacing(1_001, 1)), None);
    assert_eq!(terms(spacing(100, 10)), None);
    let window = |span_ms| Limit::Window { max: 3, span_ms };
    assert_eq!(terms(window(60_000)), Some(window(61_000)));
    assert_eq!(terms(Limit::Ladder { first_ms: 1, longest_ms: 2, forget_ms: 3 }), None);
    let failures =
        Limit::Failures { max: 1, pause_after: 1, pause_ms: 1, longest_ms: 1, forget_ms: 1 };
    assert_eq!(terms(failures), None);
}
