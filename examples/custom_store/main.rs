//! A store of one's own: the four verbs over whatever the host keeps its state in, held against the
//! conformance suite, the reference model, and a code flow.
//!
//! ```text
//! cargo run --features testing --example custom_store
//! ```
//!
//! `sheet.rs` is the part worth copying: a call reads and changes through an overlay, and the
//! overlay is kept whole or thrown away. [`Ledger`](otpgate::limit::Ledger) does all arithmetic.
#![allow(clippy::print_stdout, clippy::arithmetic_side_effects, unreachable_pub)] // a program

mod challenge;
mod sheet;
mod store;

use std::error::Error;
use std::sync::Arc;

use otpgate::testing::store::{Suite, equivalence};
use otpgate::testing::{ManualClock, ScriptedTransport};
use otpgate::{ClientContext, Gate, KeyRing, Money, Purpose, Recipient, Region, Sent, Timestamp};

use store::HostStore;

const CAPACITY: usize = 1_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The suite is the definition of a correct store. Races run on real threads.
    let spawn = |racer| drop(tokio::spawn(racer));
    let report = Suite::new().spawn(spawn).run(|| async { HostStore::new(CAPACITY) }).await;
    for failed in report.failures() {
        println!("{failed:?}");
    }
    println!("conformance: {} cases, {} failed", report.lines().len(), report.failures().count());
    report.assert();

    // Random histories, answer for answer the same as the reference model.
    let report = equivalence(|| async { HostStore::new(CAPACITY) }, 1, 300).await;
    println!(
        "equivalence: 300 random histories, {} part from the model",
        report.failures().count()
    );
    report.assert();

    // And a gate that knows nothing of all that.
    flow(Arc::new(HostStore::new(CAPACITY))).await
}

async fn flow(store: Arc<HostStore>) -> Result<(), Box<dyn Error>> {
    let clock = ManualClock::new(Timestamp::from_millis(1_795_348_800_000));
    let (transport, outbox) = ScriptedTransport::new();
    let gate = Gate::builder()
        .keys(KeyRing::generate()?)
        .store(store)
        .transport(transport)
        .brand("Example")
        .origin("example.com")
        .countries([Region::DE])
        .daily_budget(Money::dollars(20))
        .clock(clock.clone())
        .clock_unchecked_danger()
        .build()?;
    let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");
    let number = Recipient::parse("+4915112345678", None)?;
    let ticket = gate.preflight(&Purpose::SIGN_UP, &client)?;
    clock.advance(std::time::Duration::from_secs(5)); // typing takes a person some seconds
    let proof = ticket.answer(number.typed())?;
    let sent = gate.request(&proof, &number, &Purpose::SIGN_UP, &client).await?;
    let Sent::Issued(issued) = sent else { return Err("not sent".into()) };
    let grant = issued.into_grant();
    let code = outbox.last_code_to("+4915112345678").ok_or("no text")?;
    for expected in [true, false] {
        let accepted = gate.verify(&grant, &code, &client).await?.accepted().is_some();
        println!("code entered: {}", if accepted { "accepted" } else { "rejected" });
        if accepted != expected {
            return Err("a code is accepted once, and only once".into());
        }
    }
    Ok(())
}
