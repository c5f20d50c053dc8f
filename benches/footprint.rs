//! What it takes to keep numbers in memory, and what a flood of them can take at most.
//!
//! `cargo bench --features testing --bench footprint`. Each case runs in a process of its own and
//! measures the growth of its resident set: what the system gives, allocator and all, not what
//! structs add up to. Fails if a bound is broken.

#![allow(missing_docs, dead_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

#[path = "gate/world.rs"]
mod world;

use std::process::Command;
use std::time::{Duration, Instant};

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::pumping::{ClientNet, Detector, Sighting, SightingKind, Subject};
use otpgate::store::{Admission, Charge, MemoryStore, Nonce, Store, StoreErrorKind};
use otpgate::testing::block_on;
use otpgate::{Pseudonym, RequestId, Timestamp};

use world::{World, mix};

const NUMBERS: u64 = 1_000_000;
/// The bounds for a resident number, all its meters included.
const BYTES_OF_A_DAY: u64 = 230;
const BYTES_OF_A_RUSH: u64 = 500;

fn main() {
    match std::env::var("OTPGATE_FOOTPRINT").as_deref() {
        Ok("day") => numbers("within 24 hours", 32, Duration::from_millis(2_750), BYTES_OF_A_DAY),
        Ok("rush") => numbers(
            "within 10 minutes, nothing expired",
            4_096,
            Duration::from_millis(2_400),
            BYTES_OF_A_RUSH,
        ),
        Ok("flood") => flood(),
        Ok("detector") => detector(),
        _ => ["day", "rush", "flood", "detector"].into_iter().for_each(child),
    }
}

fn child(case: &str) {
    let me = std::env::current_exe().unwrap();
    let status = Command::new(me).env("OTPGATE_FOOTPRINT", case).status().unwrap();
    assert!(status.success(), "{case} broke its bound");
}

/// A million numbers, each with a network and a session of its own, were sent a code and entered it.
fn numbers(when: &str, together: u64, pace: Duration, bound: u64) {
    let mut world = World::open();
    world.crowd(4_096, together, pace);
    let before = resident();
    world.crowd(NUMBERS, together, pace);
    let each = (resident() - before) / (NUMBERS - 4_096);
    println!(
        "{NUMBERS} numbers {when}: {each} bytes a number in {} entries",
        world.entries() as f64 / NUMBERS as f64
    );
    assert!(each <= bound, "{each} bytes a number");
}

/// Ten million requests, each of another number, another address and another ticket.
fn flood() {
    const CALLS: u64 = 10_000_000;
    const CAPACITY: usize = 1_000_000;
    let store = MemoryStore::builder().capacity(CAPACITY).build();
    let start = Timestamp::from_millis(1_800_000_000_000);
    let name = |kind: u64, n: u64| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&mix(n << 4 | kind).to_le_bytes());
        bytes[8..].copy_from_slice(&n.to_le_bytes());
        bytes
    };
    let before = resident();
    let (mut granted, mut full, mut most, mut peak) = (0_u64, 0_u64, 0_usize, 0_u64);
    let started = Instant::now();
    for n in 0..CALLS {
        // A day's worth: the earliest have expired when the last come.
        let now = start + Duration::from_millis(n * 86_400_000 / CALLS);
        let id = RequestId::from_bytes(name(0, n));
        let realm = Pseudonym::from_bytes([7; 16]);
        let mut call = Admission::new(id, now, realm, now + Duration::from_secs(600));
        let daily = Limit::Window { max: 10, span_ms: 86_400_000 };
        let charge = |kind| {
            Charge::new(MeterKey::new(Pseudonym::from_bytes(name(kind, n)), Slot(1)), daily, 1)
        };
        call.charges = vec![charge(1), charge(2)];
        let key = Pseudonym::from_bytes(name(3, n));
        call.nonces = vec![Nonce { key, expires: now + Duration::from_secs(600) }];
        match block_on(store.admit(&call)) {
            Ok(_) => granted += 1,
            Err(error) if error.kind() == StoreErrorKind::Full => full += 1,
            Err(error) => panic!("{error}"),
        }
        most = most.max(store.entries());
        if n % 500_000 == 0 {
            peak = peak.max(resident());
        }
    }
    let each = started.elapsed().as_nanos() as u64 / CALLS;
    let grown = peak.max(resident()) - before;
    println!(
        "flood of {CALLS} distinct keys, capacity {CAPACITY}: {most} entries at the most, \
         {} MB, {granted} granted, {full} refused as full, {each} ns a call",
        grown / 1_000_000
    );
    assert!(most <= CAPACITY, "{most} entries");
    assert!(grown <= CAPACITY as u64 * 250, "{grown} bytes");
}

/// The detector of a host of 100 000 codes a day, over ten days, and then a million requests in an
/// hour, each of another number in another block from another network; most were let through to it,
/// so that it has to remember them.
fn detector() {
    const BOUND: u64 = 64_000_000;
    let before = resident();
    let mut detector = Detector::new(1);
    let start = 1_800_000_000_000;
    let asked = |detector: &mut Detector, at: u64, n: u64, answers: bool| {
        let now = Timestamp::from_millis(at);
        let digits = 490_000_000_000 + mix(n) % 9_000_000_000;
        let network =
            std::net::Ipv6Addr::from_bits(0x2a00_u128 << 112 | u128::from(mix(n ^ 77)) << 48);
        let subject = Subject {
            region: [*b"DE", *b"US", *b"IN", *b"BR"][(n % 4) as usize],
            digits,
            known: false,
            purpose: 1,
            price_microusd: 50_000,
            client: ClientNet::of(network.into()),
        };
        let _ = detector.assess(now, &subject, false);
        let kind = [SightingKind::Sent, SightingKind::Sent, SightingKind::Asked][(n % 3) as usize];
        let kind = if answers { SightingKind::Sent } else { kind };
        detector.observe(Sighting::of(now, kind, &subject));
        if answers {
            detector.observe(Sighting::of(now, SightingKind::Verified, &subject));
        }
    };
    for n in 0..1_000_000 {
        asked(&mut detector, start + n * 864, n, n % 10 < 7);
    }
    let honest = (resident() - before) / 1_000_000;
    for n in 0..1_000_000 {
        asked(&mut detector, start + 864_000_000 + n * 4, 1 << 40 | n, false);
    }
    let grown = resident() - before;
    println!(
        "detector at 100000 codes a day: {honest} MB after ten days, {} MB after a flood of a \
         million keys in an hour ({} nodes; it says {} MB itself)",
        grown / 1_000_000,
        detector.nodes(),
        detector.bytes() / 1_000_000,
    );
    assert!(grown <= BOUND, "{grown} bytes");
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}
