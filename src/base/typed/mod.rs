//! How a typed character is read: one rule for phone numbers, codes from a text and codes from an app.
//!
//! Keyboard, script and clipboard change what surrounds and groups the digits. They must not change
//! which digits they are. So every character has one class, and each reader decides only where a
//! class may appear. The page's script needs the digits and the plus sign alone, because it drops
//! all else: its table in `docs/token-format.md` is written by the same generator.

mod digits;

use self::digits::ZEROS;

/// What a typed character is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Character {
    /// A decimal digit of any script, as the ASCII digit of the same value.
    Digit(u8),
    /// A plus sign.
    Plus,
    /// White space within a line: it groups digits.
    Space,
    /// A hyphen or dash, or what keyboards and people take for one: it groups digits.
    Dash,
    /// Other punctuation that people write inside a phone number.
    Mark,
    /// Shows nothing and moves no digit: joiners, direction marks, variation selectors.
    Invisible,
    /// A line break or a tab: what stands on its two sides are two entries.
    Break,
    /// What stands around a thing that is pasted: quotation marks, angle brackets, the end of a
    /// sentence.
    Edge,
    /// Everything else: letters, symbols, control characters.
    Other,
}

/// Reads one character.
pub(crate) fn read(c: char) -> Character {
    match c {
        '0'..='9' => Character::Digit(c as u8),
        '+' | '\u{ff0b}' => Character::Plus,
        ' '
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Character::Space,
        // U+30FC and U+FF70 lengthen a Japanese vowel and share a key with the hyphen.
        '-'
        | '\u{58a}'
        | '\u{5be}'
        | '\u{1806}'
        | '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{2500}'
        | '\u{2501}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{3030}'
        | '\u{30a0}'
        | '\u{30fc}'
        | '\u{fe31}'
        | '\u{fe32}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}'
        | '\u{ff70}' => Character::Dash,
        '.' | '(' | ')' | '/' | '[' | ']' | '~' | '\u{b7}' | '\u{2044}' | '\u{2053}'
        | '\u{2215}' | '\u{223c}' | '\u{301c}' | '\u{30fb}' | '\u{ff08}' | '\u{ff09}'
        | '\u{ff0e}' | '\u{ff0f}' | '\u{ff3b}' | '\u{ff3d}' | '\u{ff5e}' | '\u{ff65}' => {
            Character::Mark
        }
        '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Character::Break,
        // Without U+202E, which shows digits in reverse. U+20E3 makes a keycap of a digit.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202d}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}'
        | '\u{20e3}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0100}'..='\u{e01ef}' => Character::Invisible,
        '"'
        | '\''
        | '`'
        | '<'
        | '>'
        | ','
        | ';'
        | ':'
        | '!'
        | '?'
        | '\u{ab}'
        | '\u{b4}'
        | '\u{bb}'
        | '\u{2018}'..='\u{201f}'
        | '\u{2039}'
        | '\u{203a}'
        | '\u{3001}'
        | '\u{3002}'
        | '\u{3008}'..='\u{3011}'
        | '\u{3014}'
        | '\u{3015}'
        | '\u{ff01}'
        | '\u{ff02}'
        | '\u{ff07}'
        | '\u{ff0c}'
        | '\u{ff1a}'..='\u{ff1c}'
        | '\u{ff1e}'
        | '\u{ff1f}'
        | '\u{ff61}'..='\u{ff64}' => Character::Edge,
        _ => digit(c),
    }
}

/// A digit run's zero is the greatest that is not above the character.
fn digit(c: char) -> Character {
    let point = u32::from(c);
    let run = ZEROS.partition_point(|zero| *zero <= point).checked_sub(1);
    let value = run.and_then(|run| point.checked_sub(*ZEROS.get(run)?));
    match value.and_then(|value| u8::try_from(value).ok()) {
        Some(value @ 0..=9) => Character::Digit(b'0' | value),
        _ => Character::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_has_the_value_that_its_place_in_the_run_gives() {
        for zero in ZEROS {
            for value in 0..10_u8 {
                let c = char::from_u32(zero + u32::from(value)).unwrap();
                assert_eq!(read(c), Character::Digit(b'0' + value), "U+{:04X}", u32::from(c));
            }
        }
        let digits = |c: &char| matches!(read(*c), Character::Digit(_));
        assert_eq!(('\0'..=char::MAX).filter(digits).count(), 10 * ZEROS.len());
    }

    #[test]
    fn numeric_characters_that_are_no_digits_are_not_read_as_such() {
        for c in "²½Ⅳ①⑴〇一二๏₁⁷𝍠".chars() {
            assert_eq!(read(c), Character::Other, "{c:?}");
        }
    }

    /// General category Pd, but for marks of scholars and dead scripts. U+05BE is on Hebrew keyboards.
    #[test]
    fn every_dash_groups() {
        for c in "-֊־᠆‐‑‒–—―⸺⸻〰゠︱︲﹘﹣－".chars() {
            assert_eq!(read(c), Character::Dash, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn white_space_is_a_space_or_a_break() {
        for c in ('\0'..=char::MAX).filter(|c| c.is_whitespace()) {
            assert!(matches!(read(c), Character::Space | Character::Break), "{c:?}");
        }
    }

    #[test]
    fn nothing_that_reverses_digits_or_is_a_letter_is_passed_over() {
        assert_eq!(read('\u{202e}'), Character::Other);
        for c in ('\0'..=char::MAX).filter(|c| c.is_alphabetic()) {
            let read = read(c);
            let lengthened = matches!(c, '\u{30fc}' | '\u{ff70}');
            assert!(read == Character::Other || lengthened, "{c:?} is {read:?}");
        }
    }
}
