//! The operator's hand: every entry, on every gate of the store, from the next request on.

use std::sync::Arc;

use otpgate::access::{Actor, ControlId, Draft, Effect, Network, Reason, Target};
use otpgate::testing::{Latency, ModelStore};
use otpgate::{ControlsError, Gate, PublicRefusalKind, Purpose, Realm, RefusalReason, Sent};

use crate::support::{ALICE, BOB, House, client, days, hours, race, recipient, seconds, small};

async fn enter(gate: &Gate, target: Target, effect: Effect) -> ControlId {
    let (reason, actor) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
    gate.controls().enter(target, effect, reason, actor, None).await.unwrap()
}

/// A house whose refusals may be seen, whoever they concern.
fn open() -> House {
    House::ruled(|policy| policy.mode.quiet = false)
}

async fn sends(house: &House, number: &str, index: u32) -> bool {
    matches!(house.try_send(number, &client(index)).await, Sent::Issued(_))
}

#[tokio::test]
async fn a_block_holds_on_every_gate_from_the_next_request_and_until_lifted() {
    let store = Arc::new(ModelStore::new());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(Arc::clone(&store)));
    for (index, target) in (0_u32..).zip([
        Target::Country("DE".parse().unwrap()),
        Target::Prefix("+49151".parse().unwrap()),
        here.gate.controls().number(&recipient(ALICE)),
        Target::Network("11.0.0.0/8".parse::<Network>().unwrap()),
    ]) {
        let id = enter(&here.gate, target, Effect::Block).await;
        assert!(!sends(&there, ALICE, 10 * index).await, "{target:?}");
        assert!(!sends(&here, ALICE, 10 * index + 1).await, "{target:?}");
        there.gate.controls().lift(id, &Actor::new("bob").unwrap()).await.unwrap();
        assert!(sends(&here, ALICE, 10 * index + 2).await, "{target:?} after the lift");
        here.clock.advance(hours(2));
    }
    let who = client(90).user("mallory");
    enter(&here.gate, here.gate.controls().user("mallory"), Effect::Block).await;
    assert!(matches!(there.try_send(ALICE, &who).await, Sent::Refused(_)));
    assert!(sends(&there, ALICE, 91).await, "another account");
}

/// A clearance that was given before the block does not slip through.
#[tokio::test]
async fn a_block_stops_what_is_already_cleared_and_running() {
    let store = Arc::new(ModelStore::new());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(Arc::clone(&store)));
    let grant = there.send_to(BOB, &client(2)).await.into_grant();
    let clearance = there.clearance(ALICE).await;
    enter(&here.gate, Target::Country("DE".parse().unwrap()), Effect::Block).await;
    assert!(matches!(there.gate.issue(clearance).await.unwrap(), Sent::Refused(_)));
    here.clock.advance(seconds(30));
    assert!(matches!(there.gate.resend(&grant, &client(2)).await.unwrap(), Sent::Refused(_)));
    assert_eq!(here.texts(), 1);
    // The code that is out is its owner's.
    assert!(there.accepts_from(&grant, &here.last_code(), &client(2)).await);
}

#[tokio::test]
async fn an_entry_ends_when_it_says() {
    let house = House::lab(small());
    let (reason, actor) = (Reason::new("an hour").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    let until = controls.now() + hours(1);
    let target = Target::Country("DE".parse().unwrap());
    controls.enter(target, Effect::Block, reason, actor, Some(until)).await.unwrap();
    assert!(!sends(&house, ALICE, 1).await);
    house.clock.advance(hours(1));
    assert!(sends(&house, ALICE, 2).await);
    assert!(controls.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_draft_begins_later_and_names_a_purpose() {
    let house = House::lab(small());
    let (reason, actor) = (Reason::new("migration").unwrap(), Actor::new("ada").unwrap());
    let target = Target::Country("DE".parse().unwrap());
    let controls = house.gate.controls();
    let draft = Draft::new(target, Effect::Block, reason, actor)
        .unwrap()
        .since(controls.now() + hours(1))
        .for_purpose("sign-up")
        .unwrap();
    controls.enter_draft(draft).await.unwrap();
    assert!(sends(&house, ALICE, 1).await, "not yet");
    house.clock.advance(hours(2));
    assert!(!sends(&house, ALICE, 2).await);
    let other = house.try_send_for(ALICE, &Purpose::LOG_IN, &client(3)).await;
    assert!(matches!(other, Sent::Issued(_)), "another purpose: {other:?}");
}

#[tokio::test]
async fn sms_off_points_to_another_method_and_knows_no_exception() {
    let house = House::lab(small());
    enter(&house.gate, house.gate.controls().number(&recipient(ALICE)), Effect::Allow).await;
    enter(&house.gate, Target::Everything, Effect::SmsOff).await;
    let refusal = house.refused(ALICE, &client(1)).await;
    assert!(matches!(refusal.reason(), RefusalReason::SmsOff));
    assert_eq!(refusal.public().kind(), PublicRefusalKind::OtherMethod);
}

#[tokio::test]
async fn country_off_spares_numbers_allowed_one_by_one() {
    let house = open();
    enter(&house.gate, Target::Country("DE".parse().unwrap()), Effect::CountryOff).await;
    enter(&house.gate, house.gate.controls().number(&recipient(ALICE)), Effect::Allow).await;
    assert!(sends(&house, ALICE, 1).await);
    assert!(!sends(&house, BOB, 2).await);
    assert!(sends(&house, "+447400123456", 3).await, "another country");
}

#[tokio::test]
async fn known_numbers_only_serves_whom_it_knows() {
    let house = open();
    let _ = house.prove(ALICE, &client(1)).await;
    house.clock.advance(days(4));
    enter(&house.gate, Target::Everything, Effect::KnownNumbersOnly).await;
    assert!(sends(&house, ALICE, 2).await);
    let refusal = house.refused(BOB, &client(3)).await;
    assert!(matches!(refusal.reason(), RefusalReason::KnownNumbersOnly { .. }), "{refusal:?}");
    // Longer than any carrier keeps a number back, and it is somebody else's.
    house.clock.advance(days(100));
    assert!(!sends(&house, ALICE, 4).await);
}

#[tokio::test]
async fn an_allowance_lifts_no_limit() {
    let house = House::lab(small());
    enter(&house.gate, house.gate.controls().number(&recipient(ALICE)), Effect::Allow).await;
    for index in 0..10 {
        let _ = sends(&house, ALICE, index).await;
    }
    assert_eq!(house.texts(), 1);
}

#[tokio::test]
async fn tenants_have_their_own() {
    let house = House::lab(small());
    let other = house.gate.in_realm(&Realm::new("other").unwrap());
    enter(&other, Target::Everything, Effect::SmsOff).await;
    assert!(sends(&house, ALICE, 1).await);
    assert!(house.gate.controls().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let house = House::lab(small());
    let controls = house.gate.controls();
    let (reason, actor) = (|| Reason::new("why").unwrap(), || Actor::new("ada").unwrap());
    let missing = controls.lift(ControlId(99), &actor()).await.unwrap_err();
    assert!(matches!(missing, ControlsError::Book(_)), "{missing}");
    let past = Some(controls.now());
    let country = Target::Country("DE".parse().unwrap());
    let over = controls.enter(country, Effect::Block, reason(), actor(), past).await;
    assert!(over.is_err());
    let odd = controls.enter(country, Effect::KnownNumbersOnly, reason(), actor(), None).await;
    assert!(odd.is_ok(), "a country may be switched to known numbers");
    let odd = controls.enter(Target::Everything, Effect::Block, reason(), actor(), None).await;
    assert!(matches!(odd.unwrap_err(), ControlsError::Control(_)));
    assert!(Reason::new("").is_err() && Actor::new("").is_err());
}

/// Operators who act at the same moment do not undo each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_made_at_once_are_all_there() {
    let store = Arc::new(Latency::new(ModelStore::new(), 2, 5));
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(store));
    let racers = (0..6_u32)
        .map(|index| {
            let gate = if index % 2 == 0 { here.gate.clone() } else { there.gate.clone() };
            async move {
                let target = Target::Prefix(format!("+49151{index}").parse().unwrap());
                let (reason, actor) = (Reason::new("race").unwrap(), Actor::new("ada").unwrap());
                gate.controls().enter(target, Effect::Block, reason, actor, None).await.is_ok()
            }
        })
        .collect();
    let entered = race(racers).await.into_iter().filter(|ok| *ok).count();
    assert_eq!(here.gate.controls().list().await.unwrap().len(), entered);
    assert!(entered >= 1);
}
