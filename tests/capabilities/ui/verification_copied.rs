//! A second proof out of one.
fn copied(proof: &otpgate::Verification) -> otpgate::Verification {
    proof.clone()
}

fn main() {}
