//! Short texts of operators, hosts and other systems: each is refused, or it survives its own text
//! form and keeps the rules of its class.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use otpgate::access::{Actor, CallerId, DialPrefix};
use otpgate::http::BaseUrl;
use otpgate::message::{AppHash, Brand, Language, OriginHost, RegisteredText};
use otpgate::otp::totp::AuthenticatorSecret;
use otpgate::otp::{Amount, Binding, CodeFormat, Payee, SubmittedCode, TestCode};
use otpgate::recipient::Prefix;
use otpgate::transport::{CallbackUrl, OutboundSms};
use otpgate::{Purpose, Realm, Recipient};

fuzz_target!(|text: &str| {
    authenticator(text);
    names(text);
    hosts(text);
    addresses(text);
    prefixes(text);
    amounts(text);
    codes(text);
    registered(text);
});

fn authenticator(text: &str) {
    let Ok(secret) = AuthenticatorSecret::from_short_base32_danger(text) else { return };
    let written = secret.to_base32();
    let again = AuthenticatorSecret::from_short_base32_danger(written.expose_secret()).unwrap();
    assert_eq!(again.expose_secret(), secret.expose_secret());
    assert_eq!(AuthenticatorSecret::from_base32(text).is_ok(), secret.is_compliant());
}

/// What none of the names in a message has: sigils of an origin-bound line, brackets, line breaks,
/// and what turns a text around.
const SIGILS: [char; 11] = ['@', '#', '%', '<', '>', '{', '}', '"', '\n', '\r', '\u{202e}'];

fn names(text: &str) {
    let digits_in_a_row = |most: usize| {
        let mut runs = text.split(|symbol: char| !symbol.is_ascii_digit());
        runs.all(|run| run.len() <= most)
    };
    if let Ok(brand) = Brand::new(text) {
        assert_eq!(brand.as_str(), text);
        assert!(!text.contains(SIGILS), "{text:?}");
        assert!(!(text.contains(['!', '*']) && text.contains("www.")), "{text:?}");
        assert!(digits_in_a_row(3) && text.trim() == text, "{text:?}");
    }
    if let Ok(payee) = Payee::new(text) {
        assert_eq!(payee.as_str(), text);
        assert!(!text.contains(SIGILS) && !text.contains(['!', '*']), "{text:?}");
        assert!(!text.contains("www.") && !text.contains("://"), "{text:?}");
        assert!(digits_in_a_row(5) && text.trim_matches(' ') == text, "{text:?}");
        assert!((1..=35).contains(&text.encode_utf16().count()), "{text:?}");
        assert!(!format!("{payee:?}").contains(text) || "Payee([redacted])".contains(text));
    }
    if let Ok(language) = Language::new(text) {
        assert_eq!(language.as_str(), text.to_ascii_lowercase());
        assert_eq!(Language::new(language.as_str()).as_ref(), Ok(&language));
    }
    if let Ok(hash) = AppHash::new(text) {
        assert!(hash.as_str() == text && text.len() == 11, "{text:?}");
    }
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let named = (1..=32).contains(&text.len()) && text.bytes().all(plain);
    assert_eq!(Purpose::new(text.to_owned()).is_ok(), named, "{text:?}");
    assert_eq!(Realm::new(text).is_ok(), named, "{text:?}");
    assert_eq!(CallerId::new(text).is_ok(), named, "{text:?}");
    if let Ok(actor) = Actor::new(text) {
        assert_eq!(Actor::new(actor.as_str()).unwrap().as_str(), actor.as_str());
    }
}

fn hosts(text: &str) {
    let plain = |host: &str| {
        host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
            && host.len() <= 253
    };
    let local = OriginHost::development_danger(text);
    if let Ok(host) = OriginHost::new(text) {
        assert!(host.as_str() == text.to_ascii_lowercase() && plain(host.as_str()), "{text:?}");
        assert!(text.contains('.') && text.parse::<IpAddr>().is_err(), "{text:?}");
        assert!(!host.as_str().ends_with(".localhost"), "{text:?}");
        assert_eq!(OriginHost::new(host.as_str()).as_ref(), Ok(&host));
        assert!(local.is_err(), "{text:?}");
    }
    if let Ok(host) = local {
        let below = host.as_str().ends_with(".localhost");
        assert!(plain(host.as_str()) && (below || !host.as_str().contains('.')), "{text:?}");
        assert!(text.to_ascii_lowercase().starts_with(host.as_str()), "{text:?}");
        assert_eq!(OriginHost::development_danger(host.as_str()).as_ref(), Ok(&host));
    }
}

fn addresses(text: &str) {
    if let Ok(base) = text.parse::<BaseUrl>() {
        assert_eq!(base.as_str(), text.trim_end_matches('/'));
        assert_eq!(base.as_str().parse::<BaseUrl>().as_ref(), Ok(&base), "{text:?}");
        assert!(base.authority().starts_with(base.host()), "{text:?}");
        let here = |host: &str| {
            let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
            host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
        };
        assert!(text.starts_with("https://") || here(base.host()), "in the clear: {text:?}");
        // Whoever sends the request goes to the same host.
        if let Ok(read) = base.as_str().parse::<http::Uri>() {
            assert_eq!(read.host(), Some(base.host()), "{text:?}");
        }
    }
    if let Ok(callback) = text.parse::<CallbackUrl>() {
        // Path and query may hold a token.
        let shown = format!("{callback:?}");
        assert!(!shown.contains(['/', '?']), "{shown} of {text:?}");
        let sms = OutboundSms::for_test("+15550100", "text", [1; 16]);
        let url = callback.of(sms.callback_key());
        assert!(url.starts_with(text));
        // A host that has put such a parameter there itself gets its own back.
        if !text.contains("otpgate=") {
            assert_eq!(CallbackUrl::key_in(&url), Some(sms.callback_key().as_str()), "{url:?}");
        }
        if let Some(key) = CallbackUrl::key_in(text) {
            assert!(CallbackUrl::is_key(key) && text.contains(key));
        }
    }
}

fn prefixes(text: &str) {
    if let Ok(prefix) = text.parse::<DialPrefix>() {
        assert_eq!(prefix.to_string().parse(), Ok(prefix));
        assert_eq!(prefix.to_string().len(), usize::from(prefix.digit_count()) + 1);
        assert!(text.starts_with(&prefix.to_string()), "{text:?}");
        for rest in ["", "0", "15112345", "5112345678"] {
            let Ok(number) = Recipient::from_e164(&format!("{prefix}{rest}")) else { continue };
            // Unless it was a retired spelling, which is read as today's.
            if number.expose_e164().as_str().starts_with(&prefix.to_string()) {
                assert!(prefix.covers(&number), "{prefix} {rest}");
            }
        }
    }
    if let Ok(prefix) = text.parse::<Prefix>() {
        let written = prefix.to_string();
        assert_eq!(written.parse(), Ok(prefix), "{text:?}");
        assert!(prefix.digits().to_string().len() == usize::from(prefix.digit_count()));
        assert!(
            prefix.digits().to_string().starts_with(&prefix.calling_code().value().to_string())
        );
    }
}

fn amounts(text: &str) {
    let (number, currency) = text.split_once(' ').unwrap_or((text, "EUR"));
    if let Ok(amount) = Amount::new(number, currency) {
        let shown = amount.to_string();
        let read = shown.strip_prefix(amount.currency()).unwrap().replace(' ', "");
        assert!(read == number && amount.currency() == currency, "{text:?}");
        // No part of it could be a code.
        assert!(shown.split([' ', '.']).all(|part| part.len() <= 3), "{shown}");
        let payee = || Payee::new("Bob").unwrap();
        let bound = |amount: Amount| Binding::transaction(amount, payee()).bytes();
        let longer = match number.contains('.') {
            true => format!("{number}0"),
            false => format!("{number}.0"),
        };
        if let Ok(longer) = Amount::new(&longer, currency) {
            assert_eq!(longer, amount);
            assert_eq!(bound(longer), bound(amount));
        }
    }
    if let Ok(units) = number.parse::<u64>() {
        for decimals in 0..=3 {
            let Ok(amount) = Amount::minor_units(units, decimals, "EUR") else { continue };
            let digits: String = amount.to_string().chars().filter(char::is_ascii_digit).collect();
            assert_eq!(digits.parse(), Ok(units), "{amount}");
        }
    }
}

fn codes(text: &str) {
    if text.len() > 200 {
        return;
    }
    for format in [CodeFormat::default(), CodeFormat::unambiguous(8).unwrap()] {
        let Ok(code) = TestCode::new(text, &format) else { continue };
        assert_eq!(code.expose_secret().len(), format.len());
        let submitted = SubmittedCode::parse(text, &format).unwrap();
        assert_eq!(submitted.expose_secret(), code.expose_secret());
        assert!(TestCode::new(code.expose_secret(), &format).is_ok());
        let (first, last) =
            (code.expose_secret().bytes().min(), code.expose_secret().bytes().max());
        assert_ne!(first, last, "one character over and over");
        assert!(!format!("{code:?}").contains(code.expose_secret()));
    }
}

/// The first line is what the registry holds, the rest a finished text.
fn registered(text: &str) {
    let (source, finished) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(registered) = RegisteredText::parse(source) else { return };
    assert_eq!(registered.as_str(), source);
    let filled = source
        .replace("{#var#}", "ä ")
        .replace("{#numeric#}", "7")
        .replace("{#number#}", "42")
        .replace("{#alphanumeric#}", "Q");
    if filled.chars().count() <= 400 {
        assert_eq!(registered.first_difference(&filled), None, "{filled:?} of {source:?}");
    }
    let length = finished.chars().count();
    if length <= 400
        && let Some(place) = registered.first_difference(finished)
    {
        assert!((1..=length + 1).contains(&place), "{place} of {length}");
    }
}
