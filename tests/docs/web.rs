//! The samples of `docs/web.md` that a host copies.

use std::fs;

use super::root;

const PAGE: &str = include_str!("../../docs/web.md");

/// The code of a language below a heading.
fn sample<'a>(heading: &str, language: &str) -> &'a str {
    let (_, rest) = PAGE.split_once(&format!("\n## {heading}\n")).expect(heading);
    let (_, rest) = rest.split_once(&format!("\n```{language}\n")).expect(language);
    rest.split_once("\n```").expect("its end").0
}

/// The console stands at `/otp-console` unless told otherwise: a location that begins with `/otp`
/// would publish it. `client_header_timeout` stands in no location: nginx does not start with it.
#[test]
fn the_proxy_publishes_the_endpoints_alone() {
    let sample = sample("Behind a proxy", "nginx");
    let (before, location) = sample.split_once("\nlocation ").expect("a location");
    let (pattern, block) = location.split_once(" {").expect("its block");
    let (mount, _) = pattern
        .strip_prefix("~ ^")
        .and_then(|pattern| pattern.split_once("(/|$)"))
        .expect("a pattern with an end");
    let matches = |path: &str| {
        path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for (path, published) in [
        ("/otp", true),
        ("/otp/", true),
        ("/otp/send", true),
        ("/otp-console", false),
        ("/otp-console/act", false),
        ("/otpx", false),
    ] {
        assert_eq!(matches(path), published, "{path}");
    }
    assert!(before.contains("client_header_timeout") && !block.contains("client_header_timeout"));
}

/// The handler is compiled where it stands as an example of the crate.
#[test]
fn the_handler_is_the_one_that_is_compiled() {
    let compiled = fs::read_to_string(root().join("src/web/axum.rs")).unwrap();
    let lines: Vec<_> = compiled.lines().filter_map(|line| line.strip_prefix("/// ")).collect();
    for line in sample("Sessions of your own", "rust").lines() {
        assert!(lines.contains(&line), "not in the example of `Client`: {line}");
    }
}
