//! A receipt that overtakes the answer to its hand-off, which then says that nothing was sent.

use super::*;
use crate::support::minutes;

/// Takes the first text. It takes no second one, and says so when it is told to; from then on it
/// takes all.
#[derive(Debug)]
struct SlowToSayNo {
    keys: Arc<std::sync::Mutex<Vec<String>>>,
    told: Arc<tokio::sync::Semaphore>,
}

#[async_trait]
impl SmsTransport for SlowToSayNo {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let count = {
            let mut keys = self.keys.lock().unwrap();
            keys.push(sms.callback_key().as_str().to_owned());
            keys.len()
        };
        if count != 2 {
            return Ok(Handoff::accepted(count.to_string()));
        }
        let _told = self.told.acquire().await.unwrap();
        Err(HandoffError::not_sent("the test"))
    }
}

/// The receipt of a text that was never taken gave its owner the number's limits back already.
#[tokio::test]
async fn what_a_receipt_gave_back_the_answer_does_not_give_back_again() {
    let proof = proof().await;
    let keys = Arc::<std::sync::Mutex<Vec<String>>>::default();
    let told = Arc::new(tokio::sync::Semaphore::new(0));
    let transport = SlowToSayNo { keys: Arc::clone(&keys), told: Arc::clone(&told) };
    let mut policy = quick(Policy::default());
    // Its buckets are wide enough for all of them: a refund goes to the bucket that was charged.
    policy.quotas.number = vec![otpgate::policy::Quota::daily(2)];
    let house = House::lab_with(|builder| builder.transport(transport).policy(policy));
    let mut next = 0;
    let mut ask = async || {
        next += 1;
        house.clock.advance(minutes(5));
        let clearance = house.clearance_of(ALICE, &Purpose::SIGN_UP, &owner(next, &proof)).await;
        house.gate.issue(clearance).await
    };
    assert!(matches!(ask().await, Ok(Sent::Issued(_))));
    house.clock.advance(minutes(5));
    let clearance = house.clearance_of(ALICE, &Purpose::SIGN_UP, &owner(50, &proof)).await;
    let gate = house.gate.clone();
    let issuing = tokio::spawn(async move { gate.issue(clearance).await.map(drop) });
    while keys.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let line = format!("undelivered {} 2", keys.lock().unwrap()[1]);
    assert_eq!(one(&house, &line).await, ReceiptOutcome::Applied);
    told.add_permits(1);
    assert_eq!(issuing.await.unwrap().unwrap_err().kind(), GateErrorKind::HandOff);

    assert!(matches!(ask().await, Ok(Sent::Issued(_))), "the place of the one that was not sent");
    let Ok(Sent::Refused(refusal)) = ask().await else { panic!("a third text of two a day") };
    assert_eq!(*refusal.reason(), RefusalReason::Limit(LimitName::Number));
    assert_eq!(keys.lock().unwrap().len(), 3);
}
