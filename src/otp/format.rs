//! What a code looks like: how many characters of which alphabet.

use std::num::NonZeroU64;

/// The longest code of any format, in characters; also the size of the buffers that hold one.
pub(crate) const LONGEST: usize = 12;

/// The shortest code of any format, in characters.
pub(crate) const SHORTEST: usize = 6;

/// The characters of [`CodeFormat::unambiguous`]: RFC 8628 §6.1, base 20. Without vowels no draw
/// spells a word, and without digits nothing is mistaken for a letter.
pub(crate) const UNAMBIGUOUS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// What a format's byte has beside its length if the codes are letters.
const LETTERS: u8 = 16;

const DIGITS: &[u8; 10] = b"0123456789";

/// The shape of a code: its alphabet and its length.
///
/// The default is six decimal digits: the least that NIST SP 800-63B-4 §3.1.3.2 and ASVS 6.5.4
/// accept, and the form that phones fill in automatically. You cannot configure a shorter code.
///
/// ```
/// use otpgate::otp::CodeFormat;
///
/// assert_eq!(CodeFormat::default(), CodeFormat::digits(6)?);
/// assert!(CodeFormat::digits(5).is_err());
/// assert!(CodeFormat::unambiguous(6)?.entropy_bits() > 25.9);
/// # Ok::<(), otpgate::otp::CodeFormatError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CodeFormat {
    alphabet: Alphabet,
    length: u8,
}

impl CodeFormat {
    /// `length` decimal digits, 6 to 10. Every value occurs, those with leading zeros included.
    ///
    /// # Errors
    ///
    /// [`CodeFormatError`] below 6 (too easily guessed) and above 10 (mistyped; ten digits already
    /// have 33 bits).
    pub const fn digits(length: u8) -> Result<Self, CodeFormatError> {
        if length < 6 || length > 10 {
            return Err(CodeFormatError::Digits { length });
        }
        Ok(Self { alphabet: Alphabet::Digits, length })
    }

    /// `length` characters, 6 to 12, of the 20 consonants of RFC 8628 §6.1: no vowels, so no words,
    /// and no digits, so no `0`/`O` or `1`/`I`. Shown in capitals, accepted in either case.
    ///
    /// Six of them have 25.9 bits, 64 times the space of six digits. Prefer digits unless you need
    /// the space: numeric keypads and automatic filling are made for them.
    ///
    /// # Errors
    ///
    /// [`CodeFormatError`] for a length below 6 or above 12.
    pub const fn unambiguous(length: u8) -> Result<Self, CodeFormatError> {
        if length < 6 || length > 12 {
            return Err(CodeFormatError::Unambiguous { length });
        }
        Ok(Self { alphabet: Alphabet::Unambiguous, length })
    }

    /// The number of characters.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a format of no characters cannot exist
    pub const fn len(&self) -> usize {
        self.length as usize
    }

    /// The entropy of one code, in bits: 19.93 for six digits.
    pub fn entropy_bits(&self) -> f64 {
        let symbols = f64::from(u32::try_from(self.symbols().len()).unwrap_or(u32::MAX));
        f64::from(self.length) * symbols.log2()
    }

    /// Whether the codes are decimal digits; an input field then asks for a numeric keypad.
    pub const fn is_numeric(&self) -> bool {
        matches!(self.alphabet, Alphabet::Digits)
    }

    /// One byte: the length in four bits, above them the alphabet.
    pub(crate) const fn to_byte(self) -> u8 {
        let alphabet = if self.is_numeric() { 0 } else { LETTERS };
        alphabet | self.length
    }

    /// The format of that byte.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        let length = byte & 15;
        let format = match byte ^ length {
            0 => Self::digits(length),
            LETTERS => Self::unambiguous(length),
            _ => return None,
        };
        format.ok()
    }

    pub(crate) const fn symbols(&self) -> &'static [u8] {
        match self.alphabet {
            Alphabet::Digits => DIGITS,
            Alphabet::Unambiguous => UNAMBIGUOUS,
        }
    }

    /// How many codes there are.
    pub(crate) fn space(&self) -> NonZeroU64 {
        let base = NonZeroU64::new(u64::try_from(self.symbols().len()).unwrap_or(u64::MAX));
        base.unwrap_or(NonZeroU64::MAX).saturating_pow(u32::from(self.length))
    }
}

impl Default for CodeFormat {
    fn default() -> Self {
        Self { alphabet: Alphabet::Digits, length: 6 }
    }
}

/// A length outside the bounds of its alphabet.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeFormatError {
    /// Not 6 to 10 digits.
    #[error(
        "a code of {length} digits is refused; choose 6 to 10 digits (NIST SP 800-63B-4 §3.1.3.2 demands at least 6)"
    )]
    Digits {
        /// The length asked for.
        length: u8,
    },
    /// Not 6 to 12 characters.
    #[error("a code of {length} letters is refused; choose 6 to 12 letters")]
    Unambiguous {
        /// The length asked for.
        length: u8,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Alphabet {
    Digits,
    Unambiguous,
}

crate::base::sentence::debug_as_sentence!(CodeFormatError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_lengths_exist() {
        for length in 0..=u8::MAX {
            assert_eq!(CodeFormat::digits(length).is_ok(), (6..=10).contains(&length));
            assert_eq!(CodeFormat::unambiguous(length).is_ok(), (6..=12).contains(&length));
        }
    }

    #[test]
    fn every_format_has_at_least_the_bits_of_six_digits() {
        let formats = (0..=u8::MAX)
            .flat_map(|length| [CodeFormat::digits(length), CodeFormat::unambiguous(length)])
            .flatten();
        for format in formats {
            assert!(format.entropy_bits() >= 19.93, "{format:?}");
            assert!(format.len() <= LONGEST && format.len() >= SHORTEST);
            assert!((format.space().get() as f64).log2() - format.entropy_bits() < 1e-9);
        }
    }

    #[test]
    fn a_byte_holds_each_format_and_nothing_else() {
        let read: Vec<_> = (0..=u8::MAX).filter_map(CodeFormat::from_byte).collect();
        assert_eq!(read.len(), 5 + 7);
        let again = read.iter().map(|format| CodeFormat::from_byte(format.to_byte()).unwrap());
        assert!(again.eq(read.iter().copied()));
    }

    #[test]
    fn the_alphabet_has_no_twins_and_no_repeats() {
        assert!(UNAMBIGUOUS.iter().all(|c| c.is_ascii_uppercase() && !b"AEIOUY".contains(c)));
        assert!(UNAMBIGUOUS.is_sorted_by(|a, b| a < b));
    }
}
