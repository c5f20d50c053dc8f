//! The authenticator app's codes: accepted once, and not to be guessed.

#![cfg(feature = "totp")]

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use otpgate::access::{Actor, Reason};
use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
use otpgate::{AuthenticatorVerdict, ClientContext, Clock, EventKind};

use crate::support::{House, client, days, hours, in_session, seconds, slow_stores};

const SECRET: &[u8; 20] = b"12345678901234567890";

/// RFC 6238 as an app computes it.
pub(crate) fn app_code(house: &House) -> String {
    let step = house.clock.now().as_millis() / 30_000;
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(SECRET).unwrap();
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let at = usize::from(tag[19] & 0x0f);
    let number = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Six digits that are not the code of now, nor of a step beside it.
pub(crate) fn wrong_code(house: &House, n: u32) -> String {
    let secret = AuthenticatorSecret::from_bytes(SECRET).unwrap();
    let now = house.clock.now();
    (n..)
        .map(|n| format!("{:06}", n % 1_000_000))
        .find(|guess| {
            let format = otpgate::otp::CodeFormat::default();
            let code = otpgate::otp::SubmittedCode::parse(guess, &format).unwrap();
            Authenticator::default().matching_step(&secret, &code, now).is_none()
        })
        .unwrap()
}

pub(crate) async fn enters(house: &House, user: &str, code: &str, who: &ClientContext) -> bool {
    let secret = AuthenticatorSecret::from_bytes(SECRET).unwrap();
    let authenticator = Authenticator::default();
    let verdict = house.gate.verify_authenticator(user, &secret, code, &authenticator, who).await;
    verdict.unwrap() == AuthenticatorVerdict::Accepted
}

#[tokio::test]
async fn a_code_is_accepted_once_for_its_account_even_in_a_race() {
    for (name, store) in slow_stores(11) {
        race(&Arc::new(House::lab(store)), name).await;
    }
}

async fn race(house: &Arc<House>, store: &str) {
    let code = app_code(house);
    let racers = (0..16).map(|n| {
        let (house, code) = (Arc::clone(house), code.clone());
        tokio::spawn(async move { enters(&house, "ada", &code, &client(100 + n)).await })
    });
    let mut accepted = 0;
    for racer in racers.collect::<Vec<_>>() {
        accepted += u32::from(racer.await.unwrap());
    }
    assert_eq!(accepted, 1, "{store}");
    assert!(!enters(house, "ada", &code, &client(1)).await);
    // Another account with the same secret has steps of its own.
    assert!(enters(house, "bob", &code, &client(1)).await);
    // The race was fifteen failures: the pause they earned.
    house.clock.advance(hours(2));
    assert!(enters(house, "ada", &app_code(house), &client(1)).await);
}

/// What a call with a narrow window has used up is not good again for one with a wide window.
#[tokio::test]
async fn a_code_is_accepted_once_whatever_windows_the_calls_have() {
    let house = House::lab_with(|builder| builder);
    let (secret, who) = (AuthenticatorSecret::from_bytes(SECRET).unwrap(), client(1));
    let code = app_code(&house);
    for (window, accepted) in [(0, true), (1, false), (2, false)] {
        let app = Authenticator::with_window(window).unwrap();
        let check = house.gate.verify_authenticator("ada", &secret, &code, &app, &who);
        let verdict = check.await.unwrap();
        assert_eq!(verdict == AuthenticatorVerdict::Accepted, accepted, "{window}");
        house.clock.advance(seconds(30));
    }
}

/// Guesses from everywhere, for a week: only what was counted could have been right, and the
/// account's share of NIST's hundred is counted. A right code is then as wrong as any other.
#[tokio::test]
async fn guesses_past_a_limit_are_not_for_free() {
    let house = House::lab_with(|builder| builder);
    for n in 0..9_500 {
        let guess = wrong_code(&house, n * 7);
        assert!(!enters(&house, "ada", &guess, &client(1_000 + n % 500)).await);
        house.clock.advance(seconds(67));
    }
    for _ in 0..48 {
        house.clock.advance(hours(1));
        assert!(!enters(&house, "ada", &app_code(&house), &client(1)).await);
    }
    // Somebody else is not concerned, and the help desk knows the way back.
    assert!(enters(&house, "bob", &app_code(&house), &client(1)).await);
    let (why, desk) = (Reason::new("ticket 4712").unwrap(), Actor::new("desk").unwrap());
    house.gate.controls().forgive_authenticator("ada", &why, &desk).await.unwrap();
    house.clock.advance(seconds(30));
    assert!(enters(&house, "ada", &app_code(&house), &client(1)).await);
}

/// The bound of a session holds for right codes too: one that knows it is past its limit could
/// otherwise guess on and see which guess is taken. Other sessions at its address are not concerned.
#[tokio::test]
async fn a_session_past_its_limit_gets_no_right_code_accepted() {
    let house = House::lab_with(|builder| builder);
    for n in 0..200 {
        let guess = wrong_code(&house, n);
        assert!(!enters(&house, &format!("user {n}"), &guess, &client(7)).await);
    }
    assert!(!enters(&house, "ada", &app_code(&house), &client(7)).await);
    assert!(enters(&house, "ada", &app_code(&house), &in_session(7, "another")).await);
    // The owner's mistakes are forgotten with a right code, and the session's bucket drains.
    house.clock.advance(days(1));
    assert!(enters(&house, "ada", &app_code(&house), &client(7)).await);
}

/// One guess each at many accounts, from sessions and addresses of their own.
#[tokio::test]
async fn wrong_codes_for_many_accounts_raise_the_alarm() {
    let house = House::ruled(|policy| policy.attempts.spray_alarm = 25);
    for n in 0..60 {
        let code = app_code(&house);
        assert!(enters(&house, &format!("honest {n}"), &code, &client(n)).await);
    }
    assert_eq!(house.log.count(|kind| matches!(kind, EventKind::GuessSpraying { .. })), 0);
    for n in 0..60 {
        let guess = wrong_code(&house, n);
        assert!(!enters(&house, &format!("user {n}"), &guess, &client(n)).await);
    }
    assert_eq!(house.log.count(|kind| matches!(kind, EventKind::GuessSpraying { .. })), 2);
}

/// An app shows `123 456`, and a telephone types digits of its own script: the same reader as for a
/// code from a text, and the same step is used up in every spelling.
#[tokio::test]
async fn an_app_code_is_read_like_a_code_from_a_text() {
    let house = House::lab_with(|builder| builder);
    let spell = |code: &str| {
        let (head, tail) = code.split_at(3);
        let thai = code.bytes().map(|b| char::from_u32(0xe50 + u32::from(b - b'0')).unwrap());
        [format!("{head} {tail}"), format!("“{code}”.\n"), thai.collect::<String>()]
    };
    for index in 0..spell("000000").len() {
        let code = app_code(&house);
        assert!(enters(&house, "ada", &spell(&code)[index], &client(1)).await, "{index}");
        for again in spell(&code) {
            assert!(!enters(&house, "ada", &again, &client(1)).await, "{again:?}");
        }
        house.clock.advance(hours(2));
    }
    let two = format!("{} or {}", app_code(&house), wrong_code(&house, 1));
    assert!(!enters(&house, "ada", &two, &client(1)).await, "two guesses for one charge");
}

/// A right code is used up with its admission: what fails after that makes it no wrong one.
#[tokio::test]
async fn a_right_code_whose_failures_cannot_be_forgotten_is_accepted() {
    use otpgate::store::StoreErrorKind;
    use otpgate::testing::{FailNth, Verb};
    let kind = StoreErrorKind::Unavailable;
    let house = House::lab(FailNth::new(crate::support::memory(), Verb::Settle, 1, kind));
    let code = app_code(&house);
    assert!(enters(&house, "ada", &code, &client(1)).await);
    assert!(!enters(&house, "ada", &code, &client(1)).await, "used up");
    let told = |kind: &EventKind| matches!(kind, EventKind::Outage { .. });
    assert_eq!(house.log.count(told), 1);
}

/// Guesses at app codes are no texts whose code came back wrong.
#[tokio::test]
async fn wrong_app_codes_do_not_count_as_wrong_codes_of_texts() {
    let house = House::lab_with(|builder| builder);
    for text in 0..4 {
        let who = client(text);
        let grant = house.send_to(&crate::support::german(text.into()), &who).await.into_grant();
        let code = if text == 0 { "000000".to_owned() } else { house.last_code() };
        let _ = house.accepts_from(&grant, &code, &who).await;
    }
    for guess in 0..20 {
        let wrong = wrong_code(&house, guess * 7);
        assert!(!enters(&house, &format!("user {guess}"), &wrong, &client(100 + guess)).await);
    }
    let now = house.gate.snapshot().await.unwrap();
    assert_eq!((now.attempts, now.failed), (4, 1));
}
