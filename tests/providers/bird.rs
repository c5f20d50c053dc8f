//! Bird.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use otpgate::http::{BaseUrl, ClientFn, CredentialError, Credentials, HttpResponse, ReqwestClient};
use otpgate::testing::transport::Received;
use otpgate::transport::bird::{
    ApiKey, Bird, ERRORS, FAULTS, NAME, Receipts, Sender, WebhookSecret,
};
use otpgate::transport::{
    DeliveryFault, ErrorRow, HandoffErrorKind, NumberFault, OutboundSms, Price, Receipt,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::adapter::{Adapter, client, sms};
use crate::vectors::{Vector, vectors};
use crate::wire::recorded;
use support::http_server::{Answer, LocalServer, Play, Seen};

/// That of `wire.json`.
const KEY: &str = "bk_us1_invented0000000000000000";
const ID: &str = "sms_01krdgeqcxet5s7t44vh8rt9mg";
const OWN_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| Box::new(bird(base, client, KEY)),
    read: |seen| {
        let key = seen.header("idempotency-key").map(Into::into);
        Received::new(field(seen, "/to").unwrap(), field(seen, "/text").unwrap(), key)
    },
    accepted: || Answer::json(202, accepted().to_string()),
    refused_number: || error("SMSInvalidRecipient"),
    refused_account: || error("E10001"),
    throttled: || error("rate_limit_error"),
    errors: ERRORS,
    error: |row: &ErrorRow| match row.code.strip_prefix("HTTP ") {
        Some(status) => Answer::html(status.parse().unwrap()),
        None => error(row.code),
    },
    secrets: &[KEY],
};

adapter_tests!(ADAPTER);

fn bird(base: BaseUrl, client: ReqwestClient, key: &str) -> Bird {
    Bird::builder(ApiKey::new(key).unwrap(), Sender::from_name("Acme"))
        .client(client)
        .base_url(base)
        .build()
        .unwrap()
}

/// As documented for an accepted message.
fn accepted() -> Value {
    json!({
        "id": ID, "direction": "outbound", "status": "accepted", "to": "+15550100", "from": "Acme",
        "text": "**REDACTED**", "category": "authentication", "template_id": null,
        "segments": { "count": 2, "encoding": "UCS2", "characters": 27 }, "cost": null,
        "created_at": "2026-11-27T12:00:00Z", "sent_at": null, "delivered_at": null,
    })
}

/// The type of error that each status has, as documented.
const TYPES: &[(&str, u16)] = &[
    ("bad_request_error", 400),
    ("auth_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("gone_error", 410),
    ("precondition_error", 412),
    ("payload_too_large_error", 413),
    ("misdirected_error", 421),
    ("validation_error", 422),
    ("too_early_error", 425),
    ("rate_limit_error", 429),
    ("client_closed_request_error", 499),
    ("internal_error", 500),
    ("not_implemented_error", 501),
    ("service_unavailable_error", 503),
];

/// Bird's answer with this code, name, type or reason.
fn error(word: &str) -> Answer {
    let of_type = |kind: &str| TYPES.iter().find(|(known, _)| *known == kind).unwrap().1;
    let (word, field) = word.split_once(' ').map_or((word, None), |(word, of)| (word, Some(of)));
    let envelope = |kind: &str, code: &str, name: &str| {
        let mut error = json!({
            "type": kind, "code": code, "name": name, "message": "+15550100 cannot be reached",
            "doc_url": format!("https://bird.com/docs/api/errors/{code}"), "request_id": "req_1",
        });
        if let Some(field) = field {
            error["details"] = json!([{ "param": field, "message": "+15550100 is not valid" }]);
        }
        Answer::json(of_type(kind), json!({ "error": error }).to_string())
    };
    match word {
        "E01002" => envelope("bad_request_error", word, "InvalidRequest"),
        "E01004" => envelope("conflict_error", word, "RequestInProgress"),
        "E01005" => envelope("conflict_error", word, "IdempotencyKeyReuse"),
        "E10001" => envelope("auth_error", word, "InvalidApiKey"),
        // With the detail that Bird adds: a country is no invalid number.
        "E12020" => {
            let mut answer = accepted();
            answer["error"] = json!({
                "type": "validation_error", "code": word, "name": "SMSDestinationNotEnabled",
                "details": [{ "param": "to", "message": "country GB is not enabled" }],
            });
            Answer::json(422, answer.to_string())
        }
        code if code.starts_with("E0") => envelope("validation_error", code, "ValidationError"),
        kind if kind.ends_with("_error") => envelope(kind, "E99999", "NewerThanTheTable"),
        name if name.starts_with("S") => envelope("validation_error", "E99999", name),
        reason => {
            let mut answer = accepted();
            answer["status"] = json!("rejected");
            answer["last_error"] = json!({ "code": reason, "description": "to +15550100" });
            Answer::json(202, answer.to_string())
        }
    }
}

fn field(seen: &Seen, pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body.pointer(pointer)?.as_str().map(Into::into)
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    bird(server.base_url(), client(), KEY).hand_off(&sms()).await.unwrap();
    // The SDK's caller left out the category, without which Bird refuses a text.
    let ours = [("category", "authentication"), ("metadata.otpgate", OWN_KEY)];
    let recorded = recorded("messagebird-sdk 0.106.0 PyPI", "/v1/sms/messages");
    recorded.assert_covers(&server.seen()[0], &ours);
    assert!(recorded.header("idempotency-key").is_some());
    assert_eq!(server.seen()[0].header("idempotency-key"), Some(OWN_KEY));
}

#[test]
fn the_key_alone_decides_the_host() {
    use std::sync::{Arc, Mutex};
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let client = ClientFn::new("test", move |request| {
        log.lock().unwrap().push(request.url().to_owned());
        async { Ok(HttpResponse::new(202).with_body(accepted().to_string())) }
    });
    let current = Arc::new(Mutex::new("bk_us1_first"));
    let source = current.clone();
    let keys = Credentials::from_fn(move || {
        ApiKey::new(*source.lock().unwrap()).map_err(CredentialError::new)
    });
    let bird = Bird::builder(keys, Sender::from_name("Acme")).client(client).build().unwrap();
    let send = || otpgate::testing::block_on(bird.hand_off(&sms()));
    send().unwrap();
    *current.lock().unwrap() = "bk_eu1_second";
    send().unwrap();
    *current.lock().unwrap() = "";
    let error = send().unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    let urls = ["us1", "eu1"].map(|of| format!("https://{of}.platform.bird.com/v1/sms/messages"));
    assert_eq!(*asked.lock().unwrap(), urls);
}

#[tokio::test]
async fn each_country_has_its_sender() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let senders = Senders::new(Sender::from_number("+15550101"))
        .in_region(Region::DE, Sender::from_name("Example"))
        .in_region(Region::GB, Sender::from_short_code("24680"));
    let bird = Bird::builder(ApiKey::new(KEY).unwrap(), senders).client(client());
    let bird = bird.base_url(server.base_url()).build().unwrap();
    for number in ["+15550100", "+4915123456789", "+447400123456"] {
        bird.hand_off(&OutboundSms::for_test(number, "text", [2; 16])).await.unwrap();
    }
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| field(seen, "/from").unwrap()).collect();
    assert_eq!(sent, ["+15550101", "Example", "24680"]);
}

#[tokio::test]
async fn the_answer_tells_identifier_segments_and_price() {
    let server = LocalServer::plain();
    server.next(Play::Answer((ADAPTER.accepted)()));
    let mut priced = accepted();
    priced["cost"] = json!({ "amount": "0.00990", "currency_code": "EUR",
                             "transaction_amount": "0.00790", "passthrough_amount": "0.00200" });
    server.next(Play::Answer(Answer::json(202, priced.to_string())));
    let bird = bird(server.base_url(), client(), KEY);
    let handoff = bird.hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some(ID));
    assert_eq!((handoff.provider, handoff.segments, handoff.price), (Some(NAME), Some(2), None));
    let handoff = bird.hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.price, Price::from_micros(9_900, "EUR"));
}

#[tokio::test]
async fn the_most_exact_word_decides() {
    let server = LocalServer::plain();
    let bird = bird(server.base_url(), client(), KEY);
    let cases = [
        // A code that is newer than the table: its name, then its type.
        (
            json!({ "type": "validation_error", "code": "E12099", "name": "SMSInvalidRecipient" }),
            "SMSInvalidRecipient",
        ),
        (
            json!({ "type": "validation_error", "code": "E12099", "name": "New" }),
            "validation_error",
        ),
        (json!({ "type": "validation_error", "code": "E01001", "param": "from" }), "E01001 from"),
        (json!({ "type": "validation_error", "code": "E01001", "param": "text" }), "E01001"),
        (json!({ "type": "new_error", "code": "E77777" }), "E77777, HTTP 422"),
        (json!({ "type": "new_error", "code": 12 }), "HTTP 422"),
    ];
    for (error, code) in cases {
        let body = json!({ "error": error }).to_string();
        server.next(Play::Answer(Answer::json(422, body)));
        let error = bird.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.provider_code(), Some(code));
    }
}

#[test]
fn every_vector_is_decided_as_the_sdk_decides_it() {
    let vectors = vectors("bird");
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let secret = WebhookSecret::new(vector.secret.clone()).unwrap();
        vector.assert_decided_by(&Receipts::signed_by(secret));
    }
}

#[test]
fn a_signature_is_strict_base64_under_the_right_secret() {
    let genuine = vectors("bird").into_iter().find(|vector| vector.id == "bird-a091").unwrap();
    let right = WebhookSecret::new(genuine.secret.clone()).unwrap();
    let other = WebhookSecret::new(format!("whsec_{}", Base64::encode_string(&[9; 32]))).unwrap();
    genuine.assert_decided_by(&Receipts::signed_by(other.clone()).or(right.clone()));
    Vector { accept: false, ..genuine.clone() }.assert_decided_by(&Receipts::signed_by(other));
    let receipts = Receipts::signed_by(right);
    let signature = &genuine.headers["webhook-signature"];
    let altered = [
        ("webhook-signature", String::new()),
        ("webhook-signature", signature.trim_end_matches('=').to_owned()),
        ("webhook-signature", signature.replace("v1,", "")),
        ("webhook-signature", signature.replace("v1,", "v1a,")),
        ("webhook-signature", signature.replace("v1,", "V1,")),
        ("webhook-signature", signature.replace("v1,", "v1, ")),
        ("webhook-signature", "v1,".to_owned()),
        ("webhook-signature", signature.replace('/', "_")),
        ("webhook-id", String::new()),
        ("webhook-id", "msg_1.1".to_owned()),
        ("webhook-timestamp", String::new()),
        ("webhook-timestamp", "1795800001".to_owned()),
        ("webhook-timestamp", "01795800000".to_owned()),
        ("webhook-timestamp", "+1795800000".to_owned()),
        ("Webhook-Id", "msg_1".to_owned()),
        ("Webhook-Signature", signature.clone()),
    ];
    for (name, value) in altered {
        let mut headers = genuine.headers.clone();
        headers.insert(name.to_owned(), value);
        Vector { headers, accept: false, ..genuine.clone() }.assert_decided_by(&receipts);
    }
    for bad in ["", "whsec_", "whsec_AAAA", "whsec_elF57swP4YdgumFfkmAzcq4/4wKGAJigGeFZJ1Uf7js"] {
        assert!(WebhookSecret::new(bad).is_err(), "{bad}");
    }
}

const SIGNED_AT: u64 = 1_795_800_000;

/// A webhook of this type about this message, under a secret of ours.
fn webhook(about: &str, data: &Value, late: u64) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let body = json!({ "type": about, "timestamp": "2026-11-27T12:00:00Z", "data": data });
    let (body, time) = (body.to_string(), SIGNED_AT.to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
    mac.update(format!("evt_1.{time}.{body}").as_bytes());
    let signature = format!("v1,{}", Base64::encode_string(&mac.finalize().into_bytes()));
    let headers = [
        ("Webhook-Id", "evt_1"),
        ("Webhook-Timestamp", &*time),
        ("Webhook-Signature", &*signature),
    ];
    let url = "https://hooks.example.com/s?otpgate=BBBBBBBBBBBBBBBBBBBBBB";
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let secret = WebhookSecret::new(format!("whsec_{}", Base64::encode_string(&[7; 32]))).unwrap();
    let now = Timestamp::from_millis(SIGNED_AT * 1_000 + late);
    Receipts::signed_by(secret).verify(&request, now).map_err(|error| error.kind())
}

/// As documented for the events of a message.
fn data(reason: &str) -> Value {
    json!({
        "sms_id": ID, "workspace_id": "ws_01krdgeqcxet5s7t44vh8rt9mg", "to": "+15550100",
        "from": "Acme", "tags": null, "metadata": { "otpgate": OWN_KEY },
        "cost": { "amount": "0.00990", "currency_code": "USD" },
        "error": { "code": reason, "description": "to +15550100", "permanent": null },
    })
}

#[test]
fn a_genuine_receipt_says_what_became_of_the_text() {
    let receipts = webhook("sms.failed", &data("landline_unreachable"), 300_000).unwrap();
    let receipt = &receipts[0];
    assert_eq!((&*receipt.message_id, receipt.state), (ID, ReceiptState::Undelivered));
    assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::NotMobile)));
    // The key of the signed body, not that of the URL, which anybody could have written.
    assert_eq!(receipt.key.as_deref(), Some(OWN_KEY));
    assert_eq!(receipt.price, Price::from_micros(9_900, "USD"));
    assert_eq!(receipt.signed_at, Some(Timestamp::from_millis(SIGNED_AT * 1_000)));
    assert_eq!(receipt.replay_key(), format!("bird/{ID}/failed"));
    assert!(!format!("{receipts:?}").contains("15550100"));
    let late = webhook("sms.failed", &data("unknown"), 300_001);
    assert_eq!(late, Err(ReceiptErrorKind::Stale));
    for (about, state) in [
        ("sms.accepted", ReceiptState::Pending),
        ("sms.sent", ReceiptState::Pending),
        ("sms.delivered", ReceiptState::Delivered),
        ("sms.undelivered", ReceiptState::Undelivered),
        ("sms.rejected", ReceiptState::Undelivered),
        ("sms.expired", ReceiptState::Undelivered),
    ] {
        let receipt = &webhook(about, &data("unreachable"), 0).unwrap()[0];
        assert_eq!(receipt.state, state, "{about}");
        assert_eq!(receipt.code.is_some(), state == ReceiptState::Undelivered, "{about}");
    }
}

#[test]
fn every_reason_has_its_fault() {
    for row in FAULTS {
        let receipts = webhook("sms.undelivered", &data(row.code), 0).unwrap();
        assert_eq!(receipts[0].fault, Some(row.fault), "{}", row.code);
        assert_eq!(receipts[0].code.as_deref(), Some(row.code));
    }
    let mut bare = data("a_new_reason");
    let receipts = webhook("sms.undelivered", &bare, 0).unwrap();
    assert_eq!(receipts[0].fault, Some(DeliveryFault::Unknown));
    bare["error"] = json!(null);
    bare["metadata"] = json!({ "otpgate": "+15550100" });
    bare["cost"] = json!(null);
    let receipt = &webhook("sms.undelivered", &bare, 0).unwrap()[0];
    assert_eq!((receipt.code.as_deref(), &receipt.key), (Some("unknown"), &None));
}

#[test]
fn what_is_no_receipt_holds_none_or_is_refused() {
    for about in ["sms.received", "sms_suppression.created", "email.delivered", "sms.new"] {
        assert_eq!(webhook(about, &data("unknown"), 0), Ok(Vec::new()), "{about}");
    }
    for odd in [json!(null), json!({}), json!({ "sms_id": "" }), json!({ "sms_id": "+15550100" })] {
        let read = webhook("sms.delivered", &odd, 0);
        assert_eq!(read, Err(ReceiptErrorKind::Malformed), "{odd}");
    }
}

/// Bird has no fields for a registration: its sender goes, its identifiers do not.
#[tokio::test]
async fn a_registered_sender_goes_before_the_configured_one() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    bird(server.base_url(), client(), KEY).hand_off(&crate::adapter::registered()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(field(seen, "/from").as_deref(), Some("EXMPLE"));
    assert!(!seen.text().contains("1107158980000012345"));
}
