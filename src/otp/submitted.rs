//! The code that was typed: parsed once before anything is compared.

use zeroize::Zeroizing;

use super::amount::Amount;
use super::format::CodeFormat;
use super::passcode::CodeText;
use super::pasted::{self, MalformedCode};
use super::payee::Payee;

/// What a claimant typed or pasted, in the shape of a code. The same for codes from a text and from
/// an authenticator app.
///
/// **One** normalisation happens, here and nowhere else, and every limit counts its result, so no
/// spelling slips past a limit or revives a used code (CVE-2025-6014):
///
/// - Decimal digits of every script count as digits; letters of [`CodeFormat::unambiguous`] are
///   folded to ASCII capitals.
/// - Spaces and dashes may group the characters; invisible ones are passed over.
/// - What stands around the code is dropped: a sentence, quotation marks, a full stop, a prefix such
///   as `G-`. A claimant who pastes the whole message has pasted the right code: `build()` refuses a
///   [`MessageFormat`](crate::message::MessageFormat) of which that does not hold, and
///   [`Gate::verify_bound`](crate::Gate::verify_bound) leaves out amount and payee.
/// - Exactly **one** part of the text may have the shape of a code. Two different ones are
///   [`Ambiguous`](MalformedCode::Ambiguous). No piece is ever cut out of something longer: not out
///   of a word (`O12345`), a number with a letter in it (`1e5`), an amount, a time or a date
///   (`1,234.56`), two lines, or a phone number that begins with a plus sign. So a number that only a
///   space or a dash parts from the code hides it: `123456 5 min`.
///
/// A text that holds no code is malformed, and is charged like a wrong one.
///
/// Like [`Passcode`](super::Passcode) it is masked, wiped on drop and compared in constant time.
///
/// ```
/// use otpgate::otp::{CodeFormat, MalformedCode, SubmittedCode};
///
/// let parse = |text| SubmittedCode::parse(text, &CodeFormat::default());
/// for text in ["012345", " 012 345\n", "“012-345”", "Your code is 012345.", "০১২৩৪৫"] {
///     assert_eq!(parse(text)?.expose_secret(), "012345");
/// }
/// assert_eq!(parse("0123456").unwrap_err(), MalformedCode::Missing { expected: 6 });
/// assert_eq!(parse("012345 or\n 543210?").unwrap_err(), MalformedCode::Ambiguous);
/// # Ok::<(), MalformedCode>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct SubmittedCode(CodeText);

impl SubmittedCode {
    /// Reads `text` as a code of `format`. The work is bounded whatever the length of `text`.
    ///
    /// # Errors
    ///
    /// [`MalformedCode`] if there is no code in it, or more than one. Tell a claimant what a code
    /// looks like, not which character was wrong.
    pub fn parse(text: &str, format: &CodeFormat) -> Result<Self, MalformedCode> {
        pasted::code_in(text, format).map(Self)
    }

    /// As [`parse`](Self::parse), of what may be the whole message about `payment`. An amount can have the
    /// shape of a code (`JPY 123 456`), and so can a payee, whom a stranger may have named: if they are
    /// what is in the way, they are left out.
    pub(crate) fn parse_beside(
        text: &str,
        payment: Option<(&Amount, &Payee)>,
        format: &CodeFormat,
    ) -> Result<Self, MalformedCode> {
        let read = Self::parse(text, format);
        let Some((amount, payee)) = payment else { return read };
        if !matches!(read, Err(MalformedCode::Ambiguous | MalformedCode::Missing { .. })) {
            return read;
        }
        let (amount, payee) = (&*amount.to_string(), payee.as_str());
        let left_out: [&[&str]; 3] = [&[amount], &[payee], &[amount, payee]];
        let rest = left_out.into_iter().map(|shown| without(text, shown));
        rest.flat_map(|rest| Self::parse(&rest, format)).next().map_or(read, Ok)
    }

    /// The characters, under a name that a reviewer can search for.
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }
}

/// `text` with a line break in place of each of `shown`: what stood on its two sides does not join.
fn without(text: &str, shown: &[&str]) -> Zeroizing<String> {
    let mut rest = Zeroizing::new(text.to_owned());
    for shown in shown {
        rest = Zeroizing::new(rest.replace(shown, "\n"));
    }
    rest
}

crate::base::masked::debug_redacted!(SubmittedCode);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, MalformedCode> {
        let code = SubmittedCode::parse(text, &CodeFormat::default())?;
        Ok(code.expose_secret().to_owned())
    }

    #[test]
    fn what_is_typed_and_pasted_around_a_code_is_dropped() {
        for good in [
            "123456",
            "\t\r\n\x0c\x0b 123456 \n",
            "123 456",
            "123-456",
            "12 34 56",
            "1 2 3 4 5 6",
            "123\u{a0}456",
            "123\u{2009}456",
            "123\u{202f}456",
            "123 – 456",
            "１２３４５６",
            "１２３－４５６",
            "१२३४५६",
            "১২৩৪৫৬",
            "๑๒๓๔๕๖",
            "١٢٣٤٥٦",
            "۱۲۳۴۵۶",
            "𝟏𝟐𝟑𝟒𝟓𝟔",
            "12345６",
            "1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}3\u{fe0f}\u{20e3}4\u{fe0f}\u{20e3}5\u{fe0f}\u{20e3}6\u{fe0f}\u{20e3}",
            "\u{200b}123456\u{200b}",
            "\u{feff}123456",
            "\u{202a}123\u{200e}456\u{202c}",
            "\u{2066}123456\u{2069}",
            "123456.",
            "123 456.",
            "\"123456\"",
            "„123456“",
            "«123 456»",
            "(123456)",
            "[123456]",
            "<123456>",
            "*123456*",
            "- 123456 -",
            "#123456",
            "G-123456",
            "123456-G",
            "code:123456",
            "{\"code\":\"123456\"}",
            "Your code is 123 456.",
            "Your code is 123456. It is valid for 5 minutes.",
            "123456 is your Example code.\n\n@example.com #123456",
            "<#> 123456 is your Example code\nFA+9qCX9VSu",
            "Ваш код: 123456",
            "您的验证码是123456，5分钟内有效。",
            "認証コード：１２３４５６です。",
            "인증번호는 [123456]입니다",
            "123456입니다",
            "رمزك ١٢٣٤٥٦",
            "Pay 1,234.56 EUR to Bob: code 123456",
            "🔑123456",
            "\x00123456\0",
            "-123456",
        ] {
            assert_eq!(parse(good).as_deref(), Ok("123456"), "{good:?}");
        }
    }

    #[test]
    fn no_code_arises_from_something_else() {
        for bad in [
            "",
            " ",
            "12345",
            "1234567",
            "123 4567",
            "1 123456",
            "123456 7",
            "123456-7",
            "123\n456",
            "123\t456",
            "123.456",
            "123,456",
            "12:34:56",
            "12/34/56",
            "12(34)56",
            "123456.00",
            "0.123456",
            "123456:7",
            "+12345",
            "+123456",
            "123456+",
            "+49 151 234",
            "(+49) 151234",
            "-12345",
            "12345.",
            "1e5",
            "1e5000",
            "0x123456",
            "123456e",
            "l23456",
            "O12345",
            "О12345",
            "12345O 6",
            "1 23456O",
            "12345²",
            "123456²",
            "12345〇",
            "123456〇",
            "123456_7",
            "12345\0",
            "123\x00456",
            "123\u{202e}456",
            "null",
            "[12345]",
            "[1,2,3,4,5,6]",
            "\"1234\"",
            "12345\u{301}6",
            "2026-11-28 123456",
        ] {
            let refused = Err(MalformedCode::Missing { expected: 6 });
            assert_eq!(parse(bad), refused, "{bad:?}");
        }
    }

    #[test]
    fn of_two_codes_none_is_taken() {
        for two in [
            "123456 or 654321",
            "123456, 654321",
            "123456\n654321",
            "123 456\n123 457",
            "123456.654321 x 111111 y 222222",
            "G-123456 G-654321",
            "١٢٣٤٥٦ x 123457",
            "123456 x 123457 x 123456",
        ] {
            assert_eq!(parse(two), Err(MalformedCode::Ambiguous), "{two:?}");
        }
        assert_eq!(parse("123456\n123456").as_deref(), Ok("123456"), "one code, written twice");
        assert_eq!(parse("١٢٣٤٥٦ (123 456)").as_deref(), Ok("123456"), "and in two scripts");
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_length() {
        assert_eq!(parse(&"1".repeat(1_000_000)), Err(MalformedCode::TooLong));
        assert_eq!(parse(&" ".repeat(1_000_000)), Err(MalformedCode::TooLong));
        assert_eq!(parse(&format!("{}123456", " ".repeat(2_043))), Err(MalformedCode::TooLong));
        assert_eq!(parse(&format!("{}123456", " ".repeat(2_042))).as_deref(), Ok("123456"));
        assert!(parse(&"1".repeat(2_048)).is_err());
        assert!(parse(&"123456 x ".repeat(227)).is_ok());
    }

    #[test]
    fn letters_are_folded_and_only_letters_of_the_alphabet_pass() {
        let format = CodeFormat::unambiguous(6).unwrap();
        let read = |text| SubmittedCode::parse(text, &format);
        for good in [
            "bcdFGH",
            "BCD FGH",
            "bcd-fgh",
            "ＢＣＤｆｇｈ",
            "Your code is BCD FGH.",
            "Your code: BCDFGH, valid for 5 minutes",
        ] {
            assert_eq!(read(good).unwrap(), read("BCDFGH").unwrap(), "{good:?}");
        }
        for bad in [
            "BCDFGA",
            "BCDFG1",
            "BCDFGO",
            "BCDFGſ",
            "BCDFK\u{212a}",
            "123456",
            "BCDFGH2",
            "BCDFG",
            "Mr BCDFGH",
            "BCD.FGH",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert_eq!(read("BCDFGH or HGFDCB").unwrap_err(), MalformedCode::Ambiguous);
    }

    #[test]
    fn errors_and_debug_never_quote_the_input() {
        let code = SubmittedCode::parse("987654", &CodeFormat::default()).unwrap();
        assert!(!format!("{code:?}").contains("98"));
        for bad in ["98765x", "9876543", "987654 or 987653"] {
            let error = parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("987"));
        }
    }

    /// The ASCII digits that the text shows, in order; a code is a run of them.
    fn digits(text: &str) -> String {
        crate::token::reduce(text).replace('+', "")
    }

    proptest! {
        #[test]
        fn a_code_is_a_run_of_the_digits_typed(text in "\\PC{0,80}|[ \t0-9.x+-]{0,24}|(١|२|9| |-|\n|x){0,20}") {
            if let Ok(code) = parse(&text) {
                prop_assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
                prop_assert!(digits(&text).contains(&code));
                prop_assert_eq!(parse(&code), Ok(code), "it is read as itself");
            }
        }

        #[test]
        fn every_code_is_accepted_in_its_surroundings(
            number in 0..1_000_000_u32,
            group in 0..6_usize,
            join in "|[ -]|\u{2009}|\u{ad}|\u{202f}",
            before in "([a-z]{1,8}[ :.]{1,2}){0,4}[\"(«\u{202a}\u{feff}\n\t ]{0,3}",
            after in "[\")».!\u{202c}\u{200f}\n\t ]{0,3}( [a-z]{1,8}){0,3}",
        ) {
            let code = format!("{number:06}");
            let (head, tail) = code.split_at(group);
            prop_assert_eq!(parse(&format!("{before}{head}{join}{tail}{after}")), Ok(code.clone()));
        }

        #[test]
        fn another_code_beside_it_is_never_chosen_between(one in 0..1_000_000_u32, other in 0..1_000_000_u32, gap in "[ ,;.\n]{0,2}| [a-z]{1,8}[: ]{1,2}") {
            let text = format!("{one:06}{gap}{other:06}");
            match parse(&text) {
                Ok(code) => prop_assert_eq!([format!("{one:06}"), format!("{other:06}")], [&*code, &*code]),
                Err(error) => prop_assert_ne!(error, MalformedCode::TooLong),
            }
        }
    }
}
