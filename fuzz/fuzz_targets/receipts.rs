//! A provider's receipt, genuine in its signature and anything else in the rest, and the same with
//! a signature that somebody made up: nothing panics, and what nobody signed is never believed.
//!
//! The first byte names the provider, the rest to a NUL is the query, what follows the NUL is the
//! body. SNS signs inside the body: where the query begins with `signed` the body is the event, and
//! what SNS posts of it is made here, as a notification or, behind `signed-`, as what subscribes or
//! unsubscribes.
#![no_main]

use std::sync::OnceLock;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use otpgate::Timestamp;
use otpgate::http::SecretText;
use otpgate::transport::aws::{SignatureVersion, SigningCertificates};
use otpgate::transport::{
    PathToken, ReceiptErrorKind, ReceiptRequest, ReceiptVerifier, aws, bird, esendex, infobip,
    messagebird, plivo, sinch, telnyx, twilio, vonage,
};
use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair, RsaKeyPair};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_795_800_000;
const SECRET: &str = "an invented secret of this fuzz target";
const TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:receipts";
/// The time above as SNS writes it.
const SENT: &str = "2026-11-27T17:20:00.000Z";
const SNS: &str = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem";
/// Published for tests in RFC 9500, and a certificate of it as SNS has one.
const PRIVATE_KEY: &str = include_str!("../../tests/data/rfc9500_rsa2048.pem");
const CERTIFICATE: &str = include_str!("../data/sns.pem");

type Headers = Vec<(&'static str, String)>;

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn jwt(claims: &str) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(claims));
    let signature = mac::<Hmac<Sha256>>(SECRET.as_bytes(), &[signed.as_bytes()]);
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
}

fn pair() -> &'static Ed25519KeyPair {
    static PAIR: OnceLock<Ed25519KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap())
}

fn sns() -> &'static (SigningCertificates, RsaKeyPair) {
    static SIGNER: OnceLock<(SigningCertificates, RsaKeyPair)> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let certificates = SigningCertificates::of_region("eu-central-1").unwrap();
        certificates.pin(SNS, CERTIFICATE).unwrap();
        let lines = PRIVATE_KEY.lines().filter(|line| !line.starts_with('-'));
        let key = Base64::decode_vec(&lines.collect::<String>()).unwrap();
        (certificates, RsaKeyPair::from_pkcs8(&key).unwrap())
    })
}

/// What SNS posts of an event, or to have a subscription confirmed.
fn posted(query: &str, event: &str) -> Vec<u8> {
    let (kind, own) = match query.strip_prefix("signed-") {
        None => ("Notification", vec![("Subject", query)]),
        Some(place) => {
            let kind = match place.starts_with("un") {
                true => "UnsubscribeConfirmation",
                false => "SubscriptionConfirmation",
            };
            (kind, vec![("SubscribeURL", place), ("Token", "0123")])
        }
    };
    let mut fields = vec![("Message", event), ("MessageId", "1")];
    fields.extend(own);
    fields.extend([("Timestamp", SENT), ("TopicArn", TOPIC), ("Type", kind)]);
    fields.sort_by_key(|(name, _)| *name);
    let lines: String = fields.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect();
    let key = &sns().1;
    let mut made = vec![0; key.public().modulus_len()];
    let padding = &signature::RSA_PKCS1_SHA256;
    key.sign(padding, &SystemRandom::new(), lines.as_bytes(), &mut made).unwrap();
    let mut body = json!({ "SignatureVersion": "2", "SigningCertURL": SNS });
    body["Signature"] = Base64::encode_string(&made).into();
    fields.iter().for_each(|(name, value)| body[*name] = (*value).into());
    body.to_string().into_bytes()
}

/// Whether SNS has signed what is posted.
fn by_sns(which: u8, query: &str) -> bool {
    which % 11 == 10 && query.starts_with("signed")
}

/// The provider's verifier, the address that it calls, and the headers that make the request
/// genuine.
fn provider(which: u8, query: &str, body: &[u8]) -> (Box<dyn ReceiptVerifier>, String, Headers) {
    let (secret, now) = (SecretText::new(SECRET), NOW.to_string());
    let path = || PathToken::new(TOKEN).unwrap();
    let behind = format!("https://hooks.example.com/sms/{TOKEN}?{query}");
    let url = format!("https://hooks.example.com/sms?{query}");
    let key = SECRET.as_bytes();
    match which % 11 {
        0 => (Box::new(esendex::Receipts::behind(path())), behind, Vec::new()),
        1 => (Box::new(infobip::Receipts::behind(path())), behind, Vec::new()),
        2 => (Box::new(vonage::SmsReceipts::behind(path())), behind, Vec::new()),
        3 => {
            let address = behind.split(['?', '#']).next().unwrap();
            let signature = mac::<Hmac<Sha256>>(key, &[address.as_bytes(), b"nonce"]);
            let headers = vec![
                ("X-Plivo-Signature-V2", Base64::encode_string(&signature)),
                ("X-Plivo-Signature-V2-Nonce", "nonce".to_owned()),
            ];
            (Box::new(plivo::Receipts::signed_v2_behind(path(), secret)), behind, headers)
        }
        4 => {
            let url = format!("{url}&bodySHA256={}", hex(&Sha256::digest(body)));
            let signature = mac::<Hmac<Sha1>>(key, &[url.as_bytes()]);
            let headers = vec![("X-Twilio-Signature", Base64::encode_string(&signature))];
            (Box::new(twilio::Receipts::with_auth_token(secret)), url, headers)
        }
        5 => {
            let parts = [body, b".", b"nonce", b".", now.as_bytes()];
            let signature = Base64::encode_string(&mac::<Hmac<Sha256>>(key, &parts));
            let headers = vec![
                ("x-sinch-webhook-signature", signature),
                ("x-sinch-webhook-signature-nonce", "nonce".to_owned()),
                ("x-sinch-webhook-signature-timestamp", now),
            ];
            (Box::new(sinch::Receipts::signed_by(secret)), url, headers)
        }
        6 => {
            let parts = [b"msg_1".as_slice(), b".", now.as_bytes(), b".", body];
            let signature = Base64::encode_string(&mac::<Hmac<Sha256>>(key, &parts));
            let headers = vec![
                ("webhook-id", "msg_1".to_owned()),
                ("webhook-timestamp", now),
                ("webhook-signature", format!("v1,{signature}")),
            ];
            let secret = format!("whsec_{}", Base64::encode_string(key));
            let secret = bird::WebhookSecret::new(secret).unwrap();
            (Box::new(bird::Receipts::signed_by(secret)), url, headers)
        }
        7 => {
            let hash = hex(&Sha256::digest(body));
            let claims = format!(r#"{{"iat":{NOW},"payload_hash":"{hash}"}}"#);
            let headers = vec![("Authorization", format!("Bearer {}", jwt(&claims)))];
            (Box::new(vonage::MessagesReceipts::signed(secret)), url, headers)
        }
        8 => {
            let address = hex(&Sha256::digest(url.as_bytes()));
            let hash = match body {
                [] => String::new(),
                body => format!(r#","payload_hash":"{}""#, hex(&Sha256::digest(body))),
            };
            let claims = format!(
                r#"{{"iss":"MessageBird","jti":"1","nbf":{NOW},"exp":{},"url_hash":"{address}"{hash}}}"#,
                NOW + 60
            );
            let headers = vec![("MessageBird-Signature-JWT", jwt(&claims))];
            (Box::new(messagebird::Receipts::signed_by(secret)), url, headers)
        }
        9 => {
            let signature = pair().sign(&[now.as_bytes(), b"|", body].concat());
            let headers = vec![
                ("telnyx-signature-ed25519", Base64::encode_string(signature.as_ref())),
                ("telnyx-timestamp", now),
            ];
            let key = Base64::encode_string(pair().public_key().as_ref());
            let key = telnyx::PublicKey::new(&key).unwrap();
            (Box::new(telnyx::Receipts::signed_by(key)), url, headers)
        }
        _ => {
            let certificates = sns().0.clone();
            (Box::new(aws::Receipts::of_topic(TOPIC, certificates).unwrap()), url, Vec::new())
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (query, body) = rest.split_at(end);
    let Ok(query) = std::str::from_utf8(query) else { return };
    let mut body = body.get(1..).unwrap_or_default();
    let of_sns = match (by_sns(*which, query), std::str::from_utf8(body)) {
        (true, Ok(event)) => posted(query, event),
        (true, Err(_)) => return,
        (false, _) => Vec::new(),
    };
    if !of_sns.is_empty() {
        body = &of_sns;
        others_than_sns(query, body);
    }
    let (receipts, url, headers) = provider(*which, query, body);
    let now = Timestamp::from_millis(NOW * 1_000);
    let asked = |url: &str, headers: &[(&str, &str)]| {
        receipts.verify(&ReceiptRequest { method: "POST", url, headers, body }, now)
    };

    let genuine: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match asked(&url, &genuine) {
        Ok(receipts) => {
            for receipt in receipts {
                assert!(receipt.replay_key().len() < 2 * input.len() + 256);
                assert!(!format!("{receipt:?}").contains(SECRET));
            }
            assert!(*which % 11 != 10 || by_sns(*which, query), "believed without a signature");
        }
        Err(error) => {
            let genuine = [ReceiptErrorKind::Malformed];
            assert!(!by_sns(*which, query) || genuine.contains(&error.kind()), "{error}");
            let said = format!("{error:?} {error}");
            assert!(!said.contains(SECRET) && !said.contains(TOKEN), "{said}");
        }
    }

    if by_sns(*which, query) {
        return;
    }
    // The same by somebody else: without the path or the headers, with one that is his own, and
    // with the genuine ones over another body or address.
    let elsewhere = url.replace(TOKEN, "pX3cJ9mB0vQe7LkT2nWs5B");
    assert!(asked(&elsewhere, &[]).is_err());
    let own: Vec<_> = headers.iter().map(|(name, _)| (*name, query)).collect();
    assert!(asked(&elsewhere, &own).is_err());
    if let [(first, value), ..] = genuine[..] {
        assert!(asked(&url, &genuine[1..]).is_err());
        let twice: Vec<_> = genuine.iter().copied().chain([(first, value)]).collect();
        assert!(asked(&url, &twice).is_err());
    }
});

/// What SNS has signed is nobody's receipt in another topic, by another certificate or in another
/// version of its signature, and not once anything in it is changed.
fn others_than_sns(query: &str, body: &[u8]) {
    let now = Timestamp::from_millis(NOW * 1_000);
    let url = "https://hooks.example.com/sms";
    let certificates = || sns().0.clone();
    let asked = |receipts: &aws::Receipts, body: &[u8]| {
        receipts.verify(&ReceiptRequest { method: "POST", url, headers: &[], body }, now)
    };
    let own = aws::Receipts::of_topic(TOPIC, certificates()).unwrap();
    let other = aws::Receipts::of_topic(format!("{TOPIC}s"), certificates()).unwrap();
    let older = own.clone().signed_in(SignatureVersion::V1);
    let unknown = SigningCertificates::of_region("eu-central-1").unwrap();
    let unknown = aws::Receipts::of_topic(TOPIC, unknown).unwrap();
    for receipts in [other, older, unknown] {
        assert!(asked(&receipts, body).is_err());
    }
    let message: serde_json::Value = serde_json::from_slice(body).unwrap();
    for field in ["Message", "MessageId", "Timestamp", "Type", "SigningCertURL"] {
        let mut changed = message.clone();
        changed[field] = format!("{} ", message[field].as_str().unwrap()).into();
        assert!(asked(&own, changed.to_string().as_bytes()).is_err(), "{field}");
    }
    // Where a subscription is confirmed is SNS's own address, or none.
    let request = ReceiptRequest { method: "POST", url, headers: &[], body };
    if let Ok(Some(place)) = own.confirmation(&request, now) {
        assert!(place.starts_with("https://sns.eu-central-1.amazonaws.com/"), "{place}");
        assert!(query.starts_with("signed-") && query.ends_with(&place), "{place}");
    }
}
