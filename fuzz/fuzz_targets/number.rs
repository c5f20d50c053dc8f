//! What is typed as a number: no panic, and one line however often it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::recipient::{NumberLevel, Prefix};
use otpgate::{Recipient, Region};

/// Countries whose lines have two numbers or had, calling codes of several countries, and plans
/// with odd national prefixes.
const HOMES: [Option<Region>; 29] = [
    None,
    Some(Region::DE),
    Some(Region::US),
    Some(Region::MX),
    Some(Region::IT),
    Some(Region::AR),
    Some(Region::BJ),
    Some(Region::BR),
    Some(Region::GA),
    Some(Region::GM),
    Some(Region::IL),
    Some(Region::LR),
    Some(Region::PS),
    Some(Region::SO),
    Some(Region::AG),
    Some(Region::AU),
    Some(Region::BY),
    Some(Region::CI),
    Some(Region::CL),
    Some(Region::CN),
    Some(Region::GB),
    Some(Region::HU),
    Some(Region::JE),
    Some(Region::KZ),
    Some(Region::NF),
    Some(Region::RU),
    Some(Region::SM),
    Some(Region::VA),
    Some(Region::VN),
];

fuzz_target!(|input: (u8, &str)| {
    let (home, typed) = input;
    let home = HOMES[usize::from(home) % HOMES.len()];
    if let Ok(number) = Recipient::parse(typed, home) {
        assert!(typed.len() <= 256, "{typed:?}");
        // The page binds what it reduced; the digits that were typed are all there, in their order.
        assert_eq!(otpgate::token::reduce(typed), number.typed(), "{typed:?}");
        let bare = Recipient::parse(number.typed(), home).unwrap();
        assert_eq!(bare.line_key(), number.line_key(), "{typed:?}");
        let e164 = number.expose_e164();
        assert!(e164.as_str().starts_with('+') && e164.as_str().len() <= 16, "{e164:?}");
        let again = Recipient::parse(e164.as_str(), None).unwrap();
        assert_eq!(again.expose_e164().as_str(), e164.as_str());
        assert_eq!(again.line_key(), number.line_key());
        assert_eq!(again.region(), number.region());
        climb(&number, &again);
    }
});

/// One line climbs one ladder, however it was written, and each rung is inside the one before.
fn climb(number: &Recipient, again: &Recipient) {
    let rungs: Vec<Prefix> = number.ladder().collect();
    assert!(again.ladder().eq(rungs.iter().copied()));
    assert_eq!(rungs.first().map(Prefix::level), Some(NumberLevel::Country));
    for pair in rungs.windows(2) {
        let (wide, narrow) = (pair[0], pair[1]);
        let same = narrow.digits().to_string().starts_with(&wide.digits().to_string());
        assert!(same && wide.level() < narrow.level(), "{wide} {narrow}");
    }
    for rung in rungs {
        assert!(rung.contains(number) && rung.contains(again), "{rung}");
        // A block whose other lines are counted elsewhere has no name of its own.
        if let Ok(read) = rung.to_string().parse::<Prefix>() {
            assert_eq!(read, rung, "{rung}");
        }
    }
}
