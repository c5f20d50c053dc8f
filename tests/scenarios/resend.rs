//! Which code is good when there were several, and until when.

use otpgate::otp::ResendCode;
use otpgate::{Entry, Sent};

use crate::support::{ALICE, House, minutes, off_by, seconds};

fn house(resend: ResendCode) -> House {
    House::ruled(|policy| policy.code.resend = resend)
}

async fn again(house: &House, grant: &otpgate::EntryGrant) -> String {
    let sent = house.gate.resend(grant, &house.client).await.unwrap();
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    house.last_code()
}

#[tokio::test]
async fn kept_codes_are_two_at_the_most() {
    let house = house(ResendCode::KeepPrevious);
    let grant = house.send(ALICE).await.into_grant();
    let first = house.last_code();
    house.clock.advance(seconds(30));
    let second = again(&house, &grant).await;
    house.clock.advance(seconds(60));
    let third = again(&house, &grant).await;
    assert!(first != second && second != third && first != third, "one in 10^6 fails here");
    assert!(!house.accepts(&grant, &first).await, "two texts later");
    assert!(house.accepts(&grant, &second).await, "the one before the newest");
    assert!(!house.accepts(&grant, &third).await, "a verification ends once");
}

#[tokio::test]
async fn a_kept_code_keeps_its_own_expiry() {
    let house = house(ResendCode::KeepPrevious);
    let grant = house.send(ALICE).await.into_grant();
    let first = house.last_code();
    house.clock.advance(seconds(200));
    let second = again(&house, &grant).await;
    house.clock.advance(seconds(100));
    assert!(!house.accepts(&grant, &first).await);
    assert!(house.accepts(&grant, &second).await);
}

/// A code ends with its verification at the latest, and whoever reads "valid 2 min" has two minutes.
#[tokio::test]
async fn a_text_promises_no_more_minutes_than_its_code_has() {
    let house = house(ResendCode::KeepPrevious);
    let grant = house.send(ALICE).await.into_grant();
    house.clock.advance(minutes(12) + seconds(10)); // of fifteen
    let code = again(&house, &grant).await;
    let texts = house.outbox.delivered();
    let said = |minutes: u64| texts[1].expose_text().contains(&format!("valid for {minutes} min"));
    assert!(said(2), "{:?}", (1..6).find(|minutes| said(*minutes)));
    house.clock.advance(minutes(2));
    assert!(house.accepts(&grant, &code).await);
}

#[tokio::test]
async fn replaced_codes_are_void_at_once() {
    let house = house(ResendCode::Replace);
    let grant = house.send(ALICE).await.into_grant();
    let first = house.last_code();
    house.clock.advance(seconds(30));
    let second = again(&house, &grant).await;
    assert!(!house.accepts(&grant, &first).await);
    assert!(house.accepts(&grant, &second).await);
}

#[tokio::test]
async fn attempts_are_shared_by_all_codes_and_never_refilled() {
    for mode in [ResendCode::KeepPrevious, ResendCode::Replace] {
        let house = house(mode);
        let grant = house.send(ALICE).await.into_grant();
        for round in 0..3 {
            for guess in 0..2 {
                let wrong = off_by(&house.last_code(), guess + 1);
                assert!(!house.accepts(&grant, &wrong).await);
            }
            house.clock.advance(minutes(2));
            let sent = house.gate.resend(&grant, &house.client).await.unwrap();
            assert_eq!(matches!(sent, Sent::Issued(_)), round < 2, "{mode:?} round {round}");
        }
        assert_eq!(house.log.compared(), 5);
        assert!(!house.accepts(&grant, &house.last_code()).await);
    }
}

#[tokio::test]
async fn a_verification_closes() {
    let house = house(ResendCode::KeepPrevious);
    let grant = house.send(ALICE).await.into_grant();
    house.clock.advance(minutes(14));
    let view = house.gate.entry(&grant, &house.client).await.unwrap();
    assert!(matches!(view, Entry::Open(view) if view.expires_in().is_zero()));
    let last = again(&house, &grant).await;
    // Its code expires with the verification, not five minutes later.
    house.clock.advance(minutes(1));
    assert!(!house.accepts(&grant, &last).await);
    assert!(matches!(house.gate.entry(&grant, &house.client).await.unwrap(), Entry::Closed(_)));
    assert!(matches!(house.gate.resend(&grant, &house.client).await.unwrap(), Sent::Refused(_)));
}

#[tokio::test]
async fn the_wait_that_is_shown_is_the_wait_that_holds() {
    let house = House::ruled(|policy| {
        policy.quotas.number = vec![otpgate::policy::Quota::daily(1_000_000)];
        policy.code.open = minutes(30);
    });
    let grant = house.send(ALICE).await.into_grant();
    let mut shown = seconds(30);
    for expected in [60, 120, 240, 480] {
        let view = house.gate.entry(&grant, &house.client).await.unwrap();
        assert!(matches!(view, Entry::Open(view) if view.resend_after() == shown));
        house.clock.advance(shown - std::time::Duration::from_millis(1));
        let early = house.gate.resend(&grant, &house.client).await.unwrap();
        assert!(matches!(early, Sent::Refused(_)));
        house.clock.advance(std::time::Duration::from_millis(1));
        let Sent::Issued(issued) = house.gate.resend(&grant, &house.client).await.unwrap() else {
            panic!("refused after the wait that was shown")
        };
        shown = issued.resend_after();
        assert_eq!(shown, seconds(expected));
    }
}
