//! One clearance, two texts.
async fn twice(gate: &otpgate::Gate, clearance: otpgate::Clearance) {
    let _ = gate.issue(clearance).await;
    let _ = gate.issue(clearance).await;
}

fn main() {}
