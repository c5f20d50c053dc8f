//! In which of its languages a page is shown.

use std::fmt;

/// The languages of the hosted pages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum PageLanguage {
    /// English, where nothing else is asked for.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
}

impl PageLanguage {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Spanish];

    /// The tag (BCP 47), for the attribute `lang`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// The language that `accept`, the header `Accept-Language` (RFC 9110 §12.5.4), likes best; `otherwise`
    /// if it likes none of ours. Of two that it likes alike the first counts. It reads the first 16
    /// ranges: no browser sends more.
    ///
    /// ```
    /// use otpgate::web::page::PageLanguage;
    ///
    /// let language = |accept| PageLanguage::negotiate(accept, PageLanguage::English);
    /// assert_eq!(language("pt-BR, es;q=0.7, de-AT;q=0.9"), PageLanguage::German);
    /// assert_eq!(language("nl, *;q=0.1"), PageLanguage::English);
    /// assert_eq!(language("de;q=0"), PageLanguage::English, "not acceptable");
    /// ```
    #[must_use]
    pub fn negotiate(accept: &str, otherwise: Self) -> Self {
        let mut best = (otherwise, 0);
        for range in accept.split(',').take(16) {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let found = Self::ALL.into_iter().find(|ours| ours.tag().eq_ignore_ascii_case(primary));
            if let (Some(language), Some(weight)) = (found, weight(parameters))
                && weight > best.1
            {
                best = (language, weight);
            }
        }
        best.0
    }
}

impl fmt::Display for PageLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// The weight in thousandths (RFC 9110 §12.4.2); none if it cannot be read.
fn weight(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1000);
    }
    let (name, value) = parameters.split_once('=')?;
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !name.trim().eq_ignore_ascii_case("q") || !digits {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_are_those_of_the_standard() {
        for (text, expected) in [
            ("", Some(1000)),
            ("q=1", Some(1000)),
            ("q=1.000", Some(1000)),
            (" Q = 0.25 ", Some(250)),
            ("q=0", Some(0)),
            ("q=0.", Some(0)),
            ("q=0.001", Some(1)),
            ("q=1.1", None),
            ("q=0.1234", None),
            ("q=-1", None),
            ("q", None),
            ("level=1", None),
        ] {
            assert_eq!(weight(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_of_equals_and_the_best_of_all() {
        let language = |accept| PageLanguage::negotiate(accept, PageLanguage::English);
        assert_eq!(language("FR-ca,de"), PageLanguage::French);
        assert_eq!(language("en;q=0.5,de;q=0.6,fr;q=0.6"), PageLanguage::German);
        assert_eq!(language("den,ger,e"), PageLanguage::English);
        assert_eq!(PageLanguage::negotiate("", PageLanguage::Spanish), PageLanguage::Spanish);
        let late = format!("{}de", "nl,".repeat(16));
        assert_eq!(language(&late), PageLanguage::English);
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer(accept in r"(?s:.|[deqfrn*;=,.01-]){0,60}") {
            let language = PageLanguage::negotiate(&accept, PageLanguage::Spanish);
            prop_assert!(PageLanguage::ALL.contains(&language));
        }
    }
}
