//! The second factor that sends no text: an authenticator app, enrolled once, then used instead of
//! an SMS when an operator has switched SMS off.
//!
//! ```text
//! cargo run --example totp_fallback
//! ```
#![allow(clippy::print_stdout)] // a program

use std::error::Error;

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
use otpgate::store::MemoryStore;
use otpgate::transport::ConsoleTransport;
use otpgate::{
    AuthenticatorVerdict, ClientContext, Clock, Gate, KeyRing, Money, Purpose, Recipient,
    RefusalReason, Region, Sent, SystemClock, SystemEntropy,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let gate = Gate::builder()
        .keys(KeyRing::generate()?)
        .store(MemoryStore::default())
        .transport(ConsoleTransport::stdout())
        .brand("Example")
        .countries([Region::DE])
        .daily_budget(Money::dollars(20))
        .build()?;
    let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");

    // Enrolment, once: show the URI as a QR code, keep the secret encrypted beside the account.
    let secret = AuthenticatorSecret::generate(&SystemEntropy)?;
    println!("Enrol: {}", secret.otpauth_uri("Example", "ada@example.com")?.expose_secret());

    // An incident: no texts at all.
    gate.controls()
        .enter(
            Target::Everything,
            Effect::SmsOff,
            Reason::new("provider down, ticket 4711")?,
            Actor::new("ada")?,
            None,
        )
        .await?;

    // A log-in: the gate says that SMS is off, so the page asks for the app's code instead.
    let ticket = gate.preflight(&Purpose::LOG_IN, &client)?;
    std::thread::sleep(ticket.terms().human_time.as_duration());
    let proof = ticket.answer("+4915112345678")?;
    let recipient = Recipient::parse("+4915112345678", None)?;
    let sent = gate.request(&proof, &recipient, &Purpose::LOG_IN, &client).await?;
    let Sent::Refused(refused) = sent else {
        return Err(format!("expected a refusal, got {sent:?}").into());
    };
    if !matches!(refused.reason(), RefusalReason::SmsOff) {
        return Err(refused.reason().to_string().into());
    }
    println!("SMS: {}", refused.public());

    // What the user's app shows.
    let shown = app_code(secret.expose_secret(), SystemClock::new().now().as_millis() / 30_000)?;
    for (attempt, expected) in
        [("first", AuthenticatorVerdict::Accepted), ("second", AuthenticatorVerdict::Rejected)]
    {
        let verdict = gate
            .verify_authenticator("ada", &secret, &shown, &Authenticator::default(), &client)
            .await?;
        println!("The app's code, {attempt} use: {verdict:?}");
        if verdict != expected {
            return Err(format!("expected {expected:?}").into());
        }
    }
    Ok(())
}

/// RFC 6238 as an app computes it, with the crate that the gate's own check rests on.
fn app_code(secret: &[u8], step: u64) -> Result<String, Box<dyn Error>> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(secret)?;
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0x0F);
    let word: [u8; 4] = tag.get(offset..offset.saturating_add(4)).ok_or("short tag")?.try_into()?;
    Ok(format!("{:06}", (u32::from_be_bytes(word) & 0x7FFF_FFFF) % 1_000_000))
}
