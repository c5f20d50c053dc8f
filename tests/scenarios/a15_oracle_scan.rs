//! A15: what an attacker learns from the answers: nothing.

use otpgate::access::{Actor, Reason};
use otpgate::otp::{Binding, CodeFormat, TestCode};
use otpgate::testing::{Calls, Counting, SeededEntropy};
use otpgate::{
    ClientContext, Clock, Entry, EntryGrant, LimitName, Purpose, RefusalReason, RejectionCause,
    Sent, TestNumber, Verified,
};

use crate::support::{ALICE, BOB, House, client, minutes, off_by, recipient, seconds, small};

fn counted() -> (House, Calls) {
    let (store, calls) = Counting::new(small());
    (House::lab(store), calls)
}

struct Answer {
    cause: RejectionCause,
    shown: String,
    trips: u64,
}

/// All that the client gets of one verification, as bytes.
async fn ask(
    (house, calls): &(House, Calls),
    grant: &EntryGrant,
    code: &str,
    binding: &Binding,
    who: &ClientContext,
) -> Answer {
    calls.reset();
    let verified = house.gate.verify_bound(grant, code, binding, who).await.unwrap();
    let Verified::Rejected(rejection) = verified else { panic!("accepted") };
    Answer {
        cause: house.log.last_cause().unwrap(),
        shown: format!("{rejection} {rejection:?}"),
        trips: calls.total(),
    }
}

#[tokio::test]
async fn every_rejection_looks_the_same_and_takes_the_same_round_trips() {
    let none = Binding::none();
    let mut answers = Vec::new();
    let lab = counted();
    let (house, _) = &lab;
    let me = client(1);

    // Wrong, malformed, then locked.
    let grant = house.send_to(ALICE, &me).await.into_grant();
    let code = house.last_code();
    answers.push(ask(&lab, &grant, &off_by(&code, 1), &none, &me).await);
    answers.push(ask(&lab, &grant, "12x456", &none, &me).await);
    for guess in 2..5 {
        answers.push(ask(&lab, &grant, &off_by(&code, guess), &none, &me).await);
    }
    answers.push(ask(&lab, &grant, &code, &none, &me).await);

    // Used.
    let me = client(2);
    let grant = house.send_to(BOB, &me).await.into_grant();
    let code = house.last_code();
    assert!(house.accepts_from(&grant, &code, &me).await);
    answers.push(ask(&lab, &grant, &code, &none, &me).await);

    // Expired; another session; another transaction; forged; empty.
    let me = client(3);
    let grant = house.send_to("+447400123456", &me).await.into_grant();
    let code = house.last_code();
    answers.push(ask(&lab, &grant, &code, &none, &client(4)).await);
    let other = Binding::custom("order", b"4711").unwrap();
    answers.push(ask(&lab, &grant, &code, &other, &me).await);
    house.clock.advance(minutes(6));
    answers.push(ask(&lab, &grant, &code, &none, &me).await);
    house.clock.advance(minutes(20));
    answers.push(ask(&lab, &grant, &code, &none, &me).await);
    for text in ["", "forged", &"A".repeat(300)] {
        let forged = EntryGrant::from_client(text);
        answers.push(ask(&lab, &forged, &code, &none, &client(5)).await);
    }

    // No such verification: a store that has lost it.
    let lost = counted();
    let elsewhere = House::lab(small());
    let me = client(6);
    let grant = elsewhere.send_to(ALICE, &me).await.into_grant();
    answers.push(ask(&lost, &grant, "123456", &none, &me).await);

    // Limits: of garbage from one address, and of the number's lane.
    let me = client(7);
    for _ in 0..61 {
        answers.push(ask(&lab, &EntryGrant::from_client("x"), "123456", &none, &me).await);
    }
    let tired = counted();
    let mut last = None;
    for round in 0..3 {
        let who = client(20 + round);
        if let Sent::Issued(issued) = tired.0.try_send(ALICE, &who).await {
            for guess in 1..6 {
                let wrong = off_by(&tired.0.last_code(), guess);
                last = Some(ask(&tired, issued.grant(), &wrong, &none, &who).await);
            }
        }
        tired.0.clock.advance(minutes(3));
    }
    answers.extend(last);

    // A number with a fixed code: that it has one is worth guessing.
    let tested = counted();
    let test = TestNumber::new(
        recipient(ALICE),
        TestCode::new("482915", &CodeFormat::default()).unwrap(),
        tested.0.clock.now() + minutes(600),
    );
    let (why, ada) = (Reason::new("app review").unwrap(), Actor::new("ada").unwrap());
    tested.0.gate.controls().test_number(&test, why, ada).await.unwrap();
    let me = client(60);
    let grant = tested.0.send_to(ALICE, &me).await.into_grant();
    for wrong in ["482916", "12x456", ""] {
        answers.push(ask(&tested, &grant, wrong, &none, &me).await);
    }

    let causes: std::collections::HashSet<RejectionCause> =
        answers.iter().map(|answer| answer.cause).collect();
    for cause in [
        RejectionCause::Mismatch,
        RejectionCause::Malformed,
        RejectionCause::Locked,
        RejectionCause::Replay,
        RejectionCause::Expired,
        RejectionCause::BadGrant,
        RejectionCause::Unknown,
        RejectionCause::ClientLimit,
        RejectionCause::NumberLimit,
    ] {
        assert!(causes.contains(&cause), "{cause:?} was not produced: {causes:?}");
    }
    for answer in &answers {
        assert_eq!(answer.shown, answers[0].shown, "{:?}", answer.cause);
        assert_eq!(answer.trips, 1, "{:?}", answer.cause);
    }
}

/// All that a page can show of a send, apart from what is random.
async fn shown(house: &House, calls: &Calls, sent: Sent, who: &ClientContext) -> String {
    match sent {
        Sent::Issued(issued) => {
            let trips = calls.total();
            let entry = match house.gate.entry(issued.grant(), who).await.unwrap() {
                Entry::Open(view) => format!("{view:?}"),
                Entry::Closed(closed) => format!("{closed:?}"),
            };
            format!(
                "sent {} {:?} {:?} {} {} {entry} {trips}",
                issued.grant().as_str().len(),
                issued.expires(),
                issued.resend_after(),
                issued.confirmed(),
                issued.record().as_str().len(),
            )
        }
        Sent::StepUp(step_up) => format!("step up {:?}", step_up.means()),
        Sent::Refused(refusal) => {
            let public = refusal.public();
            format!("{public} {} {:?}", public.status(), refusal.retry_after())
        }
    }
}

/// A number with an account and one without: the same answers, the same round trips, at every step
/// of the way; only one of them gets texts.
#[tokio::test]
async fn a_decoy_cannot_be_told_from_a_send() {
    let mut stories = Vec::new();
    for decoy in [false, true] {
        let (house, calls) = counted();
        let me = client(1);
        let mut story = Vec::new();
        let clearance = house.clearance_of(ALICE, &Purpose::RESET, &me).await;
        calls.reset();
        let sent = if decoy {
            house.gate.decoy(clearance).await.unwrap()
        } else {
            house.gate.issue(clearance).await.unwrap()
        };
        let Sent::Issued(issued) = &sent else { panic!("{sent:?}") };
        let grant = issued.grant().clone();
        story.push(shown(&house, &calls, sent, &me).await);
        for guess in ["123456", "abc", "000000"] {
            calls.reset();
            let rejected = house.gate.verify(&grant, guess, &me).await.unwrap();
            story.push(format!("{rejected:?} {}", calls.total()));
        }
        calls.reset();
        let early = house.gate.resend(&grant, &me).await.unwrap();
        story.push(shown(&house, &calls, early, &me).await);
        house.clock.advance(seconds(31));
        calls.reset();
        let again = house.gate.resend(&grant, &me).await.unwrap();
        story.push(shown(&house, &calls, again, &me).await);
        // Another request for the same number meets the same limits.
        let clearance = house.clearance_of(ALICE, &Purpose::RESET, &client(2)).await;
        calls.reset();
        let sent = if decoy {
            house.gate.decoy(clearance).await.unwrap()
        } else {
            house.gate.issue(clearance).await.unwrap()
        };
        story.push(shown(&house, &calls, sent, &client(2)).await);
        for guess in ["111111", "222222", "333333"] {
            let rejected = house.gate.verify(&grant, guess, &me).await.unwrap();
            story.push(format!("{rejected:?}"));
        }
        house.clock.advance(minutes(3));
        let over = house.gate.resend(&grant, &me).await.unwrap();
        story.push(shown(&house, &calls, over, &me).await);
        assert_eq!(house.texts(), if decoy { 0 } else { 2 });
        stories.push(story);
    }
    let (real, decoy) = (&stories[0], &stories[1]);
    for (step, (real, decoy)) in real.iter().zip(decoy).enumerate() {
        assert_eq!(real, decoy, "step {step}");
    }
}

/// What the public view of a refusal tells apart are things to do, not reasons.
#[tokio::test]
async fn blocked_and_throttled_numbers_look_alike() {
    use otpgate::access::{Actor, Effect, Reason};
    let house = House::lab(small());
    let controls = house.gate.controls();
    let (reason, actor) = (Reason::new("test").unwrap(), Actor::new("ada").unwrap());
    let blocked = controls.number(&crate::support::recipient(BOB));
    controls.enter(blocked, Effect::Block, reason, actor, None).await.unwrap();
    let _ = house.send_to(ALICE, &client(1)).await;
    let throttled = house.refused(ALICE, &client(2)).await.public();
    let blocked = house.refused(BOB, &client(3)).await.public();
    assert_eq!(throttled.kind(), blocked.kind());
    assert_eq!(throttled.to_string(), blocked.to_string());
    assert_eq!(throttled.status(), blocked.status());
    assert_eq!(
        throttled.retry_after().is_some(),
        blocked.retry_after().is_some(),
        "a missing Retry-After tells a blocked number from a throttled one"
    );
}

/// The same wait for everybody whom one limit refuses would name the limit.
#[tokio::test]
async fn the_public_wait_differs_from_client_to_client() {
    let house = House::lab_with(|builder| builder.entropy(SeededEntropy::new(15)));
    let _ = house.send_to(ALICE, &client(1)).await;
    let mut shown = std::collections::BTreeSet::new();
    for index in 2..42 {
        let refusal = house.refused(ALICE, &client(index)).await;
        let interval = RefusalReason::Limit(LimitName::NumberInterval);
        assert_eq!((refusal.reason(), refusal.retry_after()), (&interval, Some(seconds(30))));
        shown.insert(refusal.public().retry_after().unwrap());
    }
    assert!(shown.len() > 1, "forty clients were shown {shown:?}");
}
