//! A text without a checked token.
async fn unchecked(gate: &otpgate::Gate, recipient: otpgate::Recipient) {
    let _ = gate.issue(otpgate::Clearance { recipient }).await;
}

fn main() {}
