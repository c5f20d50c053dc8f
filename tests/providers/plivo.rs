//! Plivo.

use std::time::Duration;

use otpgate::http::{BaseUrl, CredentialError, Credentials, ReqwestClient};
use otpgate::testing::transport::Received;
use otpgate::transport::plivo::{Account, ERRORS, FAULTS, NAME, Plivo, Receipts, Sender};
use otpgate::transport::{
    CallbackUrl, DeliveryFault, ErrorRow, HandoffErrorKind, NumberFault, OutboundSms, PathToken,
    Price, Receipt, ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText,
    Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};
use serde_json::{Value, json};

use crate::adapter::{Adapter, client, registered, sms};
use crate::vectors::{Vector, vectors};
use crate::wire::{fields, recorded};
use support::http_server::{Answer, LocalServer, Seen};

const ACCOUNT: &str = "MA000000000000000000";
/// Not that of `wire.json`, which is a part of other words.
const TOKEN: &str = "invented-auth-token";
const PATH: &str = "/v1/Account/MA000000000000000000/Message/";
const ID: &str = "db3ce55a-7f1d-11e1-8ea7-1231380bc196";
const JSON: &str = "application/json";
const CREDIT: &str = "insufficient-credit";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| Box::new(plivo(base, client, TOKEN)),
    read: |seen| {
        Received::new(field(seen, "dst").unwrap(), field(seen, "text").unwrap(), key(seen))
    },
    accepted: || Answer::json(202, ACCEPTED),
    refused_number: || error(400, "15550100 is not a valid phone number"),
    refused_account: || error(401, "Could not verify your access level for that URL."),
    throttled: || error(429, "Too many requests"),
    errors: ERRORS,
    error: |row: &ErrorRow| match row.code.strip_prefix("HTTP ") {
        Some(status) => error(status.parse().unwrap(), "Something about 15550100"),
        None => error(400, "Insufficient Credit"),
    },
    secrets: &[TOKEN, "TUEwMDAw"],
};

/// As documented for the Message resource.
const ACCEPTED: &str = r#"{
  "message": "message(s) queued", "message_uuid": ["db3ce55a-7f1d-11e1-8ea7-1231380bc196"],
  "api_id": "db342550-7f1d-11e1-8ea7-1231380bc196"
}"#;

adapter_tests!(ADAPTER);

fn plivo(base: BaseUrl, client: ReqwestClient, token: &str) -> Plivo {
    Plivo::builder(Account::new(ACCOUNT, token).unwrap(), Sender::from_number("+15550101"))
        .client(client)
        .base_url(base)
        .callback("https://hooks.example.com/s?a=1".parse().unwrap())
        .build()
        .unwrap()
}

fn error(status: u16, words: &str) -> Answer {
    let body = json!({ "api_id": "db342550-7f1d-11e1-8ea7-1231380bc196", "error": words });
    Answer::json(status, body.to_string())
}

fn field(seen: &Seen, name: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    body[name].as_str().map(Into::into)
}

fn key(seen: &Seen) -> Option<String> {
    CallbackUrl::key_in(&field(seen, "url")?).map(Into::into)
}

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let bare =
        Plivo::builder(Account::new(ACCOUNT, "tok").unwrap(), Sender::from_number("+15550101"));
    let bare = bare.client(client()).base_url(server.base_url()).build().unwrap();
    bare.hand_off(&sms()).await.unwrap();
    let seen = &server.seen()[0];
    recorded("plivo@4.79.0 npm", PATH).assert_same(seen, &[]);
    // The SDK for Python writes four defaults out.
    let python = recorded("plivo 4.63.0 PyPI", PATH);
    assert_eq!((&seen.method, &seen.target), (&python.method, &python.path));
    assert_eq!(seen.header("authorization"), python.header("authorization"));
    let mut theirs = fields(JSON, &python.body);
    let defaults = [("type", "sms"), ("method", "POST"), ("log", "true"), ("trackable", "false")];
    for (name, value) in defaults {
        assert_eq!(theirs.remove(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(fields(JSON, &seen.text()), theirs);
    plivo(server.base_url(), client(), TOKEN).hand_off(&sms()).await.unwrap();
    let with_callback = fields(JSON, &server.seen()[1].text());
    let expected = "https://hooks.example.com/s?a=1&otpgate=AQEBAQEBAQEBAQEBAQEBAQ";
    assert_eq!((&*with_callback["url"], &*with_callback["method"]), (expected, "POST"));
}

#[tokio::test]
async fn powerpacks_names_senders_by_country_and_settings() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let powerpack = "4000eba1-a0c0-4563-9925-b25e842a7cb6";
    let senders = Senders::new(Sender::from_powerpack(powerpack))
        .in_region(Region::DE, Sender::from_name("Example"));
    let account = Account::new(ACCOUNT, TOKEN).unwrap();
    let plivo = Plivo::builder(account.clone(), senders)
        .client(client())
        .base_url(server.base_url())
        .validity(Duration::from_secs(300))
        .without_log()
        .build()
        .unwrap();
    plivo.hand_off(&sms()).await.unwrap();
    plivo.hand_off(&OutboundSms::for_test("+4915123456789", "text", [2; 16])).await.unwrap();
    plivo.hand_off(&registered()).await.unwrap();
    let seen = server.seen();
    let all: Vec<_> = seen.iter().map(|seen| fields(JSON, &seen.text())).collect();
    assert_eq!((all[0].get("src"), &*all[0]["powerpack_uuid"]), (None, powerpack));
    assert_eq!((all[1].get("powerpack_uuid"), &*all[1]["src"]), (None, "Example"));
    assert_eq!((&*all[0]["message_expiry"], &*all[0]["log"]), ("300", "false"));
    assert!(!all[0].contains_key("dlt_entity_id"));
    assert_eq!((all[2].get("powerpack_uuid"), &*all[2]["src"]), (None, "EXMPLE"));
    assert_eq!(all[2]["dlt_entity_id"], "1201159409941345107");
    assert_eq!(all[2]["dlt_template_id"], "1107158980000012345");
    for span in [4, 10_800] {
        let builder = Plivo::builder(account.clone(), Sender::from_name("Example"));
        assert!(builder.validity(Duration::from_secs(span)).build().is_err());
    }
    assert!(Plivo::builder(account, Sender::from_name("")).build().is_err());
}

#[tokio::test]
async fn an_acceptance_has_its_status_and_an_identifier_in_a_list() {
    for body in [
        r#"{"message_uuid":[]}"#,
        r#"{"message_uuid":[""]}"#,
        r#"{"message_uuid":"db3ce55a"}"#,
        r#"{"message_uuid":[7]}"#,
        r#"{"message":"message(s) queued"}"#,
    ] {
        let server = LocalServer::answering(Answer::json(202, body));
        let answer = plivo(server.base_url(), client(), TOKEN).hand_off(&sms()).await;
        assert_eq!(answer.unwrap_err().kind(), HandoffErrorKind::Indeterminate, "{body}");
    }
    let server = LocalServer::answering((ADAPTER.accepted)());
    let handoff = plivo(server.base_url(), client(), TOKEN).hand_off(&sms()).await.unwrap();
    assert_eq!((handoff.message_id.as_deref(), handoff.provider), (Some(ID), Some(NAME)));
    assert_eq!((handoff.price, handoff.segments), (None, None));
}

/// Under any status, or texts would be refused for good while the credit is used up.
#[tokio::test]
async fn no_credit_is_known_by_its_words() {
    for status in [400, 401, 402, 403, 429] {
        let server = LocalServer::answering(error(status, "insufficient credit."));
        let answer = plivo(server.base_url(), client(), TOKEN).hand_off(&sms()).await;
        let error = answer.unwrap_err();
        assert_eq!(
            (error.kind(), error.provider_code()),
            (HandoffErrorKind::NotSent, Some(CREDIT))
        );
        assert!(error.needs_operator());
    }
}

const SECRET_PATH: &str = "pX3cJ9mB0vQe7LkT2nWs5A";

fn v2(token: &str) -> Receipts {
    Receipts::signed_v2_behind(PathToken::new(SECRET_PATH).unwrap(), SecretText::new(token))
}

/// Those of version 2 without their path are in `src/transport/plivo/receipt.rs`.
#[test]
fn every_vector_is_decided_as_the_sdks_decide_it() {
    let all = vectors("plivo");
    assert_eq!(all.len(), 20);
    let is_v3 = |vector: &Vector| vector.headers.contains_key("X-Plivo-Signature-V3");
    assert_eq!(all.iter().filter(|vector| is_v3(vector)).count(), 12);
    for vector in all {
        let token = SecretText::new(&*vector.secret);
        if is_v3(&vector) {
            vector.assert_decided_by(&Receipts::signed(token.clone()));
            vector.assert_decided_by(&Receipts::signed(SecretText::new("other")).or(token));
            let refused = Vector { accept: false, ..vector.clone() };
            refused.assert_decided_by(&Receipts::signed(SecretText::new("")));
            refused.assert_decided_by(&v2(&vector.secret));
        } else {
            // Whoever is configured for version 3 takes nothing less; version 2 needs its path.
            let refused = Vector { accept: false, ..vector.clone() };
            refused.assert_decided_by(&Receipts::signed(token));
            refused.assert_decided_by(&v2(&vector.secret));
        }
    }
}

fn hmac(text: &str) -> String {
    use base64ct::{Base64, Encoding};
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"plivotoken").unwrap();
    mac.update(text.as_bytes());
    Base64::encode_string(&mac.finalize().into_bytes())
}

const URL: &str = "https://hooks.example.com/s?otpgate=AQEBAQEBAQEBAQEBAQEBAQ";

/// The signature of version 3 for a `POST` to [`URL`].
fn sign_v3(body: &str) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
    pairs.sort();
    let joined: String = pairs.iter().map(|(name, value)| format!("{name}{value}")).collect();
    hmac(&format!("{URL}.{joined}.nonce1"))
}

fn verify(
    receipts: &Receipts,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let request = ReceiptRequest { method: "POST", url, headers, body: body.as_bytes() };
    receipts.verify(&request, Timestamp::from_millis(0)).map_err(|error| error.kind())
}

fn receipts() -> Receipts {
    Receipts::signed(SecretText::new("plivotoken"))
}

fn genuine(body: &str) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let signature = sign_v3(body);
    let headers = [("X-Plivo-Signature-V3", &*signature), ("X-Plivo-Signature-V3-Nonce", "nonce1")];
    verify(&receipts(), URL, &headers, body)
}

/// As documented for status callbacks.
fn report(status: &str, code: &str) -> String {
    format!(
        "From=15550101&To=15550100&MessageUUID={ID}&Status={status}&Units=2&TotalRate=0.0055\
         &TotalAmount=0.011&ErrorCode={code}&MCC=310&MNC=240"
    )
}

#[test]
fn a_genuine_receipt_says_what_became_of_the_text() {
    let found = genuine(&report("undelivered", "70")).unwrap();
    let receipt = &found[0];
    assert_eq!((&*receipt.message_id, receipt.state), (ID, ReceiptState::Undelivered));
    assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::Disconnected)));
    assert_eq!(receipt.key.as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ"));
    assert_eq!((receipt.segments, receipt.price, receipt.signed_at), (Some(2), None, None));
    assert_eq!(receipt.network, "310240".parse().ok());
    assert_eq!(receipt.replay_key(), format!("plivo/{ID}/undelivered"));
    assert!(!format!("{found:?}").contains("15550100"));
    let body = report("delivered", "000");
    let signature = sign_v3(&body);
    let headers = [("x-plivo-signature-v3", &*signature), ("x-plivo-signature-v3-nonce", "nonce1")];
    let priced = receipts().billed_in("USD").unwrap();
    let found = verify(&priced, URL, &headers, &body).unwrap();
    assert_eq!(found[0].price, Price::from_micros(11_000, "USD"));
    assert_eq!((&found[0].code, found[0].fault), (&None, None), "000 is no error");
    assert!(receipts().billed_in("dollars").is_none());
    for (word, state) in [
        ("queued", ReceiptState::Pending),
        ("sent", ReceiptState::Pending),
        ("a_new_word", ReceiptState::Pending),
        ("delivered", ReceiptState::Delivered),
        ("Delivered", ReceiptState::Delivered),
        ("read", ReceiptState::Delivered),
        ("undelivered", ReceiptState::Undelivered),
        ("failed", ReceiptState::Undelivered),
        ("rejected", ReceiptState::Undelivered),
    ] {
        assert_eq!(genuine(&report(word, "1000")).unwrap()[0].state, state, "{word}");
    }
    for row in FAULTS {
        let found = genuine(&report("failed", row.code)).unwrap();
        assert_eq!((found[0].fault, found[0].code.as_deref()), (Some(row.fault), Some(row.code)));
    }
    let unknown = genuine(&report("failed", "7777")).unwrap();
    assert_eq!(unknown[0].fault, Some(DeliveryFault::Unknown));
}

#[test]
fn a_get_has_its_parameters_in_the_signed_query() {
    let url = format!("https://hooks.example.com/s?Status=delivered&MessageUUID={ID}");
    let text = format!("https://hooks.example.com/s?MessageUUID={ID}&Status=delivered.n");
    let signature = hmac(&text);
    let headers = [("X-Plivo-Signature-V3", &*signature), ("X-Plivo-Signature-V3-Nonce", "n")];
    let request = ReceiptRequest { method: "GET", url: &url, headers: &headers, body: b"" };
    let found = receipts().verify(&request, Timestamp::from_millis(0)).unwrap();
    assert_eq!((&*found[0].message_id, found[0].state), (ID, ReceiptState::Delivered));
    // Another method is signed otherwise, or not at all.
    for method in ["POST", "PUT", ""] {
        let request = ReceiptRequest { method, ..request };
        let error = receipts().verify(&request, Timestamp::from_millis(0)).unwrap_err();
        let expected = match method {
            // Without parameters in the body the text is the same: genuine, and nothing in it.
            "POST" => ReceiptErrorKind::Malformed,
            _ => ReceiptErrorKind::Forged,
        };
        assert_eq!(error.kind(), expected, "{method}");
    }
}

#[test]
fn what_is_altered_or_unsigned_is_refused() {
    use ReceiptErrorKind::{Forged, Malformed, NoSecret, Unsigned};
    let body = report("failed", "70");
    let signature = sign_v3(&body);
    let (name, nonce) = ("X-Plivo-Signature-V3", ("X-Plivo-Signature-V3-Nonce", "nonce1"));
    let check =
        |headers: &[(&str, &str)], url: &str, body: &str| verify(&receipts(), url, headers, body);
    let right = [(name, &*signature), nonce];
    assert!(check(&right, URL, &body).is_ok());
    assert!(check(&[("X-Plivo-Signature-Ma-V3", &signature), nonce], URL, &body).is_ok());
    let both = [(name, "AAAA"), ("X-Plivo-Signature-Ma-V3", &*signature), nonce];
    assert!(check(&both, URL, &body).is_ok(), "the main account's token is configured");
    for (from, to) in [
        ("Status=failed", "Status=delivered"),
        ("ErrorCode=70", "ErrorCode=200"),
        ("MCC=310", "MCC=311"),
        ("&MNC=240", ""),
    ] {
        assert_eq!(check(&right, URL, &body.replace(from, to)), Err(Forged), "{from}");
    }
    assert_eq!(check(&right, &URL.replace("otpgate=AQ", "otpgate=AR"), &body), Err(Forged));
    assert_eq!(check(&right, &URL.replace("https", "http"), &body), Err(Forged));
    assert_eq!(check(&right, &URL.replace("/s", "/s/"), &body), Err(Forged));
    assert_eq!(check(&[(name, &signature), (nonce.0, "nonce2")], URL, &body), Err(Forged));
    for odd in ["", ",", "AAAA", &signature[1..], &format!(" {signature}")] {
        assert_eq!(check(&[(name, odd), nonce], URL, &body), Err(Forged), "{odd}");
    }
    for headers in [
        vec![],
        vec![nonce],
        vec![(name, &*signature)],
        vec![(name, &*signature), (nonce.0, "")],
        vec![(name, &*signature), nonce, nonce],
        vec![(name, &*signature), (name, &*signature), nonce],
        vec![("X-Plivo-Signature-V2", &*signature), ("X-Plivo-Signature-V2-Nonce", "nonce1")],
    ] {
        assert_eq!(check(&headers, URL, &body), Err(Unsigned), "{headers:?}");
    }
    for odd in [
        String::new(),
        "Status=sent".to_owned(),
        format!("MessageUUID={ID}"),
        "MessageUUID=&Status=sent".to_owned(),
        "MessageUUID=%2B15550100&Status=sent".to_owned(),
        format!("MessageUUID={ID}&Status=a+b"),
        format!("MessageUUID={ID}&MessageUUID=2&Status=sent"),
    ] {
        let expected = if odd.is_empty() { Forged } else { Malformed };
        assert_eq!(genuine(&odd), Err(expected), "{odd}");
    }
    let twice = format!("MessageUUID={ID}&Status=failed&Status=delivered");
    assert_eq!(genuine(&twice), Err(Malformed), "which one was meant?");
    assert_eq!(genuine(&format!("MessageUUID={ID}&Text=STOP&Type=sms")), Ok(Vec::new()));
    let none =
        Receipts::signed(Credentials::from_fn(|| Err(CredentialError::new("the vault is closed"))));
    assert_eq!(verify(&none, URL, &right, &body), Err(NoSecret));
}

/// Version 2 does not cover the status: the path is what a forger has to know.
#[test]
fn version_2_counts_behind_its_secret_path_only() {
    use ReceiptErrorKind::{Forged, Unsigned};
    let url = format!("https://hooks.example.com/{SECRET_PATH}?otpgate=AQEBAQEBAQEBAQEBAQEBAQ");
    let bare = "https://hooks.example.com/s";
    let (right, elsewhere) =
        (hmac(&format!("https://hooks.example.com/{SECRET_PATH}n")), hmac(&format!("{bare}n")));
    let headers =
        |signature| [("X-Plivo-Signature-V2", signature), ("X-Plivo-Signature-V2-Nonce", "n")];
    let body = report("delivered", "000");
    let found = verify(&v2("plivotoken"), &url, &headers(&*right), &body).unwrap();
    assert_eq!((found[0].state, &*found[0].message_id), (ReceiptState::Delivered, ID));
    assert_eq!(found[0].key.as_deref(), Some("AQEBAQEBAQEBAQEBAQEBAQ"));
    assert_eq!(verify(&v2("plivotoken"), bare, &headers(&*elsewhere), &body), Err(Forged));
    assert_eq!(verify(&v2("plivotoken"), &url, &headers(&*elsewhere), &body), Err(Forged));
    assert_eq!(verify(&v2("other"), &url, &headers(&*right), &body), Err(Forged));
    assert_eq!(verify(&v2("plivotoken"), &url, &[], &body), Err(Unsigned));
    assert_eq!(verify(&receipts(), &url, &headers(&*right), &body), Err(Unsigned));
}
