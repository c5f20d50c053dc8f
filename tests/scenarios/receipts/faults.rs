//! What receipts tell of numbers, networks and the wishes of owners.

use otpgate::TestNumber;
use otpgate::access::{Actor, Reason};
use otpgate::otp::{CodeFormat, TestCode};
use otpgate::policy::Mode;

use super::*;
use crate::channels::called;
use crate::support::recipient;

fn opted_out(kind: &EventKind) -> bool {
    let fault = Some(NumberFault::OptedOut);
    *kind == EventKind::QuietlyRefused { reason: RefusalReason::NumberFault { fault } }
}

/// What a receipt reports about the number holds for the next text, once told.
#[tokio::test]
async fn a_fault_in_a_receipt_is_remembered() {
    let house = House::lab(small());
    let _ = house.send(ALICE).await;
    let line = format!("undelivered {} 1 fault=opted-out", key(&house));
    for _ in 0..3 {
        let _ = one(&house, &line).await;
    }
    let told = |kind: &EventKind| {
        matches!(kind, EventKind::NumberFault { fault: NumberFault::OptedOut, .. })
    };
    assert_eq!(house.log.count(told), 1);
    house.clock.advance(hours(23));
    let _ = house.send_to(ALICE, &client(2)).await;
    assert_eq!(house.texts(), 1, "answered as if sent");
    // A repetition does not make it longer.
    let _ = one(&house, &line).await;
    house.clock.advance(hours(2));
    let _ = house.send_to(ALICE, &client(3)).await;
    assert_eq!(house.texts(), 2);
}

/// A carrier that loses the texts of customers is told as such, and nobody is refused for it.
#[tokio::test]
async fn a_carrier_outage_is_told_and_refuses_nobody() {
    let told = |kind: &EventKind| matches!(kind, EventKind::Pumping { alert } if alert.kind == AlertKind::CarrierOutage);
    for (word, alarmed) in [("delivered", false), ("undelivered", true)] {
        let house = House::with(|builder| builder.store(small()));
        // Customers in blocks of their own, whose texts arrive, and who come back a day later.
        for index in 0..12_u64 {
            drop(house.prove(&german(index * 10), &client(index as u32)).await);
            let _ = one(&house, &format!("delivered {} {}", key(&house), 100 + index)).await;
        }
        house.clock.advance(hours(26));
        for index in 0..12_u64 {
            let sent = house.try_send(&german(index * 10), &client(index as u32)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{index}: {sent:?}");
            let line = format!("{word} {} {index}", key(&house));
            assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
            house.clock.advance(seconds(20));
        }
        assert_eq!(house.log.count(told) > 0, alarmed, "{word}");
        for index in 20..40_u64 {
            // Harder work may be asked of a realm without history's tenth newcomer who does not verify.
            let (number, who) = (german(index * 10), client(index as u32));
            let sent = house.insist(&number, &Purpose::SIGN_UP, &who).await;
            assert!(matches!(sent, Sent::Issued(_)), "{word} {index}: {sent:?}");
            house.clock.advance(seconds(20));
        }
    }
}

/// Where one network of a country loses its texts and the others do not, the alarm names it.
#[tokio::test]
async fn a_carrier_outage_is_told_by_its_network_where_receipts_name_networks() {
    let alarms = |house: &House| -> Vec<String> {
        let events = house.log.events();
        let each = events.iter().filter_map(|event| match &event.kind {
            EventKind::Pumping { alert } if alert.kind == AlertKind::CarrierOutage => {
                Some(alert.network.map_or("all".to_owned(), |network| network.to_string()))
            }
            _ => None,
        });
        each.collect()
    };
    // What becomes of the texts of the two networks, and whom the alarm names.
    for (one, other, named) in [
        ("delivered", "delivered", None),
        ("undelivered", "delivered", Some("262-01")),
        ("delivered", "undelivered", Some("262-02")),
        ("undelivered", "undelivered", Some("all")),
    ] {
        let house = House::with(|builder| builder.store(small()));
        for index in 0..16_u64 {
            drop(house.prove(&german(index * 10), &client(index as u32)).await);
            let _ = self::one(&house, &format!("delivered {} {}", key(&house), 100 + index)).await;
        }
        house.clock.advance(hours(26));
        for index in 0..16_u64 {
            let sent = house.try_send(&german(index * 10), &client(index as u32)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{index}: {sent:?}");
            let (word, code) = if index % 2 == 0 { (one, "26201") } else { (other, "26202") };
            let line = format!("{word} {} {index} network={code}", key(&house));
            assert_eq!(self::one(&house, &line).await, ReceiptOutcome::Applied);
            house.clock.advance(seconds(20));
        }
        assert_eq!(alarms(&house), Vec::from_iter(named), "{one} {other}");
    }
}

/// What the owner of a number texts: `STOP` holds for as long as the policy says, as if the provider had
/// reported it for a text, and `START` ends it at once, on every gate of the deployment.
#[tokio::test]
async fn an_opt_out_holds_for_its_time_and_an_opt_in_ends_it() {
    let store = Arc::new(small());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(store));
    let texts = async |minute: u64, house: &House| {
        let before = here.texts();
        house.clock.advance(hours(1));
        let sent = house.try_send(ALICE, &client(100 + minute as u32)).await;
        assert!(matches!(sent, Sent::Issued(_)), "answered as ever: {sent:?}");
        here.texts() - before
    };
    assert_eq!(texts(0, &here).await, 1);
    assert_eq!(one(&here, &format!("STOP {ALICE} in1")).await, ReceiptOutcome::Applied);
    assert_eq!((texts(1, &here).await, texts(2, &there).await), (0, 0));
    assert_eq!(one(&there, &format!("START {ALICE} in2")).await, ReceiptOutcome::Applied);
    assert_eq!((texts(3, &here).await, texts(4, &there).await), (1, 1));
    // A webhook that is posted again changes nothing: neither of them is the last word any more.
    assert_eq!(one(&there, &format!("STOP {ALICE} in1")).await, ReceiptOutcome::Repeated);
    assert_eq!(texts(5, &here).await, 1);
    assert_eq!(one(&here, &format!("STOP {ALICE} in3")).await, ReceiptOutcome::Applied);
    assert_eq!(one(&here, &format!("START {ALICE} in2")).await, ReceiptOutcome::Repeated);
    assert_eq!(texts(6, &there).await, 0);
    here.clock.advance(hours(23));
    assert_eq!(texts(7, &here).await, 1, "a day is over");
    let fault = NumberFault::OptedOut;
    let out = |kind: &EventKind| *kind == EventKind::NumberFault { fault, remembered: hours(24) };
    let back = |kind: &EventKind| *kind == EventKind::OptedIn;
    assert_eq!((here.log.count(out), here.log.count(back)), (2, 1));
    let nobody = |event: &otpgate::Event| !format!("{event:?}").contains("15112345678");
    assert!(here.log.events().iter().all(nobody));
}

/// How many texts a request of an hour later brings to ALICE; the client is told the same either way.
async fn an_hour_later(house: &House, minute: u32) -> usize {
    let before = house.texts();
    house.clock.advance(hours(1));
    let sent = house.try_send(ALICE, &client(200 + minute)).await;
    assert!(matches!(sent, Sent::Issued(_)), "answered as ever: {sent:?}");
    house.texts() - before
}

/// The word of the number's owner stands, whoever enters a code: one that came before it, by text or by
/// a call, or a test number's. It is heeded in shadow mode too.
#[tokio::test]
async fn an_opt_out_outlives_an_accepted_code_and_shadow_mode() {
    for observed in [false, true] {
        let house = House::ruled(|policy| {
            if observed {
                policy.mode.general = Mode::Observe;
            }
        });
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        assert_eq!(one(&house, &format!("STOP {ALICE} in1")).await, ReceiptOutcome::Applied);
        assert!(house.accepts(&grant, &code).await);
        assert_eq!(an_hour_later(&house, 1).await, 0, "observed: {observed}");
        assert_eq!(house.log.count(opted_out), 1, "the operator hears why");
        assert_eq!(one(&house, &format!("START {ALICE} in2")).await, ReceiptOutcome::Applied);
        assert_eq!(an_hour_later(&house, 2).await, 1, "observed: {observed}");
        assert_eq!(one(&house, &format!("STOP {ALICE} in3")).await, ReceiptOutcome::Applied);
        assert_eq!(an_hour_later(&house, 3).await, 0, "observed: {observed}");
        house.clock.advance(hours(22));
        assert_eq!(an_hour_later(&house, 4).await, 1, "observed: {observed}: a day is over");
    }
}

/// A quiet answer in shadow mode refuses nothing else: what the client is over is counted, and waved.
#[tokio::test]
async fn an_opt_out_in_shadow_mode_shows_in_no_answer() {
    let mut answers = Vec::new();
    for opted_out in [false, true] {
        let house = House::ruled(|policy| policy.mode.general = Mode::Observe);
        let number = if opted_out { ALICE } else { BOB };
        assert_eq!(one(&house, &format!("STOP {number} in1")).await, ReceiptOutcome::Applied);
        let mut seen = Vec::new();
        for index in 0..8 {
            let sent = house.try_send(ALICE, &client(index % 2)).await;
            let Sent::Issued(issued) = sent else { panic!("{opted_out}: {sent:?}") };
            seen.push((issued.resend_after(), issued.confirmed(), issued.may_be_withheld()));
        }
        assert_eq!(house.texts(), if opted_out { 0 } else { 8 });
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn an_opt_out_outlives_a_code_that_was_spoken() {
    let called = called(|_| {});
    let house = &called.house;
    let grant = house.send(ALICE).await.into_grant();
    assert_eq!(one(house, &format!("STOP {ALICE} in1")).await, ReceiptOutcome::Applied);
    house.clock.advance(seconds(60));
    let _ = called.call(&grant).await;
    assert!(house.accepts(&grant, &called.spoken()).await);
    assert_eq!(an_hour_later(house, 1).await, 0);
    // What a code does prove wrong: that nothing reaches the number.
    assert_eq!(one(house, &format!("START {ALICE} in2")).await, ReceiptOutcome::Applied);
    house.clock.advance(hours(1));
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    house.clock.advance(seconds(40));
    house.outbox.reply(otpgate::testing::Reply::Reported(NumberFault::Disconnected));
    let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    assert!(house.accepts(&grant, &code).await);
    assert_eq!(an_hour_later(house, 2).await, 1);
}

/// It has an end of its own: a fault that holds for longer and is proved wrong takes nothing of it along,
/// and a second opt-out begins its time anew.
#[tokio::test]
async fn an_opt_out_holds_beside_a_longer_fault_that_a_code_proves_wrong() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    house.clock.advance(seconds(40));
    house.outbox.reply(otpgate::testing::Reply::Reported(NumberFault::Invalid));
    let _ = house.gate.resend(&grant, &house.client).await.unwrap();
    assert_eq!(one(&house, &format!("STOP {ALICE} in1")).await, ReceiptOutcome::Applied);
    assert!(house.accepts(&grant, &code).await);
    house.clock.advance(hours(12));
    assert_eq!(one(&house, &format!("STOP {ALICE} in2")).await, ReceiptOutcome::Applied);
    house.clock.advance(hours(22));
    assert_eq!(an_hour_later(&house, 1).await, 0, "24 hours after the second");
    assert_eq!(an_hour_later(&house, 2).await, 1);
}

#[tokio::test]
async fn an_opt_out_outlives_the_code_of_a_test_number() {
    let house = House::lab(small());
    let (why, ada) = (Reason::new("review").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    let code = TestCode::new("482915", &CodeFormat::default()).unwrap();
    let test = TestNumber::new(recipient(ALICE), code, controls.now() + hours(2));
    assert_eq!(one(&house, &format!("STOP {ALICE} in1")).await, ReceiptOutcome::Applied);
    let id = controls.test_number(&test, why, ada.clone()).await.unwrap();
    let grant = house.send(ALICE).await.into_grant();
    assert!(house.accepts(&grant, "482915").await);
    controls.lift(id, &ada).await.unwrap();
    assert_eq!(an_hour_later(&house, 1).await, 0);
}

/// Of a number in no plan nothing is kept; one realm's wish is not another's; and who opts in has proved
/// that the number is in service, whatever was reported.
#[tokio::test]
async fn a_wish_is_of_one_realm_and_of_a_number_that_can_be_one() {
    let house = House::lab(small());
    for odd in ["", "STOP", "whatsapp:+4915112345678", "+4", "+99999999999999999999"] {
        let outcome = one(&house, &format!("STOP {odd} in1")).await;
        assert_eq!(outcome, ReceiptOutcome::Unmatched, "{odd}");
    }
    let realm = Realm::new("tenant").unwrap();
    let headers = [("x-password", "hush")];
    let body = format!("STOP {ALICE} in1");
    let url = "https://hooks.example.com/sms";
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let taken = house.gate.in_realm(&realm).receipts(&Hook, &request).await.unwrap();
    assert_eq!(taken[0].outcome, ReceiptOutcome::Applied);
    let _ = house.send(ALICE).await;
    assert_eq!(house.texts(), 1, "the tenant's owner opted out of the tenant's texts");
    house.outbox.reply(otpgate::testing::Reply::Reported(NumberFault::Disconnected));
    let _ = house.refused(BOB, &client(2)).await;
    assert_eq!(one(&house, &format!("START {BOB} in2")).await, ReceiptOutcome::Applied);
    house.clock.advance(hours(1));
    let _ = house.send_to(BOB, &client(3)).await;
    assert_eq!(house.texts(), 2);
}

/// Tenants that send from one number: the host hands each webhook to all of them. A wish then holds for
/// all, each on its own, and a delivery receipt, which finds its realm by itself, is applied once.
#[tokio::test]
async fn a_wish_that_every_realm_is_told_holds_in_every_realm() {
    let house = House::lab(small());
    let tenants = ["default", "acme", "bolt"].map(|name| {
        let gate = house.gate.in_realm(&Realm::new(name).unwrap());
        let (clock, outbox) = (house.clock.clone(), house.outbox.clone());
        let (carrier, log) = (house.carrier.clone(), house.log.clone());
        House { gate, clock, outbox, carrier, log, client: client(9) }
    });
    let told = async |line: &str| {
        let mut outcomes = Vec::new();
        for tenant in &tenants {
            outcomes.push(one(tenant, line).await);
        }
        outcomes
    };
    let texts = async |hour: u32| {
        let before = house.texts();
        for (index, tenant) in (0..).zip(&tenants) {
            let sent = tenant.try_send(ALICE, &client(100 + 10 * hour + index)).await;
            assert!(matches!(sent, Sent::Issued(_)), "answered as ever: {sent:?}");
        }
        house.clock.advance(hours(1));
        house.texts() - before
    };
    let (applied, repeated) = (ReceiptOutcome::Applied, ReceiptOutcome::Repeated);
    assert_eq!(texts(0).await, 3);
    let delivered = format!("delivered {} 1", key(&house));
    assert_eq!(told(&delivered).await, [applied, repeated, repeated]);
    assert_eq!(told(&format!("STOP {ALICE} in1")).await, [applied; 3]);
    assert_eq!(texts(1).await, 0);
    assert_eq!(told(&format!("STOP {ALICE} in1")).await, [repeated; 3], "the provider's repeat");
    assert_eq!(told(&format!("START {ALICE} in2")).await, [applied; 3]);
    assert_eq!(texts(2).await, 3);
}

/// Many gates get the same webhooks again and again with every latency in between: the last word of the
/// owner holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wishes_that_race_with_their_repeats_are_taken_once() {
    for seed in 0..8 {
        let store = Arc::new(Latency::new(memory(), 3, seed));
        let here = House::lab(Arc::clone(&store));
        let there = Arc::new(here.beside(|builder| builder.store(store)));
        let here = Arc::new(here);
        for (round, (word, texts)) in
            [("STOP", 0), ("START", 1), ("STOP", 0)].into_iter().enumerate()
        {
            let lines = (0..6).map(|copy| {
                let house = Arc::clone(if copy % 2 == 0 { &here } else { &there });
                let line = format!("{word} {ALICE} in{round}");
                async move { one(&house, &line).await }
            });
            let outcomes = race(lines.collect()).await;
            let applied = outcomes.iter().filter(|one| **one == ReceiptOutcome::Applied).count();
            assert_eq!(applied, 1, "seed {seed}, {word}: {outcomes:?}");
            for earlier in 0..round {
                let word = ["STOP", "START"][earlier % 2];
                let line = format!("{word} {ALICE} in{earlier}");
                assert_eq!(one(&there, &line).await, ReceiptOutcome::Repeated);
            }
            let before = here.texts();
            here.clock.advance(hours(1));
            let _ = here.try_send(ALICE, &client(round as u32)).await;
            assert_eq!(here.texts() - before, texts, "seed {seed}, after {word} {round}");
        }
    }
}
