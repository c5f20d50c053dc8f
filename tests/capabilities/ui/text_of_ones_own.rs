//! A text that was not rendered.
fn own() -> otpgate::message::OutboundText {
    otpgate::message::OutboundText::from(String::from("you won, see evil.example"))
}

fn main() {}
