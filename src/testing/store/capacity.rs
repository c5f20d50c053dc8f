//! Bounded memory: what a store with a hard cap does when it is reached.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, Opened, Racers, T0, at, charge, same, wrong};
use super::{Finding, Line, Outcome, Report};
use crate::Store;
use crate::base::time::millis;
use crate::limit::Limit;
use crate::store::{Admitted, GRACE, Nonce, StoreErrorKind, Verdict};
use crate::testing::prng::Prng;

/// Checks a store with a hard cap: it says `Full`, keeps all that is live, and recovers.
///
/// `make` builds a store that takes at most `most` admissions of one fresh meter, one nonce and one
/// challenge each before it is full; it may be full sooner. For stores without a cap of their own
/// there is nothing to check: their backend's limits are the operator's.
///
/// ```
/// # use otpgate::testing::{ModelStore, block_on, store};
/// // The model has no cap, so it never says `Full`.
/// let report = block_on(store::capacity(|| async { ModelStore::new() }, 50));
/// assert!(report.failed("live_state_is_never_evicted"));
/// ```
pub async fn capacity<F, Fut, S>(make: F, most: usize) -> Report
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Store,
{
    let store: Arc<dyn Store> = Arc::new(make().await);
    let outcome = match Bench::new(store, Prng::new(0), Racers::default()) {
        Err(finding) => Outcome::Failed(finding),
        Ok(bench) => match fill(bench, most).await {
            Ok(()) => Outcome::Passed,
            Err(finding) => Outcome::Failed(finding),
        },
    };
    let clause =
        "a store that is full drops what is expired, then answers Full; it evicts nothing live";
    Report { seed: 0, lines: vec![Line { case: "live_state_is_never_evicted", clause, outcome }] }
}

async fn fill(bench: Bench, most: usize) -> Result<(), Finding> {
    let one = Limit::Window { max: 1, span_ms: 600_000 };
    let mut live = Vec::new();
    let mut full = false;
    for _ in 0..=most {
        let opened = Opened { key: bench.name(), digest: bench.digest() };
        let nonce = Nonce { key: bench.name(), expires: at(T0) + Duration::from_secs(600) };
        let mut admission = bench.charging(T0, vec![charge(bench.meter(), one, 1)]);
        admission.nonces.push(nonce);
        admission.challenge = Some(opened.write(T0, 2));
        match bench.store.admit(&admission).await {
            Ok(Admitted::Granted { .. }) => live.push((admission, opened)),
            Ok(other) => return wrong("an admission of fresh names", "Granted or Full", &other),
            Err(error) if error.kind() == StoreErrorKind::Full => {
                full = true;
                break;
            }
            Err(error) => return wrong("a store at its cap", "the kind Full", &error),
        }
    }
    same(&format!("full after {} of at most {most} admissions", live.len()), full, true)?;

    for (number, (admission, opened)) in live.iter().enumerate() {
        let what = |part: &str| format!("{part} of admission {number} of {}", live.len());
        for charge in &admission.charges {
            let count = bench.count(charge.key, charge.limit, T0).await?;
            same(&what("the meter"), count, 1)?;
        }
        let mut replay = bench.admission(T0);
        replay.nonces.clone_from(&admission.nonces);
        match bench.store.admit(&replay).await {
            Ok(Admitted::NonceSpent { index: 0 }) => {}
            Err(error) if error.kind() == StoreErrorKind::Full => {}
            other => return wrong(&what("the nonce"), "NonceSpent, or the kind Full", &other),
        }
        if number % 8 == 0 {
            let verdict = bench.guess(opened.key, opened.digest, T0).await?;
            let accepted = Verdict::Accepted { attempts: 1, opened: at(T0) };
            same(&what("the code"), verdict, accepted)?;
        }
    }

    let later = T0.saturating_add(one.memory_ms()).saturating_add(millis(GRACE).saturating_mul(2));
    for number in 0..live.len() {
        let mut admission = bench.charging(later, vec![charge(bench.meter(), one, 1)]);
        let opened = Opened { key: bench.name(), digest: bench.digest() };
        admission.challenge = Some(opened.write(later, 2));
        admission.nonces.push(Nonce { key: bench.name(), expires: at(later + 1) });
        let what = format!("admission {number} after everything has expired");
        bench.grant(&what, &admission).await?;
    }
    Ok(())
}
