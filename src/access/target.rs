//! What an entry of the control book is about.

use std::fmt;
use std::str::FromStr;

use super::network::Network;
use crate::base::id::Pseudonym;
use crate::recipient::{Prefix, Recipient, Region};

/// What an entry of the [`ControlBook`](super::ControlBook) is about.
///
/// Numbers and users appear only as pseudonyms, so that neither the book nor its reader learns them.
/// Prefixes, countries and networks name no person and stay readable.
///
/// [`Controls::number`](crate::Controls::number) and [`Controls::user`](crate::Controls::user) make
/// the two that are pseudonyms; the others are read from text:
///
/// ```
/// use otpgate::access::Target;
/// use otpgate::Region;
///
/// let range = Target::Prefix("+99899394".parse().unwrap());
/// let network = Target::Network("203.0.113.0/24".parse().unwrap());
/// let country = Target::Country("UZ".parse().unwrap());
/// assert_eq!(country, Target::Country(Region::UZ));
/// assert_ne!(range, network);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Target {
    /// Every message.
    Everything,
    /// The numbers of a country.
    Country(Region),
    /// The numbers that begin with these digits.
    Prefix(DialPrefix),
    /// One line.
    Number(Pseudonym),
    /// The clients of a network.
    Network(Network),
    /// One account of the host.
    User(Pseudonym),
}

/// The leading digits of numbers: `+`, the calling code, and more; 1 to 12 digits.
///
/// At most 12, so that a prefix stands for a thousand lines or more where numbers have 15 digits;
/// single lines belong into [`Target::Number`], where they are pseudonyms. Also reads the blocks that
/// [`Prefix`] writes, such as `+4915112xxxxxx`.
///
/// ```
/// use otpgate::access::DialPrefix;
/// use otpgate::Recipient;
///
/// let mobile: DialPrefix = "+49151".parse()?;
/// assert!(mobile.covers(&Recipient::from_e164("+4915112345678").unwrap()));
/// assert!(!mobile.covers(&Recipient::from_e164("+4917212345678").unwrap()));
/// assert_eq!("+49151xxxxxxxx".parse(), Ok(mobile));
/// assert_eq!(mobile.to_string(), "+49151");
/// # Ok::<(), otpgate::access::DialPrefixError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialPrefix(Leading);

impl DialPrefix {
    /// Whether the line's number, in either of its spellings if it has two, begins with the prefix.
    #[must_use]
    pub fn covers(&self, recipient: &Recipient) -> bool {
        let length = self.0.length;
        spellings(recipient).iter().any(|digits| digits.cut(length) == Some(self.0))
    }

    /// How many digits it has.
    pub const fn digit_count(&self) -> u8 {
        self.0.length
    }

    pub(super) const fn value(&self) -> u64 {
        self.0.value
    }

    pub(super) fn new(value: u64, length: u8) -> Option<Self> {
        let digits = value.checked_ilog10()?.checked_add(1)?;
        let fits = digits == u32::from(length) && length <= Self::MAX_LENGTH;
        fits.then_some(Self(Leading { value, length }))
    }

    const MAX_LENGTH: u8 = 12;
}

impl FromStr for DialPrefix {
    type Err = DialPrefixError;

    /// Reads `+` and 1 to 12 digits, the first not 0, perhaps followed by `x`s.
    ///
    /// # Errors
    ///
    /// [`DialPrefixError`] for any other text.
    fn from_str(text: &str) -> Result<Self, DialPrefixError> {
        let digits = text.strip_prefix('+').ok_or(DialPrefixError)?.trim_end_matches('x');
        let plain = digits.len() <= usize::from(Self::MAX_LENGTH)
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        let value = digits.parse().ok().filter(|_| plain).ok_or(DialPrefixError)?;
        let length = u8::try_from(digits.len()).map_err(|_| DialPrefixError)?;
        Self::new(value, length).ok_or(DialPrefixError)
    }
}

impl fmt::Display for DialPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0.value)
    }
}

impl fmt::Debug for DialPrefix {
    /// The first six digits at most: where numbers are short, a long prefix is nearly a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.cut(6) {
            Some(head) if head != self.0 => write!(f, "+{}…({} digits)", head.value, self.0.length),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

/// The text is not a prefix of numbers.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a prefix; write + and 1 to 12 digits, such as +49151; block a single line as a number"
)]
pub struct DialPrefixError;

/// A run of leading digits; the first is not 0, so value and length determine each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Leading {
    value: u64,
    length: u8,
}

impl Leading {
    /// The digits of a rung of a recipient's ladder.
    pub(super) const fn of_rung(rung: &Prefix) -> Self {
        Self { value: rung.digits(), length: rung.digit_count() }
    }

    /// The first `length` digits; `None` if there are fewer.
    pub(super) fn cut(self, length: u8) -> Option<Self> {
        let surplus = self.length.checked_sub(length)?;
        let value = self.value.checked_div(10_u64.checked_pow(u32::from(surplus))?)?;
        Some(Self { value, length })
    }

    pub(super) fn prefix(self, length: u8) -> Option<DialPrefix> {
        self.cut(length).map(DialPrefix)
    }
}

/// The digits that a prefix is compared with: the number as it is dialled, and the block of a hundred
/// that the line is counted in. The two differ for the few lines with two E.164 numbers, whose other
/// spelling would otherwise walk around a block.
pub(super) fn spellings(recipient: &Recipient) -> [Leading; 2] {
    let text = recipient.expose_e164();
    let digits = text.as_str().trim_start_matches('+');
    let dialled = Leading {
        value: digits.parse().unwrap_or(0),
        length: u8::try_from(digits.len()).unwrap_or(0),
    };
    let counted = recipient.ladder().last().map_or(dialled, |rung| Leading::of_rung(&rung));
    [dialled, counted]
}

crate::base::sentence::debug_as_sentence!(DialPrefixError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_strictly() {
        for bad in ["", "+", "49", "+0", "+049", "+49 15", "+4x9", "+1234567890123", "+-1", "+x"] {
            assert_eq!(bad.parse::<DialPrefix>(), Err(DialPrefixError), "{bad}");
        }
        assert_eq!("+1".parse::<DialPrefix>().unwrap().digit_count(), 1);
        assert!("+123456789012".parse::<DialPrefix>().is_ok());
        assert_eq!(DialPrefix::new(0, 1), None);
        assert_eq!(DialPrefix::new(49, 3), None);
        assert_eq!(DialPrefix::new(u64::MAX, 20), None);
    }

    #[test]
    fn both_spellings_of_a_line_are_covered() {
        let with_nine = Recipient::from_e164("+5491123456789").unwrap();
        let without = Recipient::from_e164("+541123456789").unwrap();
        for prefix in ["+54911", "+5411"] {
            let prefix: DialPrefix = prefix.parse().unwrap();
            assert!(prefix.covers(&with_nine) || prefix.covers(&without), "{prefix}");
        }
    }

    #[test]
    fn debug_hides_what_is_nearly_a_number() {
        let prefix: DialPrefix = "+376312345".parse().unwrap();
        assert_eq!(format!("{prefix:?}"), "+376312…(9 digits)");
    }
}
