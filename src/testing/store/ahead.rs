//! What a wrong clock has dated ahead heals once a clock that is right calls.
//!
//! The cases write the far dates with unchecked calls, as a store does whose own clock is wrong, and
//! look at what was kept with unchecked calls too: those heal nothing.

use std::time::Duration;

use super::bench::{
    Bench, Checked, OBSERVED, Opened, at, charge, credit, granted, observation, one, same, wrong,
};
use super::{Case, case};
use crate::base::time::{Clock, SystemClock, millis};
use crate::limit::{Limit, MeterKey};
use crate::store::{
    Admission, Admitted, ChallengeState, ClockCheck, Exchange, Mark, MeterQuery, Nonce, Reading,
    Verdict,
};

pub(super) const CASES: &[Case] = &[
    case!(
        dated_ahead_heals_when_refused,
        "a meter dated beyond the horizon of a checked call is dated `now`, and stays so though the \
         call is refused: it is shut no longer than its span"
    ),
    case!(
        dated_ahead_keeps_its_units,
        "a meter dated beyond the horizon keeps what was charged, whatever limit judges it: nothing is \
         spent twice"
    ),
    case!(
        dated_ahead_reads_healed,
        "a reading tells of a meter dated beyond the horizon what the next call will find, and changes \
         nothing"
    ),
    case!(
        dated_ahead_heals_everywhere,
        "observations, refunds, credits that change something and both lists of a redemption find a \
         healed meter"
    ),
    case!(
        within_the_horizon_nothing_heals,
        "up to the horizon, and in an unchecked call, a meter's later time is used as it is"
    ),
    case!(
        challenge_dated_ahead,
        "a challenge opened beyond the horizon is unknown, and its name can be opened again"
    ),
    case!(
        mark_dated_ahead,
        "a mark made on one that ends beyond all honest clocks ends when it says itself"
    ),
    case!(nonce_dated_ahead, "a nonce that was spent under a wrong clock stays spent"),
    case!(
        journal_dated_ahead,
        "an entry dated beyond the horizon is not news, and keeps no younger one from its end"
    ),
];

const SKEW: Duration = Duration::from_secs(60);
const BOUND: ClockCheck = ClockCheck::Within(SKEW);
const HORIZON: u64 = 120_000;

/// A little beyond the horizon, 25 hours, a year, ten years.
const AHEAD: [u64; 4] = [HORIZON + 60_000, 90_000_000, 31_536_000_000, 315_360_000_000];

/// Each with the cost that fills it.
const LIMITS: [(Limit, u64); 7] = [
    (Limit::Spacing { interval_ms: 60_000, burst: 3 }, 3),
    (Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 1_800_000 }, 1),
    (Limit::Window { max: 3, span_ms: 3_600_000 }, 3),
    (Limit::Budget { max: 1_000_000, span_ms: 86_400_000 }, 1_000_000),
    (Limit::Unverified { max: 300, drain_ms: 60_000 }, 300),
    (
        Limit::Failures {
            max: 4,
            pause_after: 4,
            pause_ms: 1_000,
            longest_ms: 60_000,
            forget_ms: 2_678_400_000,
        },
        4,
    ),
    (
        Limit::Failures {
            max: 9,
            pause_after: 1,
            pause_ms: 30_000,
            longest_ms: 3_600_000,
            forget_ms: 86_400_000,
        },
        1,
    ),
];

fn now() -> u64 {
    SystemClock::new().now().as_millis()
}

fn checked(bench: &Bench, now: u64, key: MeterKey, limit: Limit, cost: u64) -> Admission {
    let mut admission = bench.charging(now, vec![charge(key, limit, cost)]);
    admission.clock = BOUND;
    admission
}

/// The count, or the wait.
async fn pay(
    bench: &Bench,
    now: u64,
    key: MeterKey,
    limit: Limit,
    cost: u64,
) -> Checked<Result<u64, u64>> {
    match bench.admit(&checked(bench, now, key, limit, cost)).await? {
        Admitted::Granted { counts, .. } => Ok(Ok(one("counts", counts)?)),
        Admitted::Exhausted { retry_after, .. } => Ok(Err(millis(retry_after))),
        other => wrong("a charge alone", "Granted or Exhausted", &other),
    }
}

async fn read(bench: &Bench, now: u64, key: MeterKey, limit: Limit, cost: u64) -> Checked<Reading> {
    let mut query = bench.query(now);
    query.clock = BOUND;
    query.meters.push(MeterQuery { key, limit, cost });
    one("meters of a tally", bench.tally(&query).await?.meters)
}

async fn dated_ahead_heals_when_refused(bench: Bench) -> Checked {
    for (limit, full) in LIMITS {
        for ahead in AHEAD {
            let (key, now) = (bench.meter(), now());
            bench.pay(key, limit, full, now + ahead).await?;
            let what = format!("{limit:?} filled {ahead} ms ahead");
            let Err(wait) = pay(&bench, now, key, limit, 1).await? else {
                return wrong(&what, "a refusal: its units are kept", &limit);
            };
            let most = limit.memory_ms();
            same(&format!("{what}: a wait of {wait} within {most}"), wait <= most, true)?;
            let (_, early) = bench.charge(key, limit, 1, now + wait - 1).await?;
            same(&format!("{what}: a millisecond too early"), early, Err(1))?;
            let (_, then) = bench.charge(key, limit, 1, now + wait).await?;
            same(&format!("{what}: granted when it said"), then.is_ok(), true)?;
        }
    }
    Ok(())
}

async fn dated_ahead_keeps_its_units(bench: Bench) -> Checked {
    for ahead in AHEAD {
        // Used to 40 of 100, once before and once under the wrong clock. A call judges it by a limit
        // that is stricter: a purpose of its own, or the step before the last.
        for [wide, strict] in [
            [
                Limit::Unverified { max: 100, drain_ms: 600_000 },
                Limit::Unverified { max: 10, drain_ms: 600_000 },
            ],
            [
                Limit::Spacing { interval_ms: 600_000, burst: 100 },
                Limit::Spacing { interval_ms: 600_000, burst: 10 },
            ],
            [
                Limit::Window { max: 100, span_ms: 86_400_000 },
                Limit::Window { max: 10, span_ms: 86_400_000 },
            ],
            [
                Limit::Budget { max: 100, span_ms: 86_400_000 },
                Limit::Budget { max: 10, span_ms: 86_400_000 },
            ],
        ] {
            let (key, now) = (bench.meter(), now());
            bench.pay(key, wide, 40, now + ahead).await?;
            let what = format!("{wide:?} used to 40 of it {ahead} ms ahead");
            let strictly = pay(&bench, now, key, strict, 1).await?;
            same(&format!("{what}: refused by the stricter"), strictly.is_err(), true)?;
            let left = pay(&bench, now, key, wide, 61).await?;
            same(&format!("{what}: 61 more do not fit"), left.is_err(), true)?;
            same(&format!("{what}: 60 more do"), pay(&bench, now, key, wide, 60).await?, Ok(100))?;
        }
        // Units of before the step keep their own time.
        let (key, now) = (bench.meter(), now());
        let hourly = Limit::Window { max: 9, span_ms: 3_600_000 };
        bench.pay(key, hourly, 2, now - 1_800_000).await?;
        bench.pay(key, hourly, 3, now + ahead.min(600_000)).await?;
        let what = format!("a window used half an hour ago and {} ms ahead", ahead.min(600_000));
        same(&what, pay(&bench, now, key, hourly, 1).await?, Ok(6))?;
        same(&what, bench.count(key, hourly, now + 1_859_999).await? >= 4, true)?;
        same(&what, bench.count(key, hourly, now + 1_921_000).await?, 4)?;
        same(&what, bench.count(key, hourly, now + 3_720_000).await?, 0)?;
    }
    Ok(())
}

async fn dated_ahead_reads_healed(bench: Bench) -> Checked {
    for (limit, full) in LIMITS {
        let ahead = 31_536_000_000;
        let (key, now) = (bench.meter(), now());
        bench.pay(key, limit, full, now + ahead).await?;
        let what = format!("{limit:?} filled a year ahead");
        let first = read(&bench, now, key, limit, 1).await?;
        let within = millis(first.retry_after) <= limit.memory_ms();
        same(&format!("{what}: reads {first:?} within its span"), within, true)?;
        same(&format!("{what}: its count"), first.count >= 1, true)?;
        let unhealed = bench.reading(key, limit, 1, now).await?;
        let far = millis(unhealed.retry_after) >= millis(first.retry_after);
        same(&format!("{what}: reading changed nothing"), far, true)?;
        let later = read(&bench, now + 30_000, key, limit, 1).await?;
        let within = millis(later.retry_after) <= limit.memory_ms();
        same(&format!("{what}: reads {later:?} later, still within"), within, true)?;
        same(&format!("{what}: its count later"), later.count, first.count)?;
        let found = pay(&bench, now, key, limit, 1).await?;
        same(&format!("{what}: the next call"), found, Err(millis(first.retry_after)))?;
    }
    Ok(())
}

async fn dated_ahead_heals_everywhere(bench: Bench) -> Checked {
    for ahead in AHEAD {
        observed_ahead_heals(&bench, ahead).await?;
        settled_ahead_heals(&bench, ahead).await?;
        redeemed_ahead_heals(&bench, ahead).await?;
    }
    Ok(())
}

/// An observation, and a charge of now that is given back.
async fn observed_ahead_heals(bench: &Bench, ahead: u64) -> Checked {
    let now = now();
    let key = bench.meter();
    let mut early = bench.admission(now + ahead);
    early.observe.push(observation(key, 3));
    bench.grant("an observation ahead", &early).await?;
    let mut admission = bench.admission(now);
    admission.clock = BOUND;
    admission.observe.push(observation(key, 1));
    let Admitted::Granted { observed, .. } = bench.admit(&admission).await? else {
        return wrong("an observation", "Granted", &admission);
    };
    same("observed", observed, vec![4])?;
    same("after its span", bench.count(key, OBSERVED, now + 3_720_000).await?, 0)?;

    let (key, daily) = (bench.meter(), Limit::Window { max: 9, span_ms: 86_400_000 });
    bench.pay(key, daily, 2, now + ahead).await?;
    let paid = checked(bench, now, key, daily, 3);
    same("counts", granted("a charge", bench.admit(&paid).await?)?, vec![5])?;
    let mut settlement = bench.settlement(&paid, now);
    settlement.clock = BOUND;
    bench.settle(&settlement).await?;
    same("given back", bench.count(key, daily, now).await?, 2)
}

/// A lane that three failures shut for a month.
const LANE: Limit = Limit::Failures {
    max: 3,
    pause_after: 3,
    pause_ms: 1,
    longest_ms: 1,
    forget_ms: 2_678_400_000,
};

/// A refund and a credit that are the first to find it.
async fn settled_ahead_heals(bench: &Bench, ahead: u64) -> Checked {
    let (key, now) = (bench.meter(), now());
    bench.pay(key, LANE, 3, now + ahead).await?;
    let mut forgiven = bench.charging(now, Vec::new());
    forgiven.clock = BOUND;
    bench.grant("to be settled", &forgiven).await?;
    forgiven.charges.push(charge(key, LANE, 3));
    let mut settlement = bench.settlement(&forgiven, now);
    settlement.clock = BOUND;
    bench.settle(&settlement).await?;
    same("failures forgiven", bench.count(key, LANE, now).await?, 0)?;

    let (key, day) = (bench.meter(), Limit::Budget { max: 9, span_ms: 86_400_000 });
    bench.pay(key, day, 9, now + ahead).await?;
    let opened = bench.open(now, 1).await?;
    let mut redemption = bench.redemption(opened.key, opened.digest, now);
    redemption.clock = BOUND;
    redemption.credits.push(credit(key, day, 4));
    let verdict = bench.verdict(&redemption).await?;
    same("the code", verdict, Verdict::Accepted { attempts: 1, opened: at(now) })?;
    same("credited", bench.count(key, day, now).await?, 5)?;
    same("in two days", bench.count(key, day, now + 172_800_000).await?, 0)?;

    // A credit that changes nothing leaves the date as well.
    let (key, daily) = (bench.meter(), Limit::Window { max: 9, span_ms: 86_400_000 });
    bench.pay(key, daily, 9, now + ahead).await?;
    let opened = bench.open(now, 1).await?;
    let mut redemption = bench.redemption(opened.key, opened.digest, now);
    redemption.clock = BOUND;
    redemption.credits.push(credit(key, daily, 4));
    let verdict = bench.verdict(&redemption).await?;
    same("the other code", verdict, Verdict::Accepted { attempts: 1, opened: at(now) })?;
    same("at its date", bench.count(key, daily, now + ahead).await?, 9)
}

/// Both lists of a redemption, of which the second refuses.
async fn redeemed_ahead_heals(bench: &Bench, ahead: u64) -> Checked {
    let (client, lane, now) = (bench.meter(), bench.meter(), now());
    let ten = Limit::Window { max: 10, span_ms: 3_600_000 };
    bench.pay(client, ten, 4, now + ahead).await?;
    bench.pay(lane, LANE, 3, now + ahead).await?;
    let opened = bench.open(now, 3).await?;
    let mut redemption = bench.redemption(opened.key, opened.digest, now);
    redemption.clock = BOUND;
    redemption.charges.push(charge(client, ten, 1));
    redemption.subject_charges.push(charge(lane, LANE, 1));
    match bench.verdict(&redemption).await? {
        Verdict::Exhausted { index: 1, retry_after } => {
            same("wait", millis(retry_after), 2_678_400_000)?;
        }
        other => return wrong("a lane that is full", "Exhausted by the second", &other),
    }
    same("the client's, uncharged", bench.count(client, ten, now).await?, 4)?;
    same("in an hour", bench.count(client, ten, now + 3_720_000).await?, 0)?;
    same("in 31 days", bench.count(lane, LANE, now + 2_678_400_000).await?, 0)
}

async fn within_the_horizon_nothing_heals(bench: Bench) -> Checked {
    for (limit, full) in LIMITS {
        let (key, now) = (bench.meter(), now());
        bench.pay(key, limit, full, now + HORIZON).await?;
        let what = format!("{limit:?} filled at the horizon");
        let unchecked = bench.reading(key, limit, 1, now).await?;
        same(&format!("{what}: as it is"), read(&bench, now, key, limit, 1).await?, unchecked)?;
        let found = pay(&bench, now, key, limit, 1).await?;
        same(&format!("{what}: a call"), found, Err(millis(unchecked.retry_after)))?;
        same(&format!("{what}: kept"), bench.reading(key, limit, 1, now).await?, unchecked)?;

        let key = bench.meter();
        bench.pay(key, limit, full, now + 31_536_000_000).await?;
        let (_, found) = bench.charge(key, limit, 1, now).await?;
        same(&format!("{limit:?}: unchecked"), found.is_err(), true)?;
        let (_, found) = bench.charge(key, limit, 1, now + 15_768_000_000).await?;
        same(&format!("{limit:?}: unchecked, in half a year"), found.is_err(), true)?;
    }
    Ok(())
}

async fn challenge_dated_ahead(bench: Bench) -> Checked {
    for ahead in AHEAD {
        let now = now();
        let far = bench.open(now + ahead, 3).await?;
        let mut query = bench.query(now);
        query.clock = BOUND;
        query.challenges.push(far.key);
        let states = bench.tally(&query).await?.challenges;
        same("its state", one("challenges", states)?, ChallengeState::Unknown)?;
        let mut redemption = bench.redemption(far.key, far.digest, now);
        redemption.clock = BOUND;
        let verdict = bench.verdict(&redemption).await?;
        same(&format!("the right code, {ahead} ms ahead"), verdict, Verdict::Unknown)?;

        let again = Opened { key: far.key, digest: bench.digest() };
        let mut admission = bench.admission(now);
        admission.clock = BOUND;
        admission.challenge = Some(again.write(now, 3));
        bench.grant("opening its name again", &admission).await?;
        let mut redemption = bench.redemption(again.key, again.digest, now);
        redemption.clock = BOUND;
        let verdict = bench.verdict(&redemption).await?;
        same("the new code", verdict, Verdict::Accepted { attempts: 1, opened: at(now) })?;
    }
    let now = now();
    let near = bench.open(now + HORIZON, 3).await?;
    let mut redemption = bench.redemption(near.key, near.digest, now);
    redemption.clock = BOUND;
    let verdict = bench.verdict(&redemption).await?;
    let accepted = Verdict::Accepted { attempts: 1, opened: at(now + HORIZON) };
    same("a code of a gate that leads within the bound", verdict, accepted)
}

async fn mark_dated_ahead(bench: Bench) -> Checked {
    let (wait, life) = (Duration::from_secs(86_400), Duration::from_secs(7_776_000));
    for ahead in AHEAD {
        let now = now();
        let mark = |key, now| Mark { key, from: at(now) + wait, until: at(now) + life };
        let key = bench.meter();
        let far = mark(key, now + ahead);
        bench.accept(now + ahead, |redemption| redemption.marks = vec![far]).await?;
        let near = mark(key, now);
        bench
            .accept(now, |redemption| {
                redemption.clock = BOUND;
                redemption.marks = vec![near];
            })
            .await?;
        let kept = bench.mark(key, now).await?;
        same(&format!("marked {ahead} ms ahead, then now"), kept, Some((near.from, near.until)))?;
    }
    Ok(())
}

async fn nonce_dated_ahead(bench: Bench) -> Checked {
    for ahead in AHEAD {
        let now = now();
        let nonce = Nonce { key: bench.name(), expires: at(now + ahead + 600_000) };
        for (time, clock) in [(now + ahead, ClockCheck::Unchecked), (now, BOUND)] {
            let mut admission = bench.admission(time);
            admission.clock = clock;
            admission.nonces.push(nonce);
            match (clock, bench.admit(&admission).await?) {
                (ClockCheck::Unchecked, Admitted::Granted { .. })
                | (ClockCheck::Within(_), Admitted::NonceSpent { index: 0 }) => {}
                (_, other) => return wrong(&format!("a nonce {ahead} ms ahead"), "spent", &other),
            }
        }
    }
    Ok(())
}

async fn journal_dated_ahead(bench: Bench) -> Checked {
    let (journal, now) = (bench.name(), now());
    let entry = |now: u64, clock: ClockCheck, entry: &[u8]| {
        let mut admission = bench.admission(now);
        admission.clock = clock;
        admission.exchange = Some(Exchange { journal, append: entry.to_vec(), after: 0 });
        admission
    };
    for ahead in AHEAD {
        bench.grant("news ahead", &entry(now + ahead, ClockCheck::Unchecked, b"far")).await?;
    }
    for what in [&b"one"[..], b"two"] {
        bench.grant("news", &entry(now, BOUND, what)).await?;
    }
    let mut query = bench.query(now);
    query.clock = BOUND;
    query.journal = Some((journal, 0));
    let news = bench.tally(&query).await?.news;
    let entries: Vec<_> = news.entries.iter().map(|(_, entry)| entry.as_slice()).collect();
    same("entries", entries, vec![&b"one"[..], b"two"])?;
    let numbers = news.entries.iter().map(|(number, _)| *number);
    same("numbers go on", numbers.collect::<Vec<_>>(), vec![news.latest - 1, news.latest])?;
    let refused = bench.admit(&entry(now, BOUND, b"three")).await?;
    match refused {
        Admitted::Granted { news, .. } => same("with the next", news.entries.len(), 3),
        other => wrong("news", "Granted", &other),
    }
}
