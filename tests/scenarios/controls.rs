//! The operator's hand: every entry, on every gate of the store, from the next request on.

use std::sync::Arc;

use otpgate::access::{Actor, ControlId, Draft, Effect, Network, Reason, Target};
use otpgate::policy::Evidence;
use otpgate::pumping::PriceTable;
use otpgate::store::StoreErrorKind;
use otpgate::testing::{FailNth, Latency, ManualClock, ModelStore, Verb};
use otpgate::{
    Clock, ControlsError, EventKind, Gate, LimitName, Money, Policy, PublicRefusalKind, Purpose,
    Realm, RefusalReason, Sent,
};

use crate::support::{
    ALICE, BOB, House, client, days, german, hours, in_session, quick, race, recipient, seconds,
    small,
};

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

/// A network is what its clients are known by: those behind a translator by their IPv4 addresses.
#[tokio::test]
async fn a_network_is_blocked_in_whatever_form_it_is_written() {
    for form in
        ["11.0.0.0/8", "::ffff:11.0.0.0/104", "64:ff9b::11.0.0.0/104", "::ffff:0:11.0.0.0/104"]
    {
        let house = open();
        let network: Network = form.parse().unwrap();
        let id = enter(&house.gate, Target::Network(network), Effect::Block).await;
        assert!(!sends(&house, ALICE, 1).await, "{form}");
        let entries = house.gate.controls().list().await.unwrap();
        let seen = Target::Network("11.0.0.0/8".parse().unwrap());
        assert_eq!((entries[0].id(), *entries[0].target()), (id, seen), "{form}");
    }
}

/// The store takes the entry and is gone when the gate looks at it again: what holds is told, once.
#[tokio::test]
async fn a_change_that_was_made_is_told_though_the_store_is_gone_at_once() {
    let store = FailNth::new(ModelStore::new(), Verb::Tally, 2, StoreErrorKind::Unavailable);
    let house = House::lab(store);
    let id = enter(&house.gate, Target::Everything, Effect::SmsOff).await;
    let told = house.log.count(|kind| matches!(kind, EventKind::ControlsChanged { .. }));
    assert_eq!(told, 1);
    assert!(matches!(house.refused(ALICE, &client(1)).await.reason(), RefusalReason::SmsOff));
    assert_eq!(house.gate.controls().list().await.unwrap()[0].id(), id);
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

/// Clocks may be a minute apart: what stops at once stops at the gate whose clock lags too.
#[tokio::test]
async fn a_stop_holds_at_once_at_a_gate_whose_clock_lags() {
    let everything = Target::Everything;
    let germany = Target::Country("DE".parse().unwrap());
    for (target, effect) in [
        (everything, Effect::SmsOff),
        (germany, Effect::Block),
        (germany, Effect::CountryOff),
        (everything, Effect::KnownNumbersOnly),
        (germany, Effect::ExtendAutomaticBlock),
    ] {
        let store = Arc::new(ModelStore::new());
        let set = |builder: otpgate::GateBuilder| {
            let mut policy = quick(Policy::default());
            policy.mode.quiet = false;
            builder.policy(policy).store(Arc::clone(&store))
        };
        let here = House::with(set);
        let lagging = ManualClock::new(here.clock.now().before(seconds(50)));
        let mut there = here.beside(|builder| set(builder).clock(lagging.clone()));
        there.clock = lagging;
        assert!(sends(&there, BOB, 1).await, "{effect:?}");
        let (reason, actor) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
        let controls = here.gate.controls();
        let until = Some(controls.now() + hours(1));
        controls.enter(target, effect, reason, actor, until).await.unwrap();
        assert!(!sends(&here, ALICE, 2).await, "{effect:?}");
        assert!(!sends(&there, ALICE, 3).await, "{effect:?} at the other gate");
        // Its list shows no entry that is still to come.
        let listed = there.gate.controls().list().await.unwrap();
        assert!(listed[0].holds(there.clock.now()), "{listed:?}");
        assert_eq!(there.gate.snapshot().await.unwrap().controls.len(), 1, "{effect:?}");
    }
}

/// What was to begin later begins when it says, by each gate's own clock, be it in a minute.
#[tokio::test]
async fn a_stated_beginning_is_kept() {
    let house = House::lab(small());
    let (reason, actor) = (Reason::new("maintenance").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    let draft = Draft::new(Target::Everything, Effect::SmsOff, reason, actor).unwrap();
    controls.enter_draft(draft.since(controls.now() + seconds(30))).await.unwrap();
    assert!(sends(&house, ALICE, 1).await, "not yet");
    house.clock.advance(seconds(30));
    assert!(!sends(&house, BOB, 2).await);
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

/// Neither a limit nor what it asks for before it is reached.
#[tokio::test]
async fn an_allowance_lifts_no_step_up_of_a_limit_or_a_budget() {
    for target in ["11.0.0.0/8", "+4915", "DE", "account"] {
        let house = House::ruled(|policy| {
            let drain = hours(1);
            policy.quotas.client_unverified = Some(Evidence { soft: 2, hard: 10, drain });
        });
        let who = |session: u32| in_session(1, &session.to_string()).user("account");
        let target = match target {
            "11.0.0.0/8" => Target::Network(target.parse().unwrap()),
            "+4915" => Target::Prefix(target.parse().unwrap()),
            "DE" => Target::Country(target.parse().unwrap()),
            _ => house.gate.controls().user(target),
        };
        enter(&house.gate, target, Effect::Allow).await;
        for text in 0..2 {
            let sent = house.try_send(&german(text), &who(text as u32)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{target:?}: {sent:?}");
        }
        let sent = house.try_send(&german(3), &who(3)).await;
        let Sent::StepUp(step_up) = sent else { panic!("{target:?}: {sent:?}") };
        assert_eq!(*step_up.reason(), RefusalReason::Limit(LimitName::ClientUnverified));
    }
    let house = House::lab_with(|builder| {
        let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(100_000));
        builder.prices(prices).daily_budget(Money::cents(100))
    });
    enter(&house.gate, Target::Prefix("+4915".parse().unwrap()), Effect::Allow).await;
    for text in 0..8 {
        assert!(sends(&house, &german(text), text as u32).await);
    }
    let sent = house.try_send(&german(8), &client(8)).await;
    let Sent::StepUp(step_up) = sent else { panic!("{sent:?}") };
    assert_eq!(*step_up.reason(), RefusalReason::Budget(LimitName::Realm));
}

/// The change is all that an audit log gets of an entry.
#[tokio::test]
async fn a_change_says_all_of_its_entry() {
    let house = House::lab(small());
    let controls = house.gate.controls();
    let draft = |target, effect| {
        let (reason, actor) = (Reason::new("migration").unwrap(), Actor::new("ada").unwrap());
        Draft::new(target, effect, reason, actor).unwrap()
    };
    let (since, until) = (controls.now() + hours(24), controls.now() + hours(30));
    let off = draft(Target::Everything, Effect::SmsOff).for_purpose("log-in").unwrap();
    let off = controls.enter_draft(off.since(since).until(until)).await.unwrap();
    let range = Target::Prefix("+99899312".parse().unwrap());
    let range = controls.enter_draft(draft(range, Effect::Block)).await.unwrap();
    controls.lift(off, &Actor::new("bob").unwrap()).await.unwrap();
    let why = Reason::new("a mistake").unwrap();
    controls.lift_because(range, &why, &Actor::new("bob").unwrap()).await.unwrap();
    let told: Vec<String> = house
        .log
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::ControlsChanged { change, .. } => Some(change),
            _ => None,
        })
        .collect();
    let off = "SmsOff Everything for log-in, from 2026-11-23T12:00:00Z, until 2026-11-23T18:00:00Z";
    let range = "Block Prefix(+998993…(8 digits))";
    assert_eq!(
        told,
        [
            format!("1: {off}: migration"),
            format!("2: {range}: migration"),
            format!("1: lifted: {off}"),
            format!("2: lifted: {range}: a mistake"),
        ]
    );
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

/// A pumped number that was verified once is not yet a customer.
#[tokio::test]
async fn a_number_is_known_three_days_after_it_was_verified() {
    let house = open();
    let _ = house.prove(ALICE, &client(1)).await;
    enter(&house.gate, Target::Everything, Effect::KnownNumbersOnly).await;
    house.clock.advance(hours(71));
    let refusal = house.refused(ALICE, &client(2)).await;
    assert!(matches!(refusal.reason(), RefusalReason::KnownNumbersOnly { .. }), "{refusal:?}");
    house.clock.advance(hours(2));
    assert!(sends(&house, ALICE, 3).await);
}

/// Of one country, whether or not refusals may be seen.
#[tokio::test]
async fn known_numbers_only_of_a_country_spares_the_others() {
    for quiet in [false, true] {
        let house = House::ruled(|policy| policy.mode.quiet = quiet);
        let germany = Target::Country("DE".parse().unwrap());
        enter(&house.gate, germany, Effect::KnownNumbersOnly).await;
        assert_eq!(sends(&house, ALICE, 1).await, quiet, "quiet: {quiet}");
        assert_eq!(house.texts(), 0, "quiet: {quiet}");
        assert!(sends(&house, "+447400123456", 2).await, "quiet: {quiet}");
        assert_eq!(house.texts(), 1, "quiet: {quiet}");
    }
}
