//! Whoever hangs up is served to the end: a server drops the call of a client who has gone, and what the
//! provider said of the text would be lost with it.

use std::sync::Arc;

use async_trait::async_trait;
use otpgate::EventKind;
use otpgate::testing::ScriptedTransport;
use otpgate::transport::{Handoff, HandoffError, OutboundSms, SmsTransport};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::site::{NUMBER, Site};
use crate::wire::Wire;

/// Takes the text and answers when it is told to.
#[derive(Debug)]
struct Slow {
    inner: ScriptedTransport,
    answer: Arc<Notify>,
}

#[async_trait]
impl SmsTransport for Slow {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let taken = self.inner.hand_off(sms).await;
        self.answer.notified().await;
        taken
    }
}

#[tokio::test]
async fn what_the_provider_says_is_noted_though_the_client_has_gone() {
    let answer = Arc::new(Notify::new());
    let (inner, outbox) = ScriptedTransport::new();
    let slow = Slow { inner, answer: Arc::clone(&answer) };
    let site = Site::open_with(|gate| gate.transport(slow), |config| config).await;
    let mut browser = site.browser("198.51.100.7");
    let proof = browser.proof("sign-up", NUMBER).await;
    let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
    let mut wire = Wire::open(site.address).await;
    wire.write(&browser.post_bytes("/otp/send", &body)).await;
    while outbox.handed_off() == 0 {
        yield_now().await;
    }
    drop(wire);
    // The server sees the end of that connection before it has answered all of these.
    for _ in 0..20 {
        assert!(browser.get("/otp/entry").await.status < 500);
    }
    answer.notify_one();
    let sent = |confirmed| {
        let is = |kind: &EventKind| matches!(kind, EventKind::Sent { confirmed: is, .. } if *is == confirmed);
        site.log.count(is)
    };
    while sent(true) + sent(false) == 0 {
        yield_now().await;
    }
    assert_eq!((sent(true), sent(false)), (1, 0));
}
