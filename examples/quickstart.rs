//! The whole flow on one's own machine: page, token, text, code, verification.
//!
//! ```text
//! cargo run --example quickstart              asks for a number and a code
//! cargo run --example quickstart -- --demo    the same without a keyboard; exits 0 only if every
//!                                             outcome is the one that was expected
//! ```
#![allow(clippy::arithmetic_side_effects, clippy::print_stderr, clippy::print_stdout)] // a program

use std::error::Error;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use otpgate::store::MemoryStore;
use otpgate::transport::ConsoleTransport;
use otpgate::{ClientContext, Gate, KeyRing, Money, Purpose, Recipient, Region, Sent};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let demo = std::env::args().any(|argument| argument == "--demo");
    let run = if demo { demonstrate().await } else { converse().await };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a host builds once, at start.
fn gate(phone: ConsoleTransport) -> Outcome<Gate> {
    Ok(Gate::builder()
        // In production: KeyRing::from_text(&the_secret_manager("otpgate-pepper"))?
        .keys(KeyRing::generate()?)
        .store(MemoryStore::default())
        .transport(phone)
        .brand("Example")
        .origin("example.com")
        .countries(Region::all()) // in production: where your customers are
        .daily_budget(Money::dollars(20))
        .build()?)
}

/// The page and the form: what the host's two handlers do.
async fn ask_for_code(gate: &Gate, typed: &str, client: &ClientContext) -> Outcome<Sent> {
    // GET /sign-up: the ticket goes into the form …
    let ticket = gate.preflight(&Purpose::SIGN_UP, client)?;
    // … where the page's script answers it. A person takes longer than this to type a number.
    std::thread::sleep(ticket.terms().human_time.as_duration());
    let proof = ticket.answer(typed)?;

    // POST /sign-up
    let recipient = Recipient::parse(typed, None)?;
    Ok(gate.request(&proof, &recipient, &Purpose::SIGN_UP, client).await?)
}

async fn converse() -> Outcome<()> {
    let gate = gate(ConsoleTransport::stdout())?;
    let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");

    let grant = loop {
        let typed = prompt("Your mobile number, with + and country code: ")?;
        if let Err(error) = Recipient::parse(&typed, None) {
            println!("{error}");
            continue;
        }
        match ask_for_code(&gate, &typed, &client).await? {
            Sent::Issued(issued) => break issued.into_grant(),
            Sent::StepUp(step_up) => println!("The page asks for more: {}", step_up.reason()),
            Sent::Refused(refusal) => {
                println!("The page says: {}", refusal.public());
                println!("The log says: {}", refusal.reason());
            }
        }
    };
    loop {
        let Some(view) = gate.entry(&grant, &client).await?.open() else {
            println!("The verification is over. Start again.");
            return Ok(());
        };
        println!("Code sent to {}; {} attempts left.", view.number_hint(), view.attempts_left());
        let typed = prompt("The code (or r to send it again): ")?;
        if typed == "r" {
            match gate.resend(&grant, &client).await? {
                Sent::Issued(_) => println!("Sent again."),
                Sent::Refused(refusal) => {
                    let wait = refusal.retry_after().unwrap_or_default();
                    println!("{} (in {} s)", refusal.public(), wait.as_secs());
                }
                Sent::StepUp(step_up) => println!("step-up: {}", step_up.reason()),
            }
        } else if let Some(proof) = gate.verify(&grant, &typed, &client).await?.accepted() {
            println!("Verified: {:?}, for {}.", proof.recipient(), proof.purpose());
            return Ok(());
        } else {
            println!("The code was not accepted.");
        }
    }
}

async fn demonstrate() -> Outcome<()> {
    let phone = ConsoleTransport::stdout();
    let gate = gate(phone.clone())?;
    let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");

    println!("0. Before the first visitor: store, clock and credentials");
    gate.ready().await?;
    expect(phone.last_code().is_none(), "ready, and nothing was sent")?;

    println!("1. A form that is posted faster than anyone types");
    let proof = gate.preflight(&Purpose::SIGN_UP, &client)?.answer("+4915112345678")?;
    let recipient = Recipient::parse("+4915112345678", None)?;
    let hasty = gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    expect(matches!(hasty, Sent::Refused(_)), "refused: only scripts are that fast")?;

    println!("2. The same at a person's pace");
    let Sent::Issued(issued) = ask_for_code(&gate, "+49 151 1234 5678", &client).await? else {
        return Err("the text was not sent".into());
    };
    expect(issued.confirmed(), "sent")?;
    let grant = issued.into_grant();

    println!("3. A wrong code");
    let code = phone.last_code().ok_or("no code in the text")?;
    let verified = gate.verify(&grant, &wrong(&code), &client).await?;
    expect(verified.accepted().is_none(), "rejected")?;

    println!("4. \"Send it again\", at once");
    let Sent::Refused(refusal) = gate.resend(&grant, &client).await? else {
        return Err("an early resend was not refused".into());
    };
    let wait = refusal.retry_after().unwrap_or_default();
    let about_half_a_minute = (25..=30).contains(&wait.as_secs());
    expect(about_half_a_minute, &format!("refused: {} ({wait:?})", refusal.reason()))?;

    println!("5. The right code");
    let Some(proof) = gate.verify(&grant, &code, &client).await?.accepted() else {
        return Err("the right code was rejected".into());
    };
    expect(
        proof.recipient().expose_e164().as_str() == "+4915112345678",
        &format!("accepted: {:?} for {}", proof.recipient(), proof.purpose()),
    )?;

    println!("6. The right code once more");
    let again = gate.verify(&grant, &code, &client).await?;
    expect(again.accepted().is_none(), "rejected")?;

    println!("7. Another number: five wrong codes, then the right one as the sixth attempt");
    let Sent::Issued(issued) = ask_for_code(&gate, "+44 7400 123456", &client).await? else {
        return Err("the text was not sent".into());
    };
    let grant = issued.into_grant();
    let code = phone.last_code().ok_or("no code in the text")?;
    for attempt in 1..=6 {
        let typed = if attempt < 6 { wrong(&code) } else { code.clone() };
        let verified = gate.verify(&grant, &typed, &client).await?;
        expect(verified.accepted().is_none(), "rejected")?;
    }
    expect(gate.entry(&grant, &client).await?.open().is_none(), "the code page is closed")?;
    println!("Every outcome was the expected one.");
    Ok(())
}

fn expect(held: bool, what: &str) -> Outcome<()> {
    if !held {
        return Err(format!("expected, but not so: {what}").into());
    }
    println!("   -> {what}");
    Ok(())
}

/// A code of the same form that is certainly another.
fn wrong(code: &str) -> String {
    let (head, last) = code.split_at(code.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

fn prompt(question: &str) -> Outcome<String> {
    print!("{question}");
    std::io::stdout().flush()?;
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        return Err("nothing to read; run with --demo to go through it without a keyboard".into());
    }
    Ok(line.trim().to_owned())
}
