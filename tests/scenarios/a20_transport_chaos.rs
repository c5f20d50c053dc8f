//! A20: a carrier that refuses, loses, panics, hangs and delivers twice.

use std::collections::BTreeMap;

use otpgate::testing::Reply;
use otpgate::{GateErrorKind, Money, Purpose, RefusalReason, Sent};

use crate::support::{ALICE, BOB, Dice, House, client, german, hours, minutes, seconds, small};

async fn spent(house: &House) -> Money {
    house.gate.snapshot().await.unwrap().spent
}

/// What a hand-off came to, as the host sees it.
#[derive(PartialEq, Eq, Debug)]
enum Seen {
    Sent { confirmed: bool },
    Refused,
    Outage(GateErrorKind),
}

async fn hand_off(house: &House, number: &str) -> Seen {
    let clearance = house.clearance_of(number, &Purpose::SIGN_UP, &house.client).await;
    match house.gate.issue(clearance).await {
        Ok(Sent::Issued(issued)) => Seen::Sent { confirmed: issued.confirmed() },
        Ok(Sent::Refused(refusal)) => {
            assert!(matches!(refusal.reason(), RefusalReason::NumberRefused), "{refusal:?}");
            Seen::Refused
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Seen::Outage(error.kind()),
    }
}

#[tokio::test]
async fn only_what_provably_did_not_go_out_is_given_back() {
    for (reply, seen, kept) in [
        (Reply::Accept, Seen::Sent { confirmed: true }, true),
        (Reply::AcceptTwice, Seen::Sent { confirmed: true }, true),
        (Reply::LostAnswer, Seen::Sent { confirmed: false }, true),
        (Reply::LostText, Seen::Sent { confirmed: false }, true),
        (Reply::Panic, Seen::Sent { confirmed: false }, true),
        (Reply::NotSent, Seen::Outage(GateErrorKind::HandOff), false),
        (Reply::Refused, Seen::Refused, false),
    ] {
        let house = House::lab(small());
        house.outbox.reply(reply);
        assert_eq!(hand_off(&house, ALICE).await, seen, "{reply:?}");
        assert_eq!(spent(&house).await != Money::ZERO, kept, "{reply:?}");
        // The interval stands exactly where the money does.
        let again = house.try_send(ALICE, &client(2)).await;
        assert_eq!(matches!(again, Sent::Refused(_)), kept, "{reply:?}");
        assert_eq!(house.outbox.handed_off(), if kept { 1 } else { 2 }, "{reply:?}");
    }
}

#[tokio::test]
async fn the_code_of_a_text_that_may_have_gone_out_is_good() {
    for reply in [Reply::LostAnswer, Reply::AcceptTwice] {
        let house = House::lab(small());
        house.outbox.reply(reply);
        let issued = house.send(ALICE).await;
        assert!(house.accepts(issued.grant(), &house.last_code()).await, "{reply:?}");
        assert!(!house.accepts(issued.grant(), &house.last_code()).await, "{reply:?}");
    }
}

#[tokio::test]
async fn a_resend_that_did_not_go_out_leaves_the_first_code_good() {
    for reply in [Reply::NotSent, Reply::Refused] {
        let house = House::lab(small());
        let grant = house.send(ALICE).await.into_grant();
        let code = house.last_code();
        house.clock.advance(seconds(30));
        house.outbox.reply(reply);
        let _ = house.gate.resend(&grant, &house.client).await;
        assert_eq!(house.texts(), 1);
        let lost = house.outbox.sent()[1].code().unwrap();
        if lost != code {
            assert!(!house.accepts(&grant, &lost).await, "{reply:?}: the code of no text");
        }
        assert!(house.accepts(&grant, &code).await, "{reply:?}");
    }
}

/// Or probing for numbers that exist would be free.
#[tokio::test]
async fn refused_numbers_are_charged_to_who_asked() {
    let house = House::lab(small());
    house.outbox.always(Reply::Refused);
    let mut probes = 0;
    for index in 0..40 {
        if let Sent::Refused(refusal) = house.try_send(&german(index), &house.client).await
            && matches!(refusal.reason(), RefusalReason::NumberRefused)
        {
            probes += 1;
        }
    }
    assert_eq!(probes, 10, "the session's ten an hour");
    assert_eq!(spent(&house).await, Money::ZERO);
}

#[tokio::test]
async fn a_hand_off_that_hangs_is_dropped_with_its_request_and_stays_spent() {
    for (reply, texts) in [(Reply::Hang, 0), (Reply::HangAfterSending, 1)] {
        let house = House::lab(small());
        house.outbox.reply(reply);
        let clearance = house.clearance(ALICE).await;
        let gate = house.gate.clone();
        let sending = tokio::spawn(async move { gate.issue(clearance).await.map(drop) });
        while house.outbox.handed_off() == 0 {
            tokio::task::yield_now().await;
        }
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        assert_eq!(house.texts(), texts);
        assert_ne!(spent(&house).await, Money::ZERO);
        assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)));
    }
}

/// Any mixture: what the gate counts as spent is never less than what the carrier may have sent, and
/// no reservation is handed off twice.
#[tokio::test]
async fn spend_is_never_below_what_went_out() {
    const REPLIES: [Reply; 7] = [
        Reply::Accept,
        Reply::AcceptTwice,
        Reply::NotSent,
        Reply::Refused,
        Reply::LostAnswer,
        Reply::LostText,
        Reply::Panic,
    ];
    for seed in 0..3 {
        let house = House::lab(small());
        let mut dice = Dice(seed);
        let mut price = None;
        let mut may_have_gone = 0_u64;
        for index in 0..120_u32 {
            let reply = REPLIES[dice.below(7) as usize];
            let before = house.outbox.handed_off();
            house.outbox.reply(reply);
            let clearance = match house
                .clear(&german(u64::from(index)), &Purpose::SIGN_UP, &client(index))
                .await
            {
                otpgate::Cleared::Passed(clearance) => clearance,
                other => panic!("{other:?}"),
            };
            let _ = house.gate.issue(clearance).await;
            if house.outbox.handed_off() == before {
                // Refused before the hand-off: the reply waits for the next one.
                house.outbox.clear();
                continue;
            }
            may_have_gone += u64::from(!matches!(reply, Reply::NotSent | Reply::Refused));
            let spent = spent(&house).await.as_microdollars();
            let price = *price.get_or_insert_with(|| {
                let cost = otpgate::pumping::PriceTable::builtin().of(*b"DE");
                u64::from(cost)
            });
            assert_eq!(spent, may_have_gone * price, "seed {seed}, text {index}, {reply:?}");
        }
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        for sent in house.outbox.sent() {
            *keys.entry(sent.idempotency_key().to_owned()).or_default() += 1;
        }
        assert!(keys.values().all(|times| *times == 1), "a reservation was handed off twice");
    }
}

/// Receipts inform; they never refill a limit (ASVS 2.3.3), so forging or repeating one gains nothing.
#[tokio::test]
async fn receipts_refund_nothing() {
    use otpgate::{DeliveryStatus, SendRecord};
    let house = House::lab(small());
    let issued = house.send(ALICE).await;
    let before = spent(&house).await;
    for _ in 0..20 {
        house.gate.receipt(issued.record(), DeliveryStatus::Undelivered).unwrap();
        house.gate.receipt(issued.record(), DeliveryStatus::Delivered).unwrap();
    }
    for forged in ["", "x", &"A".repeat(80), &format!("{}A", issued.record().as_str())] {
        let forged = SendRecord::from_text(forged);
        assert!(house.gate.receipt(&forged, DeliveryStatus::Undelivered).is_err());
    }
    assert_eq!(spent(&house).await, before);
    assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)));
    assert!(house.accepts(issued.grant(), &house.last_code()).await);
}

#[tokio::test]
async fn reports_and_receipts_of_another_realm_are_not_taken() {
    use otpgate::{DeliveryStatus, EventKind, Realm, ReportedOutcome};
    let house = House::lab(small());
    let proof = house.prove(BOB, &house.client).await;
    let other = house.gate.in_realm(&Realm::new("other").unwrap());
    assert!(other.report(proof.record(), ReportedOutcome::Worthless).is_err());
    assert!(other.receipt(proof.record(), DeliveryStatus::Delivered).is_err());
    house.clock.advance(hours(2) + minutes(1));
    house.gate.report(proof.record(), ReportedOutcome::Worthless).unwrap();
    house.gate.report(proof.record(), ReportedOutcome::Genuine).unwrap();
    let reported = |kind: &EventKind| matches!(kind, EventKind::Reported { .. });
    assert_eq!(house.log.count(reported), 2);
}
