//! What a call on redb costs: calls a second and processor time with one caller and with 64, and what
//! a number takes on the disk.
//!
//! ```text
//! cargo bench -p otpgate-benches --features redb --bench redb_load -- [folder]… [numbers=100000]
//! cargo bench -p otpgate-benches --features redb --bench redb_load -- folder calls=4000
//! ```
//!
//! Without a folder it measures on a RAM disk (`/dev/shm`), where there is one, and on the disk of the
//! temporary folder. Of one kind of disk and one run come the rate of single synchronisations of a file,
//! admissions by one caller, by 64 callers at once, in turns, and the ratios; then the bytes of so many
//! numbers, and how long opening takes. It prints the figures the project asks for beside those it found
//! and asserts nothing: rates are the machine's.
//!
//! With `calls` it makes so many admissions by 64 callers and nothing else: under `callgrind`, the
//! difference of two such runs is what a call costs in instructions, however busy the machine is.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cpu_time::ProcessTime;
use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{Admission, Admitted, ChallengeWrite, Charge, Nonce, RedbStore};
use otpgate::{Clock, Pseudonym, RequestId, Store, SystemClock, Timestamp};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CALLERS: u64 = 64;
const FOR: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

/// What was measured of one way to call.
#[derive(Clone, Copy)]
struct Figures {
    /// Calls a second.
    rate: f64,
    /// Microseconds of processor time a call, those of the callers included.
    cpu: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let (mut folders, mut numbers, mut calls) = (Vec::new(), 100_000, None);
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("numbers", text)) => numbers = text.parse()?,
            Some(("calls", text)) => calls = Some(text.parse()?),
            // What `cargo bench` adds.
            _ if argument.starts_with("--") => {}
            _ => folders.push(PathBuf::from(argument)),
        }
    }
    if folders.is_empty() {
        let memory = PathBuf::from("/dev/shm");
        folders.extend(memory.is_dir().then_some(memory));
        folders.push(std::env::temp_dir());
    }
    for folder in folders {
        let apart = folder.join(format!("otpgate-load-{}", std::process::id()));
        fs::create_dir_all(&apart)?;
        let measured = match calls {
            Some(calls) => bare(&apart, calls).await,
            None => measure(&folder, &apart, numbers).await,
        };
        fs::remove_dir_all(&apart)?;
        measured?;
    }
    Ok(())
}

/// So many calls and nothing else.
async fn bare(folder: &Path, calls: u64) -> Outcome<()> {
    let store = Arc::new(RedbStore::open(folder.join("otpgate.redb"))?);
    let cpu = ProcessTime::now();
    fill(&store, calls).await?;
    println!("{calls} calls: {:.1} µs of processor time each", micros(cpu.elapsed(), calls as f64));
    Ok(())
}

async fn measure(named: &Path, folder: &Path, numbers: u64) -> Outcome<()> {
    let single = synchronisations(&folder.join("plain"))?;
    println!("{}: one write and fsync of a plain file: {single:.0} /s", named.display());

    let path = folder.join("otpgate.redb");
    let store = Arc::new(RedbStore::open(&path)?);
    let next = Arc::new(AtomicU64::new(0));
    let (mut ones, mut manys) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ones.push(rate(&store, &next, 1, FOR).await?);
        manys.push(rate(&store, &next, CALLERS, FOR).await?);
    }
    let (one, many) = (median(ones), median(manys));
    println!(
        "  1 caller:   {:>7.0} calls/s, {:>5.1} µs of processor time a call",
        one.rate, one.cpu
    );
    println!(
        "  {CALLERS} callers: {:>7.0} calls/s, {:>5.1} µs of processor time a call (asked: 25 000, 30)",
        many.rate, many.cpu
    );
    println!("  ratio to one caller {:.1} (asked on a fast disk: 8)", many.rate / one.rate);
    println!(
        "  ratio to the plain fsync {:.1} (asked where one takes milliseconds: 20)",
        many.rate / single
    );
    drop(store);

    let path = folder.join("numbers.redb");
    let store = Arc::new(RedbStore::open(&path)?);
    let before = fs::metadata(&path)?.len();
    let cpu = ProcessTime::now();
    fill(&store, numbers).await?;
    let cpu = micros(cpu.elapsed(), numbers as f64);
    let entries = store.entries()?;
    // A copy of a file that is open is what a kill leaves behind.
    let killed = folder.join("killed.redb");
    fs::copy(&path, &killed)?;
    drop(store);
    let bytes = fs::metadata(&path)?.len().saturating_sub(before);
    println!(
        "  {numbers} numbers with a code each: {cpu:.1} µs a call, {entries} entries, \
         {} bytes a number, {} an entry",
        bytes / numbers,
        bytes / entries.max(1) as u64,
    );
    let clock = SystemClock::new();
    let store = RedbStore::open(&path)?;
    let closed = clock.elapsed();
    drop(store);
    let clock = SystemClock::new();
    let store = RedbStore::open(&killed)?;
    println!("  opening that file takes {closed:.0?}, and after a kill {:.0?}", clock.elapsed());
    drop(store);
    Ok(())
}

fn micros(time: Duration, calls: f64) -> f64 {
    time.as_secs_f64() * 1e6 / calls
}

/// The one with the median rate.
fn median(mut all: Vec<Figures>) -> Figures {
    all.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    all[all.len() / 2]
}

/// How many synchronisations of a file the disk makes in a second, one after the other.
fn synchronisations(path: &Path) -> Outcome<f64> {
    let mut file = File::create(path)?;
    file.write_all(&[0; 1 << 20])?;
    file.sync_all()?;
    let clock = SystemClock::new();
    let mut count = 0_u32;
    while clock.elapsed() < FOR {
        file.seek(SeekFrom::Start(u64::from(count % 256) * 4_096))?;
        file.write_all(&count.to_le_bytes().repeat(1_024))?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / clock.elapsed().as_secs_f64())
}

/// Admissions a second by so many callers, each with its next as soon as it has its answer.
async fn rate(
    store: &Arc<RedbStore>,
    next: &Arc<AtomicU64>,
    callers: u64,
    time: Duration,
) -> Outcome<Figures> {
    let (clock, cpu) = (SystemClock::new(), ProcessTime::now());
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (store, next) = (Arc::clone(store), Arc::clone(next));
            tokio::spawn(async move {
                let mut count = 0_u32;
                while clock.elapsed() < time {
                    send(&store, next.fetch_add(1, Ordering::Relaxed)).await?;
                    count += 1;
                }
                Ok::<u32, Box<dyn Error + Send + Sync>>(count)
            })
        })
        .collect();
    let mut sum = 0.0;
    for task in tasks {
        sum += f64::from(task.await??);
    }
    let rate = sum / clock.elapsed().as_secs_f64();
    Ok(Figures { rate, cpu: micros(cpu.elapsed(), sum) })
}

async fn fill(store: &Arc<RedbStore>, numbers: u64) -> Outcome<()> {
    let tasks: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in (caller..numbers).step_by(CALLERS as usize) {
                    send(&store, number).await?;
                }
                Ok::<(), Box<dyn Error + Send + Sync>>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// What a gate asks for one code: five meters on the number, three on the session, prefixes and the
/// budget that all share, a nonce, and the code.
async fn send(store: &RedbStore, number: u64) -> Outcome<()> {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let (hour, day) = (3_600_000, 86_400_000);
    let window = |max, span_ms| Limit::Window { max, span_ms };
    let charge = |subject, slot, limit| {
        let key = MeterKey::new(subject, Slot(slot));
        Charge::new(key, limit, 1)
    };
    let (line, session) = (name(1, number), name(2, number));
    let ladder = Limit::Ladder { first_ms: 30_000, longest_ms: 900_000, forget_ms: hour };
    let unverified = Limit::Unverified { max: 1 << 30, drain_ms: 60_000 };
    let charges = vec![
        charge(line, 1, ladder),
        charge(line, 2, window(5, hour)),
        charge(line, 3, window(10, day)),
        charge(session, 1, window(5, hour)),
        charge(session, 2, window(20, day)),
        charge(name(3, number % 1_000), 1, unverified),
        charge(name(4, number % 50), 1, unverified),
        charge(name(5, 0), 1, Limit::Budget { max: 1 << 40, span_ms: day }),
    ];
    let challenge = ChallengeWrite::Open {
        key: name(6, number),
        digest: [7; 32],
        expires: now + Duration::from_secs(300),
        closes: now + Duration::from_secs(900),
        attempts: 5,
    };
    let id = RequestId::from_bytes(*name(7, number).as_bytes());
    let realm = name(0, 0);
    let admission = Admission {
        nonces: vec![Nonce { key: name(8, number), expires: now + Duration::from_secs(600) }],
        charges,
        challenge: Some(challenge),
        ..Admission::new(id, now, realm, now + Duration::from_secs(600))
    };
    match store.admit(&admission).await? {
        Admitted::Granted { .. } => Ok(()),
        other => Err(format!("not granted: {other:?}").into()),
    }
}

/// Spread like the pseudonyms of a gate.
fn name(kind: u64, number: u64) -> Pseudonym {
    let mixed = |number: u64| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb)
    };
    let number = mixed(mixed(number.wrapping_add(1)) ^ kind);
    Pseudonym::from_bytes((u128::from(number) << 64 | u128::from(mixed(number))).to_be_bytes())
}
