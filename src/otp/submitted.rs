//! The code that was typed: parsed once, strictly, before anything is compared.

use std::fmt;

use super::format::CodeFormat;
use super::passcode::CodeText;

/// Input beyond this many bytes is refused by its length alone.
const LONGEST_INPUT: usize = 64;

/// What a claimant typed, in the shape of a code.
///
/// **One** normalisation happens, here and nowhere else: ASCII white space (space, tab, line feed,
/// form feed, carriage return) at the two ends is dropped, because copying from a message adds it,
/// and letters of [`CodeFormat::unambiguous`] are folded to capitals. A space or a hyphen in the
/// middle is malformed: our texts show none, and every further spelling that counts as the same
/// code is a further way to slip past a limit that counts spellings (CVE-2025-6014). Digits of other
/// scripts, signs, exponents and NUL are malformed. A malformed entry is charged like a wrong one.
///
/// Like [`Passcode`](super::Passcode) it is masked, wiped on drop and compared in constant time.
///
/// ```
/// use otpgate::otp::{CodeFormat, MalformedCode, SubmittedCode};
///
/// let format = CodeFormat::default();
/// assert_eq!(SubmittedCode::parse(" 012345\n", &format)?.expose_secret(), "012345");
/// assert!(SubmittedCode::parse("012 345", &format).is_err());
/// assert!(SubmittedCode::parse("１２３４５６", &format).is_err());
/// # Ok::<(), MalformedCode>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct SubmittedCode(CodeText);

impl SubmittedCode {
    /// Reads `text` as a code of `format`. The work is bounded whatever the length of `text`.
    ///
    /// # Errors
    ///
    /// [`MalformedCode`] if it is anything but exactly the characters of one code. Tell a claimant
    /// what a code looks like, not which character was wrong.
    pub fn parse(text: &str, format: &CodeFormat) -> Result<Self, MalformedCode> {
        if text.len() > LONGEST_INPUT {
            return Err(MalformedCode::TooLong);
        }
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if text.len() != format.len() {
            return Err(MalformedCode::Length { expected: format.len() });
        }
        let symbols = format.symbols();
        CodeText::read(text, format, |byte| {
            let folded = byte.to_ascii_uppercase();
            // Every symbol is looked at, so that the time says nothing about the character.
            let known = symbols.iter().fold(false, |known, symbol| known | (*symbol == folded));
            known.then_some(folded)
        })
        .map(Self)
        .ok_or(MalformedCode::Character)
    }

    /// The characters, under a name that a reviewer can search for.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for SubmittedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubmittedCode([redacted])")
    }
}

/// The input is not a code of the expected format. It never quotes the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedCode {
    /// More than 64 bytes; the rest was not looked at.
    #[error("the code is longer than 64 bytes; submit only the code itself")]
    TooLong,
    /// Not the expected number of bytes after the trim.
    #[error("the code does not have {expected} characters; submit it as it stands in the message")]
    Length {
        /// The number of characters of the format.
        expected: usize,
    },
    /// A character outside the alphabet of the format.
    #[error("the code has a character that no code has; submit it as it stands in the message")]
    Character,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, MalformedCode> {
        let code = SubmittedCode::parse(text, &CodeFormat::default())?;
        Ok(code.expose_secret().to_owned())
    }

    #[test]
    fn one_trim_and_nothing_else() {
        for good in ["123456", " 123456", "123456 ", "\t\r\n\x0c 123456 \n"] {
            assert_eq!(parse(good).unwrap(), "123456", "{good:?}");
        }
        for bad in [
            "",
            " ",
            "12345",
            "1234567",
            "123 456",
            "123-456",
            "+12345",
            "-12345",
            "12345.",
            "1e5",
            "1e5000",
            "0x1234",
            "12345\0",
            "\x00123456",
            "123456\0",
            "\u{a0}123456",
            "\u{200b}123456",
            "123456\u{200b}",
            "\u{feff}123456",
            "\x0b123456",
            "１２３４５６",
            "٣٤٥٦٧٨",
            "۱۲۳۴۵۶",
            "12345６",
            "null",
            "[12345]",
            "{12345",
            "\"1234\"",
            "12345\u{301}",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_megabyte_is_refused_by_its_length() {
        assert_eq!(parse(&"1".repeat(1_000_000)), Err(MalformedCode::TooLong));
        assert_eq!(parse(&" ".repeat(1_000_000)), Err(MalformedCode::TooLong));
        assert_eq!(parse(&format!("{}123456", " ".repeat(59))), Err(MalformedCode::TooLong));
        assert_eq!(parse(&format!("{}123456", " ".repeat(58))).unwrap(), "123456");
    }

    #[test]
    fn letters_are_folded_and_only_letters_of_the_alphabet_pass() {
        let format = CodeFormat::unambiguous(6).unwrap();
        let read = |text| SubmittedCode::parse(text, &format);
        assert_eq!(read("bcdFGH").unwrap(), read("BCDFGH").unwrap());
        for bad in ["BCDFGA", "BCDFG1", "BCDFGO", "BCDFGſ", "BCDFK\u{212a}", "123456"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn errors_and_debug_never_quote_the_input() {
        let code = SubmittedCode::parse("987654", &CodeFormat::default()).unwrap();
        assert!(!format!("{code:?}").contains("98"));
        for bad in ["98765x", "9876543"] {
            let error = parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("987"));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_the_trimmed_input(text in "\\PC{0,80}|[ \t0-9]{0,12}") {
            if let Ok(code) = parse(&text) {
                prop_assert_eq!(code.as_str(), text.trim_matches(|c: char| c.is_ascii_whitespace()));
                prop_assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
            }
        }

        #[test]
        fn every_code_is_accepted(number in 0..1_000_000_u32) {
            let text = format!("{number:06}");
            prop_assert_eq!(parse(&text), Ok(text));
        }
    }
}
