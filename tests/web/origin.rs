//! Posts of other sites, and cookies that another host planted.

use std::time::Duration;

use otpgate::{EventKind, OutagePart};
use serde_json::json;

use super::site::{NUMBER, ORIGIN, Site};
use super::wire::exchange;

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn another_site_sends_nothing_and_verifies_nothing() {
    let site = Site::open().await;
    let mut victim = site.at_code_page().await;
    let code = site.code();
    let proof = victim.proof("sign-up", NUMBER).await;
    let calls = [
        ("/otp/preflight", json!({ "purpose": "sign-up" })),
        ("/otp/send", json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof })),
        ("/otp/resend", json!({})),
        ("/otp/verify", json!({ "code": code })),
    ];
    let evil = "https://evil.example";
    for (path, body) in &calls {
        for lines in [
            String::new(),
            format!("Origin: {evil}\r\n"),
            "Origin: null\r\n".to_owned(),
            format!("Origin: {evil}\r\nSec-Fetch-Site: cross-site\r\n"),
            format!("Origin: {ORIGIN}\r\nSec-Fetch-Site: cross-site\r\n"),
            "Sec-Fetch-Site: same-site\r\n".to_owned(),
            "Sec-Fetch-Site: none\r\n".to_owned(),
            format!("Origin: {evil}\r\nOrigin: {ORIGIN}\r\n"),
            format!("Referer: {ORIGIN}/otp\r\n"),
            format!("Origin: {ORIGIN}.evil.example\r\n"),
            "Origin: http://shop.example\r\n".to_owned(),
        ] {
            let extra = format!("{JSON}{lines}");
            let body = body.to_string();
            let request = victim.request("POST", path, &extra, Some(body.as_bytes()));
            let answer = exchange(site.address, &request).await;
            assert_eq!(answer.status, 403, "{path} {lines}");
            assert_eq!(answer.problem(), "cross-site");
            assert_eq!(answer.all("set-cookie").count(), 0);
        }
    }
    for lines in ["Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example\r\n"] {
        let request = victim.request("GET", "/otp/entry", lines, None);
        assert_eq!(exchange(site.address, &request).await.status, 403);
    }
    assert_eq!(site.outbox.handed_off(), 1, "the victim's own");
    // An older browser, without `Sec-Fetch-Site`.
    let extra = format!("{JSON}Origin: {ORIGIN}\r\n");
    let body = json!({ "code": code }).to_string();
    let request = victim.request("POST", "/otp/verify", &extra, Some(body.as_bytes()));
    assert_eq!(exchange(site.address, &request).await.status, 200, "none of those was an attempt");
}

/// A second cookie of a name was planted by somebody: then there is none.
#[tokio::test]
async fn a_planted_grant_opens_nothing() {
    let site = Site::open().await;
    let mut attacker = site.browser("198.51.100.1");
    assert_eq!(attacker.sign_up("+4915112340000").await.status, 200);
    let planted = attacker.cookies["__Host-otp-grant"].clone();
    let mut victim = site.at_code_page().await;
    let own = victim.cookies.remove("__Host-otp-grant").unwrap();
    let session = victim.cookies["__Host-otp-session"].clone();
    let ours = format!("__Host-otp-session={session}");

    let closed = {
        let request = victim.request("GET", "/otp/entry", "", None);
        exchange(site.address, &request).await
    };
    assert_eq!((closed.status, closed.problem().as_str()), (404, "closed"));
    victim.cookies.clear();
    for cookies in [
        format!("{ours}; __Host-otp-grant={own}; __Host-otp-grant={planted}"),
        format!("{ours}; __Host-otp-grant={planted}; __Host-otp-grant={own}"),
        format!("{ours}; __Host-otp-grant={own}\r\nCookie: __Host-otp-grant={planted}"),
        format!("{ours}; __Host-otp-grant={planted}"),
        format!("{ours}; __host-otp-grant={own}"),
        format!("{ours}; otp-grant={own}"),
        format!("{ours}; __Secure-otp-grant={own}"),
        format!("{ours}; __Host-otp-grant=\"{own}\""),
        format!("{ours}; \u{2000}__Host-otp-grant={own}"),
        format!("__Host-otp-grant={own}"),
        format!("{ours}; __Host-otp-session={session}; __Host-otp-grant={own}"),
    ] {
        let request = victim.request("GET", "/otp/entry", &format!("Cookie: {cookies}\r\n"), None);
        let answer = exchange(site.address, &request).await;
        assert_eq!(answer.seen(), closed.seen(), "{cookies}");
    }
    let cookies = format!("Cookie: a=b; {ours};__Host-otp-grant={own}; c=d\r\n");
    let request = victim.request("GET", "/otp/entry", &cookies, None);
    assert_eq!(exchange(site.address, &request).await.status, 200);
}

/// Login cross-site request forgery turned round: the victim's browser with the attacker's session.
#[tokio::test]
async fn a_grant_is_worth_nothing_in_another_session() {
    let site = Site::open().await;
    let mut attacker = site.at_code_page().await;
    let mut victim = site.browser("203.0.113.9");
    let _ = victim.ticket("sign-up").await;
    victim
        .cookies
        .insert("__Host-otp-grant".to_owned(), attacker.cookies["__Host-otp-grant"].clone());
    assert_eq!(victim.get("/otp/entry").await.status, 404);
    assert_eq!(victim.verify(&site.code()).await.status, 422);
    assert_eq!(attacker.verify(&site.code()).await.status, 200);
}

/// A session identifier that the client made up has not the form of ours.
#[tokio::test]
async fn a_session_is_one_that_was_given_out() {
    let site = Site::open().await;
    for made_up in ["a", "fixed", &"x".repeat(23), &"x".repeat(900)] {
        let mut browser = site.browser("203.0.113.7");
        browser.cookies.insert("__Host-otp-session".to_owned(), made_up.to_owned());
        let answer = browser.post("/otp/preflight", json!({ "purpose": "sign-up" })).await;
        assert!(answer.header("set-cookie").is_some(), "{made_up}: it gets a real one");
        assert_ne!(browser.cookies["__Host-otp-session"], made_up);
    }
}

/// `www` and the bare name, or another port: every visitor is refused, and somebody has to hear of it.
#[tokio::test]
async fn a_site_that_is_configured_under_another_name_is_told_of() {
    let site = Site::open().await;
    let told = |kind: &EventKind| {
        matches!(kind, EventKind::Outage { part: OutagePart::Host, what }
            if what.contains("https://www.shop.example") && what.contains(ORIGIN) && what.len() < 400)
    };
    let ask = async |lines: &str| {
        let browser = site.browser("203.0.113.7");
        let request =
            browser.request("POST", "/otp/preflight", &format!("{JSON}{lines}"), Some(b"{}"));
        assert_eq!(exchange(site.address, &request).await.status, 403, "{lines}");
    };
    // Other sites' pages, and what no browser sends.
    for lines in [
        "Origin: https://www.shop.example\r\nSec-Fetch-Site: same-site\r\n",
        "Origin: https://www.shop.example\r\n",
        "Origin: https://a b\r\nSec-Fetch-Site: same-origin\r\n",
        &format!("Origin: {ORIGIN}\r\nSec-Fetch-Site: cross-site\r\n"),
    ] {
        ask(lines).await;
    }
    assert_eq!(site.log.count(|kind| matches!(kind, EventKind::Outage { .. })), 0);
    let own = "Origin: https://www.shop.example\r\nSec-Fetch-Site: same-origin\r\n";
    for _ in 0..3 {
        ask(own).await;
    }
    assert_eq!(site.log.count(told), 1, "once an hour");
    site.clock.advance(Duration::from_secs(3_601));
    ask(own).await;
    assert_eq!(site.log.count(told), 2);
}
