//! Delivery receipts through the one call: applied once, never farmed, and money that is never below
//! what was spent, whatever comes first.

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
    let prices = PriceTable::builtin().with(*b"DE", PRICE as u32);
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
    // A genuine request about another system's text on the same account, or a key that was altered.
    let other = key(&house).replace(['A', 'B', 'C', 'D'], "E");
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

/// The budgets hold the real price: less, more, in another currency, or by segments.
#[tokio::test]
async fn the_reservation_is_settled_to_the_real_price() {
    for (said, real) in [
        ("0.04 USD", 40_000),
        ("0.1 USD", PRICE),
        ("-0.25 USD", 250_000),
        ("0 USD", 0),
        ("0.05 EUR", 60_000),
        ("0.0000001 EUR", 2),
        ("segments=3", 3 * PRICE),
        ("segments=1", PRICE),
        ("segments=0", PRICE),
    ] {
        let house = priced(|policy| {
            policy.budget.rates.insert("EUR".into(), Money::cents(120));
            policy.budget.countries.insert("DE".parse().unwrap(), Money::dollars(5));
        });
        let _ = house.send(ALICE).await;
        let line = format!("delivered {} 1 {said}", key(&house));
        for _ in 0..3 {
            let _ = one(&house, &line).await;
            assert_eq!(spent(&house).await, real, "{said}");
        }
        let told = if real == PRICE { vec![] } else { vec![(PRICE, real)] };
        assert_eq!(settled(&house), told, "{said}");
    }
}

#[tokio::test]
async fn a_currency_without_a_rate_is_left_and_said() {
    let house = priced(|_| {});
    let _ = house.send(ALICE).await;
    let line = format!("delivered {} 1 0.05 NOK", key(&house));
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Repeated);
    assert_eq!((spent(&house).await, settled(&house)), (PRICE, vec![]));
    let told = |kind: &EventKind| matches!(kind, EventKind::PriceUnconverted { stated } if stated.currency() == "NOK");
    assert_eq!(house.log.count(told), 1);
}

/// Prices in any order and number: the first replaces the estimate, the highest stands.
#[tokio::test]
async fn several_prices_of_one_text_never_add_up_and_never_sink() {
    for seed in 0..40 {
        let house = priced(|_| {});
        let _ = house.send(ALICE).await;
        let key = key(&house);
        let mut dice = Dice(seed);
        let mut highest = 0;
        for _ in 0..6 {
            let price = dice.below(6) * 50_000;
            highest = highest.max(price);
            let line =
                format!("pending {key} 1 {}.{:06} USD", price / 1_000_000, price % 1_000_000);
            let _ = one(&house, &line).await;
            assert_eq!(spent(&house).await, highest, "seed {seed}");
        }
    }
}

/// Above the budget as well: what was spent counts, and the next text is refused.
#[tokio::test]
async fn a_price_above_the_budget_counts_and_is_alarmed() {
    let mut policy = quick(Policy::default());
    policy.budget.message = Money::cents(10);
    let house = House::lab_with(|builder| {
        let prices = PriceTable::builtin().with(*b"DE", PRICE as u32);
        builder.policy(policy).prices(prices).daily_budget(Money::cents(100))
    });
    let _ = house.send(ALICE).await;
    let line = format!("delivered {} 1 3.5 USD", key(&house));
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    assert_eq!(spent(&house).await, 3_500_000);
    let tiers: Vec<u8> = house
        .log
        .events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::BudgetTier { scope: LimitName::Realm, percent } => Some(percent),
            _ => None,
        })
        .collect();
    assert_eq!(tiers, [50, 80, 100]);
    let sent = house.insist(BOB, &Purpose::SIGN_UP, &client(2)).await;
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::Budget(LimitName::Realm));
}

#[tokio::test]
async fn what_is_free_when_undelivered_is_given_back_within_the_cap() {
    let house = priced(|policy| {
        policy.receipts.undelivered_is_free = true;
        policy.receipts.refunds = 1;
    });
    let _ = house.send(ALICE).await;
    let first = format!("undelivered {} 1", key(&house));
    assert_eq!(one(&house, &first).await, ReceiptOutcome::Applied);
    assert_eq!(spent(&house).await, 0);
    house.clock.advance(seconds(60));
    let _ = house.send_to(ALICE, &client(2)).await;
    assert_eq!(
        one(&house, &format!("undelivered {} 2", key(&house))).await,
        ReceiptOutcome::Applied
    );
    assert_eq!(spent(&house).await, PRICE, "above the cap");
    // A price comes first: this one was billed all the same.
    let _ = house.send(BOB).await;
    let line = format!("undelivered {} 3 0.02 USD", key(&house));
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    assert_eq!(spent(&house).await, PRICE + 20_000);
    assert_eq!(one(&house, &first).await, ReceiptOutcome::Repeated);
    assert_eq!(spent(&house).await, PRICE + 20_000);
}

/// A provider that names a price as it takes the text, late or early, and keeps to no order.
#[derive(Debug)]
struct Naming {
    answer: &'static str,
    price: Option<Price>,
    waits: u32,
    keys: Arc<std::sync::Mutex<Vec<String>>>,
}

#[async_trait]
impl SmsTransport for Naming {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.keys.lock().unwrap().push(sms.callback_key().as_str().to_owned());
        pauses(self.waits).await;
        match self.answer {
            "accepted" => Ok(Handoff::accepted("1").priced(self.price)),
            "not sent" => Err(HandoffError::not_sent("the test")),
            "refused" => Err(HandoffError::refused("the test")),
            _ => Err(HandoffError::indeterminate("the test")),
        }
    }
}

/// Both orders and everything between, for every answer of the provider: the receipt of a text
/// overtakes the answer, or comes with it, or after it. Once all is said the budgets hold what the provider named, and the number has its interval back once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_overtakes_the_answer_is_applied_once() {
    let proof = proof().await;
    for answer in ["accepted", "indeterminate", "not sent", "refused"] {
        for seed in 0..24_u64 {
            let keys = Arc::new(std::sync::Mutex::new(Vec::new()));
            let mut dice = Dice(seed * 4 + answer.len() as u64);
            let price = (answer == "accepted" && dice.below(2) == 0)
                .then(|| Price::parse("0.03", "USD").unwrap());
            let transport =
                Naming { answer, price, waits: dice.below(30) as u32, keys: Arc::clone(&keys) };
            let prices = PriceTable::builtin().with(*b"DE", PRICE as u32);
            let store: Latency<MemoryStore> = Latency::new(memory(), 9, seed);
            let house = Arc::new(House::lab_with(|builder| {
                builder.store(store).transport(transport).prices(prices)
            }));
            let owner = owner(1, &proof);
            let clearance = house.clearance_of(ALICE, &Purpose::SIGN_UP, &owner).await;
            let gate = house.gate.clone();
            let issuing = tokio::spawn(async move { gate.issue(clearance).await.map(drop) });
            while keys.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let key = keys.lock().unwrap()[0].clone();
            let posts = (0..3_u32).map(|copy| {
                let (house, key) = (Arc::clone(&house), key.clone());
                let waits = dice.below(40) as u32;
                async move {
                    pauses(waits).await;
                    let said = if copy == 2 { "pending" } else { "undelivered" };
                    one(&house, &format!("{said} {key} 1 0.07 USD")).await
                }
            });
            let outcomes = race(posts.collect()).await;
            let _ = issuing.await.unwrap();
            let applied = |outcome: &&ReceiptOutcome| **outcome == ReceiptOutcome::Applied;
            assert_eq!(outcomes.iter().filter(applied).count(), 1, "{answer} {seed}: {outcomes:?}");
            assert_eq!(spent(&house).await, 70_000, "{answer} {seed}");
            // Once: the next goes out, the one after it waits.
            assert_ne!(seen(&house, &proof, 2).await, "waits", "{answer} {seed}");
            if matches!(answer, "accepted" | "indeterminate") {
                assert_eq!(seen(&house, &proof, 3).await, "waits", "{answer} {seed}");
            }
        }
    }
}

async fn seen(house: &House, proof: &str, index: u32) -> &'static str {
    match house.clear(ALICE, &Purpose::SIGN_UP, &owner(index, proof)).await {
        otpgate::Cleared::Passed(clearance) => match house.gate.issue(clearance).await {
            Ok(Sent::Refused(refusal))
                if *refusal.reason() == RefusalReason::Limit(LimitName::NumberInterval) =>
            {
                "waits"
            }
            Ok(_) => "sent",
            Err(error) => {
                assert_eq!(error.kind(), GateErrorKind::HandOff);
                "not sent"
            }
        },
        other => panic!("{other:?}"),
    }
}

/// A price in the provider's answer, without any receipt.
#[tokio::test]
async fn the_answer_of_the_provider_settles_too() {
    for (price, real) in [("0.03", 30_000), ("0.1", PRICE), ("0.4", 400_000)] {
        let transport = Naming {
            answer: "accepted",
            price: Price::parse(price, "USD"),
            waits: 0,
            keys: Arc::default(),
        };
        let (store, calls) = Counting::new(memory());
        let prices = PriceTable::builtin().with(*b"DE", PRICE as u32);
        let house =
            House::lab_with(|builder| builder.store(store).transport(transport).prices(prices));
        let _ = house.try_send(&german(1), &client(1)).await;
        calls.reset();
        assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::Issued(_)));
        let trips: u64 = untouched(&calls).iter().sum();
        assert_eq!(trips == 1, real == PRICE, "one round trip where the estimate was right");
        assert_eq!(spent(&house).await, 2 * real);
    }
}

/// Seeded: many texts, every kind of answer, receipts with prices in every order. What the gate counts
/// is never below what the provider named, and exactly that where it named anything.
#[tokio::test]
async fn money_accounted_is_never_below_money_spent() {
    for seed in 0..4 {
        let house = priced(|policy| policy.receipts.undelivered_is_free = false);
        let mut dice = Dice(seed);
        let mut named: Vec<(String, Option<u64>)> = Vec::new();
        for index in 0..60 {
            let sent = house.try_send(&german(index), &client(index as u32)).await;
            if matches!(sent, Sent::Issued(_)) {
                named.push((key(&house), None));
            }
            for _ in 0..dice.below(4) {
                let which = dice.below(named.len() as u64) as usize;
                let (key, known) = &mut named[which];
                let state = ["pending", "delivered", "undelivered"][dice.below(3) as usize];
                let mut line = format!("{state} {key} 1");
                if dice.below(2) == 0 {
                    let price = dice.below(9) * 30_000;
                    line = format!("{line} 0.{price:06} USD");
                    *known = Some(known.unwrap_or(0).max(price));
                }
                let _ = one(&house, &line).await;
            }
            let real: u64 = named.iter().map(|(_, known)| known.unwrap_or(PRICE)).sum();
            assert_eq!(spent(&house).await, real, "seed {seed}, text {index}");
        }
        house.clock.advance(hours(25));
        assert_eq!(spent(&house).await, 0, "seed {seed}");
    }
}

/// A provider whose receipts bring nothing back but its own identifier.
#[derive(Debug)]
struct ById {
    waits: u32,
    taken: Arc<std::sync::atomic::AtomicU64>,
}

#[async_trait]
impl SmsTransport for ById {
    async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
        let count = self.taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        pauses(self.waits).await;
        Ok(Handoff::accepted(format!("text-{count}")).with_receipts_by_id())
    }
}

fn by_id(store: impl otpgate::Store, waits: u32) -> (House, Arc<std::sync::atomic::AtomicU64>) {
    let taken = Arc::<std::sync::atomic::AtomicU64>::default();
    let transport = ById { waits, taken: Arc::clone(&taken) };
    let prices = PriceTable::builtin().with(*b"DE", PRICE as u32);
    let house = House::lab_with(|builder| builder.store(store).transport(transport).prices(prices));
    (house, taken)
}

#[tokio::test]
async fn a_receipt_that_names_the_message_only_finds_its_send_on_every_gate() {
    let store = Arc::new(small());
    let (here, _) = by_id(Arc::clone(&store), 0);
    let there = here.beside(|builder| builder.store(store));
    for index in 0..40 {
        let _ = here.send_to(&german(index), &client(index as u32)).await;
    }
    for index in (0..40).rev() {
        let line = format!("undelivered id text-{index} 0.03 USD");
        assert_eq!(one(&there, &line).await, ReceiptOutcome::Applied, "{index}");
        assert_eq!(one(&here, &line).await, ReceiptOutcome::Repeated, "{index}");
    }
    assert_eq!(spent(&here).await, 40 * 30_000);
    assert_eq!(receipts(&here).len(), 40);
}

/// Early ones are kept, for a stated time and in a stated number, and then applied once.
#[tokio::test]
async fn an_early_receipt_waits_for_its_send() {
    let (house, _) = by_id(small(), 0);
    for _ in 0..3 {
        assert_eq!(one(&house, "undelivered id text-0 0.03 USD").await, ReceiptOutcome::Early);
    }
    assert_eq!(one(&house, "pending id text-0").await, ReceiptOutcome::Pending);
    assert_eq!(receipts(&house), []);
    let _ = house.send(ALICE).await;
    assert_eq!((receipts(&house), spent(&house).await), (vec![(false, false)], 30_000));
    assert_eq!(one(&house, "undelivered id text-0 0.03 USD").await, ReceiptOutcome::Repeated);
    // Too early: forgotten after ten minutes.
    assert_eq!(one(&house, "delivered id text-1").await, ReceiptOutcome::Early);
    house.clock.advance(seconds(600));
    let _ = house.send(BOB).await;
    assert_eq!(receipts(&house).len(), 1);
    assert_eq!(one(&house, "delivered id text-1").await, ReceiptOutcome::Applied);
    // Of thousands that nobody claims the store keeps a bounded number, and sends stay known.
    for index in 0..40_000_u32 {
        if index % 20 == 0 {
            let _ = one(&house, &format!("delivered id foreign-{index}")).await;
        }
    }
    assert_eq!(one(&house, "read id text-1").await, ReceiptOutcome::Repeated);
}

/// Both orders and everything between, over two gates.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_by_id_and_its_send_meet_in_every_interleaving() {
    let mut early = 0;
    for seed in 0..160_u64 {
        let store: Arc<Latency<MemoryStore>> = Arc::new(Latency::new(memory(), 9, seed));
        let mut dice = Dice(seed);
        let (here, taken) = by_id(Arc::clone(&store), dice.below(20) as u32);
        let there = Arc::new(here.beside(|builder| builder.store(Arc::clone(&store))));
        let here = Arc::new(here);
        let clearance = here.clearance(ALICE).await;
        let gate = here.gate.clone();
        let issuing = tokio::spawn(async move { gate.issue(clearance).await.map(drop) });
        while taken.load(std::sync::atomic::Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // One alone as a rule: a copy that comes later would make up for one that was lost.
        let copies = if seed % 4 == 0 { 4 } else { 1 };
        let posts = (0..copies).map(|copy| {
            let house = Arc::clone(if copy % 2 == 0 { &here } else { &there });
            let waits = dice.below(50) as u32;
            async move {
                pauses(waits).await;
                one(&house, "undelivered id text-0 0.03 USD").await
            }
        });
        let outcomes = race(posts.collect()).await;
        issuing.await.unwrap().unwrap();
        early += outcomes.iter().filter(|outcome| **outcome == ReceiptOutcome::Early).count();
        assert_eq!(receipts(&here), [(false, false)], "seed {seed}: {outcomes:?}");
        assert_eq!(spent(&here).await, 30_000, "seed {seed}");
    }
    assert!((1..280).contains(&early), "{early}: both orders happen");
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
        // Customers in blocks of their own, who come back a day later.
        for index in 0..12_u64 {
            drop(house.prove(&german(index * 10), &client(index as u32)).await);
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
