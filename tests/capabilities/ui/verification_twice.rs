//! One proof, used for two things.
fn open_account(_: otpgate::Verification) {}

fn twice(proof: otpgate::Verification) {
    open_account(proof);
    open_account(proof);
}

fn main() {}
