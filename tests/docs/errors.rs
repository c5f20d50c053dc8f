//! Every error of the crate is a sentence with the cure, in `Debug` too: `main` and `unwrap` print that.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;

use otpgate::access::{DialPrefix, ForwardedError, Network, Reason, TrustedProxies};
use otpgate::message::{AppHash, Brand, Language, OriginHost, Template};
use otpgate::otp::CodeFormat;
use otpgate::recipient::{Recipient, Region};
use otpgate::token::WorkBits;
use otpgate::transport::signals::SignalsError;
use otpgate::{Gate, Pepper, Realm};

use super::sources_in;

/// Found in the source, so that a new error without the sentence fails here.
#[test]
fn every_error_has_the_debug_of_a_sentence() {
    let mut found = BTreeSet::new();
    let mut bare = Vec::new();
    for file in sources_in("src") {
        let text = fs::read_to_string(&file).unwrap();
        let sentences: BTreeSet<&str> = text
            .split("debug_as_sentence!(")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .flat_map(|(names, _)| names.split(',').map(str::trim))
            .collect();
        for name in errors(&text) {
            if !sentences.contains(name.as_str()) {
                bare.push(format!("{}: {name}", file.display()));
            }
            found.insert(name);
        }
    }
    assert!(found.len() >= 50, "only {} errors were found", found.len());
    assert!(found.contains("OriginHostError") && found.contains("GateError"));
    assert!(
        bare.is_empty(),
        "`base::sentence::debug_as_sentence!` is missing:\n{}",
        bare.join("\n")
    );
}

/// What a host meets on its first day, as `main` prints it.
#[test]
fn first_errors_name_their_cure() {
    let mut silent = Vec::new();
    for (error, cure) in [
        (boxed(OriginHost::new("localhost")), "OriginHost::development_danger"),
        (boxed(OriginHost::development_danger("example.com")), "which takes no other"),
        (boxed(Gate::builder().build()), "GateBuilder::keys"),
        (boxed(Pepper::from_text("secret")), "43"),
        (boxed(Recipient::parse("12", None)), "default region"),
        (boxed("XX".parse::<Region>()), "such as DE"),
        (boxed("203.0.113.7/99".parse::<Network>()), "such as"),
        (boxed("49".parse::<DialPrefix>()), "write + and 1 to 12 digits"),
        (boxed(WorkBits::new(99)), "24"),
        (boxed(CodeFormat::digits(3)), "6"),
        (boxed(Realm::new("")), "1 to"),
        (boxed(Brand::new("")), "use the short name"),
        (boxed(Reason::new("")), "1 to"),
        (boxed(Template::compile("no code")), "{code}"),
        (boxed(AppHash::new("x")), "11"),
        (boxed(Language::new("?")), "write `en`"),
        (boxed(TrustedProxies::parse(["nonsense"])), "such as"),
        (boxed(Err::<(), _>(SignalsError::not_asked("no route"))), "see the provider's status"),
        (boxed(Err::<(), _>(ForwardedError::TooLong)), "see that the proxies"),
    ]
    .into_iter()
    .chain(of_http())
    {
        let shown = format!("{error:?}");
        assert!(shown.starts_with(&error.to_string()), "{shown}");
        if !shown.contains(cure) || shown.split(' ').count() < 5 {
            silent.push(format!("{shown:?} does not say {cure:?}"));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[cfg(feature = "http")]
fn of_http() -> Vec<(Box<dyn Error>, &'static str)> {
    use otpgate::http::{CredentialError, HttpError};
    let http = |of: fn(&'static str) -> HttpError| boxed(Err::<(), _>(of("as it was told")));
    vec![
        (http(HttpError::unreachable), "check its address"),
        (http(HttpError::invalid), "check the address"),
        (http(HttpError::interrupted), "ask it before you repeat it"),
        (http(HttpError::timed_out), "allow more time"),
        (http(HttpError::too_large), "see that the address"),
        (boxed(Err::<(), _>(CredentialError::new("denied"))), "see that their source answers"),
    ]
}

#[cfg(not(feature = "http"))]
fn of_http() -> Vec<(Box<dyn Error>, &'static str)> {
    Vec::new()
}

fn boxed<T, E: Error + 'static>(result: Result<T, E>) -> Box<dyn Error> {
    match result {
        Ok(_) => "it was accepted, so there is no error to read here".into(),
        Err(error) => Box::new(error),
    }
}

/// The types of a file that derive or implement `Error`, those of its tests left out.
fn errors(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let mut names = Vec::new();
    for rest in text.split("#[derive(").skip(1) {
        let (derived, rest) = rest.split_once(")]").unwrap();
        if derived.split(',').any(|name| matches!(name.trim(), "thiserror::Error" | "Error")) {
            let declared = rest.lines().find(|line| {
                !line.starts_with("//") && (line.contains("struct ") || line.contains("enum "))
            });
            let word =
                declared.unwrap().split(' ').skip_while(|word| !matches!(*word, "struct" | "enum"));
            names.extend(word.skip(1).map(identifier).next());
        }
    }
    for line in text.lines().filter(|line| line.starts_with("impl") && line.contains("Error for "))
    {
        let (of, name) = line.split_once(" for ").unwrap();
        if of.ends_with(" Error") || of.ends_with("::Error") || of.ends_with(" StdError") {
            names.push(identifier(name));
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}
