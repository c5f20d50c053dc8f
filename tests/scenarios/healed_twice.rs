//! Tried: one limit spent twice through meters that heal, by clocks that wobble about the bound.

use otpgate::Timestamp;
use otpgate::limit::{Limit, Meter};

use crate::support::Dice;

const SKEW: u64 = 60_000;

/// Two honest calls may be this far apart.
const APART: u64 = 2 * SKEW;

/// When calls were granted and when wild ones were made, in true time: calls whose clocks are within
/// `SKEW` of it and, where `wild`, one in ten without a bound and up to a year ahead.
fn history(limit: Limit, span: u64, seed: u64, wild: bool) -> [Vec<u64>; 2] {
    let mut dice = Dice(seed);
    let mut meter = Meter::fresh(&limit);
    let (mut granted, mut jumps, mut now) = (Vec::new(), Vec::new(), 1_800_000_000_000);
    for _ in 0..800 {
        now += match dice.below(4) {
            0 => 0,
            1 => dice.below(2_000),
            2 => dice.below(span / 8 + 1),
            _ => APART,
        };
        // Now and then a rest, and more at once than fits.
        let burst = dice.below(30) == 0;
        now += if burst { 2_000_000 } else { 0 };
        let call = if wild && dice.below(10) == 0 {
            jumps.push(now);
            now + [APART - 1, APART, APART + 1, 3 * SKEW, 90_000_000, 31_536_000_000]
                [dice.below(6) as usize]
        } else {
            let call = now - SKEW + dice.below(APART + 1);
            let horizon = Timestamp::from_millis(call + APART);
            meter.heal(&limit, Timestamp::from_millis(call), horizon);
            call
        };
        for _ in 0..if burst { 40 } else { 1 } {
            if meter.charge(&limit, Timestamp::from_millis(call), 1).is_ok() {
                granted.push(now);
            }
        }
    }
    [granted, jumps]
}

/// How many of `times` lie in `from..to`.
fn within(times: &[u64], from: u64, to: u64) -> u64 {
    let before = |end| times.partition_point(|time| *time < end);
    (before(to) - before(from)) as u64
}

/// Within the bound: what the limit says in any span less twice the bound. Each call without a bound
/// that jumps ahead gives a limit once more, since it finds its own time empty.
#[test]
fn no_wobble_spends_a_limit_twice_and_each_jump_gives_it_once_more() {
    for (limit, span, max) in [
        (Limit::Window { max: 5, span_ms: 3_600_000 }, 3_600_000, 5),
        (Limit::Window { max: 10, span_ms: 86_400_000 }, 86_400_000, 10),
        (Limit::Budget { max: 20, span_ms: 86_400_000 }, 86_400_000, 20),
        // In no time, what the bucket holds and what drains in twice the bound.
        (Limit::Unverified { max: 30, drain_ms: 60_000 }, APART + 1, 32),
        (Limit::Spacing { interval_ms: 60_000, burst: 3 }, APART + 1, 5),
    ] {
        let mut most = 0;
        for (wild, seed) in (0..40).flat_map(|seed| [(false, seed), (true, seed)]) {
            let [granted, jumps] = history(limit, span, seed, wild);
            for from in &granted {
                let to = from + span - APART;
                let (got, free) = (within(&granted, *from, to), within(&jumps, from - span, to));
                assert!(got <= max * (1 + free), "{limit:?}, seed {seed}: {got}, {free} jumps");
                if !wild {
                    most = most.max(got);
                }
            }
        }
        assert!(most * 2 > max, "{limit:?}: {most} is no pressure");
    }
}
