//! The class of text that may stand in a message beside a code: who may write what.

use super::format::{SHORTEST, UNAMBIGUOUS};

/// Whether `c` may occur in a name that a message shows.
///
/// ASCII letters and digits, the space, the punctuation of names, and letters and vowel signs of any
/// script. Not: `@`, `#` and `%`, the sigils of an origin-bound line; `<`, `>`, `{`, `}` and the like;
/// line breaks and other control characters; what is invisible or turns text around; digits of other
/// scripts; emoji.
pub(crate) fn is_name(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        ' ' | '.' | ',' | '-' | '\'' | '&' | '(' | ')' | '/' | '+' => true,
        _ if c.is_ascii() => false,
        // Hangul fillers count as letters and show nothing.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => false,
        _ => (c.is_alphabetic() && !c.is_numeric()) || is_sign(c),
    }
}

/// Whether `c` may occur in a name that its company writes with a mark: `Yahoo!`, `E*TRADE`, `Macy’s`.
///
/// For the host's own brand alone, and only where the brand is no link (see
/// [`has_link`]): `!` and `*` are among the characters with which a link goes on.
pub(crate) fn is_brand_mark(c: char) -> bool {
    matches!(c, '!' | '*' | '\u{2019}')
}

/// Whether `c` shows nothing or changes how its neighbours are shown: control characters, format
/// characters (zero-width, joiners, direction, tags), separators other than the space, private use.
pub(crate) fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// Whether [`is_hidden`] holds of any character of `text`.
pub(crate) fn has_hidden(text: &str) -> bool {
    match text.is_ascii() {
        true => text.bytes().fold(false, |found, byte| found | byte.is_ascii_control()),
        false => text.chars().any(is_hidden),
    }
}

/// The length of the longest run of digits of any script.
pub(crate) fn longest_number(text: &str) -> usize {
    longest_run(text, char::is_numeric)
}

/// Whether `text` has a run of capitals that could be a code of the unambiguous alphabet.
pub(crate) fn has_code_word(text: &str) -> bool {
    longest_run(text, |c| u8::try_from(c).is_ok_and(|byte| UNAMBIGUOUS.contains(&byte))) >= SHORTEST
}

/// Whether a telephone would make a link of a part of `text`: a scheme, `www.`, or a dot with a
/// letter or digit before it and two letters behind it, as in `example.com` but not in `S.p.A.`.
pub(crate) fn has_link(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if lower.contains("://") || lower.contains("www.") {
        return true;
    }
    lower.match_indices('.').any(|(at, dot)| {
        let before = lower.get(..at).and_then(|head| head.chars().next_back());
        let mut after = lower.get(at.saturating_add(dot.len())..).unwrap_or_default().chars();
        before.is_some_and(char::is_alphanumeric)
            && after.next().is_some_and(char::is_alphabetic)
            && after.next().is_some_and(char::is_alphabetic)
    })
}

/// The length of `text` in UTF-16 code units, in which UCS-2 messages are counted.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn longest_run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    let mut longest = 0_usize;
    let mut run = 0_usize;
    for c in text.chars() {
        run = if belongs(c) { run.saturating_add(1) } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Marks that belong to letters without being letters: combining accents, Indic viramas and nuktas,
/// Thai, Lao, Myanmar and Khmer signs.
fn is_sign(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{34e}' | '\u{350}'..='\u{36f}' | '\u{93c}' | '\u{94d}' | '\u{9bc}' | '\u{9cd}'
        | '\u{a3c}' | '\u{a4d}' | '\u{abc}' | '\u{acd}' | '\u{b3c}' | '\u{b4d}' | '\u{bcd}'
        | '\u{c4d}' | '\u{cbc}' | '\u{ccd}' | '\u{d4d}' | '\u{dca}' | '\u{e47}'..='\u{e4e}'
        | '\u{ec8}'..='\u{ecd}' | '\u{1037}' | '\u{1039}' | '\u{103a}' | '\u{17c9}'..='\u{17d3}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_all_scripts_pass_and_tricks_do_not() {
        for name in
            ["Łukasz Żak", "O'Neill & Sons", "A/S Mærsk", "株式会社", "हिन्दी", "ไทยน้ำ", "Ελλάς"]
        {
            assert!(name.chars().all(is_name), "{name}");
        }
        for bad in
            "@#%<>{}[]|\\^~*=\"\n\r\t\0\u{a0}\u{200b}\u{200d}\u{202e}\u{2066}\u{feff}\u{3164}\
                    ٣１😀’“…\u{2028}\u{e0041}\u{fe0f}\u{ad}\u{e000}²½"
                .chars()
        {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_a_telephone_underlines_is_a_link() {
        for link in ["evil.com", "see http://x", "WWW.x", "a.b.co/x", "é.fr", "1.de", "x.рф"] {
            assert!(has_link(link), "{link}");
        }
        for plain in ["S.p.A.", "J. R. Smith", "A. b", "no. 12.50", "end. Next", "...", ".", "x."] {
            assert!(!has_link(plain), "{plain}");
        }
    }

    #[test]
    fn numbers_of_any_script_count() {
        assert_eq!(longest_number("a12b3456"), 4);
        assert_eq!(longest_number("٣٤٥٦٧٨"), 6);
        assert_eq!(longest_number(""), 0);
        assert!(has_code_word("xBCDFGHx"));
        assert!(!has_code_word("BCDFG bcdfgh GMBH"));
    }

    proptest! {
        #[test]
        fn a_name_character_is_never_hidden(c in any::<char>()) {
            prop_assert!(!(is_name(c) && is_hidden(c)), "{:?}", c);
        }
    }
}
