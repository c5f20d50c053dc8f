//! The bound on `now`: a call too far from the store's own clock changes nothing.

use std::time::Duration;

use super::bench::{Bench, Checked, charge, same, wrong};
use super::{Case, case};
use crate::base::time::{Clock, SystemClock, Timestamp};
use crate::limit::Limit;
use crate::store::{Admitted, ClockCheck, StoreErrorKind, TallyQuery, Verdict};
use crate::testing::report::Finding;

pub(super) const CASES: &[Case] = &[
    case!(
        clock_ahead_of_the_store,
        "a call whose `now` leads the store's clock by more than its check allows changes nothing \
         and fails as `Clock`"
    ),
    case!(
        clock_behind_the_store,
        "a call whose `now` lags the store's clock by more than its check allows changes nothing \
         and fails as `Clock`"
    ),
    case!(
        clock_near_the_store,
        "a call whose `now` is within what its check allows is taken, by its own `now`"
    ),
];

const BOUND: ClockCheck = ClockCheck::Within(Duration::from_secs(60));

/// Just outside the bound (and what a run of the case takes), a night, 25 hours, a year, ten years.
const APART: [u64; 5] = [75, 28_800, 90_000, 31_536_000, 315_360_000];

async fn clock_ahead_of_the_store(bench: Bench) -> Checked {
    refused(bench, |wall, apart| wall + apart).await
}

async fn clock_behind_the_store(bench: Bench) -> Checked {
    refused(bench, Timestamp::before).await
}

async fn refused(bench: Bench, off: fn(Timestamp, Duration) -> Timestamp) -> Checked {
    let wall = SystemClock::new();
    let limit = Limit::Budget { max: 2, span_ms: 86_400_000 };
    for apart in APART.map(Duration::from_secs) {
        let key = bench.meter();
        let right = || wall.now().as_millis();
        let opened = bench.open(right(), 3).await?;
        for _ in 0..3 {
            let mut admission =
                bench.charging(off(wall.now(), apart).as_millis(), vec![charge(key, limit, 1)]);
            admission.clock = BOUND;
            named("admit", apart, bench.store.admit(&admission).await)?;
            let mut settlement = bench.settlement(&admission, right());
            settlement.now = off(wall.now(), apart);
            settlement.clock = BOUND;
            named("settle", apart, bench.store.settle(&settlement).await)?;
            let mut redemption = bench.redemption(opened.key, opened.digest, right());
            redemption.now = off(wall.now(), apart);
            redemption.clock = BOUND;
            named("redeem", apart, bench.store.redeem(&redemption).await)?;
            let mut query = TallyQuery::new(off(wall.now(), apart), bench.realm);
            query.home = bench.home;
            query.clock = BOUND;
            named("tally", apart, bench.store.tally(&query).await)?;
        }
        let what = format!("{apart:?} apart: the count at the right time");
        same(&what, bench.count(key, limit, right()).await?, 0)?;
        for expected in [1, 2] {
            let mut admission = bench.charging(right(), vec![charge(key, limit, 1)]);
            admission.clock = BOUND;
            bench.grant("a call at the right time", &admission).await?;
            same("its count", bench.count(key, limit, right()).await?, expected)?;
        }
        match bench.guess(opened.key, opened.digest, right()).await? {
            Verdict::Accepted { attempts: 1, .. } => {}
            other => return wrong("the code, at the right time", "its first attempt", &other),
        }
    }
    Ok(())
}

fn named<T: std::fmt::Debug>(
    verb: &str,
    apart: Duration,
    answer: Result<T, crate::store::StoreError>,
) -> Checked {
    match answer {
        Err(error) if error.kind() == StoreErrorKind::Clock => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            if cause.as_ref().is_some_and(|cause| cause.contains("clock")) {
                return Ok(());
            }
            Err(Finding::new(format!(
                "{verb}: the error's source does not name the clock: {cause:?}"
            )))
        }
        other => wrong(&format!("{verb} {apart:?} off"), "StoreErrorKind::Clock", &other),
    }
}

async fn clock_near_the_store(bench: Bench) -> Checked {
    let wall = SystemClock::new();
    let limit = Limit::Window { max: 1, span_ms: 3_600_000 };
    let near = Duration::from_secs(45);
    for now in [wall.now(), wall.now() + near, wall.now().before(near)] {
        let mut admission = bench.charging(now.as_millis(), vec![charge(bench.meter(), limit, 1)]);
        admission.clock = BOUND;
        match bench.admit(&admission).await? {
            Admitted::Granted { .. } => {}
            other => return wrong("a call within the bound", "Granted", &other),
        }
        admission.clock = ClockCheck::Unchecked;
        let far = bench.charging(1_000, vec![charge(bench.meter(), limit, 1)]);
        bench.grant("an unchecked call of 1970", &far).await?;
    }
    Ok(())
}
