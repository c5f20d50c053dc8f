//! Who is paid: the one text in a message that a stranger may have chosen.

use super::shown;

/// In UTF-16 code units, so that the longest payee has one length in every encoding.
const LONGEST: usize = 35;

/// Who is paid, as the payer reads it: a name, or the end of an account number, or an IBAN in groups.
///
/// It is the one text in a message that a stranger may have chosen, so its class is narrow: 1 to 35
/// UTF-16 code units (the length of a name line in SWIFT messages) of letters of any script, digits,
/// spaces and `. , - ' & ( ) / +`; nothing a telephone would make a link of; at most five digits in a
/// row and no six capitals of the code alphabet, so that it cannot pass for a code. It cannot break
/// a line or reach the origin-bound last one. Masked in `Debug`. A text with letters outside GSM-7 goes
/// out only if the message format
/// [allows UCS-2](crate::message::EncodingPolicy::AllowUcs2).
///
/// ```
/// use otpgate::otp::Payee;
///
/// assert_eq!(Payee::new("DE89 3704 0044 0532 0130 00")?.as_str().len(), 27);
/// assert!(Payee::new("Bob\n@evil.example #123456").is_err());
/// assert!(Payee::new("visit evil.example").is_err());
/// # Ok::<(), otpgate::otp::PayeeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payee(String);

impl Payee {
    /// Checks the class of `text` and takes it as it is.
    ///
    /// # Errors
    ///
    /// [`PayeeError`] names the rule. Shorten or respell the name; what is shown is what is bound.
    pub fn new(text: &str) -> Result<Self, PayeeError> {
        if text.is_empty() || text.len() > LONGEST.saturating_mul(4) {
            return Err(PayeeError::Length);
        }
        if shown::units(text) > LONGEST {
            return Err(PayeeError::Length);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(PayeeError::Space);
        }
        if !text.chars().all(shown::is_name) {
            return Err(PayeeError::Character);
        }
        if shown::longest_number(text) > 5 || shown::has_code_word(text) {
            return Err(PayeeError::LikeCode);
        }
        if shown::has_link(text) {
            return Err(PayeeError::Link);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest payee, of one letter; to measure texts.
    pub(crate) fn longest(letter: char) -> Self {
        Self(std::iter::repeat_n(letter, LONGEST).collect())
    }

    /// A payee that reads like a code of six digits; to try texts.
    pub(crate) fn like_code() -> Self {
        Self("12 34 56".to_owned())
    }

    /// The shortest payee; to compare texts.
    pub(crate) fn shortest() -> Self {
        Self("x".to_owned())
    }
}

crate::base::masked::debug_redacted!(Payee);

/// The text may not stand in a message as a payee. It never quotes the text.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayeeError {
    /// Empty, or longer than 35 UTF-16 code units.
    #[error("the payee is empty or longer than 35 characters; shorten the name")]
    Length,
    /// White space at an end.
    #[error("the payee begins or ends with a space; trim it")]
    Space,
    /// A character outside the class of names.
    #[error(
        "the payee has a character that names do not have; use letters, digits, spaces and . , - ' & ( ) / +"
    )]
    Character,
    /// Six or more digits, or capitals of the code alphabet, in a row.
    #[error(
        "the payee has a part that could be taken for a code; put a space into runs of six digits or capitals, or give the last four digits of an account"
    )]
    LikeCode,
    /// Something that a telephone makes a link of.
    #[error("the payee has a part that becomes a link; write `Example com` for `example.com`")]
    Link,
}

crate::base::sentence::debug_as_sentence!(PayeeError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn payees_are_names() {
        for good in [
            "Haus & Grund",
            "Łukasz Żak",
            "S.p.A. Roma",
            "account 3000",
            "O'Neill (GB)",
            "株式会社",
            "DE89 3704 0044 0532 0130 00",
            &"x".repeat(35),
        ] {
            assert_eq!(Payee::new(good).map(|payee| payee.0), Ok(good.to_owned()));
        }
        for (bad, rule) in [
            ("", PayeeError::Length),
            (&"x".repeat(36), PayeeError::Length),
            (&"x".repeat(1_000_000), PayeeError::Length),
            (&"𠀀".repeat(18), PayeeError::Length),
            (" Bob", PayeeError::Space),
            ("Bob\n", PayeeError::Character),
            ("@evil.com #123456", PayeeError::Character),
            ("{code}", PayeeError::Character),
            ("Bob \u{202e}", PayeeError::Character),
            ("Bob 123456", PayeeError::LikeCode),
            ("BCDFGH", PayeeError::LikeCode),
            ("evil.com", PayeeError::Link),
        ] {
            assert_eq!(Payee::new(bad), Err(rule), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Payee::new("Bob").unwrap()), "Payee([redacted])");
    }

    proptest! {
        #[test]
        fn an_accepted_payee_is_a_name_and_never_a_code(text in "\\PC{0,60}|[A-Z0-9 .]{0,40}") {
            if let Ok(payee) = Payee::new(&text) {
                prop_assert_eq!(payee.as_str(), &text);
                prop_assert!(text.chars().all(shown::is_name));
                prop_assert!(shown::longest_number(&text) < 6);
            }
        }
    }
}
