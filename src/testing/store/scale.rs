//! Sizes: large numbers, many charges, long documents.

use super::bench::{Bench, Checked, OBSERVED, T0, charge, exhausted, observation, same, wrong};
use super::{Case, case};
use crate::base::time::millis;
use crate::limit::Limit;
use crate::store::{Admitted, Document, DocumentWrite, MeterQuery};

pub(super) const CASES: &[Case] = &[
    case!(quantities_up_to_2_53, "all quantities are whole numbers below 2^53, and exact"),
    case!(forty_charges, "forty charges and twenty observations are one step"),
    case!(long_document, "a document of 256 KiB is kept as it is"),
    case!(many_meters, "meters do not meet: a thousand subjects, each with its own count"),
];

const MOST: u64 = (1 << 53) - 1;

async fn quantities_up_to_2_53(bench: Bench) -> Checked {
    for limit in [
        Limit::Window { max: MOST, span_ms: 86_400_000 },
        Limit::Budget { max: MOST, span_ms: 86_400_000 },
    ] {
        let key = bench.meter();
        let (_, seen) = bench.charge(key, limit, MOST - 1, T0).await?;
        same(&format!("all but one on {limit:?}"), seen, Ok(MOST - 1))?;
        same("the last one", bench.charge(key, limit, 1, T0).await?.1, Ok(MOST))?;
        let more = bench.charging(T0, vec![charge(key, limit, 1)]);
        exhausted("one more", bench.admit(&more).await?)?;
        same("count", bench.count(key, limit, T0).await?, MOST)?;
    }
    // A century of spacing: the theoretical arrival time is near 2^52.
    let century = 3_155_760_000_000;
    let slow = Limit::Spacing { interval_ms: century, burst: 1 };
    let key = bench.meter();
    same("a first charge", bench.charge(key, slow, 1, T0).await?.1, Ok(1))?;
    let (_, seen) = bench.charge(key, slow, 1, T0 + 1).await?;
    same("a second", seen, Err(century - 1))?;
    // As the number grows past 2^53 doublings, the wait stays the longest.
    let ladder = Limit::Ladder { first_ms: 1, longest_ms: 60_000, forget_ms: 86_400_000 };
    let (key, mut now) = (bench.meter(), T0);
    for _ in 0..40 {
        let (_, seen) = bench.charge(key, ladder, 1, now).await?;
        same("a step", seen.is_ok(), true)?;
        now += 60_000;
    }
    same("wait", millis(bench.reading(key, ladder, 1, now - 1).await?.retry_after), 1)
}

async fn forty_charges(bench: Bench) -> Checked {
    let kinds = [
        Limit::Spacing { interval_ms: 1_000, burst: 2 },
        Limit::Ladder { first_ms: 1_000, longest_ms: 1_000, forget_ms: 60_000 },
        Limit::Window { max: 2, span_ms: 60_000 },
        Limit::Unverified { max: 2, drain_ms: 1_000 },
    ];
    let charges: Vec<_> =
        kinds.iter().cycle().take(40).map(|limit| charge(bench.meter(), *limit, 1)).collect();
    let observe: Vec<_> = (0..20).map(|units| observation(bench.meter(), units)).collect();
    let mut first = bench.charging(T0, charges.clone());
    first.observe = observe.clone();
    match bench.admit(&first).await? {
        Admitted::Granted { counts, observed, .. } => {
            same("counts", counts, vec![1; 40])?;
            same("observed", observed, (0..20).collect())?;
        }
        other => return wrong("forty charges", "Granted", &other),
    }
    let mut query = bench.query(T0);
    query.meters = charges
        .iter()
        .map(|charge| MeterQuery { key: charge.key, limit: charge.limit, cost: 0 })
        .collect();
    query.meters.extend(observe.iter().map(|it| MeterQuery {
        key: it.key,
        limit: OBSERVED,
        cost: 0,
    }));
    let counts: Vec<u64> =
        bench.tally(&query).await?.meters.iter().map(|reading| reading.count).collect();
    let expected: Vec<u64> = std::iter::repeat_n(1, 40).chain(0..20).collect();
    same("all sixty meters", counts, expected)?;
    // The ladders refuse the second round; nothing else of it may stay.
    let second = bench.charging(T0, charges.clone());
    same("named", exhausted("the second", bench.admit(&second).await?)?, (1, 1_000))?;
    let counts: Vec<u64> =
        bench.tally(&query).await?.meters.iter().take(40).map(|reading| reading.count).collect();
    same("all forty meters", counts, vec![1; 40])
}

async fn long_document(mut bench: Bench) -> Checked {
    let mut content = vec![0; 256 * 1024];
    bench.prng.fill(&mut content);
    let document = bench.name();
    let mut admission = bench.admission(T0);
    admission.documents.push(DocumentWrite { document, expect: 0, content: content.clone() });
    bench.grant("a long document", &admission).await?;
    let mut query = bench.query(T0);
    query.documents.push(document);
    let read = bench.tally(&query).await?.documents;
    same("read back as written", read == [Document { version: 1, content }], true)
}

async fn many_meters(bench: Bench) -> Checked {
    let limit = Limit::Window { max: 1_000, span_ms: 60_000 };
    let mut meters = Vec::new();
    for batch in 0..25_u64 {
        let charges: Vec<_> =
            (1..=40).map(|unit| charge(bench.meter(), limit, batch * 40 / 2 + unit)).collect();
        let admission = bench.charging(T0, charges.clone());
        bench.grant("forty fresh meters", &admission).await?;
        meters.extend(charges);
    }
    let mut query = bench.query(T0);
    query.meters = meters.iter().map(|it| MeterQuery { key: it.key, limit, cost: 0 }).collect();
    let counts: Vec<u64> =
        bench.tally(&query).await?.meters.iter().map(|reading| reading.count).collect();
    let expected: Vec<u64> = meters.iter().map(|charge| charge.cost).collect();
    same("every count is its own", counts, expected)
}
