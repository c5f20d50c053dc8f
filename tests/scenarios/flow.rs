//! One whole flow through the public API, and each way it can end.

use std::time::Duration;

use crate::support::House;
use otpgate::{Cleared, Entry, Purpose, Sent, Verified};

#[tokio::test]
async fn a_code_goes_from_the_page_to_the_accepted_verification() {
    let house = House::new();
    let issued = house.send("+4915112345678").await;
    let grant = issued.into_grant();
    let Entry::Open(view) = house.gate.entry(&grant, &house.client).await.unwrap() else {
        panic!("the code page is closed");
    };
    assert_eq!(view.attempts_left(), 5);
    assert_eq!(view.number_hint(), "+49 … 78");
    let code = house.last_code();
    let Verified::Accepted(proof) = house.gate.verify(&grant, &code, &house.client).await.unwrap()
    else {
        panic!("the right code was rejected");
    };
    assert_eq!(proof.recipient().expose_e164().as_str(), "+4915112345678");
    assert_eq!(proof.purpose(), &Purpose::SIGN_UP);
    // NIST SP 800-63B-4 §3.2.9: who relies on it must be able to see what it rests on.
    assert_eq!((proof.amr(), proof.restricted()), ("sms", true));
    assert!(matches!(
        house.gate.verify(&grant, &code, &house.client).await.unwrap(),
        Verified::Rejected(_)
    ));
}

#[tokio::test]
async fn a_resend_waits_its_interval_and_keeps_the_attempts() {
    let house = House::new();
    let grant = house.send("+4915112345678").await.into_grant();
    let first = house.last_code();
    for _ in 0..2 {
        let wrong = house.wrong_code();
        assert!(matches!(
            house.gate.verify(&grant, &wrong, &house.client).await.unwrap(),
            Verified::Rejected(_)
        ));
    }
    let Sent::Refused(refusal) = house.gate.resend(&grant, &house.client).await.unwrap() else {
        panic!("an early resend was sent");
    };
    assert_eq!(refusal.retry_after(), Some(Duration::from_secs(30)));
    house.clock.advance(Duration::from_secs(30));
    assert!(matches!(house.gate.resend(&grant, &house.client).await.unwrap(), Sent::Issued(_)));
    let Entry::Open(view) = house.gate.entry(&grant, &house.client).await.unwrap() else {
        panic!("the code page is closed");
    };
    assert_eq!(view.attempts_left(), 3);
    assert!(matches!(
        house.gate.verify(&grant, &first, &house.client).await.unwrap(),
        Verified::Accepted(_)
    ));
}

#[tokio::test]
async fn a_form_posted_by_a_script_is_refused() {
    let house = House::new();
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let proof = ticket.answer("+4915112345678").unwrap();
    let recipient = otpgate::Recipient::parse("+4915112345678", None).unwrap();
    let cleared =
        house.gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &house.client).await.unwrap();
    let Cleared::Refused(refusal) = cleared else { panic!("nobody types that fast") };
    assert_eq!(refusal.public().status(), 429);
}
