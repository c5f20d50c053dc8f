//! A16: an attacker uses up everything of somebody else's number.

use std::time::Duration;

use otpgate::{
    ClientContext, Clock, EntryGrant, EventKind, Purpose, RefusalReason, RejectionCause, Sent,
    Timestamp,
};

use crate::step_up::Turing;
use crate::support::{ALICE, House, client, days, hours, minutes, off_by, seconds};

/// Everything an attacker can spend on the number, from many places, for `rounds` rounds.
async fn besiege(house: &House, rounds: u32) -> u32 {
    let mut grants: Vec<(EntryGrant, ClientContext)> = Vec::new();
    for round in 0..rounds {
        let who = client(1_000 + round);
        if let Sent::Issued(issued) = house.insist(ALICE, &Purpose::LOG_IN, &who).await {
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

/// The same by somebody who passes every human check.
pub(crate) async fn besiege_as_human(house: &House, rounds: u32) {
    for round in 0..rounds {
        let who = client(1_000 + round).human_response("yes");
        if let Sent::Issued(issued) = house.insist(ALICE, &Purpose::LOG_IN, &who).await {
            for guess in 0..6 {
                let wrong = off_by(&house.last_code(), guess + 1);
                assert!(!house.accepts_from(issued.grant(), &wrong, &who).await);
            }
        }
        house.clock.advance(minutes(11));
    }
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
    let Sent::Issued(issued) = house.insist(ALICE, &Purpose::LOG_IN, who).await else {
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

/// How many hours after a siege a client of `who`'s kind is let in, trying once an hour.
async fn hours_until(house: &House, who: impl Fn(u32) -> ClientContext, most: u32) -> u32 {
    for hour in 0..most {
        if logs_in(house, &who(50_000 + hour)).await {
            return hour;
        }
        house.clock.advance(hours(1));
    }
    most
}

/// Rounds of a siege in a day.
const DAY: u32 = 24 * 60 / 11;

/// The documented bound: less than three days, however long strangers guessed, up to five.
#[tokio::test]
async fn the_owner_with_nothing_waits_three_days_at_most_after_five_of_guesses() {
    for siege in [1, 3, 5] {
        let (house, _) = lived_in().await;
        let guesses = besiege(&house, siege * DAY).await;
        assert!((14..20).contains(&guesses), "{guesses} in {siege} days");
        let waited = hours_until(&house, client, 60 * 24).await;
        assert!(waited <= 68.min(24 * siege), "{waited} hours after {siege} days");
    }
}

/// Somebody who passes every human check does the same to the checked lane, and to no other.
#[tokio::test]
async fn so_does_the_owner_who_passes_a_human_check_after_a_siege_by_one_who_does() {
    let (house, _) = lived_in().await;
    besiege_as_human(&house, 5 * DAY).await;
    assert!((14..20).contains(&house.log.compared()), "{}", house.log.compared());
    let human = |index| client(index).human_response("yes");
    let waited = hours_until(&house, human, 60 * 24).await;
    assert!(waited <= 68, "{waited} hours");
    // Longer than five days and a half, and he has shut that lane.
    let (house, _) = lived_in().await;
    besiege_as_human(&house, 9 * DAY).await;
    assert_eq!(house.log.compared(), 20, "the checked lane's twenty");
    assert!(!logs_in(&house, &client(3).human_response("yes")).await);
    assert!(logs_in(&house, &client(4)).await, "the open lane is nobody else's");
    house.clock.advance(hours(1));
    assert!(logs_in(&house, &client(3).human_response("yes")).await, "a success opens all lanes");
}

/// A siege of a week and longer: 31 days from the last wrong code that was counted, although the
/// attacker goes on asking in between: what is refused is not counted.
#[tokio::test]
async fn the_owner_with_nothing_waits_31_days_for_one_who_guessed_for_a_week() {
    let (house, _) = lived_in().await;
    assert_eq!(besiege(&house, 9 * DAY).await, 20, "the open lane's twenty");
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

/// While a lane pauses no text goes out that nobody could answer.
#[tokio::test]
async fn a_lane_that_pauses_gets_no_text() {
    let house = House::lab_with(|builder| builder);
    besiege(&house, 2 * DAY).await;
    let texts = house.texts();
    let refusal = match house.insist(ALICE, &Purpose::RESET, &client(2)).await {
        Sent::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refusal.reason(), RefusalReason::TooManyFailures));
    let wait = refusal.retry_after().unwrap();
    assert!(wait > minutes(30) && wait <= hours(35), "{wait:?}");
    assert_eq!(house.texts(), texts);
    house.clock.advance(wait);
    assert!(logs_in(&house, &client(2)).await, "the wait was the truth");
}

/// Other purposes have their own interval and quota.
#[tokio::test]
async fn the_owner_can_do_something_else_meanwhile() {
    let (house, _) = lived_in().await;
    for round in 0..6 {
        let _ = house.insist(ALICE, &Purpose::LOG_IN, &client(1_000 + round)).await;
        house.clock.advance(minutes(1));
    }
    assert!(matches!(house.insist(ALICE, &Purpose::PAYMENT, &client(2)).await, Sent::Issued(_)));
}

/// What all lanes and purposes may send in a day has a part that strangers cannot use up.
#[tokio::test]
async fn strangers_of_every_purpose_leave_the_owner_texts_of_the_day() {
    let (house, proof) = lived_in().await;
    let purposes = [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::PAYMENT, Purpose::RESET];
    let siege = async |who: &dyn Fn(u32) -> ClientContext| {
        let before = house.texts();
        for round in 0..100 {
            for purpose in &purposes {
                let _ = house.insist(ALICE, purpose, &who(round)).await;
            }
            house.clock.advance(minutes(6));
        }
        house.texts() - before
    };
    assert_eq!(siege(&|round| client(1_000 + round)).await, 20, "strangers");
    let solver = |round| client(2_000 + round).human_response("yes");
    assert_eq!(siege(&solver).await, 5, "and those who pass human checks");
    assert!(logs_in(&house, &client(1).device_proof(proof)).await);
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
        if let Sent::Issued(issued) = house.insist(ALICE, &Purpose::SIGN_UP, &who).await {
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
        assert!(!matches!(sent, Sent::Issued(_)), "{sent:?}");
    }
}
