//! A provider's template from a configuration file, and an answer of that provider: an error with words
//! that quotes no value, or one request with its text in it and an outcome.
//!
//! The input is the template; then, behind a NUL, which no TOML has, the answer's status in two bytes and
//! its body. So a template as it stands in the documentation is an input, answered with 200 and nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::SmsTransport;
use otpgate::http::{ClientFn, HttpResponse, SecretText};
use otpgate::transport::OutboundSms;
use otpgate::transport::template::{HttpTemplate, HttpTransport};

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (text, answer) = input.split_at(end);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (status, body) = match answer {
        [_, high, low, body @ ..] => (u16::from_be_bytes([*high, *low]), body),
        _ => (200, &[][..]),
    };
    let template = match toml::from_str::<HttpTemplate>(text) {
        Ok(template) => template,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let host = text.contains("https://");
    let body = body.to_vec();
    let client = ClientFn::new("fuzz", move |request| {
        assert!(request.url().starts_with("https://") || !host);
        let answer = HttpResponse::new(status).with_body(body.clone());
        async move { Ok(answer) }
    });
    let transport = HttpTransport::builder(template, |_| Ok(SecretText::new("a secret")))
        .client(client)
        .senders("Example".to_owned())
        .build()
        .unwrap();
    let sms = OutboundSms::for_test("+4915123456789", "a & <b> \"c\" %", [1; 16]);
    match otpgate::testing::block_on(transport.hand_off(&sms)) {
        Ok(handoff) => assert!((200..300).contains(&status) && handoff.message_id.is_some()),
        Err(error) => assert!(!format!("{error:?}").contains("a secret")),
    }
});
