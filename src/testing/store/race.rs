//! Many calls at once: each call is one atomic step.

use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, Checked, Opened, T0, WIDE, at, charge, same, wrong};
use super::{Case, case};
use crate::Store;
use crate::limit::Limit;
use crate::store::{
    Admission, Admitted, ChallengeWrite, DocumentWrite, Nonce, Redemption, StoreError, Verdict,
};
use crate::testing::schedule::BoxFuture;

pub(super) const CASES: &[Case] = &[
    case!(one_winner_spends_a_nonce, "one winner among N racers on a nonce"),
    case!(racers_share_a_limit, "racers on a limit: exactly as many are granted as it allows"),
    case!(racers_charge_all_or_nothing, "racers over several meters leave all of them equal"),
    case!(one_winner_writes_a_document, "compare-and-swap: one winner among N writers"),
    case!(one_winner_opens, "a challenge of that name must not exist: one winner among N racers"),
    case!(
        charge_before_compare,
        "redeem counts the attempt before it compares: guesses are bounded under race"
    ),
    case!(one_winner_consumes, "single use: one Accepted among N racers with the right code"),
    case!(hidden_hit, "a right code among racing wrong ones is compared only within the attempts"),
    case!(
        subject_bounded_across_challenges,
        "the subject's failures bound guesses over all challenges"
    ),
    case!(resends_race_guesses, "racing resends give no fresh guesses"),
    case!(refunds_race, "racing settlements refund once"),
    case!(repeats_race, "racing repeats of one identifier charge once"),
];

type Racer<T> = Box<dyn FnOnce(Arc<dyn Store>) -> BoxFuture<'static, Result<T, StoreError>> + Send>;

fn admitting(admission: Admission) -> Racer<Admitted> {
    Box::new(|store| Box::pin(async move { store.admit(&admission).await }))
}

fn redeeming(redemption: Redemption) -> Racer<Verdict> {
    Box::new(|store| Box::pin(async move { Ok(store.redeem(&redemption).await?.verdict) }))
}

async fn granted_of(bench: &mut Bench, admissions: Vec<Admission>) -> Checked<usize> {
    let answers = bench.race(admissions.into_iter().map(admitting).collect()).await?;
    Ok(answers.iter().filter(|answer| matches!(answer, Admitted::Granted { .. })).count())
}

async fn one_winner_spends_a_nonce(mut bench: Bench) -> Checked {
    for racers in [32, 200] {
        let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(600) };
        let admissions = (0..racers)
            .map(|_| {
                let mut admission = bench.admission(T0);
                admission.nonces.push(nonce);
                admission
            })
            .collect();
        let granted = granted_of(&mut bench, admissions).await?;
        same(&format!("granted of {racers} racers on one nonce"), granted, 1)?;
    }
    Ok(())
}

async fn racers_share_a_limit(mut bench: Bench) -> Checked {
    let limits = [
        Limit::Window { max: 5, span_ms: 60_000 },
        Limit::Spacing { interval_ms: 1_000, burst: 5 },
        Limit::Unverified { max: 5, drain_ms: 1_000 },
        Limit::Budget { max: 5, span_ms: 60_000 },
        Limit::Failures { max: 5, pause_after: 5, pause_ms: 1, longest_ms: 1, forget_ms: 60_000 },
    ];
    for limit in limits {
        let (one, two) = (bench.meter(), bench.meter());
        let admissions = (0..200)
            .map(|_| bench.charging(T0, vec![charge(one, limit, 1), charge(two, WIDE, 1)]))
            .collect();
        let granted = granted_of(&mut bench, admissions).await?;
        same(&format!("granted of 200 racers on {limit:?}"), granted, 5)?;
        let counts = (bench.count(one, limit, T0).await?, bench.count(two, WIDE, T0).await?);
        same("both meters", counts, (5, 5))?;
    }
    Ok(())
}

async fn racers_charge_all_or_nothing(mut bench: Bench) -> Checked {
    let meters = [bench.meter(), bench.meter(), bench.meter()];
    let five = Limit::Window { max: 5, span_ms: 60_000 };
    let admissions = (0..60_usize)
        .map(|racer| {
            // Every order of the meters occurs: a store that locks in the order of the call
            // deadlocks here.
            let mut charges = meters.map(|key| charge(key, five, 1));
            charges.rotate_left(racer % 3);
            if racer % 2 == 0 {
                charges.reverse();
            }
            bench.charging(T0, charges.into())
        })
        .collect();
    same("granted of 60 racers", granted_of(&mut bench, admissions).await?, 5)?;
    for meter in meters {
        same("count", bench.count(meter, five, T0).await?, 5)?;
    }
    Ok(())
}

async fn one_winner_writes_a_document(mut bench: Bench) -> Checked {
    let (document, beside) = (bench.name(), bench.meter());
    for version in 0..3 {
        let admissions = (0..32_u8)
            .map(|racer| {
                let mut admission = bench.charging(T0, vec![charge(beside, WIDE, 1)]);
                let content = vec![racer];
                admission.documents.push(DocumentWrite { document, expect: version, content });
                admission
            })
            .collect();
        let granted = granted_of(&mut bench, admissions).await?;
        same(&format!("granted of 32 writers on version {version}"), granted, 1)?;
    }
    same("charged beside", bench.count(beside, WIDE, T0).await?, 3)
}

async fn one_winner_opens(mut bench: Bench) -> Checked {
    let opened = Opened { key: bench.name(), digest: bench.digest() };
    let admissions = (0..32)
        .map(|_| {
            let mut admission = bench.admission(T0);
            admission.challenge = Some(opened.write(T0, 5));
            admission
        })
        .collect();
    same("granted of 32 racers on one name", granted_of(&mut bench, admissions).await?, 1)
}

async fn charge_before_compare(mut bench: Bench) -> Checked {
    let (opened, subject) = (bench.open(T0, 5).await?, bench.meter());
    let racers = (0..200)
        .map(|_| {
            let wrong = bench.digest();
            let mut redemption = bench.redemption(opened.key, wrong, T0);
            redemption.subject_charges = vec![charge(subject, WIDE, 1)];
            redeeming(redemption)
        })
        .collect();
    let verdicts = bench.race(racers).await?;
    let mut left = Vec::new();
    for verdict in verdicts {
        match verdict {
            Verdict::Mismatch { left: one } => left.push(one),
            Verdict::Locked => {}
            other => return wrong("200 wrong guesses", "Mismatch or Locked", &other),
        }
    }
    left.sort_unstable();
    same("attempts left in the answers to 200 racing guesses of 5", left, vec![0, 1, 2, 3, 4])?;
    same("charged to the subject", bench.count(subject, WIDE, T0).await?, 5)?;
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("the right code afterwards", verdict, Verdict::Locked)
}

async fn one_winner_consumes(mut bench: Bench) -> Checked {
    for racers in [2, 32, 200] {
        let opened = bench.open(T0, 250).await?;
        let racers = (0..racers)
            .map(|_| redeeming(bench.redemption(opened.key, opened.digest, T0)))
            .collect();
        let verdicts = bench.race(racers).await?;
        let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
        let won = verdicts.iter().filter(|verdict| **verdict == accepted).count();
        same(&format!("accepted of {} racers", verdicts.len()), won, 1)?;
        let late = verdicts.iter().filter(|verdict| **verdict == Verdict::Consumed).count();
        same("answered Consumed", late, verdicts.len().saturating_sub(1))?;
    }
    Ok(())
}

async fn hidden_hit(mut bench: Bench) -> Checked {
    let mut hits = 0_u32;
    for _ in 0..40 {
        let opened = bench.open(T0, 5).await?;
        let place = bench.prng.index(50);
        let racers = (0..50)
            .map(|racer| {
                let digest = if racer == place { opened.digest } else { bench.digest() };
                redeeming(bench.redemption(opened.key, digest, T0))
            })
            .collect();
        let verdicts = bench.race(racers).await?;
        let mut mismatches = 0_u32;
        let mut accepted = Vec::new();
        for verdict in verdicts {
            match verdict {
                Verdict::Mismatch { .. } => mismatches = mismatches.saturating_add(1),
                Verdict::Accepted { attempts, .. } => accepted.push(attempts),
                Verdict::Locked | Verdict::Consumed => {}
                other => return wrong("a racing guess", "a verdict on a live challenge", &other),
            }
        }
        let compared = mismatches.saturating_add(u32::try_from(accepted.len()).unwrap_or(u32::MAX));
        same("compared at most 5 times", compared <= 5, true)?;
        match accepted.as_slice() {
            [] => same("wrong guesses before it was locked", mismatches, 5)?,
            [attempts] => {
                same("attempts it took", *attempts, compared)?;
                hits = hits.saturating_add(1);
            }
            more => return wrong("accepted", "at most once", &more),
        }
    }
    // 40 × 5 / 50 = 4 are expected; 18 would be seven standard deviations off.
    same("hits of 40 are no more than 5 attempts in 50 give", hits < 18, true)
}

async fn subject_bounded_across_challenges(mut bench: Bench) -> Checked {
    let subject = bench.meter();
    let limit =
        Limit::Failures { max: 7, pause_after: 7, pause_ms: 1, longest_ms: 1, forget_ms: 60_000 };
    let mut racers = Vec::new();
    for _ in 0..10 {
        let opened = bench.open(T0, 5).await?;
        for _ in 0..10 {
            let wrong = bench.digest();
            let mut redemption = bench.redemption(opened.key, wrong, T0);
            redemption.subject_charges = vec![charge(subject, limit, 1)];
            racers.push(redeeming(redemption));
        }
    }
    let verdicts = bench.race(racers).await?;
    let compared = verdicts.iter().filter(|it| matches!(it, Verdict::Mismatch { .. })).count();
    same("compared over ten challenges of one subject", compared, 7)?;
    same("count", bench.count(subject, limit, T0).await?, 7)
}

async fn resends_race_guesses(mut bench: Bench) -> Checked {
    for keep_previous in [true, false] {
        let opened = bench.open(T0, 5).await?;
        let mut racers: Vec<Racer<Option<Verdict>>> = Vec::new();
        for racer in 0..60_u32 {
            let digest = bench.digest();
            if racer % 4 == 0 {
                let mut admission = bench.admission(T0);
                let expires = at(T0) + Duration::from_secs(300);
                let key = opened.key;
                admission.challenge =
                    Some(ChallengeWrite::Renew { key, digest, expires, keep_previous });
                racers.push(Box::new(|store| {
                    Box::pin(async move { store.admit(&admission).await.map(|_| None) })
                }));
            } else {
                let redemption = bench.redemption(opened.key, digest, T0);
                racers.push(Box::new(|store| {
                    Box::pin(async move { Ok(Some(store.redeem(&redemption).await?.verdict)) })
                }));
            }
        }
        let verdicts = bench.race(racers).await?;
        let compared =
            verdicts.iter().flatten().filter(|it| matches!(it, Verdict::Mismatch { .. })).count();
        same("compared of 45 guesses among 15 resends", compared, 5)?;
    }
    Ok(())
}

async fn refunds_race(mut bench: Bench) -> Checked {
    let key = bench.meter();
    bench.pay(key, WIDE, 50, T0).await?;
    let admission = bench.pay(key, WIDE, 2, T0).await?;
    let settlement = bench.settlement(&admission, T0);
    let racers = (0..32)
        .map(|_| {
            let settlement = settlement.clone();
            let racer: Racer<()> =
                Box::new(|store| Box::pin(async move { store.settle(&settlement).await }));
            racer
        })
        .collect();
    bench.race(racers).await?;
    same("count after 32 racing settlements", bench.count(key, WIDE, T0).await?, 50)
}

async fn repeats_race(mut bench: Bench) -> Checked {
    let (key, one) = (bench.meter(), Limit::Window { max: 1, span_ms: 60_000 });
    let admission = bench.charging(T0, vec![charge(key, one, 1)]);
    let granted = granted_of(&mut bench, vec![admission; 32]).await?;
    same("granted of 32 repeats", granted, 32)?;
    same("count", bench.count(key, one, T0).await?, 1)?;

    let opened = bench.open(T0, 5).await?;
    let redemption = bench.redemption(opened.key, opened.digest, T0);
    let racers = (0..32).map(|_| redeeming(redemption.clone())).collect();
    let verdicts = bench.race(racers).await?;
    let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
    let won = verdicts.iter().filter(|verdict| **verdict == accepted).count();
    same("accepted of 32 repeats", won, 32)
}
