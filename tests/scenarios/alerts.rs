//! What the detector tells an operator: what began, what ended, and not the same thing twice.

use std::collections::BTreeSet;

use otpgate::access::{Actor, ControlId, Draft, Effect, Reason, Target};
use otpgate::pumping::{Action, AlertKind, NodeView};
use otpgate::store::MemoryStore;
use otpgate::{ClientContext, ClientIp, EventKind, Purpose, RefusalReason, Sent};

use crate::pumped::{alerts, house, pump, pumped, request, sign_up};
use crate::support::{House, client, days, german, seconds};

fn kinds(house: &House) -> Vec<AlertKind> {
    alerts(house).into_iter().map(|alert| alert.kind).collect()
}

/// Requests that come all the time, so that nothing is over for lack of anybody who asks.
async fn quiet(house: &House, minutes: std::ops::Range<u64>) {
    for minute in minutes {
        house.clock.advance(seconds(60));
        sign_up(house, 10_000 + minute).await;
    }
}

#[tokio::test]
async fn a_few_test_messages_to_a_dear_range_without_customers_are_told() {
    let house = house(MemoryStore::default());
    let fates = pump(&house, 0, 3).await;
    assert_eq!(fates, "sss", "three messages stop nothing");
    quiet(&house, 0..3).await;
    assert!(kinds(&house).contains(&AlertKind::ScoutSeen), "{:?}", alerts(&house));
}

#[tokio::test]
async fn a_block_is_told_when_it_begins_and_when_it_ends() {
    let house = house(MemoryStore::default());
    let fates = pump(&house, 0, 60).await;
    assert!(fates.contains('r'), "nothing was refused: {fates}");
    let begun = alerts(&house).into_iter().find(|alert| alert.kind == AlertKind::BlockBegun);
    let begun = begun.expect("a refusal without an alert");
    assert!(begun.to_string().starts_with("refused from now on: "), "{begun}");
    assert!(begun.evidence > 0.0);
    assert!(!kinds(&house).contains(&AlertKind::BlockLifted));

    // It ends by itself once the attack is over; a request to the block shows it.
    for round in 0..24 {
        quiet(&house, round * 5..round * 5 + 5).await;
        pump(&house, 9_000, 1).await;
    }
    let lifted = alerts(&house)
        .into_iter()
        .any(|alert| (alert.kind, alert.node) == (AlertKind::BlockLifted, begun.node));
    assert!(lifted, "{} was never lifted: {:?}", begun.node, alerts(&house));
}

#[tokio::test]
async fn the_same_alert_is_told_once_in_ten_minutes() {
    let house = house(MemoryStore::default());
    pump(&house, 0, 110).await; // nine minutes
    let told = alerts(&house);
    let distinct: BTreeSet<_> =
        told.iter().map(|alert| (format!("{:?}", alert.kind), alert.node.to_bits())).collect();
    assert!(!told.is_empty());
    assert_eq!(told.len(), distinct.len(), "{told:?}");
}

/// Bots behind one address: the operator lifts by the network that the snapshot names.
#[tokio::test]
async fn what_the_detector_does_to_a_network_is_lifted_by_its_network() {
    let house = house(MemoryStore::default());
    let address = "203.0.113.7";
    let ip = ClientIp::from_peer(address.parse().unwrap());
    let mut acting = None;
    for index in 0..60 {
        // among customers over all ranges, so that no block of numbers explains it
        for customer in 0..3 {
            sign_up(&house, 1_000 + index * 3 + customer).await;
        }
        let bot = ClientContext::new(ip, format!("bot {index}"));
        let _ = house.insist(&german(index * 7_919), &Purpose::SIGN_UP, &bot).await;
        house.clock.advance(seconds(20));
        let blocks = house.gate.snapshot().await.unwrap().blocks;
        acting = blocks.into_iter().find(|view| view.node.expose_network().is_some());
        if acting.is_some() {
            break;
        }
    }
    let acting = acting.expect("sixty unanswered codes and the detector does nothing");
    let (network, _) = acting.node.expose_network().unwrap();
    assert!(network.to_string().starts_with("203.0.113."), "{network}");
    assert!(!acting.node.to_string().contains(address), "{}", acting.node);

    let controls = house.gate.controls();
    for (target, lifted) in [("198.51.100.0/24", false), ("203.0.113.0/24", true)] {
        let (reason, actor) = (Reason::new("our office").unwrap(), Actor::new("ada").unwrap());
        let target = Target::Network(target.parse().unwrap());
        controls.enter(target, Effect::LiftAutomaticBlock, reason, actor, None).await.unwrap();
        let blocks = house.gate.snapshot().await.unwrap().blocks;
        let there = blocks.iter().any(|view| view.node.expose_network().is_some());
        assert_eq!(!there, lifted, "{target:?}: {blocks:?}");
    }
}

/// What operators vouch for stays so when somebody ends a block inside it, or around it, by hand.
#[tokio::test]
async fn a_lift_takes_nothing_from_where_nobody_may_be_blocked() {
    let prefix = |digits: &str| Target::Prefix(digits.parse().unwrap());
    for lifted in [prefix("+99894"), prefix("+9989412"), Target::Country("UZ".parse().unwrap())] {
        let house = house(MemoryStore::default());
        let controls = house.gate.controls();
        for (target, effect) in
            [(prefix("+99894"), Effect::ForbidAutomaticBlock), (lifted, Effect::LiftAutomaticBlock)]
        {
            let (reason, actor) = (Reason::new("our staff").unwrap(), Actor::new("ada").unwrap());
            controls.enter(target, effect, reason, actor, None).await.unwrap();
        }
        assert_eq!(pump(&house, 0, 80).await, "s".repeat(80), "{lifted:?}");
    }
}

async fn enter(house: &House, target: Target, effect: Effect) {
    let (reason, actor) = (Reason::new("our staff").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    let until = Some(controls.now() + days(7));
    controls.enter(target, effect, reason, actor, until).await.unwrap();
}

/// What is shown of the blocks of numbers in the range that is pumped.
async fn shown(house: &House) -> Vec<NodeView> {
    let mut blocks = house.gate.snapshot().await.unwrap().blocks;
    blocks.retain(|view| view.node.to_string().starts_with("+99894"));
    blocks
}

/// When the bots leave a block, no request comes there that would end the refusal.
#[tokio::test]
async fn a_refusal_that_is_over_is_not_shown_although_nobody_asks_there_again() {
    let house = house(MemoryStore::default());
    pump(&house, 0, 60).await;
    assert!(shown(&house).await.iter().any(|view| view.action == Action::Refuse));
    for (person, calm) in (10_500..).zip([days(2), seconds(0)]) {
        house.clock.advance(calm);
        let shown = house.gate.snapshot().await.unwrap().blocks;
        assert!(shown.iter().all(|view| view.action == Action::Ask), "{shown:?}");
        assert!(shown.iter().all(|view| (view.since_ms, view.until_ms) == (0, 0)), "{shown:?}");
        sign_up(&house, person).await;
    }
}

/// The tap is open there: whoever reads that it is closed does not close it.
#[tokio::test]
async fn where_nobody_may_be_blocked_nothing_says_that_it_refuses() {
    let house = house(MemoryStore::default());
    let range = Target::Prefix("+99894".parse().unwrap());
    enter(&house, range, Effect::ForbidAutomaticBlock).await;
    assert_eq!(pump(&house, 0, 80).await, "s".repeat(80));
    let told: Vec<String> = alerts(&house)
        .iter()
        .filter(|alert| alert.node.to_string().starts_with("+99894"))
        .map(ToString::to_string)
        .collect();
    let says = |words: &str| told.iter().any(|told| told.starts_with(words));
    assert!(!says("refused from now on") && !says("step-ups asked"), "{told:?}");
    assert!(says("an operator's entry keeps from being refused"), "{told:?}");
    let shown = shown(&house).await;
    assert!(!shown.is_empty());
    assert!(shown.iter().all(|view| view.action == Action::Pass), "{shown:?}");
    assert!(shown.iter().all(|view| view.entry == Some(1)), "{shown:?}");
}

/// The entry is lifted or ends, and the detector, which nobody has asked until now, still refuses.
#[tokio::test]
async fn a_refusal_that_an_entry_kept_back_is_told_when_the_entry_is_over() {
    for lifted in [true, false] {
        let house = house(MemoryStore::default());
        let controls = house.gate.controls();
        let (reason, actor) = (Reason::new("our staff").unwrap(), Actor::new("ada").unwrap());
        let range = Target::Prefix("+99894".parse().unwrap());
        let until = Some(controls.now() + seconds(600));
        let effect = Effect::ForbidAutomaticBlock;
        let id = controls.enter(range, effect, reason, actor, until).await.unwrap();
        let told = |kind| {
            let mut told = alerts(&house);
            told.retain(|alert| alert.kind == kind);
            told.retain(|alert| alert.node.to_string().starts_with("+99894"));
            told.into_iter().map(|alert| alert.node).collect::<BTreeSet<_>>()
        };
        let open = if lifted { 80 } else { 120 };
        assert_eq!(pump(&house, 0, open).await, "s".repeat(open as usize));
        let forbidden = told(AlertKind::BlockForbidden);
        assert!(!forbidden.is_empty() && told(AlertKind::BlockBegun).is_empty());
        if lifted {
            controls.lift(id, &Actor::new("ada").unwrap()).await.unwrap();
        }
        assert!(pump(&house, open, 20).await.contains('r'), "it still refuses");
        let begun = told(AlertKind::BlockBegun);
        assert!(!begun.is_empty() && begun.is_subset(&forbidden), "{begun:?} {forbidden:?}");
        let all = alerts(&house);
        let count = all.iter().filter(|alert| alert.kind == AlertKind::BlockBegun).count();
        assert_eq!(count, begun.len(), "once: {all:?}");
        let over = |alert: &otpgate::pumping::Alert| {
            alert.kind == AlertKind::BlockLifted && forbidden.contains(&alert.node)
        };
        assert!(!all.iter().any(over), "nobody was told that it began: {all:?}");
    }
}

#[tokio::test]
async fn what_an_operator_extends_is_refused_by_name_and_shown() {
    let house = house(MemoryStore::default());
    let range = Target::Prefix("+99894".parse().unwrap());
    pump(&house, 0, 60).await;
    house.clock.advance(days(2));
    enter(&house, range, Effect::ExtendAutomaticBlock).await;
    let Sent::Refused(refusal) = house.try_send(&pumped(70), &client(70)).await else {
        panic!("it was not extended")
    };
    let RefusalReason::Pumping(words) = refusal.reason() else { panic!("{refusal:?}") };
    assert!(words.contains("entry 1") && words.contains("our staff"), "{words:?}");
    let shown = shown(&house).await;
    assert!(!shown.is_empty());
    assert!(shown.iter().all(|view| view.action == Action::Refuse), "{shown:?}");
    assert!(shown.iter().all(|view| view.entry == Some(1)), "{shown:?}");
    let refused = |kind: &EventKind| matches!(kind, EventKind::Refused { .. });
    assert!(house.log.count(refused) > 0);
}

/// The operator changes his mind: what he extended he can lift, by the same words and by wider ones.
#[tokio::test]
async fn a_lift_takes_away_what_was_extended_in_it() {
    let uz = Target::Country("UZ".parse().unwrap());
    let prefix = |digits: &str| Target::Prefix(digits.parse().unwrap());
    let narrow = prefix("+9989412");
    for (extended, lifted) in [
        (narrow, narrow),
        (narrow, prefix("+99894")),
        (narrow, uz),
        (narrow, Target::Everything),
        (uz, uz),
        (uz, prefix("+998")),
    ] {
        let house = house(MemoryStore::default());
        enter(&house, extended, Effect::ExtendAutomaticBlock).await;
        assert_eq!(request(&house, &pumped(1), 1).await, 'r', "{extended:?}");
        enter(&house, lifted, Effect::LiftAutomaticBlock).await;
        assert_eq!(request(&house, &pumped(1), 2).await, 's', "{extended:?}, {lifted:?}");
        let left = house.gate.controls().list().await.unwrap();
        assert!(left.iter().all(|entry| entry.effect() == Effect::LiftAutomaticBlock), "{left:?}");
        let told = house.log.count(|kind| match kind {
            EventKind::ControlsChanged { change, .. } => {
                change.starts_with("1: lifted: ExtendAutomaticBlock") && change.contains("entry 2")
            }
            _ => false,
        });
        assert_eq!(told, 1, "{:?}", house.log.events());
    }
}

/// A lift that would end nothing is not made: the entry around it refuses.
#[tokio::test]
async fn a_lift_inside_what_is_extended_names_the_entry_around_it() {
    let uz = Target::Country("UZ".parse().unwrap());
    let narrow = Target::Prefix("+9989412".parse().unwrap());
    for wide in [uz, Target::Everything, Target::Prefix("+99894".parse().unwrap())] {
        let house = house(MemoryStore::default());
        enter(&house, wide, Effect::ExtendAutomaticBlock).await;
        let (reason, actor) = (Reason::new("a customer").unwrap(), Actor::new("ada").unwrap());
        let controls = house.gate.controls();
        let lift = Effect::LiftAutomaticBlock;
        let error = controls.enter(narrow, lift, reason, actor.clone(), None).await.unwrap_err();
        assert!(error.to_string().contains("entry 1"), "{error}");
        assert_eq!(controls.list().await.unwrap().len(), 1);
        controls.lift(ControlId(1), &actor).await.unwrap();
        enter(&house, narrow, lift).await;
        assert_eq!(request(&house, &pumped(1), 1).await, 's', "{wide:?}");
    }
}

/// What ends, begins later or lies beside it is no business of a lift.
#[tokio::test]
async fn a_lift_leaves_the_extensions_beside_it() {
    let house = house(MemoryStore::default());
    let uz = Target::Country("UZ".parse().unwrap());
    for beside in ["+99893", "+37121"] {
        let beside = Target::Prefix(beside.parse().unwrap());
        enter(&house, beside, Effect::ExtendAutomaticBlock).await;
    }
    let (reason, actor) = (Reason::new("tonight").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    let (begins, ends) = (controls.now() + days(1), controls.now() + days(2));
    let later = Draft::new(uz, Effect::ExtendAutomaticBlock, reason, actor).unwrap();
    controls.enter_draft(later.since(begins).until(ends)).await.unwrap();
    enter(&house, Target::Prefix("+99894".parse().unwrap()), Effect::LiftAutomaticBlock).await;
    assert_eq!(controls.list().await.unwrap().len(), 4);
    assert_eq!(request(&house, "+998931234567", 1).await, 'r');
    house.clock.advance(days(1));
    assert_eq!(request(&house, &pumped(1), 2).await, 'r', "what was to begin tonight");
}
