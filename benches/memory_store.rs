//! What one admission and one redemption cost in memory, beside the bare map touches they imply.
//!
//! `cargo bench --bench memory_store`. The traffic is that of a gate with its usual meters: see
//! `issue` and `check`. Memory per number is printed at the end, as growth of the resident set.

#![allow(missing_docs, clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;
use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Credit, Mark, MemoryStore, Nonce, Observation,
    Redemption, Store, Verdict,
};
use otpgate::{Pseudonym, RequestId, Timestamp};
use sha2::{Digest, Sha256};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const REALM: Pseudonym = Pseudonym::from_bytes([7; 16]);
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// Milliseconds between two calls: a number that comes again after 10 000 has climbed its ladder.
const STRIDE: u64 = 70;
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

/// A pseudonym as uniform as an HMAC's, from a counter (SplitMix64).
fn bytes(kind: u64, n: u64) -> [u8; 16] {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let low = mix(kind.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n));
    let mut out = [0; 16];
    out[..8].copy_from_slice(&low.to_le_bytes());
    out[8..].copy_from_slice(&mix(low ^ kind).to_le_bytes());
    out
}

fn name(kind: u64, n: u64) -> Pseudonym {
    Pseudonym::from_bytes(bytes(kind, n))
}

const PER_HOUR: Limit = Limit::Window { max: 1 << 40, span_ms: HOUR };
const PER_DAY: Limit = Limit::Window { max: 1 << 40, span_ms: DAY };
const SPEND: Limit = Limit::Budget { max: 1 << 50, span_ms: DAY };
const EVIDENCE: Limit = Limit::Unverified { max: 1 << 40, drain_ms: 1_000 };
const LADDER: Limit = Limit::Ladder { first_ms: 1_000, longest_ms: 9_000, forget_ms: HOUR };
const FAILURES: Limit = Limit::Failures {
    max: 20,
    pause_after: 10,
    pause_ms: 30_000,
    longest_ms: HOUR,
    forget_ms: DAY,
};

/// Sends a code to the `n`th number at `now`: 18 charges, 2 observations, 2 nonces, a challenge.
fn issue(n: u64, round: u64, now: Timestamp) -> Admission {
    let call = n | round << 40;
    let (number, session, client) = (name(1, n), name(2, call), name(3, n / 10));
    let mut admission = Admission::new(
        RequestId::from_bytes(bytes(10, call)),
        now,
        REALM,
        now + Duration::from_secs(900),
    );
    let charge =
        |subject, slot, limit, cost| Charge::new(MeterKey::new(subject, Slot(slot)), limit, cost);
    admission.charges = vec![
        charge(number, 1, LADDER, 1),
        charge(number, 2, PER_HOUR, 1),
        charge(number, 3, PER_DAY, 1),
        charge(number, 4, EVIDENCE, 1),
        charge(session, 1, PER_HOUR, 1),
        charge(client, 1, PER_HOUR, 1),
        charge(client, 2, PER_DAY, 1),
        charge(client, 3, EVIDENCE, 1),
        charge(name(4, n / 100), 1, EVIDENCE, 1),
        charge(name(4, n / 100), 2, PER_HOUR, 1),
        charge(name(5, n / 10_000), 1, EVIDENCE, 1),
        charge(name(5, n / 10_000), 2, PER_HOUR, 1),
        charge(name(6, n % 20), 1, PER_HOUR, 1),
        charge(name(6, n % 20), 2, SPEND, 45_000),
        charge(name(6, n % 20), 3, EVIDENCE, 1),
        charge(REALM, 1, PER_HOUR, 1),
        charge(REALM, 2, PER_DAY, 1),
        charge(REALM, 3, SPEND, 45_000),
    ];
    admission.observe = vec![
        Observation { key: MeterKey::new(number, Slot(5)), span_ms: DAY, units: 1 },
        Observation { key: MeterKey::new(REALM, Slot(5)), span_ms: HOUR, units: 1 },
    ];
    let expires = now + Duration::from_secs(600);
    admission.nonces =
        vec![Nonce { key: name(11, call), expires }, Nonce { key: name(12, call), expires }];
    admission.challenge = Some(ChallengeWrite::Open {
        key: name(13, call),
        digest: [3; 32],
        expires: now + Duration::from_secs(7_200),
        closes: now + Duration::from_secs(7_200),
        attempts: 5,
    });
    admission
}

/// Checks the code of the `n`th number's first challenge, which is right.
fn check(n: u64, now: Timestamp) -> Redemption {
    let number = name(1, n);
    let charge = |key, limit| Charge::new(key, limit, 1);
    let credit = |subject, slot, limit, amount| Credit {
        key: MeterKey::new(subject, Slot(slot)),
        limit,
        amount,
    };
    Redemption {
        digests: vec![[3; 32]],
        charges: vec![charge(MeterKey::new(name(3, n / 10), Slot(4)), PER_HOUR)],
        subject_charges: vec![charge(MeterKey::new(number, Slot(6)), FAILURES)],
        reset: vec![MeterKey::new(number, Slot(6))],
        credits: vec![
            credit(number, 4, EVIDENCE, 1),
            credit(name(3, n / 10), 3, EVIDENCE, 1),
            credit(name(4, n / 100), 1, EVIDENCE, 1),
            credit(name(5, n / 10_000), 1, EVIDENCE, 1),
            credit(name(6, n % 20), 3, EVIDENCE, 1),
        ],
        marks: vec![Mark {
            key: MeterKey::new(number, Slot(7)),
            from: now,
            until: now + Duration::from_secs(86_400),
        }],
        observe: vec![Observation { key: MeterKey::new(REALM, Slot(6)), span_ms: HOUR, units: 1 }],
        ..Redemption::new(RequestId::from_bytes(bytes(14, n)), now, REALM, name(13, n))
    }
}

/// The result of a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a memory store waited"),
    }
}

fn admit(store: &MemoryStore, admission: &Admission) {
    let answer = ready(store.admit(admission)).unwrap();
    assert!(matches!(answer, Admitted::Granted { .. }), "{answer:?}");
}

/// A store with `residents` numbers that were each sent one code within `span`.
fn populated_within(span: Duration, residents: u64) -> MemoryStore {
    let store = MemoryStore::builder().capacity(16_000_000).build();
    for n in 0..residents {
        let since = Duration::from_nanos(n * (span.as_nanos() as u64 / residents));
        admit(&store, &issue(n, 0, START + since));
    }
    store
}

/// A store with `residents` numbers that were each sent one code within the last hour.
fn populated(residents: u64) -> MemoryStore {
    populated_within(Duration::from_millis(HOUR), residents)
}

/// Numbers in an order that no cache foresees.
fn shuffled(n: u64, residents: u64) -> u64 {
    // Prime, so that every number comes once before one comes twice.
    (n % residents * 7_368_787) % residents
}

#[derive(Default)]
struct Through(u64);

impl Hasher for Through {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte));
    }
}

/// One admission's eleven keys, each touched once in a map of 24-byte values and nothing else.
fn floor(map: &DashMap<u128, [u64; 3], BuildHasherDefault<Through>>, n: u64, round: u64) {
    let call = n | round << 40;
    let keys = [
        (1, n),
        (2, call),
        (3, n / 10),
        (4, n / 100),
        (5, n / 10_000),
        (6, n % 20),
        (7, 0),
        (10, call),
        (11, call),
        (12, call),
        (13, call),
    ];
    for (kind, n) in keys {
        map.entry(u128::from_le_bytes(bytes(kind, n))).or_default()[0] += 1;
    }
}

fn one_call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory_store");
    group.sample_size(20).throughput(Throughput::Elements(1));
    for residents in SIZES {
        let fresh = residents / 4;
        group.bench_function(BenchmarkId::new("floor", residents), |bencher| {
            let map = DashMap::default();
            (0..residents).for_each(|n| floor(&map, n, 0));
            bencher.iter_custom(|iterations| {
                let started = Instant::now();
                (0..iterations).for_each(|n| floor(&map, shuffled(n, residents), 1));
                started.elapsed()
            });
        });
        let mut state = (populated(residents), 0_u64);
        group.bench_function(BenchmarkId::new("admit", residents), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                for _ in 0..iterations {
                    if state.1 == fresh {
                        state = (populated(residents), 0);
                    }
                    state.1 += 1;
                    let now = START + Duration::from_millis(HOUR + STRIDE * state.1);
                    let call = issue(shuffled(state.1, residents), state.1, now);
                    let started = Instant::now();
                    admit(&state.0, black_box(&call));
                    took += started.elapsed();
                }
                took
            });
        });
        group.bench_function(BenchmarkId::new("redeem", residents), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                for _ in 0..iterations {
                    if state.1 >= residents {
                        state = (populated(residents), 0);
                    }
                    let call = check(state.1, START + Duration::from_millis(HOUR));
                    state.1 += 1;
                    let started = Instant::now();
                    let answer = ready(state.0.redeem(black_box(&call))).unwrap();
                    took += started.elapsed();
                    assert!(!matches!(answer.verdict, Verdict::Mismatch { .. }));
                }
                took
            });
        });
    }
    group.finish();
}

/// The rest of a gate's work for one request: about 2.5 µs of hashing on one core.
fn gate_work(n: u64) {
    let mut block = [0_u8; 64];
    block[..8].copy_from_slice(&n.to_le_bytes());
    for _ in 0..36 {
        let digest = Sha256::digest(block);
        block[..32].copy_from_slice(&digest);
    }
    black_box(block);
}

/// Calls a second by `threads` threads together.
fn rate(threads: u64, residents: u64, work: bool) -> f64 {
    const CALLS: u64 = 100_000;
    let store = Arc::new(populated(residents));
    let barrier = Arc::new(Barrier::new(threads as usize + 1));
    let racers: Vec<_> = (0..threads)
        .map(|thread| {
            let (store, barrier) = (store.clone(), barrier.clone());
            std::thread::spawn(move || {
                barrier.wait();
                for n in 0..CALLS {
                    let call = n * threads + thread;
                    let now = START + Duration::from_millis(HOUR + STRIDE * call);
                    admit(&store, &issue(shuffled(call, residents), call + 1, now));
                    if work {
                        gate_work(call);
                    }
                }
            })
        })
        .collect();
    barrier.wait();
    let started = Instant::now();
    racers.into_iter().for_each(|racer| racer.join().unwrap());
    (CALLS * threads) as f64 / started.elapsed().as_secs_f64()
}

fn two_threads(_: &mut Criterion) {
    for (residents, work) in [(10_000, false), (10_000, true), (300_000, false), (300_000, true)] {
        let (one, two) = (rate(1, residents, work), rate(2, residents, work));
        let what = if work { "admit + 2.5 µs of gate work" } else { "admit alone" };
        println!(
            "two threads, {residents} resident, {what}: {:.0} -> {:.0} calls/s, {:.2} times",
            one,
            two,
            two / one
        );
    }
}

fn memory(_: &mut Criterion) {
    let Some(before) = resident_bytes() else { return };
    // Ten minutes, so that nothing has expired.
    let store = populated_within(Duration::from_secs(500), 1_000_000);
    let Some(after) = resident_bytes() else { return };
    println!(
        "memory: {} entries for 1 000 000 numbers, resident set grew by {} bytes a number",
        store.entries(),
        after.saturating_sub(before) / 1_000_000
    );
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

criterion_group!(benches, memory, two_threads, one_call);
criterion_main!(benches);
