//! Time to read one number and answer region, type and validity, beside `rlibphonenumber`.
//!
//! `cargo bench --bench recipient`. Countries rotate from number to number, as they do when a bot
//! goes through them: a parser that caches compiled patterns per country shows its other face.

#![allow(missing_docs, clippy::arithmetic_side_effects, clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use otpgate::recipient::{Recipient, Region};
use rlibphonenumber::{
    PHONE_NUMBER_UTIL as ORACLE, PhoneNumberFormat, PhoneNumberType, Region as OracleRegion,
};

/// A mobile number, in E.164 and as typed at home.
struct Example {
    e164: String,
    national: String,
    region: Region,
    oracle_region: OracleRegion,
}

/// Sixteen mobile numbers of every region in random order: too many for a branch predictor to learn.
fn examples() -> Vec<Example> {
    let mut state = 1_u64;
    let mut random = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 32
    };
    let mut examples = Vec::new();
    for region in Region::all() {
        let Ok(oracle_region) = OracleRegion::from_code(region.as_str()) else { continue };
        let Ok(number) =
            ORACLE.get_example_number_for_type_and_region(oracle_region, PhoneNumberType::Mobile)
        else {
            continue;
        };
        let e164 = ORACLE.format(&number, PhoneNumberFormat::E164);
        let national = ORACLE.format(&number, PhoneNumberFormat::National);
        for _ in 0..16 {
            let tail = random();
            examples.push(Example {
                e164: with_tail(&e164, tail),
                national: with_tail(&national, tail),
                region,
                oracle_region,
            });
        }
    }
    examples.sort_by_cached_key(|_| random());
    examples
}

/// The text with its last four digits replaced.
fn with_tail(text: &str, mut tail: u64) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in bytes.iter_mut().rev().filter(|byte| byte.is_ascii_digit()).take(4) {
        *byte = b'0' + (tail % 10) as u8;
        tail /= 10;
    }
    String::from_utf8(bytes).expect("ASCII")
}

fn all_answers(text: &str, home: Option<Region>) -> u64 {
    let Ok(recipient) = Recipient::parse(text, home) else { return 0 };
    // The caller keeps it: without this, the compiler would leave half of it unmade.
    let recipient = black_box(recipient);
    u64::from(recipient.is_valid())
        + recipient.line_type() as u64
        + u64::from(recipient.region().is_some())
}

fn oracle(text: &str, home: Option<OracleRegion>) -> bool {
    let Ok(number) = ORACLE.parse(text, home) else { return false };
    black_box(ORACLE.get_number_type(&number));
    black_box(ORACLE.get_region_for_number(&number));
    ORACLE.is_valid_number(&number)
}

fn recipient(c: &mut Criterion) {
    let examples = examples();
    let mut group = c.benchmark_group("recipient");
    group.throughput(Throughput::Elements(examples.len() as u64));
    group.bench_function("international, rotating countries", |b| {
        b.iter(|| examples.iter().map(|e| all_answers(black_box(&e.e164), None)).sum::<u64>());
    });
    group.bench_function("national, rotating countries", |b| {
        b.iter(|| {
            examples
                .iter()
                .map(|e| all_answers(black_box(&e.national), Some(e.region)))
                .sum::<u64>()
        });
    });
    group.bench_function("strict E.164, rotating countries", |b| {
        b.iter(|| {
            examples
                .iter()
                .filter(|e| black_box(Recipient::from_e164(black_box(&e.e164))).is_ok())
                .count()
        });
    });
    group.bench_function("line key and ladder, rotating countries", |b| {
        let recipients: Vec<_> =
            examples.iter().filter_map(|e| Recipient::from_e164(&e.e164).ok()).collect();
        b.iter(|| {
            recipients
                .iter()
                .map(|r| black_box(r.line_key()).to_bytes()[7] as usize + r.ladder().count())
                .sum::<usize>()
        });
    });
    group.bench_function("rlibphonenumber lite, international, rotating countries", |b| {
        b.iter(|| examples.iter().filter(|e| oracle(black_box(&e.e164), None)).count());
    });
    group.bench_function("rlibphonenumber lite, national, rotating countries", |b| {
        b.iter(|| {
            examples
                .iter()
                .filter(|e| oracle(black_box(&e.national), Some(e.oracle_region)))
                .count()
        });
    });
    group.finish();
    slowest(c, &examples);
}

/// The one number that takes longest, so that no average hides it.
fn slowest(c: &mut Criterion, examples: &[Example]) {
    let mut group = c.benchmark_group("recipient, one country");
    for code in ["US", "DE", "AR", "BR", "JP", "IT", "CN"] {
        let Some(example) = examples.iter().find(|e| e.region.as_str() == code) else { continue };
        group.bench_function(code, |b| {
            b.iter(|| all_answers(black_box(&example.national), Some(example.region)));
        });
    }
    group.finish();
}

criterion_group!(benches, recipient);
criterion_main!(benches);
