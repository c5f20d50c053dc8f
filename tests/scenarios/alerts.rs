//! What the detector tells an operator: what began, what ended, and not the same thing twice.

use std::collections::BTreeSet;

use otpgate::pumping::AlertKind;
use otpgate::store::MemoryStore;

use crate::pumped::{alerts, house, pump, sign_up};
use crate::support::{House, seconds};

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
