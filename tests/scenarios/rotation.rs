//! Keys are exchanged while codes are in flight.

use std::sync::Arc;

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::testing::ModelStore;
use otpgate::{Clock, KeyId, KeyRing, RETIRED_KEY_LIFE, Sent};

use crate::support::{ALICE, BOB, House, client, pepper, seconds};

fn rotated(house: &House, store: &Arc<ModelStore>) -> House {
    let until = house.clock.now() + RETIRED_KEY_LIFE;
    let ring =
        KeyRing::new(KeyId(2), pepper(2)).retire(KeyId(1), pepper(1), until).index(pepper(1));
    house.beside(|builder| builder.store(Arc::clone(store)).keys(ring))
}

#[tokio::test]
async fn what_is_in_flight_stays_good_and_limits_go_on() {
    let store = Arc::new(ModelStore::new());
    let old = House::lab(Arc::clone(&store));
    let grant = old.send(ALICE).await.into_grant();
    let first = old.last_code();
    let ticket = old.gate.preflight(&otpgate::Purpose::SIGN_UP, &client(2)).unwrap();
    let new = rotated(&old, &store);
    // The interval is still counted under the same name.
    assert!(matches!(new.try_send(ALICE, &client(3)).await, Sent::Refused(_)));
    // A ticket of the old key clears.
    let cleared =
        new.clear_with(ticket.as_str(), BOB, &otpgate::Purpose::SIGN_UP, &client(2)).await;
    assert!(matches!(cleared, otpgate::Cleared::Passed(_)));
    // A resend by the new gate, and the first code, which is of the old key.
    new.clock.advance(seconds(30));
    assert!(matches!(new.gate.resend(&grant, &new.client).await.unwrap(), Sent::Issued(_)));
    assert!(new.accepts(&grant, &first).await);
}

#[tokio::test]
async fn a_code_resent_after_the_rotation_is_good() {
    let store = Arc::new(ModelStore::new());
    let old = House::lab(Arc::clone(&store));
    let grant = old.send(ALICE).await.into_grant();
    let new = rotated(&old, &store);
    new.clock.advance(seconds(30));
    assert!(matches!(new.gate.resend(&grant, &new.client).await.unwrap(), Sent::Issued(_)));
    assert!(new.accepts(&grant, &new.last_code()).await);
}

#[tokio::test]
async fn a_key_that_was_dropped_opens_nothing() {
    let store = Arc::new(ModelStore::new());
    let old = House::lab(Arc::clone(&store));
    let grant = old.send(ALICE).await.into_grant();
    let code = old.last_code();
    let ring = KeyRing::new(KeyId(2), pepper(2)).index(pepper(1));
    let new = old.beside(|builder| builder.store(store).keys(ring));
    assert!(!new.accepts(&grant, &code).await);
    assert!(matches!(new.gate.resend(&grant, &new.client).await.unwrap(), Sent::Refused(_)));
    // Nothing was charged to the verification: the old gate still takes it.
    assert!(old.accepts(&grant, &code).await);
}

#[tokio::test]
async fn a_device_proof_of_the_old_key_holds_as_long_as_the_key() {
    let store = Arc::new(ModelStore::new());
    let old = House::lab(Arc::clone(&store));
    let proof = old.prove(ALICE, &client(1)).await.device_proof().as_str().to_owned();
    let new = rotated(&old, &store);
    // The open lane's interval does not hold the device's lane back.
    let who = client(2).device_proof(proof);
    assert!(matches!(new.try_send(ALICE, &who).await, Sent::Issued(_)));
}

/// What the operator's page warns of: an index key that is exchanged takes the controls with it, and no error
/// says so.
#[tokio::test]
async fn under_another_index_key_the_controls_are_gone_without_an_error() {
    let store = Arc::new(ModelStore::new());
    let old = House::lab(Arc::clone(&store));
    let (reason, actor) = (Reason::new("attack").unwrap(), Actor::new("ada").unwrap());
    let controls = old.gate.controls();
    controls.enter(Target::Everything, Effect::SmsOff, reason, actor, None).await.unwrap();
    assert!(matches!(old.try_send(ALICE, &client(1)).await, Sent::Refused(_)));
    let new = rotated(&old, &store);
    assert!(matches!(new.try_send(ALICE, &client(1)).await, Sent::Refused(_)));

    let ring = KeyRing::new(KeyId(2), pepper(2));
    let other = old.beside(|builder| builder.store(store).keys(ring));
    other.gate.ready().await.unwrap();
    assert!(matches!(other.try_send(ALICE, &client(1)).await, Sent::Issued(_)));
}
