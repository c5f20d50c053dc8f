//! One property for each sentence of [`Limit`]'s documentation.

#![allow(clippy::arithmetic_side_effects, reason = "a sum that overflows fails its test")]

mod bytes;

use std::time::Duration;

use proptest::prelude::*;

use super::failures::Failures;
use super::ladder::Ladder;
use super::ledger::Entry;
use super::meter::State;
use super::rule::bucket_ms;
use super::window::{Bucket, Window};
use super::{Ledger, Limit, Meter, Slot};
use crate::base::time::{Timestamp, millis};

/// How much later, and at what cost.
type Step = (u64, u64);

fn at(time: u64) -> Timestamp {
    Timestamp::from_millis(time)
}

/// Limits of everyday shape, small enough that the steps below run into them.
fn limits() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (1..2_000_u64, 1..6_u64)
            .prop_map(|(interval_ms, burst)| Limit::Spacing { interval_ms, burst }),
        (1..6_u64, 1..2_000_u64).prop_map(|(max, drain_ms)| Limit::Unverified { max, drain_ms }),
        (1..500_u64, 1..5_000_u64, 0..5_000_u64).prop_map(|(first_ms, longest_ms, more)| {
            Limit::Ladder { first_ms, longest_ms, forget_ms: longest_ms + more }
        }),
        (1..8_u64, 1..9_000_u64).prop_map(|(max, span_ms)| Limit::Window { max, span_ms }),
        (1..8_u64, 1..9_000_u64).prop_map(|(max, span_ms)| Limit::Budget { max, span_ms }),
        (1..8_u64, 1..5_u64, 0..500_u64, 1..3_000_u64, 0..5_000_u64).prop_map(
            |(max, pause_after, pause_ms, longest_ms, more)| Limit::Failures {
                max,
                pause_after,
                pause_ms,
                longest_ms,
                forget_ms: longest_ms + more,
            }
        ),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let later = prop_oneof![Just(0), 0..50_u64, 0..1_000_u64, 0..20_000_u64];
    prop::collection::vec((later, 1..4_u64), 1..60)
}

/// `steps` taken by a fresh meter; what was granted, with its time, and the time afterwards.
fn run(limit: &Limit, steps: &[Step]) -> (Meter, Vec<(u64, u64)>, u64) {
    let (mut meter, mut granted, mut now) = (Meter::fresh(limit), Vec::new(), 1_000_000);
    for (later, cost) in steps {
        now += later;
        if meter.charge(limit, at(now), *cost).is_ok() {
            granted.push((now, *cost));
        }
    }
    (meter, granted, now)
}

fn can_ever_fit(limit: &Limit, cost: u64) -> bool {
    match *limit {
        Limit::Spacing { burst: max, .. }
        | Limit::Unverified { max, .. }
        | Limit::Window { max, .. }
        | Limit::Budget { max, .. }
        | Limit::Failures { max, .. } => cost <= max,
        Limit::Ladder { .. } => true,
    }
}

fn same(limit: &Limit, one: &Meter, other: &Meter, from: u64) -> Result<(), TestCaseError> {
    for later in [0, 1, 7, 100, 999, 5_000, 30_000, 400_000] {
        let now = at(from + later);
        prop_assert_eq!(one.count(limit, now), other.count(limit, now), "count after {}", later);
        for cost in 1..4 {
            let waits = (one.wait(limit, now, cost), other.wait(limit, now, cost));
            prop_assert_eq!(waits.0, waits.1, "wait after {}", later);
        }
    }
    Ok(())
}

/// Small limits of the kinds that are counted in units, and what they make of values without sense.
fn units() -> impl Strategy<Value = Limit> {
    let (max, span) = (0..5_u64, 0..3_000_u64);
    prop_oneof![
        (max.clone(), span.clone()).prop_map(|(max, span_ms)| Limit::Window { max, span_ms }),
        (max.clone(), span.clone()).prop_map(|(max, span_ms)| Limit::Budget { max, span_ms }),
        (max, span).prop_map(|(max, drain_ms)| Limit::Unverified { max, drain_ms }),
    ]
}

proptest! {
    #[test]
    fn nothing_outlives_what_a_store_may_drop(limit in units(), steps in steps()) {
        let (meter, granted, _) = run(&limit, &steps);
        if let Some((last, _)) = granted.last() {
            prop_assert!(meter.over_at(&limit) <= at(last + limit.memory_ms()));
        }
    }

    #[test]
    fn a_ladder_and_failures_are_remembered_while_they_hold(
        longest_ms in 0..5_000_u64, forget_ms in 0..5_000_u64, steps in steps(),
    ) {
        for limit in [
            Limit::Ladder { first_ms: 1, longest_ms, forget_ms },
            Limit::Failures { max: 9, pause_after: 2, pause_ms: 7, longest_ms, forget_ms },
        ] {
            let (meter, granted, _) = run(&limit, &steps);
            if let Some((last, _)) = granted.last() {
                prop_assert!(meter.over_at(&limit) <= at(last + limit.memory_ms()), "{:?}", limit);
            }
        }
    }

    #[test]
    fn no_span_of_a_window_holds_more_than_its_maximum(
        max in 1..10_u64, span_ms in 1..9_000_u64, steps in steps(),
    ) {
        let limit = Limit::Window { max, span_ms };
        let (_, granted, _) = run(&limit, &steps);
        for (end, _) in &granted {
            let within = granted.iter().filter(|(time, _)| time <= end && time + span_ms > *end);
            prop_assert!(within.map(|(_, cost)| cost).sum::<u64>() <= max);
        }
    }

    #[test]
    fn a_window_refuses_a_sixtieth_too_long_at_the_most(
        max in 1..10_u64, span_ms in 1..9_000_u64, steps in steps(),
    ) {
        let limit = Limit::Window { max, span_ms };
        let (mut meter, mut granted, mut now) = (Meter::fresh(&limit), Vec::new(), 1_000_000);
        for (later, cost) in steps {
            now += later;
            if meter.charge(&limit, at(now), cost).is_ok() {
                granted.push((now, cost));
            } else {
                let reach = span_ms + bucket_ms(span_ms);
                let recent = granted.iter().filter(|(time, _)| time + reach > now);
                prop_assert!(recent.map(|(_, cost)| cost).sum::<u64>() + cost > max);
            }
        }
    }

    #[test]
    fn a_wait_is_exact_to_the_millisecond(limit in limits(), steps in steps(), cost in 1..4_u64) {
        let (meter, _, now) = run(&limit, &steps);
        if let Some(wait) = meter.wait(&limit, at(now), cost) {
            if can_ever_fit(&limit, cost) {
                prop_assert_eq!(meter.wait(&limit, at(now) + wait, cost), None);
            }
            let almost = at(now) + (wait - Duration::from_millis(1));
            prop_assert!(meter.wait(&limit, almost, cost).is_some());
        }
    }

    #[test]
    fn a_refund_at_once_undoes_a_charge(limit in limits(), steps in steps(), cost in 1..4_u64) {
        let (before, _, now) = run(&limit, &steps);
        let mut meter = before.clone();
        if meter.charge(&limit, at(now), cost).is_ok() {
            meter.refund(&limit, at(now), at(now), cost);
            if let Limit::Failures { .. } = limit {
                // The time of the latest attempt stays.
                prop_assert_eq!(meter.count(&limit, at(now)), before.count(&limit, at(now)));
            } else {
                same(&limit, &meter, &before, now)?;
            }
        }
    }

    #[test]
    fn a_refund_never_gives_more_than_the_charge_took(
        limit in limits(), before in steps(), after in steps(), cost in 1..4_u64, late in 0..9_000_u64,
    ) {
        let (mut without, _, mut now) = run(&limit, &before[..before.len().min(12)]);
        let mut with = without.clone();
        // What does not fit yet waits until it does.
        now += with.wait(&limit, at(now), cost).map_or(0, millis);
        let Ok(_) = with.charge(&limit, at(now), cost) else { return Ok(()) };
        let charged = now;
        for (later, cost) in after.into_iter().take(12) {
            now += later;
            if with.charge(&limit, at(now), cost).is_ok() {
                without.add(&limit, at(now), cost);
            }
        }
        now += late;
        with.refund(&limit, at(now), at(charged), cost);
        for later in [0, 1, 100, 2_000, 9_000] {
            let now = at(now + later);
            prop_assert!(with.wait(&limit, now, 1) >= without.wait(&limit, now, 1));
            prop_assert!(with.count(&limit, now) >= without.count(&limit, now));
        }
    }

    #[test]
    fn a_clock_set_back_never_loosens(
        limit in limits(), steps in steps(), cost in 1..4_u64, back in 0..30_000_u64,
    ) {
        let (meter, granted, _) = run(&limit, &steps);
        let Some((latest, _)) = granted.last() else { return Ok(()) };
        let earlier = at(latest - back);
        if meter.wait(&limit, earlier, cost).is_none() {
            prop_assert_eq!(meter.wait(&limit, at(*latest), cost), None);
        }
        // Nor does a charge made at that time leave less than one made at the latest.
        let (mut one, mut other) = (meter.clone(), meter);
        one.add(&limit, earlier, cost);
        other.add(&limit, at(*latest), cost);
        prop_assert!(one.wait(&limit, at(*latest), cost) >= other.wait(&limit, at(*latest), cost));
    }

    #[test]
    fn a_meter_that_is_over_is_as_good_as_fresh_and_over_in_time(
        limit in limits(), steps in steps(),
    ) {
        let (meter, granted, _) = run(&limit, &steps);
        let over_at = meter.over_at(&limit);
        same(&limit, &meter, &Meter::fresh(&limit), over_at.as_millis().max(1_000_000))?;
        if let Some((latest, _)) = granted.last() {
            prop_assert!(over_at.as_millis() <= latest + limit.memory_ms());
            prop_assert!(over_at.as_millis() > *latest);
        }
    }

    #[test]
    fn spacing_is_a_bucket_that_refills_one_unit_an_interval(
        interval_ms in 1..2_000_u64, burst in 1..6_u64, steps in steps(),
    ) {
        // The bucket in thousandths of a millisecond's drain: spent time, draining by itself.
        let (limit, mut meter) = (Limit::Spacing { interval_ms, burst }, None::<Meter>);
        let (mut spent, mut now) = (0_u64, 1_000_000);
        let meter = meter.get_or_insert_with(|| Meter::fresh(&limit));
        for (later, cost) in steps {
            now += later;
            spent = spent.saturating_sub(later);
            let fits = spent + cost * interval_ms <= burst * interval_ms;
            prop_assert_eq!(meter.charge(&limit, at(now), cost).is_ok(), fits);
            if fits {
                spent += cost * interval_ms;
            }
            prop_assert_eq!(meter.count(&limit, at(now)), spent.div_ceil(interval_ms));
        }
    }

    #[test]
    fn a_ladder_doubles_its_wait_and_forgets_a_rung_at_a_time(
        first_ms in 1..500_u64, longest_ms in 1..5_000_u64, more in 0..5_000_u64, steps in steps(),
    ) {
        let forget_ms = longest_ms + more;
        let limit = Limit::Ladder { first_ms, longest_ms, forget_ms };
        let mut meter = Meter::fresh(&limit);
        let (mut rung, mut last, mut now) = (0_u64, 0_u64, 1_000_000);
        for (later, _) in steps {
            now += later;
            let in_force = rung.saturating_sub((now - last) / forget_ms);
            let doubled = if in_force == 0 { 0 } else { u128::from(first_ms) << (in_force - 1) };
            let fits = u128::from(now - last) >= doubled.min(u128::from(longest_ms));
            prop_assert_eq!(meter.count(&limit, at(now)), in_force);
            prop_assert_eq!(meter.charge(&limit, at(now), 1).is_ok(), fits);
            if fits {
                (rung, last) = ((in_force + 1).min(32), now);
            }
        }
    }

    #[test]
    fn failures_shut_at_the_maximum_pause_before_it_and_are_forgotten(
        max in 1..8_u64, pause_after in 1..5_u64, pause_ms in 0..500_u64,
        longest_ms in 1..3_000_u64, more in 0..5_000_u64, steps in steps(),
    ) {
        let forget_ms = longest_ms + more;
        let limit = Limit::Failures { max, pause_after, pause_ms, longest_ms, forget_ms };
        let mut meter = Meter::fresh(&limit);
        let (mut count, mut last, mut now) = (0_u64, 0_u64, 1_000_000);
        for (later, _) in steps {
            now += later;
            let idle = now - last;
            if idle >= forget_ms {
                count = 0;
            }
            let pause = count.checked_sub(pause_after).map_or(0, |over| pause_ms << over);
            let fits = count < max && (count == 0 || idle >= pause.min(longest_ms));
            prop_assert_eq!(meter.charge(&limit, at(now), 1).is_ok(), fits);
            if fits {
                (count, last) = (count + 1, now);
            }
            prop_assert_eq!(meter.count(&limit, at(now)), count);
        }
    }

    #[test]
    fn credits_lower_budget_and_unverified_and_nothing_else(
        limit in limits(), steps in steps(), amount in 0..9_u64,
    ) {
        let (before, _, now) = run(&limit, &steps);
        let mut meter = before.clone();
        meter.credit(&limit, amount);
        let (count, credited) = (before.count(&limit, at(now)), meter.count(&limit, at(now)));
        match limit {
            Limit::Unverified { .. } => prop_assert_eq!(credited, count.saturating_sub(amount)),
            // The newest buckets give first, so what counts gives before what does not.
            Limit::Budget { .. } => prop_assert_eq!(credited, count.saturating_sub(amount)),
            _ => prop_assert_eq!(&meter, &before),
        }
    }

    #[test]
    fn a_span_that_changes_never_forgets_what_is_within_it(
        first in 1..9_000_u64, second in 1..9_000_u64, max in 1..8_u64, before in steps(), after in steps(),
    ) {
        let (mut meter, mut granted, mut now) = run(&Limit::Window { max, span_ms: first }, &before);
        // What the first span had dropped is gone; the promise starts with what it still held.
        granted.retain(|(time, _)| time + first > now);
        let limit = Limit::Window { max, span_ms: second };
        for (later, cost) in after {
            now += later;
            if meter.charge(&limit, at(now), cost).is_ok() {
                granted.push((now, cost));
                let within = granted.iter().filter(|(time, _)| time + second > now);
                prop_assert!(within.map(|(_, cost)| cost).sum::<u64>() <= max);
            }
        }
    }

    /// The sentence of `Meter::heal`: what was charged is kept, and it is over within the span.
    #[test]
    fn a_meter_that_is_dated_ahead_keeps_its_count_and_is_over_within_its_span(
        limit in limits(), steps in steps(), early in 1..900_000_u64,
    ) {
        let (meter, granted, _) = run(&limit, &steps);
        let Some((last, _)) = granted.last().copied() else { return Ok(()) };
        let now = 1_000_000 - early;
        let mut healed = meter.clone();
        prop_assert!(!healed.heal(&limit, at(now), at(last)), "at the horizon");
        prop_assert_eq!(&healed, &meter);
        prop_assert!(healed.heal(&limit, at(now), at(last - 1)));
        // Kept is what counted at the latest charge; what was forgotten only by then may count again.
        let (count, kept) = (healed.count(&limit, at(now)), meter.count(&limit, at(last)));
        let charged: u64 = granted.iter().map(|(_, cost)| cost).sum();
        prop_assert!((kept..=charged.max(kept)).contains(&count), "{kept} <= {count} <= {charged}");
        let over = now + limit.memory_ms() + 1;
        prop_assert_eq!(healed.count(&limit, at(over)), 0);
        prop_assert_eq!(healed.wait(&limit, at(over), 1), None);
        let mut ledger = Ledger::default();
        ledger.add(Slot(1), &limit, at(last), 1);
        if let Some(held) = ledger.meter_mut(Slot(1)) {
            *held = healed;
        }
        prop_assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger));
    }

    #[test]
    fn no_number_makes_a_meter_panic_and_no_refusal_changes_it(
        limit in extreme_limits(), other in extreme_limits(),
        steps in prop::collection::vec((extreme(), extreme(), extreme(), 0..6), 1..20),
    ) {
        let mut meter = Meter::fresh(&other);
        for (now, cost, charged, what) in steps {
            let before = meter.clone();
            match what {
                0 => meter.refund(&limit, at(now), at(charged), cost),
                1 => meter.credit(&limit, cost),
                2 => meter.add(&limit, at(now), cost),
                3 => drop(meter.charge(&other, at(now), cost)),
                4 => _ = meter.heal(&limit, at(now), at(charged)),
                _ => if meter.charge(&limit, at(now), cost).is_err() {
                    prop_assert_eq!(&meter, &before);
                },
            }
            let _ = (meter.count(&limit, at(now)), meter.over_at(&limit), meter.weight());
            prop_assert!(meter.weight() <= 130);
        }
    }

    #[test]
    fn a_ledger_reads_back_and_no_bytes_make_it_panic(
        writes in prop::collection::vec((0..6_u32, extreme_limits(), extreme(), extreme()), 0..30),
        junk in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut ledger = Ledger::default();
        for (slot, limit, now, cost) in writes {
            let _ = ledger.charge(Slot(slot), &limit, at(now), cost);
            ledger.set_mark(Slot(slot + 100), at(now), Timestamp::MAX, at(now), at(now) + Duration::from_secs(1));
        }
        prop_assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger));
        let _ = Ledger::from_bytes(&junk);
    }
}

fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_u64, 1_000_000..1_100_000_u64, 0..(1_u64 << 53), Just(u64::MAX)]
}

fn extreme_limits() -> impl Strategy<Value = Limit> {
    (0..6, extreme(), extreme(), extreme(), extreme(), extreme()).prop_map(
        |(kind, a, b, c, d, e)| match kind {
            0 => Limit::Spacing { interval_ms: a, burst: b },
            1 => Limit::Unverified { max: a, drain_ms: b },
            2 => Limit::Ladder { first_ms: a, longest_ms: b, forget_ms: c },
            3 => Limit::Window { max: a, span_ms: b },
            4 => Limit::Budget { max: a, span_ms: b },
            _ => {
                Limit::Failures { max: a, pause_after: b, pause_ms: c, longest_ms: d, forget_ms: e }
            }
        },
    )
}

#[test]
fn a_meter_judged_by_another_kind_counts_as_fresh() {
    let (window, ladder) = (
        Limit::Window { max: 1, span_ms: 1_000 },
        Limit::Ladder { first_ms: 10, longest_ms: 10, forget_ms: 10 },
    );
    let mut meter = Meter::fresh(&window);
    assert_eq!(meter.charge(&window, at(5), 1), Ok(1));
    assert_eq!(meter.count(&ladder, at(5)), 0);
    meter.refund(&ladder, at(5), at(5), 1);
    assert_eq!(meter.count(&window, at(5)), 1);
    assert_eq!(meter.charge(&ladder, at(5), 1), Ok(1));
    assert_eq!(meter.count(&window, at(5)), 0);
}

#[test]
fn a_refund_of_what_has_drained_does_not_pay_for_a_later_charge() {
    let limit = Limit::Spacing { interval_ms: 10, burst: 1 };
    let mut meter = Meter::fresh(&limit);
    assert_eq!(meter.charge(&limit, at(100), 1), Ok(1));
    assert_eq!(meter.charge(&limit, at(110), 1), Ok(1));
    meter.refund(&limit, at(111), at(100), 1);
    assert_eq!(meter.charge(&limit, at(111), 1), Err(Duration::from_millis(9)));
}

#[test]
fn the_top_rung_bounds_how_long_a_ladder_remembers() {
    let limit = Limit::Ladder { first_ms: 1, longest_ms: 8, forget_ms: 10 };
    let (mut meter, mut now) = (Meter::fresh(&limit), 0);
    for _ in 0..1_000 {
        now += 9;
        assert!(meter.charge(&limit, at(now), 1).is_ok());
    }
    assert_eq!(meter.count(&limit, at(now)), 32);
    assert_eq!(meter.over_at(&limit), at(now + 320));
    assert_eq!(limit.memory_ms(), 320);
}

#[test]
fn the_resend_ladder_of_the_defaults() {
    let limit = Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 3_600_000 };
    let (mut meter, mut now) = (Meter::fresh(&limit), at(0));
    let mut waits = Vec::new();
    for _ in 0..8 {
        if let Some(wait) = meter.wait(&limit, now, 1) {
            waits.push(millis(wait) / 1_000);
            now = now + wait;
        }
        assert!(meter.charge(&limit, now, 1).is_ok());
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
}

#[test]
fn a_window_is_refunded_in_the_bucket_of_its_charge() {
    let limit = Limit::Window { max: 10, span_ms: 60_000 };
    let mut meter = Meter::fresh(&limit);
    assert_eq!(meter.charge(&limit, at(0), 3), Ok(3));
    assert_eq!(meter.charge(&limit, at(30_000), 4), Ok(7));
    meter.refund(&limit, at(30_001), at(0), 2);
    assert_eq!(meter.count(&limit, at(30_001)), 5);
    assert_eq!(meter.count(&limit, at(61_000)), 4);
    // What is not there is not given back, and nobody else pays for it.
    meter.refund(&limit, at(61_000), at(0), 9);
    meter.refund(&limit, at(61_000), at(15_000), 9);
    assert_eq!(meter.count(&limit, at(61_000)), 4);
}

#[test]
fn no_window_keeps_more_than_it_may() {
    let mut meter = Meter::fresh(&Limit::SHUT);
    for time in 0..5_000 {
        // The narrowest buckets, then the widest span: nothing ever dies.
        let limit = Limit::Window { max: u64::MAX, span_ms: if time % 2 == 0 { 119 } else { 59 } };
        meter.add(&limit, at(time * 2), 1);
        assert!(meter.weight() <= 128);
    }
}
