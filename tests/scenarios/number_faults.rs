//! What a provider reported about a number: nobody pays twice to learn it, and nobody else learns it.

use std::sync::Arc;
use std::time::Duration;

use otpgate::access::{Actor, Reason};
use otpgate::policy::Mode;
use otpgate::testing::Reply;
use otpgate::transport::NumberFault;
use otpgate::{Cleared, Entry, EventKind, Policy, Purpose, RefusalReason, Sent, Verified};

use crate::support::{ALICE, BOB, House, client, hours, minutes, recipient, seconds, small};

const FAULTS: [NumberFault; 5] = [
    NumberFault::Invalid,
    NumberFault::NotMobile,
    NumberFault::Disconnected,
    NumberFault::OptedOut,
    NumberFault::Barred,
];

fn memory_of(policy: &Policy, fault: NumberFault) -> Duration {
    match fault {
        NumberFault::Invalid => policy.receipts.invalid,
        NumberFault::NotMobile => policy.receipts.not_mobile,
        NumberFault::Disconnected => policy.receipts.disconnected,
        NumberFault::OptedOut => policy.receipts.opted_out,
        NumberFault::Barred => policy.receipts.barred,
        other => panic!("{other:?}"),
    }
}

/// A number of which the provider has just reported `fault`.
async fn reported(house: &House, number: &str, fault: NumberFault) {
    house.outbox.reply(Reply::Reported(fault));
    let sent = house.try_send(number, &client(900)).await;
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::NumberRefused);
}

fn quiet(house: &House) -> Vec<Option<NumberFault>> {
    let events = house.log.events();
    let each = events.iter().filter_map(|event| match event.kind {
        EventKind::QuietlyRefused { reason: RefusalReason::NumberFault { fault } } => Some(fault),
        _ => None,
    });
    each.collect()
}

#[tokio::test]
async fn nobody_pays_twice_for_as_long_as_the_policy_says() {
    for fault in FAULTS {
        let store = Arc::new(small());
        let here = House::lab(Arc::clone(&store));
        let there = here.beside(|builder| builder.store(store));
        reported(&here, ALICE, fault).await;
        let span = memory_of(&Policy::default(), fault);
        for (wait, house) in
            [(seconds(1), &here), (span / 2, &there), (span / 2 - seconds(3), &here)]
        {
            here.clock.advance(wait);
            let before = here.outbox.handed_off();
            let sent = house.try_send(ALICE, &client(2)).await;
            assert!(matches!(sent, Sent::Issued(_)), "answered as if sent: {sent:?}");
            assert_eq!(here.outbox.handed_off(), before, "{fault:?} after {wait:?}");
        }
        assert_eq!(quiet(&here), [Some(fault); 3], "the operator hears why");
        here.clock.advance(hours(1));
        let _ = here.send_to(ALICE, &client(3)).await;
        assert_eq!(here.texts(), 1, "{fault:?}: the time is over");
        let told = |kind: &EventKind| *kind == EventKind::NumberFault { fault, remembered: span };
        assert_eq!(here.log.count(told), 1);
    }
}

/// Two faults of one number: the later end holds, and a repeated report does not add up.
#[tokio::test]
async fn reports_do_not_add_up() {
    let house = House::ruled(|policy| policy.receipts.opted_out = hours(2));
    // Three texts on their way at once, all refused.
    for _ in 0..3 {
        house.outbox.reply(Reply::Reported(NumberFault::OptedOut));
    }
    let clearances = [
        house.clearance_of(ALICE, &Purpose::SIGN_UP, &client(1)).await,
        house.clearance_of(ALICE, &Purpose::LOG_IN, &client(2)).await,
        house.clearance_of(ALICE, &Purpose::RESET, &client(3)).await,
    ];
    let sends = clearances.map(|clearance| {
        let gate = house.gate.clone();
        async move { gate.issue(clearance).await.map(drop) }
    });
    for sent in crate::support::race(sends.into_iter().collect()).await {
        sent.unwrap();
    }
    house.outbox.clear();
    house.clock.advance(hours(2) - seconds(1));
    let _ = house.send_to(ALICE, &client(4)).await;
    assert_eq!(house.texts(), 0);
    house.clock.advance(minutes(30));
    let _ = house.send_to(ALICE, &client(5)).await;
    assert_eq!(house.texts(), 1, "two hours, not six");
}

#[tokio::test]
async fn an_operator_forgets_it_with_reason_and_actor() {
    let house = House::lab(small());
    for fault in [NumberFault::OptedOut, NumberFault::Invalid] {
        reported(&house, ALICE, fault).await;
        house.clock.advance(hours(1));
        let _ = house.send_to(ALICE, &client(2)).await;
        let texts = house.texts();
        let (why, ada) = (Reason::new("texted START").unwrap(), Actor::new("ada").unwrap());
        house.gate.controls().forget_faults(&recipient(ALICE), &why, &ada).await.unwrap();
        house.clock.advance(hours(1));
        let _ = house.send_to(ALICE, &client(3)).await;
        assert_eq!(house.texts(), texts + 1, "{fault:?}");
        house.clock.advance(hours(1));
    }
    assert_eq!(quiet(&house), [Some(NumberFault::OptedOut), Some(NumberFault::Invalid)]);
    let told = |kind: &EventKind| {
        matches!(kind, EventKind::ControlsChanged { actor, change }
            if actor == "ada" && change.contains("texted START") && !change.contains("15112345678"))
    };
    assert_eq!(house.log.count(told), 2);
}

/// A code that is entered proves that texts arrive.
#[tokio::test]
async fn an_accepted_code_forgets_it() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    house.clock.advance(seconds(40));
    house.outbox.reply(Reply::Reported(NumberFault::Disconnected));
    let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    assert!(house.accepts(&grant, &code).await);
    house.clock.advance(hours(1));
    let _ = house.send(ALICE).await;
    assert_eq!(house.texts(), 2);
}

#[tokio::test]
async fn visible_where_refusals_are_and_passed_in_shadow_mode() {
    let opted_out = Some(NumberFault::OptedOut);
    for (reported, fault) in [(NumberFault::Barred, None), (NumberFault::OptedOut, opted_out)] {
        let house = House::ruled(|policy| policy.mode.quiet = false);
        self::reported(&house, ALICE, reported).await;
        let refusal = house.refused(ALICE, &client(2)).await;
        assert_eq!(*refusal.reason(), RefusalReason::NumberFault { fault });
        assert_eq!(refusal.public().status(), 403);
        // An opt-out is no fault that shadow mode may try out.
        for quiet in [true, false] {
            let house = House::ruled(|policy| {
                (policy.mode.general, policy.mode.quiet) = (Mode::Observe, quiet);
            });
            self::reported(&house, ALICE, reported).await;
            let sent = house.try_send(ALICE, &client(2)).await;
            let texts = usize::from(reported == NumberFault::Barred);
            assert_eq!(house.texts(), texts, "{reported:?}, quiet {quiet}");
            assert_eq!(matches!(sent, Sent::Issued(_)), quiet || texts == 1, "{sent:?}");
            let would = |kind: &EventKind| matches!(kind, EventKind::WouldRefuse { .. });
            assert_eq!(house.log.count(would), texts, "{reported:?}, quiet {quiet}");
        }
    }

    let house = House::ruled(|policy| policy.receipts.opted_out = Duration::ZERO);
    reported(&house, ALICE, NumberFault::OptedOut).await;
    let _ = house.send_to(ALICE, &client(2)).await;
    assert_eq!(house.texts(), 1, "nothing is remembered");
}

/// Everything that a client can see of a number, step by step: the same whether or not a fault of it is
/// remembered, in every state its limits can be in.
#[tokio::test]
async fn nobody_sees_of_which_number_a_fault_is_remembered() {
    for fault in [None, Some(NumberFault::OptedOut), Some(NumberFault::Invalid)] {
        let mut traces = Vec::new();
        for number in [ALICE, BOB] {
            let house = House::lab(small());
            match fault.filter(|_| number == ALICE) {
                Some(fault) => reported(&house, number, fault).await,
                // As much has happened here: another number was refused.
                None => reported(&house, "+4915222222222", NumberFault::Invalid).await,
            }
            house.clock.advance(minutes(2));
            traces.push((trace(&house, number).await, house.texts()));
        }
        let [(one, sent_one), (two, sent_two)] = &traces[..] else { panic!("two") };
        assert_eq!(one, two, "{fault:?}");
        assert!(*sent_two > 3);
        assert_eq!(*sent_one, if fault.is_some() { 0 } else { *sent_two });
        assert!(one.iter().any(|seen| seen.starts_with("refused")), "{one:?}");
    }
}

async fn trace(house: &House, number: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for step in 0..14_u32 {
        // The same client and others, at once and later, until the number's quota of the day is full.
        let who = if step % 3 == 0 { client(1) } else { client(10 + step) };
        let purpose = [Purpose::SIGN_UP, Purpose::LOG_IN][step as usize % 2].clone();
        let sent = match house.clear(number, &purpose, &who).await {
            Cleared::Passed(clearance) if step == 5 => house.gate.decoy(clearance).await.unwrap(),
            Cleared::Passed(clearance) => house.gate.issue(clearance).await.unwrap(),
            other => panic!("{other:?}"),
        };
        let grant = match sent {
            Sent::Issued(issued) => {
                seen.push(format!(
                    "sent {} {:?} {} {:?}",
                    issued.grant().as_str().len(),
                    issued.resend_after(),
                    issued.confirmed(),
                    issued.expires().since(otpgate::Clock::now(&house.clock)),
                ));
                issued.into_grant()
            }
            Sent::Refused(refusal) => {
                seen.push(format!(
                    "refused {:?} {:?}",
                    refusal.public().kind(),
                    refusal.retry_after()
                ));
                house.clock.advance(minutes(7));
                continue;
            }
            Sent::StepUp(step_up) => {
                seen.push(format!("asked {:?}", step_up.means()));
                continue;
            }
        };
        match house.gate.entry(&grant, &who).await.unwrap() {
            Entry::Open(view) => {
                seen.push(format!("open {} {:?}", view.attempts_left(), view.resend_after()));
            }
            Entry::Closed(_) => seen.push("closed".to_owned()),
        }
        let verified = house.gate.verify(&grant, "12345", &who).await.unwrap();
        seen.push(format!("accepted: {}", matches!(verified, Verified::Accepted(_))));
        if step % 2 == 0 {
            house.clock.advance(minutes(3));
        }
        match house.gate.resend(&grant, &who).await.unwrap() {
            Sent::Issued(again) => seen.push(format!("resent {:?}", again.resend_after())),
            Sent::Refused(no) => {
                seen.push(format!("refused {:?} {:?}", no.public().kind(), no.retry_after()))
            }
            Sent::StepUp(step_up) => seen.push(format!("asked {:?}", step_up.means())),
        }
        house.clock.advance(minutes(7));
    }
    seen
}
