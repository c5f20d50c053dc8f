//! A repeated identifier: a host whose acknowledgement was lost repeats the call.

use std::time::Duration;

use super::bench::{
    Bench, Checked, OBSERVED, Opened, T0, WIDE, at, charge, exhausted, granted, observation, same,
    wrong,
};
use super::{Case, case};
use crate::limit::Limit;
use crate::store::{Admission, Admitted, DocumentWrite, Exchange, Nonce, Verdict};

pub(super) const CASES: &[Case] = &[
    case!(repeated_admission, "an admission granted before is granted again and changes nothing"),
    case!(repeated_until_remember, "a granted admission is remembered until `remember`, by `now`"),
    case!(
        refused_is_decided_afresh,
        "a refused identifier is not remembered: it is decided afresh"
    ),
    case!(repeated_acceptance, "a repeated redemption that was accepted is accepted again"),
    case!(repeated_mismatch, "a repeated redemption that was wrong costs no second attempt"),
    case!(lost_acknowledgements, "a call repeated after a lost acknowledgement counts once"),
];

const ONE: Limit = Limit::Window { max: 1, span_ms: 60_000 };

async fn repeated_admission(bench: Bench) -> Checked {
    let (meter, seen, journal) = (bench.meter(), bench.meter(), bench.name());
    let opened = Opened { key: bench.name(), digest: bench.digest() };
    let mut admission = bench.charging(T0, vec![charge(meter, ONE, 1)]);
    let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(60) };
    admission.nonces.push(nonce);
    admission.observe.push(observation(seen, 1));
    admission.challenge = Some(opened.write(T0, 5));
    let document = bench.name();
    admission.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
    admission.exchange = Some(Exchange { journal, append: vec![7], after: 0 });
    let first = bench.admit(&admission).await?;
    for _ in 0..3 {
        same("the answer to a repeat", bench.admit(&admission).await?, first.clone())?;
    }
    let counts = (bench.count(meter, ONE, T0).await?, bench.count(seen, OBSERVED, T0).await?);
    same("count and observation", counts, (1, 1))?;
    let other = Admission { id: bench.id(), ..admission };
    match bench.admit(&other).await? {
        Admitted::Stale { version: 1, .. } => Ok(()),
        other => wrong("another identifier", "Stale", &other),
    }
}

async fn repeated_until_remember(bench: Bench) -> Checked {
    let meter = bench.meter();
    let mut admission = bench.pay(meter, WIDE, 1, T0).await?;
    admission.now = at(T0 + 599_999);
    bench.grant("a repeat", &admission).await?;
    same("count", bench.count(meter, WIDE, T0 + 599_999).await?, 1)?;
    admission.now = at(T0 + 600_000);
    admission.remember = at(T0 + 700_000);
    bench.grant("the identifier afresh", &admission).await?;
    same("count", bench.count(meter, WIDE, T0 + 600_000).await?, 2)
}

async fn refused_is_decided_afresh(bench: Bench) -> Checked {
    let meter = bench.meter();
    bench.pay(meter, ONE, 1, T0).await?;
    let mut admission = bench.charging(T0, vec![charge(meter, ONE, 1)]);
    exhausted("a full meter", bench.admit(&admission).await?)?;
    admission.now = at(T0 + 61_000);
    same("counts", bench.grant("later", &admission).await?, vec![1])
}

async fn repeated_acceptance(bench: Bench) -> Checked {
    let (opened, client, seen) = (bench.open(T0, 5).await?, bench.meter(), bench.meter());
    let mut redemption = bench.redemption(opened.key, opened.digest, T0);
    redemption.charges = vec![charge(client, ONE, 1)];
    redemption.observe = vec![observation(seen, 1)];
    let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
    for _ in 0..3 {
        same("accepted", bench.verdict(&redemption).await?, accepted)?;
    }
    let counts = (bench.count(client, ONE, T0).await?, bench.count(seen, OBSERVED, T0).await?);
    same("charged and observed", counts, (1, 1))?;
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("another identifier", verdict, Verdict::Consumed)
}

async fn repeated_mismatch(bench: Bench) -> Checked {
    let (opened, client, subject) = (bench.open(T0, 2).await?, bench.meter(), bench.meter());
    for left in [1, 0] {
        let wrong = bench.digest();
        let mut redemption = bench.redemption(opened.key, wrong, T0);
        redemption.charges = vec![charge(client, WIDE, 1)];
        redemption.subject_charges = vec![charge(subject, WIDE, 1)];
        for _ in 0..3 {
            same("wrong", bench.verdict(&redemption).await?, Verdict::Mismatch { left })?;
        }
        let made = 2_u64.saturating_sub(u64::from(left));
        let counts = (bench.count(client, WIDE, T0).await?, bench.count(subject, WIDE, T0).await?);
        same("charged", counts, (made, made))?;
    }
    Ok(())
}

async fn lost_acknowledgements(mut bench: Bench) -> Checked {
    use crate::store::StoreErrorKind::Indeterminate;
    use crate::testing::faults::LoseAck;

    let store = std::sync::Arc::clone(&bench.store);
    bench.store = std::sync::Arc::new(LoseAck::percent(store, 50, bench.prng.word()));
    let meter = bench.meter();
    for sent in 1..=20 {
        let mut admission = bench.charging(T0, vec![charge(meter, WIDE, 1)]);
        let opened = Opened { key: bench.name(), digest: bench.digest() };
        admission.challenge = Some(opened.write(T0, 3));
        let answer = loop {
            match bench.store.admit(&admission).await {
                Err(error) if error.kind() == Indeterminate => {}
                Err(_) => break bench.admit(&admission).await?,
                Ok(answer) => break answer,
            }
        };
        same("counts", granted("a send", answer)?, vec![sent])?;
        let redemption = bench.redemption(opened.key, opened.digest, T0);
        let verdict = loop {
            match bench.store.redeem(&redemption).await {
                Err(error) if error.kind() == Indeterminate => {}
                Err(_) => break bench.verdict(&redemption).await?,
                Ok(redeemed) => break redeemed.verdict,
            }
        };
        same("the code", verdict, Verdict::Accepted { attempts: 1, opened: at(T0) })?;
    }
    Ok(())
}
