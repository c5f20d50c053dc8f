//! A receipt whose call breaks off anywhere is taken whole by its repeat.

use otpgate::store::StoreErrorKind;
use otpgate::testing::FailNth;

use super::*;
use crate::a21_cancel_everywhere::{MOST, abandon};

/// What a provider repeats until it is answered.
async fn offered(house: &House, line: &str) -> Result<(), ReceiptsError> {
    let (url, headers) = ("https://hooks.example.com/sms", [("x-password", "hush")]);
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: line.as_bytes() };
    house.gate.receipts(&Hook, &request).await.map(drop)
}

/// Whether Alice's number gets a text an hour later.
async fn is_sent(house: &House) -> bool {
    let before = house.texts();
    house.clock.advance(hours(1));
    let _ = house.send_to(ALICE, &client(2)).await;
    house.texts() > before
}

#[tokio::test]
async fn what_a_store_that_failed_has_not_taken_is_taken_with_the_repeat() {
    for (refunds, calls) in [(2, 3), (0, 4)] {
        for failing in 0..calls {
            // The first call is the text's.
            let kind = StoreErrorKind::Unavailable;
            let store = FailNth::new(memory(), Verb::Admit, 2 + failing, kind);
            let house = priced_on(store, |policy| policy.receipts.refunds = refunds);
            let _ = house.send(ALICE).await;
            let line = format!("undelivered {} 1 fault=opted-out", key(&house));
            assert!(offered(&house, &line).await.is_err(), "call {failing} of {calls}");
            offered(&house, &line).await.unwrap();
            assert_eq!(receipts(&house), [(false, false)], "call {failing} of {calls}");
            assert!(
                !is_sent(&house).await,
                "the number's fault is lost, call {failing} of {calls}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_webhook_that_hung_up_has_not_done_is_done_with_the_repeat() {
    let mut finished = false;
    for times in 0..MOST {
        let store = Latency::new(memory(), 3, times as u64);
        let house = priced_on(store, |policy| policy.receipts.refunds = 0);
        let _ = house.send(ALICE).await;
        let line = format!("undelivered {} 1 fault=opted-out", key(&house));
        finished |= abandon(offered(&house, &line), times).is_some();
        offered(&house, &line).await.unwrap();
        assert!(receipts(&house).len() <= 1, "{times} polls");
        assert!(!is_sent(&house).await, "the number's fault is lost, {times} polls");
    }
    assert!(finished, "no run came to its end");
}
