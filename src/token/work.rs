//! The digest that binds a proof to its ticket and number and holds the work.

use sha2::{Digest, Sha256};

use super::terms::WorkBits;
use super::ticket::TicketBytes;
use crate::base::typed::{self, Character};

/// The most characters that a reduced number may have.
pub(super) const MAX_TYPED: usize = 32;

const LABEL: &[u8] = b"otpgate/proof/v1";

/// A typed number reduced to ASCII digits and `+`, as both sides of a proof do before hashing.
///
/// Decimal digits of every script, and the full-width plus, become their ASCII equals; everything else
/// is dropped. The function is total: what is no number reduces to something that
/// no recipient will match.
///
/// ```
/// use otpgate::token::reduce;
///
/// assert_eq!(reduce(" +49 (151) 123-456 78 "), "+4915112345678");
/// assert_eq!(reduce("٠١٥١ ۱۲۳ ４５"), "015112345");
/// assert_eq!(reduce("০১৭১ ๒ ३"), "017123");
/// ```
#[must_use]
pub fn reduce(typed: &str) -> String {
    typed.chars().filter_map(reduce_char).collect()
}

/// SHA-256 over label, ticket and number: computed once for a proof.
pub(super) struct Seed([u8; 32]);

impl Seed {
    /// The seed for a number as it was typed; `None` if it is longer than any number can be.
    pub(super) fn of(ticket: &TicketBytes, typed: &str) -> Option<Self> {
        let (mut reduced, mut length) = ([0; MAX_TYPED], 0_usize);
        for character in typed.chars().filter_map(reduce_char) {
            // Digits and the plus are ASCII.
            *reduced.get_mut(length)? = u8::try_from(character).ok()?;
            length = length.saturating_add(1);
        }
        Self::over(ticket, reduced.get(..length)?)
    }

    /// The seed for a reduced number; `None` if the number is longer than any number can be.
    pub(super) fn new(ticket: &TicketBytes, reduced: &str) -> Option<Self> {
        Self::over(ticket, reduced.as_bytes())
    }

    fn over(ticket: &TicketBytes, reduced: &[u8]) -> Option<Self> {
        let length = u8::try_from(reduced.len()).ok().filter(|n| usize::from(*n) <= MAX_TYPED)?;
        let mut hash = Sha256::new();
        hash.update(LABEL);
        hash.update(ticket);
        hash.update([length]);
        hash.update(reduced);
        Some(Self(hash.finalize().into()))
    }

    /// SHA-256 over seed and counter: 36 bytes, one block, computed once for a try.
    pub(super) fn digest(&self, counter: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(counter.to_be_bytes());
        hash.finalize().into()
    }

    #[cfg(test)]
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether `digest` starts with the zero bits asked for.
pub(super) fn holds(work: WorkBits, digest: &[u8; 32]) -> bool {
    digest
        .first_chunk::<4>()
        .is_some_and(|head| u32::from_be_bytes(*head).leading_zeros() >= u32::from(work.bits()))
}

fn reduce_char(character: char) -> Option<char> {
    match typed::read(character) {
        Character::Digit(digit) => Some(char::from(digit)),
        Character::Plus => Some('+'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zero_bits_are_counted_from_the_first_byte() {
        let mut digest = [0xff; 32];
        assert!(holds(WorkBits::NONE, &digest));
        assert!(!holds(WorkBits::new(1).unwrap(), &digest));
        digest[0] = 0;
        digest[1] = 0b0001_1111;
        assert!(holds(WorkBits::new(11).unwrap(), &digest));
        assert!(!holds(WorkBits::new(12).unwrap(), &digest));
        digest[1] = 0;
        digest[2] = 0;
        assert!(holds(WorkBits::MAX, &digest));
    }

    #[test]
    fn a_number_longer_than_any_number_has_no_seed() {
        assert!(Seed::new(&[0; 99], &"1".repeat(32)).is_some());
        assert!(Seed::new(&[0; 99], &"1".repeat(33)).is_none());
        assert!(Seed::new(&[0; 99], &"1".repeat(256 + 5)).is_none());
    }
}
