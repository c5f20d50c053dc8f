//! What the detector tells an operator: what began, what ended, and not the same thing twice.

use std::collections::BTreeSet;

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::pumping::AlertKind;
use otpgate::store::MemoryStore;
use otpgate::{ClientContext, ClientIp, Purpose};

use crate::pumped::{alerts, house, pump, sign_up};
use crate::support::{House, german, seconds};

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
