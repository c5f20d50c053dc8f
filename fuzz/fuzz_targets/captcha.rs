//! What a page posts as its human check: whatever it is, it panics nowhere, and nothing that was not
//! solved passes. One signed challenge with its solution is the seed; bytes are put into its JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::Timestamp;
use otpgate::human::altcha::{Altcha, AltchaSecret};
use otpgate::human::{HumanCheck, HumanPass, HumanRequest, HumanResponse, HumanVerdict};
use otpgate::testing::block_on;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const NONCE: &str = "57e7c7e07156e42540de2cfdf1bf98ec";
/// Made and solved by altcha-lib 2.8.0.
const SOLVED: &str = r#"{"challenge":{"parameters":{"algorithm":"PBKDF2/SHA-256","cost":5000,"data":{"purpose":"sign-up"},"expiresAt":1800000600,"keyLength":32,"keyPrefix":"00","nonce":"57e7c7e07156e42540de2cfdf1bf98ec","salt":"0fbe37d3d58f58779741d03b7646f42b"},"signature":"b0d1706fc3768cbcbf8a14649606576fc1eb507aac429e476dbac7a0647538e1"},"solution":{"counter":4,"derivedKey":"00fde3fb853f029b65be905b10b45a1522fb4b52b3e6c74e28511c0c610764cf","time":11.1}}"#;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let all = chunk.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
        let all = all << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

fn check(payload: &str) -> Option<HumanVerdict> {
    let secret = AltchaSecret::new("invented-signature-secret-0001").unwrap();
    let check = Altcha::builder(secret).build().unwrap();
    let response = HumanResponse::parse(payload).ok()?;
    Some(block_on(check.check(HumanRequest::new(&response, "sign-up", NOW))).unwrap())
}

fuzz_target!(|input: (&str, u16, u8, &[u8])| {
    let (raw, at, cut, with) = input;
    let _ = check(raw);
    let _ = check(&base64(raw.as_bytes()));
    let mut json = SOLVED.as_bytes().to_vec();
    let at = usize::from(at) % (json.len() + 1);
    let end = (at + usize::from(cut)).min(json.len());
    json.splice(at..end, with.iter().copied());
    if let Some(HumanVerdict::Passed(pass)) = check(&base64(&json)) {
        // However it is written, it is the one that was solved.
        assert_eq!(pass, HumanPass::named(NONCE.as_bytes()));
    }
});
