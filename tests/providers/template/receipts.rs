//! Receipts of providers that have no adapter.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use otpgate::Timestamp;
use otpgate::transport::{
    DeliveryFault, NumberFault, Price, Receipt, ReceiptErrorKind, ReceiptRequest, ReceiptState,
    ReceiptVerifier, SecretText, messagebird, sinch,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::vectors::{Vector, vectors};

const OWN_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";
const SIGNED_AT: u64 = 1_795_800_000;

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn every_vector_is_decided_as_the_sdks_decide_it() {
    let sinch = vectors("sinch");
    let bird = vectors("messagebird");
    assert_eq!((sinch.len(), bird.len()), (5, 11));
    for vector in sinch {
        let secret = SecretText::new(vector.secret.clone());
        vector.assert_decided_by(&sinch::Receipts::signed_by(secret));
    }
    for vector in bird {
        let key = SecretText::new(vector.secret.clone());
        vector.assert_decided_by(&messagebird::Receipts::signed_by(key));
    }
}

#[test]
fn another_secret_or_none_is_refused() {
    for (provider, id) in [("sinch", "sinch-a079"), ("messagebird", "messagebird-a068")] {
        let genuine = vectors(provider).into_iter().find(|vector| vector.id == id).unwrap();
        let refused = Vector { accept: false, ..genuine.clone() };
        for secret in ["", "other"] {
            let secret = SecretText::new(secret);
            if provider == "sinch" {
                refused.assert_decided_by(&sinch::Receipts::signed_by(secret.clone()));
                let right = SecretText::new(genuine.secret.clone());
                genuine.assert_decided_by(&sinch::Receipts::signed_by(secret).or(right));
            } else {
                refused.assert_decided_by(&messagebird::Receipts::signed_by(secret.clone()));
                let right = SecretText::new(genuine.secret.clone());
                genuine.assert_decided_by(&messagebird::Receipts::signed_by(secret).or(right));
            }
        }
    }
}

fn sinch(body: &Value, algorithm: &str, late: u64) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let (body, time) = (body.to_string(), SIGNED_AT.to_string());
    let signature = Base64::encode_string(&mac(b"secret", &format!("{body}.n1.{time}")));
    let headers = [
        ("X-Sinch-Webhook-Signature", &*signature),
        ("X-Sinch-Webhook-Signature-Nonce", "n1"),
        ("X-Sinch-Webhook-Signature-Timestamp", &*time),
        ("X-Sinch-Webhook-Signature-Algorithm", algorithm),
    ];
    let url = "https://hooks.example.com/s";
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let now = Timestamp::from_millis(SIGNED_AT * 1_000 + late);
    let receipts = sinch::Receipts::signed_by(SecretText::new("secret"));
    receipts.verify(&request, now).map_err(|error| error.kind())
}

#[test]
fn sinch_reports_each_status_and_code() {
    let report = |status: &str, code: &str| {
        json!({ "type": "recipient_delivery_report_sms", "batch_id": "01FC66621XXXXX119Z8PMV1QPQ",
                "recipient": "15550100", "code": code.parse::<u64>().unwrap_or(0),
                "status": status, "at": "2026-11-27T12:00:00Z", "client_reference": OWN_KEY })
    };
    for row in sinch::FAULTS {
        let receipts = sinch(&report("Failed", row.code), "HmacSHA256", 0).unwrap();
        let receipt = &receipts[0];
        assert_eq!((receipt.code.as_deref(), receipt.fault), (Some(row.code), Some(row.fault)));
        assert_eq!(receipt.key.as_deref(), Some(OWN_KEY));
        assert!(!format!("{receipts:?}").contains("15550100"));
    }
    for (status, state) in [
        ("Queued", ReceiptState::Pending),
        ("DISPATCHED", ReceiptState::Pending),
        ("Unknown", ReceiptState::Pending),
        ("Delivered", ReceiptState::Delivered),
        ("DELIVERED", ReceiptState::Delivered),
        ("Aborted", ReceiptState::Undelivered),
        ("Expired", ReceiptState::Undelivered),
    ] {
        let receipts = sinch(&report(status, "0"), "HmacSHA256", 300_000).unwrap();
        assert_eq!(receipts[0].state, state, "{status}");
        assert_eq!(receipts[0].word, status.to_lowercase());
    }
    let mut of_network = report("Delivered", "0");
    assert_eq!(sinch(&of_network, "HmacSHA256", 0).unwrap()[0].network, None);
    of_network["operator"] = json!("35000");
    let found = sinch(&of_network, "HmacSHA256", 0).unwrap();
    assert_eq!(found[0].network, "35000".parse().ok());
    let batch = json!({ "type": "delivery_report_sms", "batch_id": "b",
                        "statuses": [{ "code": 413, "status": "Failed", "count": 1 }] });
    let receipt = &sinch(&batch, "HmacSHA256", 0).unwrap()[0];
    assert_eq!(receipt.fault, Some(DeliveryFault::Account));
    let inbound = json!({ "type": "mo_text", "id": "1", "body": "STOP" });
    assert_eq!(sinch(&inbound, "HmacSHA256", 0), Ok(Vec::new()));
    let good = report("Delivered", "0");
    assert_eq!(sinch(&good, "HmacSHA256", 300_001), Err(ReceiptErrorKind::Stale));
    assert_eq!(sinch(&good, "HmacSHA1", 0), Err(ReceiptErrorKind::Forged));
    for odd in [
        json!(null),
        json!({ "type": "delivery_report_sms", "batch_id": "b" }),
        json!({ "type": "recipient_delivery_report_sms", "batch_id": "+15550100" }),
    ] {
        assert_eq!(sinch(&odd, "HmacSHA256", 0), Err(ReceiptErrorKind::Malformed), "{odd}");
    }
}

/// A report at this query, with these claims beside the right ones.
fn bird(query: &str, change: Value, body: &str) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let url = format!("https://hooks.example.com/sms?{query}");
    let hash = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut claims = json!({ "iss": "MessageBird", "nbf": SIGNED_AT, "exp": SIGNED_AT + 60,
                             "jti": "1", "url_hash": hash(url.as_bytes()) });
    if !body.is_empty() {
        claims["payload_hash"] = json!(hash(body.as_bytes()));
    }
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&json!({ "alg": "HS256" })), encode(&claims));
    let signature = Base64UrlUnpadded::encode_string(&mac(b"key", &signed));
    let token = format!("{signed}.{signature}");
    let headers = [("MessageBird-Signature-JWT", &*token)];
    let request =
        ReceiptRequest { method: "GET", url: &url, headers: &headers, body: body.as_bytes() };
    let now = Timestamp::from_millis(SIGNED_AT * 1_000);
    let receipts = messagebird::Receipts::signed_by(SecretText::new("key"));
    receipts.verify(&request, now).map_err(|error| error.kind())
}

#[test]
fn messagebird_reports_stand_in_the_query() {
    let query = format!(
        "id=49e40bae0b374f1c&reference={OWN_KEY}&recipient=15550100&status=delivery_failed\
         &statusReason=unknown+subscriber&statusErrorCode=1&messagePartCount=2\
         &price[amount]=0.07&price[currency]=EUR"
    );
    let receipts = bird(&query, json!({}), "").unwrap();
    let receipt = &receipts[0];
    assert_eq!(
        (&*receipt.message_id, receipt.state),
        ("49e40bae0b374f1c", ReceiptState::Undelivered)
    );
    assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::Disconnected)));
    assert_eq!((receipt.code.as_deref(), receipt.key.as_deref()), (Some("1"), Some(OWN_KEY)));
    assert_eq!((receipt.segments, receipt.price), (Some(2), Price::from_micros(70_000, "EUR")));
    assert!(!format!("{receipts:?}").contains("15550100"));
    assert_eq!(receipt.network, None);
    let of_network = bird("id=1&status=delivered&mccmnc=310010&ported=0", json!({}), "").unwrap();
    assert_eq!(of_network[0].network, "310010".parse().ok());
    for row in messagebird::FAULTS {
        let is_code = row.code.bytes().all(|byte| byte.is_ascii_digit());
        let name = if is_code { "statusErrorCode" } else { "statusReason" };
        let query = format!("id=1&status=delivery_failed&{name}={}", row.code.replace(' ', "_"));
        assert_eq!(bird(&query, json!({}), "").unwrap()[0].fault, Some(row.fault), "{}", row.code);
    }
    let state = |word| bird(&format!("id=1&status={word}"), json!({}), "x").unwrap()[0].state;
    assert_eq!(state("delivered"), ReceiptState::Delivered);
    assert_eq!((state("sent"), state("buffered")), (ReceiptState::Pending, ReceiptState::Pending));
    for query in
        ["", "id=1", "status=delivered", "id=1&id=2&status=delivered", "id=%2B1&status=sent"]
    {
        assert_eq!(bird(query, json!({}), ""), Err(ReceiptErrorKind::Malformed), "{query}");
    }
}

#[test]
fn a_token_has_its_claims_and_its_time() {
    let query = "id=1&status=delivered";
    let kind = |change: Value| bird(query, change, "").err();
    for (change, expected) in [
        (json!({ "exp": SIGNED_AT - 5 }), None),
        (json!({ "exp": SIGNED_AT - 6 }), Some(ReceiptErrorKind::Stale)),
        (json!({ "nbf": SIGNED_AT + 5 }), None),
        (json!({ "nbf": SIGNED_AT + 6 }), Some(ReceiptErrorKind::Stale)),
        // However long it claims to be good.
        (
            json!({ "nbf": SIGNED_AT - 301, "exp": SIGNED_AT + 9_999 }),
            Some(ReceiptErrorKind::Stale),
        ),
        (json!({ "exp": null }), Some(ReceiptErrorKind::Forged)),
        (json!({ "nbf": null }), Some(ReceiptErrorKind::Forged)),
        (json!({ "jti": "" }), Some(ReceiptErrorKind::Forged)),
        (json!({ "url_hash": null }), Some(ReceiptErrorKind::Forged)),
        (json!({ "payload_hash": "00" }), Some(ReceiptErrorKind::Forged)),
    ] {
        assert_eq!(kind(change.clone()), expected, "{change}");
    }
}
