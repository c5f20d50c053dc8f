//! Vonage's Messages API.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::http::{BaseUrl, CredentialError, Credentials, ReqwestClient};
use otpgate::testing::ManualClock;
use otpgate::testing::transport::Received;
use otpgate::transport::vonage::{
    Account, Application, MESSAGES_ERRORS, MESSAGES_FAULTS, MESSAGES_NAME, MessagesApi,
    MessagesReceipts, Sender,
};
use otpgate::transport::{
    DeliveryFault, ErrorRow, HandoffErrorKind, NumberFault, Price, Receipt, ReceiptErrorKind,
    ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText,
};
use otpgate::{SmsTransport, Timestamp};
use serde_json::{Value, json};

use crate::adapter::{Adapter, client, registered, sms};
use crate::vectors::{Vector, vectors};
use crate::wire::{fields, recorded};
use support::http_server::{Answer, LocalServer, Seen};

const JSON: &str = "application/json";
const SECRET: &str = "invented-api-secret";
const APPLICATION: &str = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
/// Published for tests in RFC 9500.
const PRIVATE_KEY: &str = include_str!("../data/rfc9500_rsa2048.pem");
const ID: &str = "d8f86df1-dec6-442f-870a-2241be27d721";
/// The idempotency key of [`sms`].
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

const ADAPTER: Adapter = Adapter {
    name: MESSAGES_NAME,
    make: |base, client| Box::new(by_account(base, client, SECRET)),
    read,
    accepted: || Answer::json(202, json!({ "message_uuid": ID }).to_string()),
    refused_number: || error(422, "1430"),
    refused_account: || error(401, "unauthorized"),
    throttled: || error(429, "1000"),
    errors: MESSAGES_ERRORS,
    error: |row: &ErrorRow| match row.code.strip_prefix("HTTP ") {
        Some(status) => Answer::html(status.parse().unwrap()),
        None => error(422, row.code),
    },
    secrets: &[SECRET, "aW52ZW50ZWQ"],
};

adapter_tests!(ADAPTER);

/// The same for an application and its key.
mod application {
    use super::*;

    const ADAPTER: Adapter = Adapter {
        make: |base, client| Box::new(by_application(base, client)),
        secrets: &["MIIEvQIBADANBgkqhkiG", "eyJhbGci"],
        ..super::ADAPTER
    };

    adapter_tests!(ADAPTER);
}

fn by_account(base: BaseUrl, client: ReqwestClient, secret: &str) -> MessagesApi {
    let account = Account::new("abcd1234", secret).unwrap();
    let builder = MessagesApi::builder(account, Sender::from_name("Acme"));
    builder.client(client).base_url(base).build().unwrap()
}

/// Signed at the time of [`SIGNED_AT`].
fn by_application(base: BaseUrl, client: ReqwestClient) -> MessagesApi {
    let application = Application::new(APPLICATION, PRIVATE_KEY).unwrap();
    MessagesApi::builder_for_application(application, Sender::from_name("Acme"))
        .clock(ManualClock::new(Timestamp::from_millis(SIGNED_AT * 1_000 + 7)))
        .client(client)
        .base_url(base)
        .build()
        .unwrap()
}

fn field(seen: &Seen, pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body.pointer(pointer)?.as_str().map(Into::into)
}

fn read(seen: &Seen) -> Received {
    let number = format!("+{}", field(seen, "/to").unwrap());
    Received::new(number, field(seen, "/text").unwrap(), field(seen, "/client_ref"))
}

/// As documented: RFC 7807, with the code behind the `#`.
fn error(status: u16, code: &str) -> Answer {
    let general = code.bytes().any(|byte| byte.is_ascii_alphabetic());
    let page = if general { "api-errors/" } else { "api-errors/messages" };
    let body = json!({
        "type": format!("https://developer.vonage.com/{page}#{code}"),
        "title": "Something", "detail": "The `to` parameter 15550100 is wrong.",
        "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    });
    Answer::json(status, body.to_string())
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    by_account(server.base_url(), client(), "s3cr3t").hand_off(&sms()).await.unwrap();
    by_application(server.base_url(), client()).hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    let node = recorded("@vonage/server-sdk@3.27.0 npm", "/v1/messages");
    let python = recorded("vonage 4.9.1 PyPI", "/v1/messages");
    for (seen, sdk) in seen.iter().zip([&node, &python]) {
        assert_eq!((&seen.method, &seen.target), (&sdk.method, &sdk.path));
        assert_eq!(seen.header("content-type"), Some(JSON));
        let mut ours = fields(JSON, &seen.text());
        let mut theirs = fields(JSON, &sdk.body);
        // Ours brings the text's key; that for Node.js leaves the sign in the number.
        assert_eq!(ours.remove("client_ref").as_deref(), Some(KEY));
        theirs.insert("to".to_owned(), "15550100".to_owned());
        assert_eq!(ours, theirs, "{}", sdk.sdk);
    }
    assert_eq!(fields(JSON, &python.body)["to"], "15550100");
    assert_eq!(seen[0].header("authorization"), node.header("authorization"));
    assert_eq!(python.header("authorization"), Some("Bearer <RS256 JWT>"));
}

#[tokio::test]
async fn an_application_signs_a_token_for_each_text() {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
    let server = LocalServer::answering((ADAPTER.accepted)());
    by_application(server.base_url(), client()).hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    let token = seen[0].header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decoded = |part: &str| Base64UrlUnpadded::decode_vec(part).unwrap();
    let body: String = PRIVATE_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = RsaKeyPair::from_pkcs8(&base64ct::Base64::decode_vec(&body).unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
    public.verify(signed.as_bytes(), &decoded(signature)).unwrap();
    assert!(public.verify(&signed.as_bytes()[1..], &decoded(signature)).is_err());
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part| serde_json::from_slice::<Value>(&decoded(part)).unwrap();
    assert_eq!(read(header), json!({ "alg": "RS256", "typ": "JWT" }));
    let expected = json!({
        "application_id": APPLICATION, "iat": SIGNED_AT, "exp": SIGNED_AT + 300,
        "jti": format!("{KEY}-{}007", SIGNED_AT),
    });
    assert_eq!(read(claims), expected);
}

#[tokio::test]
async fn webhook_validity_and_registration_have_fields_of_their_own() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let account = Account::new("abcd1234", SECRET).unwrap();
    let messages = MessagesApi::builder(account.clone(), Sender::from_number("+15550101"))
        .client(client())
        .base_url(server.base_url())
        .webhook("https://hooks.example.com/sms".parse().unwrap())
        .validity(Duration::from_secs(300))
        .build()
        .unwrap();
    messages.hand_off(&registered()).await.unwrap();
    messages.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    let first = fields(JSON, &seen[0].text());
    let named = ["webhook_url", "webhook_version", "ttl", "from"].map(|name| first[name].as_str());
    assert_eq!(named, ["https://hooks.example.com/sms", "v1", "300", "EXMPLE"]);
    assert_eq!(first["sms.entity_id"], "1201159409941345107");
    assert_eq!(first["sms.content_id"], "1107158980000012345");
    let second = fields(JSON, &seen[1].text());
    assert_eq!(second["from"], "15550101");
    assert!(!second.keys().any(|name| name.starts_with("sms")), "{second:?}");
    for span in [Duration::from_secs(19), Duration::from_secs(604_801)] {
        let builder = MessagesApi::builder(account.clone(), Sender::from_name("Acme"));
        assert!(builder.validity(span).build().is_err());
    }
}

#[tokio::test]
async fn the_answer_is_an_identifier_and_credentials_rotate() {
    use std::sync::{Arc, Mutex};
    let server = LocalServer::answering((ADAPTER.accepted)());
    let current = Arc::new(Mutex::new(APPLICATION));
    let source = current.clone();
    let applications = Credentials::from_fn(move || {
        Application::new(*source.lock().unwrap(), PRIVATE_KEY).map_err(CredentialError::new)
    });
    let messages = MessagesApi::builder_for_application(applications, Sender::from_name("Acme"));
    let messages = messages.client(client()).base_url(server.base_url()).build().unwrap();
    let handoff = messages.hand_off(&sms()).await.unwrap();
    assert_eq!((handoff.message_id.as_deref(), handoff.provider), (Some(ID), Some(MESSAGES_NAME)));
    assert_eq!((handoff.price, handoff.segments), (None, None));
    *current.lock().unwrap() = "";
    let error = messages.hand_off(&sms()).await.unwrap_err();
    assert_eq!((error.kind(), error.needs_operator()), (HandoffErrorKind::NotSent, true));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn every_vector_is_decided_as_the_sdks_decide_it() {
    let vectors: Vec<Vector> =
        vectors("vonage").into_iter().filter(|one| !one.body.contains("sig=")).collect();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let receipts = MessagesReceipts::signed(SecretText::new(&*vector.secret));
        vector.assert_decided_by(&receipts);
        let wrong = MessagesReceipts::signed(SecretText::new(""));
        Vector { accept: false, ..vector.clone() }.assert_decided_by(&wrong);
        vector.assert_decided_by(&wrong.or(SecretText::new(&*vector.secret)));
    }
}

const SIGNED_AT: u64 = 1_795_800_000;

fn hash(body: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn claims(body: &str) -> Value {
    json!({ "iat": SIGNED_AT, "jti": "j", "iss": "Vonage", "api_key": "abcd1234",
            "payload_hash": hash(body) })
}

/// A token under the signature secret, whatever its header says.
fn token(header: &Value, claims: &Value) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"sigsecret").unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes()))
}

fn hs256() -> Value {
    json!({ "typ": "JWT", "alg": "HS256" })
}

fn verify(authorization: &str, body: &str, late: u64) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let headers = [("Authorization", authorization)];
    let url = "https://hooks.example.com/sms?otpgate=BBBBBBBBBBBBBBBBBBBBBB";
    let request = ReceiptRequest { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let now = Timestamp::from_millis(SIGNED_AT * 1_000 + late);
    let receipts = MessagesReceipts::signed(SecretText::new("sigsecret"));
    receipts.verify(&request, now).map_err(|error| error.kind())
}

fn genuine(body: &Value) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let body = body.to_string();
    verify(&format!("Bearer {}", token(&hs256(), &claims(&body))), &body, 0)
}

/// As documented for a message status.
fn status(word: &str, code: &Value) -> Value {
    json!({
        "message_uuid": ID, "to": "15550100", "from": "Acme", "channel": "sms",
        "timestamp": "2026-11-28T12:14:25Z", "status": word, "client_ref": KEY,
        "error": { "type": "https://developer.vonage.com/api-errors/messages#1", "title": code,
                   "detail": "Something", "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf" },
        "usage": { "currency": "EUR", "price": "0.0666" }, "sms": { "count_total": "2" },
        "destination": { "network_code": "23410" },
    })
}

#[test]
fn a_genuine_status_says_what_became_of_the_text() {
    let receipts = genuine(&status("rejected", &json!(1190))).unwrap();
    let receipt = &receipts[0];
    assert_eq!((&*receipt.message_id, receipt.state), (ID, ReceiptState::Undelivered));
    assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::Disconnected)));
    // The reference of the signed body, not that of the URL, which anybody could have written.
    assert_eq!(receipt.key.as_deref(), Some(KEY));
    assert_eq!((receipt.price, receipt.segments), (Price::from_micros(66_600, "EUR"), Some(2)));
    assert_eq!(receipt.network, "23410".parse().ok());
    assert_eq!(receipt.signed_at, Some(Timestamp::from_millis(SIGNED_AT * 1_000)));
    assert!(!format!("{receipts:?}").contains("15550100"));
    for (word, state) in [
        ("submitted", ReceiptState::Pending),
        ("a_new_word", ReceiptState::Pending),
        ("delivered", ReceiptState::Delivered),
        ("read", ReceiptState::Delivered),
        ("rejected", ReceiptState::Undelivered),
        ("undeliverable", ReceiptState::Undelivered),
    ] {
        let receipts = genuine(&status(word, &json!("1331"))).unwrap();
        assert_eq!(receipts[0].state, state, "{word}");
        assert_eq!(receipts[0].code.is_some(), state == ReceiptState::Undelivered, "{word}");
    }
    // Some parts may have arrived: nobody knows.
    let unknown = genuine(&status("rejected", &json!(1490))).unwrap();
    assert_eq!((unknown[0].state, unknown[0].fault), (ReceiptState::Pending, None));
    let mut deep = status("rejected", &json!(null));
    deep["error"] = json!({ "error": { "title": 1240 } });
    let deep = genuine(&deep).unwrap();
    assert_eq!(deep[0].fault, Some(DeliveryFault::Number(NumberFault::OptedOut)));
}

#[test]
fn every_delivery_error_has_its_fault() {
    for row in MESSAGES_FAULTS {
        let receipts = genuine(&status("rejected", &json!(row.code))).unwrap();
        assert_eq!(receipts[0].fault, Some(row.fault), "{}", row.code);
        assert_eq!(receipts[0].code.as_deref(), Some(row.code));
    }
    let unknown = genuine(&status("rejected", &json!(1999))).unwrap();
    assert_eq!(unknown[0].fault, Some(DeliveryFault::Unknown));
    let silent = genuine(&status("rejected", &json!(null))).unwrap();
    assert_eq!((silent[0].state, &silent[0].code), (ReceiptState::Undelivered, &None));
}

#[test]
fn a_token_is_of_this_body_this_algorithm_and_now() {
    use ReceiptErrorKind::{Forged, Stale, Unsigned};
    let body = status("delivered", &json!(null)).to_string();
    let bearer = |header: &Value, claims: &Value| format!("Bearer {}", token(header, claims));
    let right = bearer(&hs256(), &claims(&body));
    assert!(verify(&right, &body, 0).is_ok());
    assert!(verify(&right.replace("Bearer", "bearer"), &body, 300_000).is_ok());
    assert_eq!(verify(&right, &body, 300_001), Err(Stale));
    assert_eq!(verify(&right, &body.replace("delivered", "rejected"), 0), Err(Forged));
    assert_eq!(verify(&right, "", 0), Err(Forged));
    for header in [json!({}), json!({ "alg": "none" }), json!({ "alg": "HS512" }), json!([])] {
        assert_eq!(verify(&bearer(&header, &claims(&body)), &body, 0), Err(Forged), "{header}");
    }
    let with = |name: &str, value: Value| {
        let mut claims = claims(&body);
        claims[name] = value;
        verify(&bearer(&hs256(), &claims), &body, 0)
    };
    assert!(with("payload_hash", json!(hash(&body).to_uppercase())).is_ok());
    for hash in [json!(null), json!(""), json!(hash("")), json!(1)] {
        assert_eq!(with("payload_hash", hash.clone()), Err(Forged), "{hash}");
    }
    for time in [json!(null), json!("1795800000"), json!(-1), json!(u64::MAX), json!(0)] {
        assert_eq!(with("iat", time.clone()), Err(Stale), "{time}");
    }
    assert!(with("exp", json!(SIGNED_AT)).is_ok());
    assert_eq!(with("exp", json!(SIGNED_AT - 1)), Err(Stale));
    for odd in ["", "Bearer", "Basic YTpi", &right["Bearer ".len()..]] {
        assert_eq!(verify(odd, &body, 0), Err(Unsigned), "{odd}");
    }
    let (signed, signature) = right.rsplit_once('.').unwrap();
    for odd in [
        "Bearer ".to_owned(),
        "Bearer a.b".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.{signature}="),
        format!("{right}.{signature}"),
        format!("Bearer  {}", &right["Bearer ".len()..]),
    ] {
        assert_eq!(verify(&odd, &body, 0), Err(Forged), "{odd}");
    }
    let none = MessagesReceipts::signed(Credentials::from_fn(|| {
        Err(CredentialError::new("the vault is closed"))
    }));
    let headers = [("authorization", &*right)];
    let request =
        ReceiptRequest { method: "POST", url: "/", headers: &headers, body: body.as_bytes() };
    let error = none.verify(&request, Timestamp::from_millis(SIGNED_AT * 1_000)).unwrap_err();
    assert_eq!(error.kind(), ReceiptErrorKind::NoSecret);
}

#[test]
fn what_is_no_receipt_holds_none_or_is_refused() {
    let mut inbound = status("", &json!(null));
    inbound.as_object_mut().unwrap().remove("status");
    assert_eq!(genuine(&inbound), Ok(Vec::new()));
    let mut elsewhere = status("read", &json!(null));
    elsewhere["channel"] = json!("whatsapp");
    assert_eq!(genuine(&elsewhere), Ok(Vec::new()));
    for (name, value) in [
        ("channel", json!(null)),
        ("message_uuid", json!("")),
        ("message_uuid", json!("+15550100")),
        ("status", json!("a b")),
    ] {
        let mut odd = status("delivered", &json!(null));
        odd[name] = value;
        assert_eq!(genuine(&odd), Err(ReceiptErrorKind::Malformed), "{odd}");
    }
    assert_eq!(genuine(&json!(null)), Err(ReceiptErrorKind::Malformed));
}
