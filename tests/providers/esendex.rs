//! Esendex.

use otpgate::http::{BaseUrl, ReqwestClient};
use otpgate::testing::transport::Received;
use otpgate::transport::esendex::{Account, ERRORS, Esendex, NAME, Receipts, Sender};
use otpgate::transport::{
    DeliveryFault, ErrorRow, HandoffErrorKind, OutboundSms, PathToken, Receipt, ReceiptErrorKind,
    ReceiptRequest, ReceiptState, ReceiptVerifier, Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};

use crate::adapter::{Adapter, client, sms};
use crate::wire::{fields, recorded};
use support::http_server::{Answer, LocalServer, Play, Seen};

const PASSWORD: &str = "invented-password";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| {
        Box::new(esendex(base, client, PASSWORD, Senders::new(Sender::named("Acme"))))
    },
    read,
    accepted: || Answer::xml(200, ACCEPTED),
    refused_number: || plain(400),
    refused_account: || plain(401),
    throttled: || plain(429),
    errors: ERRORS,
    error: |row: &ErrorRow| plain(row.code.strip_prefix("HTTP ").unwrap().parse().unwrap()),
    secrets: &[PASSWORD, "dUBleGFtcGxl"],
};

/// As in Esendex's own description of the interface.
const ACCEPTED: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<messageheaders batchid="F8BF9867-FF81-49E4-ACC5-774DE793B776" xmlns="http://api.esendex.com/ns/">
  <messageheader uri="https://api.esendex.com/v1.0/messageheaders/1183C73D-2E62-4F60-B610-30F160BDFBD5"
                 id="1183C73D-2E62-4F60-B610-30F160BDFBD5" />
</messageheaders>"#;

adapter_tests!(ADAPTER);

fn esendex(
    base: BaseUrl,
    client: ReqwestClient,
    password: &str,
    senders: Senders<Sender>,
) -> Esendex {
    let account = Account::new("EX0000000", "u@example.com", password).unwrap();
    Esendex::builder(account, senders).client(client).base_url(base).build().unwrap()
}

fn plain(status: u16) -> Answer {
    let prose = "The recipient +15550100 is not valid";
    Answer::new(status).with("content-type", "text/plain").body(prose)
}

fn read(seen: &Seen) -> Received {
    let fields = fields("application/xml", &seen.text());
    // What an XML parser does with ends of lines.
    let body = fields["messages.message.body"].replace("&#13;", "\r");
    Received::new(&fields["messages.message.to"], body, None)
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering(Answer::xml(200, ACCEPTED));
    let senders = Senders::new(Sender::of_account());
    let esendex = esendex(server.base_url(), client(), "p", senders);
    let british = OutboundSms::for_test("+447700900123", crate::adapter::TEXT, [1; 16]);
    esendex.hand_off(&british).await.unwrap();
    // The SDK leaves the character set to the default, GSM, which has no room for most scripts.
    recorded("esendex@0.1.8 npm (community)", "/v1.0/messagedispatcher")
        .assert_covers(&server.seen()[0], &[("messages.characterset", "Auto")]);
}

#[tokio::test]
async fn the_elements_stand_in_the_order_of_the_schema() {
    let server = LocalServer::answering(Answer::xml(200, ACCEPTED));
    let senders =
        Senders::new(Sender::named("Acme")).in_region(Region::DE, Sender::named("Acme DE"));
    let account = Account::new("EX0000000", "u@example.com", "p").unwrap();
    let esendex = Esendex::builder(account, senders)
        .client(client())
        .base_url(server.base_url())
        .validity(std::time::Duration::from_secs(3_600))
        .build()
        .unwrap();
    let german = OutboundSms::for_test("+4915123456789", "a < b & c", [1; 16]);
    let handoff = esendex.hand_off(&german).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some("1183c73d-2e62-4f60-b610-30f160bdfbd5"));
    assert_eq!(
        server.seen()[0].text(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><messages>\
         <accountreference>EX0000000</accountreference><characterset>Auto</characterset>\
         <message><from>Acme DE</from><to>4915123456789</to><body>a &lt; b &amp; c</body>\
         <validity>1</validity></message></messages>"
    );
}

#[tokio::test]
async fn a_success_without_an_identifier_is_none() {
    let server = LocalServer::plain();
    let esendex = esendex(server.base_url(), client(), "p", Senders::new(Sender::of_account()));
    for body in [
        "<messageheaders batchid=\"F8BF9867\"/>",
        "<messageheaders batchid=\"F8BF9867\"><messageheader uri=\"x\"/></messageheaders>",
        "<messageheaders><messageheader id=\"\"/></messageheaders>",
        "<other><messageheader id=\"1\"/></other>",
        "<messageheaders><messageheader id=\"1\"/>",
    ] {
        server.next(Play::Answer(Answer::xml(200, body)));
        let error = esendex.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "{body}");
    }
}

#[tokio::test]
async fn a_character_that_xml_cannot_carry_is_never_sent() {
    let server = LocalServer::plain();
    let esendex = esendex(server.base_url(), client(), "p", Senders::new(Sender::of_account()));
    let odd = OutboundSms::for_test("+15550100", "form feed: \u{c}", [1; 16]);
    let error = esendex.hand_off(&odd).await.unwrap_err();
    assert_eq!(error.kind(), HandoffErrorKind::NotSent);
    assert_eq!(server.connections(), 0);
}

const TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";

fn verify(url: &str, body: &str) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let receipts = Receipts::behind(PathToken::new(TOKEN).unwrap()).of_account("ACC-1");
    let request = ReceiptRequest { method: "POST", url, headers: &[], body: body.as_bytes() };
    receipts.verify(&request, Timestamp::from_millis(0)).map_err(|error| error.kind())
}

fn notified(body: &str) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    verify(&format!("https://hooks.example.com/sms/{TOKEN}"), body)
}

const DELIVERED: &str = "<MessageDelivered><Id>1</Id><MessageId>1183C73D-2E62</MessageId>\
    <AccountId>acc-1</AccountId><OccurredAt>2026-11-27T10:00:00</OccurredAt></MessageDelivered>";

#[test]
fn the_root_element_tells_the_three_kinds_apart() {
    let delivered = &notified(DELIVERED).unwrap()[0];
    assert_eq!(delivered.state, ReceiptState::Delivered);
    assert_eq!(delivered.message_id, "1183c73d-2e62");
    let failed = "<?xml version=\"1.0\"?><MessageFailed><Id>1</Id><MessageId>m-2</MessageId>\
        <AccountId>ACC-1</AccountId><OccurredAt>2026-11-27T10:00:00</OccurredAt><FailureReason>\
        <Code>4</Code><Detail>+447700900123 is unknown</Detail>\
        <PermanentFailure>true</PermanentFailure></FailureReason></MessageFailed>";
    let failed = &notified(failed).unwrap()[0];
    assert_eq!(failed.state, ReceiptState::Undelivered);
    assert_eq!(failed.code.as_deref(), Some("4"));
    assert_eq!(failed.fault, Some(DeliveryFault::Unknown));
    assert!(!format!("{failed:?}").contains("447700900123"));
    let inbound = "<InboundMessage><Id>1</Id><MessageId>m-3</MessageId><AccountId>acc-1</AccountId>\
        <MessageText>STOP</MessageText><From>447700900123</From><To>447700900999</To></InboundMessage>";
    assert_eq!(notified(inbound), Ok(Vec::new()));
}

#[test]
fn only_the_secret_path_is_believed() {
    let at = |url: &str| verify(url, DELIVERED).map(drop);
    assert_eq!(at(&format!("https://hooks.example.com/{TOKEN}")), Ok(()));
    assert_eq!(at(&format!("/{TOKEN}?x=1")), Ok(()));
    for url in [
        "https://hooks.example.com/sms/".to_owned(),
        "https://hooks.example.com/sms".to_owned(),
        format!("https://hooks.example.com/sms?token={TOKEN}"),
        format!("https://hooks.example.com/sms?x=/{TOKEN}"),
        format!("https://hooks.example.com/sms#/{TOKEN}"),
        format!("https://hooks.example.com/{TOKEN}/"),
        format!("https://hooks.example.com/{TOKEN}x"),
        format!("https://hooks.example.com/{}", &TOKEN[1..]),
        format!("https://hooks.example.com/{}", TOKEN.to_lowercase()),
    ] {
        assert_eq!(at(&url), Err(ReceiptErrorKind::Forged), "{url}");
    }
    let other = DELIVERED.replace("acc-1", "acc-2");
    assert_eq!(notified(&other), Err(ReceiptErrorKind::Forged));
    let silent = DELIVERED.replace("<AccountId>acc-1</AccountId>", "");
    assert_eq!(notified(&silent), Err(ReceiptErrorKind::Forged));
}

#[test]
fn a_token_can_be_exchanged() {
    let next = "another-token-of-22-characters";
    let both = PathToken::new(TOKEN).and_then(|token| token.or(next)).unwrap();
    assert!(both.ends(&format!("/a/{TOKEN}")) && both.ends(&format!("/a/{next}")));
    assert!(!both.ends("/a/") && !format!("{both:?}").contains(TOKEN));
}

#[test]
fn what_is_no_notification_is_refused() {
    for body in [
        "",
        "{}",
        "<MessageDelivered/>",
        "<MessageDelivered><MessageId>1</MessageId><AccountId>acc-1</AccountId>",
        "<Other><MessageId>1</MessageId><AccountId>acc-1</AccountId></Other>",
        "<MessageDelivered><MessageId>+4477009 00123</MessageId><AccountId>acc-1</AccountId>\
         </MessageDelivered>",
        "<MessageDelivered><MessageId>1</MessageId><MessageId>2</MessageId>\
         <AccountId>acc-1</AccountId></MessageDelivered>",
    ] {
        assert!(notified(body).is_err(), "{body}");
    }
}

/// Esendex has no fields for a registration: its sender goes, its identifiers do not.
#[tokio::test]
async fn a_registered_sender_goes_before_the_configured_one() {
    let server = LocalServer::answering(Answer::xml(200, ACCEPTED));
    let esendex = esendex(server.base_url(), client(), "p", Senders::new(Sender::named("Acme")));
    esendex.hand_off(&crate::adapter::registered()).await.unwrap();
    let text = server.seen()[0].text();
    assert!(text.contains("<message><from>EXMPLE</from><to>919876543210</to>"), "{text}");
    assert!(!text.contains("1107158980000012345"), "{text}");
}
