//! Infobip.

use otpgate::http::{BaseUrl, CredentialError, Credentials, ReqwestClient};
use otpgate::testing::transport::Received;
use otpgate::transport::infobip::{ApiKey, ERRORS, FAULTS, Infobip, NAME, Receipts, Sender};
use otpgate::transport::{
    DeliveryFault, ErrorRow, HandoffErrorKind, OutboundSms, PathToken, Price, Receipt,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};
use serde_json::{Value, json};

use crate::adapter::{Adapter, client, registered, sms};
use crate::wire::recorded;
use support::http_server::{Answer, LocalServer, Play, Seen};

/// Not that of `wire.json`, which is a part of other words.
const KEY: &str = "0123456789abcdef-invented";
const ID: &str = "2250be2d4219-3af1-78856-aabe-1362af1edfd2";
const OWN_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| Box::new(infobip(base, client, KEY)),
    read: |seen| {
        let text = |pointer| field(seen, pointer).unwrap();
        let number = text("/messages/0/destinations/0/to");
        let key = field(seen, "/messages/0/webhooks/callbackData");
        Received::new(number, text("/messages/0/content/text"), key)
    },
    accepted: || status("PENDING", "PENDING_ACCEPTED"),
    refused_number: || status("REJECTED", "REJECTED_DESTINATION"),
    refused_account: || error("E401"),
    throttled: || error("E429"),
    errors: ERRORS,
    error: |row: &ErrorRow| error(row.code),
    secrets: &[KEY],
};

adapter_tests!(ADAPTER);

fn infobip(base: BaseUrl, client: ReqwestClient, key: &str) -> Infobip {
    let sender = Sender::from_name("Acme");
    Infobip::builder(ApiKey::new(key).unwrap(), base, sender).client(client).build().unwrap()
}

/// As documented for one destination.
fn status(group: &str, name: &str) -> Answer {
    let body = json!({ "bulkId": "2034072219640523072", "messages": [{
        "messageId": ID, "destination": "15550100", "details": { "messageCount": 2 },
        "status": { "groupId": 1, "groupName": group, "id": 26, "name": name,
                    "description": "about +15550100" },
    }] });
    Answer::json(200, body.to_string())
}

/// Infobip's answer with this status or code.
fn error(word: &str) -> Answer {
    if let Some(status) = word.strip_prefix("HTTP ") {
        return Answer::html(status.parse().unwrap());
    }
    let older = |status, code: &str| {
        let exception = json!({ "messageId": code, "text": "about +15550100" });
        Answer::json(
            status,
            json!({ "requestError": { "serviceException": exception } }).to_string(),
        )
    };
    match word.split_once(' ').unwrap_or((word, "")) {
        ("BAD_REQUEST", _) => older(400, word),
        ("UNAUTHORIZED", _) => older(401, word),
        ("FORBIDDEN", _) => older(403, word),
        ("NOT_FOUND", _) => older(404, word),
        ("TOO_MANY_REQUESTS", _) => older(429, word),
        ("GENERAL_ERROR", _) => older(500, word),
        (code, field) if code.starts_with("E4") || code.starts_with("E5") => {
            let property = match field {
                "to" => "messages[0].destinations[0].to",
                "sender" => "messages[0].sender",
                _ => "messages[0].content.text",
            };
            let body = json!({
                "errorCode": code, "description": "Request cannot be processed.",
                "action": "Check the syntax, violations and adjust the request.",
                "violations": [{ "property": property, "violation": "+15550100 is not valid" }],
                "resources": [],
            });
            Answer::json(code[1..].parse().unwrap(), body.to_string())
        }
        (group, "SIGNALS_BLOCKED") => status(group, "SIGNALS_BLOCKED"),
        ("SIGNALS_BLOCKED" | "MISSING_TO" | "UNDELIVERABLE_REJECTED_PLATFORM", _) => {
            status("REJECTED", word)
        }
        (group @ ("REJECTED" | "UNDELIVERABLE" | "EXPIRED"), _) => status(group, "NEWER_NAME"),
        (name, _) => status(name.split('_').next().unwrap(), name),
    }
}

fn field(seen: &Seen, pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body.pointer(pointer)?.as_str().map(Into::into)
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    infobip(server.base_url(), client(), "key").hand_off(&sms()).await.unwrap();
    let ours = [
        ("messages.0.webhooks.callbackData", OWN_KEY),
        ("options.includeSmsCountInResponse", "true"),
    ];
    recorded("infobip-api-python-client 6.0.0 PyPI", "/sms/3/messages")
        .assert_covers(&server.seen()[0], &ours);
}

#[tokio::test]
async fn a_webhook_is_asked_for_with_the_texts_key() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let infobip =
        Infobip::builder(ApiKey::new(KEY).unwrap(), server.base_url(), Sender::from_name("A"))
            .client(client())
            .webhook("https://hooks.example.com/s/token".parse().unwrap())
            .build()
            .unwrap();
    infobip.hand_off(&sms()).await.unwrap();
    let seen = &server.seen()[0];
    let url = field(seen, "/messages/0/webhooks/delivery/url").unwrap();
    assert_eq!(url, format!("https://hooks.example.com/s/token?otpgate={OWN_KEY}"));
    let kind = field(seen, "/messages/0/webhooks/contentType");
    assert_eq!(kind.as_deref(), Some("application/json"));
}

#[tokio::test]
async fn the_status_of_the_message_decides_and_not_the_answers() {
    let server = LocalServer::plain();
    let infobip = infobip(server.base_url(), client(), KEY);
    for (group, name) in [("PENDING", "PENDING_ENROUTE"), ("DELIVERED", "DELIVERED_TO_OPERATOR")] {
        server.next(Play::Answer(status(group, name)));
        let handoff = infobip.hand_off(&sms()).await.unwrap();
        assert_eq!(handoff.message_id.as_deref(), Some(ID));
        assert_eq!((handoff.provider, handoff.segments), (Some(NAME), Some(2)));
    }
    for (group, name, kind) in [
        ("REJECTED", "REJECTED_NEWER", HandoffErrorKind::Refused),
        ("UNDELIVERABLE", "NO_ANSWER", HandoffErrorKind::Indeterminate),
        ("EXPIRED", "SIGNALS_BLOCKED", HandoffErrorKind::Indeterminate),
        ("REJECTED", "SIGNALS_BLOCKED", HandoffErrorKind::Refused),
        ("NEWER", "PENDING_ACCEPTED", HandoffErrorKind::Indeterminate),
        ("OK", "", HandoffErrorKind::Indeterminate),
    ] {
        server.next(Play::Answer(status(group, name)));
        let error = infobip.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{group} {name}");
    }
    for body in [
        json!({ "messages": [] }),
        json!({ "messages": [{ "messageId": ID }] }),
        json!({ "messages": [{ "status": { "groupName": "PENDING" } }] }),
        json!({ "messages": [{ "messageId": "", "status": { "groupName": "PENDING" } }] }),
        // The fields of version 2.
        json!({ "messageId": ID, "status": { "groupName": "PENDING" } }),
    ] {
        server.next(Play::Answer(Answer::json(200, body.to_string())));
        let error = infobip.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "{body}");
    }
}

#[tokio::test]
async fn senders_by_country_and_a_key_that_rotates() {
    use std::sync::{Arc, Mutex};
    let server = LocalServer::answering((ADAPTER.accepted)());
    let current = Arc::new(Mutex::new("first"));
    let source = current.clone();
    let keys = Credentials::from_fn(move || {
        ApiKey::new(*source.lock().unwrap()).map_err(CredentialError::new)
    });
    let senders = Senders::new(Sender::from_number("+15550101"))
        .in_region(Region::DE, Sender::from_name("Example"));
    let infobip = Infobip::builder(keys, server.base_url(), senders).client(client());
    let infobip = infobip.build().unwrap();
    infobip.hand_off(&sms()).await.unwrap();
    *current.lock().unwrap() = "second";
    let german = OutboundSms::for_test("+4915123456789", "text", [2; 16]);
    infobip.hand_off(&german).await.unwrap();
    *current.lock().unwrap() = "";
    let error = infobip.hand_off(&german).await.unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    let seen = server.seen();
    let from: Vec<_> = seen.iter().map(|seen| field(seen, "/messages/0/sender").unwrap()).collect();
    assert_eq!(from, ["+15550101", "Example"]);
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("authorization").unwrap()).collect();
    assert_eq!(sent, ["App first", "App second"]);
}

#[tokio::test]
async fn a_registration_goes_into_the_fields_for_india() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let infobip = infobip(server.base_url(), client(), KEY);
    infobip.hand_off(&registered()).await.unwrap();
    infobip.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    assert_eq!(field(&seen[0], "/messages/0/sender").as_deref(), Some("EXMPLE"));
    let india =
        |name: &str| field(&seen[0], &format!("/messages/0/options/regional/indiaDlt/{name}"));
    assert_eq!(india("principalEntityId").as_deref(), Some("1201159409941345107"));
    assert_eq!(india("contentTemplateId").as_deref(), Some("1107158980000012345"));
    assert!(!seen[1].text().contains("regional"));
}

const TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";

fn reported(body: &Value) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    verify(&format!("https://hooks.example.com/s/{TOKEN}?otpgate=x"), body)
}

fn verify(url: &str, body: &Value) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let body = body.to_string();
    let request = ReceiptRequest { method: "POST", url, headers: &[], body: body.as_bytes() };
    let receipts = Receipts::behind(PathToken::new(TOKEN).unwrap());
    receipts.verify(&request, Timestamp::from_millis(0)).map_err(|error| error.kind())
}

/// As documented for the reports of version 3.
fn result(group: &str, name: &str, error: &str) -> Value {
    json!({
        "bulkId": "BULK-ID-123-xyz", "messageId": "MESSAGE-ID-123-xyz", "to": "41793026727",
        "price": { "pricePerMessage": 0.00755, "currency": "EUR" }, "sender": "InfoSMS",
        "status": { "groupId": 3, "groupName": group, "id": 5, "name": name, "description": "…" },
        "error": { "groupId": 0, "groupName": "OK", "id": 0, "name": error, "permanent": false },
        "sentAt": "2026-11-27T16:00:00.000+0100", "doneAt": "2026-11-27T16:00:01.000+0100",
        "messageCount": 2, "callbackData": OWN_KEY, "mccMnc": "22801",
    })
}

#[test]
fn several_results_of_one_report_are_read() {
    let mut odd = result("DELIVERED", "DELIVERED_TO_HANDSET", "NO_ERROR");
    odd["messageId"] = json!("+41793026727");
    let receipts = reported(&json!({ "results": [
        result("DELIVERED", "DELIVERED_TO_HANDSET", "NO_ERROR"),
        odd,
        { "messageId": "817790313235066447", "from": "385916242493", "text": "STOP" },
        result("UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED", "EC_UNKNOWN_SUBSCRIBER"),
    ] }))
    .unwrap();
    let states: Vec<_> = receipts.iter().map(|receipt| receipt.state).collect();
    assert_eq!(states, [ReceiptState::Delivered, ReceiptState::Undelivered]);
    let receipt = &receipts[0];
    assert_eq!(receipt.replay_key(), "infobip/MESSAGE-ID-123-xyz/DELIVERED_TO_HANDSET");
    assert_eq!((receipt.key.as_deref(), receipt.segments), (Some(OWN_KEY), Some(2)));
    assert_eq!(receipt.price, Price::from_micros(15_100, "EUR"));
    assert_eq!((receipt.network, receipt.signed_at), ("22801".parse().ok(), None));
    assert_eq!(receipts[1].code.as_deref(), Some("EC_UNKNOWN_SUBSCRIBER"));
    assert!(!format!("{receipts:?}").contains("41793026727"));
}

#[test]
fn a_price_is_a_number_of_any_size() {
    let price = |amount: Value, currency: &str| {
        let mut one = result("DELIVERED", "DELIVERED_TO_HANDSET", "NO_ERROR");
        one["price"] = json!({ "pricePerMessage": amount, "currency": currency });
        one["messageCount"] = json!(1);
        reported(&json!({ "results": [one] })).unwrap()[0].price
    };
    assert_eq!(price(json!(0.00001), "EUR"), Price::from_micros(10, "EUR"));
    assert_eq!(price(json!(0), "USD"), Price::from_micros(0, "USD"));
    assert_eq!(price(json!(1), "USD"), Price::from_micros(1_000_000, "USD"));
    for odd in [json!(-0.1), json!("0.1"), json!(null), json!(1e300)] {
        assert_eq!(price(odd.clone(), "EUR"), None, "{odd}");
    }
    assert_eq!(price(json!(0.01), "UNKNOWN"), None);
}

/// The price is that of one segment: without their count nobody knows what the text cost.
#[test]
fn a_price_without_a_count_of_segments_is_none() {
    let of = |change: fn(&mut Value)| {
        let mut one = result("DELIVERED", "DELIVERED_TO_HANDSET", "NO_ERROR");
        change(&mut one);
        reported(&json!({ "results": [one] })).unwrap()[0].price
    };
    assert_eq!(of(|_| {}), Price::from_micros(15_100, "EUR"));
    let uncounted = |one: &mut Value| drop(one.as_object_mut().unwrap().remove("messageCount"));
    assert_eq!(of(uncounted), None);
}

#[test]
fn the_group_decides_and_two_names_say_nothing() {
    for (group, name, state) in [
        ("PENDING", "PENDING_ENROUTE", ReceiptState::Pending),
        ("DELIVERED", "DELIVERED_TO_OPERATOR", ReceiptState::Pending),
        ("DELIVERED", "DELIVERED_TO_HANDSET", ReceiptState::Delivered),
        ("EXPIRED", "EXPIRED_DLR_UNKNOWN", ReceiptState::Pending),
        ("EXPIRED", "EXPIRED_EXPIRED", ReceiptState::Undelivered),
        ("REJECTED", "REJECTED_DND", ReceiptState::Undelivered),
        ("NEWER", "NEWER_NAME", ReceiptState::Pending),
    ] {
        let receipt =
            &reported(&json!({ "results": [result(group, name, "NO_ERROR")] })).unwrap()[0];
        assert_eq!(receipt.state, state, "{name}");
        assert_eq!(receipt.code.is_some(), state == ReceiptState::Undelivered, "{name}");
    }
}

#[test]
fn every_delivery_error_has_its_fault() {
    assert!(FAULTS.len() > 160);
    for row in FAULTS {
        let by_code = result("UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED", row.code);
        let by_status = result("REJECTED", row.code, "NO_ERROR");
        let receipts = reported(&json!({ "results": [by_code, by_status] })).unwrap();
        for receipt in receipts {
            assert_eq!((receipt.code.as_deref(), receipt.fault), (Some(row.code), Some(row.fault)));
        }
    }
    let newer = result("UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED", "EC_NEWER");
    let receipt = &reported(&json!({ "results": [newer] })).unwrap()[0];
    assert_eq!(receipt.fault, Some(DeliveryFault::Unknown));
    let mut codes: Vec<_> = FAULTS.iter().map(|row| row.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), FAULTS.len(), "a code stands twice");
}

#[test]
fn only_reports_to_the_secret_path_are_believed() {
    let body = json!({ "results": [result("DELIVERED", "DELIVERED_TO_HANDSET", "NO_ERROR")] });
    assert!(verify(&format!("/s/{TOKEN}"), &body).is_ok());
    for url in ["/s/".to_owned(), format!("/s?t={TOKEN}"), format!("/{TOKEN}/s"), String::new()] {
        assert_eq!(verify(&url, &body), Err(ReceiptErrorKind::Forged), "{url}");
    }
    assert_eq!(reported(&json!({ "results": [] })), Ok(Vec::new()));
    for odd in [
        json!(null),
        json!({}),
        json!([]),
        json!({ "results": {} }),
        json!({ "results": [{ "status": {} }] }),
    ] {
        assert_eq!(reported(&odd), Err(ReceiptErrorKind::Malformed), "{odd}");
    }
}
