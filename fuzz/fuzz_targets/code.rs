//! What is typed or pasted as a code: no panic, and nothing but digits that stand there gets through.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::otp::{CodeFormat, SubmittedCode};

fuzz_target!(|typed: &str| {
    if typed.len() < 2_000
        && let Ok(code) = SubmittedCode::parse(typed, &six_digits())
    {
        let text = code.expose_secret();
        assert!(text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()), "{typed:?}");
        let digits = otpgate::token::reduce(typed).replace('+', " ");
        assert!(digits.contains(text), "{typed:?}");
        assert_eq!(SubmittedCode::parse(text, &six_digits()).unwrap(), code);
        // Around it, or beside another code, it is the same one or none.
        let quoted = format!("“{text}”.");
        assert_eq!(SubmittedCode::parse(&quoted, &six_digits()).unwrap(), code);
        let beside = format!("{typed}\n{text}");
        assert!(SubmittedCode::parse(&beside, &six_digits()).is_ok_and(|read| read == code));
    }
    if let Ok(letters) = CodeFormat::unambiguous(8)
        && let Ok(code) = SubmittedCode::parse(typed, &letters)
    {
        assert_eq!(code.expose_secret().len(), 8);
    }
});

fn six_digits() -> CodeFormat {
    CodeFormat::default()
}
