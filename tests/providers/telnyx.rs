//! Telnyx.

use otpgate::http::{BaseUrl, CredentialError, Credentials, ReqwestClient};
use otpgate::testing::transport::Received;
use otpgate::transport::telnyx::{
    ApiKey, ERRORS, FAULTS, NAME, PublicKey, Receipts, Sender, Telnyx,
};
use otpgate::transport::{
    CallbackUrl, DeliveryFault, ErrorRow, HandoffError, HandoffErrorKind, NumberFault, OutboundSms,
    Price, Receipt, ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};
use serde_json::{Value, json};

use crate::adapter::{Adapter, client, sms};
use crate::vectors::{Vector, vectors};
use crate::wire::recorded;
use support::http_server::{Answer, LocalServer, Play, Seen};

/// Not that of `wire.json`, which is a part of other words.
const KEY: &str = "KEY-invented";
const PROFILE: &str = "4000eba1-a0c0-4563-9925-b25e842a7cb6";
const ID: &str = "40385f64-5717-4562-b3fc-2c963f66afa6";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| Box::new(telnyx(base, client, KEY)),
    read: |seen| Received::new(field(seen, "to").unwrap(), field(seen, "text").unwrap(), key(seen)),
    accepted: || Answer::json(200, accepted().to_string()),
    refused_number: || error(400, "40310"),
    refused_account: || error(401, "10009"),
    throttled: || error(429, "10011"),
    errors: ERRORS,
    error: |row: &ErrorRow| match row.code.strip_prefix("HTTP ") {
        Some(status) => Answer::html(status.parse().unwrap()),
        None => error(400, row.code),
    },
    secrets: &[KEY],
};

adapter_tests!(ADAPTER);

fn telnyx(base: BaseUrl, client: ReqwestClient, key: &str) -> Telnyx {
    Telnyx::builder(ApiKey::new(key).unwrap(), Sender::from_number("+15550101"))
        .client(client)
        .base_url(base)
        .webhook("https://hooks.example.com/s?a=1".parse().unwrap())
        .build()
        .unwrap()
}

/// As documented for the Messages resource.
fn accepted() -> Value {
    json!({ "data": {
        "record_type": "message", "direction": "outbound", "id": ID, "type": "SMS",
        "messaging_profile_id": PROFILE, "from": { "phone_number": "+15550101" },
        "to": [{ "phone_number": "+15550100", "status": "queued", "carrier": "", "line_type": "" }],
        "text": "…", "encoding": "UCS-2", "parts": 2, "cost": null, "errors": [],
    } })
}

/// A code, perhaps with what it points to: `10002 /from`.
fn error(status: u16, code: &str) -> Answer {
    let (code, pointer) = code.split_once(' ').unwrap_or((code, ""));
    let mut error = json!({
        "code": code, "title": "A title", "detail": "The number +15550100 is wrong.",
        "meta": { "url": format!("https://developers.telnyx.com/docs/overview/errors/{code}") },
    });
    if !pointer.is_empty() {
        error["source"] = json!({ "pointer": pointer });
    }
    Answer::json(status, json!({ "errors": [error] }).to_string())
}

fn field(seen: &Seen, name: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body[name].as_str().map(Into::into)
}

fn key(seen: &Seen) -> Option<String> {
    CallbackUrl::key_in(&field(seen, "webhook_url")?).map(Into::into)
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let bare = Telnyx::builder(ApiKey::new("KEYx").unwrap(), Sender::from_number("+15550101"));
    let bare = bare.client(client()).base_url(server.base_url()).build().unwrap();
    bare.hand_off(&sms()).await.unwrap();
    for sdk in ["telnyx@7.24.0 npm", "telnyx 4.189.0 PyPI"] {
        recorded(sdk, "/v2/messages").assert_same(&server.seen()[0], &[]);
    }
    telnyx(server.base_url(), client(), KEY).hand_off(&sms()).await.unwrap();
    let webhook = field(&server.seen()[1], "webhook_url");
    let expected = "https://hooks.example.com/s?a=1&otpgate=AQEBAQEBAQEBAQEBAQEBAQ";
    assert_eq!(webhook.as_deref(), Some(expected));
}

/// Telnyx answers a repeat as the first if key and body are the same, byte by byte.
#[tokio::test]
async fn a_repeat_has_the_same_key_and_the_same_body() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let telnyx = telnyx(server.base_url(), client(), KEY);
    let (one, other) = (sms(), OutboundSms::for_test("+15550100", "text", [2; 16]));
    for sms in [&one, &one, &other] {
        telnyx.hand_off(sms).await.unwrap();
    }
    let seen = server.seen();
    let keys: Vec<_> = seen.iter().map(|seen| seen.header("idempotency-key")).collect();
    assert_eq!(
        keys,
        [one.idempotency_key(), one.idempotency_key(), other.idempotency_key()]
            .map(|key| Some(key.as_str()))
    );
    assert_eq!(seen[0].text(), seen[1].text());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte);
    assert!(keys.iter().flatten().all(|key| key.bytes().all(allowed)), "{keys:?}");
}

#[tokio::test]
async fn names_pools_and_senders_by_country() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let senders = Senders::new(Sender::from_pool(PROFILE))
        .in_region(Region::DE, Sender::from_name("Example", PROFILE))
        .in_region(Region::GB, Sender::from_short_code("12345"));
    let telnyx = Telnyx::builder(ApiKey::new(KEY).unwrap(), senders).client(client());
    let telnyx = telnyx.base_url(server.base_url()).build().unwrap();
    for number in ["+15550100", "+4915123456789", "+447400123456"] {
        telnyx.hand_off(&OutboundSms::for_test(number, "text", [2; 16])).await.unwrap();
    }
    let sent = |field_name| {
        let seen = server.seen();
        seen.iter().map(|seen| field(seen, field_name).unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(sent("from"), ["", "Example", "12345"]);
    assert_eq!(sent("messaging_profile_id"), [PROFILE, PROFILE, ""]);
}

#[tokio::test]
async fn the_answer_tells_identifier_parts_and_price() {
    let server = LocalServer::plain();
    server.next(Play::Answer((ADAPTER.accepted)()));
    let mut priced = accepted();
    priced["data"]["cost"] = json!({ "amount": "0.0051", "currency": "USD" });
    server.next(Play::Answer(Answer::json(200, priced.to_string())));
    let telnyx = telnyx(server.base_url(), client(), KEY);
    let handoff = telnyx.hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some(ID));
    assert_eq!((handoff.provider, handoff.segments, handoff.price), (Some(NAME), Some(2), None));
    let handoff = telnyx.hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.price, Price::from_micros(5_100, "USD"));
}

#[tokio::test]
async fn a_numeric_code_counts_and_the_key_rotates() {
    use std::sync::{Arc, Mutex};
    let server = LocalServer::answering(Answer::json(422, r#"{"errors":[{"code":40300}]}"#));
    let current = Arc::new(Mutex::new("KEY-first"));
    let source = current.clone();
    let keys = Credentials::from_fn(move || {
        ApiKey::new(*source.lock().unwrap()).map_err(CredentialError::new)
    });
    let telnyx = Telnyx::builder(keys, Sender::from_number("+15550101")).client(client());
    let telnyx = telnyx.base_url(server.base_url()).build().unwrap();
    let error = telnyx.hand_off(&sms()).await.unwrap_err();
    assert_eq!(error.number_fault(), Some(NumberFault::OptedOut));
    *current.lock().unwrap() = "KEY-second";
    telnyx.hand_off(&sms()).await.unwrap_err();
    *current.lock().unwrap() = "";
    let error = telnyx.hand_off(&sms()).await.unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("authorization").unwrap()).collect();
    assert_eq!(sent, ["Bearer KEY-first", "Bearer KEY-second"]);
}

/// How a text ends that is answered with HTTP 400 and this code.
async fn answered(code: &str) -> HandoffError {
    let server = LocalServer::answering(error(400, code));
    telnyx(server.base_url(), client(), KEY).hand_off(&sms()).await.unwrap_err()
}

/// Telnyx's reference has them under delivery errors, and answers requests with them.
#[tokio::test]
async fn a_delivery_error_in_the_answer_is_no_doubt() {
    use HandoffErrorKind::{NotSent, Refused};
    for (code, kind, alert, fault) in [
        ("40013", NotSent, true, None),
        ("40010", NotSent, true, None),
        ("10039", NotSent, true, None),
        ("40006", NotSent, true, None),
        ("40008", NotSent, true, None),
        ("40011", NotSent, false, None),
        ("40001", Refused, false, Some(NumberFault::NotMobile)),
        ("40012", Refused, false, None),
    ] {
        let error = answered(code).await;
        let found = (error.kind(), error.needs_operator(), error.number_fault());
        assert_eq!(found, (kind, alert, fault), "{code}: {error}");
    }
}

/// Without a pointer these codes may be about the sender, and then no number is to pay for it.
#[tokio::test]
async fn a_number_is_blamed_only_where_telnyx_points_to_it() {
    use HandoffErrorKind::{NotSent, Refused};
    for code in ["10001", "10002", "10016"] {
        let error = answered(code).await;
        assert_eq!((error.kind(), error.number_fault()), (Refused, None), "{error}");
        assert!(error.needs_operator(), "{error}");
        for elsewhere in ["/", "/too", "/text", "to", "/data/to"] {
            let error = answered(&format!("{code} {elsewhere}")).await;
            assert_eq!(error.number_fault(), None, "{code} {elsewhere}");
        }
        for to in ["/to", "/to/0", "/to/0/phone_number"] {
            let error = answered(&format!("{code} {to}")).await;
            assert_eq!((error.kind(), error.needs_operator()), (Refused, false), "{code} {to}");
            assert!(error.number_fault().is_some(), "{code} {to}");
        }
        for from in ["/from", "/from/phone_number"] {
            let error = answered(&format!("{code} {from}")).await;
            assert_eq!((error.kind(), error.number_fault()), (NotSent, None), "{code} {from}");
        }
    }
}

#[test]
fn every_vector_is_decided_as_the_sdk_decides_it() {
    let vectors = vectors("telnyx");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        vector.assert_decided_by(&Receipts::signed_by(PublicKey::new(&vector.secret).unwrap()));
    }
}

#[test]
fn a_signature_is_strict_base64_of_64_bytes_from_the_right_key() {
    let genuine = vectors("telnyx").into_iter().find(|vector| vector.id == "telnyx-a085").unwrap();
    let other = PublicKey::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let right = PublicKey::new(&genuine.secret).unwrap();
    genuine.assert_decided_by(&Receipts::signed_by(other).or(right));
    let refused = Vector { accept: false, ..genuine.clone() };
    refused.assert_decided_by(&Receipts::signed_by(other));
    let receipts = Receipts::signed_by(right);
    let signature = &genuine.headers["telnyx-signature-ed25519"];
    for altered in [
        String::new(),
        signature.trim_end_matches('=').to_owned(),
        signature.replacen("==", "=", 1),
        format!("{signature}="),
        format!(" {signature}"),
        format!("{signature}\n"),
        signature.replace('/', "_").replace('+', "-"),
        signature.replace("dCw==", "dCx=="),
        format!("AAAA{signature}"),
    ] {
        let mut headers = genuine.headers.clone();
        headers.insert("telnyx-signature-ed25519".to_owned(), altered);
        Vector { headers, accept: false, ..genuine.clone() }.assert_decided_by(&receipts);
    }
    for (name, value) in [
        ("telnyx-timestamp", "1795800001"),
        ("telnyx-timestamp", "+1795800000"),
        ("telnyx-timestamp", "01795800000"),
        ("telnyx-timestamp", "1795800000.0"),
        ("telnyx-timestamp", ""),
        ("telnyx-timestamp", "99999999999999999999"),
        ("Telnyx-Timestamp", "1795800000"),
        ("Telnyx-Signature-Ed25519", "AAAA"),
    ] {
        let mut headers = genuine.headers.clone();
        headers.insert(name.to_owned(), value.to_owned());
        Vector { headers, accept: false, ..genuine.clone() }.assert_decided_by(&receipts);
    }
}

#[test]
fn a_public_key_is_32_bytes_in_strict_base64() {
    for bad in [
        "",
        "e0czfzyCe4uREbvYZCLA6kbLf8x2mpdYhFZ738iGviw",
        "e0czfzyCe4uREbvYZCLA6kbLf8x2mpdYhFZ738iGviw=\n",
        "e0czfzyCe4uREbvYZCLA6kbLf8x2mpdYhFZ738iG",
        "e0czfzyCe4uREbvYZCLA6kbLf8x2mpdYhFZ738iGviwAAAA=",
    ] {
        assert!(PublicKey::new(bad).is_err(), "{bad}");
    }
}

const SIGNED_AT: u64 = 1_795_800_000;

/// A webhook with this event, signed by a key pair of ours.
fn webhook(event: &Value, late: u64) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    use base64ct::{Base64, Encoding};
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = PublicKey::new(&Base64::encode_string(pair.public_key().as_ref())).unwrap();
    let body = json!({ "data": event, "meta": { "attempt": 1 } }).to_string();
    let signature = pair.sign(format!("{SIGNED_AT}|{body}").as_bytes());
    let (signature, time) = (Base64::encode_string(signature.as_ref()), SIGNED_AT.to_string());
    let headers = [("Telnyx-Signature-Ed25519", &*signature), ("Telnyx-Timestamp", &*time)];
    let url = "https://hooks.example.com/s?otpgate=BBBBBBBBBBBBBBBBBBBBBB";
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let now = Timestamp::from_millis(SIGNED_AT * 1_000 + late);
    Receipts::signed_by(public).verify(&request, now).map_err(|error| error.kind())
}

/// As documented for delivery updates.
fn event(status: &str, code: &str, title: &str) -> Value {
    json!({ "event_type": "message.finalized", "id": "4ee8c3a6", "payload": {
        "id": ID, "cost": { "amount": "0.0051", "currency": "USD" }, "parts": 2,
        "errors": [{ "code": code, "title": title }], "from": { "phone_number": "+15550101" },
        "to": [{ "phone_number": "+15550100", "status": status }],
        "webhook_url": "https://hooks.example.com/s?otpgate=AQEBAQEBAQEBAQEBAQEBAQ",
    } })
}

#[test]
fn a_genuine_receipt_says_what_became_of_the_text() {
    let event_of_failure = event("delivery_failed", "40001", "Not routable");
    let receipts = webhook(&event_of_failure, 300_000).unwrap();
    let receipt = &receipts[0];
    assert_eq!((&*receipt.message_id, receipt.state), (ID, ReceiptState::Undelivered));
    assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::NotMobile)));
    // The key of the signed body, not that of the URL, which anybody could have written.
    assert_eq!(receipt.key.as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ"));
    assert_eq!((receipt.price, receipt.segments), (Price::from_micros(5_100, "USD"), Some(2)));
    assert_eq!(receipt.signed_at, Some(Timestamp::from_millis(SIGNED_AT * 1_000)));
    assert!(!format!("{receipts:?}").contains("15550100"));
    assert_eq!(webhook(&event_of_failure, 300_001), Err(ReceiptErrorKind::Stale));
    for (word, state) in [
        ("queued", ReceiptState::Pending),
        ("sending", ReceiptState::Pending),
        ("sent", ReceiptState::Pending),
        ("delivery_unconfirmed", ReceiptState::Pending),
        ("a_new_word", ReceiptState::Pending),
        ("delivered", ReceiptState::Delivered),
        ("read", ReceiptState::Delivered),
        ("sending_failed", ReceiptState::Undelivered),
        ("expired", ReceiptState::Undelivered),
        ("cancelled", ReceiptState::Undelivered),
    ] {
        let receipts = webhook(&event(word, "40328", "A warning"), 0).unwrap();
        assert_eq!(receipts[0].state, state, "{word}");
        assert_eq!(receipts[0].code.is_some(), state == ReceiptState::Undelivered, "{word}");
    }
}

#[test]
fn every_delivery_error_has_its_fault_and_40300_its_title() {
    for row in FAULTS {
        let receipts =
            webhook(&event("delivery_failed", row.code, "Blocked due to STOP"), 0).unwrap();
        assert_eq!(receipts[0].fault, Some(row.fault), "{}", row.code);
        assert_eq!(receipts[0].code.as_deref(), Some(row.code));
    }
    for (code, title) in [("40300", "Blocked"), ("49999", "STOP")] {
        let receipts = webhook(&event("delivery_failed", code, title), 0).unwrap();
        assert_eq!(receipts[0].fault, Some(DeliveryFault::Unknown), "{code} {title}");
    }
}

/// As documented for an incoming message that Telnyx answers itself.
#[test]
fn an_inbound_message_is_a_wish_if_telnyx_takes_it_for_one() {
    use otpgate::transport::Wish;
    let inbound = |kind: Value| {
        let payload = json!({
            "direction": "inbound", "id": ID, "text": "STOP", "autoresponse_type": kind,
            "from": { "phone_number": "+15550100", "carrier": "T-Mobile USA" },
            "to": [{ "phone_number": "+15550101", "status": "webhook_delivered" }],
        });
        webhook(&json!({ "event_type": "message.received", "id": "e", "payload": payload }), 0)
    };
    for (kind, wish) in [
        (json!("STOP"), Some(Wish::OptOut)),
        (json!("stop"), Some(Wish::OptOut)),
        (json!("START"), Some(Wish::OptIn)),
        (json!("HELP"), None),
        (json!("QUIZ"), None),
        (json!(null), None),
    ] {
        let receipts = inbound(kind.clone()).unwrap();
        let found = receipts.first().map(|receipt| receipt.wish.clone().unwrap());
        assert_eq!(found.as_ref().map(|owners| owners.wish), wish, "{kind}");
        if let Some(owners) = found {
            assert_eq!(owners.number.expose_secret(), "+15550100");
            assert_eq!(receipts[0].signed_at, Some(Timestamp::from_millis(SIGNED_AT * 1_000)));
            assert!(!format!("{receipts:?}").contains("15550100"));
        }
    }
}

#[test]
fn what_is_no_receipt_holds_none_or_is_refused() {
    for about in ["message.received", "messaging-profile.spend-limit-reached", "call.hangup"] {
        let mut event = event("received", "", "");
        event["event_type"] = json!(about);
        assert_eq!(webhook(&event, 0), Ok(Vec::new()), "{about}");
    }
    for odd in [
        json!(null),
        json!({}),
        json!({ "event_type": "message.finalized" }),
        json!({ "event_type": "message.finalized", "payload": { "id": ID } }),
        json!({ "event_type": "message.finalized", "payload": { "id": ID, "to": [] } }),
        json!({ "event_type": "message.finalized",
                "payload": { "id": "", "to": [{ "status": "delivered" }] } }),
        json!({ "event_type": "message.finalized",
                "payload": { "id": "+15550100", "to": [{ "status": "delivered" }] } }),
    ] {
        assert_eq!(webhook(&odd, 0), Err(ReceiptErrorKind::Malformed), "{odd}");
    }
}

/// Telnyx has no fields for a template: the registered name goes with the country's profile.
#[tokio::test]
async fn a_registered_sender_goes_with_the_configured_profile() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let senders = Senders::new(Sender::from_pool(PROFILE));
    let telnyx = Telnyx::builder(ApiKey::new(KEY).unwrap(), senders).client(client());
    let telnyx = telnyx.base_url(server.base_url()).build().unwrap();
    telnyx.hand_off(&crate::adapter::registered()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(field(seen, "from").as_deref(), Some("EXMPLE"));
    assert_eq!(field(seen, "messaging_profile_id").as_deref(), Some(PROFILE));
    assert!(!seen.text().contains("1107158980000012345"));
}
