//! [`Gate::ready`]: whether everything is there that a text and its code need.

use std::time::Duration;

use super::Gate;
use super::parts::Parts;
use crate::base::entropy::random;
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::error::{GateError, GateErrorKind, NotReady};
use crate::guarded::{self, caught};
use crate::limit::{Limit, MeterKey};
use crate::realm::slot;
use crate::store::{
    Admitted, ChallengeWrite, Charge, Home, Redemption, Refund, StoreError, StoreErrorKind, Verdict,
};
use crate::transport::SmsTransport;

/// How long a store has to remember a trial: no longer than the trial takes.
const TRIAL_LIFE: Duration = Duration::from_secs(10);

impl Gate {
    /// Tries what a text and its code need, and sends none. Call it at start, and from your load
    /// balancer's readiness probe; a running gate needs no such call, because each verb fails closed.
    /// Where anybody can reach the probe, keep its answer for some seconds: each call writes to the store.
    ///
    /// | part | what is tried |
    /// |---|---|
    /// | store | [its own check](crate::Store::ready); then all four verbs: the controls are read, a code is stored, accepted and given back, under names that are drawn |
    /// | clock | this host's against the store's |
    /// | transports, human check, look-up | [whether the credentials are there](crate::SmsTransport::ready); the provider is not asked |
    ///
    /// Policy and texts need no trial: [`build`](crate::GateBuilder::build) checked them. What no trial
    /// can see is another [index key](crate::KeyRing::index): to it the store is empty, as for a new
    /// deployment. Four round trips to the store, which forgets the trial after a minute. Of a store in
    /// several parts one part is tried.
    ///
    /// # Errors
    ///
    /// [`NotReady`] names every part that failed, with cause and cure.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |_| {
    /// # use otpgate::store::{MemoryStore, StoreErrorKind};
    /// # use otpgate::testing::{FailNth, Verb};
    /// # let late = FailNth::new(MemoryStore::default(), Verb::Admit, 1, StoreErrorKind::Unavailable);
    /// # let gate = shop::parts().store(late).build()?;
    /// use otpgate::GateErrorKind;
    ///
    /// let error = gate.ready().await.unwrap_err(); // the store is still coming up
    /// assert_eq!(error.causes()[0].kind(), GateErrorKind::Store);
    /// assert!(error.to_string().contains("check that it is reachable"), "{error}");
    ///
    /// gate.ready().await?; // now it is there: listen
    /// # Ok(())
    /// # });
    /// ```
    pub async fn ready(&self) -> Result<(), NotReady> {
        let parts = &*self.inner;
        let mut causes = Vec::new();
        let stored = self.try_store().await;
        if let Err(error) = &stored
            && error.kind() == GateErrorKind::Clock
        {
            self.relearn_clock();
        }
        causes.extend(stored.err());
        let beside = parts.carriers.iter().map(|carrier| &carrier.transport);
        for transport in std::iter::once(&parts.transport).chain(beside) {
            let answer = caught(transport.ready()).await;
            causes.extend(answer.and_then(|answer| Ok(answer?)).err());
        }
        if let Some(human) = &parts.human {
            let answer = caught(human.ready()).await;
            causes.extend(answer.and_then(|answer| Ok(answer?)).err());
        }
        if let Some(signals) = &parts.signals {
            let answer = caught(signals.ready()).await;
            causes.extend(answer.and_then(|answer| Ok(answer?)).err());
        }
        match causes.is_empty() {
            true => Ok(()),
            false => Err(NotReady::new(causes)),
        }
    }

    async fn try_store(&self) -> Result<(), GateError> {
        caught(self.inner.store.ready()).await??;
        let now = self.now();
        self.reload_controls(now).await?;
        trial(&self.inner, now).await
    }
}

/// Stores a code of nobody's, has it accepted, and gives back what it cost. Its names are drawn, so
/// trials do not meet.
async fn trial(parts: &Parts, now: Timestamp) -> Result<(), GateError> {
    let name = Pseudonym::from_bytes(random(&*parts.entropy)?);
    let digest = random(&*parts.entropy)?;
    let (home, until) = (Home::of(name), now + TRIAL_LIFE);
    let key = MeterKey::new(name, slot::REQUESTS);
    let limit = Limit::Window { max: 1, span_ms: 1_000 };

    let mut admission = parts.admission(home, now)?;
    let id = admission.id;
    admission.remember = until;
    admission.charges.push(Charge::new(key, limit, 1));
    admission.challenge = Some(ChallengeWrite::Open {
        key: name,
        digest,
        expires: until,
        closes: until,
        attempts: 1,
    });
    match guarded::admit(&*parts.store, &admission).await? {
        Admitted::Granted { .. } => {}
        other => return Err(amiss(format!("a fresh admission got the answer {other:?}"))),
    }

    let mut redemption =
        Redemption::new(parts.admission(home, now)?.id, now, parts.partition, name);
    (redemption.clock, redemption.home) = (parts.clock_check, home);
    redemption.digests.push(digest);
    match guarded::redeem(&*parts.store, &redemption).await?.verdict {
        Verdict::Accepted { .. } => {}
        other => return Err(amiss(format!("a code just stored got the answer {other:?}"))),
    }
    let refund = Refund { key, limit, cost: 1, charged: now, waiver: None };
    parts.give_back(id, home, vec![refund], None).await
}

/// A store that answers, and does not keep what it was told.
fn amiss(what: String) -> GateError {
    let cause = format!(
        "{what}; check that every call reaches the same primary, and hold a store of your own to \
         otpgate::testing::store"
    );
    StoreError::new(StoreErrorKind::Corrupt, cause).into()
}
