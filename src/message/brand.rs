//! The name of the sender, as the text shows it.

use crate::otp::shown;

const LONGEST: usize = 30;

/// The name under which a text speaks: "123456 is your **Example** code".
///
/// 1 to 30 UTF-16 code units of letters of any script, digits, spaces and `. , - ' & ( ) / +`, not
/// beginning or ending with a space, without four digits in a row and without six capitals of the
/// code alphabet: neither may be taken for the code. A name that is a domain (`Example.com`) is fine.
///
/// `!`, `*` and the typographic apostrophe `’` are for names such as `Yahoo!`, `E*TRADE` and
/// `Macy’s`. They may not occur in a name that a phone turns into a link, because they would extend
/// the link. GSM-7 has `!`, `*` and `'` but not `’`: with `’` a text needs UCS-2, 70 characters to
/// the segment instead of 160, and a format that insists on GSM-7 refuses it. `Macy's` costs
/// nothing.
///
/// ```
/// use otpgate::message::Brand;
///
/// assert_eq!(Brand::new("Example & Co.")?.as_str(), "Example & Co.");
/// assert!(Brand::new("Example\n@evil.example #123456").is_err());
/// # Ok::<(), otpgate::message::BrandError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Brand(String);

impl Brand {
    /// Checks the class of `text` and takes it as it is.
    ///
    /// # Errors
    ///
    /// [`BrandError`] names the rule.
    pub fn new(text: &str) -> Result<Self, BrandError> {
        Self::check(text).map(|()| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn check(text: &str) -> Result<(), BrandError> {
        if text.is_empty() || text.len() > LONGEST.saturating_mul(4) || shown::units(text) > LONGEST
        {
            return Err(BrandError::Length);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(BrandError::Space);
        }
        let in_class = |c: &char| shown::is_name(*c) || shown::is_brand_mark(*c);
        if let Some(character) = text.chars().find(|c| !in_class(c)) {
            return Err(BrandError::Character { character });
        }
        if text.chars().any(shown::is_brand_mark) && shown::has_link(text) {
            return Err(BrandError::Link);
        }
        if shown::longest_number(text) > 3 || shown::has_code_word(text) {
            return Err(BrandError::LikeCode);
        }
        Ok(())
    }
}

impl TryFrom<&str> for Brand {
    type Error = BrandError;

    fn try_from(text: &str) -> Result<Self, BrandError> {
        Self::new(text)
    }
}

/// The text may not stand in a message as a brand.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrandError {
    /// Empty, or longer than 30 UTF-16 code units.
    #[error("the brand is empty or longer than 30 characters; use the short name of the service")]
    Length,
    /// White space at an end.
    #[error("the brand begins or ends with a space; trim it")]
    Space,
    /// A character outside the class of names.
    #[error(
        "the brand has the character {character:?}; use letters, digits, spaces and . , - ' & ( ) / + ! * ’"
    )]
    Character {
        /// The first such character.
        character: char,
    },
    /// `!`, `*` or `’` in a name that a telephone makes a link of.
    #[error("the brand is a link with !, * or ’ in it; use the domain alone or the name alone")]
    Link,
    /// Four or more digits, or six or more capitals of the code alphabet, in a row.
    #[error(
        "the brand has a part that could be taken for a code; spell out numbers of four digits and put a space into runs of six capitals"
    )]
    LikeCode,
}

crate::base::sentence::debug_as_sentence!(BrandError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn brands_are_names() {
        for good in [
            "Example",
            "7-Eleven",
            "Booking.com",
            "AT&T",
            "Żabka",
            "株式会社",
            &"x".repeat(30),
            "Yahoo!",
            "E*TRADE",
            "Macy's",
            "Macy’s",
            "Oh! Inc.",
            "P!nk*",
        ] {
            assert!(Brand::new(good).is_ok(), "{good}");
        }
        for (bad, rule) in [
            ("", BrandError::Length),
            (&"x".repeat(31), BrandError::Length),
            (&"x".repeat(1_000_000), BrandError::Length),
            (" x", BrandError::Space),
            ("x ", BrandError::Space),
            ("evil.com/!pay", BrandError::Link),
            ("evil.com*", BrandError::Link),
            ("www.evil!", BrandError::Link),
            ("x.рф’s", BrandError::Link),
            ("x‘s", BrandError::Character { character: '‘' }),
            ("x´s", BrandError::Character { character: '´' }),
            ("@x", BrandError::Character { character: '@' }),
            ("x\n#1", BrandError::Character { character: '\n' }),
            ("x\u{202e}", BrandError::Character { character: '\u{202e}' }),
            ("{code}", BrandError::Character { character: '{' }),
            ("Club 1909", BrandError::LikeCode),
            ("BCDFGH", BrandError::LikeCode),
        ] {
            assert_eq!(Brand::new(bad), Err(rule), "{bad:?}");
        }
    }

    /// What the marks cost: nothing in GSM-7 but for `’`, which GSM-7 does not have.
    #[test]
    fn a_typographic_apostrophe_is_the_one_mark_outside_gsm_7() {
        use crate::message::gsm;

        assert_eq!(gsm::strangers("Yahoo! E*TRADE Macy's"), "");
        assert!(gsm::strangers("Macy’s").contains("U+2019"));
    }

    proptest! {
        /// The recogniser is as strict as for a name without marks, and no mark makes a link of none.
        #[test]
        fn a_brand_with_a_mark_is_no_link(text in "[a-zA-Z!*’. /']{1,16}") {
            if let Ok(brand) = Brand::new(&text) {
                let marked = brand.as_str().contains(['!', '*', '\u{2019}']);
                prop_assert!(!marked || !shown::has_link(brand.as_str()));
                let bare = brand.as_str().replace(['!', '*', '\u{2019}'], " ");
                prop_assert!(!marked || !shown::has_link(&bare), "{bare:?}");
            }
        }

        #[test]
        fn no_brand_breaks_a_line_or_starts_a_sigil(text in "\\PC{0,40}|[@#%a-z0-9\n\r ]{0,12}") {
            if let Ok(brand) = Brand::new(&text) {
                prop_assert!(!brand.as_str().contains(['@', '#', '%', '\n', '\r']));
                prop_assert_eq!(brand.as_str(), text);
            }
        }
    }
}
