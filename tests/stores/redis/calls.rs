//! The calls that the Redis tests make: one number's send and one attempt at its code.

use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Nonce, Redemption, RedisOptions, StoreError,
    Verdict,
};
use otpgate::{Entropy, Pseudonym, RequestId, Store, SystemEntropy, Timestamp};

pub(crate) const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes).unwrap();
    bytes
}

pub(crate) fn name() -> Pseudonym {
    Pseudonym::from_bytes(bytes())
}

/// For servers on a disk that others write to as well. What is dead refuses, and proxies cut: no test waits
/// for this.
pub(crate) fn patient() -> RedisOptions {
    let long = Duration::from_secs(20);
    RedisOptions { connect_timeout: long, response_timeout: long, ..RedisOptions::default() }
}

pub(crate) fn meter() -> MeterKey {
    MeterKey::new(name(), Slot(1))
}

pub(crate) fn window(max: u64) -> Limit {
    Limit::Window { max, span_ms: 3_600_000 }
}

/// A code that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) challenge: Pseudonym,
    pub(crate) digest: [u8; 32],
}

impl Sent {
    pub(crate) fn new() -> Self {
        Self { challenge: name(), digest: bytes() }
    }

    /// The admission that sends it: good for five minutes, closed after ten.
    pub(crate) fn admission(&self, realm: Pseudonym, now: Timestamp, attempts: u32) -> Admission {
        let mut admission = empty(realm, now);
        admission.challenge = Some(ChallengeWrite::Open {
            key: self.challenge,
            digest: self.digest,
            expires: now + Duration::from_secs(300),
            closes: now + Duration::from_secs(600),
            attempts,
        });
        admission
    }

    pub(crate) async fn send(&self, store: &dyn Store, realm: Pseudonym, now: Timestamp) {
        let admission = self.admission(realm, now, 5);
        assert!(matches!(store.admit(&admission).await, Ok(Admitted::Granted { .. })));
    }

    pub(crate) fn redemption(&self, realm: Pseudonym, now: Timestamp) -> Redemption {
        Redemption {
            digests: vec![self.digest],
            ..Redemption::new(RequestId::from_bytes(bytes()), now, realm, self.challenge)
        }
    }

    pub(crate) async fn redeem(
        &self,
        store: &dyn Store,
        realm: Pseudonym,
        now: Timestamp,
    ) -> Result<Verdict, StoreError> {
        Ok(store.redeem(&self.redemption(realm, now)).await?.verdict)
    }
}

pub(crate) fn empty(realm: Pseudonym, now: Timestamp) -> Admission {
    let id = RequestId::from_bytes(bytes());
    Admission::new(id, now, realm, now + Duration::from_secs(600))
}

pub(crate) fn charge(key: MeterKey, limit: Limit) -> Charge {
    Charge::new(key, limit, 1)
}

pub(crate) fn charging(realm: Pseudonym, now: Timestamp, key: MeterKey, limit: Limit) -> Admission {
    let mut admission = empty(realm, now);
    admission.charges.push(charge(key, limit));
    admission
}

pub(crate) fn nonce(now: Timestamp) -> Nonce {
    Nonce { key: name(), expires: now + Duration::from_secs(300) }
}
