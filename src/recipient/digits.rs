//! Digit values on the stack, and the reduction of typed text to them.

use super::error::RecipientError;

/// The most characters that a typed number may have (SECURITY-BAR 61).
pub(super) const MAX_TYPED: usize = 32;

/// The longest transform of the metadata adds four digits to what was typed.
const CAPACITY: usize = MAX_TYPED + 8;

/// A run of digit values, 0 to 9, that shrinks from the front and grows at the back.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    values: [u8; CAPACITY],
    start: u8,
    end: u8,
}

impl Digits {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.values.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.end.saturating_sub(self.start))
    }

    /// Drops the first `count` digits.
    pub(super) fn skip(&mut self, count: usize) {
        let count = u8::try_from(count).unwrap_or(u8::MAX);
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// The digits after the first `count`.
    pub(super) fn skipping(&self, count: usize) -> Self {
        let mut rest = self.clone();
        rest.skip(count);
        rest
    }

    /// Appends a digit; `None` if there is no room.
    pub(super) fn push(&mut self, digit: u8) -> Option<()> {
        *self.values.get_mut(usize::from(self.end))? = digit;
        self.end = self.end.saturating_add(1);
        Some(())
    }

    pub(super) fn extend(&mut self, digits: &[u8]) -> Option<()> {
        digits.iter().try_for_each(|digit| self.push(*digit))
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self { values: [0; CAPACITY], start: 0, end: 0 }
    }
}

/// A number as typed, reduced to ASCII digits and a leading `+`.
#[derive(Clone)]
pub(super) struct Typed {
    text: [u8; MAX_TYPED],
    length: u8,
}

impl Typed {
    /// Reduces `text`, refusing everything that is neither a digit nor an ordinary separator.
    pub(super) fn read(text: &str) -> Result<Self, RecipientError> {
        // Four bytes is the longest UTF-8 character: this bounds the work before any of it.
        if text.len() > 4 * MAX_TYPED {
            return Err(RecipientError::Oversized);
        }
        let mut typed = Self { text: [0; MAX_TYPED], length: 0 };
        let mut characters = 0_usize;
        for character in text.chars() {
            characters = characters.saturating_add(1);
            if characters > MAX_TYPED {
                return Err(RecipientError::Oversized);
            }
            match kind(character) {
                Kind::Digit(byte) => typed.push(byte)?,
                Kind::Separator => {}
                Kind::Plus if typed.length == 0 => typed.push(b'+')?,
                Kind::Plus => return Err(RecipientError::MisplacedPlus),
                Kind::Refused(why) => return Err(why),
            }
        }
        match typed.bytes() {
            [] | [b'+'] => Err(RecipientError::Empty),
            _ => Ok(typed),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    pub(super) fn has_plus(&self) -> bool {
        self.bytes().first() == Some(&b'+')
    }

    /// The digit values, without the `+`.
    pub(super) fn digits(&self) -> Digits {
        let mut digits = Digits::default();
        // The lowest four bits of an ASCII digit are its value.
        for (slot, byte) in digits.values.iter_mut().zip(&self.text) {
            *slot = byte & 0xf;
        }
        digits.start = u8::from(self.has_plus());
        digits.end = self.length;
        digits
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) -> Result<(), RecipientError> {
        let slot = self.text.get_mut(usize::from(self.length)).ok_or(RecipientError::Oversized)?;
        *slot = byte;
        self.length = self.length.saturating_add(1);
        Ok(())
    }
}

enum Kind {
    /// The ASCII digit of the same value.
    Digit(u8),
    Plus,
    Separator,
    Refused(RecipientError),
}

fn kind(character: char) -> Kind {
    match character {
        '0'..='9' => digit(character, '0'),
        ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => Kind::Separator,
        '+' | '\u{ff0b}' => Kind::Plus,
        // What an Arabic, Persian or Japanese keyboard produces for the same ten digits.
        '\u{660}'..='\u{669}' => digit(character, '\u{660}'),
        '\u{6f0}'..='\u{6f9}' => digit(character, '\u{6f0}'),
        '\u{ff10}'..='\u{ff19}' => digit(character, '\u{ff10}'),
        // Hyphens and dashes of pasted text, and the full-width space.
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{3000}' => Kind::Separator,
        '#' | '*' | ',' | ';' | '=' => Kind::Refused(RecipientError::Extension),
        _ if character.is_alphabetic() => Kind::Refused(RecipientError::Letter),
        _ => Kind::Refused(RecipientError::UnexpectedCharacter),
    }
}

fn digit(character: char, zero: char) -> Kind {
    let value = u32::from(character).saturating_sub(u32::from(zero)) & 0xf;
    Kind::Digit(b'0' | value as u8)
}
