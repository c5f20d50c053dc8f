//! Time is `now`: expiry to the millisecond, clocks far off, clocks set back.

use std::time::Duration;

use super::bench::{Bench, Checked, Opened, T0, at, charge, exhausted, same};
use super::{Case, case};
use crate::limit::Limit;
use crate::store::{Admitted, ChallengeState, Mark, Nonce, Verdict};

pub(super) const CASES: &[Case] = &[
    case!(expiry_by_now, "the code is good before `expires`, by `now` and by nothing else"),
    case!(clock_of_1970, "the backend's clock decides nothing: `now` may be decades behind it"),
    case!(clock_of_2106, "the backend's clock decides nothing: `now` may be decades ahead of it"),
    case!(nonce_until_it_expires, "a nonce is remembered until `expires`, by `now`, and no longer"),
    case!(clock_back_limits, "where a meter holds a later time than `now`, the meter's is used"),
    case!(
        clock_back_single_use,
        "what is spent, consumed or locked stays so when the clock steps back"
    ),
    case!(clock_forward_frees_meters, "by `now`, a limit's memory ends when its rule says"),
];

async fn expiry_by_now(bench: Bench) -> Checked {
    let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
    for (after, expected) in [(0, accepted), (299_999, accepted), (300_000, Verdict::Expired)] {
        let opened = bench.open(T0, 3).await?;
        let verdict = bench.guess(opened.key, opened.digest, T0 + after).await?;
        same(&format!("the right code {after} ms on, good for 300000"), verdict, expected)?;
    }
    let opened = bench.open(T0, 3).await?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 600_000).await?;
    same("the right code of a closed challenge", verdict, Verdict::Unknown)
}

async fn clock_of_1970(bench: Bench) -> Checked {
    whole_life(bench, 1_000).await
}

async fn clock_of_2106(bench: Bench) -> Checked {
    // Beyond 32 bits of seconds.
    whole_life(bench, 4_294_967_296_500).await
}

async fn whole_life(bench: Bench, start: u64) -> Checked {
    let (meter, three) = (bench.meter(), Limit::Window { max: 3, span_ms: 60_000 });
    let nonce = Nonce { key: bench.name(), expires: at(start + 100_000) };
    let opened = Opened { key: bench.name(), digest: bench.digest() };
    let mut admission = bench.charging(start, vec![charge(meter, three, 3)]);
    admission.nonces.push(nonce);
    admission.challenge = Some(opened.write(start, 3));
    bench.grant("a send", &admission).await?;

    let more = bench.charging(start + 1, vec![charge(meter, three, 1)]);
    exhausted("one more", bench.admit(&more).await?)?;
    let mut replay = bench.admission(start + 1);
    replay.nonces.push(nonce);
    same("the nonce", bench.admit(&replay).await?, Admitted::NonceSpent { index: 0 })?;
    bench.grant("the same identifier", &admission).await?;
    let wrong = bench.digest();
    let verdict = bench.guess(opened.key, wrong, start + 299_999).await?;
    same("a wrong code", verdict, Verdict::Mismatch { left: 2 })?;
    let verdict = bench.guess(opened.key, opened.digest, start + 299_999).await?;
    same("the right code", verdict, Verdict::Accepted { attempts: 2, opened: at(start) })?;
    let verdict = bench.guess(opened.key, opened.digest, start + 299_999).await?;
    same("the right code again", verdict, Verdict::Consumed)?;

    let mark = Mark { key: bench.meter(), from: at(start), until: at(start + 9_000) };
    bench.accept(start, |redemption| redemption.marks = vec![mark]).await?;
    same("a mark", bench.mark(mark.key, start + 8_999).await?, Some((mark.from, mark.until)))?;
    bench.settle(&bench.settlement(&admission, start + 1_000)).await?;
    same("count after settling", bench.count(meter, three, start + 1_000).await?, 0)
}

async fn nonce_until_it_expires(mut bench: Bench) -> Checked {
    let nonce = Nonce { key: bench.name(), expires: at(T0 + 600_000) };
    let spend = |bench: &mut Bench, now: u64, expires: u64| {
        let mut admission = bench.admission(now);
        admission.nonces.push(Nonce { expires: at(expires), ..nonce });
        admission
    };
    let first = spend(&mut bench, T0, T0 + 600_000);
    bench.grant("a fresh nonce", &first).await?;
    let replay = spend(&mut bench, T0 + 599_999, T0 + 600_000);
    let spent = Admitted::NonceSpent { index: 0 };
    same("one millisecond before it expires", bench.admit(&replay).await?, spent.clone())?;
    let afresh = spend(&mut bench, T0 + 600_000, T0 + 700_000);
    bench.grant("when it has expired", &afresh).await?;
    let replay = spend(&mut bench, T0 + 699_999, T0 + 700_000);
    same("spent a second time", bench.admit(&replay).await?, spent)
}

async fn clock_back_limits(bench: Bench) -> Checked {
    let limits = [
        Limit::Spacing { interval_ms: 60_000, burst: 1 },
        Limit::Ladder { first_ms: 60_000, longest_ms: 60_000, forget_ms: 600_000 },
        Limit::Window { max: 1, span_ms: 60_000 },
        Limit::Budget { max: 1, span_ms: 60_000 },
        Limit::Unverified { max: 1, drain_ms: 60_000 },
        Limit::Failures {
            max: 9,
            pause_after: 1,
            pause_ms: 60_000,
            longest_ms: 60_000,
            forget_ms: 600_000,
        },
        Limit::Failures { max: 1, pause_after: 1, pause_ms: 1, longest_ms: 1, forget_ms: 60_000 },
    ];
    for limit in limits {
        let key = bench.meter();
        let (_, seen) = bench.charge(key, limit, 1, T0).await?;
        same(&format!("a first charge on {limit:?}"), seen, Ok(1))?;
        for back in [1, 5_000, 86_400_000] {
            let now = T0 - back;
            let (_, seen) = bench.charge(key, limit, 1, now).await?;
            let what = format!("refused {back} ms earlier on {limit:?}");
            same(&what, seen.is_err_and(|wait| wait >= 60_000), true)?;
            same("count", bench.count(key, limit, now).await? >= 1, true)?;
        }
    }
    // A charge that is granted under a clock set back counts as long as one at the meter's time.
    let (key, two) = (bench.meter(), Limit::Window { max: 2, span_ms: 60_000 });
    same("at 30 000", bench.charge(key, two, 1, T0 + 30_000).await?.1, Ok(1))?;
    same("set back", bench.charge(key, two, 1, T0).await?.1, Ok(2))?;
    same("until the later one ends", bench.count(key, two, T0 + 90_999).await?, 2)?;
    same("then no longer", bench.count(key, two, T0 + 91_000).await?, 0)
}

async fn clock_back_single_use(bench: Bench) -> Checked {
    let earlier = T0 - 3_600_000;
    let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(600) };
    let mut admission = bench.admission(T0);
    admission.nonces.push(nonce);
    bench.grant("spending a nonce", &admission).await?;
    let mut replay = bench.admission(earlier);
    replay.nonces.push(nonce);
    same("the nonce", bench.admit(&replay).await?, Admitted::NonceSpent { index: 0 })?;

    let opened = bench.open(T0, 3).await?;
    let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
    same("the code", bench.guess(opened.key, opened.digest, T0 + 1_000).await?, accepted)?;
    let verdict = bench.guess(opened.key, opened.digest, earlier).await?;
    same("the code an hour earlier", verdict, Verdict::Consumed)?;

    let locked = bench.open(T0, 1).await?;
    let wrong = bench.digest();
    let verdict = bench.guess(locked.key, wrong, T0).await?;
    same("a wrong code", verdict, Verdict::Mismatch { left: 0 })?;
    let verdict = bench.guess(locked.key, locked.digest, earlier).await?;
    same("the locked code an hour earlier", verdict, Verdict::Locked)?;
    same("its state", bench.state(locked.key, earlier).await?, ChallengeState::Locked)
}

async fn clock_forward_frees_meters(bench: Bench) -> Checked {
    let limits = [
        Limit::Spacing { interval_ms: 60_000, burst: 2 },
        Limit::Ladder { first_ms: 60_000, longest_ms: 60_000, forget_ms: 600_000 },
        Limit::Window { max: 1, span_ms: 86_400_000 },
        Limit::Budget { max: 1, span_ms: 86_400_000 },
        Limit::Unverified { max: 2, drain_ms: 60_000 },
        Limit::Failures {
            max: 1,
            pause_after: 1,
            pause_ms: 1,
            longest_ms: 1,
            forget_ms: 86_400_000,
        },
    ];
    for limit in limits {
        let key = bench.meter();
        let (_, seen) = bench.charge(key, limit, 1, T0).await?;
        same(&format!("a first charge on {limit:?}"), seen, Ok(1))?;
        let later = T0 + limit.memory_ms();
        same(&format!("count at the end of {limit:?}"), bench.count(key, limit, later).await?, 0)?;
        let (_, seen) = bench.charge(key, limit, 1, later).await?;
        same(&format!("a charge at the end of {limit:?}"), seen, Ok(1))?;
    }
    Ok(())
}
