//! What passed a human check passes once: at whatever gates, in whatever realms, however the calls fall.

use std::sync::Arc;

use async_trait::async_trait;
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanVerdict,
};
use otpgate::testing::Counting;
use otpgate::{
    Cleared, ClientContext, EventKind, Gate, GateBuilder, Policy, PublicRefusalKind, Purpose,
    Realm, RefusalReason, Sent,
};

use crate::support::{
    ALICE, House, client, german, minutes, quick, race, recipient, slow_stores, small,
};

/// A service that forgets what it has passed, as one does for a while between its own machines: the
/// same response passes as often as it is asked. A word after a dot is what the page may add to it.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl HumanCheck for Forgetful {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        // The answer of a service takes a while, and the gate waits for it.
        otpgate::testing::pauses(3).await;
        let name = request.response.expose_response().split('.').next().unwrap_or_default();
        Ok(HumanVerdict::Passed(HumanPass::named(name.as_bytes())))
    }
}

fn always(builder: GateBuilder) -> GateBuilder {
    let mut policy = quick(Policy::default());
    policy.token.human_check_always = true;
    builder.policy(policy).human_check(Forgetful)
}

/// The page and the form of somebody who brings `response`; whether a text went out.
async fn sends(gate: &Gate, number: &str, who: &ClientContext, response: &str) -> bool {
    let who = who.clone().human_response(response);
    let ticket = gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
    let proof = ticket.answer(number).unwrap();
    let cleared = gate.clear(&proof, &recipient(number), &Purpose::SIGN_UP, &who).await.unwrap();
    let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
    match gate.issue(clearance).await.unwrap() {
        Sent::Issued(_) => true,
        Sent::Refused(refusal) => {
            assert!(matches!(refusal.reason(), RefusalReason::HumanCheckFailed), "{refusal:?}");
            // As if the token were spent: the page learns nothing of the response.
            assert_eq!(refusal.public().kind(), PublicRefusalKind::ReloadPage);
            false
        }
        Sent::StepUp(step_up) => panic!("{step_up:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_parallel_uses_of_one_response_at_two_gates_one_sends() {
    for seed in 0..6 {
        for (name, store) in slow_stores(seed) {
            let store = Arc::new(store);
            let here = House::lab_with(|builder| always(builder.store(Arc::clone(&store))));
            let there = here.beside(|builder| always(builder.store(Arc::clone(&store))));
            let uses = (0..32_u32).map(|index| {
                let gate = if index % 2 == 0 { here.gate.clone() } else { there.gate.clone() };
                // A number and a client each, and a page's own addition to the response.
                let (number, who) = (german(index.into()), client(1_000 + index));
                async move { sends(&gate, &number, &who, &format!("solved.{index}")).await }
            });
            let sent = race(uses.collect()).await;
            assert_eq!(sent.into_iter().filter(|sent| *sent).count(), 1, "{name}, {seed}");
            assert_eq!(here.texts(), 1, "{name}, {seed}");
            let failure = HumanFailure::Spent;
            assert_eq!(here.log.count(|kind| *kind == EventKind::HumanCheckFailed { failure }), 31);
        }
    }
}

#[tokio::test]
async fn a_response_of_one_tenant_is_spent_at_all() {
    let house = House::lab_with(always);
    let other = house.gate.in_realm(&Realm::new("tenant-8").unwrap());
    assert!(sends(&house.gate, ALICE, &client(1), "solved").await);
    assert!(!sends(&other, ALICE, &client(1), "solved").await);
    assert!(sends(&other, ALICE, &client(1), "another").await);
}

#[tokio::test]
async fn it_is_remembered_as_long_as_the_contract_says() {
    let house = House::lab_with(always);
    assert!(sends(&house.gate, &german(1), &client(1), "solved").await);
    house.clock.advance(HumanPass::LIFE - minutes(1));
    assert!(!sends(&house.gate, &german(2), &client(2), "solved").await);
}

/// What is refused has sent nothing, so the visitor need not solve another puzzle for it.
#[tokio::test]
async fn a_refused_text_leaves_the_response_good() {
    let house = House::lab_with(always);
    assert!(sends(&house.gate, ALICE, &client(1), "first").await);
    let who = client(1).human_response("second");
    let refused = house.try_send(ALICE, &who).await; // within the interval
    assert!(matches!(refused, Sent::Refused(_)), "{refused:?}");
    house.clock.advance(minutes(2));
    assert!(sends(&house.gate, ALICE, &client(1), "second").await);
    house.clock.advance(minutes(20));
    assert!(!sends(&house.gate, ALICE, &client(1), "second").await);
}

/// One round trip, as without a check: the response is burned in the admission.
#[tokio::test]
async fn burning_costs_no_round_trip() {
    let (counting, calls) = Counting::new(small());
    let house = House::lab_with(|builder| always(builder.store(counting)));
    assert!(sends(&house.gate, &german(1), &client(1), "first").await);
    let before = calls.total();
    assert!(sends(&house.gate, &german(2), &client(2), "second").await);
    assert_eq!(calls.total() - before, 1);
}
