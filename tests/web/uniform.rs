//! What cannot be told apart (A15): bytes and headers of answers that an attacker compares.

use std::time::Duration;

use otpgate::access::{Actor, Effect, Reason};
use serde_json::json;

use super::site::{NUMBER, Site, wrong};

#[tokio::test]
async fn a_decoy_looks_like_a_text() {
    let site = Site::open().await;
    let stranger = "+4915199999978";
    site.host.0.lock().unwrap().strangers.insert(stranger.to_owned());
    let mut known = site.browser("203.0.113.7");
    let mut unknown = site.browser("198.51.100.7");
    let pair = [known.sign_up(NUMBER).await, unknown.sign_up(stranger).await];
    assert_eq!(pair[0].seen(), pair[1].seen());
    assert_eq!(site.outbox.handed_off(), 1, "only one got a text");

    for step in 0..3 {
        site.clock.advance(Duration::from_secs(7));
        let pair = [known.get("/otp/entry").await, unknown.get("/otp/entry").await];
        assert_eq!((pair[0].status, pair[0].seen()), (200, pair[1].seen()), "entry, {step}");
        let pair = [known.verify("000000").await, unknown.verify("000000").await];
        assert_eq!((pair[0].status, pair[0].seen()), (422, pair[1].seen()), "verify, {step}");
    }
    site.clock.advance(Duration::from_secs(31));
    let known = known.post("/otp/resend", json!({})).await;
    let unknown = unknown.post("/otp/resend", json!({})).await;
    assert_eq!((known.status, known.seen()), (200, unknown.seen()));
    assert_eq!(site.outbox.handed_off(), 2);
}

/// Wrong, expired, used, locked, forged, another client's, none at all.
#[tokio::test]
async fn a_rejected_code_is_rejected_in_one_way() {
    let site = Site::open().await;
    let mut answers = Vec::new();
    let mut browser = site.at_code_page().await;
    let code = site.code();
    for _ in 0..5 {
        answers.push(("wrong", browser.verify(&wrong(&code)).await));
    }
    answers.push(("locked, and right", browser.verify(&code).await));

    site.clock.advance(Duration::from_secs(3_600));
    let mut browser = site.browser("198.51.100.1");
    browser.sign_up("+4915112345601").await;
    let code = site.outbox.last_code_to("+4915112345601").unwrap();
    let before = browser.clone();
    assert_eq!(browser.verify(&code).await.status, 200);
    let mut browser = before;
    answers.push(("used", browser.verify(&code).await));

    let mut browser = site.browser("198.51.100.2");
    browser.sign_up("+4915112345602").await;
    let code = site.outbox.last_code_to("+4915112345602").unwrap();
    site.clock.advance(Duration::from_secs(301));
    answers.push(("expired", browser.verify(&code).await));
    site.clock.advance(Duration::from_secs(601));
    answers.push(("closed", browser.verify(&code).await));

    let mut browser = site.browser("198.51.100.3");
    answers.push(("no session, no grant", browser.verify(&code).await));
    let _ = browser.ticket("sign-up").await;
    answers.push(("no grant", browser.verify(&code).await));
    for forged in ["AAAA", "x", &"A".repeat(300)] {
        browser.cookies.insert("__Host-otp-grant".to_owned(), forged.to_owned());
        answers.push(("forged", browser.verify(&code).await));
    }
    let first = answers[0].1.seen();
    for (what, answer) in &answers {
        assert_eq!(answer.status, 422, "{what}");
        assert_eq!(answer.seen(), first, "{what}");
    }
}

#[tokio::test]
async fn a_closed_code_page_is_closed_in_one_way() {
    let site = Site::open().await;
    let mut answers = Vec::new();
    let mut browser = site.browser("198.51.100.3");
    answers.push(("never open", browser.get("/otp/entry").await));
    browser.cookies.insert("__Host-otp-grant".to_owned(), "A".repeat(220));
    answers.push(("forged", browser.get("/otp/entry").await));

    let browser = site.at_code_page().await;
    let mut used = browser.clone();
    assert_eq!(used.verify(&site.code()).await.status, 200);
    let mut kept = browser.clone();
    answers.push(("used", kept.get("/otp/entry").await));
    let mut thief = site.browser("203.0.113.7");
    let _ = thief.ticket("sign-up").await;
    let grant = browser.cookies["__Host-otp-grant"].clone();
    thief.cookies.insert("__Host-otp-grant".to_owned(), grant);
    answers.push(("another's", thief.get("/otp/entry").await));

    site.clock.advance(Duration::from_secs(60));
    let mut browser = site.browser("198.51.100.4");
    browser.sign_up("+4915112345604").await;
    for _ in 0..5 {
        browser.verify("not a code").await;
    }
    answers.push(("locked", browser.get("/otp/entry").await));
    let mut browser = site.browser("198.51.100.5");
    browser.sign_up("+4915112345605").await;
    assert_eq!(browser.get("/otp/entry").await.status, 200);
    site.clock.advance(Duration::from_secs(901));
    answers.push(("over", browser.get("/otp/entry").await));

    let first = answers[0].1.seen();
    for (what, answer) in &answers {
        assert_eq!(answer.status, 404, "{what}");
        assert_eq!(answer.seen(), first, "{what}");
    }
}

/// What an operator blocked, and what waits for its interval, are told apart by their wait alone.
#[tokio::test]
async fn a_block_reads_like_a_limit() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    assert_eq!(browser.sign_up(NUMBER).await.status, 200);
    let limit = browser.sign_up(NUMBER).await;
    let controls = site.gate.controls();
    let recipient = otpgate::Recipient::from_e164("+4915112345670").unwrap();
    let (why, who) = (Reason::new("asked us to stop").unwrap(), Actor::new("ada").unwrap());
    controls.enter(controls.number(&recipient), Effect::Block, why, who, None).await.unwrap();
    let mut other = site.browser("203.0.113.8");
    let block = other.sign_up("+4915112345670").await;
    let without_wait = |answer: &super::wire::Answer| {
        let mut json = answer.json();
        assert!(json.as_object_mut().unwrap().remove("retry_after_ms").is_some());
        let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        (answer.status, json, names)
    };
    assert_eq!(without_wait(&limit), without_wait(&block));
    assert!(!block.seen().contains("stop") && !block.seen().contains("ada"));
}
