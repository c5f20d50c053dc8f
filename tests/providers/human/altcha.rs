//! ALTCHA: challenges and solutions of the real library, our own challenges, and every way to bend one.
//!
//! `tests/data/altcha.json` was made with `altcha-lib` 2.8.0 (npm): each payload is what the widget posts,
//! and each was verified by the library itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use otpgate::Timestamp;
use otpgate::http::Credentials;
use otpgate::human::altcha::{Altcha, AltchaSecret, NAME};
use otpgate::human::{
    HumanCheck, HumanFailure, HumanPass, HumanRequest, HumanResponse, HumanVerdict,
};
use otpgate::testing::SeededEntropy;
use serde_json::{Value, json};

const SECRET: &str = "invented-signature-secret-0001";
/// Ten minutes before the vectors end.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn secret(text: &str) -> AltchaSecret {
    AltchaSecret::new(text).unwrap()
}

fn altcha() -> Altcha {
    Altcha::builder(secret(SECRET)).build().unwrap()
}

async fn asked(check: &Altcha, payload: &str, purpose: &str, now: Timestamp) -> HumanVerdict {
    let response = HumanResponse::parse(payload).unwrap();
    check.check(HumanRequest::new(&response, purpose, now)).await.unwrap()
}

async fn verdict(payload: &str) -> HumanVerdict {
    asked(&altcha(), payload, "sign-up", NOW).await
}

fn vectors() -> BTreeMap<String, String> {
    let text = include_str!("../../data/altcha.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let vectors = file["vectors"].as_array().unwrap().iter();
    let read = |vector: &Value| {
        assert_eq!(vector["verified"], true, "by the library");
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        (text("name"), text("payload"))
    };
    vectors.map(read).collect()
}

const FIRST: &str = "random search, prefix 00";

fn first() -> Value {
    serde_json::from_slice(&Base64::decode_vec(&vectors()[FIRST]).unwrap()).unwrap()
}

fn payload(body: &Value) -> String {
    Base64::encode_string(body.to_string().as_bytes())
}

/// Signs what may have been changed, as somebody could who knows the secret.
fn signed(mut body: Value) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body["challenge"]["parameters"].to_string().as_bytes());
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    body["challenge"]["signature"] = hex.into();
    payload(&body)
}

#[tokio::test]
async fn what_the_real_library_made_and_solved_passes() {
    let expected = |name: &str| match name {
        "another purpose" | "another secret" => Some(HumanFailure::WrongSite),
        // Signed by our secret, and none that this adapter makes.
        "no purpose" | "other algorithm" | "longer key" => Some(HumanFailure::NotHuman),
        _ => None,
    };
    let vectors = vectors();
    assert_eq!(vectors.len(), 10);
    for (name, payload) in &vectors {
        let verdict = verdict(payload).await;
        match expected(name) {
            None => assert!(matches!(verdict, HumanVerdict::Passed(_)), "{name}: {verdict:?}"),
            Some(failure) => assert_eq!(verdict, HumanVerdict::Failed(failure), "{name}"),
        }
    }
}

/// Our JSON is the library's, byte for byte: what it signs is what we sign.
#[tokio::test]
async fn the_signature_over_our_json_is_the_librarys() {
    let body = first();
    assert_eq!(signed(body.clone()), payload(&body));
}

/// One challenge passes once however it is written: the gate burns its name.
#[tokio::test]
async fn one_challenge_has_one_name_whatever_the_page_writes() {
    let name =
        HumanPass::named(first()["challenge"]["parameters"]["nonce"].as_str().unwrap().as_bytes());
    let mut slower = first();
    slower["solution"]["time"] = json!(9_999.5);
    let mut longer = first();
    longer["more"] = json!({"of": ["anything"]});
    let spaced = serde_json::to_string_pretty(&first()).unwrap();
    for text in [slower.to_string(), longer.to_string(), spaced, format!("  {}\n", first())] {
        let verdict = verdict(&Base64::encode_string(text.as_bytes())).await;
        assert_eq!(verdict, HumanVerdict::Passed(name));
    }
}

#[tokio::test]
async fn no_parameter_can_be_changed() {
    let names: Vec<String> =
        first()["challenge"]["parameters"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names.len(), 8);
    for name in names {
        for with in [json!(null), json!(0), json!(1), json!("00"), json!("0"), json!({}), json!([])]
        {
            let mut body = first();
            if body["challenge"]["parameters"][&name] == with {
                continue;
            }
            body["challenge"]["parameters"][&name] = with.clone();
            let verdict = verdict(&payload(&body)).await;
            assert!(matches!(verdict, HumanVerdict::Failed(_)), "{name} = {with}");
        }
        let mut body = first();
        body["challenge"]["parameters"].as_object_mut().unwrap().remove(&name);
        assert!(matches!(verdict(&payload(&body)).await, HumanVerdict::Failed(_)), "no {name}");
    }
    for with in ["memoryCost", "parallelism", "x"] {
        let mut body = first();
        body["challenge"]["parameters"][with] = json!(1);
        assert!(matches!(verdict(&payload(&body)).await, HumanVerdict::Failed(_)), "{with}");
    }
    for signature in ["", "00", &"0".repeat(64), &"g".repeat(64), &"0".repeat(4_000)] {
        let mut body = first();
        body["challenge"]["signature"] = json!(signature);
        let verdict = verdict(&payload(&body)).await;
        assert!(matches!(verdict, HumanVerdict::Failed(_)));
    }
}

#[tokio::test]
async fn a_wrong_or_missing_solution_does_not_pass() {
    let right = first()["solution"]["counter"].as_u64().unwrap();
    for counter in
        [json!(right + 1), json!(-1), json!(0.5), json!(u64::MAX), json!("4"), json!(null)]
    {
        let mut body = first();
        body["solution"]["counter"] = counter.clone();
        assert!(matches!(verdict(&payload(&body)).await, HumanVerdict::Failed(_)), "{counter}");
    }
    for key in ["", "00", &"0".repeat(64), &"0".repeat(66), &"G".repeat(64)] {
        let mut body = first();
        body["solution"]["derivedKey"] = json!(key);
        let failed = HumanVerdict::Failed(HumanFailure::NotHuman);
        assert_eq!(verdict(&payload(&body)).await, failed, "{key}");
    }
    let mut upper = first();
    let key = upper["solution"]["derivedKey"].as_str().unwrap().to_uppercase();
    upper["solution"]["derivedKey"] = json!(key);
    assert!(matches!(verdict(&payload(&upper)).await, HumanVerdict::Failed(_)));
    // A key that is right for its counter and has not the prefix: the work was not done.
    let mut lazy = first();
    lazy["challenge"]["parameters"]["keyPrefix"] = json!("ffffffff");
    let failed = HumanVerdict::Failed(HumanFailure::NotHuman);
    assert_eq!(verdict(&signed(lazy)).await, failed);
}

#[tokio::test]
async fn text_that_is_no_payload_is_no_panic() {
    for text in [
        "x",
        "====",
        "bnVsbA==",
        "e30=",
        "W10=",
        &Base64::encode_string(
            b"{\"challenge\":{\"parameters\":[],\"signature\":1},\"solution\":0}",
        ),
        &Base64::encode_string(&[0xFF; 3_000]),
        &"[".repeat(8_000),
        &Base64::encode_string("[".repeat(6_000).as_bytes()),
    ] {
        let failed = HumanVerdict::Failed(HumanFailure::NotHuman);
        assert_eq!(verdict(text).await, failed, "{text:.20}");
    }
    let right = vectors()[FIRST].clone();
    for cut in 0..right.len() {
        assert!(!matches!(
            verdict(right.get(..cut.max(1)).unwrap()).await,
            HumanVerdict::Passed(_)
        ));
    }
}

#[tokio::test]
async fn a_challenge_ends_and_none_outlives_the_gates_memory() {
    let right = vectors()[FIRST].clone();
    let end = NOW + Duration::from_secs(600);
    let check = altcha();
    let at = async |now| asked(&check, &right, "sign-up", now).await;
    assert!(matches!(at(end).await, HumanVerdict::Passed(_)));
    let spent = HumanVerdict::Failed(HumanFailure::Spent);
    assert_eq!(at(end + Duration::from_millis(1)).await, spent);
    assert_eq!(at(end.before(HumanPass::LIFE + Duration::from_millis(1))).await, spent);
    assert!(matches!(at(end.before(HumanPass::LIFE)).await, HumanVerdict::Passed(_)));
    for end in [json!(0), json!(u64::MAX), json!(1_800_003_601)] {
        let mut body = first();
        body["challenge"]["parameters"]["expiresAt"] = end.clone();
        assert_eq!(verdict(&signed(body)).await, spent, "{end}");
    }
    let payment = asked(&check, &right, "payment", NOW).await;
    assert_eq!(payment, HumanVerdict::Failed(HumanFailure::WrongSite));
}

/// No text makes the server work for minutes: the cost is bounded, and only signed ones are worked on.
#[tokio::test]
async fn the_work_of_checking_is_bounded() {
    for cost in [50_001_u64, u64::from(u32::MAX), u64::MAX] {
        let mut body = first();
        body["challenge"]["parameters"]["cost"] = json!(cost);
        let failed = HumanVerdict::Failed(HumanFailure::NotHuman);
        assert_eq!(verdict(&signed(body)).await, failed, "{cost}");
    }
}

fn solve(challenge: &str) -> String {
    let challenge: Value = serde_json::from_str(challenge).unwrap();
    let parameters = &challenge["parameters"];
    let bytes = |name: &str| -> Vec<u8> {
        let hex = parameters[name].as_str().unwrap();
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let (nonce, salt) = (bytes("nonce"), bytes("salt"));
    let rounds = std::num::NonZeroU32::new(parameters["cost"].as_u64().unwrap() as u32).unwrap();
    for counter in 0..u32::MAX {
        let password = [&nonce[..], &counter.to_be_bytes()].concat();
        let mut key = [0; 32];
        // Not the crate that the adapter uses.
        ring::pbkdf2::derive(ring::pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, &password, &mut key);
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        if hex.starts_with(parameters["keyPrefix"].as_str().unwrap()) {
            let solution = json!({"counter": counter, "derivedKey": hex, "time": 1.5});
            return payload(&json!({"challenge": challenge, "solution": solution}));
        }
    }
    unreachable!()
}

#[tokio::test]
async fn our_own_challenges_are_solved_and_pass_through_a_rotation() {
    let vault = Arc::new(Mutex::new(secret("an-older-secret-of-ours")));
    let read = vault.clone();
    let source = Credentials::from_fn(move || Ok(read.lock().unwrap().clone()));
    let builder = Altcha::builder(source).cost(1_000).entropy(SeededEntropy::new(7));
    let check = builder.build().unwrap();
    let challenge = check.challenge("log-in", NOW).unwrap().unwrap();
    let another = check.challenge("log-in", NOW).unwrap().unwrap();
    assert_ne!(challenge, another);
    let answer = solve(&challenge);
    let passes = async |purpose| {
        matches!(asked(&check, &answer, purpose, NOW).await, HumanVerdict::Passed(_))
    };
    assert!(passes("log-in").await && !passes("payment").await);
    *vault.lock().unwrap() = secret(SECRET).and_previous("an-older-secret-of-ours").unwrap();
    assert!(passes("log-in").await, "the one before is still taken");
    *vault.lock().unwrap() = secret(SECRET);
    assert!(!passes("log-in").await, "and then no more");
}

/// The steps of a rotation of several gates: at none of them does one refuse what its neighbour signed.
#[tokio::test]
async fn a_rotation_in_steps_fails_no_puzzle_at_another_gate() {
    let (old, new) = ("an-older-secret-of-ours", SECRET);
    let steps = [
        secret(old),
        secret(old).and_previous(new).unwrap(),
        secret(new).and_previous(old).unwrap(),
        secret(new),
    ];
    let gate = |secret: &AltchaSecret| {
        let builder = Altcha::builder(secret.clone()).cost(1_000);
        builder.entropy(SeededEntropy::new(7)).build().unwrap()
    };
    let passes = async |signs: &AltchaSecret, checks: &AltchaSecret| {
        let answer = solve(&gate(signs).challenge("log-in", NOW).unwrap().unwrap());
        let verdict = asked(&gate(checks), &answer, "log-in", NOW).await;
        matches!(verdict, HumanVerdict::Passed(_))
    };
    for pair in steps.windows(2) {
        assert!(passes(&pair[0], &pair[1]).await && passes(&pair[1], &pair[0]).await);
    }
    assert!(!passes(&steps[3], &steps[0]).await, "in one step");
}

#[test]
fn settings_are_checked_and_nothing_is_shown() {
    assert!(AltchaSecret::new("fifteen-bytes-x").is_err());
    assert!(AltchaSecret::new(" ".repeat(40)).is_err());
    let build = |cost, life| {
        Altcha::builder(secret(SECRET)).cost(cost).life(Duration::from_secs(life)).build()
    };
    assert!(build(1_000, 60).is_ok() && build(50_000, 1_800).is_ok());
    for (cost, life) in [(999, 600), (50_001, 600), (5_000, 59), (5_000, 1_801)] {
        assert!(build(cost, life).is_err(), "{cost} {life}");
    }
    let check = altcha();
    let shown = format!("{check:?} {:?} {:?}", secret(SECRET), Altcha::builder(secret(SECRET)));
    assert!(!shown.contains("invented"), "{shown}");
    let widget = check.widget("sign-up").unwrap();
    assert_eq!((widget.provider, widget.field, widget.script), (NAME, "altcha", None));
}
