//! A code check for a number alone.
async fn anyone(gate: &otpgate::Gate, number: &otpgate::Recipient, who: &otpgate::ClientContext) {
    let _ = gate.verify(number, "123456", who).await;
}

fn main() {}
