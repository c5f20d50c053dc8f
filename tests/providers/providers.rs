//! Every provider's adapter against a real HTTP server: the published conformance suite, every way in
//! which an answer can go wrong, every documented error code, the SDKs' recorded requests and the
//! SDKs' signature vectors.

#![cfg(all(feature = "testing", feature = "reqwest"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unreachable_pub, reason = "modules of one test")]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::disallowed_methods)]

#[macro_use]
mod adapter;
mod credentials;
mod docs;
mod every;
#[cfg(all(feature = "esendex", feature = "twilio"))]
mod fault_schedules;
#[path = "../../examples/first_text/mod.rs"]
#[allow(dead_code, reason = "the examples need the rest")]
mod first_text;
mod first_texts;
mod http_client;
#[cfg(all(feature = "aws", feature = "bird", feature = "esendex", feature = "infobip"))]
#[cfg(all(feature = "plivo", feature = "telnyx", feature = "template"))]
#[cfg(all(feature = "twilio", feature = "vonage"))]
mod receipts_home;
#[cfg(all(feature = "esendex", feature = "twilio"))]
mod retry_after;
mod senders;
mod vectors;
mod wire;

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod aws_receipts;
#[cfg(feature = "bird")]
mod bird;
#[cfg(feature = "esendex")]
mod esendex;
#[cfg(all(
    feature = "altcha",
    feature = "friendly-captcha",
    feature = "hcaptcha",
    feature = "recaptcha",
    feature = "turnstile"
))]
mod human;
#[cfg(feature = "infobip")]
mod infobip;
#[cfg(feature = "vonage")]
mod insights;
#[cfg(feature = "twilio")]
mod lookup;
#[cfg(feature = "plivo")]
mod plivo;
#[cfg(feature = "telnyx")]
mod telnyx;
#[cfg(feature = "template")]
mod template;
#[cfg(feature = "twilio")]
mod twilio;
#[cfg(feature = "vonage")]
mod vonage;
#[cfg(feature = "vonage")]
mod vonage_messages;
