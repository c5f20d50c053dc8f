//! `admit`: all or nothing, what is named, nonces, documents, marks, observations, realms.

use std::time::Duration;

use super::bench::{
    Bench, Checked, OBSERVED, Opened, T0, WIDE, at, charge, exhausted, granted, observation, same,
    wrong,
};
use super::{Case, case};
use crate::base::time::Timestamp;
use crate::limit::Limit;
use crate::store::{
    Admission, Admitted, ChallengeState, ChallengeWrite, Charge, Document, DocumentWrite, Guard,
    Mark, MeterQuery, Nonce, Settlement, Verdict,
};

pub(super) const CASES: &[Case] = &[
    case!(empty_admission, "an admission that checks nothing is granted"),
    case!(
        all_or_nothing,
        "admit checks everything first and then charges everything, or changes nothing"
    ),
    case!(
        longest_wait_is_named,
        "Exhausted names the charge with the longest wait, of equals the first"
    ),
    case!(
        counts_stand_with_charges,
        "for each charge the meter's count: afterwards, or as it stands"
    ),
    case!(
        duplicate_keys,
        "a later charge on the same meter finds what the earlier one would leave"
    ),
    case!(refused_is_observed, "observations are counted whatever the answer"),
    case!(nonce_once, "a spent nonce is NonceSpent, and names which"),
    case!(refusal_burns_no_nonce, "a refused admission charges nothing, its nonces included"),
    case!(order_of_checks, "Stale, then NonceSpent, then ChallengeGone, then Exhausted"),
    case!(documents, "a document is written by compare-and-swap on its version"),
    case!(guards, "a guard whose version differs is Stale and names the version there is"),
    case!(waivers, "a charge whose mark is live at `now` is neither checked nor charged"),
    case!(
        marks_join,
        "marking a mark that has not ended keeps the earlier `from`, the later `until`"
    ),
    case!(realms_apart, "every key belongs to its realm and never meets another's"),
    case!(tally_changes_nothing, "tally reads in the order of the questions and changes nothing"),
];

const THREE: Limit = Limit::Window { max: 3, span_ms: 60_000 };

async fn empty_admission(bench: Bench) -> Checked {
    let admission = bench.admission(T0);
    same("counts", bench.grant("an empty admission", &admission).await?, vec![])
}

async fn all_or_nothing(bench: Bench) -> Checked {
    let kinds = [
        THREE,
        Limit::Spacing { interval_ms: 1_000, burst: 3 },
        Limit::Unverified { max: 3, drain_ms: 1_000 },
        Limit::Budget { max: 3, span_ms: 60_000 },
        Limit::Failures { max: 3, pause_after: 3, pause_ms: 1, longest_ms: 1, forget_ms: 60_000 },
        Limit::Ladder { first_ms: 10_000, longest_ms: 10_000, forget_ms: 60_000 },
    ];
    for failing in 0..kinds.len() {
        let charges: Vec<_> = kinds.iter().map(|limit| charge(bench.meter(), *limit, 1)).collect();
        let full: Vec<_> = charges
            .iter()
            .enumerate()
            .filter(|(index, _)| *index == failing)
            .map(|(_, one)| match one.limit {
                Limit::Ladder { .. } => *one,
                _ => charge(one.key, one.limit, 3),
            })
            .collect();
        let fill = bench.charging(T0, full);
        bench.grant("filling one meter", &fill).await?;

        let mut admission = bench.charging(T0, charges.clone());
        let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(600) };
        let opened = Opened { key: bench.name(), digest: bench.digest() };
        let document = bench.name();
        admission.nonces.push(nonce);
        admission.challenge = Some(opened.write(T0, 5));
        admission.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
        let (index, _) = exhausted("one full meter", bench.admit(&admission).await?)?;
        same("the charge that is named", index, failing)?;

        for (index, one) in charges.iter().enumerate().filter(|(index, _)| *index != failing) {
            let what = format!("count of charge {index} after charge {failing} was refused");
            same(&what, bench.count(one.key, one.limit, T0).await?, 0)?;
        }
        same("the challenge", bench.state(opened.key, T0).await?, ChallengeState::Unknown)?;
        let mut again = bench.admission(T0);
        again.nonces.push(nonce);
        again.documents.push(DocumentWrite { document, expect: 0, content: vec![2] });
        bench.grant("the nonce and the document of the refused admission", &again).await?;
    }
    Ok(())
}

async fn longest_wait_is_named(bench: Bench) -> Checked {
    let spacing = |interval_ms| Limit::Spacing { interval_ms, burst: 1 };
    let waits = [700, 2_000, 900, 2_000, 100];
    let charges: Vec<_> =
        waits.iter().map(|wait| charge(bench.meter(), spacing(*wait), 1)).collect();
    let first = bench.charging(T0, charges.clone());
    bench.grant("the first of each", &first).await?;
    let second = bench.charging(T0, charges);
    let seen = exhausted("all full", bench.admit(&second).await?)?;
    same("index and wait", seen, (1, 2_000))
}

async fn counts_stand_with_charges(bench: Bench) -> Checked {
    let (one, two) = (bench.meter(), bench.meter());
    let charges = vec![charge(one, THREE, 2), charge(two, WIDE, 5)];
    let first = bench.charging(T0, charges.clone());
    same("counts", bench.grant("the first", &first).await?, vec![2, 5])?;
    let second = bench.charging(T0, charges);
    match bench.admit(&second).await? {
        Admitted::Exhausted { counts, .. } => same("counts as they stand", counts, vec![2, 5]),
        other => wrong("two more of three", "Exhausted", &other),
    }
}

async fn duplicate_keys(bench: Bench) -> Checked {
    let key = bench.meter();
    let thrice = bench.charging(T0, vec![charge(key, THREE, 1); 3]);
    bench.grant("one meter three times", &thrice).await?;
    same("count", bench.count(key, THREE, T0).await?, 3)?;

    let key = bench.meter();
    let four = bench.charging(T0, vec![charge(key, THREE, 1); 4]);
    let (index, wait) = exhausted("one meter four times", bench.admit(&four).await?)?;
    same("index and wait", (index, wait), (3, 61_000))?;
    same("count after the refusal", bench.count(key, THREE, T0).await?, 0)?;

    // Two rules on one subject's meter are two charges; the tighter one decides.
    let key = bench.meter();
    let tight = Limit::Window { max: 2, span_ms: 60_000 };
    let both = bench.charging(T0, vec![charge(key, THREE, 1), charge(key, tight, 1)]);
    bench.grant("two rules on one meter", &both).await?;
    let again = Admission { id: bench.id(), ..both };
    let (index, _) = exhausted("the same again", bench.admit(&again).await?)?;
    same("index", index, 1)
}

async fn refused_is_observed(bench: Bench) -> Checked {
    let (seen, shut) = (bench.meter(), bench.meter());
    let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(60) };
    let mut first = bench.admission(T0);
    first.nonces.push(nonce);
    bench.grant("spending a nonce", &first).await?;

    let mut refused = Vec::new();
    let mut spent = bench.admission(T0);
    spent.nonces.push(nonce);
    refused.push(spent);
    let mut stale = bench.admission(T0);
    stale.guards.push(Guard { document: bench.name(), version: 7 });
    refused.push(stale);
    let mut gone = bench.admission(T0);
    gone.challenge = Some(ChallengeWrite::Renew {
        key: bench.name(),
        digest: bench.digest(),
        expires: at(T0) + Duration::from_secs(60),
        keep_previous: true,
    });
    refused.push(gone);
    refused.push(bench.charging(T0, vec![charge(shut, Limit::SHUT, 1)]));
    let mut expected = 0_u64;
    for mut admission in refused {
        admission.observe.push(observation(seen, 2));
        let answer = bench.admit(&admission).await?;
        expected = expected.saturating_add(2);
        if let Admitted::Granted { .. } = answer {
            return wrong("a refused admission", "a refusal", &answer);
        }
        if let Admitted::Exhausted { observed, .. } = &answer {
            same("observed", observed.clone(), vec![expected])?;
        }
        let what = format!("observations after {answer:?}");
        same(&what, bench.count(seen, OBSERVED, T0).await?, expected)?;
    }
    Ok(())
}

async fn nonce_once(bench: Bench) -> Checked {
    let expires = at(T0) + Duration::from_secs(600);
    let (fresh, used) = (bench.name(), bench.name());
    let mut first = bench.admission(T0);
    first.nonces.push(Nonce { key: used, expires });
    bench.grant("a fresh nonce", &first).await?;
    let mut second = bench.admission(T0);
    second.nonces = vec![Nonce { key: fresh, expires }, Nonce { key: used, expires }];
    same("a spent nonce", bench.admit(&second).await?, Admitted::NonceSpent { index: 1 })?;
    let mut third = bench.admission(T0);
    third.nonces = vec![Nonce { key: fresh, expires }];
    bench.grant("the nonce that stood beside a spent one", &third).await.map(drop)
}

async fn refusal_burns_no_nonce(bench: Bench) -> Checked {
    let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(600) };
    let mut refused = bench.charging(T0, vec![charge(bench.meter(), Limit::SHUT, 1)]);
    refused.nonces.push(nonce);
    exhausted("a shut charge", bench.admit(&refused).await?)?;
    let mut again = bench.admission(T0);
    again.nonces.push(nonce);
    bench.grant("the nonce of a refused admission", &again).await.map(drop)
}

async fn order_of_checks(bench: Bench) -> Checked {
    let expires = at(T0) + Duration::from_secs(600);
    let opened = bench.open(T0, 5).await?;
    let nonce = Nonce { key: bench.name(), expires };
    let mut spend = bench.admission(T0);
    spend.nonces.push(nonce);
    bench.grant("spending a nonce", &spend).await?;

    let mut all = bench.charging(T0, vec![charge(bench.meter(), Limit::SHUT, 1)]);
    let document = bench.name();
    all.guards.push(Guard { document, version: 3 });
    all.nonces.push(nonce);
    all.challenge = Some(opened.write(T0, 5));
    same("first", bench.admit(&all).await?, Admitted::Stale { document, version: 0 })?;
    all.guards.clear();
    same("second", bench.admit(&all).await?, Admitted::NonceSpent { index: 0 })?;
    all.nonces.clear();
    same("third", bench.admit(&all).await?, Admitted::ChallengeGone)?;
    all.challenge = None;
    exhausted("fourth", bench.admit(&all).await?).map(drop)
}

async fn documents(bench: Bench) -> Checked {
    let document = bench.name();
    let write =
        |expect, content: &[u8]| DocumentWrite { document, expect, content: content.into() };
    let mut query = bench.query(T0);
    query.documents.push(document);
    same("no document", bench.tally(&query).await?.documents, vec![Document::default()])?;
    for (expect, content) in [(0, &b"one"[..]), (1, b"two"), (2, b"")] {
        let mut admission = bench.admission(T0);
        admission.documents.push(write(expect, content));
        bench.grant("a write on the version there is", &admission).await?;
        let version = expect.saturating_add(1);
        let written = Document { version, content: content.into() };
        same("the document", bench.tally(&query).await?.documents, vec![written])?;
    }
    for expect in [0, 2, 4] {
        let mut admission = bench.admission(T0);
        admission.documents.push(write(expect, b"late"));
        let stale = Admitted::Stale { document, version: 3 };
        same("a write on another version", bench.admit(&admission).await?, stale)?;
    }
    // Written twice in one call, before one that is stale.
    let mut admission = bench.admission(T0);
    let beside = bench.name();
    let twice = DocumentWrite { document: beside, expect: 0, content: vec![7] };
    admission.documents = vec![twice.clone(), twice, write(4, b"late")];
    let stale = Admitted::Stale { document, version: 3 };
    same("which of several is stale", bench.admit(&admission).await?, stale)?;
    let kept = Document { version: 3, content: Vec::new() };
    same("the document after stale writes", bench.tally(&query).await?.documents, vec![kept])
}

async fn guards(bench: Bench) -> Checked {
    let (document, absent, key) = (bench.name(), bench.name(), bench.meter());
    let mut write = bench.admission(T0);
    write.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
    bench.grant("a first write", &write).await?;
    let mut admission = bench.charging(T0, vec![charge(key, WIDE, 1)]);
    admission.guards = vec![Guard { document, version: 1 }, Guard { document: absent, version: 0 }];
    bench.grant("guards that hold", &admission).await?;
    for (version, guard) in
        [(1, Guard { document, version: 0 }), (1, Guard { document, version: 2 })]
    {
        let mut admission = bench.charging(T0, vec![charge(key, WIDE, 1)]);
        admission.guards = vec![Guard { document: absent, version: 0 }, guard];
        let stale = Admitted::Stale { document, version };
        same("a guard on another version", bench.admit(&admission).await?, stale)?;
    }
    same("count after stale guards", bench.count(key, WIDE, T0).await?, 1)
}

async fn waivers(bench: Bench) -> Checked {
    let (meter, waiver) = (bench.meter(), bench.meter());
    let one = Limit::Window { max: 1, span_ms: 3_600_000 };
    bench.pay(meter, one, 1, T0).await?;
    let mark = Mark { key: waiver, from: at(T0 + 1_000), until: at(T0 + 5_000) };
    bench.accept(T0, |redemption| redemption.marks = vec![mark]).await?;
    for (after, waived) in [(0, false), (999, false), (1_000, true), (4_999, true), (5_000, false)]
    {
        let mut admission = bench.charging(T0 + after, vec![charge(meter, one, 1)]);
        admission.charges.iter_mut().for_each(|charge| charge.waiver = Some(waiver));
        let answer = bench.admit(&admission).await?;
        let what = format!("{after} ms on, the mark live from 1000 until 5000");
        if waived {
            same(&what, granted(&what, answer)?, vec![0])?;
        } else {
            exhausted(&what, answer)?;
        }
        same("count of the meter", bench.count(meter, one, T0 + after).await?, 1)?;
    }
    let (first, second) = (bench.meter(), bench.meter());
    let among = [
        Charge { waiver: Some(waiver), ..charge(meter, one, 1) },
        charge(first, WIDE, 2),
        Charge { waiver: Some(waiver), ..charge(meter, one, 1) },
        charge(second, WIDE, 3),
    ];
    let admission = bench.charging(T0 + 2_000, among.to_vec());
    let counts = bench.grant("charges among waived ones", &admission).await?;
    same("counts of charges among waived ones", counts, vec![0, 2, 0, 3])
}

async fn marks_join(bench: Bench) -> Checked {
    let key = bench.meter();
    let mark = |from: u64, until: u64| Mark { key, from: at(T0 + from), until: at(T0 + until) };
    let expected = |from: u64, until: u64| Some((at(T0 + from), at(T0 + until)));
    same("no mark", bench.mark(key, T0).await?, None)?;
    for (now, from, until, joined) in [
        (0, 1_000, 5_000, (1_000, 5_000)),
        (0, 2_000, 9_000, (1_000, 9_000)),
        (8_999, 8_999, 8_999 + 10, (1_000, 9_009)),
        (9_009, 9_500, 9_600, (9_500, 9_600)),
    ] {
        bench.accept(T0 + now, |redemption| redemption.marks = vec![mark(from, until)]).await?;
        let what = format!("a mark from {from} until {until} made at {now}");
        same(&what, bench.mark(key, T0 + now).await?, expected(joined.0, joined.1))?;
    }
    same("an ended mark", bench.mark(key, T0 + 9_600).await?, None)?;
    // "Never" is a time like any other.
    let for_ever = Mark { key, from: at(T0), until: Timestamp::MAX };
    bench.accept(T0 + 20_000, |redemption| redemption.marks = vec![for_ever]).await?;
    let century = T0 + 100 * 365 * 86_400_000;
    same("a mark for ever", bench.mark(key, century).await?, Some((at(T0), Timestamp::MAX)))
}

async fn realms_apart(mut bench: Bench) -> Checked {
    let (here, there) = (bench.realm, bench.name());
    let (meter, seen, waiver, document) =
        (bench.meter(), bench.meter(), bench.meter(), bench.name());
    let one = Limit::Window { max: 1, span_ms: 60_000 };
    let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(60) };
    let opened = Opened { key: bench.name(), digest: bench.digest() };
    let mut admission = bench.charging(T0, vec![charge(meter, one, 1)]);
    admission.nonces.push(nonce);
    admission.observe.push(observation(seen, 1));
    admission.challenge = Some(opened.write(T0, 5));
    admission.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
    bench.grant("here", &admission).await?;
    let mark = Mark { key: waiver, from: at(T0), until: at(T0 + 60_000) };
    bench.accept(T0, |redemption| redemption.marks = vec![mark]).await?;

    bench.realm = there;
    same("a meter there", bench.count(meter, one, T0).await?, 0)?;
    same("an observation there", bench.count(seen, OBSERVED, T0).await?, 0)?;
    same("a challenge there", bench.state(opened.key, T0).await?, ChallengeState::Unknown)?;
    same("a mark there", bench.mark(waiver, T0).await?, None)?;
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("the code of here, there", verdict, Verdict::Unknown)?;
    let elsewhere = Settlement { realm: there, ..bench.settlement(&admission, T0) };
    bench.settle(&elsewhere).await?;
    admission.realm = there;
    bench.grant("the same admission there", &admission).await?;

    bench.realm = here;
    same("the meter here", bench.count(meter, one, T0).await?, 1)?;
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("the code here", verdict, Verdict::Accepted { attempts: 1, opened: at(T0) })
}

async fn tally_changes_nothing(bench: Bench) -> Checked {
    let (one, two, opened) = (bench.meter(), bench.meter(), bench.open(T0, 3).await?);
    let both = bench.charging(T0, vec![charge(one, THREE, 1), charge(two, THREE, 3)]);
    bench.grant("charging", &both).await?;
    let mut query = bench.query(T0);
    query.meters = [(two, 1), (one, 2), (one, 3)]
        .map(|(key, cost)| MeterQuery { key, limit: THREE, cost })
        .into();
    query.challenges = vec![bench.name(), opened.key];
    let first = bench.tally(&query).await?;
    let seen: Vec<_> =
        first.meters.iter().map(|reading| (reading.count, reading.retry_after)).collect();
    let minute = Duration::from_millis(61_000);
    let expected = vec![(3, minute), (1, Duration::ZERO), (1, minute)];
    same("readings", seen, expected)?;
    let live = ChallengeState::Live {
        left: 3,
        expires: at(T0) + Duration::from_secs(300),
        closes: at(T0) + Duration::from_secs(600),
    };
    same("challenges", first.challenges.clone(), vec![ChallengeState::Unknown, live])?;
    for _ in 0..3 {
        same("the same again", bench.tally(&query).await?, first.clone())?;
    }
    Ok(())
}
