//! A provider's receipt, genuine in its signature and anything else in the rest, and the same with a
//! signature that somebody made up: nothing panics, and what nobody signed is never believed.
//!
//! The first byte names the provider, the rest to a NUL is the query, what follows the NUL is the body.
#![no_main]

use std::sync::OnceLock;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use otpgate::Timestamp;
use otpgate::http::SecretText;
use otpgate::transport::aws::SigningCertificates;
use otpgate::transport::{
    PathToken, ReceiptRequest, ReceiptVerifier, aws, bird, esendex, infobip, messagebird, plivo,
    sinch, telnyx, twilio, vonage,
};
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha1::Sha1;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_795_800_000;
const SECRET: &str = "an invented secret of this fuzz target";
const TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:receipts";

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

/// The provider's verifier, the address that it calls, and the headers that make the request genuine.
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
        // Signed inside its body, by a certificate that nobody here has.
        _ => {
            let certificates = SigningCertificates::of_region("eu-central-1").unwrap();
            (Box::new(aws::Receipts::of_topic(TOPIC, certificates).unwrap()), url, Vec::new())
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (query, body) = rest.split_at(end);
    let Ok(query) = std::str::from_utf8(query) else { return };
    let body = body.get(1..).unwrap_or_default();
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
            assert!(*which % 11 != 10, "believed without a certificate");
        }
        Err(error) => {
            let said = format!("{error:?} {error}");
            assert!(!said.contains(SECRET) && !said.contains(TOKEN), "{said}");
        }
    }

    // The same by somebody else: without the path or the headers, with one that is his own, and with the
    // genuine ones over another body or address.
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
