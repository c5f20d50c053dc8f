//! `settle`: refunds and voids, once, for what was granted.

use super::bench::{
    Bench, Checked, OBSERVED, Opened, T0, WIDE, at, charge, exhausted, observation, same,
};
use super::{Case, case};
use crate::limit::Limit;
use crate::store::{ChallengeState, ChallengeWrite, Mark, Verdict, VoidCode};

use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    case!(refunds_once, "refunds take effect only once, however often the settlement is repeated"),
    case!(
        unknown_settlement,
        "a settlement of what was not granted changes nothing and is no error"
    ),
    case!(refused_is_not_refunded, "an admission that was refused has nothing to give back"),
    case!(forgotten_settlement, "settled is what is still remembered, by `now`"),
    case!(void_newest, "a void code is not accepted; an earlier one that was kept stays good"),
    case!(void_late, "the code that is named is void, not one that was written since"),
    case!(void_only, "a challenge whose only code is void accepts nothing and can be renewed"),
    case!(waived_is_not_refunded, "a charge that was waived then is not refunded"),
    case!(settlement_observes, "observations are counted, whether or not the admission is known"),
];

async fn refunds_once(bench: Bench) -> Checked {
    let key = bench.meter();
    bench.pay(key, WIDE, 5, T0).await?;
    let admission = bench.pay(key, WIDE, 2, T0).await?;
    let settlement = bench.settlement(&admission, T0 + 1_000);
    for _ in 0..3 {
        bench.settle(&settlement).await?;
        same("count after settling", bench.count(key, WIDE, T0 + 1_000).await?, 5)?;
    }
    Ok(())
}

async fn unknown_settlement(bench: Bench) -> Checked {
    let (key, opened) = (bench.meter(), bench.open(T0, 3).await?);
    bench.pay(key, WIDE, 5, T0).await?;
    let never = bench.charging(T0, vec![charge(key, WIDE, 2)]);
    let mut settlement = bench.settlement(&never, T0);
    settlement.void = Some(VoidCode { challenge: opened.key, digest: opened.digest });
    bench.settle(&settlement).await?;
    same("count", bench.count(key, WIDE, T0).await?, 5)?;
    let verdict = bench.guess(opened.key, opened.digest, T0).await?;
    same("the code", verdict, Verdict::Accepted { attempts: 1, opened: at(T0) })
}

async fn refused_is_not_refunded(bench: Bench) -> Checked {
    let key = bench.meter();
    bench.pay(key, WIDE, 5, T0).await?;
    let charges = vec![charge(key, WIDE, 2), charge(bench.meter(), Limit::SHUT, 1)];
    let refused = bench.charging(T0, charges);
    exhausted("a shut charge", bench.admit(&refused).await?)?;
    bench.settle(&bench.settlement(&refused, T0)).await?;
    same("count", bench.count(key, WIDE, T0).await?, 5)
}

async fn forgotten_settlement(bench: Bench) -> Checked {
    for (after, left) in [(599_999, 0), (600_000, 2)] {
        let key = bench.meter();
        let admission = bench.pay(key, WIDE, 2, T0).await?;
        bench.settle(&bench.settlement(&admission, T0 + after)).await?;
        let what = format!("count after settling {after} ms on, remembered for 600000");
        same(&what, bench.count(key, WIDE, T0 + after).await?, left)?;
    }
    Ok(())
}

async fn void_newest(bench: Bench) -> Checked {
    let opened = bench.open(T0, 5).await?;
    let second = bench.digest();
    let mut renewal = bench.admission(T0 + 1_000);
    renewal.challenge = Some(ChallengeWrite::Renew {
        key: opened.key,
        digest: second,
        expires: at(T0) + Duration::from_secs(200),
        keep_previous: true,
    });
    bench.grant("renewing", &renewal).await?;
    let mut settlement = bench.settlement(&renewal, T0 + 1_000);
    settlement.void = Some(VoidCode { challenge: opened.key, digest: second });
    for _ in 0..2 {
        bench.settle(&settlement).await?;
    }
    let verdict = bench.guess(opened.key, second, T0 + 2_000).await?;
    same("the void code", verdict, Verdict::Mismatch { left: 4 })?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 2_000).await?;
    same("the earlier code", verdict, Verdict::Accepted { attempts: 2, opened: at(T0) })
}

async fn void_late(bench: Bench) -> Checked {
    for keep_previous in [true, false] {
        let opened = Opened { key: bench.name(), digest: bench.digest() };
        let mut admission = bench.admission(T0);
        admission.challenge = Some(opened.write(T0, 5));
        bench.grant("opening", &admission).await?;
        let second = bench.digest();
        let mut renewal = bench.admission(T0 + 1_000);
        renewal.challenge = Some(ChallengeWrite::Renew {
            key: opened.key,
            digest: second,
            expires: at(T0) + Duration::from_secs(200),
            keep_previous,
        });
        bench.grant("renewing", &renewal).await?;
        let mut settlement = bench.settlement(&admission, T0 + 1_000);
        settlement.void = Some(VoidCode { challenge: opened.key, digest: opened.digest });
        bench.settle(&settlement).await?;
        let verdict = bench.guess(opened.key, opened.digest, T0 + 2_000).await?;
        same("the void code", verdict, Verdict::Mismatch { left: 4 })?;
        let verdict = bench.guess(opened.key, second, T0 + 2_000).await?;
        same("the code since", verdict, Verdict::Accepted { attempts: 2, opened: at(T0) })?;
    }
    Ok(())
}

async fn void_only(bench: Bench) -> Checked {
    let opened = Opened { key: bench.name(), digest: bench.digest() };
    let mut admission = bench.admission(T0);
    admission.challenge = Some(opened.write(T0, 5));
    bench.grant("opening", &admission).await?;
    let mut settlement = bench.settlement(&admission, T0);
    settlement.void = Some(VoidCode { challenge: opened.key, digest: opened.digest });
    bench.settle(&settlement).await?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 1_000).await?;
    same("the void code", verdict, Verdict::Expired)?;
    let second = bench.digest();
    let mut renewal = bench.admission(T0 + 1_000);
    renewal.challenge = Some(ChallengeWrite::Renew {
        key: opened.key,
        digest: second,
        expires: at(T0) + Duration::from_secs(200),
        keep_previous: true,
    });
    bench.grant("renewing", &renewal).await?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 1_000).await?;
    same("the void code after a resend", verdict, Verdict::Mismatch { left: 4 })?;
    let verdict = bench.guess(opened.key, second, T0 + 1_000).await?;
    same("the new code", verdict, Verdict::Accepted { attempts: 2, opened: at(T0) })?;
    same("its state", bench.state(opened.key, T0).await?, ChallengeState::Consumed)
}

async fn waived_is_not_refunded(bench: Bench) -> Checked {
    // The mark is live from 1 000 until 5 000; what counts is the time of the charge.
    for (charged, settled, charge_counted) in
        [(1_000, 2_000, false), (4_999, 9_000, false), (999, 2_000, true)]
    {
        let key = bench.meter();
        bench.pay(key, WIDE, 3, T0).await?;
        let mark = Mark { key: bench.meter(), from: at(T0 + 1_000), until: at(T0 + 5_000) };
        bench.accept(T0, |redemption| redemption.marks = vec![mark]).await?;
        let mut admission = bench.charging(T0 + charged, vec![charge(key, WIDE, 1)]);
        admission.charges.iter_mut().for_each(|charge| charge.waiver = Some(mark.key));
        let counts = bench.grant("a charge with a waiver", &admission).await?;
        same("its count", counts, vec![if charge_counted { 4 } else { 0 }])?;
        bench.settle(&bench.settlement(&admission, T0 + settled)).await?;
        let what = format!("count after a charge at {charged}, settled at {settled}");
        same(&what, bench.count(key, WIDE, T0 + settled).await?, 3)?;
    }
    Ok(())
}

async fn settlement_observes(bench: Bench) -> Checked {
    let key = bench.meter();
    let known = bench.admission(T0);
    bench.grant("an admission", &known).await?;
    let unknown = bench.admission(T0);
    for (of, expected) in [(known, 2), (unknown, 4)] {
        let mut settlement = bench.settlement(&of, T0);
        settlement.observe = vec![observation(key, 2)];
        bench.settle(&settlement).await?;
        same("observed", bench.count(key, OBSERVED, T0).await?, expected)?;
    }
    Ok(())
}
