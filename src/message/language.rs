//! The language of a text.

use std::fmt;

/// A language tag (BCP 47) such as `en`, `pt-BR` or `zh-Hant-TW`, kept in small letters.
///
/// ```
/// use otpgate::message::Language;
///
/// assert_eq!(Language::new("pt-BR")?.as_str(), "pt-br");
/// assert!(Language::new("pt_BR").is_err());
/// # Ok::<(), otpgate::message::LanguageError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    /// Checks `tag`: at most 35 characters (RFC 5646 §4.4.1), subtags of 1 to 8 letters and digits
    /// joined by hyphens, the first of 2 to 8 letters.
    ///
    /// # Errors
    ///
    /// [`LanguageError`] for anything else.
    pub fn new(tag: &str) -> Result<Self, LanguageError> {
        let subtag = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let primary = tag.split('-').next().unwrap_or_default();
        let named = primary.len() >= 2 && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
        if tag.len() > 35 || !named || !tag.split('-').all(subtag) {
            return Err(LanguageError);
        }
        Ok(Self(tag.to_ascii_lowercase()))
    }

    pub(super) fn english() -> Self {
        Self("en".to_owned())
    }

    /// The tag in small letters; tags compare without regard to case (RFC 5646 §2.1.1).
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag, then ever shorter ones: the lookup of RFC 4647 §3.4. `zh-hant-tw`, `zh-hant`, `zh`.
    pub(super) fn lookup(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |tag| {
            let (shorter, _) = tag.rsplit_once('-')?;
            // A single letter only introduces what followed it.
            match shorter.rsplit_once('-') {
                Some((before, singleton)) if singleton.len() == 1 => Some(before),
                _ => Some(shorter),
            }
        })
    }
}

impl std::borrow::Borrow<str> for Language {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.0)
    }
}

/// The text is not a language tag.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the language is not a tag of BCP 47 of at most 35 characters; write `en` or `pt-BR`")]
pub struct LanguageError;

crate::base::sentence::debug_as_sentence!(LanguageError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_checked_and_folded() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "sr-Latn-RS", "de-1996", "es-419", "en-x-shop"] {
            assert_eq!(Language::new(good).unwrap().as_str(), good.to_ascii_lowercase());
        }
        for bad in [
            "",
            "e",
            "-",
            "en-",
            "-en",
            "en--us",
            "pt_BR",
            "12",
            "en-toolongsubtag",
            "ën",
            "en us",
            "en\n",
            &"en-ab".repeat(8),
            &"a".repeat(1_000_000),
        ] {
            assert_eq!(Language::new(bad), Err(LanguageError), "{bad:?}");
        }
    }

    #[test]
    fn lookup_shortens_from_the_end() {
        let steps =
            |tag| Language::new(tag).unwrap().lookup().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(steps("zh-Hant-TW"), ["zh-hant-tw", "zh-hant", "zh"]);
        assert_eq!(steps("en"), ["en"]);
        assert_eq!(steps("en-x-shop"), ["en-x-shop", "en"]);
    }
}
