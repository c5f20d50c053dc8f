//! Digit values on the stack, and the reduction of typed text to them.

use super::error::RecipientError;
use crate::base::typed::{self, Character};

/// Fewer digits than this, with the calling code, are in use nowhere for mobiles: the shortest are
/// those of Niue and Tokelau (+683 and +690, four digits).
pub(super) const MIN_DIGITS: usize = 7;
/// The longest number of ITU-T E.164.
pub(super) const MAX_DIGITS: usize = 15;

/// The most characters that a typed number may have from its first digit to its last, without the
/// invisible ones (RUSTSEC-2023-0082 and RUSTSEC-2024-0369 are parsers that long input stopped).
pub(super) const MAX_TYPED: usize = 32;

/// A longer text is refused unread. The longest digits have four bytes, and what is pasted brings
/// its surroundings.
const LONGEST_TEXT: usize = 256;

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
    /// Reduces `text`, refusing everything that is neither a digit nor what people write among and
    /// around digits. Only what stands between the first and the last digit counts for its length.
    pub(super) fn read(text: &str) -> Result<Self, RecipientError> {
        if text.len() > LONGEST_TEXT {
            return Err(RecipientError::Oversized);
        }
        let mut typed = Self { text: [0; MAX_TYPED], length: 0 };
        // Characters since the first that counts, and what only the end may follow.
        let mut spanned = 0_usize;
        let mut closed = None;
        for character in text.chars() {
            let (byte, refused) = match typed::read(character) {
                Character::Invisible => continue,
                Character::Digit(byte) => (byte, None),
                Character::Plus if typed.length == 0 => (b'+', None),
                Character::Plus => (0, Some(RecipientError::MisplacedPlus)),
                Character::Other => (0, Some(refusal(character))),
                Character::Space | Character::Dash | Character::Mark => {
                    spanned = spanned.saturating_add(usize::from(typed.length > 0));
                    continue;
                }
                Character::Break | Character::Edge => {
                    spanned = spanned.saturating_add(usize::from(typed.length > 0));
                    closed = closed.or((typed.length > 0).then(|| refusal(character)));
                    continue;
                }
            };
            if let Some(error) = closed.or(refused) {
                return Err(error);
            }
            spanned = spanned.saturating_add(1);
            let slot = typed.text.get_mut(usize::from(typed.length));
            *slot.filter(|_| spanned <= MAX_TYPED).ok_or(RecipientError::Oversized)? = byte;
            typed.length = typed.length.saturating_add(1);
        }
        match typed.bytes() {
            [] | [b'+'] => Err(RecipientError::Empty),
            _ => Ok(typed),
        }
    }

    /// Takes strict E.164 as it is: `+`, no leading zero, 7 to 15 ASCII digits.
    pub(super) fn strict(text: &str) -> Option<Self> {
        let [b'+', digits @ ..] = text.as_bytes() else { return None };
        let e164 = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && digits.first() != Some(&b'0')
            && digits.iter().all(u8::is_ascii_digit);
        if !e164 {
            return None;
        }
        let mut typed = Self { text: [0; MAX_TYPED], length: u8::try_from(text.len()).ok()? };
        typed.text.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(typed)
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
}

/// Why a character that is no part of a number ends it.
fn refusal(character: char) -> RecipientError {
    match character {
        '#' | '*' | ',' | ';' | '=' => RecipientError::Extension,
        _ if character.is_alphabetic() => RecipientError::Letter,
        _ => RecipientError::UnexpectedCharacter,
    }
}
