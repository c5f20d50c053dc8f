//! Compares the reading of *spellings* with `rlibphonenumber`, the oracle: 20 000 numbers of all regions
//! in the digits of all scripts, with the separators, white space and invisible characters that
//! keyboards and clipboards add. The numbers themselves are `recipient_differential`'s affair.
//!
//! A decoration is one of five kinds, and each kind has its rule:
//!
//! | kind | rule |
//! |---|---|
//! | the oracle reads it too | both read the plain number |
//! | beyond the oracle | we read the plain number; the oracle reads that or nothing |
//! | a tilde, punctuation to the oracle and the sign of an extension | we read the plain number; the oracle reads that, nothing, or an extension |
//! | strict (letters, extensions, reversed digits, two entries) | we refuse it, with a stated error |
//! | more than 32 characters between the first digit and the last, or 256 bytes | `Oversized` |

use std::collections::BTreeMap;

use otpgate::recipient::{Recipient, RecipientError as E, Region};
use rlibphonenumber::{
    PHONE_NUMBER_UTIL as ORACLE, PhoneNumber, PhoneNumberFormat, PhoneNumberType,
    Region as OracleRegion,
};

const INPUTS: usize = 20_000;

/// What libphonenumber takes between digits; without `x`, a letter.
const SHARED: &[char] = &[
    ' ', '-', '.', '/', '(', ')', '[', ']', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2010}', '\u{2011}',
    '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2053}', '\u{2060}', '\u{2212}', '\u{3000}',
    '\u{30fc}', '\u{ff08}', '\u{ff09}', '\u{ff0d}', '\u{ff0e}', '\u{ff0f}', '\u{ff3b}', '\u{ff3d}',
];
/// What it does not take there, and people have.
const BEYOND: &[char] = &[
    '~',
    '\u{223c}',
    '\u{2009}',
    '\u{202f}',
    '\u{2002}',
    '\u{205f}',
    '\u{200e}',
    '\u{200f}',
    '\u{61c}',
    '\u{200d}',
    '\u{202a}',
    '\u{202b}',
    '\u{202c}',
    '\u{202d}',
    '\u{2066}',
    '\u{2067}',
    '\u{2068}',
    '\u{2069}',
    '\u{feff}',
    '\u{fe0f}',
    '\u{fe0e}',
    '\u{20e3}',
    '\u{e0100}',
    '\u{ff70}',
    '\u{ff5e}',
    '\u{301c}',
    '\u{b7}',
    '\u{30fb}',
    '\u{ff65}',
    '\u{2500}',
    '\u{2043}',
    '\u{2044}',
];
const TILDES: [char; 3] = ['~', '\u{223c}', '\u{ff5e}'];
/// What may stand around a number, on one side or on both. The oracle looks for the number in a text.
const AROUND: &[char] = &[
    ' ', '\t', '\n', '\r', '\u{b}', '\u{85}', '\u{2028}', '\u{a0}', '\u{3000}', '\u{200b}',
    '\u{feff}', '\u{202a}', '\u{202c}', '\u{202d}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{fe0f}',
    '"', '\'', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}', '<', '>', ',', ';', ':',
    '.', '!', '?', '\u{300c}', '\u{300d}', '\u{3002}', '(', ')', '-',
];
/// What we refuse between digits, and with which error. SECURITY-BAR's words for it: canonical, one
/// subscriber, extensions and vanity letters rejected.
const STRICT: &[(&str, E)] = &[
    ("x", E::Letter),
    (" ext. ", E::Letter),
    ("O", E::Letter),
    ("\u{30a2}", E::Letter),
    (";ext=", E::Extension),
    ("#", E::Extension),
    (",", E::Extension),
    ("*", E::Extension),
    ("\u{202e}", E::UnexpectedCharacter),
    ("\n", E::UnexpectedCharacter),
    ("\t", E::UnexpectedCharacter),
    ("\u{2029}", E::UnexpectedCharacter),
    ("\0", E::UnexpectedCharacter),
    ("'", E::UnexpectedCharacter),
    ("\u{201c}", E::UnexpectedCharacter),
    ("\u{2070}", E::UnexpectedCharacter),
    ("+", E::MisplacedPlus),
    ("\u{ff0b}", E::MisplacedPlus),
];

#[test]
fn reads_the_spellings_that_the_oracle_reads_and_no_other_number() {
    let mut make = Make { state: 0x5e11_1e55, zeros: zeros() };
    let numbers = numbers(&mut make);
    println!("{} numbers, {} scripts", numbers.len(), make.zeros.len());
    let mut outcomes: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for index in 0..INPUTS {
        let plain = &numbers[index % numbers.len()];
        let spelling = make.spelling(&plain.text);
        match verdict(plain, &spelling) {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(why) => wrong.push(format!("{:?} in {:?}: {why}", spelling.text, plain.home)),
        }
    }
    for (outcome, count) in &outcomes {
        println!("{count:>7}  {outcome}");
    }
    for line in wrong.iter().take(40) {
        println!("WRONG {line}");
    }
    assert_eq!(wrong.len(), 0);
    let of = |outcome: &str| outcomes.get(outcome).copied().unwrap_or(0);
    assert!(of("agree") >= INPUTS / 4, "{outcomes:?}");
    assert!(of("ours only: beyond the oracle") >= INPUTS / 20, "{outcomes:?}");
    assert!(of("strict") >= INPUTS / 20, "{outcomes:?}");
    assert!(of("too long") <= INPUTS / 50, "{outcomes:?}");
}

/// A number without decoration, which we accept.
struct Plain {
    text: String,
    home: Region,
    e164: String,
}

struct Spelling {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Shared,
    Beyond,
    Strict(E),
}

fn verdict(plain: &Plain, spelling: &Spelling) -> Result<&'static str, String> {
    let ours = Recipient::parse(&spelling.text, Some(plain.home))
        .map(|number| number.expose_e164().as_str().to_owned());
    let theirs = ORACLE.parse(&spelling.text, Some(oracle_region(plain.home))).ok();
    let extended = theirs.as_ref().is_some_and(|number| number.extension.is_some());
    let theirs = theirs.map(|number| e164(&number));
    match (&ours, spelling.kind) {
        (Err(E::Oversized), _) if is_oversized(&spelling.text) => return Ok("too long"),
        (Err(error), Kind::Strict(expected)) if *error == expected => return Ok("strict"),
        (_, Kind::Strict(expected)) => return Err(format!("{ours:?} instead of {expected:?}")),
        (Ok(ours), _) if *ours == plain.e164 => {}
        _ => return Err(format!("{ours:?} instead of {}", plain.e164)),
    }
    match (theirs, spelling.kind) {
        (Some(theirs), _) if theirs == plain.e164 => Ok("agree"),
        (None, Kind::Beyond) => Ok("ours only: beyond the oracle"),
        (Some(_), Kind::Beyond) if extended && spelling.text.contains(TILDES) => {
            Ok("ours only: an extension to the oracle")
        }
        (theirs, _) => Err(format!("oracle: {theirs:?}")),
    }
}

fn is_oversized(text: &str) -> bool {
    let digit = |c: char| !otpgate::token::reduce(&c.to_string()).is_empty();
    let from = text.find(digit).unwrap_or(0);
    let to = text.rfind(digit).unwrap_or(0);
    text.len() > 256 || text[from..=to].chars().count() > 32
}

/// The zero of each script, from the crate; the oracle has a table of its own.
fn zeros() -> Vec<u32> {
    let is_zero = |c: &char| otpgate::token::reduce(&c.to_string()) == "0";
    ('\0'..=char::MAX).filter(is_zero).map(u32::from).collect()
}

/// Numbers of every region and type, and such with other digits at their end.
fn numbers(make: &mut Make) -> Vec<Plain> {
    const TYPES: [PhoneNumberType; 7] = [
        PhoneNumberType::Mobile,
        PhoneNumberType::FixedLine,
        PhoneNumberType::TollFree,
        PhoneNumberType::PremiumRate,
        PhoneNumberType::VoIP,
        PhoneNumberType::PersonalNumber,
        PhoneNumberType::UAN,
    ];
    let mut numbers = Vec::new();
    for home in Region::all() {
        for kind in TYPES {
            let region = oracle_region(home);
            let Ok(example) = ORACLE.get_example_number_for_type_and_region(region, kind) else {
                continue;
            };
            let national = ORACLE.format(&example, PhoneNumberFormat::National);
            let mut texts = vec![e164(&example), otpgate::token::reduce(&national)];
            for _ in 0..2 {
                let mut text = e164(&example);
                let kept = text.len() - 3;
                text.truncate(kept);
                texts.push(format!("{text}{:03}", make.below(1_000)));
            }
            for text in texts {
                let theirs = ORACLE.parse(&text, Some(region)).ok().map(|number| e164(&number));
                let ours = Recipient::parse(&text, Some(home)).ok();
                let ours = ours.map(|number| number.expose_e164().as_str().to_owned());
                if let Some(e164) = ours.filter(|ours| theirs.as_ref() == Some(ours)) {
                    numbers.push(Plain { text, home, e164 });
                }
            }
        }
    }
    assert!(numbers.len() > 2_000, "{}", numbers.len());
    numbers
}

struct Make {
    state: u64,
    zeros: Vec<u32>,
}

impl Make {
    fn spelling(&mut self, plain: &str) -> Spelling {
        let beyond = self.below(3) == 0;
        let strict = (self.below(10) == 0).then(|| STRICT[self.below(STRICT.len())]);
        let mut kind = Kind::Shared;
        let scripts = self.zeros.len();
        let script = if self.below(3) == 0 { self.below(scripts) } else { 0 };
        let script = self.zeros[script];
        let strict_at = 2 + self.below(plain.len() - 3);
        let mut text = self.around();
        for (at, c) in plain.chars().enumerate() {
            if at > 0 && self.below(4) == 0 {
                let (from, further) = if beyond { (BEYOND, true) } else { (SHARED, false) };
                text.push(from[self.below(from.len())]);
                if further {
                    kind = Kind::Beyond;
                }
            }
            if let Some((inserted, _)) = strict.filter(|_| at == strict_at) {
                text.push_str(inserted);
            }
            text.push(match c.to_digit(10) {
                Some(digit) => char::from_u32(script + digit).expect("a digit"),
                None if self.below(2) == 0 => '\u{ff0b}',
                None => '+',
            });
        }
        // The trailing dot of a sentence, a quotation mark: the oracle cuts them off, so they are shared.
        text.push_str(&self.around());
        if let Some((_, error)) = strict {
            kind = Kind::Strict(error);
        }
        Spelling { text, kind }
    }

    fn around(&mut self) -> String {
        (0..self.below(4)).map(|_| AROUND[self.below(AROUND.len())]).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn next(&mut self) -> u64 {
        super::split_mix(&mut self.state)
    }
}

fn e164(number: &PhoneNumber) -> String {
    ORACLE.format(number, PhoneNumberFormat::E164).into_owned()
}

fn oracle_region(region: Region) -> OracleRegion {
    OracleRegion::from_code(region.as_str()).expect("both know the same regions")
}
