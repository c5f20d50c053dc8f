//! A16: an attacker uses up everything of somebody else's number.

use std::time::Duration;

use otpgate::{
    ClientContext, Clock, EntryGrant, EventKind, Purpose, RejectionCause, Sent, Timestamp,
};

use crate::step_up::Turing;
use crate::support::{ALICE, House, client, days, hours, minutes, off_by, seconds};

/// Everything an attacker can spend on the number, from many places, for `rounds` rounds.
async fn besiege(house: &House, rounds: u32) -> u32 {
    let mut grants: Vec<(EntryGrant, ClientContext)> = Vec::new();
    for round in 0..rounds {
        let who = client(1_000 + round);
        if let Sent::Sent(issued) = house.insist(ALICE, &Purpose::LOG_IN, &who).await {
            grants.push((issued.into_grant(), who));
        }
        // Those before have closed.
        let closed = grants.len().saturating_sub(3);
        grants.drain(..closed);
        for (grant, who) in &grants {
            for guess in 0..6 {
                let wrong = off_by(&house.last_code(), guess + 1);
                assert!(!house.accepts_from(grant, &wrong, who).await);
            }
        }
        house.clock.advance(minutes(11));
    }
    u32::try_from(house.log.compared()).unwrap()
}

/// A house whose owner verified the number days ago, on a device that the proof is from.
async fn lived_in() -> (House, String) {
    let house = House::lab_with(|builder| builder.human_check(Turing));
    let proof = house.prove(ALICE, &client(1)).await.device_proof().as_str().to_owned();
    house.clock.advance(days(5));
    house.log.clear();
    (house, proof)
}

async fn logs_in(house: &House, who: &ClientContext) -> bool {
    let Sent::Sent(issued) = house.insist(ALICE, &Purpose::LOG_IN, who).await else {
        return false;
    };
    house.accepts_from(issued.grant(), &house.last_code(), who).await
}

#[tokio::test]
async fn the_owner_with_a_known_device_is_served_at_once() {
    let (house, proof) = lived_in().await;
    let guesses = besiege(&house, 60).await;
    assert!(guesses >= 10, "the siege was no siege: {guesses}");
    assert!(logs_in(&house, &client(1).device_proof(proof)).await);
    // The attacker gained nothing by it but what the open lane allows anyone.
    assert!(besiege(&house, 60).await <= 1 + 20 + 20);
}

#[tokio::test]
async fn the_owner_who_passes_a_human_check_is_served_at_once() {
    let (house, _) = lived_in().await;
    besiege(&house, 60).await;
    // Somebody without a proof is shown the way …
    let sent = house.try_send_for(ALICE, &Purpose::LOG_IN, &client(2)).await;
    let Sent::StepUp(step_up) = sent else { panic!("{sent:?}") };
    assert_eq!(step_up.means(), otpgate::StepUpMeans::Human);
    // … and passes.
    assert!(logs_in(&house, &client(2).human_response("yes")).await);
}

#[tokio::test]
async fn the_owner_with_nothing_waits_no_longer_than_the_window() {
    let (house, _) = lived_in().await;
    // An attacker who only asks for texts, never guesses.
    for round in 0..40 {
        let _ = house.insist(ALICE, &Purpose::LOG_IN, &client(1_000 + round)).await;
        house.clock.advance(minutes(11));
    }
    assert!(!logs_in(&house, &client(2)).await);
    house.clock.advance(days(1));
    assert!(logs_in(&house, &client(2)).await);
}

/// The documented bound: 31 days from the last wrong code that was counted, although the attacker
/// goes on asking in between: what is refused is not counted.
#[tokio::test]
async fn the_owner_with_nothing_waits_31_days_for_one_who_guessed() {
    let (house, _) = lived_in().await;
    assert_eq!(besiege(&house, 400).await, 20, "the open lane's twenty");
    let last_guess = |house: &House| {
        let wrong = EventKind::Rejected { cause: RejectionCause::Mismatch };
        house.log.events().iter().rev().find(|event| event.kind == wrong).unwrap().at
    };
    let shut = last_guess(&house);
    let wait_until = |at: Timestamp| house.clock.advance(at.since(house.clock.now()));
    wait_until(shut + days(30));
    assert_eq!(besiege(&house, 50).await, 20, "nor a month later");
    wait_until((shut + days(31)).before(Duration::from_millis(1)));
    assert!(!logs_in(&house, &client(2)).await);
    house.clock.advance(Duration::from_millis(1));
    assert!(logs_in(&house, &client(2)).await);
}

/// Other purposes have their own interval and quota.
#[tokio::test]
async fn the_owner_can_do_something_else_meanwhile() {
    let (house, _) = lived_in().await;
    for round in 0..6 {
        let _ = house.insist(ALICE, &Purpose::LOG_IN, &client(1_000 + round)).await;
        house.clock.advance(minutes(1));
    }
    assert!(matches!(house.insist(ALICE, &Purpose::PAYMENT, &client(2)).await, Sent::Sent(_)));
}

#[tokio::test]
async fn the_code_in_the_owners_hand_stays_good() {
    let house = House::lab_with(|builder| builder.human_check(Turing));
    let me = client(1);
    let grant = house.send_to(ALICE, &me).await.into_grant();
    let code = house.last_code();
    for round in 0..4 {
        house.clock.advance(seconds(40));
        let who = client(1_000 + round);
        if let Sent::Sent(issued) = house.insist(ALICE, &Purpose::SIGN_UP, &who).await {
            for guess in 0..6 {
                let wrong = off_by(&code, guess + 1);
                assert!(!house.accepts_from(issued.grant(), &wrong, &who).await);
            }
        }
    }
    assert!(house.accepts_from(&grant, &code, &me).await);
}

/// A proof of another number, or a stolen and altered one, opens no lane.
#[tokio::test]
async fn a_device_proof_counts_for_its_own_number_only() {
    let (house, proof) = lived_in().await;
    let other =
        house.prove(crate::support::BOB, &client(9)).await.device_proof().as_str().to_owned();
    for _ in 0..5 {
        besiege(&house, 12).await;
        house.clock.advance(hours(1));
    }
    let last = if proof.ends_with('A') { 'E' } else { 'A' };
    let altered = format!("{}{last}", &proof[..proof.len() - 1]);
    for bad in [other, altered, String::new(), "x".repeat(10_000)] {
        let sent = house.try_send_for(ALICE, &Purpose::LOG_IN, &client(3).device_proof(bad)).await;
        assert!(!matches!(sent, Sent::Sent(_)), "{sent:?}");
    }
}
