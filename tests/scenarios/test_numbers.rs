//! Test numbers: a fixed code until a stated time, never a text, and nothing else given away.

use std::sync::Arc;

use otpgate::access::{Actor, BookError, ControlError, ControlId, Effect, Reason, Target};
use otpgate::otp::{Amount, Binding, CodeFormat, Payee, TestCode};
use otpgate::testing::ModelStore;
use otpgate::{
    ControlsError, EventKind, Gate, Money, Policy, Purpose, RefusalReason, RejectionCause, Sent,
    TestNumber, TestUse, Verified,
};

use crate::support::{
    ALICE, BOB, House, client, days, german, hours, minutes, quick, recipient, seconds, small,
};

const CODE: &str = "482915";

fn code() -> TestCode {
    TestCode::new(CODE, &CodeFormat::default()).unwrap()
}

fn ada() -> Actor {
    Actor::new("ada").unwrap()
}

async fn enter(gate: &Gate, test: TestNumber) -> Result<ControlId, ControlsError> {
    gate.controls().test_number(&test, Reason::new("app review 4711").unwrap(), ada()).await
}

fn test(house: &House, number: &str) -> TestNumber {
    TestNumber::new(recipient(number), code(), house.gate.controls().now() + days(7))
}

fn uses(house: &House, which: TestUse) -> usize {
    house.log.count(|kind| matches!(kind, EventKind::TestNumberUsed { step, .. } if *step == which))
}

#[tokio::test]
async fn it_is_opened_by_its_code_on_every_gate_and_never_gets_a_text() {
    let store = Arc::new(ModelStore::new());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(Arc::clone(&store)));
    let id = enter(&here.gate, test(&here, ALICE)).await.unwrap();
    for (house, from) in [(&there, client(1)), (&here, client(2))] {
        let grant = house.send_to(ALICE, &from).await.into_grant();
        assert!(!house.accepts_from(&grant, "482916", &from).await);
        let verified = house.gate.verify(&grant, CODE, &from).await.unwrap();
        let Verified::Accepted(verification) = verified else { panic!("{verified:?}") };
        assert_eq!((verification.test_number(), verification.amr()), (Some(id), "otp"));
        assert!(!verification.out_of_band(), "no text, nobody's telephone");
        let proof = verification.device_proof().expires().since(verification.at());
        assert_eq!(proof, hours(1), "no proof that outlives the test by months");
        assert!(!house.accepts_from(&grant, CODE, &from).await, "once");
        here.clock.advance(minutes(2));
    }
    assert_eq!(here.outbox.handed_off(), 0);
    let now = here.gate.snapshot().await.unwrap();
    assert_eq!(now.spent, Money::ZERO);
    let counts =
        [TestUse::Issued, TestUse::Accepted, TestUse::Rejected].map(|step| uses(&here, step));
    assert_eq!(counts, [2, 2, 4], "each use has an event");
    assert_eq!(here.log.accepted() + here.log.count(|k| matches!(k, EventKind::Sent { .. })), 0);
    // Who and why stand in the event, the code in none.
    let log = format!("{:?}", here.log.events());
    assert!(log.contains("app review 4711") && log.contains("ada") && !log.contains(CODE));
    let list = format!("{:?}", here.gate.controls().list().await.unwrap());
    assert!(list.contains("TestNumber") && !list.contains(CODE), "{list}");
    assert!(!format!("{store:?}").contains(CODE));
}

#[tokio::test]
async fn it_opens_no_other_number_and_no_other_purpose_than_its_own() {
    let house = House::lab(small());
    let only = test(&house, ALICE).for_purpose(Purpose::LOG_IN);
    enter(&house.gate, only).await.unwrap();
    let bobs = house.send_to(BOB, &client(1)).await.into_grant();
    assert!(!house.accepts_from(&bobs, CODE, &client(1)).await || house.last_code() == CODE);
    let signing_up = house.send_to(ALICE, &client(2)).await.into_grant();
    assert_eq!(house.texts(), 2, "another purpose is a text");
    assert!(!house.accepts_from(&signing_up, CODE, &client(2)).await || house.last_code() == CODE);
    let sent = house.try_send_for(ALICE, &Purpose::LOG_IN, &client(3)).await;
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    assert!(house.accepts_from(issued.grant(), CODE, &client(3)).await);
    assert_eq!(house.texts(), 2);
}

#[tokio::test]
async fn it_ends_by_itself_with_whatever_is_running() {
    let house = House::lab(small());
    let until = house.gate.controls().now() + hours(1);
    enter(&house.gate, TestNumber::new(recipient(ALICE), code(), until)).await.unwrap();
    house.clock.advance(hours(1) - minutes(1));
    let issued = house.send_to(ALICE, &client(1)).await;
    assert_eq!(issued.expires(), until, "a code of five minutes, cut to one");
    let grant = issued.into_grant();
    house.clock.advance(minutes(1));
    assert!(!house.accepts_from(&grant, CODE, &client(1)).await);
    let next = house.send_to(ALICE, &client(2)).await.into_grant();
    assert_eq!(house.texts(), 1, "a number like any other again");
    assert!(house.accepts_from(&next, &house.last_code(), &client(2)).await);
}

#[tokio::test]
async fn lifted_on_one_gate_it_opens_nothing_on_any() {
    let store = Arc::new(ModelStore::new());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(Arc::clone(&store)));
    let id = enter(&here.gate, test(&here, ALICE)).await.unwrap();
    let grant = there.send_to(ALICE, &client(1)).await.into_grant();
    here.gate.controls().lift(id, &ada()).await.unwrap();
    assert!(!there.accepts_from(&grant, CODE, &client(1)).await, "the running one too");
    here.clock.advance(seconds(31));
    // Nor does the grant live on as that of a text.
    let again = there.gate.resend(&grant, &client(1)).await.unwrap();
    let Sent::Refused(refusal) = again else { panic!("{again:?}") };
    assert!(matches!(refusal.reason(), RefusalReason::VerificationOver));
    let real = there.send_to(ALICE, &client(2)).await.into_grant();
    assert_eq!(here.texts(), 1);
    // And one that began with a text does not go on with the fixed code.
    enter(&here.gate, test(&here, ALICE)).await.unwrap();
    here.clock.advance(minutes(2));
    let mixed = there.gate.resend(&real, &client(2)).await.unwrap();
    assert!(matches!(mixed, Sent::Refused(_)), "{mixed:?}");
    assert!(there.accepts_from(&real, &here.last_code(), &client(2)).await, "the text's own code");
}

#[tokio::test]
async fn guesses_at_it_count_as_at_any_code() {
    let house = House::lab(small());
    enter(&house.gate, test(&house, ALICE)).await.unwrap();
    let grant = house.send_to(ALICE, &client(1)).await.into_grant();
    for guess in 0..5 {
        assert!(!house.accepts_from(&grant, &format!("10000{guess}"), &client(1)).await);
    }
    assert!(!house.accepts_from(&grant, CODE, &client(1)).await, "five attempts, then locked");
    assert_eq!(house.log.last_cause(), Some(RejectionCause::Locked));
    // Over verifications: a fixed code gives no more guesses in a row than any other.
    for round in 2..30_u32 {
        house.clock.advance(hours(5));
        let Sent::Issued(issued) = house.try_send(ALICE, &client(round)).await else { continue };
        for guess in 0..5 {
            let typed = format!("2{round:04}{guess}");
            assert!(!house.accepts_from(issued.grant(), &typed, &client(round)).await);
        }
    }
    let compared = house.log.rejected(RejectionCause::Mismatch);
    assert!(compared <= 20, "{compared} guesses of a fixed code");
    assert!(house.log.rejected(RejectionCause::NumberLimit) > 0, "the lane is shut");
    assert_eq!(house.texts(), 0);
}

#[tokio::test]
async fn its_intervals_and_quotas_are_those_of_any_number() {
    let house = House::lab(small());
    enter(&house.gate, test(&house, ALICE)).await.unwrap();
    let first = house.try_send(ALICE, &client(1)).await;
    assert!(matches!(first, Sent::Issued(_)));
    let refusal = house.refused(ALICE, &client(2)).await;
    assert!(matches!(refusal.reason(), RefusalReason::Limit(_)), "{refusal:?}");
    // A block of operators stops it like any other.
    let block = house.gate.controls().number(&recipient(ALICE));
    let why = Reason::new("leaked").unwrap();
    house.gate.controls().enter(block, Effect::Block, why, ada(), None).await.unwrap();
    house.clock.advance(hours(1));
    let _blocked = house.refused(ALICE, &client(3)).await;
}

/// Whoever has the code of a leaked test number buys nothing with it elsewhere.
#[tokio::test]
async fn its_success_makes_no_customer_and_gives_no_network_anything_back() {
    let house = House::lab(small());
    let id = enter(&house.gate, test(&house, ALICE)).await.unwrap();
    let grant = house.send_to(ALICE, &client(1)).await.into_grant();
    assert!(house.accepts_from(&grant, CODE, &client(1)).await);
    house.gate.controls().lift(id, &ada()).await.unwrap();
    // After three days a number that had been verified would be known.
    house.clock.advance(days(4));
    let (why, target) = (Reason::new("attack").unwrap(), Target::Everything);
    let controls = house.gate.controls();
    controls.enter(target, Effect::KnownNumbersOnly, why, ada(), None).await.unwrap();
    let sent = house.try_send(ALICE, &client(2)).await;
    assert_eq!(house.texts(), 0, "not a known number: {sent:?}");

    let mut policy = quick(Policy::default());
    let unverified = policy.quotas.client_unverified.as_mut().unwrap();
    (unverified.soft, unverified.hard, unverified.drain) = (3, 3, hours(24));
    let house = House::lab_with(|builder| builder.policy(policy));
    enter(&house.gate, test(&house, ALICE)).await.unwrap();
    let from = client(1);
    let mut texts = 0;
    for round in 0..6_u64 {
        if let Sent::Issued(_) = house.try_send(&german(round), &from).await {
            texts += 1;
        }
        // Each success would take two of them out of the bucket.
        if let Sent::Issued(issued) = house.try_send(ALICE, &from).await {
            assert!(house.accepts_from(issued.grant(), CODE, &from).await);
        }
        house.clock.advance(seconds(31));
    }
    assert_eq!((house.texts(), texts), (3, 3), "the limit of unverified texts holds");
}

#[tokio::test]
async fn a_purpose_that_accepts_none_sends_a_text() {
    let store = small();
    let house = House::lab_with(|builder| {
        let mut policy = Policy::psd2();
        policy.code.bound = false;
        builder.store(store).purpose(Purpose::PAYMENT, quick(policy))
    });
    enter(&house.gate, test(&house, ALICE)).await.unwrap();
    let sent = house.try_send_for(ALICE, &Purpose::PAYMENT, &client(1)).await;
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    assert_eq!(house.texts(), 1);
    assert!(house.accepts_from(issued.grant(), &house.last_code(), &client(1)).await);
}

#[tokio::test]
async fn there_are_few_of_them_for_a_month_and_no_customers_among_them() {
    let house = House::lab(small());
    let now = house.gate.controls().now();
    let long = TestNumber::new(recipient(ALICE), code(), now + days(30) + seconds(1));
    assert!(matches!(
        enter(&house.gate, long).await,
        Err(ControlsError::Book(BookError::Control(ControlError::TestTooLong)))
    ));
    let past = TestNumber::new(recipient(ALICE), code(), now);
    assert!(enter(&house.gate, past).await.is_err());
    let eight = TestCode::new("48291537", &CodeFormat::digits(8).unwrap()).unwrap();
    let other = TestNumber::new(recipient(ALICE), eight, now + days(1));
    assert!(matches!(enter(&house.gate, other).await, Err(ControlsError::TestCode)));

    let _customer = house.prove(BOB, &client(1)).await;
    assert!(matches!(enter(&house.gate, test(&house, BOB)).await, Err(ControlsError::Verified)));
    assert!(enter(&house.gate, test(&house, BOB).although_verified()).await.is_ok());

    for index in 1..20 {
        enter(&house.gate, test(&house, &german(index))).await.unwrap();
    }
    assert!(matches!(
        enter(&house.gate, test(&house, ALICE)).await,
        Err(ControlsError::Book(BookError::TooManyTestNumbers { most: 20 }))
    ));
    // Those that are over make room by themselves.
    house.clock.advance(days(7));
    assert!(enter(&house.gate, test(&house, ALICE)).await.is_ok());
}

#[tokio::test]
async fn a_decoy_of_a_test_number_is_a_decoy() {
    let house = House::lab(small());
    enter(&house.gate, test(&house, ALICE)).await.unwrap();
    let clearance = house.clearance(ALICE).await;
    let sent = house.gate.decoy(clearance).await.unwrap();
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    assert!(!house.accepts(issued.grant(), CODE).await);
    assert_eq!((house.outbox.handed_off(), uses(&house, TestUse::Issued)), (0, 0));
}

/// Nor where the code is pasted with what a payment's text shows beside it.
#[tokio::test]
async fn a_lifted_one_opens_nothing_however_its_code_is_typed() {
    let store = Arc::new(ModelStore::new());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(Arc::clone(&store)));
    let id = enter(&here.gate, test(&here, ALICE)).await.unwrap();
    let paid = Amount::new("123456", "JPY").unwrap();
    let paid = Binding::transaction(paid, Payee::new("Haus & Grund").unwrap());
    let clearance = here.clearance_of(ALICE, &Purpose::PAYMENT, &client(1)).await;
    let sent = here.gate.issue(clearance.bind(paid.clone())).await.unwrap();
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    there.gate.controls().lift(id, &ada()).await.unwrap();
    let pasted = format!("JPY 123 456 {CODE}");
    let verified = here.gate.verify_bound(issued.grant(), &pasted, &paid, &client(1)).await;
    assert!(matches!(verified.unwrap(), Verified::Rejected(_)));
}
