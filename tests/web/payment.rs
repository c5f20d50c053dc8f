//! A payment's code is bound to what the host says, never to what the browser says.

use std::time::Duration;

use otpgate::otp::{Amount, Binding, Payee};
use serde_json::json;

use super::site::{NUMBER, Site};

fn pay(amount: &str) -> Option<Binding> {
    let (amount, payee) = (Amount::new(amount, "EUR").unwrap(), Payee::new("Haus AG").unwrap());
    Some(Binding::transaction(amount, payee))
}

#[tokio::test]
async fn a_code_is_good_for_the_payment_that_it_names() {
    let site = Site::open().await;
    site.host.0.lock().unwrap().payment = pay("1250.00");
    let mut browser = site.browser("203.0.113.7");
    assert_eq!(browser.ask("payment", NUMBER).await.status, 200);
    let text = site.outbox.sent()[0].expose_text().to_owned();
    assert!(text.contains("250.00 to Haus AG"), "{text}");
    site.clock.advance(Duration::from_secs(31));
    assert_eq!(browser.post("/otp/resend", json!({})).await.status, 200);
    let verified = browser.verify(&site.code()).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    assert_eq!(Some(site.host.0.lock().unwrap().verified[0].2.clone()), pay("1250.00"));
}

#[tokio::test]
async fn a_payment_that_changed_or_is_gone_is_not_confirmed() {
    for changed in [pay("9250.00"), None, Some(Binding::none())] {
        let site = Site::open().await;
        site.host.0.lock().unwrap().payment = pay("1250.00");
        let mut browser = site.browser("203.0.113.7");
        assert_eq!(browser.ask("payment", NUMBER).await.status, 200);
        site.host.0.lock().unwrap().payment = changed;
        let rejected = browser.verify(&site.code()).await;
        assert_eq!((rejected.status, rejected.problem().as_str()), (422, "rejected"));
        site.clock.advance(Duration::from_secs(31));
        let resent = browser.post("/otp/resend", json!({})).await;
        assert_eq!((resent.status, resent.problem().as_str()), (400, "start-over"));
        assert_eq!(site.outbox.handed_off(), 1);
        assert!(site.host.0.lock().unwrap().verified.is_empty());
    }
}

#[tokio::test]
async fn without_a_payment_no_text_goes_out() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let answer = browser.ask("payment", NUMBER).await;
    assert_eq!((answer.status, answer.problem().as_str()), (400, "start-over"));
    assert_eq!(site.outbox.handed_off(), 0);
}

#[tokio::test]
async fn what_the_browser_says_of_the_payment_is_not_read() {
    let site = Site::open().await;
    site.host.0.lock().unwrap().payment = pay("1250.00");
    let mut browser = site.browser("203.0.113.7");
    let proof = browser.proof("payment", NUMBER).await;
    let body = json!({ "purpose": "payment", "number": NUMBER, "proof": proof, "amount": "1.00" });
    let answer = browser.post("/otp/send", body).await;
    assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"));
    assert_eq!(site.outbox.handed_off(), 0);
}
