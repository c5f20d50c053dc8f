//! Tried: an address shut for everybody there with grants that were genuine once: expired, used, of
//! another realm, of another key.

use otpgate::{EntryGrant, Gate, KeyId, KeyRing, Realm, RejectionCause, Verified};

use crate::support::{ALICE, BOB, House, days, german, hours, in_session, pepper, seconds};

const HONEST: u64 = 40;

async fn garbage(gate: &Gate, grants: &[EntryGrant], n: u64) {
    let grant = &grants[usize::try_from(n).unwrap() % grants.len()];
    // The grants' own session, and others.
    let session = if n.is_multiple_of(3) { "bot".to_owned() } else { format!("bot-{}", n % 50) };
    let verified = gate.verify(grant, "123456", &in_session(7, &session)).await.unwrap();
    assert!(matches!(verified, Verified::Rejected(_)));
}

#[tokio::test]
async fn grants_that_were_good_once_shut_nobody_out() {
    let house = House::lab(crate::support::memory());
    let bot = in_session(7, "bot");
    let foreign = house.beside(|builder| {
        builder.store(crate::support::memory()).keys(KeyRing::new(KeyId(1), pepper(9)))
    });
    let realm = Realm::new("another").unwrap();
    let mut grants = vec![house.send_to(ALICE, &bot).await.into_grant()];
    house.clock.advance(hours(25)); // expired
    let used = house.send_to(BOB, &bot).await.into_grant();
    assert!(house.accepts_from(&used, &house.last_code(), &bot).await);
    grants.push(used);
    grants.push(foreign.send_to(ALICE, &bot).await.into_grant());
    let other = House { gate: house.gate.in_realm(&realm), ..foreign };
    grants.push(other.send_to(BOB, &bot).await.into_grant());
    house.clock.advance(days(1));
    for n in 0..600 {
        garbage(&house.gate, &grants, n).await;
    }
    let mut accepted = 0;
    for person in 0..HONEST {
        let who = in_session(7, &format!("person-{person}"));
        let grant = house.send_to(&german(person), &who).await.into_grant();
        let code = house.last_code();
        for n in 0..125 {
            house.clock.advance(seconds(1));
            garbage(&house.gate, &grants, n).await;
        }
        accepted += u64::from(house.accepts_from(&grant, &code, &who).await);
    }
    let refused = house.log.rejected(RejectionCause::ClientLimit);
    assert!(refused > 1_000, "garbage of that address is limited: {refused}");
    assert_eq!(accepted, HONEST);
}
