//! What the feature `tracing` exports. A binary of its own: a span that a thread without a subscriber meets
//! first may be off for the others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::disallowed_methods)]
#![allow(unreachable_pub, reason = "modules of one test")]

mod traffic;

use std::io::Write;
use std::sync::{Arc, Mutex};

use otpgate::telemetry::{FIELDS, SPANS};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

#[tokio::test]
async fn every_outcome_of_a_verb_is_in_its_span_and_nothing_personal() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        // Its microseconds have six digits, as a code has.
        .without_time()
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let house = traffic::house(otpgate::NoObserver);
    let needles = traffic::mixed(&house).await;
    traffic::outage(otpgate::NoObserver).await;
    drop(guard);
    let text = log.text();
    assert_eq!(needles.scan(&text), []);
    for span in ["preflight", "clear", "issue", "decoy", "entry", "resend", "verify"] {
        assert!(text.contains(&format!("otpgate.{span}{{")), "no span of {span}");
    }
    for (span, fields) in [
        ("otpgate.issue", "otpgate.outcome=\"sent\""),
        ("otpgate.issue", "otpgate.outcome=\"refused\""),
        ("otpgate.issue", "otpgate.outcome=\"hand_off\""),
        ("otpgate.issue", "otpgate.outcome=\"store\""),
        ("otpgate.issue", "otpgate.region=\"DE\""),
        ("otpgate.issue", "otpgate.purpose=\"sign-up\""),
        ("otpgate.issue", "otpgate.reason=\"pumping\""),
        ("otpgate.clear", "otpgate.outcome=\"human_check\""),
        ("otpgate.verify", "otpgate.outcome=\"accepted\""),
        ("otpgate.verify", "otpgate.reason=\"replay\""),
        ("otpgate.store.admit", "otpgate.outcome=\"granted\""),
        ("otpgate.hand_off", "otpgate.outcome=\"not_sent\""),
        ("otpgate.human_check", "otpgate.outcome=\"passed\""),
    ] {
        let closed = |line: &&str| line.contains("close") && innermost(line).starts_with(span);
        let found = text.lines().filter(closed).any(|line| innermost(line).contains(fields));
        assert!(found, "no {span} with {fields}");
    }
    for word in text.split(['{', '}', ' ', ':']) {
        if let Some((field, _)) = word.split_once('=').filter(|(f, _)| f.starts_with("otpgate.")) {
            assert!(FIELDS.contains(&field), "{field} is not in the list");
        } else if word.starts_with("otpgate.") {
            assert!(SPANS.contains(&word), "{word} is not in the list");
        }
    }
}

/// The last span of a line, with its fields.
fn innermost(line: &str) -> &str {
    line.rfind("otpgate.store.")
        .or_else(|| {
            let names = SPANS.iter().filter(|name| !name.contains("store"));
            names.filter_map(|name| line.rfind(&format!("{name}{{"))).max()
        })
        .map_or("", |at| &line[at..])
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
