//! A10: a flood of numbers against a store of fixed size.

use otpgate::store::MemoryStore;
use otpgate::{Cleared, Entry, EntryGrant, Gate, GateErrorKind, Purpose, RejectionCause, Sent};

use crate::support::{ALICE, House, client, days, german, hours, seconds};

const CAPACITY: usize = 1_500;

fn tight() -> House {
    House::lab_with(|builder| {
        let mut policy = crate::support::quick(otpgate::Policy::default());
        // Only the store's bound shall hold the flood.
        policy.quotas.client_unverified = None;
        policy.quotas.network_unverified = None;
        policy.quotas.block_unverified = None;
        builder
            .store(MemoryStore::builder().capacity(CAPACITY).build())
            .policy(policy)
            .single_gate()
    })
}

/// Asks for texts to ever new numbers until the store is full; how many were sent.
async fn flood(house: &House) -> usize {
    let before = house.texts();
    for index in 0..3_000_u64 {
        let who = client(index as u32 + 100);
        let cleared = house.clear(&german(index + 1), &Purpose::LOG_IN, &who).await;
        let Cleared::Cleared(clearance) = cleared else { continue };
        if let Err(error) = house.gate.issue(clearance).await {
            assert_eq!(error.kind(), GateErrorKind::StoreFull);
            return house.texts() - before;
        }
    }
    panic!("3 000 numbers did not fill the store");
}

async fn left(gate: &Gate, grant: &EntryGrant, house: &House) -> u32 {
    match gate.entry(grant, &house.client).await.unwrap() {
        Entry::Open(view) => view.attempts_left(),
        Entry::Closed(_) => 0,
    }
}

#[tokio::test]
async fn a_flood_fills_the_store_and_frees_nobody() {
    let house = tight();
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for guess in 1..=3 {
        assert!(!house.accepts(&grant, &crate::support::off_by(&code, guess)).await);
    }
    let sent = flood(&house).await;
    assert!(sent > 100, "{sent}");
    // The victim's counters are all there …
    assert_eq!(left(&house.gate, &grant, &house).await, 2);
    assert!(!house.accepts(&grant, &crate::support::off_by(&code, 4)).await);
    assert_eq!(left(&house.gate, &grant, &house).await, 1);
    // … its interval holds …
    let texts = house.texts();
    let sent = house.gate.resend(&grant, &house.client).await;
    assert!(!matches!(sent, Ok(Sent::Sent(_))));
    assert_eq!(house.texts(), texts);
    // … and its code is good, full or not.
    assert!(house.accepts(&grant, &code).await);
}

#[tokio::test]
async fn a_locked_number_stays_locked() {
    let house = tight();
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for guess in 1..=5 {
        assert!(!house.accepts(&grant, &crate::support::off_by(&code, guess)).await);
    }
    flood(&house).await;
    assert!(!house.accepts(&grant, &code).await);
    assert_eq!(house.log.last_cause(), Some(RejectionCause::Locked));
}

#[tokio::test]
async fn service_returns_when_the_flood_has_expired() {
    let house = tight();
    flood(&house).await;
    house.clock.advance(days(1) + hours(1));
    // One call sweeps a part; the flood's leftovers are gone after a few.
    let mut served = false;
    for index in 0..200 {
        let who = client(50_000 + index);
        let number = german(80_000 + u64::from(index));
        let Cleared::Cleared(clearance) = house.clear(&number, &Purpose::SIGN_UP, &who).await else {
            continue;
        };
        served |= matches!(house.gate.issue(clearance).await, Ok(Sent::Sent(_)));
        house.clock.advance(seconds(1));
    }
    assert!(served);
}

/// A gate that shares its store keeps a journal there. News that find no room must not cost a user
/// who has a code the right to type it.
#[tokio::test]
async fn a_full_store_still_redeems_codes_when_gates_share_it() {
    let house = House::lab_with(|builder| {
        let mut policy = crate::support::quick(otpgate::Policy::default());
        policy.quotas.client_unverified = None;
        policy.quotas.network_unverified = None;
        policy.quotas.block_unverified = None;
        builder.store(MemoryStore::builder().capacity(CAPACITY).build()).policy(policy)
    });
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    flood(&house).await;
    assert!(house.accepts(&grant, &code).await);
}
