//! Calls of the port that the PostgreSQL tests make.

use std::sync::Arc;
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, MeterQuery, PostgresStore, Redemption, StoreError,
    TallyQuery,
};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};
use support::postgres_server::{PostgresServer, Shared};

pub const HOUR: u64 = 3_600_000;

/// The time at which the tests start.
pub const NOON: u64 = 1_800_000_000_000;

pub fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A name that no other kind or number has.
pub fn name(kind: u8, number: u64) -> Pseudonym {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Pseudonym::from_bytes(bytes)
}

pub fn request(number: u64) -> RequestId {
    RequestId::from_bytes(*name(b'r', number).as_bytes())
}

/// The server that a file's tests share, and a store on it that is migrated.
pub async fn ready(server: &Shared) -> Option<(Arc<PostgresServer>, PostgresStore)> {
    let server = server.server()?;
    let store = PostgresStore::connect(&server.url()).await.expect("the server is reachable");
    // The disk is shared with whatever else writes to it, and no test waits for this.
    let store = store.with_deadline(Duration::from_secs(120));
    store.migrate().await.expect("the migrations apply");
    Some((server, store))
}

pub fn realm() -> Pseudonym {
    name(b'R', 0)
}

pub fn meter(kind: u8, number: u64) -> MeterKey {
    MeterKey::new(name(kind, number), Slot(1))
}

pub fn hourly(max: u64) -> Limit {
    Limit::Window { max, span_ms: HOUR }
}

pub fn charge(key: MeterKey, limit: Limit) -> Charge {
    Charge::new(key, limit, 1)
}

pub fn admission(number: u64, now: u64, charges: Vec<Charge>) -> Admission {
    let remember = at(now) + Duration::from_secs(600);
    let mut admission = Admission::new(request(number), at(now), realm(), remember);
    admission.charges = charges;
    admission
}

/// The code of challenge `number`.
pub fn code(number: u64) -> [u8; 32] {
    let mut digest = [0x5a; 32];
    digest[24..].copy_from_slice(&number.to_be_bytes());
    digest
}

pub async fn open(store: &impl Store, number: u64, now: u64, attempts: u32) {
    let mut admission = admission((1 << 50) + number, now, Vec::new());
    admission.challenge = Some(ChallengeWrite::Open {
        key: name(b'c', number),
        digest: code(number),
        expires: at(now + 300_000),
        closes: at(now + 600_000),
        attempts,
    });
    let answer = store.admit(&admission).await.expect("a challenge is opened");
    assert!(matches!(answer, Admitted::Granted { .. }), "{answer:?}");
}

pub fn redemption(id: u64, challenge: u64, digest: [u8; 32], now: u64) -> Redemption {
    Redemption {
        digests: vec![digest],
        ..Redemption::new(request((1 << 51) + id), at(now), realm(), name(b'c', challenge))
    }
}

pub async fn count(
    store: &impl Store,
    key: MeterKey,
    limit: Limit,
    now: u64,
) -> Result<u64, StoreError> {
    let mut query = TallyQuery::new(at(now), realm());
    query.meters.push(MeterQuery { key, limit, cost: 0 });
    Ok(store.tally(&query).await?.meters.first().expect("a reading").count)
}

pub fn is_granted(answer: &Admitted) -> bool {
    matches!(answer, Admitted::Granted { .. })
}
