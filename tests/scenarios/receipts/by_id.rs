//! Receipts that bring nothing back but the provider's own identifier.

use super::*;

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
    let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
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

/// A provider may count each part of a text as a message of its own. What it says of one part is
/// said of no other, and is not the price of the whole, which costs no less than any part.
#[tokio::test]
async fn what_is_said_of_one_part_is_not_the_price_of_the_whole_text() {
    let said = [
        ("0.03 USD", 3 * PRICE),
        ("0 USD", 3 * PRICE),
        ("segments=9", 3 * PRICE),
        ("0.9 USD segments=1", 900_000),
    ];
    let cases = [false, true].into_iter().flat_map(|early| said.map(|said| (early, said)));
    for (early, (said, costs)) in cases {
        let transport = ById { waits: 0, taken: Arc::default() };
        let prices = PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(PRICE));
        let house = House::lab_with(|builder| {
            builder.transport(transport).prices(prices).message(crate::budget::segments::wordy())
        });
        let line = format!("delivered id text-0 {said}");
        let expected = if early { ReceiptOutcome::Early } else { ReceiptOutcome::Applied };
        if early {
            assert_eq!(one(&house, &line).await, expected, "{said}");
        }
        let _ = house.send(ALICE).await;
        if !early {
            assert_eq!(one(&house, &line).await, expected, "{said}");
        }
        let raised = Some((3 * PRICE, costs)).filter(|(before, after)| after > before);
        let told: Vec<_> = raised.into_iter().collect();
        assert_eq!((spent(&house).await, settled(&house)), (costs, told), "{early} {said}");
        assert_eq!(receipts(&house), [(true, false)], "{early} {said}");
    }
}
