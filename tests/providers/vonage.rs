//! Vonage's SMS API.

use std::collections::BTreeMap;
use std::time::Duration;

use otpgate::http::{BaseUrl, CredentialError, Credentials, ReqwestClient};
use otpgate::testing::ManualClock;
use otpgate::testing::transport::Received;
use otpgate::transport::vonage::{
    Account, ERRORS, FAULTS, NAME, Sender, SignatureMethod, SigningAccount, SmsApi, SmsReceipts,
};
use otpgate::transport::{
    DeliveryFault, ErrorRow, HandoffErrorKind, NumberFault, OutboundSms, PathToken, Price, Receipt,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText, Senders,
};
use otpgate::{Region, SmsTransport, Timestamp};
use serde_json::{Value, json};

use crate::adapter::{Adapter, client, registered, sms};
use crate::vectors::{Vector, vectors};
use crate::wire::{fields, recorded};
use support::http_server::{Answer, LocalServer, Seen};

const FORM: &str = "application/x-www-form-urlencoded";
/// Not that of `wire.json`, which could be a part of other words.
const SECRET: &str = "invented-api-secret";
/// The idempotency key of [`sms`].
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

const ADAPTER: Adapter = Adapter {
    name: NAME,
    make: |base, client| Box::new(vonage(base, client, SECRET)),
    read,
    accepted: || answer(&[accepted("0A1")]),
    refused_number: || answer(&[failed("7")]),
    refused_account: || answer(&[failed("4")]),
    throttled: || answer(&[failed("1")]),
    errors: ERRORS,
    error: |row: &ErrorRow| match row.code.strip_prefix("HTTP ") {
        Some(status) => Answer::html(status.parse().unwrap()),
        None => answer(&[failed(row.code)]),
    },
    secrets: &[SECRET, "aW52ZW50ZWQ"],
};

adapter_tests!(ADAPTER);

/// The same, with requests that are signed.
mod signed {
    use super::*;

    const ADAPTER: Adapter = Adapter {
        make: |base, client| {
            let account = SigningAccount::new("abcd1234", SECRET, SignatureMethod::HmacSha512);
            let builder =
                SmsApi::builder_signed(account.unwrap(), Sender::from_number("+15550101"));
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        ..super::ADAPTER
    };

    adapter_tests!(ADAPTER);
}

fn vonage(base: BaseUrl, client: ReqwestClient, secret: &str) -> SmsApi {
    SmsApi::builder(Account::new("abcd1234", secret).unwrap(), Sender::from_number("+15550101"))
        .client(client)
        .base_url(base)
        .billed_in("EUR")
        .build()
        .unwrap()
}

fn read(seen: &Seen) -> Received {
    let number = format!("+{}", seen.form("to").unwrap());
    Received::new(number, seen.form("text").unwrap(), seen.form("client-ref"))
}

/// As documented for a part that was taken.
fn accepted(id: &str) -> Value {
    json!({ "to": "15550100", "message-id": id, "status": "0", "remaining-balance": "3.14159265",
            "message-price": "0.03330000", "network": "23410", "client-ref": KEY })
}

fn failed(status: &str) -> Value {
    json!({ "status": status, "error-text": "Something about 15550100" })
}

fn answer(parts: &[Value]) -> Answer {
    let count = parts.len().to_string();
    Answer::json(200, json!({ "message-count": count, "messages": parts }).to_string())
}

/// Ours carries the text's key, and the number without its sign, as Vonage documents it.
const OURS: [&str; 1] = ["to"];

#[tokio::test]
async fn the_request_is_the_sdks() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let account = Account::new("abcd1234", "s3cr3t").unwrap();
    let bare = SmsApi::builder(account, Sender::from_name("Acme")).client(client());
    let bare = bare.base_url(server.base_url()).build().unwrap();
    bare.hand_off(&sms()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.form("to").as_deref(), Some("15550100"));
    let python = recorded("vonage 4.9.1 PyPI", "/sms/json");
    let mut expected = fields(FORM, &python.body);
    expected.insert("to".to_owned(), "15550100".to_owned());
    expected.insert("client-ref".to_owned(), KEY.to_owned());
    assert_eq!((&seen.method, &seen.target), (&python.method, &python.path));
    assert_eq!(seen.header("authorization"), python.header("authorization"));
    assert_eq!(seen.header("content-type"), Some(FORM));
    assert_eq!(fields(FORM, &seen.text()), expected);
    // The SDK for Node.js sends the same fields as JSON, under the same authentication.
    let node = recorded("@vonage/server-sdk@3.27.0 npm", "/sms/json");
    assert_eq!(seen.header("authorization"), node.header("authorization"));
    let theirs = fields("application/json", &node.body);
    let same = |name: &&String| !OURS.contains(&name.as_str());
    for name in theirs.keys().filter(same) {
        assert_eq!(theirs[name], expected[name], "{name}");
    }
    assert_eq!(theirs.len(), expected.len() - 1, "all but our reference");
}

#[tokio::test]
async fn a_signed_request_is_the_sdks_and_has_no_secret() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let account = SigningAccount::new("abcd1234", "sigsecret", SignatureMethod::HmacSha256);
    let builder = SmsApi::builder_signed(account.unwrap(), Sender::from_name("Acme"));
    let clock = ManualClock::new(Timestamp::from_millis(1_795_805_944_999));
    let signed = builder.client(client()).base_url(server.base_url()).clock(clock).build().unwrap();
    signed.hand_off(&sms()).await.unwrap();
    let seen = &server.seen()[0];
    let python = recorded("vonage 4.9.1 PyPI (signature_secret sha256)", "/sms/json");
    assert_eq!((&seen.method, &seen.target), (&python.method, &python.path));
    assert_eq!(seen.header("content-type"), Some(FORM));
    assert_eq!(seen.header("authorization"), None, "Vonage forbids it beside a signature");
    let mut ours = fields(FORM, &seen.text());
    let mut theirs = fields(FORM, &python.body);
    let signature = ours.remove("sig").unwrap();
    assert_eq!(signature, sign(&ours), "over all fields, ours among them");
    // The SDK's signature covers fourteen more parameters, as `None`, which it does not send.
    assert_ne!(theirs.remove("sig").unwrap(), sign(&theirs));
    assert_eq!(ours.remove("client-ref").as_deref(), Some(KEY));
    theirs.insert("to".to_owned(), "15550100".to_owned());
    assert_eq!(ours, theirs);
}

/// An HMAC of the sorted parameters under `sigsecret`.
fn sign(parameters: &BTreeMap<String, String>) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"sigsecret").unwrap();
    for (name, value) in parameters {
        mac.update(format!("&{name}={}", value.replace(['&', '='], "_")).as_bytes());
    }
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn senders_by_country_callback_validity_and_the_alphabet() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let senders = Senders::new(Sender::from_name("Example"))
        .in_region(Region::GB, Sender::from_number("12345"));
    let vonage = SmsApi::builder(Account::new("abcd1234", SECRET).unwrap(), senders)
        .client(client())
        .base_url(server.base_url())
        .callback("https://hooks.example.com/sms".parse().unwrap())
        .validity(Duration::from_secs(300))
        .build()
        .unwrap();
    for (number, text) in [
        ("+4915123456789", "041673 ist dein Code. @^{}\\[~]|€ äöüß"),
        ("+447400123456", "041673 is your code – Example"),
        ("+447400123456", "041673 to twój kod 🔐"),
    ] {
        vonage.hand_off(&OutboundSms::for_test(number, text, [2; 16])).await.unwrap();
    }
    let seen = server.seen();
    let sent = |name: &str| seen.iter().map(|seen| seen.form(name)).collect::<Vec<_>>();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(sent("from"), [some("Example"), some("12345"), some("12345")]);
    assert_eq!(sent("type"), [None, some("unicode"), some("unicode")]);
    assert_eq!(sent("callback"), vec![some("https://hooks.example.com/sms"); 3]);
    assert_eq!(sent("ttl"), vec![some("300000"); 3]);
    assert_eq!(seen[2].form("text").as_deref(), Some("041673 to twój kod 🔐"));
}

#[tokio::test]
async fn the_answer_tells_identifier_parts_and_price() {
    let server = LocalServer::answering(answer(&[accepted("0A1"), accepted("0A2")]));
    let handoff = vonage(server.base_url(), client(), SECRET).hand_off(&sms()).await.unwrap();
    assert_eq!(handoff.message_id.as_deref(), Some("0A1"));
    assert_eq!((handoff.provider, handoff.segments), (Some(NAME), Some(2)));
    assert_eq!(handoff.price, Price::from_micros(66_600, "EUR"));
    // An account whose currency nobody stated has no price.
    let account = Account::new("abcd1234", SECRET).unwrap();
    let plain = SmsApi::builder(account, Sender::from_name("Acme")).client(client());
    let plain = plain.base_url(server.base_url()).build().unwrap();
    assert_eq!(plain.hand_off(&sms()).await.unwrap().price, None);
}

/// A part that was taken is paid for: sending the text elsewhere would pay twice.
#[tokio::test]
async fn a_text_that_was_taken_in_part_is_accepted() {
    for (parts, id) in [
        (vec![accepted("0A1"), failed("1")], "0A1"),
        (vec![failed("1"), accepted("0A2")], "0A2"),
        (vec![failed("9"), failed("5"), accepted("0A3")], "0A3"),
    ] {
        let server = LocalServer::answering(answer(&parts));
        let handoff = vonage(server.base_url(), client(), SECRET).hand_off(&sms()).await.unwrap();
        assert_eq!(handoff.message_id.as_deref(), Some(id));
        assert_eq!(handoff.segments, Some(1));
        assert_eq!(handoff.price, Price::from_micros(33_300, "EUR"));
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn what_proves_nothing_is_indeterminate() {
    let without = |name: &str| {
        let mut part = accepted("0A1");
        part.as_object_mut().unwrap().remove(name);
        part
    };
    for parts in [
        vec![],
        vec![without("message-id")],
        vec![without("status")],
        vec![accepted("")],
        vec![json!({ "status": "" })],
        vec![json!({ "status": null }), failed("1")],
        vec![json!({ "status": "00", "message-id": "0A1" })],
        vec![failed("1"), failed("5")],
        vec![failed("1"), failed("4711")],
    ] {
        let server = LocalServer::answering(answer(&parts));
        let answer = vonage(server.base_url(), client(), SECRET).hand_off(&sms()).await;
        assert_eq!(answer.unwrap_err().kind(), HandoffErrorKind::Indeterminate, "{parts:?}");
    }
    let server = LocalServer::answering(answer(&[json!({ "status": 7 })]));
    let error = vonage(server.base_url(), client(), SECRET).hand_off(&sms()).await.unwrap_err();
    assert_eq!(error.number_fault(), Some(NumberFault::Barred), "a number counts as its text");
}

#[tokio::test]
async fn a_registered_text_carries_entity_template_and_sender() {
    let server = LocalServer::answering((ADAPTER.accepted)());
    let vonage = vonage(server.base_url(), client(), SECRET);
    vonage.hand_off(&registered()).await.unwrap();
    vonage.hand_off(&sms()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].form("entity-id").as_deref(), Some("1201159409941345107"));
    assert_eq!(seen[0].form("content-id").as_deref(), Some("1107158980000012345"));
    assert_eq!(seen[0].form("from").as_deref(), Some("EXMPLE"));
    assert_eq!((seen[1].form("entity-id"), seen[1].form("content-id")), (None, None));
    assert_eq!(seen[1].form("from").as_deref(), Some("15550101"));
}

/// The vectors of the SMS API. Where the SDKs disagree, that for Python follows the documented rule.
fn of_the_sms_api() -> Vec<Vector> {
    let all: Vec<Vector> = vectors("vonage");
    assert_eq!(all.len(), 12);
    let signed: Vec<Vector> = all.into_iter().filter(|one| one.body.contains("sig=")).collect();
    assert_eq!(signed.len(), 10);
    signed
}

const METHODS: [SignatureMethod; 4] = [
    SignatureMethod::HmacMd5,
    SignatureMethod::HmacSha1,
    SignatureMethod::HmacSha256,
    SignatureMethod::HmacSha512,
];

fn method(vector: &Vector) -> Option<SignatureMethod> {
    Some(match vector.alg.as_deref()? {
        "md5" => SignatureMethod::HmacMd5,
        "sha1" => SignatureMethod::HmacSha1,
        "sha256" => SignatureMethod::HmacSha256,
        "sha512" => SignatureMethod::HmacSha512,
        _ => return None,
    })
}

#[test]
fn every_vector_is_decided_by_the_documented_rule() {
    for vector in of_the_sms_api() {
        // The hash without HMAC is refused whatever is configured.
        let configured = method(&vector).map_or(METHODS.to_vec(), |method| vec![method]);
        assert_eq!(configured.len() == 4, vector.id == "vonage-a060");
        for method in configured {
            let secret = SecretText::new(&*vector.secret);
            vector.assert_decided_by(&SmsReceipts::signed(secret, method));
        }
    }
}

#[test]
fn a_sender_cannot_choose_how_it_is_checked() {
    for vector in of_the_sms_api().into_iter().filter(|vector| vector.accept) {
        for other in METHODS.into_iter().filter(|other| Some(*other) != method(&vector)) {
            let receipts = SmsReceipts::signed(SecretText::new(&*vector.secret), other);
            Vector { accept: false, ..vector.clone() }.assert_decided_by(&receipts);
        }
        let receipts = SmsReceipts::signed(SecretText::new(""), method(&vector).unwrap());
        Vector { accept: false, ..vector.clone() }.assert_decided_by(&receipts);
        vector.assert_decided_by(&receipts.or(SecretText::new(&*vector.secret)));
    }
}

const SIGNED_AT: u64 = 1_795_800_000;
const URL: &str = "https://hooks.example.com/sms";

fn receipts() -> SmsReceipts {
    SmsReceipts::signed(SecretText::new("sigsecret"), SignatureMethod::HmacSha256)
}

fn verify(
    receipts: &SmsReceipts,
    method: &str,
    url: &str,
    content_type: &str,
    body: &str,
) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    let headers = [("Content-Type", content_type)];
    let request = ReceiptRequest { method, url, headers: &headers, body: body.as_bytes() };
    let now = Timestamp::from_millis(SIGNED_AT * 1_000);
    receipts.verify(&request, now).map_err(|error| error.kind())
}

/// A receipt as documented, with its signature.
fn signed(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = [
        ("msisdn", "15550100"),
        ("to", "15550101"),
        ("network-code", "23410"),
        ("messageId", "0A0000001234567B"),
        ("price", "0.03330000"),
        ("status", "failed"),
        ("scts", "2611281400"),
        ("err-code", "3"),
        ("api-key", "abcd1234"),
        ("message-timestamp", "2026-11-28 14:00:00"),
        ("client-ref", KEY),
        ("timestamp", "1795800000"),
        ("nonce", "a & b = c"),
    ]
    .into_iter()
    .chain(changes.iter().copied())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    parameters.retain(|_, value| value != "<absent>");
    let signature = sign(&parameters);
    parameters.insert("sig".to_owned(), signature);
    parameters
}

fn form(parameters: &BTreeMap<String, String>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn posted(changes: &[(&str, &str)]) -> Result<Vec<Receipt>, ReceiptErrorKind> {
    verify(&receipts(), "POST", URL, FORM, &form(&signed(changes)))
}

#[test]
fn a_genuine_receipt_says_what_became_of_the_text_in_each_form() {
    let parameters = signed(&[]);
    let body = form(&parameters);
    let json = serde_json::to_string(&parameters).unwrap();
    let receipts = receipts().billed_in("EUR").unwrap();
    for found in [
        verify(&receipts, "POST", URL, FORM, &body),
        verify(&receipts, "post", &format!("{URL}?tenant=7"), "", &body),
        verify(&receipts, "GET", &format!("{URL}?{body}"), "", ""),
        verify(&receipts, "POST", URL, "application/json; charset=utf-8", &json),
    ] {
        let found = found.unwrap();
        let receipt = &found[0];
        assert_eq!((found.len(), &*receipt.message_id), (1, "0A0000001234567B"));
        assert_eq!((receipt.state, &*receipt.word), (ReceiptState::Undelivered, "failed"));
        assert_eq!(receipt.fault, Some(DeliveryFault::Number(NumberFault::Disconnected)));
        assert_eq!(receipt.key.as_deref(), Some(KEY));
        assert_eq!(receipt.price, Price::from_micros(33_300, "EUR"));
        assert_eq!(receipt.network, "23410".parse().ok());
        assert_eq!(receipt.signed_at, Some(Timestamp::from_millis(SIGNED_AT * 1_000)));
        assert!(!format!("{found:?}").contains("15550100"));
    }
    assert_eq!(posted(&[]).unwrap()[0].price, None, "in no currency");
    assert!(super::vonage::receipts().billed_in("euro").is_none());
    for (word, state) in [
        ("accepted", ReceiptState::Pending),
        ("buffered", ReceiptState::Pending),
        ("unknown", ReceiptState::Pending),
        ("a_new_word", ReceiptState::Pending),
        ("delivered", ReceiptState::Delivered),
        ("DELIVERED", ReceiptState::Delivered),
        ("expired", ReceiptState::Undelivered),
        ("rejected", ReceiptState::Undelivered),
    ] {
        let receipts = posted(&[("status", word), ("err-code", "1")]).unwrap();
        assert_eq!(receipts[0].state, state, "{word}");
        assert_eq!(receipts[0].code.is_some(), state == ReceiptState::Undelivered, "{word}");
    }
}

#[test]
fn every_delivery_error_has_its_fault() {
    for row in FAULTS {
        let receipts = posted(&[("err-code", row.code)]).unwrap();
        assert_eq!(receipts[0].fault, Some(row.fault), "{}", row.code);
        assert_eq!(receipts[0].code.as_deref(), Some(row.code));
    }
    assert_eq!(posted(&[("err-code", "77")]).unwrap()[0].fault, Some(DeliveryFault::Unknown));
}

#[test]
fn what_is_altered_old_or_ambiguous_is_refused() {
    use ReceiptErrorKind::{Forged, Malformed, Stale, Unsigned};
    let post = |body: &str| verify(&receipts(), "POST", URL, FORM, body);
    let genuine = form(&signed(&[]));
    assert!(post(&genuine).is_ok());
    for (from, to) in [
        ("status=failed", "status=delivered"),
        ("messageId=0A", "messageId=0B"),
        ("err-code=3", "err-code=9"),
        ("client-ref=AQ", "client-ref=AR"),
        ("sig=", "sig=0"),
        ("&to=15550101", ""),
        ("&to=15550101", "&to=15550101&more=1"),
    ] {
        assert!(genuine.contains(from), "{from}");
        assert_eq!(post(&genuine.replace(from, to)), Err(Forged), "{from} {to}");
    }
    // Which of two was signed, nobody knows.
    assert_eq!(post(&format!("{genuine}&status=delivered")), Err(Forged));
    assert_eq!(post(&format!("status=failed&{genuine}")), Err(Forged));
    // A name that swallows the pair before it hides that pair, and the signed text stays the same.
    let mut hidden = signed(&[]);
    let signature = hidden.remove("sig").unwrap();
    hidden.remove("scts");
    hidden.remove("status");
    hidden.insert("scts=2611281400&status".to_owned(), "failed".to_owned());
    assert_eq!(sign(&hidden), signature, "or the test shows nothing");
    hidden.insert("sig".to_owned(), signature);
    assert_eq!(post(&form(&hidden)), Err(Forged));
    let mut bare = signed(&[]);
    bare.remove("sig");
    assert_eq!(post(&form(&bare)), Err(Unsigned));
    assert_eq!(post(""), Err(Unsigned));
    for (seconds, expected) in [(300, None), (-300, None), (301, Some(Stale)), (-301, Some(Stale))]
    {
        let time = (SIGNED_AT as i64 + seconds).to_string();
        assert_eq!(posted(&[("timestamp", &time)]).err(), expected, "{seconds}");
    }
    for time in ["", "<absent>", "2026-11-28 14:00:00", "1795800000.0"] {
        assert_eq!(posted(&[("timestamp", time)]), Err(Stale), "{time}");
    }
    for (name, value) in [("messageId", ""), ("messageId", "+15550100"), ("status", "a b")] {
        assert_eq!(posted(&[(name, value)]), Err(Malformed), "{name} {value}");
    }
    assert_eq!(posted(&[("status", "<absent>")]), Err(Malformed));
    let inbound = [("status", "<absent>"), ("text", "STOP"), ("type", "text")];
    assert_eq!(posted(&inbound), Ok(Vec::new()), "genuine, and about something else");
    for json in ["", "[]", "{", "{\"sig\":null}", "{\"sig\":[]}", "{\"sig\":{\"a\":1}}"] {
        let found = verify(&receipts(), "POST", URL, "application/json", json);
        assert_eq!(found, Err(Forged), "{json}");
    }
    let none = SmsReceipts::signed(
        Credentials::from_fn(|| Err(CredentialError::new("the vault is closed"))),
        SignatureMethod::HmacSha256,
    );
    assert_eq!(verify(&none, "POST", URL, FORM, &genuine), Err(ReceiptErrorKind::NoSecret));
}

#[test]
fn an_account_without_signatures_has_a_secret_path() {
    let token = "pX3cJ9mB0vQe7LkT2nWs5A";
    let receipts = SmsReceipts::behind(PathToken::new(token).unwrap());
    let body = "messageId=0A&status=delivered&err-code=0";
    let found = verify(&receipts, "POST", &format!("{URL}/{token}"), FORM, body).unwrap();
    assert_eq!((found[0].state, found[0].signed_at), (ReceiptState::Delivered, None));
    // A signature is no way around the path, and a path none around a signature.
    let genuine = form(&signed(&[]));
    for url in [URL.to_owned(), format!("{URL}/{token}x"), format!("{URL}?t=/{token}")] {
        let found = verify(&receipts, "POST", &url, FORM, &genuine);
        assert_eq!(found, Err(ReceiptErrorKind::Forged), "{url}");
    }
    let found = verify(&super::vonage::receipts(), "POST", &format!("{URL}/{token}"), FORM, body);
    assert_eq!(found, Err(ReceiptErrorKind::Unsigned));
}
