//! What is done to proofs (A19): once, and only as they were made.

use std::time::Duration;

use serde_json::json;

use super::site::{Browser, NUMBER, Site};
use super::wire::Answer;

async fn send(browser: &mut Browser, purpose: &str, number: &str, proof: &str) -> Answer {
    let body = json!({ "purpose": purpose, "number": number, "proof": proof });
    browser.post("/otp/send", body).await
}

fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (400, "reload-page"), "{what}");
}

#[tokio::test]
async fn a_proof_is_good_once_here_and_nowhere_else() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let proof = browser.proof("sign-up", NUMBER).await;

    refused(&send(&mut browser, "log-in", NUMBER, &proof).await, "another purpose");
    refused(&send(&mut browser, "sign-up", "+4915112345679", &proof).await, "another number");
    let mut thief = site.browser("203.0.113.7");
    let _ = thief.ticket("sign-up").await;
    refused(&send(&mut thief, "sign-up", NUMBER, &proof).await, "another session");
    thief.cookies.clear();
    refused(&send(&mut thief, "sign-up", NUMBER, &proof).await, "no session");
    let mut moved = Browser { from: Some("198.51.100.9".to_owned()), ..browser.clone() };
    refused(&send(&mut moved, "sign-up", NUMBER, &proof).await, "another network");
    refused(&send(&mut browser, "sign-up", NUMBER, "").await, "none");

    // Spliced with the proof of another ticket, cut, lengthened, each character changed.
    let other = browser.proof("sign-up", NUMBER).await;
    let half = proof.len() / 2;
    for spliced in [
        format!("{}{}", &proof[..half], &other[half..]),
        format!("{}{}", &other[..half], &proof[half..]),
        proof[..proof.len() - 1].to_owned(),
        format!("{proof}A"),
        format!("{proof}{other}"),
        format!(" {proof}"),
        proof.replace('-', "+").to_ascii_lowercase(),
    ] {
        refused(&send(&mut browser, "sign-up", NUMBER, &spliced).await, &spliced);
    }
    for at in (0..proof.len()).step_by(7) {
        let mut bytes = proof.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        refused(&send(&mut browser, "sign-up", NUMBER, &changed).await, &changed);
    }
    assert_eq!(site.outbox.handed_off(), 0, "not one text for all of it");

    assert_eq!(send(&mut browser, "sign-up", NUMBER, &proof).await.status, 200);
    site.clock.advance(Duration::from_secs(60));
    refused(&send(&mut browser, "sign-up", NUMBER, &proof).await, "replayed");
    assert_eq!(site.outbox.handed_off(), 1);
}

#[tokio::test]
async fn a_proof_ends_with_its_ticket() {
    let site = Site::open().await;
    let mut browser = site.browser("203.0.113.7");
    let proof = browser.proof("sign-up", NUMBER).await;
    site.clock.advance(Duration::from_secs(601));
    refused(&send(&mut browser, "sign-up", NUMBER, &proof).await, "expired");
    assert_eq!(site.outbox.handed_off(), 0);
}

#[tokio::test]
async fn a_proof_of_another_site_of_the_same_gate_is_none() {
    let site = Site::open().await;
    // The same gate, behind another origin.
    let other = otpgate::web::Config::builder("https://other.example", site.host.clone())
        .client_source(otpgate::web::ClientSource::XForwardedFor(
            otpgate::access::TrustedProxies::parse(["127.0.0.0/8"]).unwrap(),
        ))
        .build()
        .unwrap();
    let other = otpgate::web::Endpoints::new(site.gate.clone(), other);
    let mut browser = site.browser("203.0.113.7");
    let proof = browser.proof("sign-up", NUMBER).await;
    let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof }).to_string();
    let request = axum::http::Request::post("/otp/send")
        .header("origin", "https://other.example")
        .header("content-type", "application/json")
        .header("x-forwarded-for", "203.0.113.7")
        .header("cookie", format!("__Host-otp-session={}", browser.cookies["__Host-otp-session"]))
        .body(body.into())
        .unwrap();
    let peer = "127.0.0.1".parse().unwrap();
    let answer = other.handle(request, Some(peer)).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(site.outbox.handed_off(), 0);
    assert_eq!(send(&mut browser, "sign-up", NUMBER, &proof).await.status, 200);
}
