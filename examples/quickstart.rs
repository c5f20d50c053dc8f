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
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use otpgate::access::DestinationPolicy;
use otpgate::message::{Brand, MessageFormat, OriginHost};
use otpgate::store::MemoryStore;
use otpgate::transport::ConsoleTransport;
use otpgate::{
    Cleared, ClientContext, ClientIp, Clock, Entry, EntryGrant, Gate, KeyId, KeyRing, Money,
    Pepper, Purpose, Recipient, Region, Sent, SystemClock, SystemEntropy, Timestamp, Verified,
};

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
fn gate(outbox: Outbox, clock: ShownClock) -> Outcome<Gate> {
    // In production: Pepper::from_text(&the_secret_manager("otpgate-pepper"))?
    let keys = KeyRing::new(KeyId(1), Pepper::generate(&SystemEntropy)?);
    let message = MessageFormat::builder(Brand::new("Example")?)
        .origin(OriginHost::new("example.com")?)
        .build()?;
    Ok(Gate::builder()
        .keys(keys)
        .store(MemoryStore::builder().clock(clock.clone()).build())
        .transport(ConsoleTransport::to(outbox))
        .message(message)
        .destinations(DestinationPolicy::only(Region::all()))
        .daily_budget(Money::dollars(20))
        .clock(clock)
        .build()?)
}

/// The page and the form: what the host's two handlers do.
async fn ask_for_code(
    gate: &Gate,
    clock: &ShownClock,
    typed: &str,
    client: &ClientContext,
) -> Outcome<Sent> {
    // GET /sign-up: the ticket goes into the form …
    let ticket = gate.preflight(&Purpose::SIGN_UP, client)?;
    // … where the page's script answers it. A person takes longer than this to type a number.
    clock.wait(ticket.not_before());
    let proof = otpgate::token::answer(ticket.as_str(), typed)?;

    // POST /sign-up
    let recipient = Recipient::parse(typed, None)?;
    Ok(gate.request(&proof, &recipient, &Purpose::SIGN_UP, client).await?)
}

async fn converse() -> Outcome<()> {
    let clock = ShownClock::real();
    let gate = gate(Outbox::default(), clock.clone())?;
    let client = ClientContext::new(ClientIp::from_peer(IpAddr::from([192, 0, 2, 7])), "session-1");

    let grant = loop {
        let typed = prompt("Your mobile number, with + and country code: ")?;
        if let Err(error) = Recipient::parse(&typed, None) {
            println!("{error}");
            continue;
        }
        match ask_for_code(&gate, &clock, &typed, &client).await? {
            Sent::Issued(issued) => break issued.into_grant(),
            Sent::StepUp(step_up) => println!("The page asks for more: {}", step_up.reason()),
            Sent::Refused(refusal) => {
                println!("The page says: {}", refusal.public());
                println!("The log says: {}", refusal.reason());
            }
        }
    };
    loop {
        let Entry::Open(view) = gate.entry(&grant, &client).await? else {
            println!("The verification is over. Start again.");
            return Ok(());
        };
        println!("Code sent to {}; {} attempts left.", view.number_hint(), view.attempts_left());
        match prompt("The code (or r to send it again): ")?.as_str() {
            "r" => match gate.resend(&grant, &client).await? {
                Sent::Issued(_) => println!("Sent again."),
                Sent::Refused(refusal) => println!(
                    "{} (in {} s)",
                    refusal.public(),
                    refusal.retry_after().unwrap_or_default().as_secs()
                ),
                Sent::StepUp(step_up) => println!("step-up: {}", step_up.reason()),
            },
            code => match gate.verify(&grant, code, &client).await? {
                Verified::Accepted(proof) => {
                    println!("Verified: {:?}, for {}.", proof.recipient(), proof.purpose());
                    return Ok(());
                }
                Verified::Rejected(rejection) => println!("{rejection}"),
            },
        }
    }
}

async fn demonstrate() -> Outcome<()> {
    let outbox = Outbox::default();
    let clock = ShownClock::by_hand();
    let gate = gate(outbox.clone(), clock.clone())?;
    let client = ClientContext::new(ClientIp::from_peer(IpAddr::from([192, 0, 2, 7])), "session-1");

    println!("1. A form that is posted faster than anyone types");
    let ticket = gate.preflight(&Purpose::SIGN_UP, &client)?;
    let proof = otpgate::token::answer(ticket.as_str(), "+4915112345678")?;
    let recipient = Recipient::parse("+4915112345678", None)?;
    let hasty = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    expect(matches!(&hasty, Cleared::Refused(_)), "refused: only scripts are that fast")?;

    println!("2. The same at a person's pace");
    let sent = ask_for_code(&gate, &clock, "+49 151 1234 5678", &client).await?;
    let Sent::Issued(issued) = sent else { return Err("the text was not sent".into()) };
    expect(issued.confirmed(), "sent")?;
    let grant = issued.into_grant();

    println!("3. A wrong code");
    let code = outbox.last_code().ok_or("no code in the text")?;
    rejected(&gate, &grant, &wrong(&code), &client).await?;

    println!("4. \"Send it again\", at once");
    let Sent::Refused(refusal) = gate.resend(&grant, &client).await? else {
        return Err("an early resend was not refused".into());
    };
    let wait = refusal.retry_after().unwrap_or_default();
    let about_half_a_minute = (25..=30).contains(&wait.as_secs());
    expect(about_half_a_minute, &format!("refused: {} ({wait:?})", refusal.reason()))?;

    println!("5. The right code");
    let Verified::Accepted(proof) = gate.verify(&grant, &code, &client).await? else {
        return Err("the right code was rejected".into());
    };
    expect(
        proof.recipient().expose_e164().as_str() == "+4915112345678",
        &format!("accepted: {:?} for {}", proof.recipient(), proof.purpose()),
    )?;

    println!("6. The right code once more");
    rejected(&gate, &grant, &code, &client).await?;

    println!("7. Another number: five wrong codes, then the right one as the sixth attempt");
    let sent = ask_for_code(&gate, &clock, "+44 7400 123456", &client).await?;
    let Sent::Issued(issued) = sent else { return Err("the text was not sent".into()) };
    let grant = issued.into_grant();
    let code = outbox.last_code().ok_or("no code in the text")?;
    for _ in 0..5 {
        rejected(&gate, &grant, &wrong(&code), &client).await?;
    }
    rejected(&gate, &grant, &code, &client).await?;
    expect(
        matches!(gate.entry(&grant, &client).await?, Entry::Closed(_)),
        "the code page is closed",
    )?;
    println!("Every outcome was the expected one.");
    Ok(())
}

async fn rejected(
    gate: &Gate,
    grant: &EntryGrant,
    code: &str,
    client: &ClientContext,
) -> Outcome<()> {
    match gate.verify(grant, code, client).await? {
        Verified::Rejected(rejection) => expect(true, &rejection.to_string()),
        Verified::Accepted(_) => Err("a code was accepted that must not be".into()),
    }
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

/// Where the console transport prints: the screen, and a copy for the demonstration to read.
#[derive(Clone, Default)]
struct Outbox(Arc<Mutex<String>>);

impl Outbox {
    fn last_code(&self) -> Option<String> {
        let printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printed.rsplit_once('#').map(|(_, code)| code.trim().to_owned())
    }
}

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::io::stdout().write_all(bytes)?;
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printed.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}

/// The system's clock, or one that the demonstration sets forward instead of waiting.
#[derive(Clone, Debug)]
struct ShownClock {
    system: SystemClock,
    by_hand: bool,
    ahead: Arc<Mutex<Duration>>,
}

impl ShownClock {
    fn real() -> Self {
        Self { system: SystemClock::new(), by_hand: false, ahead: Arc::default() }
    }

    fn by_hand() -> Self {
        Self { by_hand: true, ..Self::real() }
    }

    /// Lets time pass until `instant`.
    fn wait(&self, instant: Timestamp) {
        let left = instant.since(self.now());
        if self.by_hand {
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) += left;
        } else {
            std::thread::sleep(left);
        }
    }

    fn ahead(&self) -> Duration {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ShownClock {
    fn now(&self) -> Timestamp {
        self.system.now() + self.ahead()
    }

    fn elapsed(&self) -> Duration {
        self.system.elapsed() + self.ahead()
    }
}
