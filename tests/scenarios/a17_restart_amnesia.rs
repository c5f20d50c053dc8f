//! A17: a restart in the middle of an attack.

use std::sync::Arc;

use otpgate::testing::ModelStore;
use otpgate::{RejectionCause, Sent};

use crate::support::{ALICE, House, client, off_by, seconds, small};

/// A store outside the process: the counts go on, whichever call the process died in.
#[tokio::test]
async fn with_a_durable_store_every_cap_goes_on() {
    let store = Arc::new(ModelStore::new());
    let house = House::lab(Arc::clone(&store));
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for guess in 0..12 {
        let after = house.beside(|builder| builder.store(Arc::clone(&store)));
        assert!(!after.accepts(&grant, &off_by(&code, guess + 1)).await);
        assert!(matches!(
            after.try_send(ALICE, &client(guess as u32 + 2)).await,
            Sent::Refused(_)
        ));
    }
    assert_eq!(house.log.compared(), 5);
    assert_eq!(house.texts(), 1);
}

/// The memory store's documented bound: codes in flight are gone, and each restart gives every limit
/// once more, no more.
#[tokio::test]
async fn with_the_memory_store_each_restart_gives_each_limit_once() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for restart in 1..=4 {
        let after = house.beside(|builder| builder.store(small()));
        assert!(!after.accepts(&grant, &code).await);
        assert_eq!(house.log.last_cause(), Some(RejectionCause::Unknown));
        for flow in 0..20 {
            let _ = after.try_send(ALICE, &client(100 * restart + flow)).await;
            house.clock.advance(seconds(1));
        }
        assert_eq!(house.texts(), 1 + restart as usize);
    }
}
