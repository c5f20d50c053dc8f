//! Delivery receipts through the one call: applied once, never farmed, and money that is never below
//! what was spent, whatever comes first.

mod broken_off;
mod by_id;
mod faults;
mod overtaken;
mod price;

use std::sync::Arc;

use async_trait::async_trait;
use otpgate::pumping::{AlertKind, PriceTable};
use otpgate::store::MemoryStore;
use otpgate::testing::{Calls, Counting, Latency, Verb, pauses};
use otpgate::transport::{
    DeliveryFault, Handoff, HandoffError, NumberFault, OutboundSms, Price, Receipt, ReceiptError,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, Wish,
};
use otpgate::{
    ClientContext, EventKind, GateErrorKind, LimitName, Money, Policy, Purpose, RECEIPT_WINDOW,
    Realm, ReceiptOutcome, ReceiptsError, RefusalReason, Sent, SmsTransport, Timestamp,
};

use crate::support::{
    ALICE, BOB, Dice, House, client, german, hours, memory, quick, race, seconds, small,
};

/// A provider whose receipts are what the test says, in the body; the password in the header is its
/// signature.
#[derive(Debug)]
struct Hook;

impl ReceiptVerifier for Hook {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        if request.header("x-password") != Some("hush") {
            return Err(ReceiptError::new("hook", ReceiptErrorKind::Forged, "check the password"));
        }
        let text = std::str::from_utf8(request.body).unwrap();
        Ok(text.lines().map(read).collect())
    }
}

/// `state key id [price currency] [segments=n] [network=code] [signed=ms]`
fn read(line: &str) -> Receipt {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap();
    let (word, key, id) = (next(), next(), next());
    if let "STOP" | "START" = word {
        let wish = if word == "STOP" { Wish::OptOut } else { Wish::OptIn };
        return Receipt::wished("hook", id, wish, word, key);
    }
    let state = match word {
        "delivered" | "read" => ReceiptState::Delivered,
        "undelivered" => ReceiptState::Undelivered,
        _ => ReceiptState::Pending,
    };
    let mut receipt = Receipt::verified("hook", id, state, word);
    receipt = match key {
        "-" => receipt,
        "id" => receipt.found_by_id(),
        key => receipt.with_key(Some(key)),
    };
    if state == ReceiptState::Undelivered {
        receipt = receipt.failed("30003", DeliveryFault::Handset);
    }
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some(("fault", "opted-out")) => {
                receipt.fault = Some(DeliveryFault::Number(NumberFault::OptedOut));
            }
            Some(("segments", count)) => receipt = receipt.in_segments(count.parse().ok()),
            Some(("network", code)) => receipt = receipt.in_network(code.parse().ok()),
            Some(("signed", at)) => {
                receipt = receipt.signed_at(Timestamp::from_millis(at.parse().unwrap()));
            }
            _ => receipt = receipt.priced(Price::parse(word, words.next().unwrap())),
        }
    }
    receipt
}

async fn post(house: &House, lines: &str) -> Vec<ReceiptOutcome> {
    let headers = [("x-password", "hush")];
    let body = lines.as_bytes();
    let url = "https://hooks.example.com/sms";
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body };
    let taken = house.gate.receipts(&Hook, &request).await.unwrap();
    taken.iter().map(|taken| taken.outcome).collect()
}

pub(crate) async fn one(house: &House, line: &str) -> ReceiptOutcome {
    let [outcome] = post(house, line).await[..] else { panic!("not one receipt") };
    outcome
}

/// The key of the last text.
pub(crate) fn key(house: &House) -> String {
    house.outbox.sent().pop().unwrap().callback_key().to_owned()
}

async fn spent(house: &House) -> u64 {
    house.gate.snapshot().await.unwrap().spent.as_microdollars()
}

/// What a text to Germany costs here.
const PRICE: u64 = 100_000;

fn priced(change: impl FnOnce(&mut Policy)) -> House {
    priced_on(small(), change)
}

fn priced_on(store: impl otpgate::Store, change: impl FnOnce(&mut Policy)) -> House {
    let mut policy = quick(Policy::default());
    change(&mut policy);
    let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
    House::lab_with(|builder| builder.store(store).policy(policy).prices(prices))
}

fn receipts(house: &House) -> Vec<(bool, bool)> {
    let events = house.log.events();
    let each = events.iter().filter_map(|event| match event.kind {
        EventKind::Receipt { delivered, given_back, .. } => Some((delivered, given_back)),
        _ => None,
    });
    each.collect()
}

fn settled(house: &House) -> Vec<(u64, u64)> {
    let events = house.log.events();
    let each = events.iter().filter_map(|event| match event.kind {
        EventKind::Settled { reserved, price, .. } => {
            Some((reserved.as_microdollars(), price.as_microdollars()))
        }
        _ => None,
    });
    each.collect()
}

#[tokio::test]
async fn a_receipt_is_applied_once_on_every_gate_of_the_deployment() {
    let store = Arc::new(small());
    let here = House::lab(Arc::clone(&store));
    let there = here.beside(|builder| builder.store(store));
    let proof = proof().await;
    let _ = here.send_to(ALICE, &owner(1, &proof)).await;
    let line = format!("undelivered {} 1", key(&here));
    assert_eq!(one(&here, &line).await, ReceiptOutcome::Applied);
    assert_eq!(one(&there, &line).await, ReceiptOutcome::Repeated);
    assert_eq!(one(&here, &line).await, ReceiptOutcome::Repeated);
    assert_eq!(receipts(&here), [(false, true)], "both gates tell one log");
    // The interval is back, once: the next text goes out, and the one after it waits.
    assert!(matches!(there.try_send(ALICE, &owner(2, &proof)).await, Sent::Issued(_)));
    assert_eq!(one(&here, &line).await, ReceiptOutcome::Repeated);
    let refusal = here.refused(ALICE, &owner(3, &proof)).await;
    let interval = RefusalReason::Limit(LimitName::NumberInterval);
    assert_eq!(*refusal.reason(), interval);
}

#[tokio::test]
async fn a_forged_receipt_touches_nothing() {
    let (store, calls) = Counting::new(memory());
    let house = House::lab(store);
    let _ = house.send(ALICE).await;
    calls.reset();
    let body = format!("undelivered {} 1 0 USD", key(&house));
    let url = "https://hooks.example.com/sms";
    for headers in [&[][..], &[("x-password", "guess")], &[("x-password", "")]] {
        let request = ReceiptRequest { method: "POST", url, headers, body: body.as_bytes() };
        let error = house.gate.receipts(&Hook, &request).await.unwrap_err();
        assert_eq!(error.status(), 403);
    }
    assert_eq!(untouched(&calls), [0; 4]);
    // The provider hears a number, whoever watches the gate what to look at.
    let look = |kind: &EventKind| matches!(kind, EventKind::ReceiptRefused { error } if error.to_string().ends_with("check the password"));
    assert_eq!(house.log.count(look), 3);
    // A genuine request about another system's text on the same account, or a key that was altered.
    let mut other = key(&house);
    let in_its_place = if other.starts_with('A') { "B" } else { "A" };
    other.replace_range(..1, in_its_place);
    for key in ["-", "AQEBAQEBAQEBAQEBAQEBAQ", "x", "", &"A".repeat(87), &other] {
        let line = format!("undelivered {key} 1 0 USD");
        assert_eq!(one(&house, &line).await, ReceiptOutcome::Unmatched, "{key}");
    }
    let unmatched = |kind: &EventKind| matches!(kind, EventKind::ReceiptUnmatched { .. });
    assert_eq!((house.log.count(unmatched), receipts(&house)), (6, vec![]));
}

fn untouched(calls: &Calls) -> [u64; 4] {
    Verb::ALL.map(|verb| calls.of(verb))
}

#[tokio::test]
async fn age_is_bounded_on_both_sides() {
    let house = House::lab(small());
    let _ = house.send(ALICE).await;
    let now = otpgate::Clock::now(&house.clock).as_millis();
    let line = |at: u64| format!("delivered {} 1 signed={at}", key(&house));
    let headers = [("x-password", "hush")];
    let url = "https://hooks.example.com/sms";
    for (at, fits) in
        [(now - 300_001, false), (now + 300_001, false), (now - 300_000, true), (now, true)]
    {
        let line = line(at);
        let body = line.as_bytes();
        let request = ReceiptRequest { method: "POST", url, headers: &headers, body };
        match house.gate.receipts(&Hook, &request).await {
            Ok(_) => assert!(fits, "{at}"),
            Err(ReceiptsError::Receipt(error)) => {
                assert!(!fits, "{at}");
                assert_eq!(error.kind(), ReceiptErrorKind::Stale);
            }
            Err(other) => panic!("{other}"),
        }
    }
    // By the time of the send, where nothing is signed.
    let _ = house.send(BOB).await;
    let late = key(&house);
    house.clock.advance(RECEIPT_WINDOW - seconds(1));
    assert_eq!(one(&house, &format!("pending {late} 2")).await, ReceiptOutcome::Pending);
    house.clock.advance(seconds(1));
    let before = spent(&house).await;
    let line = format!("undelivered {late} 2 9 USD");
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Late);
    assert_eq!(spent(&house).await, before);
}

/// The client `number`, with a proof that it verified Alice's number on this device.
fn owner(number: u32, proof: &str) -> ClientContext {
    client(number).device_proof(proof)
}

/// A device proof of Alice's, made by another gate with the same keys.
async fn proof() -> String {
    let proved = House::lab(memory()).prove(ALICE, &client(900)).await;
    proved.device_proof().as_str().to_owned()
}

/// The reverse: what a receipt never gives back, and to whom it gives nothing.
#[tokio::test]
async fn an_undelivered_text_gives_the_owner_back_and_nobody_else() {
    let house = priced(|policy| policy.quotas.session = vec![otpgate::policy::Quota::hourly(1)]);
    let proof = proof().await;
    let _ = house.send(ALICE).await;
    let line = format!("undelivered {} 1", key(&house));
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    assert_eq!(spent(&house).await, PRICE, "most providers bill it");
    let refusal = house.refused(ALICE, &client(2)).await;
    let interval = RefusalReason::Limit(LimitName::NumberInterval);
    assert_eq!(*refusal.reason(), interval, "a stranger would know that a text went out");

    let _ = house.send_to(ALICE, &owner(3, &proof)).await;
    let refusal = house.refused(ALICE, &owner(4, &proof)).await;
    assert_eq!(*refusal.reason(), interval, "his lane's own");
    let line = format!("undelivered {} 2", key(&house));
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    let refusal = house.refused(ALICE, &owner(3, &proof)).await;
    assert_eq!(*refusal.reason(), RefusalReason::Limit(LimitName::Session), "who asked is charged");
    assert!(matches!(house.try_send(ALICE, &owner(4, &proof)).await, Sent::Issued(_)));
    assert_eq!(receipts(&house), [(false, false), (false, true)]);
}

/// Whoever has a carrier say "undelivered" gets the cap more, not an endless number of texts.
#[tokio::test]
async fn refunds_cannot_be_farmed() {
    let proof = proof().await;
    for refunds in [0, 2, 5] {
        let house = priced(|policy| policy.receipts.refunds = refunds);
        let mut sent = 0_u64;
        for step in 0..60 {
            if let Sent::Issued(_) = house.try_send(ALICE, &owner(step, &proof)).await {
                sent += 1;
                let line = format!("undelivered {} {step}", key(&house));
                assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
                assert_eq!(one(&house, &line).await, ReceiptOutcome::Repeated);
            }
            house.clock.advance(seconds(600));
        }
        let plain = priced(|_| {});
        let mut without = 0_u64;
        for step in 0..60 {
            let sent = plain.try_send(ALICE, &owner(step, &proof)).await;
            without += u64::from(matches!(sent, Sent::Issued(_)));
            plain.clock.advance(seconds(600));
        }
        assert!(without >= 8 && sent <= without + refunds, "{sent} of {without} and {refunds}");
        let back = receipts(&house).iter().filter(|(_, back)| *back).count();
        assert_eq!(back as u64, refunds.min(sent));
        assert_eq!(spent(&house).await, sent * PRICE, "each of them was paid for");
    }
}

#[tokio::test]
async fn the_first_final_word_holds() {
    let house = priced(|_| {});
    let _ = house.send(ALICE).await;
    let key = key(&house);
    assert_eq!(one(&house, &format!("pending {key} 1")).await, ReceiptOutcome::Pending);
    assert_eq!(one(&house, &format!("delivered {key} 1")).await, ReceiptOutcome::Applied);
    assert_eq!(one(&house, &format!("read {key} 1")).await, ReceiptOutcome::Repeated);
    assert_eq!(one(&house, &format!("undelivered {key} 1")).await, ReceiptOutcome::Repeated);
    assert_eq!(receipts(&house), [(true, false)]);
    assert!(matches!(house.try_send(ALICE, &client(2)).await, Sent::Refused(_)), "nothing is back");
}

#[tokio::test]
async fn a_receipt_finds_its_realm_and_purpose() {
    let house = House::lab(small());
    let tenant = House {
        gate: house.gate.in_realm(&Realm::new("tenant-7").unwrap()),
        clock: house.clock.clone(),
        outbox: house.outbox.clone(),
        carrier: house.carrier.clone(),
        log: house.log.clone(),
        client: client(9),
    };
    let sent = tenant.try_send_for(ALICE, &Purpose::LOG_IN, &client(9)).await;
    assert!(matches!(sent, Sent::Issued(_)));
    let line = format!("undelivered {} 1 0.02 USD", key(&house));
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied, "the other realm's gate got it");
    let events = house.log.events();
    let told = |event: &&otpgate::Event| matches!(event.kind, EventKind::Receipt { .. });
    let event = events.iter().find(told).unwrap();
    assert_eq!((&*event.realm, event.purpose.clone()), ("tenant-7", Some(Purpose::LOG_IN)));
    assert_eq!((spent(&tenant).await, spent(&house).await), (20_000, 0));
}
