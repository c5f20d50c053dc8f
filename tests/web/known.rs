//! What the host knows of a client reaches the gate: its account, network, language and session.

use std::time::Duration;

use otpgate::access::{Actor, Effect, Reason};
use serde_json::json;

use super::site::{Browser, NUMBER, Site};

const ANOTHER: &str = "+4915798765432";

fn knows(site: &Site, from: &str, name: &str, value: &str) -> Browser {
    let mut browser = site.browser(from);
    browser.cookies.insert(name.to_owned(), value.to_owned());
    browser
}

#[tokio::test]
async fn an_account_that_an_operator_blocks_gets_no_text() {
    let site = Site::open().await;
    let (why, ada) = (Reason::new("fraud").unwrap(), Actor::new("ada").unwrap());
    let controls = site.gate.controls();
    controls.enter(controls.user("mallory"), Effect::Block, why, ada, None).await.unwrap();
    let mut mallory = knows(&site, "203.0.113.7", "account", "mallory");
    let refused = mallory.sign_up(NUMBER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "try-later"));
    assert_eq!(site.outbox.handed_off(), 0);
    let mut bob = knows(&site, "203.0.113.8", "account", "bob");
    assert_eq!(bob.sign_up(NUMBER).await.status, 200);
}

/// Whatever numbers and addresses it asks from.
#[tokio::test]
async fn an_account_has_its_quota() {
    let mut rules = super::site::policy();
    rules.quotas.user = vec![otpgate::policy::Quota::hourly(1)];
    let site = Site::open_with(|gate| gate.policy(rules), |config| config).await;
    let asks = [
        ("203.0.113.7", "mallory", NUMBER, 200),
        ("198.51.100.7", "mallory", ANOTHER, 429),
        ("192.0.2.7", "bob", ANOTHER, 200),
    ];
    for (from, account, number, status) in asks {
        let answer = knows(&site, from, "account", account).sign_up(number).await;
        assert_eq!(answer.status, status, "{account} at {from}: {answer:?}");
    }
}

#[tokio::test]
async fn a_network_that_the_host_knows_to_hide_its_clients_is_asked_for_more() {
    let site = Site::open().await;
    let mut hidden = knows(&site, "203.0.113.7", "through", "tor");
    let asked = hidden.sign_up(NUMBER).await;
    assert_eq!((asked.status, asked.problem().as_str()), (428, "step-up"));
    let mut plain = knows(&site, "203.0.113.7", "through", "the front door");
    assert_eq!(plain.sign_up(NUMBER).await.status, 200);
}

#[tokio::test]
async fn texts_are_in_the_language_that_the_host_names() {
    let site = Site::open().await;
    for (from, number, tag, words) in [
        ("203.0.113.7", NUMBER, "de", "ist Ihr Shop-Code"),
        ("203.0.113.8", ANOTHER, "fr", "est votre code Shop"),
    ] {
        let mut browser = knows(&site, from, "speaks", tag);
        assert_eq!(browser.sign_up(number).await.status, 200);
        site.clock.advance(Duration::from_secs(31));
        assert_eq!(browser.post("/otp/resend", json!({})).await.status, 200);
        for text in site.outbox.sent().iter().filter(|text| text.expose_number() == number) {
            assert!(text.expose_text().contains(words), "{}", text.expose_text());
        }
    }
    assert_eq!(site.outbox.handed_off(), 4);
}

/// Or all of a host's visitors who are not logged in would be one client, and each other's tickets
/// good for them.
#[tokio::test]
async fn an_empty_session_is_none() {
    let site = Site::open().await;
    let mut ours = knows(&site, "203.0.113.7", "shop", "");
    let mut theirs = knows(&site, "203.0.113.7", "shop", "");
    let proof = ours.proof("sign-up", NUMBER).await;
    let _ = theirs.ticket("sign-up").await;
    let session = |browser: &Browser| browser.cookies.get("__Host-otp-session").cloned();
    assert!(session(&ours).is_some() && session(&theirs).is_some());
    assert_ne!(session(&ours), session(&theirs));
    let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
    let stolen = theirs.post("/otp/send", body.clone()).await;
    assert_eq!((stolen.status, stolen.problem().as_str()), (400, "reload-page"));
    assert_eq!(ours.post("/otp/send", body).await.status, 200);
}
