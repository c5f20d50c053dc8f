//! What the documentation of `recipient` promises, as properties; and scenario A9 of docs/threat-model.md.

use std::collections::BTreeSet;

use otpgate::recipient::{
    LineKey, LineType, NumberLevel, Prefix, Recipient, RecipientError as E, Region,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// The alias table of scenario A9: one Chinese mobile in sixteen spellings.
const ALIASES: [(&str, Result<(), E>); 16] = [
    ("+8613800138000", Ok(())),
    ("8613800138000", Ok(())),
    ("008613800138000", Ok(())),
    ("+86 13800138000", Ok(())),
    ("+86-138-0013-8000", Ok(())),
    ("+86(138)00138000", Ok(())),
    ("＋８６１３８００１３８０００", Ok(())),
    ("+٨٦١٣٨٠٠١٣٨٠٠٠", Ok(())),
    ("+8613800138000;ext=1", Err(E::Extension)),
    ("+8613800138000#", Err(E::Extension)),
    ("+86013800138000", Ok(())),
    ("+8613800138000 ", Ok(())),
    ("\u{200e}+8613800138000", Ok(())),
    ("+08613800138000", Err(E::UnknownCallingCode)),
    ("tel+8613800138000", Err(E::Letter)),
    ("+861380013800O", Err(E::Letter)),
];

#[test]
fn a9_sixteen_spellings_are_one_line_or_refused() {
    let mut keys = BTreeSet::new();
    for (text, expected) in ALIASES {
        let parsed = Recipient::parse(text, Some(Region::CN));
        assert_eq!(parsed.as_ref().map(|_| ()).map_err(|e| *e), expected, "{text:?}");
        if let Ok(recipient) = parsed {
            assert_eq!(recipient.expose_e164().as_str(), "+8613800138000", "{text:?}");
            keys.insert(recipient.line_key());
        }
    }
    assert_eq!(keys.len(), 1);
    // Without a region, or with another one, the national forms are refused: never another line.
    for home in [None, Some(Region::US), Some(Region::GB)] {
        for (text, _) in ALIASES {
            if let Ok(recipient) = Recipient::parse(text, home) {
                assert!(keys.contains(&recipient.line_key()), "{text:?} in {home:?}");
            }
        }
    }
}

#[test]
fn one_line_has_one_key_across_dialling_variants() {
    let lines: [(Region, &str, &[&str]); 22] = [
        (
            Region::CN,
            "+8613800138000",
            &["013800138000", "13800138000", "17951 13800138000", "0086 138 0013 8000"],
        ),
        (
            Region::DE,
            "+4915112345678",
            &["0151 12345678", "0049 151 12345678", "+49 (0)151 12345678"],
        ),
        (Region::IT, "+393123456789", &["312 345 6789", "0039 312 345 6789"]),
        (
            Region::US,
            "+12015550123",
            &["(201) 555-0123", "1 201 555 0123", "011 1 201 555 0123", "+1 1 201 555 0123"],
        ),
        (Region::GB, "+447400123456", &["07400 123456", "+44 (0) 7400 123456", "00447400123456"]),
        (Region::RU, "+79123456789", &["8 912 345-67-89", "810 7 912 345 67 89"]),
        (Region::HU, "+36201234567", &["06 20 123 4567", "+36 06 20 123 4567"]),
        (
            Region::BR,
            "+5511961234567",
            &["011 96123-4567", "0 15 11 96123-4567", "(11) 96123-4567", "+55 11 6123 4567"],
        ),
        (
            Region::AR,
            "+5491123456789",
            &["011 15 2345 6789", "11 15 2345-6789", "+54 11 2345 6789", "+54 9 11 2345 6789"],
        ),
        (Region::MX, "+522221234567", &["222 123 4567", "+52 1 222 123 4567", "1 222 123 4567"]),
        (Region::PS, "+970599123456", &["0599 123 456", "+972 59 912 3456", "+972 059 912 3456"]),
        (
            Region::BJ,
            "+2290195123456",
            &["01 95 12 34 56", "+229 95 12 34 56", "00229 95 12 34 56"],
        ),
        (Region::BB, "+12462501234", &["250-1234", "1 246 250 1234"]),
        (
            Region::GA,
            "+24166111111",
            &["066 11 11 11", "06 11 11 11", "+241 06111111", "+241 6111111"],
        ),
        (
            Region::GA,
            "+24177280150",
            &["077 28 01 50", "07 28 01 50", "+241 07280150", "+241 7280150"],
        ),
        (Region::GA, "+24165123456", &["05 12 34 56", "+241 5123456"]),
        (Region::GA, "+24174123456", &["04 12 34 56", "+241 4123456"]),
        (Region::GM, "+220877012345", &["701 2345", "+220 7012345"]),
        (Region::GM, "+220833142175", &["314 2175", "+220 314 2175"]),
        (Region::GM, "+220866612345", &["661 2345", "+220 6612345"]),
        (Region::LR, "+231555123456", &["05 123456", "0555 123456", "+231 5123456"]),
        (Region::SO, "+252634046848", &["063 4046848", "+252 2 4046848"]),
    ];
    for (home, canonical, spellings) in lines {
        let line = key(canonical, None);
        for spelling in spellings {
            assert_eq!(key(spelling, Some(home)), line, "{spelling:?} in {home}");
        }
    }
}

#[test]
fn neighbours_of_merged_lines_stay_apart() {
    let pairs = [
        // Buenos Aires toll-free and premium numbers have no mobile form.
        ("+548001234567", "+5498001234567"),
        // Brazilian landline; trunked radio from 7.
        ("+551123456789", "+5511923456789"),
        ("+551178123456", "+5511978123456"),
        // Israeli mobile.
        ("+972501234567", "+970501234567"),
        // Benin special numbers from 8.
        ("+22981123456", "+2290181123456"),
        // Gambian landlines, and a mobile that begins like another operator's new prefix.
        ("+2204223456", "+220874223456"),
        ("+2208612345", "+220868612345"),
        // An operator that Gabon has no more, and a Somali one that was not renumbered with Telesom.
        ("+24103123456", "+24163123456"),
        ("+25228123456", "+252638123456"),
        ("+2316123456", "+231556123456"),
        // Italian landlines keep their zero.
        ("+390612345678", "+39612345678"),
    ];
    for (one, other) in pairs {
        assert_ne!(key(one, None), key(other, None));
    }
}

#[test]
fn the_dialled_number_is_not_changed_by_its_key() {
    let without_nine = Recipient::from_e164("+541123456789").unwrap();
    assert_eq!(without_nine.expose_e164().as_str(), "+541123456789");
    let israeli_code = Recipient::from_e164("+972599123456").unwrap();
    assert_eq!(israeli_code.region(), Some(Region::IL));
    assert_eq!(israeli_code.expose_e164().as_str(), "+972599123456");
}

#[test]
fn strict_form_takes_nothing_but_e164() {
    let refused = [
        "",
        "+",
        "8613800138000",
        "+8613800138000 ",
        " +8613800138000",
        "+86-13800138000",
        "+0138001380",
        "++8613800138000",
        "+123456",
        "+1234567890123456",
        "＋8613800138000",
        "+٨613800138000",
    ];
    for text in refused {
        assert_eq!(Recipient::from_e164(text).unwrap_err(), E::NotE164, "{text:?}");
    }
    assert_eq!(Recipient::from_e164("+86013800138000").unwrap_err(), E::NotCanonical);
    assert_eq!(Recipient::from_e164("+5212221234567").unwrap_err(), E::NotCanonical);
    assert_eq!(Recipient::from_e164("+9991234567").unwrap_err(), E::UnknownCallingCode);
}

#[test]
fn every_refusal_has_its_reason() {
    let cases = [
        ("", None, E::Empty),
        (" + ( ) ", None, E::Empty),
        ("+1 201 555 012                   3", None, E::Oversized),
        ("+1-800-FLOWERS", None, E::Letter),
        ("+1 201 555 0123 x5", None, E::Letter),
        ("+1 201 555 0123,,5", None, E::Extension),
        ("*100#", Some(Region::DE), E::Extension),
        ("+1201555\u{202e}0123", None, E::UnexpectedCharacter),
        ("+1201555\x000123", None, E::UnexpectedCharacter),
        ("+1201555\n0123", None, E::UnexpectedCharacter),
        ("+1201555\t0123", None, E::UnexpectedCharacter),
        ("+12015550123\n+12015550124", None, E::UnexpectedCharacter),
        ("+1201555'0123", None, E::UnexpectedCharacter),
        ("+1 201 555 0123, 0124", None, E::Extension),
        ("12015550123+", Some(Region::US), E::MisplacedPlus),
        ("2015550123", None, E::MissingCountry),
        ("2015550123", Some(Region::WORLD), E::MissingCountry),
        ("+2101234567", None, E::UnknownCallingCode),
        ("+1 201 555 012", None, E::TooShort),
        ("+1 201 555 01234", None, E::TooLong),
        ("+1 201 555 012345", None, E::TooLong),
        // An area code that a formatter put in front once more: `findings/libphonenumber_js_typed.sh`.
        ("+14414413701234", None, E::TooLong),
        ("555 0123", Some(Region::US), E::LocalOnly),
        ("+376 1234567", None, E::UnusedLength),
    ];
    for (text, home, reason) in cases {
        assert_eq!(Recipient::parse(text, home).unwrap_err(), reason, "{text:?}");
    }
}

#[test]
fn thirty_two_characters_are_the_limit_whatever_their_bytes() {
    let full_width: String = "１".repeat(33);
    assert_eq!(Recipient::parse(&full_width, None).unwrap_err(), E::Oversized);
    let spread = |spaces: usize| format!("+1201555012{}3", " ".repeat(spaces));
    assert!(Recipient::parse(&spread(20), None).is_ok());
    assert_eq!(Recipient::parse(&spread(21), None).unwrap_err(), E::Oversized);
    // What stands around the number, and what shows nothing, does not count.
    let around = format!("{:<100}\n", format!("\t\u{2068}{}\u{2069}", spread(20)));
    assert!(Recipient::parse(&around, None).is_ok());
    let wide = format!("{}+12015550123", " ".repeat(245));
    assert_eq!(Recipient::parse(&wide, None).unwrap_err(), E::Oversized);
    let hostile = "9".repeat(10_000_000);
    assert_eq!(Recipient::parse(&hostile, Some(Region::DE)).unwrap_err(), E::Oversized);
}

/// Keyboards, scripts and clipboards, in the forms in which support desks see them.
#[test]
fn a_number_is_read_as_people_have_it() {
    let japan = "+819012345678";
    let cases = [
        ("０９０－１２３４－５６７８", Region::JP, japan),
        ("０９０ー１２３４ー５６７８", Region::JP, japan),
        ("090ｰ1234ｰ5678", Region::JP, japan),
        ("090（1234）5678", Region::JP, japan),
        ("[090] 1234-5678", Region::JP, japan),
        ("［０９０］１２３４．５６７８", Region::JP, japan),
        ("090~1234~5678", Region::JP, japan),
        ("090～1234〜5678", Region::JP, japan),
        ("090・1234･5678", Region::JP, japan),
        ("050־234־5678", Region::IL, "+972502345678"),
        ("০১৭১২৩৪৫৬৭৮", Region::BD, "+8801712345678"),
        ("९८७६५४३२१०", Region::IN, "+919876543210"),
        ("๐๘๑๒๓๔๕๖๗๘", Region::TH, "+66812345678"),
        ("\t0151 12345678\n", Region::DE, "+4915112345678"),
        ("\u{202a}+49\u{2009}151\u{202f}12345678\u{202c}", Region::DE, "+4915112345678"),
        ("\u{202d}+49 151 12345678\u{202c}", Region::DE, "+4915112345678"),
        ("\u{2066}+49 151 12345678\u{2069}", Region::DE, "+4915112345678"),
        ("\u{feff}0151\u{200b}1234\u{ad}5678\u{2060}", Region::DE, "+4915112345678"),
        ("0\u{fe0f}\u{20e3}151 12345678", Region::DE, "+4915112345678"),
        ("“0151 12345678”", Region::DE, "+4915112345678"),
        ("<+49 151 12345678>,", Region::DE, "+4915112345678"),
        ("'+49 151 12345678", Region::DE, "+4915112345678"),
        ("0151 12345678.", Region::DE, "+4915112345678"),
    ];
    for (text, home, e164) in cases {
        let read = Recipient::parse(text, Some(home)).map(|number| number.expose_e164());
        assert_eq!(read.as_ref().map(|text| text.as_str()), Ok(e164), "{text:?}");
    }
}

/// Where a carrier may be chosen behind `00`, the country's own code can be read as one, and what follows as
/// a stranger abroad: a Brazilian would be texted in Peru, a Korean in Egypt, a Thai in Palau.
#[test]
fn nobody_abroad_is_texted_for_zero_zero_and_the_own_code() {
    for (text, home) in [
        ("0055 51 98765-4321", Region::BR),
        ("+0055 51 98765-4321", Region::BR),
        ("0082 010 1234 5678", Region::KR),
        ("0082 10 1234 5678", Region::KR),
        ("0066 80 834 0638", Region::TH),
        ("0057 310 1234567", Region::CO),
        ("0065 8123 4567", Region::SG),
        ("00852 9123 4567", Region::HK),
        ("00855 97 123 4567", Region::KH),
    ] {
        let read = Recipient::parse(text, Some(home));
        assert_eq!(read.map(drop), Err(E::NotCanonical), "{text:?} in {home}");
    }
    // Where nothing else stands behind `00`, and where another country does.
    for (text, home, e164) in [
        ("0049 151 12345678", Region::DE, "+4915112345678"),
        ("00 21 51 987654321", Region::BR, "+51987654321"),
        ("001 49 151 12345678", Region::KR, "+4915112345678"),
        ("00 55 51 98765-4321", Region::PT, "+5551987654321"),
    ] {
        let read = Recipient::parse(text, Some(home)).unwrap();
        assert_eq!(read.expose_e164().as_str(), e164, "{text:?} in {home}");
    }
}

#[test]
fn typed_is_what_a_page_can_compute() {
    let cases = [
        ("0151 / 1234-5678", "015112345678"),
        ("+49 (0)151 12345678", "+49015112345678"),
        ("＋４９ １５１ １２３４５６７８", "+4915112345678"),
        ("٠١٥١١٢٣٤٥٦٧٨", "015112345678"),
        ("०१५१ १२३४५६७८\n", "015112345678"),
    ];
    for (text, typed) in cases {
        assert_eq!(Recipient::parse(text, Some(Region::DE)).unwrap().typed(), typed);
    }
}

#[test]
fn regions_and_types_of_well_known_numbers() {
    let cases = [
        ("+12042345678", Some(Region::CA), LineType::FixedLineOrMobile),
        ("+18762101234", Some(Region::JM), LineType::Mobile),
        ("+18002345678", Some(Region::US), LineType::TollFree),
        ("+77710009998", Some(Region::KZ), LineType::Mobile),
        ("+447781123456", Some(Region::GG), LineType::Mobile),
        ("+390669812345", Some(Region::VA), LineType::FixedLine),
        ("+881612345678", Some(Region::WORLD), LineType::Mobile),
        ("+870301234567", Some(Region::WORLD), LineType::Mobile),
        ("+80012345678", Some(Region::WORLD), LineType::TollFree),
        ("+4990091234567", Some(Region::DE), LineType::PremiumRate),
        ("+12001234567", None, LineType::Unknown),
    ];
    for (text, region, kind) in cases {
        let recipient = Recipient::from_e164(text).unwrap();
        assert_eq!((recipient.region(), recipient.line_type()), (region, kind), "{text}");
    }
}

/// What [`Recipient::region`] says of regions that share ranges of numbers.
#[test]
fn no_mobile_is_in_a_region_that_shares_all_its_ranges() {
    let mut state = 11_u64;
    let mut draw = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % bound
    };
    for (larger, smaller) in [
        (Region::FI, &[Region::AX] as &[_]),
        (Region::GP, &[Region::BL, Region::MF]),
        (Region::AU, &[Region::CC, Region::CX]),
        (Region::MA, &[Region::EH]),
        (Region::NO, &[Region::SJ]),
        (Region::IT, &[Region::VA]),
    ] {
        let mut found = 0;
        for _ in 0..40_000 {
            let code = larger.calling_code().unwrap();
            let length = 6 + draw(5) as u32;
            let national = draw(10_u64.pow(length));
            let Ok(number) = Recipient::from_e164(&format!("{code}{national}")) else { continue };
            if number.line_type() == LineType::Mobile {
                assert!(!smaller.contains(&number.region().unwrap()), "{national} of {larger}");
                found += usize::from(number.region() == Some(larger));
            }
        }
        assert!(found > 5, "{larger}: {found}");
    }
}

#[test]
fn mobiles_of_every_length_in_use_are_accepted() {
    // The shortest mobile numbers there are: Niue and Tokelau.
    assert_eq!(Recipient::from_e164("+6907290").unwrap().line_type(), LineType::Mobile);
    assert!(Recipient::from_e164("+6834002").unwrap().is_valid());
}

#[test]
fn a_ladder_of_a_short_number_starts_where_its_plan_does() {
    let rungs = |text: &str| -> Vec<String> {
        Recipient::from_e164(text).unwrap().ladder().map(|rung| rung.to_string()).collect()
    };
    assert_eq!(rungs("+6907290"), ["TK", "+6907xxx", "+69072xx"]);
    assert_eq!(rungs("+12001234567")[0], "+1", "nobody's area code");
    assert_eq!(rungs("+18762345678")[..2], ["JM", "+18762xxxxxx"]);
    assert_eq!(rungs("+881612345678")[0], "+881");
    // Both codes of a Palestinian mobile, one ladder.
    assert_eq!(rungs("+972599123456"), rungs("+970599123456"));
    assert_eq!(rungs("+970599123456")[0], "PS");
}

#[test]
fn prefixes_are_read_and_refused() {
    for text in ["DE", "+1", "+882", "+4915112xxxxxx", "+4915112345xxx", "+6907xxx"] {
        assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
    }
    for (text, canonical) in [
        ("de", "DE"),
        ("+49", "DE"),
        ("+541123xxxxxx", "+5491123xxxxxx"),
        ("+2203xxxxxx", "+220833xxxxxx"),
        ("+22041xxxxx", "+2208741xxxxx"),
        ("+22042xxxxx", "+22042xxxxx"),
        ("+24106xxxxxx", "+24166xxxxxx"),
    ] {
        assert_eq!(text.parse::<Prefix>().unwrap().to_string(), canonical);
    }
    let refused = [
        "",
        "+",
        "x",
        "+xxxx",
        "ZZ",
        "001",
        "49",
        "+4915112",
        "+49xxxxxxx",
        "+4915112x",
        "+49151x12xx",
        "+999xxxx",
        "+0491xx",
        "+49xxxxxx",
        "+491511234567890xx",
        "+49 151xx",
        // Both landlines and renumbered mobiles.
        "+2204xxxxxx",
        "+2205xxxxxx",
        "+4915112XXXX",
        "+é9xx",
    ];
    for text in refused {
        assert!(text.parse::<Prefix>().is_err(), "{text:?}");
    }
}

#[test]
fn regions_are_read_and_refused() {
    for region in Region::all() {
        assert_eq!(region.as_str().parse(), Ok(region));
        assert_eq!(region.as_str().to_lowercase().parse(), Ok(region));
        assert!(region.calling_code().is_some());
    }
    assert_eq!("001".parse(), Ok(Region::WORLD));
    assert_eq!(Region::WORLD.calling_code(), None);
    for text in ["", "D", "DEU", "UK", "ZZ", "00", "0A", "[[", "é", "D\u{0}"] {
        assert!(text.parse::<Region>().is_err(), "{text:?}");
    }
}

#[test]
fn a_hundred_thousand_strings_of_likely_characters() {
    const LIKELY: &[char] = &[
        '0', '0', '1', '1', '2', '3', '4', '5', '6', '7', '8', '9', '9', '+', ' ', '-', '(', ')',
        '٣', '８', '۴', 'x', ';', '\u{200e}', '\u{0}', 'é', '#',
    ];
    let regions: Vec<Option<Region>> = Region::all().map(Some).chain([None]).collect();
    let mut state = 7_u64;
    let mut draw = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut accepted = 0;
    for _ in 0..100_000 {
        let usual = if draw(4) == 0 { LIKELY.len() } else { 17 };
        let text: String = (0..draw(36)).map(|_| LIKELY[draw(usual)]).collect();
        if let Ok(recipient) = Recipient::parse(&text, regions[draw(regions.len())]) {
            accepted += 1;
            check_promises(&recipient);
        }
    }
    assert!(accepted > 3_000, "{accepted}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), home in region()) {
        let _ = Recipient::parse(&text, home);
        let _ = Recipient::from_e164(&text);
        let _ = text.parse::<Region>();
        let _ = text.parse::<Prefix>();
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), home in region()) {
        let _ = Recipient::parse(&String::from_utf8_lossy(&bytes), home);
    }

    #[test]
    fn what_is_accepted_keeps_every_promise(text in number_text(), home in region()) {
        if let Ok(recipient) = Recipient::parse(&text, home) {
            check_promises(&recipient);
        }
    }

    #[test]
    fn separators_change_nothing(
        digits in "\\+?[0-9]{5,14}",
        marks in prop::collection::vec((0_usize..15, prop::sample::select(" -.()/\u{a0}\u{2013}".chars().collect::<Vec<_>>())), 0..8),
        home in region(),
    ) {
        let mut spaced: Vec<char> = digits.chars().collect();
        for (at, mark) in marks {
            spaced.insert(at.min(spaced.len()), mark);
        }
        let spaced: String = spaced.into_iter().collect();
        let (plain, spaced) = (Recipient::parse(&digits, home), Recipient::parse(&spaced, home));
        prop_assert_eq!(plain.as_ref().err(), spaced.as_ref().err());
        if let (Ok(plain), Ok(spaced)) = (plain, spaced) {
            let (one, other) = (plain.expose_e164(), spaced.expose_e164());
            prop_assert_eq!(one.as_str(), other.as_str());
            prop_assert_eq!(plain.typed(), spaced.typed());
        }
    }

    #[test]
    fn blocks_contain_their_consecutive_numbers(text in number_text(), tail in 0_u64..100) {
        let Ok(recipient) = Recipient::parse(&text, None) else { return Ok(()) };
        let Some(block) = recipient.ladder().last().filter(|rung| rung.level() == NumberLevel::Hundred) else {
            return Ok(());
        };
        let neighbour = format!("+{}{tail:02}", block.digits());
        if let Ok(neighbour) = Recipient::from_e164(&neighbour) {
            prop_assert!(block.contains(&neighbour));
        }
    }
}

/// The sentences that hold for every recipient, however it came to be.
fn check_promises(recipient: &Recipient) {
    let text = recipient.expose_e164();
    let text = text.as_str();
    let digits = text.strip_prefix('+').expect("begins with +");
    assert!((7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    assert!(!digits.starts_with('0'));

    // The canonical form reads back as itself: strictly, and in any region.
    for again in [Recipient::from_e164(text), Recipient::parse(text, Some(Region::AR))] {
        let again = again.expect("the canonical form is accepted");
        assert_eq!(again.expose_e164().as_str(), text);
        assert_eq!(again.line_key(), recipient.line_key());
        assert_eq!(
            (again.region(), again.line_type(), again.is_valid()),
            (recipient.region(), recipient.line_type(), recipient.is_valid())
        );
    }

    assert!(recipient.typed().len() <= 32);
    assert!(recipient.typed().bytes().all(|b| b.is_ascii_digit() || b == b'+'));
    assert!(!format!("{recipient:?}").contains(&digits[digits.len() - 4..]));

    // Each rung lies within the one above it, and reads back from its own name.
    let rungs: Vec<Prefix> = recipient.ladder().collect();
    assert_eq!(rungs[0].level(), NumberLevel::Country);
    for pair in rungs.windows(2) {
        let [above, below] = [pair[0], pair[1]];
        assert!(above.level() < below.level());
        assert!(below.digits().to_string().starts_with(&above.digits().to_string()));
        assert!(below.digit_count() > above.digit_count());
    }
    for rung in rungs {
        assert!(rung.contains(recipient));
        assert_eq!(rung.digits().to_string().len(), usize::from(rung.digit_count()));
        assert_eq!(rung.to_string().parse(), Ok(rung));
    }
}

fn key(text: &str, home: Option<Region>) -> LineKey {
    match Recipient::parse(text, home) {
        Ok(recipient) => recipient.line_key(),
        Err(error) => panic!("{text:?} in {home:?}: {error}"),
    }
}

fn region() -> impl Strategy<Value = Option<Region>> {
    prop::option::of(prop::sample::select(Region::all().collect::<Vec<_>>()))
}

fn number_text() -> impl Strategy<Value = String> {
    let codes: Vec<String> = Region::all()
        .filter_map(Region::calling_code)
        .map(|code| code.to_string())
        .chain([String::new(), "00".into(), "011".into(), "0".into()])
        .collect();
    (prop::sample::select(codes), "[0-9 -]{4,16}").prop_map(|(code, rest)| code + &rest)
}
