//! Proving more: the human check, and what its outage means.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use otpgate::human::{
    HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanPass, HumanRequest,
    HumanVerdict,
};
use otpgate::{
    Cleared, EventKind, GateErrorKind, LimitName, Purpose, RefusalReason, Sent, StepUpMeans,
};

use crate::support::{ALICE, BOB, House, client, minutes, quick};

/// Passes who says `yes`, is out of order for who says `down`.
#[derive(Debug)]
pub(crate) struct Turing;

/// Every `yes` stands for a response of its own.
fn another() -> HumanPass {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    HumanPass::named(&PASSED.fetch_add(1, Ordering::Relaxed).to_be_bytes())
}

#[async_trait]
impl HumanCheck for Turing {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        match request.response.expose_response() {
            "yes" => Ok(HumanVerdict::Passed(another())),
            "down" => Err(HumanCheckError::new(HumanCheckErrorKind::Unavailable)),
            "panic" => panic!("the check panicked"),
            _ => Ok(HumanVerdict::Failed(HumanFailure::NotHuman)),
        }
    }
}

fn guarded() -> House {
    House::lab_with(|builder| builder.human_check(Turing))
}

fn guarded_always() -> House {
    House::lab_with(|builder| {
        let mut policy = quick(otpgate::Policy::default());
        policy.token.human_check_always = true;
        builder.policy(policy).human_check(Turing)
    })
}

#[tokio::test]
async fn who_passes_gets_a_lane_of_his_own() {
    let house = guarded();
    for round in 0..6 {
        let _ = house.insist(ALICE, &Purpose::SIGN_UP, &client(round)).await;
        house.clock.advance(minutes(9));
    }
    assert_eq!(house.texts(), 5, "the open lane's five an hour");
    let sent = house.try_send(ALICE, &client(50)).await;
    let Sent::StepUp(step_up) = sent else { panic!("{sent:?}") };
    assert_eq!(step_up.means(), StepUpMeans::Human);
    assert!(matches!(step_up.reason(), RefusalReason::Limit(LimitName::Number)));
    let ticket = step_up.ticket().as_str().to_owned();
    // Answering the new ticket without the check is not enough …
    let cleared = house.clear_with(&ticket, ALICE, &Purpose::SIGN_UP, &client(50)).await;
    let Cleared::StepUp(again) = cleared else { panic!("{cleared:?}") };
    assert_eq!(*again.reason(), RefusalReason::HumanCheckAsked, "nobody has failed");
    // … failing it neither …
    let liar = client(50).human_response("no");
    let cleared = house.clear_with(&ticket, ALICE, &Purpose::SIGN_UP, &liar).await;
    let Cleared::Refused(refusal) = cleared else { panic!("{cleared:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::HumanCheckFailed);
    // … and passing it is.
    let person = client(50).human_response("yes");
    let cleared = house.clear_with(&ticket, ALICE, &Purpose::SIGN_UP, &person).await;
    let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
    assert!(matches!(house.gate.issue(clearance).await.unwrap(), Sent::Issued(_)));
}

#[tokio::test]
async fn asked_of_everyone_it_is_asked_of_everyone() {
    let house = guarded_always();
    assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::StepUp(_)));
    let asked = |kind: &EventKind| {
        matches!(kind, EventKind::StepUpAsked { reason: RefusalReason::HumanCheckAsked })
    };
    assert_eq!(house.log.count(asked), 1, "an operator sees that everyone is asked");
    assert!(matches!(
        house.try_send(ALICE, &client(1).human_response("no")).await,
        Sent::Refused(_)
    ));
    assert!(matches!(
        house.try_send(ALICE, &client(1).human_response("yes")).await,
        Sent::Issued(_)
    ));
    for odd in ["", " ", "yes\n", "\u{2028}", &"y".repeat(9_000)] {
        let who = client(2).human_response(odd);
        assert!(matches!(house.try_send(BOB, &who).await, Sent::Refused(_)), "{odd:?}");
    }
}

#[tokio::test]
async fn a_check_that_is_down_or_panics_sends_nothing_and_blames_nobody() {
    let house = guarded_always();
    for (response, kind) in [("down", GateErrorKind::HumanCheck), ("panic", GateErrorKind::Panic)] {
        let who = client(1).human_response(response);
        let ticket = house.gate.preflight(&Purpose::SIGN_UP, &who).unwrap();
        let proof = ticket.answer(ALICE).unwrap();
        let number = crate::support::recipient(ALICE);
        let error = house.gate.clear(&proof, &number, &Purpose::SIGN_UP, &who).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    assert_eq!(house.outbox.handed_off(), 0);
    assert!(matches!(
        house.try_send(ALICE, &client(1).human_response("yes")).await,
        Sent::Issued(_)
    ));
}

/// The step-up ticket is as bound as the first one.
#[tokio::test]
async fn a_step_up_ticket_is_good_for_its_own_client_only() {
    let house = guarded_always();
    let Sent::StepUp(step_up) = house.try_send(ALICE, &client(1)).await else { panic!() };
    let thief = client(2).human_response("yes");
    let ticket = step_up.ticket().as_str();
    let cleared = house.clear_with(ticket, ALICE, &Purpose::SIGN_UP, &thief).await;
    assert!(matches!(cleared, Cleared::Refused(_)));
}
