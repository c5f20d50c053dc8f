//! A10: a flood of numbers against a store of fixed size.

use std::sync::Arc;

use otpgate::store::MemoryStore;
use otpgate::testing::Latency;
use otpgate::{
    Cleared, Entry, EntryGrant, Gate, GateBuilder, GateErrorKind, Purpose, RejectionCause, Sent,
};

use crate::support::{
    ALICE, House, client, days, german, hours, off_by, quick, seconds, without_group_limits,
};

const CAPACITY: usize = 1_500;

/// A gate whose store holds little, and that store.
struct Tight {
    house: House,
    store: Arc<MemoryStore>,
}

fn tight() -> Tight {
    tight_with(GateBuilder::single_gate)
}

fn tight_with(change: impl FnOnce(GateBuilder) -> GateBuilder) -> Tight {
    // Only the store's bound shall hold the flood.
    let policy = without_group_limits(quick(otpgate::Policy::default()));
    let store = Arc::new(MemoryStore::builder().capacity(CAPACITY).build());
    let slow = Latency::new(Arc::clone(&store), 3, 10);
    let house = House::lab_with(|builder| change(builder.store(slow).policy(policy)));
    Tight { house, store }
}

impl Tight {
    /// Asks for texts to ever new numbers, from ever new networks, long after the store is full.
    /// How many were sent.
    async fn flood(&self) -> usize {
        let (before, mut full) = (self.house.texts(), 0);
        for index in 0..3_000_u64 {
            let who = client(index as u32 + 100);
            let cleared = self.house.clear(&german(index + 1), &Purpose::LOG_IN, &who).await;
            let Cleared::Passed(clearance) = cleared else { continue };
            if let Err(error) = self.house.gate.issue(clearance).await {
                assert_eq!(error.kind(), GateErrorKind::StoreFull);
                full += 1;
            }
            assert!(self.store.entries() <= CAPACITY);
        }
        assert!(full > 1_000, "3 000 numbers did not fill the store");
        self.house.texts() - before
    }

    /// Guesses with grants that are none, from ever new networks.
    async fn guess(&self) {
        let mut full = 0;
        for index in 0..3_000_u32 {
            let grant = EntryGrant::from_client(format!("made up {index}"));
            let who = client(index + 10_000);
            if let Err(error) = self.house.gate.verify(&grant, "123456", &who).await {
                assert_eq!(error.kind(), GateErrorKind::StoreFull);
                full += 1;
            }
            assert!(self.store.entries() <= CAPACITY);
        }
        assert!(full > 1_000, "3 000 networks did not fill the store");
    }
}

async fn left(gate: &Gate, grant: &EntryGrant, house: &House) -> u32 {
    match gate.entry(grant, &house.client).await.unwrap() {
        Entry::Open(view) => view.attempts_left(),
        Entry::Closed(_) => 0,
    }
}

#[tokio::test]
async fn a_flood_fills_the_store_and_frees_nobody() {
    let tight = tight();
    let house = &tight.house;
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for guess in 1..=3 {
        assert!(!house.accepts(&grant, &off_by(&code, guess)).await);
    }
    let sent = tight.flood().await;
    assert!(sent > 100, "{sent}");
    // The victim's counters are all there …
    assert_eq!(left(&house.gate, &grant, house).await, 2);
    assert!(!house.accepts(&grant, &off_by(&code, 4)).await);
    assert_eq!(left(&house.gate, &grant, house).await, 1);
    // … its interval holds …
    let texts = house.texts();
    let sent = house.gate.resend(&grant, &house.client).await;
    assert!(!matches!(sent, Ok(Sent::Issued(_))));
    assert_eq!(house.texts(), texts);
    // … and its code is good, full or not.
    assert!(house.accepts(&grant, &code).await);
}

/// Tokens cost the store nothing until they are used; guesses cost it an entry for each network.
#[tokio::test]
async fn neither_tokens_nor_guesses_from_everywhere_free_anybody() {
    let tight = tight();
    let house = &tight.house;
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(!house.accepts(&grant, &off_by(&code, 1)).await);
    let before = tight.store.entries();
    for index in 0..3_000 {
        let _ = house.gate.preflight(&Purpose::LOG_IN, &client(index)).unwrap();
    }
    assert_eq!(tight.store.entries(), before);
    tight.guess().await;
    assert_eq!(left(&house.gate, &grant, house).await, 4);
    assert!(house.accepts(&grant, &code).await);
}

#[tokio::test]
async fn a_locked_number_stays_locked() {
    let tight = tight();
    let house = &tight.house;
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for guess in 1..=5 {
        assert!(!house.accepts(&grant, &off_by(&code, guess)).await);
    }
    tight.flood().await;
    assert!(!house.accepts(&grant, &code).await);
    assert_eq!(house.log.last_cause(), Some(RejectionCause::Locked));
}

#[tokio::test]
async fn service_returns_when_the_flood_has_expired() {
    let tight = tight();
    let house = &tight.house;
    tight.flood().await;
    house.clock.advance(days(1) + hours(1));
    // One call sweeps a part; the flood's leftovers are gone after a few.
    let mut served = false;
    for index in 0..200 {
        let who = client(50_000 + index);
        let number = german(80_000 + u64::from(index));
        let Cleared::Passed(clearance) = house.clear(&number, &Purpose::SIGN_UP, &who).await else {
            continue;
        };
        served |= matches!(house.gate.issue(clearance).await, Ok(Sent::Issued(_)));
        house.clock.advance(seconds(1));
    }
    assert!(served);
}

/// A gate that shares its store keeps a journal there. News that find no room must not cost a user
/// who has a code the right to type it.
#[tokio::test]
async fn a_full_store_still_redeems_codes_when_gates_share_it() {
    let tight = tight_with(|builder| builder);
    let house = &tight.house;
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    tight.flood().await;
    assert!(house.accepts(&grant, &code).await);
}
