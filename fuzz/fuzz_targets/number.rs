//! What is typed as a number: no panic, and one line however often it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::{Recipient, Region};

const HOMES: [Option<Region>; 5] =
    [None, Some(Region::DE), Some(Region::US), Some(Region::MX), Some(Region::IT)];

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
    }
});
