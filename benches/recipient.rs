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

/// An example mobile number of every region: in E.164, and as typed at home.
struct Example {
    e164: String,
    national: String,
    region: Region,
    oracle_region: OracleRegion,
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Region::all()
        .filter_map(|region| {
            let oracle_region = OracleRegion::from_code(region.as_str()).ok()?;
            let number = ORACLE
                .get_example_number_for_type_and_region(oracle_region, PhoneNumberType::Mobile)
                .ok()?;
            Some(Example {
                e164: ORACLE.format(&number, PhoneNumberFormat::E164).into_owned(),
                national: ORACLE.format(&number, PhoneNumberFormat::National).into_owned(),
                region,
                oracle_region,
            })
        })
        .collect();
    // Neighbours in the alphabet share no states anyway; this makes the order plainly random.
    let mut state = 1_u64;
    examples.sort_by_cached_key(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    });
    examples
}

fn all_answers(text: &str, home: Option<Region>) -> u64 {
    let Ok(recipient) = Recipient::parse(text, home) else { return 0 };
    u64::from(recipient.is_valid())
        + recipient.line_type() as u64
        + u64::from(recipient.region().is_some())
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
            examples.iter().filter(|e| Recipient::from_e164(black_box(&e.e164)).is_ok()).count()
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
        b.iter(|| {
            examples
                .iter()
                .filter(|e| {
                    let number = ORACLE.parse(black_box(&e.e164), None).expect("an example");
                    black_box(ORACLE.get_number_type(&number));
                    black_box(ORACLE.get_region_for_number(&number));
                    ORACLE.is_valid_number(&number)
                })
                .count()
        });
    });
    group.bench_function("rlibphonenumber lite, national, rotating countries", |b| {
        b.iter(|| {
            examples
                .iter()
                .filter(|e| {
                    let number = ORACLE
                        .parse(black_box(&e.national), Some(e.oracle_region))
                        .expect("an example");
                    black_box(ORACLE.get_number_type(&number));
                    black_box(ORACLE.get_region_for_number(&number));
                    ORACLE.is_valid_number(&number)
                })
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
