//! Codes, attempts and limits outlive the process, even one that is killed in the middle of its work.
//!
//! ```text
//! cargo run --features redb,testing --example durable
//! ```
//!
//! Four processes work on one file, one after the other; the first three are killed with SIGKILL.
//! Exits 0 only if every outcome is the one that was expected.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use otpgate::store::RedbStore;
use otpgate::testing::ScriptedTransport;
use otpgate::token::HumanTime;
use otpgate::{
    ClientContext, Entropy, Entry, EntryGrant, Gate, KeyId, KeyRing, Money, Pepper, Policy,
    Purpose, Recipient, Region, Sent, SystemEntropy, Verified,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const NUMBER: &str = "+4915112345678";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    let run = match arguments.as_slice() {
        [_, act, folder] => play(act, Path::new(folder)).await,
        _ => direct(),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("durable: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the processes, and kills them.
fn direct() -> Outcome<()> {
    let folder = std::env::temp_dir().join(format!("otpgate-durable-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    // In production the pepper comes from a secret manager: without it the file is unreadable.
    let mut pepper = [0; 32];
    SystemEntropy.fill(&mut pepper)?;
    fs::write(folder.join("pepper"), pepper)?;
    let outcome = ["send", "mistype", "verify", "replay"].iter().try_for_each(|act| {
        println!("process {act}:");
        let mut child = Command::new(std::env::current_exe()?)
            .arg(act)
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut done = false;
        for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
            let line = line?;
            done |= line == "done";
            if done {
                break;
            }
            println!("   -> {line}");
        }
        child.kill()?;
        child.wait()?;
        println!("   killed");
        if done { Ok(()) } else { Err(Box::<dyn Error>::from(format!("{act} failed"))) }
    });
    fs::remove_dir_all(&folder)?;
    outcome?;
    println!("Every outcome was the expected one.");
    Ok(())
}

/// What one process does before it is killed.
async fn play(act: &str, folder: &Path) -> Outcome<()> {
    let (transport, phone) = ScriptedTransport::new();
    let gate = gate(folder, transport)?;
    let client = ClientContext::from_peer(IpAddr::from([192, 0, 2, 7]), "session-1");
    if act == "send" {
        let Sent::Issued(issued) = ask_for_code(&gate, &client).await? else {
            return Err("the text was not sent".into());
        };
        println!("a code was sent");
        // What the browser keeps in its cookie, and the person on the phone.
        fs::write(folder.join("cookie"), issued.into_grant().as_str())?;
        let code = phone.last_code_to(NUMBER).ok_or("no code in the text")?;
        fs::write(folder.join("phone"), code)?;
        return wait_for_the_end();
    }

    let grant = EntryGrant::from_client(fs::read_to_string(folder.join("cookie"))?);
    let code = fs::read_to_string(folder.join("phone"))?;
    match act {
        "mistype" => {
            let Entry::Open(view) = gate.entry(&grant, &client).await? else {
                return Err("the code page is closed after a restart".into());
            };
            println!("the code page is open, {} attempts left", view.attempts_left());
            let Sent::Refused(refusal) = ask_for_code(&gate, &client).await? else {
                return Err("the restart gave the number a fresh limit".into());
            };
            println!("another text to the same number is refused: {}", refusal.reason());
            expect_rejected(&gate, &grant, &wrong(&code), &client).await?;
        }
        "verify" => {
            let Entry::Open(view) = gate.entry(&grant, &client).await? else {
                return Err("the code page is closed after a restart".into());
            };
            println!("the wrong attempt still counts, {} left", view.attempts_left());
            match gate.verify(&grant, &code, &client).await? {
                Verified::Accepted(proof) => println!("accepted: {:?}", proof.recipient()),
                Verified::Rejected(_) => return Err("the right code was rejected".into()),
            }
        }
        _ => expect_rejected(&gate, &grant, &code, &client).await?,
    }
    wait_for_the_end()
}

fn gate(folder: &Path, transport: ScriptedTransport) -> Outcome<Gate> {
    let pepper = fs::read(folder.join("pepper"))?;
    let keys = KeyRing::new(KeyId(1), Pepper::from_bytes(pepper.as_slice().try_into()?)?);
    let mut policy = Policy::default();
    // Nobody types in this example.
    policy.token.human_time = HumanTime::ZERO;
    Ok(Gate::builder()
        .keys(keys)
        .store(RedbStore::open(folder.join("otpgate.redb"))?)
        .transport(transport)
        .brand("Example")
        .origin("example.com")
        .countries([Region::DE])
        .daily_budget(Money::dollars(20))
        .policy(policy)
        .build()?)
}

async fn ask_for_code(gate: &Gate, client: &ClientContext) -> Outcome<Sent> {
    let ticket = gate.preflight(&Purpose::SIGN_UP, client)?;
    let proof = ticket.answer(NUMBER)?;
    let recipient = Recipient::parse(NUMBER, None)?;
    Ok(gate.request(&proof, &recipient, &Purpose::SIGN_UP, client).await?)
}

async fn expect_rejected(
    gate: &Gate,
    grant: &EntryGrant,
    code: &str,
    client: &ClientContext,
) -> Outcome<()> {
    match gate.verify(grant, code, client).await? {
        Verified::Rejected(rejection) => {
            println!("{rejection}");
            Ok(())
        }
        Verified::Accepted(_) => Err("a code was accepted that must not be".into()),
    }
}

/// A code of the same form that is certainly another.
fn wrong(code: &str) -> String {
    let (head, last) = code.split_at(code.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

/// Not an orderly one.
fn wait_for_the_end() -> Outcome<()> {
    println!("done");
    loop {
        std::thread::park();
    }
}
