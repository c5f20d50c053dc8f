//! While the detector is on the alert, the page is told that a text may not come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use otpgate::human::{
    HumanCheck, HumanCheckError, HumanFailure, HumanPass, HumanRequest, HumanVerdict,
};
use serde_json::json;

use super::site::{Browser, NUMBER, Site};
use super::wire::Answer;

/// Takes `yes` as a person's answer, each for another.
#[derive(Debug)]
struct Trusting;

#[async_trait::async_trait]
impl HumanCheck for Trusting {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        static PASSED: AtomicU64 = AtomicU64::new(0);
        let pass = HumanPass::named(&PASSED.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Ok(match request.response.expose_response() {
            "yes" => HumanVerdict::Passed(pass),
            _ => HumanVerdict::Failed(HumanFailure::NotHuman),
        })
    }
}

/// Asks for a text as a person who passes what is asked.
async fn insists(browser: &mut Browser, number: &str) -> Answer {
    let asked = browser.sign_up(number).await;
    if asked.status != 428 {
        return asked;
    }
    let ticket = asked.json()["step_up"]["ticket"].as_str().unwrap().to_owned();
    let proof = otpgate::token::answer(&ticket, number).unwrap();
    let body = json!({ "purpose": "sign-up", "number": number, "proof": proof, "human": "yes" });
    browser.post("/otp/send", body).await
}

/// A shop whose detector asks for more, since nobody enters what the numbers around [`NUMBER`] are sent.
async fn besieged() -> Site {
    let site = Site::open_with(|gate| gate.human_check(Trusting), |config| config).await;
    for bot in 0..70 {
        let mut browser = site.browser(&format!("198.51.100.{bot}"));
        if browser.sign_up(&format!("+49151123456{bot:02}")).await.status == 428 {
            return site;
        }
        site.clock.advance(Duration::from_secs(10));
    }
    panic!("the detector asks nobody for anything");
}

#[tokio::test]
async fn an_alert_is_told_with_every_text_and_every_other_one() {
    let quiet = Site::open_with(|gate| gate.human_check(Trusting), |config| config).await;
    let mut browser = quiet.browser("203.0.113.7");
    assert_eq!(insists(&mut browser, NUMBER).await.json()["may_be_withheld"], false);
    quiet.clock.advance(Duration::from_secs(31));
    let resent = browser.post("/otp/resend", json!({})).await;
    assert_eq!((resent.status, &resent.json()["may_be_withheld"]), (200, &json!(false)));

    let site = besieged().await;
    let mut browser = site.browser("203.0.113.7");
    let sent = insists(&mut browser, NUMBER).await;
    assert_eq!((sent.status, &sent.json()["may_be_withheld"]), (200, &json!(true)));
    site.clock.advance(Duration::from_secs(31));
    let resent = browser.post("/otp/resend", json!({})).await;
    assert_eq!((resent.status, &resent.json()["may_be_withheld"]), (200, &json!(true)));
}

/// It is said of the hour and the block, never of the number.
#[tokio::test]
async fn under_an_alert_a_decoy_looks_like_a_text() {
    let site = besieged().await;
    let stranger = "+4915112345679"; // a neighbour: an alert is of a block
    site.host.0.lock().unwrap().strangers.insert(stranger.to_owned());
    let before = site.outbox.handed_off();
    let mut known = site.browser("203.0.113.7");
    let mut unknown = site.browser("203.0.113.8");
    let pair = [insists(&mut known, NUMBER).await, insists(&mut unknown, stranger).await];
    let seen = |answer: &Answer| answer.seen().replace("… 79", "… 78");
    assert_eq!((pair[0].status, seen(&pair[0])), (200, seen(&pair[1])));
    assert_eq!(pair[0].json()["may_be_withheld"], true);
    assert!(site.outbox.handed_off() <= before + 1, "the decoy got none");
    site.clock.advance(Duration::from_secs(31));
    let known = known.post("/otp/resend", json!({})).await;
    let unknown = unknown.post("/otp/resend", json!({})).await;
    assert_eq!((known.status, seen(&known)), (200, seen(&unknown)));
}
