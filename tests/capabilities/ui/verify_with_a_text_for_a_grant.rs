//! A code check with any text that looks like a grant.
async fn any_text(gate: &otpgate::Gate, who: &otpgate::ClientContext) {
    let _ = gate.verify("grant", "123456", who).await;
}

fn main() {}
