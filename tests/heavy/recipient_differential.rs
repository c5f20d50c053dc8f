//! Compares every answer about a number with `rlibphonenumber`, the oracle: same metadata, other code.
//!
//! The inputs are made from example numbers of every region and type, from those numbers dialled in
//! every way and with mistakes in them, and from random digits for every calling code. The seed
//! is fixed. `OTPGATE_DIFFERENTIAL_ROUNDS=20` runs twenty times as many with other seeds.

use std::collections::{BTreeMap, BTreeSet};

use otpgate::recipient::{LineType, METADATA_VERSION, Recipient, RecipientError, Region};
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL as ORACLE, PhoneNumber, PhoneNumberFormat, PhoneNumberType,
    Region as OracleRegion, ValidationError,
};

#[test]
fn agrees_with_the_oracle_on_every_number() {
    let rounds = std::env::var("OTPGATE_DIFFERENTIAL_ROUNDS").ok().and_then(|n| n.parse().ok());
    let mut tally = Tally::default();
    for round in 0..rounds.unwrap_or(1_u64) {
        for input in Inputs::new(0x5eed_0000 + round).all() {
            tally.compare(&input);
        }
    }

    println!("metadata {METADATA_VERSION}: {} inputs", tally.inputs);
    for (outcome, count) in &tally.outcomes {
        println!("{count:>9}  {outcome}");
    }
    println!("{} regions, {} types among accepted numbers", tally.regions.len(), tally.types.len());
    for line in tally.disagreements.iter().take(40) {
        println!("DISAGREEMENT {line}");
    }
    assert_eq!(tally.disagreements.len(), 0);
    let accepted_by_both =
        tally.outcomes["agree: valid"] + tally.outcomes["agree: possible, not valid"];
    assert!(accepted_by_both >= 80_000, "only {accepted_by_both} numbers were compared in full");
    // Western Sahara's numbers begin like Morocco's, which libphonenumber asks first.
    let missing: Vec<Region> =
        Region::all().filter(|region| !tally.regions.contains(region)).collect();
    assert_eq!(missing, [Region::EH]);
    assert!(tally.regions.contains(&Region::WORLD));
    assert_eq!(tally.types.len(), 12, "all of them, Unknown included");
}

#[test]
fn the_oracle_and_the_table_know_the_same_regions() {
    let ours: BTreeSet<String> = Region::all().map(|region| region.to_string()).collect();
    let theirs: BTreeSet<String> =
        ORACLE.get_supported_regions().map(|region| region.as_region_str().to_string()).collect();
    assert_eq!(ours, theirs);
    for region in Region::all() {
        let theirs = ORACLE.get_country_code_for_region(oracle_region(region));
        let ours = region.calling_code().map(|code| i32::from(code.value()));
        assert_eq!(ours, theirs, "{region}");
    }
}

#[test]
fn every_mobile_is_accepted_and_has_one_key_in_all_its_formats() {
    for region in Region::all() {
        let home = oracle_region(region);
        let Ok(example) =
            ORACLE.get_example_number_for_type_and_region(home, PhoneNumberType::Mobile)
        else {
            continue;
        };
        let strict = Recipient::from_e164(&e164(&example)).expect("a mobile in E.164");
        assert!(strict.is_valid(), "{region}");
        for format in [PhoneNumberFormat::International, PhoneNumberFormat::National] {
            let text = ORACLE.format(&example, format).into_owned();
            let typed = Recipient::parse(&text, Some(region)).expect("a mobile as written at home");
            assert_eq!(typed.line_key(), strict.line_key(), "{text:?} in {region}");
        }
    }
}

/// A text, and where it is dialled.
struct Input {
    text: String,
    home: Option<Region>,
}

#[derive(Default)]
struct Tally {
    inputs: usize,
    outcomes: BTreeMap<&'static str, usize>,
    disagreements: Vec<String>,
    regions: BTreeSet<Region>,
    types: BTreeSet<LineType>,
}

impl Tally {
    fn compare(&mut self, input: &Input) {
        self.inputs += 1;
        match verdict(input) {
            Ok(outcome) => *self.outcomes.entry(outcome).or_default() += 1,
            Err(why) => {
                self.disagreements.push(format!("{:?} in {:?}: {why}", input.text, input.home));
            }
        }
        if let Ok(recipient) = Recipient::parse(&input.text, input.home) {
            self.regions.extend(recipient.region());
            self.types.insert(recipient.line_type());
        }
    }
}

/// How the two answers compare; an error is a disagreement that no documented rule explains.
fn verdict(input: &Input) -> Result<&'static str, String> {
    let ours = Recipient::parse(&input.text, input.home);
    let theirs = ORACLE.parse(&input.text, input.home.map(oracle_region)).ok();
    let length = theirs.as_ref().map(|number| ORACLE.is_possible_number_with_reason(number));
    let possible = matches!(length, Some(Ok(NumberLengthType::IsPossible)));

    let error = match (&ours, &theirs) {
        (Ok(ours), Some(theirs)) if possible => return same(ours, theirs),
        (Ok(ours), Some(theirs)) if is_retired_mexican(theirs, ours) => {
            return Ok("ours only: retired +52 1");
        }
        (Ok(_), _) => return Err(format!("accepted, oracle: {length:?}")),
        (Err(error), _) => *error,
    };
    use RecipientError as E;
    let digits = theirs.as_ref().map_or(0, |number| e164(number).len() - 1);
    let explained = match error {
        E::Letter | E::Extension | E::UnexpectedCharacter => input.text.chars().any(is_refused),
        E::MisplacedPlus => {
            input.text.matches(['+', '\u{ff0b}']).count() > 1 || plus_is_late(input)
        }
        E::Oversized => input.text.chars().count() > 32,
        E::Empty => !input.text.chars().any(|c| c.is_numeric()),
        E::MissingCountry | E::UnknownCallingCode => theirs.is_none(),
        E::TooShort => {
            matches!(length, None | Some(Err(ValidationError::TooShort))) || possible && digits < 7
        }
        E::TooLong => {
            matches!(length, None | Some(Err(ValidationError::TooLong))) || possible && digits > 15
        }
        E::UnusedLength => matches!(length, Some(Err(ValidationError::InvalidLength))),
        E::LocalOnly => matches!(length, Some(Ok(NumberLengthType::IsPossibleLocalOnly))),
        E::NotCanonical => {
            is_own_behind_zeros(input) || theirs.as_ref().is_some_and(reads_back_as_another)
        }
        _ => false,
    };
    if !explained {
        return Err(format!("{error:?}, oracle: {length:?} {:?}", theirs.as_ref().map(e164)));
    }
    Ok(match error {
        E::NotCanonical if is_own_behind_zeros(input) => "strict: 00 and the own calling code",
        E::NotCanonical if theirs.as_ref().is_some_and(|number| ORACLE.is_valid_number(number)) => {
            "strict: oracle reads its own E.164 as another number (valid)"
        }
        E::NotCanonical => "strict: oracle reads its own E.164 as another number (not valid)",
        _ if !possible => "agree: refused",
        E::TooShort | E::TooLong => "strict: outside 7 to 15 digits",
        E::Oversized => "strict: more than 32 characters",
        E::MisplacedPlus => "strict: second +",
        _ => "strict: letters, extensions, line breaks",
    })
}

fn same(ours: &Recipient, theirs: &PhoneNumber) -> Result<&'static str, String> {
    let our_answer = (
        ours.expose_e164().as_str().to_string(),
        ours.is_valid(),
        ours.line_type(),
        ours.region().map(|region| region.to_string()),
    );
    let their_answer = (
        e164(theirs),
        ORACLE.is_valid_number(theirs),
        line_type(ORACLE.get_number_type(theirs)),
        ORACLE.get_region_for_number(theirs).map(|region| region.as_region_str().to_string()),
    );
    if our_answer != their_answer {
        return Err(format!("{our_answer:?}, oracle: {their_answer:?}"));
    }
    Ok(if ours.is_valid() { "agree: valid" } else { "agree: possible, not valid" })
}

fn is_retired_mexican(theirs: &PhoneNumber, ours: &Recipient) -> bool {
    e164(theirs).strip_prefix("+521").is_some_and(|rest| {
        rest.len() == 10 && ours.expose_e164().as_str().strip_prefix("+52") == Some(rest)
    })
}

fn reads_back_as_another(number: &PhoneNumber) -> bool {
    let text = e164(number);
    ORACLE.parse(&text, None).map_or(true, |again| e164(&again) != text)
}

/// Whether the oracle may read a carrier behind `00` where people write their own calling code.
fn is_own_behind_zeros(input: &Input) -> bool {
    let code = input.home.and_then(Region::calling_code).map(|code| format!("00{}", code.value()));
    let typed = otpgate::token::reduce(&input.text);
    code.is_some_and(|code| typed.trim_start_matches('+').starts_with(&code))
}

fn plus_is_late(input: &Input) -> bool {
    let plus = input.text.find(['+', '\u{ff0b}']);
    plus.is_some_and(|at| input.text[..at].chars().any(|c| c.is_numeric()))
}

/// What no number holds here; spellings are compared in `recipient_spelling`.
fn is_refused(character: char) -> bool {
    let read = !otpgate::token::reduce(&character.to_string()).is_empty();
    let separator = " -.()/~\u{a0}\u{ad}\u{200b}\u{200e}\u{2060}\u{3000}\u{2212}"
        .contains(character)
        || ('\u{2010}'..='\u{2015}').contains(&character);
    !(read || separator)
}

fn e164(number: &PhoneNumber) -> String {
    ORACLE.format(number, PhoneNumberFormat::E164).into_owned()
}

fn oracle_region(region: Region) -> OracleRegion {
    OracleRegion::from_code(region.as_str()).expect("both know the same regions")
}

fn line_type(theirs: PhoneNumberType) -> LineType {
    match theirs {
        PhoneNumberType::FixedLine => LineType::FixedLine,
        PhoneNumberType::Mobile => LineType::Mobile,
        PhoneNumberType::FixedLineOrMobile => LineType::FixedLineOrMobile,
        PhoneNumberType::TollFree => LineType::TollFree,
        PhoneNumberType::PremiumRate => LineType::PremiumRate,
        PhoneNumberType::SharedCost => LineType::SharedCost,
        PhoneNumberType::VoIP => LineType::Voip,
        PhoneNumberType::PersonalNumber => LineType::PersonalNumber,
        PhoneNumberType::Pager => LineType::Pager,
        PhoneNumberType::UAN => LineType::Uan,
        PhoneNumberType::VoiceMail => LineType::Voicemail,
        PhoneNumberType::Unknown => LineType::Unknown,
    }
}

const TYPES: [PhoneNumberType; 10] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];

/// Makes the inputs.
struct Inputs {
    state: u64,
    made: Vec<Input>,
    regions: Vec<Region>,
}

impl Inputs {
    fn new(seed: u64) -> Self {
        Self { state: seed, made: Vec::new(), regions: Region::all().collect() }
    }

    fn all(mut self) -> Vec<Input> {
        for region in self.regions.clone() {
            let examples = TYPES.map(|kind| {
                ORACLE.get_example_number_for_type_and_region(oracle_region(region), kind).ok()
            });
            for example in examples.into_iter().flatten() {
                self.dial(&example, region);
            }
            self.random_national(region);
        }
        let codes: BTreeSet<i32> = ORACLE.get_supported_calling_codes().collect();
        for code in codes {
            if let Ok(example) = ORACLE.get_example_number_for_non_geo_entity(code) {
                self.dial(&example, Region::US);
            }
            self.random_international(code);
        }
        self.refused();
        self.made
    }

    /// One number dialled in every way, and with the mistakes that people make.
    fn dial(&mut self, example: &PhoneNumber, region: Region) {
        let full = e164(example);
        let code = example.country_code.to_string();
        let national = full[1 + code.len()..].to_string();
        let elsewhere = self.below(self.regions.len());
        let other = self.regions[elsewhere];

        self.push(full.clone(), None);
        self.push(full.clone(), Some(other));
        for format in [PhoneNumberFormat::International, PhoneNumberFormat::National] {
            let text = ORACLE.format(example, format).into_owned();
            self.push(text, Some(region));
        }
        for prefix in ["", "0", "00", "1", "8", "9", "06", "0015", "01", "15"] {
            self.push(format!("{prefix}{national}"), Some(region));
            self.push(format!("+{code}{prefix}{national}"), None);
        }
        for prefix in ["", "00", "011", "+00", "000", "0011", "810", "0", "+0"] {
            self.push(format!("{prefix}{code}{national}"), Some(region));
            self.push(format!("{prefix}{code}{national}"), Some(other));
        }
        let carrier = self.digits(2);
        self.push(format!("0{carrier}{national}"), Some(region));
        let carrier = self.digits(4);
        self.push(format!("{carrier}{national}"), Some(region));
        for drop in 1..=4.min(national.len()) {
            self.push(national[drop..].to_string(), Some(region));
            self.push(format!("+{code}{}", &national[..national.len() - drop]), None);
        }
        for extra in 1..=2 {
            let tail = self.digits(extra);
            self.push(format!("{full}{tail}"), None);
        }
        for _ in 0..40 {
            let text = self.mutated(&full, 1 + code.len());
            self.push(text, None);
        }
        for _ in 0..16 {
            let text = self.mutated(&national, 0);
            self.push(text, Some(region));
        }
        let spaced = self.spaced(&full);
        self.push(spaced, None);
        let spaced = self.spaced(&national);
        self.push(spaced, Some(region));
        let folded = full.chars().map(|c| fold(c, '\u{ff10}', '\u{ff0b}')).collect();
        self.push(folded, None);
        let folded = national.chars().map(|c| fold(c, '\u{660}', '+')).collect();
        self.push(folded, Some(region));
    }

    fn random_national(&mut self, region: Region) {
        for length in 4..=14 {
            for _ in 0..8 {
                let text = self.digits(length);
                self.push(text, Some(region));
            }
        }
    }

    fn random_international(&mut self, code: i32) {
        for length in 2..=14 {
            for _ in 0..6 {
                let text = format!("+{code}{}", self.digits(length));
                self.push(text, None);
            }
        }
    }

    /// What the oracle may well accept, and we never do.
    fn refused(&mut self) {
        let number = "+14155552671";
        let texts = [
            "tel:+14155552671",
            "+1415555CALL",
            "+1 415 555 2671 ext 5",
            "+14155552671;ext=1",
            "+14155552671x12",
            "+14155552671#",
            "+14155552671,,12",
            "*31#+14155552671",
            "\u{200e}+14155552671",
            "+1\u{200b}4155552671",
            "+1\u{ad}4155552671",
            "+1415555267O",
            "++14155552671",
            "1+4155552671",
            "+14155552671+",
            "",
            "+",
            "()",
            "\u{967}\u{968}\u{969}4567",
            "+1 415 555 2671\n",
            "+1\t4155552671",
            "+1~4155552671",
            "+1\u{2060}4155552671",
        ];
        for text in texts {
            for home in [None, Some(Region::US), Some(Region::DE)] {
                self.push(text.to_string(), home);
            }
        }
        self.push(format!("{}{number}", " ".repeat(30)), None);
        self.push(format!("{number}{}", " ".repeat(20)), None);
        self.push(format!("{number}{}", " ".repeat(21)), None);
    }

    fn push(&mut self, text: String, home: Option<Region>) {
        self.made.push(Input { text, home });
    }

    fn mutated(&mut self, text: &str, from: usize) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = from + self.below(bytes.len() - from);
            bytes[at] = b'0' + self.below(10) as u8;
        }
        String::from_utf8(bytes).expect("ASCII")
    }

    fn spaced(&mut self, text: &str) -> String {
        let mut spaced = String::new();
        for character in text.chars() {
            spaced.push(character);
            if self.below(4) == 0 {
                spaced.push([' ', '-', '.', '/', '(', ')', '\u{a0}', '\u{2013}'][self.below(8)]);
            }
        }
        spaced
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn next(&mut self) -> u64 {
        super::split_mix(&mut self.state)
    }
}

fn fold(character: char, zero: char, plus: char) -> char {
    match character.to_digit(10) {
        Some(digit) => char::from_u32(u32::from(zero) + digit).expect("a digit"),
        None => plus,
    }
}
