//! A14: a used code, again.

use std::sync::Arc;

use otpgate::testing::ModelStore;
use otpgate::{Clock, KeyId, KeyRing, RejectionCause, Sent};

use crate::support::{ALICE, House, client, hours, pepper, seconds, small};

#[tokio::test]
async fn after_success() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(house.accepts(&grant, &code).await);
    for _ in 0..10 {
        assert!(!house.accepts(&grant, &code).await);
        assert_eq!(house.log.last_cause(), Some(RejectionCause::Replay), "the host can warn");
    }
}

#[tokio::test]
async fn after_another_text() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let first = house.last_code();
    house.clock.advance(seconds(30));
    let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    let second = house.last_code();
    assert!(house.accepts(&grant, &second).await);
    // Neither the used code nor its elder sister.
    assert!(!house.accepts(&grant, &second).await);
    assert!(!house.accepts(&grant, &first).await);
    // And what is accepted is not renewed.
    house.clock.advance(seconds(120));
    assert!(matches!(house.gate.resend(&grant, &house.client).await.unwrap(), Sent::Refused(_)));
    assert_eq!(house.texts(), 2);
    // Nor is it good for a new verification of the same number.
    house.clock.advance(hours(1));
    let fresh = house.send_to(ALICE, &client(2)).await.into_grant();
    if house.last_code() != second {
        assert!(!house.accepts_from(&fresh, &second, &client(2)).await);
    }
}

#[tokio::test]
async fn after_a_restart_of_the_gate() {
    let store = Arc::new(ModelStore::new());
    let house = House::lab(Arc::clone(&store));
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(house.accepts(&grant, &code).await);
    let again = house.beside(|builder| builder.store(store));
    assert!(!again.accepts(&grant, &code).await);
    assert_eq!(house.log.accepted(), 1);
}

#[tokio::test]
async fn after_a_rotation_of_the_keys() {
    let store = Arc::new(ModelStore::new());
    let house = House::lab(Arc::clone(&store));
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(house.accepts(&grant, &code).await);
    let ring = KeyRing::new(KeyId(2), pepper(2))
        .retire(KeyId(1), pepper(1), house.clock.now() + hours(1))
        .index(pepper(1));
    let again = house.beside(|builder| builder.store(store).keys(ring));
    assert!(!again.accepts(&grant, &code).await);
    assert_eq!(house.log.last_cause(), Some(RejectionCause::Replay));
}

#[tokio::test]
async fn after_the_clock_was_set_back() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(house.accepts(&grant, &code).await);
    for back in [1, 60, 3_600, 86_400] {
        house.clock.set_wall(house.clock.now().before(seconds(back)));
        assert!(!house.accepts(&grant, &code).await);
    }
    assert_eq!(house.log.accepted(), 1);
}
