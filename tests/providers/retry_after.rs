//! `Retry-After`, from the provider's answer to the wrappers that honour it: no adapter waits or asks
//! again by itself.

use std::sync::Arc;
use std::time::Duration;

use otpgate::SmsTransport;
use otpgate::testing::ManualClock;
use otpgate::transport::{
    CircuitBreaker, FailOver, HandoffError, HandoffErrorKind, Senders, esendex, twilio,
};

use crate::adapter::{client, sms};
use support::http_server::{Answer, LocalServer, Play};

const THROTTLED: &str = r#"{"code":20429,"message":"Too Many Requests","status":429}"#;
const TWILIO: &str = r#"{"sid":"SM00000000000000000000000000000001","status":"queued"}"#;
const ESENDEX: &str = "<messageheaders><messageheader \
                       id=\"1183c73d-2e62-4f60-b610-30f160bdfbd5\"/></messageheaders>";

/// Twilio first and Esendex second, each behind a breaker of its own, each on its own server.
struct Two {
    clock: ManualClock,
    first: LocalServer,
    second: LocalServer,
    transport: FailOver,
}

impl Two {
    fn new() -> Self {
        let (clock, first, second) =
            (ManualClock::default(), LocalServer::plain(), LocalServer::plain());
        let account = twilio::Account::with_token(format!("AC{:032}", 0), "token").unwrap();
        let sender = twilio::Sender::from_number("+15550101");
        let twilio = twilio::Twilio::builder(account, sender).client(client());
        let twilio = twilio.base_url(first.base_url()).build().unwrap();
        let account = esendex::Account::new("EX0000000", "u@example.com", "p").unwrap();
        let sender = Senders::new(esendex::Sender::of_account());
        let esendex = esendex::Esendex::builder(account, sender).client(client());
        let esendex = esendex.base_url(second.base_url()).build().unwrap();
        let transport = FailOver::new(CircuitBreaker::new(twilio, Arc::new(clock.clone())))
            .then(CircuitBreaker::new(esendex, Arc::new(clock.clone())));
        first.always(Play::Answer(Answer::json(201, TWILIO)));
        second.always(Play::Answer(Answer::xml(200, ESENDEX)));
        Self { clock, first, second, transport }
    }

    /// Who took a text, or why nobody did.
    async fn send(&self) -> Result<&'static str, HandoffError> {
        self.transport.hand_off(&sms()).await.map(|handoff| handoff.provider.unwrap())
    }

    fn asked(&self) -> (usize, usize) {
        (self.first.seen().len(), self.second.seen().len())
    }
}

#[tokio::test]
async fn a_throttled_provider_is_left_alone_for_as_long_as_it_asks() {
    let two = Two::new();
    let busy = Answer::json(429, THROTTLED).with("retry-after", "7");
    two.first.next(Play::Answer(busy));
    assert_eq!(two.send().await.unwrap(), esendex::NAME, "not sent, so the next one may");
    assert_eq!(two.asked(), (1, 1), "one request, and no second one after a pause");
    two.clock.advance(Duration::from_millis(6_999));
    assert_eq!(two.send().await.unwrap(), esendex::NAME);
    assert_eq!(two.asked(), (1, 2), "Twilio is not asked before its time");
    two.clock.advance(Duration::from_millis(1));
    assert_eq!(two.send().await.unwrap(), twilio::NAME);
    assert_eq!(two.asked(), (2, 2));
}

/// A 503 proves nothing about the text: nobody else gets it, and the pause holds for those after it.
#[tokio::test]
async fn a_pause_with_a_doubt_holds_for_the_next_texts_alone() {
    let two = Two::new();
    two.first.next(Play::Answer(Answer::new(503).with("retry-after", "30")));
    let error = two.send().await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
    assert_eq!(error.pause(), Some(Duration::from_secs(30)));
    assert_eq!(two.asked(), (1, 0), "it may have gone out");
    two.clock.advance(Duration::from_secs(29));
    assert_eq!(two.send().await.unwrap(), esendex::NAME);
    two.clock.advance(Duration::from_secs(1));
    assert_eq!(two.send().await.unwrap(), twilio::NAME);
    assert_eq!(two.asked(), (2, 1));
}

#[tokio::test]
async fn when_all_ask_for_a_pause_the_host_hears_of_the_shortest() {
    let two = Two::new();
    two.first.next(Play::Answer(Answer::json(429, THROTTLED).with("retry-after", "20")));
    two.second.next(Play::Answer(Answer::new(429).with("retry-after", "4")));
    let error = two.send().await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::NotSent);
    assert_eq!(error.pause(), Some(Duration::from_secs(4)));
    let error = two.send().await.unwrap_err();
    assert_eq!(error.pause(), Some(Duration::from_secs(4)), "both breakers are open");
    assert_eq!(two.asked(), (1, 1));
    two.clock.advance(Duration::from_secs(4));
    assert_eq!(two.send().await.unwrap(), esendex::NAME);
}
