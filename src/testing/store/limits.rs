//! The arithmetic of every [`Limit`], to the millisecond, each case as a script of steps.

use super::bench::{Bench, Checked, T0, at, charge, credit, exhausted, same};
use super::{Case, case};
use crate::base::time::millis;
use crate::limit::Limit;
use crate::store::Admission;

pub(super) const CASES: &[Case] = &[
    case!(
        spacing,
        "Spacing: granted if `new − now ≤ burst × interval_ms`; the count is rounded up"
    ),
    case!(spacing_costs, "Spacing: `new = base + cost × interval_ms`"),
    case!(spacing_refund, "Spacing: a refund takes off `tat` what of the charge has not drained"),
    case!(ladder, "Ladder: at rung r the wait is `min(first_ms × 2^(r−1), longest_ms)`"),
    case!(ladder_forgets, "Ladder: `rung − min(rung, ⌊idle / forget_ms⌋)`"),
    case!(
        ladder_refund,
        "Ladder: a refund of the latest charge restores what was before; of an earlier one a rung"
    ),
    case!(window, "Window: granted if `count + cost ≤ max`; `retry_after` until enough have died"),
    case!(window_slides, "Window: no span of `span_ms`, wherever it starts, holds more than `max`"),
    case!(window_waits_for_enough, "Window: the time until enough buckets have died"),
    case!(window_short, "Window: `g = max(1, ⌊span_ms / 60⌋)`"),
    case!(window_refund, "Window: a refund takes units from the bucket of its charge"),
    case!(window_lowered, "the limit itself is never stored: a lowered one holds at once"),
    case!(budget, "Budget: a credit is taken from the newest buckets first"),
    case!(budget_surplus, "Budget: what is left over of a credit is forgotten"),
    case!(unverified, "Unverified: as Spacing with `interval_ms = drain_ms` and `burst = max`"),
    case!(unverified_credit, "Unverified: a credit of an accepted code is a refund"),
    case!(
        failures,
        "Failures: refused above `max` until `forget_ms`, paused from `pause_after` on"
    ),
    case!(failures_reset, "Failures: success resets the meter"),
    case!(credits_change_only_two, "for Window, Spacing, Ladder and Failures a credit is nothing"),
    case!(refund_floor, "a refund goes not below zero and reaches no other charge"),
    case!(free, "a charge of cost 0 is checked like any other and changes nothing"),
    case!(shut, "Limit::SHUT refuses every charge that is not waived"),
];

/// One step on one meter. Times are milliseconds after the start.
enum Step {
    /// A charge at a time, of a cost: granted with this count, or refused with this wait.
    Charge(u64, u64, Result<u64, u64>),
    /// The nth charge of the script, from 0, is given back.
    Refund(u64, usize),
    /// An accepted code gives back.
    Credit(u64, u64),
    /// An accepted code resets.
    Reset(u64),
    /// The count reads so.
    Count(u64, u64),
}
use Step::{Charge, Count, Credit, Refund, Reset};

async fn play(bench: &mut Bench, limit: Limit, steps: &[Step]) -> Checked {
    let key = bench.meter();
    let mut charged: Vec<Admission> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match *step {
            Charge(after, cost, expected) => {
                let now = T0.saturating_add(after);
                let before = bench.reading(key, limit, cost, now).await?.retry_after;
                let what = format!("step {index}: wait read before charging {cost} at {after}");
                same(&what, millis(before), expected.err().unwrap_or(0))?;
                let (admission, seen) = bench.charge(key, limit, cost, now).await?;
                let what = format!("step {index}: charge of {cost} at {after} on {limit:?}");
                same(&what, seen, expected)?;
                charged.push(admission);
            }
            Refund(after, nth) => {
                if let Some(admission) = charged.get(nth) {
                    let now = T0.saturating_add(after);
                    bench.settle(&bench.settlement(admission, now)).await?;
                }
            }
            Credit(after, amount) => {
                let credits = vec![credit(key, limit, amount)];
                bench
                    .accept(T0.saturating_add(after), |redemption| redemption.credits = credits)
                    .await?;
            }
            Reset(after) => {
                bench
                    .accept(T0.saturating_add(after), |redemption| redemption.reset = vec![key])
                    .await?;
            }
            Count(after, expected) => {
                let seen = bench.count(key, limit, T0.saturating_add(after)).await?;
                same(&format!("step {index}: count at {after} on {limit:?}"), seen, expected)?;
            }
        }
    }
    Ok(())
}

const SPACING: Limit = Limit::Spacing { interval_ms: 1_000, burst: 3 };

async fn spacing(mut bench: Bench) -> Checked {
    let steps = [
        Count(0, 0),
        Charge(0, 1, Ok(1)),
        Charge(0, 1, Ok(2)),
        Charge(0, 1, Ok(3)),
        Charge(0, 1, Err(1_000)),
        Charge(999, 1, Err(1)),
        Charge(1_000, 1, Ok(3)),
        Count(1_001, 3),
        Count(2_000, 2),
        Count(3_999, 1),
        Count(4_000, 0),
        Charge(9_000, 1, Ok(1)),
    ];
    play(&mut bench, SPACING, &steps).await
}

async fn spacing_costs(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 2, Ok(2)),
        Charge(0, 2, Err(1_000)),
        Charge(500, 2, Err(500)),
        Charge(1_000, 2, Ok(3)),
        Charge(1_000, 3, Err(3_000)),
        Charge(4_000, 3, Ok(3)),
    ];
    play(&mut bench, SPACING, &steps).await
}

async fn spacing_refund(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 2, Ok(2)),
        Charge(0, 1, Ok(3)),
        Refund(0, 0),
        Count(0, 1),
        Charge(0, 2, Ok(3)),
        // Half a second of the unit has drained; only the other half comes back.
        Refund(500, 1),
        Count(500, 2),
        Charge(1_499, 2, Err(1)),
        // What has drained altogether pays for nothing later.
        Charge(2_500, 3, Ok(3)),
        Refund(2_500, 2),
        Charge(2_500, 1, Err(1_000)),
    ];
    play(&mut bench, SPACING, &steps).await
}

const LADDER: Limit = Limit::Ladder { first_ms: 1_000, longest_ms: 4_000, forget_ms: 10_000 };

async fn ladder(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 1, Ok(1)),
        Charge(0, 1, Err(1_000)),
        Charge(999, 1, Err(1)),
        Charge(1_000, 1, Ok(2)),
        Charge(2_999, 1, Err(1)),
        Charge(3_000, 1, Ok(3)),
        Charge(6_999, 1, Err(1)),
        Charge(7_000, 1, Ok(4)),
        Charge(10_999, 1, Err(1)),
        Charge(11_000, 1, Ok(5)),
    ];
    play(&mut bench, LADDER, &steps).await
}

async fn ladder_forgets(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 1, Ok(1)),
        Charge(1_000, 1, Ok(2)),
        Charge(3_000, 1, Ok(3)),
        Count(12_999, 3),
        Count(13_000, 2),
        Count(23_000, 1),
        Charge(23_000, 1, Ok(2)),
        Charge(24_999, 1, Err(1)),
        Count(43_000, 0),
        Charge(143_000, 1, Ok(1)),
    ];
    play(&mut bench, LADDER, &steps).await
}

async fn ladder_refund(mut bench: Bench) -> Checked {
    let latest = [
        Charge(0, 1, Ok(1)),
        Charge(1_000, 1, Ok(2)),
        Refund(1_100, 1),
        Count(1_100, 1),
        Charge(1_100, 1, Ok(2)),
        Charge(3_099, 1, Err(1)),
    ];
    play(&mut bench, LADDER, &latest).await?;
    let earlier = [
        Charge(0, 1, Ok(1)),
        Charge(1_000, 1, Ok(2)),
        Refund(1_100, 0),
        Count(1_100, 1),
        Charge(1_999, 1, Err(1)),
        Charge(2_000, 1, Ok(2)),
    ];
    play(&mut bench, LADDER, &earlier).await?;
    // As if the charge had never been: steps forgotten before it are not forgotten twice.
    let after_idling = [
        Charge(0, 1, Ok(1)),
        Charge(1_000, 1, Ok(2)),
        Charge(3_000, 1, Ok(3)),
        Charge(13_000, 1, Ok(3)),
        Refund(13_000, 3),
        Count(13_000, 2),
        Count(23_000, 1),
    ];
    play(&mut bench, LADDER, &after_idling).await
}

const WINDOW: Limit = Limit::Window { max: 3, span_ms: 60_000 };

async fn window(mut bench: Bench) -> Checked {
    let steps = [
        Count(0, 0),
        Charge(0, 2, Ok(2)),
        Charge(500, 1, Ok(3)),
        Charge(500, 1, Err(60_500)),
        Charge(500, 4, Err(60_000)),
        Charge(60_999, 1, Err(1)),
        Count(60_999, 3),
        Count(61_000, 0),
        Charge(61_000, 3, Ok(3)),
    ];
    play(&mut bench, WINDOW, &steps).await
}

async fn window_slides(mut bench: Bench) -> Checked {
    let steps = [
        Charge(59_999, 3, Ok(3)),
        Charge(60_000, 1, Err(60_000)),
        Charge(119_999, 1, Err(1)),
        Charge(120_000, 1, Ok(1)),
    ];
    play(&mut bench, WINDOW, &steps).await
}

async fn window_waits_for_enough(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 1, Ok(1)),
        Charge(10_000, 1, Ok(2)),
        Charge(20_999, 1, Ok(3)),
        Charge(30_000, 1, Err(31_000)),
        Charge(30_000, 2, Err(41_000)),
        Charge(30_000, 3, Err(51_000)),
        Charge(61_000, 1, Ok(3)),
        Charge(71_000, 1, Ok(3)),
        Count(80_999, 3),
        Count(81_000, 2),
    ];
    play(&mut bench, WINDOW, &steps).await
}

async fn window_short(mut bench: Bench) -> Checked {
    let short = Limit::Window { max: 1, span_ms: 30 };
    let steps = [Charge(0, 1, Ok(1)), Charge(30, 1, Err(1)), Charge(31, 1, Ok(1))];
    play(&mut bench, short, &steps).await?;
    let odd = Limit::Window { max: 1, span_ms: 150 };
    let steps = [Charge(1, 1, Ok(1)), Charge(151, 1, Err(1)), Charge(152, 1, Ok(1))];
    play(&mut bench, odd, &steps).await
}

async fn window_refund(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 1, Ok(1)),
        Charge(10_000, 2, Ok(3)),
        Refund(20_000, 1),
        Count(20_000, 1),
        Charge(20_000, 2, Ok(3)),
        Charge(30_000, 1, Err(31_000)),
        Refund(30_000, 0),
        Charge(30_000, 1, Ok(3)),
    ];
    play(&mut bench, WINDOW, &steps).await
}

async fn window_lowered(bench: Bench) -> Checked {
    let key = bench.meter();
    let with = |max| Limit::Window { max, span_ms: 60_000 };
    same("5 of 5", bench.charge(key, with(5), 5, T0).await?.1, Ok(5))?;
    same("1 more of 9", bench.charge(key, with(9), 1, T0).await?.1, Ok(6))?;
    same("1 more of 2", bench.charge(key, with(2), 1, T0).await?.1, Err(61_000))?;
    same("1 more of 7", bench.charge(key, with(7), 1, T0).await?.1, Ok(7))
}

const BUDGET: Limit = Limit::Budget { max: 1_000_000, span_ms: 60_000 };

async fn budget(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 400_000, Ok(400_000)),
        Charge(10_000, 400_000, Ok(800_000)),
        Charge(10_000, 400_000, Err(51_000)),
        Credit(20_000, 500_000),
        Count(20_000, 300_000),
        Count(60_999, 300_000),
        Count(61_000, 0),
    ];
    play(&mut bench, BUDGET, &steps).await
}

async fn budget_surplus(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 400_000, Ok(400_000)),
        Credit(0, 9_000_000),
        Count(0, 0),
        Charge(0, 1_000_000, Ok(1_000_000)),
        Charge(0, 1, Err(61_000)),
    ];
    play(&mut bench, BUDGET, &steps).await
}

const UNVERIFIED: Limit = Limit::Unverified { max: 3, drain_ms: 1_000 };

async fn unverified(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 3, Ok(3)),
        Charge(0, 1, Err(1_000)),
        Charge(1_000, 1, Ok(3)),
        Count(3_999, 1),
        // Of three units one and a half have drained.
        Refund(1_500, 0),
        Count(1_500, 1),
    ];
    play(&mut bench, UNVERIFIED, &steps).await
}

async fn unverified_credit(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 3, Ok(3)),
        Credit(0, 1),
        Count(0, 2),
        Charge(0, 1, Ok(3)),
        // More than was charged: nothing is saved up for later.
        Credit(0, 50),
        Charge(0, 3, Ok(3)),
        Charge(0, 1, Err(1_000)),
    ];
    play(&mut bench, UNVERIFIED, &steps).await
}

const FAILURES: Limit = Limit::Failures {
    max: 5,
    pause_after: 3,
    pause_ms: 1_000,
    longest_ms: 2_000,
    forget_ms: 100_000,
};

async fn failures(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 1, Ok(1)),
        Charge(0, 1, Ok(2)),
        Charge(0, 1, Ok(3)),
        Charge(0, 1, Err(1_000)),
        Charge(999, 1, Err(1)),
        Charge(1_000, 1, Ok(4)),
        Charge(2_999, 1, Err(1)),
        Charge(3_000, 1, Ok(5)),
        Charge(3_000, 1, Err(100_000)),
        Charge(102_999, 1, Err(1)),
        Count(102_999, 5),
        Count(103_000, 0),
        Charge(103_000, 1, Ok(1)),
    ];
    play(&mut bench, FAILURES, &steps).await
}

async fn failures_reset(mut bench: Bench) -> Checked {
    let steps = [
        Charge(0, 1, Ok(1)),
        Charge(0, 1, Ok(2)),
        Charge(0, 1, Ok(3)),
        Refund(0, 0),
        Count(0, 2),
        Reset(0),
        Count(0, 0),
        Charge(0, 1, Ok(1)),
        Charge(0, 1, Ok(2)),
    ];
    play(&mut bench, FAILURES, &steps).await
}

async fn credits_change_only_two(mut bench: Bench) -> Checked {
    for limit in [SPACING, LADDER, WINDOW, FAILURES] {
        play(&mut bench, limit, &[Charge(0, 1, Ok(1)), Credit(0, 1), Count(0, 1)]).await?;
    }
    Ok(())
}

async fn refund_floor(bench: Bench) -> Checked {
    for limit in [SPACING, WINDOW, BUDGET, UNVERIFIED, FAILURES] {
        let key = bench.meter();
        let admission = bench.pay(key, limit, 1, T0).await?;
        let mut settlement = bench.settlement(&admission, T0);
        settlement.refunds.iter_mut().for_each(|refund| refund.cost = 1_000);
        bench.settle(&settlement).await?;
        same(
            &format!("count after too large a refund on {limit:?}"),
            bench.count(key, limit, T0).await?,
            0,
        )?;
        for expected in 1..=2 {
            let seen = bench.charge(key, limit, 1, T0).await?.1;
            same(
                &format!("charge {expected} after too large a refund on {limit:?}"),
                seen,
                Ok(expected),
            )?;
        }
    }
    let key = bench.meter();
    bench.pay(key, WINDOW, 2, T0).await?;
    let later = T0.saturating_add(5_000);
    let admission = bench.pay(key, WINDOW, 1, later).await?;
    let mut settlement = bench.settlement(&admission, later);
    settlement.refunds.iter_mut().for_each(|refund| refund.cost = 3);
    bench.settle(&settlement).await?;
    same("units of another bucket", bench.count(key, WINDOW, later).await?, 2)
}

/// A free charge on a ladder would start the wait afresh, and on failures the pause, if it changed
/// anything.
async fn free(mut bench: Bench) -> Checked {
    let ladder = [
        Charge(0, 0, Ok(0)),
        Charge(0, 1, Ok(1)),
        Charge(400, 0, Err(600)),
        Charge(1_000, 0, Ok(1)),
        Charge(1_000, 1, Ok(2)),
    ];
    // The suite reads the wait of a cost before it charges it; a cost of 0 is read as no question.
    let (key, limit) = (bench.meter(), LADDER);
    for step in ladder {
        if let Charge(after, cost, expected) = step {
            let (_, seen) = bench.charge(key, limit, cost, T0.saturating_add(after)).await?;
            same(&format!("ladder, cost {cost} at {after}"), seen, expected)?;
        }
    }
    let window = Limit::Window { max: 2, span_ms: 60_000 };
    let steps = [Charge(0, 2, Ok(2)), Charge(1_000, 0, Ok(2)), Count(59_999, 2), Count(61_000, 0)];
    play(&mut bench, window, &steps).await
}

async fn shut(bench: Bench) -> Checked {
    let key = bench.meter();
    let shut = bench.charging(T0, vec![charge(key, Limit::SHUT, 1)]);
    let answer = bench.admit(&shut).await?;
    same("a shut charge", exhausted("a shut charge", answer)?, (0, 60_000))?;
    let (from, until) = (at(T0), at(T0.saturating_add(1_000)));
    let mark = crate::store::Mark { key: bench.meter(), from, until };
    bench.accept(T0, |redemption| redemption.marks = vec![mark]).await?;
    let mut waived = bench.charging(T0, vec![charge(key, Limit::SHUT, 1)]);
    waived.charges.iter_mut().for_each(|charge| charge.waiver = Some(mark.key));
    same("counts of a waived charge", bench.grant("a waived charge", &waived).await?, vec![0])
}
