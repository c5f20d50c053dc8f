//! Whether the time of a call tells something about a code: Welch's t-test, as dudect does it.
//!
//! `cargo bench --features testing --bench timing -- [samples]`. Inputs of two classes come in an
//! order drawn at random; |t| above 4.5 would mean that their times differ. Samples slower than a
//! class-independent quantile are left out, since they measure the machine. The last row of the first
//! table is a comparison that does leak, so that a method that could see nothing would show.
//!
//! The second table is of whole calls of `Gate::verify`: a wrong code against each other rejection.
//! Those answers are the same and so are their round trips; what else their times tell is printed,
//! not asserted.

#![allow(missing_docs, clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

#[path = "timing/verify.rs"]
mod verify;

use std::hint::black_box;
use std::time::{Duration, Instant};

use otpgate::otp::SubmittedCode;
use otpgate::store::{Admission, ChallengeWrite, MemoryStore, Redemption, Store, Verdict};
use otpgate::testing::block_on;
use otpgate::{Pseudonym, RequestId, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SAMPLES: usize = 1_000_000;
/// dudect's.
const THRESHOLD: f64 = 4.5;

fn main() {
    let samples = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(SAMPLES);
    head("two classes of input");
    let right = [0x5a; 32];
    let differs_at = |place: usize| {
        let mut digest = right;
        digest[place] ^= 1;
        digest
    };
    let (store, name) = (MemoryStore::new(), Pseudonym::from_bytes([1; 16]));
    open(&store, name, right);
    let digests = [differs_at(0), differs_at(31)];
    let mut ok = row("digest wrong in its first byte, in its last", samples, &digests, |it, n| {
        redeem(&store, name, *it, n);
    });
    let digests = [differs_at(7), right.map(|byte| !byte)];
    ok &= row("digest wrong in one bit, in every bit", samples, &digests, |it, n| {
        redeem(&store, name, *it, n);
    });
    let format = otpgate::otp::CodeFormat::default();
    let typed = ["000000".to_owned(), "999999".to_owned()];
    ok &= row("code parsed: 000000, 999999", samples, &typed, |it, _| {
        black_box(SubmittedCode::parse(it, &format).is_ok());
    });
    let own = code("123456");
    let others = [code("923456"), code("123457")];
    ok &= row("codes compared: first digit differs, last", samples, &others, |it, _| {
        black_box(black_box(&own) == it);
    });
    let (long, others) = ([7_u8; 4_096], [differing(0), differing(4_095)]);
    let method = "the method itself: 4 kB compared byte by byte, differing early, late";
    let seen = !row(method, samples / 10, &others, |it, _| {
        black_box(long.iter().zip(it).all(|(a, b)| black_box(*a) == *b));
    });
    assert!(seen, "a leak that is there was not seen: the other rows say nothing");
    println!("\n{}", if ok { "nothing was seen" } else { "SEEN: look at the row above 4.5" });
    println!();
    head("`Gate::verify`, rejected");
    for (name, times) in verify::rows(samples / 20) {
        let _ = judge(name, times);
    }
}

fn head(what: &str) {
    println!("| {what} | samples | ns | ns | \\|t\\| |");
    println!("|---|---|---|---|---|");
}

fn differing(place: usize) -> [u8; 4_096] {
    let mut bytes = [7; 4_096];
    bytes[place] = 8;
    bytes
}

fn code(digits: &str) -> SubmittedCode {
    SubmittedCode::parse(digits, &otpgate::otp::CodeFormat::default()).unwrap()
}

fn open(store: &MemoryStore, key: Pseudonym, digest: [u8; 32]) {
    let id = RequestId::from_bytes([9; 16]);
    let far = NOW + Duration::from_secs(600);
    let mut admission = Admission::new(id, NOW, Pseudonym::default(), far);
    let attempts = u32::MAX;
    admission.challenge =
        Some(ChallengeWrite::Open { key, digest, expires: far, closes: far, attempts });
    let _granted = block_on(store.admit(&admission)).unwrap();
}

fn redeem(store: &MemoryStore, challenge: Pseudonym, digest: [u8; 32], n: u64) {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_le_bytes());
    let redemption = Redemption {
        digests: vec![digest],
        ..Redemption::new(RequestId::from_bytes(id), NOW, Pseudonym::default(), challenge)
    };
    let verdict = block_on(store.redeem(&redemption)).unwrap().verdict;
    assert!(matches!(verdict, Verdict::Mismatch { .. }));
}

/// Prints a row; whether nothing was seen.
fn row<T>(name: &str, samples: usize, inputs: &[T; 2], mut call: impl FnMut(&T, u64)) -> bool {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut times: Vec<(bool, f64)> = Vec::with_capacity(samples);
    for n in 0..samples as u64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let class = state >> 63 == 1;
        // Chosen before the clock runs, and not by a branch.
        let input = black_box(&inputs[usize::from(class)]);
        let started = Instant::now();
        call(input, n + 1);
        times.push((class, started.elapsed().as_nanos() as f64));
    }
    judge(name, times)
}

/// Prints the row of what was measured of the second class, `true`, and of the first.
fn judge(name: &str, times: Vec<(bool, f64)>) -> bool {
    let samples = times.len();
    let mut all: Vec<f64> = times.iter().map(|(_, ns)| *ns).collect();
    all.sort_unstable_by(f64::total_cmp);
    let slow = all[samples * 9 / 10];
    let of = |wanted: bool| {
        let kept = times.iter().filter(|(class, ns)| *class == wanted && *ns <= slow);
        let (n, sum, squares) = kept.fold((0.0, 0.0, 0.0), |(n, sum, squares), (_, ns)| {
            (n + 1.0, sum + ns, squares + ns * ns)
        });
        let mean: f64 = sum / n;
        (n, mean, (squares / n - mean * mean).max(f64::MIN_POSITIVE))
    };
    let ((n, one, spread), (m, two, other)) = (of(false), of(true));
    let t = ((one - two) / (spread / n + other / m).sqrt()).abs();
    println!("| {name} | {samples} | {one:.1} | {two:.1} | {t:.2} |");
    t < THRESHOLD
}
