//! The budgets hold what a text really cost, in whatever order it is told.

use otpgate::message::{Language, MessageFormat, Messages, Template};
use otpgate::testing::{Reply, ScriptedTransport};
use otpgate::transport::{FailOver, Priced};

use super::*;

/// The budgets hold the real price: less, more, in another currency, or by segments.
#[tokio::test]
async fn the_reservation_is_settled_to_the_real_price() {
    for (said, real) in [
        ("0.04 USD", 40_000),
        ("0.1 USD", PRICE),
        ("-0.25 USD", 250_000),
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

/// Two texts of one number: what came of each is told apart.
#[tokio::test]
async fn what_is_told_of_one_text_has_one_name() {
    let house = priced(|_| {});
    let (mut texts, mut keys) = (Vec::new(), Vec::new());
    for cents in ["0.04", "0.09"] {
        let Sent::Issued(issued) = house.insist(ALICE, &Purpose::SIGN_UP, &client(1)).await else {
            panic!("no text")
        };
        keys.push(issued.idempotency_key().clone());
        let line = format!("delivered {} 1 {cents} USD", key(&house));
        house.clock.advance(hours(2));
        assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    }
    let events = house.log.events();
    for event in &events {
        match event.kind {
            EventKind::Sent { .. } => texts.push((event.text.clone().unwrap(), Vec::new())),
            EventKind::Settled { price, .. } => {
                let of =
                    texts.iter_mut().find(|(text, _)| event.text.as_ref() == Some(text)).unwrap();
                of.1.push(price.as_microdollars());
            }
            EventKind::Receipt { .. } => {
                let of =
                    texts.iter_mut().find(|(text, _)| event.text.as_ref() == Some(text)).unwrap();
                of.1.push(1);
            }
            _ => assert_eq!(event.text, None, "{event:?}"),
        }
    }
    let came: Vec<_> = texts
        .iter_mut()
        .map(|(_, came)| {
            came.sort_unstable();
            &*came
        })
        .collect();
    assert_eq!(came, [&[1, 40_000], &[1, 90_000]]);
    let named: Vec<_> = texts.into_iter().map(|(text, _)| text).collect();
    assert_eq!(named, keys, "what the provider was given");
    assert_ne!(keys[0], keys[1]);
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
            // Nothing that a text cost is named until a price above zero is.
            let held = if highest == 0 { PRICE } else { highest };
            assert_eq!(spent(&house).await, held, "seed {seed}");
        }
    }
}

/// Above the budget as well: what was spent counts, and the next text is refused.
#[tokio::test]
async fn a_price_above_the_budget_counts_and_is_alarmed() {
    let mut policy = quick(Policy::default());
    policy.budget.message = Money::cents(10);
    let house = House::lab_with(|builder| {
        let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
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
            EventKind::BudgetTier { scope: LimitName::Realm, percent, .. } => Some(percent),
            _ => None,
        })
        .collect();
    assert_eq!(tiers, [50, 80, 100]);
    let sent = house.insist(BOB, &Purpose::SIGN_UP, &client(2)).await;
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::Budget(LimitName::Realm));
}

/// A provider that is dearer than the table: what it says of a text may leave no room for the next.
#[tokio::test]
async fn the_last_tier_is_told_once_whether_a_text_or_its_price_used_up_the_budget() {
    // Seven texts of 13 cents leave nine, and two of 45 leave ten, which is room for one more.
    for (cents, texts) in [(13, 7), (12, 8), (11, 9), (19, 5), (35, 3), (45, 3), (10, 10)] {
        let mut policy = quick(Policy::default());
        (policy.budget.message, policy.budget.soft_percent) = (Money::cents(10), 100);
        let house = House::lab_with(|builder| {
            let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
            builder.policy(policy).prices(prices).daily_budget(Money::cents(100))
        });
        let told = || {
            house.log.count(|kind| {
                let last = LimitName::Realm;
                matches!(kind, EventKind::BudgetTier { scope, percent: 100, .. } if *scope == last)
            })
        };
        let (mut sent, mut before) = (0, 0);
        while let Sent::Issued(_) = house.try_send(&german(sent), &client(sent as u32)).await {
            assert_eq!(before, 0, "a text after the last, at {cents} cents");
            sent += 1;
            let line = format!("delivered {} {sent} 0.{cents:02} USD", key(&house));
            assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
            before = told();
        }
        assert_eq!((sent, told()), (texts, 1), "{cents} cents");
    }
}

/// The price of a dear text takes the room that was left for cheap ones, after no dear one fitted any more.
#[tokio::test]
async fn the_last_tier_is_told_where_a_dear_texts_price_leaves_no_room_for_cheap_ones() {
    let mut policy = quick(Policy::default());
    (policy.budget.message, policy.budget.soft_percent) = (Money::cents(10), 100);
    let house = House::lab_with(|builder| {
        let prices = PriceTable::builtin()
            .with(*b"DE", otpgate::Money::microdollars(PRICE))
            .with(*b"FR", otpgate::Money::microdollars(10_000));
        builder.policy(policy).prices(prices).daily_budget(Money::cents(100))
    });
    let told = || {
        let last = LimitName::Realm;
        house.log.count(
            |kind| matches!(kind, EventKind::BudgetTier { scope, percent: 100, .. } if *scope == last),
        )
    };
    let mut lines = Vec::new();
    for dear in 0..9 {
        let _ = house.send_to(&german(dear), &client(dear as u32)).await;
        lines.push(format!("delivered {} {dear} 0.13 USD", key(&house)));
    }
    for cheap in 0..6_u32 {
        let _ = house.send_to(&format!("+3361234567{cheap}"), &client(100 + cheap)).await;
    }
    let before = told();
    for line in lines.iter().take(2) {
        assert_eq!(one(&house, line).await, ReceiptOutcome::Applied);
    }
    let sent = house.insist("+33612345679", &Purpose::SIGN_UP, &client(200)).await;
    assert!(matches!(sent, Sent::Refused(_)), "102 of 100 cents are spent: {sent:?}");
    assert_eq!(told(), before + 1);
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
            let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
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
        let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
        let house =
            House::lab_with(|builder| builder.store(store).transport(transport).prices(prices));
        let _ = house.try_send(&german(1), &client(1)).await;
        calls.reset();
        assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::Issued(_)));
        let trips: u64 = untouched(&calls).iter().sum();
        assert_eq!(trips == 2, real == PRICE, "the text, and that it cost what was reserved");
        assert_eq!(spent(&house).await, 2 * real);
    }
}

/// The answer's price stands, also one that is just the estimate: a later one counts if it is higher.
#[tokio::test]
async fn a_lower_price_after_the_answers_own_lowers_nothing() {
    for (price, later, real) in
        [("0.1", "0.04", PRICE), ("0.1", "0.25", 250_000), ("0.06", "0.04", 60_000)]
    {
        let (house, keys) = naming(Handoff::accepted("1").priced(Price::parse(price, "USD")));
        assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::Issued(_)));
        let line = format!("delivered {} 1 {later} USD", keys.lock().unwrap()[0]);
        assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
        assert_eq!(spent(&house).await, real, "{price}, then {later}");
    }
}

/// A trial account's reports say 0 of every text. Nothing was billed where a text was not delivered.
#[tokio::test]
async fn a_price_of_zero_is_none_unless_the_text_was_not_delivered() {
    for zero in ["0 USD", "0.00 NOK"] {
        for (said, real) in [
            (format!("pending KEY 1 {zero}"), PRICE),
            (format!("delivered KEY 1 {zero}"), PRICE),
            (format!("delivered KEY 1 {zero} segments=3"), 3 * PRICE),
            (format!("undelivered KEY 1 {zero}"), 0),
        ] {
            let house = priced(|policy| policy.receipts.undelivered_is_free = false);
            let _ = house.send(ALICE).await;
            let line = said.replace("KEY", &key(&house));
            let _ = one(&house, &line).await;
            assert_eq!(spent(&house).await, real, "{said}");
            let unconverted = |kind: &EventKind| matches!(kind, EventKind::PriceUnconverted { .. });
            assert_eq!(house.log.count(unconverted), 0, "no rate is needed: {said}");
        }
    }
    let (house, _) = naming(Handoff::accepted("1").priced(Price::parse("0", "USD")));
    let _ = house.try_send(ALICE, &client(1)).await;
    assert_eq!(spent(&house).await, PRICE, "the answer of a provider");
}

/// What cannot be converted hides nothing that stands beside it.
#[tokio::test]
async fn segments_count_beside_a_price_that_cannot_be_converted() {
    let house = priced(|_| {});
    let _ = house.send(ALICE).await;
    let line = format!("delivered {} 1 0.05 NOK segments=3", key(&house));
    for _ in 0..2 {
        let _ = one(&house, &line).await;
        assert_eq!(spent(&house).await, 3 * PRICE);
    }
    let unconverted = |kind: &EventKind| matches!(kind, EventKind::PriceUnconverted { .. });
    assert_eq!((house.log.count(unconverted), settled(&house)), (1, vec![(PRICE, 3 * PRICE)]));

    let handoff = Handoff::accepted("1").priced(Price::parse("0.05", "NOK"));
    let (house, _) = naming(handoff.in_segments(Some(3)));
    let _ = house.try_send(ALICE, &client(1)).await;
    assert_eq!((spent(&house).await, house.log.count(unconverted)), (3 * PRICE, 1));
}

/// A count of segments at the estimate's price is an estimate too.
#[tokio::test]
async fn the_first_price_replaces_what_a_count_of_segments_made_of_the_estimate() {
    for (lines, real) in [
        (&["delivered KEY 1 0.06 USD"][..], 60_000),
        (&["delivered KEY 1 0.5 USD"], 500_000),
        // More segments: still an estimate.
        (&["pending KEY 1 segments=3", "delivered KEY 1 0.06 USD"], 60_000),
        // And one that comes after a price changes nothing.
        (&["pending KEY 1 0.06 USD", "delivered KEY 1 segments=5"], 60_000),
        (&["pending KEY 1 0.06 USD", "pending KEY 1 0.09 USD", "delivered KEY 1 0.03 USD"], 90_000),
        (&["undelivered KEY 1 0 USD", "pending KEY 1 segments=5"], 0),
    ] {
        let (house, keys) = naming(Handoff::accepted("1").in_segments(Some(2)));
        assert!(matches!(house.try_send(ALICE, &client(1)).await, Sent::Issued(_)));
        assert_eq!(spent(&house).await, 2 * PRICE);
        for line in lines {
            let line = line.replace("KEY", &keys.lock().unwrap()[0]);
            let _ = one(&house, &line).await;
            let _ = one(&house, &line).await;
        }
        assert_eq!(spent(&house).await, real, "{lines:?}");
    }
}

/// Some providers report a text of several segments one by one, each with its own price.
#[tokio::test]
async fn the_price_of_a_part_lowers_nothing() {
    for (said, real) in [
        ("0.10 USD segments=1", 2 * PRICE),
        ("0.25 USD segments=1", 250_000),
        ("0.10 USD segments=2", PRICE),
        ("0.10 USD", PRICE),
    ] {
        let house = of_two_segments(None);
        let _ = house.send(ALICE).await;
        let _ = one(&house, &format!("delivered {} 1 {said}", key(&house))).await;
        assert_eq!(spent(&house).await, real, "{said}");
    }
}

/// It was billed, so it is not free.
#[tokio::test]
async fn the_price_of_an_undelivered_part_is_a_price() {
    for (said, real) in [("0.03 USD", 2 * PRICE), ("0.25 USD", 250_000), ("", 0)] {
        let house = of_two_segments(Some(Handoff::accepted("text-0").with_receipts_by_id()));
        let _ = house.send(ALICE).await;
        let line = format!("undelivered id text-0 {said}");
        assert_eq!(one(&house, line.trim_end()).await, ReceiptOutcome::Applied);
        assert_eq!(spent(&house).await, real, "{said}");
    }
}

/// Of two providers the dear one takes the text: the budgets hold its price.
#[tokio::test]
async fn the_price_of_the_provider_that_took_the_text_is_held() {
    let of = |cents| PriceTable::builtin().with(*b"DE", Money::cents(cents));
    for (answer, real) in [(Reply::Accept, 40_000), (Reply::NotSent, 90_000)] {
        let ((cheap, first), (dear, _)) = (ScriptedTransport::new(), ScriptedTransport::new());
        first.reply(answer);
        let both = FailOver::new(Priced::new(cheap, of(4))).then(Priced::new(dear, of(9)));
        let house = House::lab_with(|builder| builder.transport(both).prices(of(10)));
        let _ = house.try_send(ALICE, &client(1)).await;
        assert_eq!(spent(&house).await, real);
    }
}

/// A house whose texts have two segments, at [`PRICE`] each; undelivered ones are free.
fn of_two_segments(answer: Option<Handoff>) -> House {
    let words = "{code} is your {brand} code. ".to_owned() + &"Tell it to nobody. ".repeat(8);
    let english = Language::new("en").unwrap();
    let messages = Messages::new(english, Template::compile(&words).unwrap()).unwrap();
    let format = MessageFormat::builder("Example").messages(messages);
    let format = format.max_segments(std::num::NonZeroU8::new(2).unwrap()).build().unwrap();
    let mut policy = quick(Policy::default());
    policy.receipts.undelivered_is_free = true;
    let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
    House::lab_with(|builder| {
        let builder = builder.message(format).policy(policy).prices(prices);
        match answer {
            Some(handoff) => builder.transport(Answering(handoff, Arc::default())),
            None => builder,
        }
    })
}

/// A house whose provider answers `handoff`, and the keys of its texts.
fn naming(handoff: Handoff) -> (House, Arc<std::sync::Mutex<Vec<String>>>) {
    let keys = Arc::default();
    let transport = Answering(handoff, Arc::clone(&keys));
    let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
    (House::lab_with(|builder| builder.transport(transport).prices(prices)), keys)
}

#[derive(Debug)]
struct Answering(Handoff, Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait]
impl SmsTransport for Answering {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.1.lock().unwrap().push(sms.callback_key().as_str().to_owned());
        Ok(self.0.clone())
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
                    // Of what was not delivered, nothing may have been billed.
                    if price > 0 || state == "undelivered" {
                        *known = Some(known.unwrap_or(0).max(price));
                    }
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

/// Each costs what each was reserved at, and not what the whole text was.
#[tokio::test]
async fn segments_beyond_those_reserved_cost_as_much_each() {
    for (segments, real) in [(1, 3 * PRICE), (3, 3 * PRICE), (4, 4 * PRICE), (7, 7 * PRICE)] {
        let house = House::lab_with(|builder| {
            let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
            builder.prices(prices).message(crate::budget::segments::wordy())
        });
        let _ = house.send(ALICE).await;
        assert_eq!(spent(&house).await, 3 * PRICE);
        let line = format!("delivered {} 1 segments={segments}", key(&house));
        assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
        assert_eq!(spent(&house).await, real, "{segments} segments");
    }
}
