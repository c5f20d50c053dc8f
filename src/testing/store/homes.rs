//! Many homes: what is common to them is kept over all of them, whichever part of a store each lies in.

use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, Checked, Opened, T0, WIDE, at, charge, refund, same, wrong};
use super::{Case, case};
use crate::Store;
use crate::limit::{Limit, MeterKey, Slot};
use crate::store::{
    Admission, Admitted, ChallengeState, Charge, DocumentWrite, Exchange, Guard, Home, Mark,
    MeterQuery, Nonce, StoreError, Verdict,
};
use crate::testing::schedule::BoxFuture;

pub(super) const CASES: &[Case] = &[
    case!(homes_share_a_limit, "a common limit of single units is kept exactly over all homes"),
    case!(homes_share_a_budget, "a common limit of many units is kept exactly over all homes"),
    case!(homes_ask_of_a_limit, "a charge that only asks fits over all homes where a charge would"),
    case!(
        homes_share_what_comes_back,
        "what a home gives back to a common meter, others can spend"
    ),
    case!(
        a_refused_home_charges_nobody,
        "an admission that is refused leaves the common meters of all homes as they are"
    ),
    case!(homes_race_for_a_limit, "racers of many homes are granted exactly what a limit allows"),
    case!(homes_share_nonces, "a nonce is spent once over all homes, and not by a refused call"),
    case!(homes_share_documents, "a document written by one home is the one that others rest on"),
    case!(homes_share_marks, "a mark on a common subject waives charges of other homes"),
    case!(homes_share_a_journal, "entries of all homes stand in one journal"),
    case!(homes_keep_their_own, "a home's own meters and challenges are the same in each call"),
];

/// So many homes that every part of a store has some.
const HOMES: usize = 24;

impl Bench {
    fn homes(&self) -> Vec<Home> {
        (0..HOMES).map(|_| Home::of(self.name())).collect()
    }

    fn of(&self, home: Home, now: u64, charges: Vec<Charge>) -> Admission {
        let mut admission = self.charging(now, charges);
        admission.home = home;
        admission
    }

    /// How many of `rounds` rounds over all homes are granted.
    async fn granted_over(&self, homes: &[Home], cost: Charge, rounds: usize) -> Checked<usize> {
        let mut granted = 0;
        for home in std::iter::repeat_n(homes, rounds).flatten() {
            match self.admit(&self.of(*home, T0, vec![cost])).await? {
                Admitted::Granted { .. } => granted += 1,
                Admitted::Exhausted { index: 0, .. } => {}
                other => {
                    return wrong("a charge on a common meter", "Granted or Exhausted", &other);
                }
            }
        }
        Ok(granted)
    }
}

async fn homes_share_a_limit(bench: Bench) -> Checked {
    let homes = bench.homes();
    for limit in [
        Limit::Window { max: 25, span_ms: 3_600_000 },
        Limit::Budget { max: 3, span_ms: 3_600_000 },
        Limit::Spacing { interval_ms: 60_000, burst: 14 },
        Limit::Unverified { max: 10, drain_ms: 3_600_000 },
    ] {
        let max = match limit {
            Limit::Window { max, .. } | Limit::Budget { max, .. } => max,
            Limit::Unverified { max, .. } | Limit::Spacing { burst: max, .. } => max,
            _ => 0,
        };
        let cost = charge(bench.meter(), limit, 1);
        let granted = bench.granted_over(&homes, cost, 2).await?;
        same(&format!("granted of {limit:?}"), granted as u64, max)?;
    }
    Ok(())
}

async fn homes_share_a_budget(bench: Bench) -> Checked {
    let homes = bench.homes();
    // Fifteen of seven fit into 105.
    let cost = charge(bench.meter(), Limit::Budget { max: 105, span_ms: 86_400_000 }, 7);
    let granted = bench.granted_over(&homes, cost, 2).await?;
    same("granted of a budget for fifteen", granted, 15)
}

async fn homes_ask_of_a_limit(bench: Bench) -> Checked {
    let homes = bench.homes();
    for (limit, cost, most) in [
        (Limit::Window { max: 25, span_ms: 3_600_000 }, 1, 25),
        (Limit::Unverified { max: 10, drain_ms: 3_600_000 }, 1, 10),
        (Limit::Budget { max: 110, span_ms: 86_400_000 }, 7, 15),
        (Limit::Budget { max: 6, span_ms: 86_400_000 }, 7, 0),
    ] {
        let real = charge(bench.meter(), limit, cost);
        let granted = bench.granted_over(&homes, real.asked(), 1).await?;
        same(
            &format!("asked before of {limit:?}"),
            granted,
            if most > 0 { homes.len() } else { 0 },
        )?;
        let mut left: usize = most;
        for home in homes.iter().chain(&homes) {
            let one = std::slice::from_ref(home);
            let asked = bench.granted_over(one, real.asked(), 1).await?;
            let granted = bench.granted_over(one, real, 1).await?;
            same(&format!("asked of {limit:?} with {left} left"), asked, granted)?;
            left = left.saturating_sub(granted);
        }
        same(&format!("left of {limit:?}"), left, 0)?;
        let granted = bench.granted_over(&homes, real.asked(), 1).await?;
        same(&format!("asked afterwards of {limit:?}"), granted, 0)?;
    }
    Ok(())
}

async fn homes_share_what_comes_back(bench: Bench) -> Checked {
    let homes = bench.homes();
    let cost = charge(bench.meter(), Limit::Window { max: 6, span_ms: 3_600_000 }, 1);
    let mut admissions = Vec::new();
    for home in &homes {
        let admission = bench.of(*home, T0, vec![cost]);
        if let Admitted::Granted { .. } = bench.admit(&admission).await? {
            admissions.push(admission);
        }
    }
    same("granted", admissions.len(), 6)?;
    for admission in &admissions {
        bench.settle(&bench.settlement(admission, T0)).await?;
        // A second one gives nothing more back.
        bench.settle(&bench.settlement(admission, T0)).await?;
    }
    let granted = bench.granted_over(&homes, cost, 1).await?;
    same("granted after all came back", granted, 6)
}

async fn a_refused_home_charges_nobody(bench: Bench) -> Checked {
    let homes = bench.homes();
    let cost = charge(bench.meter(), Limit::Window { max: 12, span_ms: 3_600_000 }, 1);
    let none = Limit::Window { max: 0, span_ms: 3_600_000 };
    for home in &homes {
        let Some(name) = home.name() else { continue };
        let own = charge(MeterKey::new(name, Slot(1)), none, 1);
        let shut = charge(bench.meter(), none, 1);
        for refusing in [own, shut] {
            match bench.admit(&bench.of(*home, T0, vec![cost, refusing])).await? {
                Admitted::Exhausted { index: 1, .. } => {}
                other => return wrong("a charge that never fits", "Exhausted at 1", &other),
            }
        }
    }
    let granted = bench.granted_over(&homes, cost, 1).await?;
    same("granted after many refusals", granted, 12)
}

async fn homes_race_for_a_limit(mut bench: Bench) -> Checked {
    let homes = bench.homes();
    let cost = charge(bench.meter(), Limit::Window { max: 19, span_ms: 3_600_000 }, 1);
    let admissions: Vec<_> = std::iter::repeat_n(&homes, 4)
        .flatten()
        .map(|home| bench.of(*home, T0, vec![cost]))
        .collect();
    let racers = admissions
        .into_iter()
        .map(|admission| -> Racer {
            Box::new(|store| Box::pin(async move { store.admit(&admission).await }))
        })
        .collect();
    let answers = bench.race(racers).await?;
    let granted = answers.iter().filter(|answer| matches!(answer, Admitted::Granted { .. }));
    same("granted of racing homes", granted.count(), 19)
}

type Racer =
    Box<dyn FnOnce(Arc<dyn Store>) -> BoxFuture<'static, Result<Admitted, StoreError>> + Send>;

async fn homes_share_nonces(bench: Bench) -> Checked {
    let homes = bench.homes();
    let never = charge(bench.meter(), Limit::Window { max: 0, span_ms: 3_600_000 }, 1);
    for pair in homes.windows(2) {
        let [one, other] = pair else { continue };
        let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(600) };
        let call = |home: &Home, charges| {
            let mut admission = bench.of(*home, T0, charges);
            admission.nonces.push(nonce);
            admission
        };
        match bench.admit(&call(one, vec![never])).await? {
            Admitted::Exhausted { .. } => {}
            answer => return wrong("a charge that never fits", "Exhausted", &answer),
        }
        let granted = call(one, Vec::new());
        bench.grant("a nonce that a refused call named", &granted).await?;
        bench.grant("a repeat", &granted).await?;
        let key = bench.name();
        let opened = Opened { key, digest: bench.digest() };
        let mut late = call(other, Vec::new());
        late.challenge = Some(opened.write(T0, 5));
        let spent = Admitted::NonceSpent { index: 0 };
        same("the nonce at another home", bench.admit(&late).await?, spent)?;
        let mut query = bench.query(T0);
        (query.home, query.challenges) = (*other, vec![key]);
        let state = bench.tally(&query).await?.challenges;
        same("a challenge of a refused call", state, vec![ChallengeState::Unknown])?;
    }
    Ok(())
}

async fn homes_share_documents(bench: Bench) -> Checked {
    let document = bench.name();
    let key = bench.meter();
    for (version, home) in (0..).zip(bench.homes()) {
        let mut guarded = bench.of(home, T0, Vec::new());
        guarded.guards.push(Guard { document, version });
        bench.grant("a guard on the version there is", &guarded).await?;
        let mut refused =
            bench.of(home, T0, vec![charge(key, Limit::Window { max: 0, span_ms: 9 }, 1)]);
        let write =
            |content: &[u8]| DocumentWrite { document, expect: version, content: content.into() };
        refused.documents.push(write(b"refused"));
        match bench.admit(&refused).await? {
            Admitted::Exhausted { .. } => {}
            answer => return wrong("a charge that never fits", "Exhausted", &answer),
        }
        let mut writing = bench.of(home, T0, vec![charge(key, WIDE, 1)]);
        writing.documents.push(write(b"new"));
        bench.grant("a write", &writing).await?;
        bench.grant("the same write again", &writing).await?;
        guarded = bench.of(home, T0, Vec::new());
        guarded.guards.push(Guard { document, version });
        let stale = Admitted::Stale { document, version: version.saturating_add(1) };
        same("a guard on the version before", bench.admit(&guarded).await?, stale)?;
    }
    Ok(())
}

async fn homes_share_marks(bench: Bench) -> Checked {
    let homes = bench.homes();
    let network = bench.meter();
    let never = Limit::Window { max: 0, span_ms: 3_600_000 };
    let waived = Charge { waiver: Some(network), ..charge(bench.meter(), never, 1) };
    let Some((one, others)) = homes.split_first() else { return Ok(()) };
    for home in &homes {
        match bench.admit(&bench.of(*home, T0, vec![waived])).await? {
            Admitted::Exhausted { .. } => {}
            answer => return wrong("before the mark", "Exhausted", &answer),
        }
    }
    let opened = Opened { key: bench.name(), digest: bench.digest() };
    let mut admission = bench.of(*one, T0, Vec::new());
    admission.challenge = Some(opened.write(T0, 5));
    bench.grant("opening", &admission).await?;
    let mut redemption = bench.redemption(opened.key, opened.digest, T0);
    redemption.home = *one;
    let until = at(T0) + Duration::from_secs(600);
    redemption.marks.push(Mark { key: network, from: at(T0), until });
    let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
    same("the right code", bench.verdict(&redemption).await?, accepted)?;
    for home in std::iter::once(one).chain(others) {
        bench.grant("after the mark", &bench.of(*home, T0, vec![waived])).await?;
    }
    Ok(())
}

async fn homes_share_a_journal(bench: Bench) -> Checked {
    let journal = bench.name();
    let (mut after, mut told) = (0, 0);
    for (number, home) in (1_u64..).zip(bench.homes()) {
        let mut admission = bench.of(home, T0, Vec::new());
        admission.exchange =
            Some(Exchange { journal, append: number.to_be_bytes().to_vec(), after });
        let Admitted::Granted { news, .. } = bench.admit(&admission).await? else {
            return wrong("an exchange", "Granted", &number);
        };
        same("its own entry", news.entries.len(), 1)?;
        (after, told) = (news.latest, told + 1);
        // A repeat appends nothing.
        drop(bench.admit(&admission).await?);
    }
    let mut query = bench.query(T0);
    query.home = Home::NOBODY;
    query.journal = Some((journal, 0));
    let entries = bench.tally(&query).await?.news.entries;
    let numbers = entries.iter().map(|(_, entry)| entry.clone());
    let expected = (1..=told as u64).map(|number: u64| number.to_be_bytes().to_vec());
    same("the journal", numbers.collect::<Vec<_>>(), expected.collect())
}

async fn homes_keep_their_own(bench: Bench) -> Checked {
    let limit = Limit::Ladder { first_ms: 30_000, longest_ms: 600_000, forget_ms: 1_800_000 };
    for home in bench.homes() {
        let Some(name) = home.name() else { continue };
        let own = charge(MeterKey::new(name, Slot(1)), limit, 1);
        let opened = Opened { key: bench.name(), digest: bench.digest() };
        let carried = charge(MeterKey::new(opened.key, Slot(1)), limit, 1);
        let home = home.and(opened.key);
        let mut admission = bench.of(home, T0, vec![own, carried]);
        admission.challenge = Some(opened.write(T0, 5));
        same("counts", bench.grant("a send", &admission).await?, vec![1, 1])?;
        match bench.admit(&bench.of(home, T0, vec![carried])).await? {
            Admitted::Exhausted { .. } => {}
            answer => return wrong("a second send at once", "Exhausted", &answer),
        }
        let mut settlement = bench.settlement(&admission, T0);
        settlement.refunds = vec![refund(&own, at(T0))];
        bench.settle(&settlement).await?;
        let mut query = bench.query(T0);
        (query.home, query.challenges) = (home, vec![opened.key]);
        query.meters =
            [own, carried].map(|charge| MeterQuery { key: charge.key, limit, cost: 0 }).into();
        let tallies = bench.tally(&query).await?;
        let counts: Vec<_> = tallies.meters.iter().map(|reading| reading.count).collect();
        same("counts after a refund", counts, vec![0, 1])?;
        let mut redemption = bench.redemption(opened.key, opened.digest, T0);
        redemption.home = home;
        let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
        same("the right code", bench.verdict(&redemption).await?, accepted)?;
    }
    Ok(())
}
