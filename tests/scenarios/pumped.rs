//! A gate with its detector awake and no other limit in the way, and what drives it.

use otpgate::pumping::Alert;
use otpgate::{EventKind, Gate, GateBuilder, Policy, Purpose, RefusalReason, Sent, Store};

use crate::step_up::Turing;
use crate::support::{House, client, grown, quick, seconds, without_group_limits};

/// A policy whose limits on groups are out of the way: what stops is the detector.
pub(crate) fn open() -> Policy {
    let mut policy = without_group_limits(quick(Policy::default()));
    policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
    policy.attempts.spray_alarm = u64::MAX;
    // These tests count what is refused.
    policy.mode.quiet = false;
    policy
}

pub(crate) fn awake(builder: GateBuilder) -> GateBuilder {
    builder.policy(open()).tuning(grown()).human_check(Turing)
}

/// A house on `store` whose detector is awake.
pub(crate) fn house(store: impl Store) -> House {
    House::with(|builder| awake(builder.store(store)))
}

/// The `index`th number of a block of 10 000.
pub(crate) fn pumped(index: u64) -> String {
    format!("+998941{:06}", 230_000 + index % 10_000)
}

/// What became of a request, in one letter: sent, asked, or refused for pumping.
pub(crate) async fn request(house: &House, number: &str, who: u32) -> char {
    match house.try_send(number, &client(who)).await {
        Sent::Issued(_) => 's',
        Sent::StepUp(_) => 'a',
        Sent::Refused(refusal) => match refusal.reason() {
            RefusalReason::Pumping(_) => 'r',
            other => panic!("another limit: {other}"),
        },
    }
}

/// Requests for `count` numbers of one block, five seconds apart; nobody enters a code.
pub(crate) async fn pump(house: &House, from: u64, count: u64) -> String {
    let mut fates = String::new();
    for index in from..from + count {
        fates.push(request(house, &pumped(index), 1_000 + index as u32 * 3).await);
        house.clock.advance(seconds(5));
    }
    fates
}

/// A person elsewhere signs up, as people do.
pub(crate) async fn sign_up(house: &House, index: u64) {
    let who = client(500_000 + index as u32);
    // over all ranges of the operators, as customers are
    let number = crate::support::german(index * 7_919);
    let sent = house.try_send_for(&number, &Purpose::SIGN_UP, &who).await;
    let Sent::Issued(issued) = sent else { panic!("person {index} was held up: {sent:?}") };
    house.clock.advance(seconds(8));
    assert!(house.accepts_from(issued.grant(), &house.last_code(), &who).await);
}

/// What the detector has told so far.
pub(crate) fn alerts(house: &House) -> Vec<Alert> {
    let events = house.log.events();
    events
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Pumping { alert } => Some(alert),
            _ => None,
        })
        .collect()
}

/// What the detector of `gate` asks or refuses, by name.
pub(crate) async fn blocks(gate: &Gate) -> Vec<String> {
    let snapshot = gate.snapshot().await.unwrap();
    snapshot.blocks.iter().map(|view| view.node.to_string()).collect()
}
