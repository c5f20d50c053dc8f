//! What is typed as a code: no panic, and nothing but its characters gets through.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::otp::{CodeFormat, SubmittedCode};

fuzz_target!(|typed: &str| {
    let digits = CodeFormat::default();
    if let Ok(code) = SubmittedCode::parse(typed, &digits) {
        let text = code.expose_secret();
        assert!(text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()), "{typed:?}");
        assert_eq!(typed.trim_matches(|c: char| c.is_ascii_whitespace()), text);
    }
    if let Ok(letters) = CodeFormat::unambiguous(8)
        && let Ok(code) = SubmittedCode::parse(typed, &letters)
    {
        assert_eq!(code.expose_secret().len(), 8);
    }
});
