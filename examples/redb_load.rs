//! How much group commit gives, and what a number costs on the disk.
//!
//! ```text
//! cargo run --release --features redb --example redb_load -- [folder] [numbers]
//! ```
//!
//! Measures one synchronisation of a file by itself, admissions by one caller, admissions and
//! redemptions by 64 callers at once, and the bytes of 100 000 numbers. Run it on the disk that the
//! file will be on. It prints PASS or FAIL against the figures the project asks for, and asserts
//! nothing: they are the disk's.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{Admission, Admitted, ChallengeWrite, Charge, Nonce, RedbStore};
use otpgate::{Clock, Pseudonym, RequestId, Store, SystemClock, Timestamp};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CALLERS: u64 = 64;
const FOR: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let numbers: u64 = arguments.next().map_or(Ok(100_000), |numbers| numbers.parse())?;
    let folder = folder.join(format!("otpgate-load-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = measure(&folder, numbers).await;
    fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(folder: &Path, numbers: u64) -> Outcome<()> {
    let single = synchronisations(&folder.join("plain"))?;
    println!("one write and fsync of a plain file   {single:>9.0} /s");

    let path = folder.join("otpgate.redb");
    let store = Arc::new(RedbStore::open(&path)?);
    let next = Arc::new(AtomicU64::new(0));
    let one = rate(&store, &next, 1, FOR).await?;
    println!("admissions, 1 caller                  {one:>9.0} /s");
    let many = rate(&store, &next, CALLERS, FOR).await?;
    println!("admissions, {CALLERS} callers               {many:>9.0} /s");
    println!("ratio to one caller                   {:>9.1}", many / one);
    println!("ratio to the plain fsync              {:>9.1}", many / single);
    let verdict = if many >= 20.0 * single { "PASS" } else { "FAIL" };
    println!("{verdict}: at least 20 times the rate of single fsyncs");
    drop(store);

    let path = folder.join("numbers.redb");
    let store = Arc::new(RedbStore::open(&path)?);
    let before = fs::metadata(&path)?.len();
    fill(&store, numbers).await?;
    let entries = store.entries()?;
    // A copy of a file that is open is what a kill leaves behind.
    let killed = folder.join("killed.redb");
    fs::copy(&path, &killed)?;
    drop(store);
    let bytes = fs::metadata(&path)?.len().saturating_sub(before);
    println!(
        "{numbers} numbers with a code each: {entries} entries, {} bytes a number, {} an entry",
        bytes / numbers,
        bytes / entries.max(1) as u64,
    );
    let clock = SystemClock::new();
    let store = RedbStore::open(&path)?;
    println!("opening that file takes {:?}", clock.elapsed());
    drop(store);
    let clock = SystemClock::new();
    let store = RedbStore::open(&killed)?;
    println!("and after a kill {:?}", clock.elapsed());
    drop(store);
    Ok(())
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
) -> Outcome<f64> {
    let clock = SystemClock::new();
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
    Ok(sum / clock.elapsed().as_secs_f64())
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
        Charge { key, limit, cost: 1, waiver: None }
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
