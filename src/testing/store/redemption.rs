//! `redeem`: the order of its steps, what is charged when, what success brings.

use super::bench::{
    Bench, Checked, OBSERVED, T0, WIDE, at, charge, credit, observation, same, wrong,
};
use super::{Case, case};
use crate::base::time::millis;
use crate::limit::Limit;
use crate::store::{ChallengeState, Mark, Redemption, Verdict};

pub(super) const CASES: &[Case] = &[
    case!(attempts_count_down, "one attempt is counted before each comparison; at 0 it is locked"),
    case!(right_code_after_lock, "no attempts left: Locked, even for the right code"),
    case!(consumed_is_remembered, "a consumed challenge answers Consumed until it closes"),
    case!(
        dead_challenges_charge_the_client,
        "Unknown, Consumed, Locked, Expired: `charges` alone are charged"
    ),
    case!(
        live_challenges_charge_the_subject,
        "a live challenge charges `charges` and `subject_charges`"
    ),
    case!(
        exhausted_compares_nothing,
        "Exhausted: nothing charged, nothing compared, no attempt counted"
    ),
    case!(
        dead_challenge_needs_the_client,
        "`charges` are checked before the challenge is looked up"
    ),
    case!(exhausted_index_runs_on, "an index into `charges`, then on into `subject_charges`"),
    case!(empty_digests, "a malformed code matches nothing and is charged all the same"),
    case!(several_digests, "one of the digests equals that of a code"),
    case!(
        success_resets_credits_marks,
        "on Accepted `reset` meters are reset, `credits` given, `marks` made"
    ),
    case!(mismatch_gives_nothing, "a wrong code resets, credits and marks nothing"),
    case!(observations, "`observe` whatever the answer, `observe_failure` only if not accepted"),
    case!(waived_attempts, "a waived charge of a redemption is neither checked nor charged"),
];

fn right(attempts: u32) -> Verdict {
    Verdict::Accepted { attempts, opened: at(T0) }
}

async fn attempts_count_down(bench: Bench) -> Checked {
    let opened = bench.open(T0, 3).await?;
    for left in [2, 1, 0] {
        let wrong = bench.digest();
        let verdict = bench.guess(opened.key, wrong, T0).await?;
        same("a wrong code", verdict, Verdict::Mismatch { left })?;
    }
    let wrong = bench.digest();
    same("one more", bench.guess(opened.key, wrong, T0).await?, Verdict::Locked)?;
    same("its state", bench.state(opened.key, T0).await?, ChallengeState::Locked)?;
    let last = bench.open(T0, 2).await?;
    same("a wrong code", bench.guess(last.key, wrong, T0).await?, Verdict::Mismatch { left: 1 })?;
    same(
        "the right one at the last attempt",
        bench.guess(last.key, last.digest, T0).await?,
        right(2),
    )
}

async fn right_code_after_lock(bench: Bench) -> Checked {
    let opened = bench.open(T0, 1).await?;
    let wrong = bench.digest();
    same("a wrong code", bench.guess(opened.key, wrong, T0).await?, Verdict::Mismatch { left: 0 })?;
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("the right code, locked", verdict, Verdict::Locked)
}

async fn consumed_is_remembered(bench: Bench) -> Checked {
    let opened = bench.open(T0, 3).await?;
    same("the right code", bench.guess(opened.key, opened.digest, T0).await?, right(1))?;
    for after in [0, 1_000, 299_999, 300_000, 599_999] {
        let verdict = bench.guess(opened.key, opened.digest, T0 + after).await?;
        same(&format!("again, {after} ms later"), verdict, Verdict::Consumed)?;
    }
    same("its state", bench.state(opened.key, T0).await?, ChallengeState::Consumed)
}

/// A redemption that charges one to a client's and one to a subject's meter.
async fn paying(
    bench: &mut Bench,
    mut redemption: Redemption,
    expected: Verdict,
    (client, subject): (u64, u64),
) -> Checked {
    let (one, two) = (bench.meter(), bench.meter());
    redemption.charges = vec![charge(one, WIDE, 1)];
    redemption.subject_charges = vec![charge(two, WIDE, 1)];
    let now = redemption.now.as_millis();
    let verdict = bench.verdict(&redemption).await?;
    same("the verdict", verdict, expected)?;
    let seen = (bench.count(one, WIDE, now).await?, bench.count(two, WIDE, now).await?);
    same(&format!("charged to client and subject by {verdict:?}"), seen, (client, subject))
}

async fn dead_challenges_charge_the_client(mut bench: Bench) -> Checked {
    let digest = bench.digest();
    let unknown = bench.name();
    let redemption = bench.redemption(unknown, digest, T0);
    paying(&mut bench, redemption, Verdict::Unknown, (1, 0)).await?;

    let consumed = bench.open(T0, 3).await?;
    same("the right code", bench.guess(consumed.key, consumed.digest, T0).await?, right(1))?;
    let redemption = bench.redemption(consumed.key, consumed.digest, T0);
    paying(&mut bench, redemption, Verdict::Consumed, (1, 0)).await?;

    let locked = bench.open(T0, 1).await?;
    same(
        "a wrong code",
        bench.guess(locked.key, digest, T0).await?,
        Verdict::Mismatch { left: 0 },
    )?;
    let redemption = bench.redemption(locked.key, locked.digest, T0);
    paying(&mut bench, redemption, Verdict::Locked, (1, 0)).await?;

    let expired = bench.open(T0, 3).await?;
    let redemption = bench.redemption(expired.key, expired.digest, T0 + 300_000);
    paying(&mut bench, redemption, Verdict::Expired, (1, 0)).await
}

async fn live_challenges_charge_the_subject(mut bench: Bench) -> Checked {
    let (digest, opened) = (bench.digest(), bench.open(T0, 3).await?);
    let redemption = bench.redemption(opened.key, digest, T0);
    paying(&mut bench, redemption, Verdict::Mismatch { left: 2 }, (1, 1)).await?;
    let redemption = bench.redemption(opened.key, opened.digest, T0);
    paying(&mut bench, redemption, right(2), (1, 1)).await
}

async fn exhausted_compares_nothing(bench: Bench) -> Checked {
    let (opened, full, free) = (bench.open(T0, 3).await?, bench.meter(), bench.meter());
    let one = Limit::Window { max: 1, span_ms: 60_000 };
    bench.pay(full, one, 1, T0).await?;
    for subject in [false, true] {
        let mut redemption = bench.redemption(opened.key, opened.digest, T0);
        redemption.charges = vec![charge(if subject { free } else { full }, one, 1)];
        redemption.subject_charges = vec![charge(if subject { full } else { free }, one, 1)];
        let expected = (usize::from(subject), 61_000);
        match bench.verdict(&redemption).await? {
            Verdict::Exhausted { index, retry_after } => {
                same("index and wait", (index, millis(retry_after)), expected)?;
            }
            other => return wrong("a full meter", "Exhausted", &other),
        }
        same("the other meter", bench.count(free, one, T0).await?, 0)?;
    }
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("the right code later, no attempt lost", verdict, right(1))
}

async fn dead_challenge_needs_the_client(bench: Bench) -> Checked {
    let (unknown, digest, full) = (bench.name(), bench.digest(), bench.meter());
    let mut redemption = bench.redemption(unknown, digest, T0);
    redemption.charges = vec![charge(full, Limit::SHUT, 1)];
    match bench.verdict(&redemption).await? {
        Verdict::Exhausted { index: 0, .. } => Ok(()),
        other => wrong("an unknown challenge, a shut client", "Exhausted", &other),
    }
}

async fn exhausted_index_runs_on(bench: Bench) -> Checked {
    let opened = bench.open(T0, 3).await?;
    let spacing = |interval_ms| Limit::Spacing { interval_ms, burst: 1 };
    let mut redemption = bench.redemption(opened.key, opened.digest, T0);
    redemption.charges = vec![charge(bench.meter(), WIDE, 1), charge(bench.meter(), WIDE, 1)];
    redemption.subject_charges =
        [500, 900, 900].map(|wait| charge(bench.meter(), spacing(wait), 1)).into();
    let fill = bench.charging(T0, redemption.subject_charges.clone());
    bench.grant("filling", &fill).await?;
    match bench.verdict(&redemption).await? {
        Verdict::Exhausted { index, retry_after } => {
            same("index and wait", (index, millis(retry_after)), (3, 900))
        }
        other => wrong("full subject meters", "Exhausted", &other),
    }
}

async fn empty_digests(mut bench: Bench) -> Checked {
    let opened = bench.open(T0, 2).await?;
    let mut redemption = bench.redemption(opened.key, opened.digest, T0);
    redemption.digests.clear();
    paying(&mut bench, redemption, Verdict::Mismatch { left: 1 }, (1, 1)).await
}

async fn several_digests(bench: Bench) -> Checked {
    let (one, two) = (bench.digest(), bench.digest());
    for place in 0..3 {
        let opened = bench.open(T0, 2).await?;
        let mut redemption = bench.redemption(opened.key, one, T0);
        redemption.digests = vec![one, two];
        redemption.digests.insert(place, opened.digest);
        let what = format!("the right digest in place {place}");
        same(&what, bench.verdict(&redemption).await?, right(1))?;
    }
    let opened = bench.open(T0, 2).await?;
    let mut redemption = bench.redemption(opened.key, one, T0);
    redemption.digests = vec![one, two];
    let verdict = bench.verdict(&redemption).await?;
    same("two wrong digests are one attempt", verdict, Verdict::Mismatch { left: 1 })?;
    // A prefix is not enough: a digest is compared whole.
    let mut near = opened.digest;
    near.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1);
    let verdict = bench.guess(opened.key, near, T0).await?;
    same("a digest that differs in one bit", verdict, Verdict::Mismatch { left: 0 })
}

const EVIDENCE: Limit = Limit::Unverified { max: 10, drain_ms: 1_000_000 };
const MONEY: Limit = Limit::Budget { max: 1_000_000, span_ms: 3_600_000 };
const FAILURES: Limit = Limit::Failures {
    max: 20,
    pause_after: 20,
    pause_ms: 1_000,
    longest_ms: 1_000,
    forget_ms: 86_400_000,
};

async fn success_resets_credits_marks(mut bench: Bench) -> Checked {
    rewards(&mut bench, true).await
}

async fn mismatch_gives_nothing(mut bench: Bench) -> Checked {
    rewards(&mut bench, false).await
}

async fn rewards(bench: &mut Bench, success: bool) -> Checked {
    let opened = bench.open(T0, 5).await?;
    let (failures, evidence, money) = (bench.meter(), bench.meter(), bench.meter());
    let spent = vec![
        charge(failures, FAILURES, 4),
        charge(evidence, EVIDENCE, 6),
        charge(money, MONEY, 70_000),
    ];
    let charging = bench.charging(T0, spent);
    bench.grant("spending", &charging).await?;
    let mark = Mark { key: bench.meter(), from: at(T0), until: at(T0 + 60_000) };
    let digest = if success { opened.digest } else { bench.digest() };
    let mut redemption = bench.redemption(opened.key, digest, T0);
    redemption.subject_charges = vec![charge(failures, FAILURES, 1)];
    redemption.reset = vec![failures];
    redemption.credits = vec![credit(evidence, EVIDENCE, 2), credit(money, MONEY, 20_000)];
    redemption.marks = vec![mark];
    let verdict = bench.verdict(&redemption).await?;
    same("the verdict", verdict, if success { right(1) } else { Verdict::Mismatch { left: 4 } })?;
    let seen = (
        bench.count(failures, FAILURES, T0).await?,
        bench.count(evidence, EVIDENCE, T0).await?,
        bench.count(money, MONEY, T0).await?,
        bench.mark(mark.key, T0).await?,
    );
    let expected =
        if success { (0, 4, 50_000, Some((mark.from, mark.until))) } else { (5, 6, 70_000, None) };
    same("failures, evidence, money, mark", seen, expected)
}

async fn observations(bench: Bench) -> Checked {
    let (always, failure) = (bench.meter(), bench.meter());
    let opened = bench.open(T0, 5).await?;
    let wrong = bench.digest();
    let steps =
        [(wrong, false, (1, 1)), (opened.digest, true, (2, 1)), (opened.digest, false, (3, 2))];
    for (digest, accepted, (all, failed)) in steps {
        let mut redemption = bench.redemption(opened.key, digest, T0);
        redemption.observe = vec![observation(always, 1)];
        redemption.observe_failure = vec![observation(failure, 1)];
        let redeemed = bench.redeem(&redemption).await?;
        let seen = matches!(redeemed.verdict, Verdict::Accepted { .. });
        same("accepted", seen, accepted)?;
        same("observed", redeemed.observed, vec![all, failed])?;
        let counts =
            (bench.count(always, OBSERVED, T0).await?, bench.count(failure, OBSERVED, T0).await?);
        same("counts", counts, (all, failed))?;
    }
    let mut shut = bench.redemption(opened.key, opened.digest, T0);
    shut.charges = vec![charge(bench.meter(), Limit::SHUT, 1)];
    shut.observe = vec![observation(always, 1)];
    shut.observe_failure = vec![observation(failure, 1)];
    let redeemed = bench.redeem(&shut).await?;
    same("observed when exhausted", redeemed.observed, vec![4, 3])?;
    let (opened, twice) = (bench.open(T0, 5).await?, bench.meter());
    let mut redemption = bench.redemption(opened.key, wrong, T0);
    redemption.observe = vec![observation(twice, 1)];
    redemption.observe_failure = vec![observation(twice, 2)];
    let redeemed = bench.redeem(&redemption).await?;
    same("counts of a meter that is observed twice", redeemed.observed, vec![3, 3])
}

async fn waived_attempts(bench: Bench) -> Checked {
    let mark = Mark { key: bench.meter(), from: at(T0), until: at(T0 + 60_000) };
    bench.accept(T0, |redemption| redemption.marks = vec![mark]).await?;
    let (opened, meter) = (bench.open(T0, 2).await?, bench.meter());
    let mut redemption = bench.redemption(opened.key, opened.digest, T0);
    redemption.subject_charges = vec![charge(meter, Limit::SHUT, 1)];
    redemption.subject_charges.iter_mut().for_each(|charge| charge.waiver = Some(mark.key));
    same("a waived attempt", bench.verdict(&redemption).await?, right(1))?;
    same("count", bench.count(meter, WIDE, T0).await?, 0)
}
