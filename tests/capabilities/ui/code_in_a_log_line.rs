//! The code of a text in a log line.
fn leak(code: &otpgate::otp::Passcode) -> String {
    format!("{code}")
}

fn main() {}
