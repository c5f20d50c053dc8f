//! Decoys: a number that must get no text gets none, whatever is done with its grant.

use otpgate::{EventKind, Purpose, Sent};

use crate::support::{ALICE, House, client, minutes, seconds, small};

#[tokio::test]
async fn nothing_is_ever_handed_off_and_no_code_opens_it() {
    let house = House::lab(small());
    let clearance = house.clearance_of(ALICE, &Purpose::RESET, &house.client).await;
    let sent = house.gate.decoy(clearance).await.unwrap();
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    let grant = issued.into_grant();
    for _ in 0..6 {
        house.clock.advance(minutes(2));
        let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    }
    assert_eq!(house.outbox.handed_off(), 0);
    for guess in ["000000", "123456", "999999", ""] {
        assert!(!house.accepts(&grant, guess).await);
    }
    assert!(house.log.count(|kind| matches!(kind, EventKind::DecoyAnswered)) >= 3);
    assert_eq!(house.log.count(|kind| matches!(kind, EventKind::Sent { .. })), 0);
}

/// The limits are one: whoever asks for decoys cannot ask more often than for texts, and the other
/// way round.
#[tokio::test]
async fn a_decoy_takes_up_the_interval_and_the_quota() {
    let house = House::lab(small());
    let clearance = house.clearance(ALICE).await;
    let _ = house.gate.decoy(clearance).await.unwrap();
    assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)));
    house.clock.advance(seconds(30));
    assert!(matches!(house.try_send(ALICE, &client(3)).await, Sent::Issued(_)));
}

#[tokio::test]
async fn a_decoys_token_is_used_up() {
    let house = House::lab(small());
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    for (index, number) in [ALICE, crate::support::BOB].into_iter().enumerate() {
        let cleared =
            house.clear_with(ticket.as_str(), number, &Purpose::SIGN_UP, &house.client).await;
        let otpgate::Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
        let sent = house.gate.decoy(clearance).await.unwrap();
        assert_eq!(matches!(sent, Sent::Issued(_)), index == 0);
    }
}
