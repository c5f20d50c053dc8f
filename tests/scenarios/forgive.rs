//! The help desk's way out: what strangers failed on a number is forgotten, in every lane.

use otpgate::access::{Actor, Reason};
use otpgate::{ClientContext, EventKind, Policy, Purpose, RefusalReason, Sent};

use crate::step_up::Turing;
use crate::support::{ALICE, BOB, House, client, days, off_by, quick, recipient, seconds};

/// A house where Alice's number was verified before, and the proof of the device. Payments have
/// fewer attempts than the rest.
async fn lived_in() -> (House, String) {
    let mut policy = quick(Policy::default());
    // Only failures shall be in the way.
    policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
    policy.quotas.number_total.clear();
    let mut strict = policy.clone();
    for (lane, max) in [
        (&mut strict.attempts.open, 10),
        (&mut strict.attempts.checked, 12),
        (&mut strict.attempts.proven, 14),
    ] {
        (lane.max, lane.pause_after) = (max, max / 2);
    }
    let house = House::lab_with(|builder| {
        builder.policy(policy).purpose(Purpose::PAYMENT, strict).human_check(Turing)
    });
    let proof = house.prove(ALICE, &client(1)).await.device_proof().as_str().to_owned();
    house.clock.advance(days(1));
    (house, proof)
}

/// A client of each lane.
fn lanes(proof: &str) -> [(&'static str, ClientContext); 3] {
    [
        ("open", client(2)),
        ("checked", client(3).human_response("yes")),
        ("proven", client(4).device_proof(proof)),
    ]
}

async fn is_shut(house: &House, number: &str, purpose: &Purpose, who: &ClientContext) -> bool {
    match house.try_send_for(number, purpose, who).await {
        Sent::Refused(refusal) => matches!(refusal.reason(), RefusalReason::TooManyFailures),
        Sent::StepUp(step_up) => matches!(step_up.reason(), RefusalReason::TooManyFailures),
        Sent::Issued(issued) => {
            for guess in 1..=5 {
                let wrong = off_by(&house.last_code(), guess);
                assert!(!house.accepts_from(issued.grant(), &wrong, who).await);
            }
            false
        }
    }
}

/// Guesses until there is nothing left to guess, on all of them side by side: one after the other
/// would take so long that the first is forgotten.
async fn shut(house: &House, sieges: &[(&str, ClientContext)]) {
    for _ in 0..16 {
        for (number, who) in sieges {
            let _ = is_shut(house, number, &Purpose::SIGN_UP, who).await;
        }
        // The longest pause.
        house.clock.advance(days(3));
    }
    for (number, who) in sieges {
        assert!(is_shut(house, number, &Purpose::SIGN_UP, who).await);
    }
}

#[tokio::test]
async fn every_lane_of_every_purpose_is_open_again() {
    for purpose in [Purpose::SIGN_UP, Purpose::PAYMENT] {
        for index in 0..3 {
            let (house, proof) = lived_in().await;
            house.log.clear();
            let mut sieges = lanes(&proof).map(|(_, who)| (ALICE, who)).to_vec();
            sieges.push((BOB, client(5)));
            shut(&house, &sieges).await;
            assert_eq!(
                house.log.compared(),
                4 * 20,
                "three shares of one number, one of the other"
            );
            for (lane, who) in lanes(&proof) {
                assert!(is_shut(&house, ALICE, &purpose, &who).await, "{purpose}, {lane}");
            }

            let (why, desk) = (Reason::new("ticket 4712").unwrap(), Actor::new("desk").unwrap());
            house.gate.controls().forgive(&recipient(ALICE), &why, &desk).await.unwrap();

            // One lane in each house, since a success opens all of them.
            let (lane, who) = &lanes(&proof)[index];
            let sent = house.try_send_for(ALICE, &purpose, who).await;
            let Sent::Issued(issued) = sent else { panic!("{purpose}, {lane}: {sent:?}") };
            // Nor is there a pause left: a wrong code, and the right one at once.
            assert!(!house.accepts_from(issued.grant(), &house.wrong_code(), who).await);
            let accepted = house.accepts_from(issued.grant(), &house.last_code(), who).await;
            assert!(accepted, "{purpose}, {lane}");
            // Somebody else's number is not concerned.
            assert!(is_shut(&house, BOB, &purpose, &client(6)).await);
        }
    }
}

/// Forgiven is what was, not what comes: the next failures are counted again.
#[tokio::test]
async fn a_forgiven_lane_shuts_again() {
    let (house, _) = lived_in().await;
    let (why, desk) = (Reason::new("ticket 4712").unwrap(), Actor::new("desk").unwrap());
    for round in 1..=2 {
        house.log.clear();
        shut(&house, &[(ALICE, client(2))]).await;
        assert_eq!(house.log.compared(), 20, "round {round}");
        house.gate.controls().forgive(&recipient(ALICE), &why, &desk).await.unwrap();
        house.clock.advance(seconds(1));
    }
}

#[tokio::test]
async fn who_forgave_is_told_and_whom_is_not() {
    let (house, _) = lived_in().await;
    let (why, desk) = (Reason::new("ticket 4712").unwrap(), Actor::new("desk").unwrap());
    house.gate.controls().forgive(&recipient(ALICE), &why, &desk).await.unwrap();
    let events = house.log.events();
    let Some(EventKind::ControlsChanged { actor, change }) = events.last().map(|it| &it.kind)
    else {
        panic!("{events:?}")
    };
    assert_eq!(actor, "desk");
    assert!(change.contains("forgiven: ticket 4712") && !change.contains(&ALICE[6..]), "{change}");
}
