//! What an entry of the control book is about.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::network::Network;
use crate::base::id::Pseudonym;
use crate::recipient::{CallingCode, Prefix, Recipient, Region, regions_under, samples_under};

/// What an entry of the [`ControlBook`](super::ControlBook) is about.
///
/// Numbers and users appear only as pseudonyms, so that neither the book nor its reader learns them.
/// Prefixes, countries and networks stay readable: in the list, in events and on the console. So never
/// make a prefix of a whole number, nor put one into a reason: a line is a
/// [`Number`](Self::Number). A network of one address may be one person's home; give its entry an end.
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
    /// The numbers of a country, by [`Recipient::region`]: eight small ones count with a larger one.
    Country(Region),
    /// The numbers that begin with these digits.
    Prefix(DialPrefix),
    /// One line, in the realm whose [`Controls::number`](crate::Controls::number) made the target; in another
    /// realm it stands for nobody.
    Number(Pseudonym),
    /// The clients of a network.
    Network(Network),
    /// One account of the host, in the realm whose [`Controls::user`](crate::Controls::user) made the target;
    /// in another realm it stands for nobody.
    User(Pseudonym),
}

impl Target {
    /// Whether all requests that `inner` is about are ones that this is about too, as far as the two are
    /// about the same: numbers or clients.
    pub(super) fn holds_all_of(&self, inner: &Self) -> bool {
        match (self, inner) {
            (Self::Everything, _) => true,
            (Self::Prefix(wide), Self::Prefix(narrow)) => wide.begins(narrow.0),
            (Self::Prefix(wide), Self::Country(country)) => wide.is_code_of(*country),
            (Self::Country(country), Self::Prefix(narrow)) => narrow.is_only_of(*country),
            (Self::Network(wide), Self::Network(narrow)) => wide.covers(narrow),
            _ => self == inner,
        }
    }

    /// Whether there are requests that both are about, as far as the two are about the same.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Country(country), Self::Prefix(prefix))
            | (Self::Prefix(prefix), Self::Country(country)) => prefix.regions().contains(country),
            _ => self.holds_all_of(other) || other.holds_all_of(self),
        }
    }
}

/// The leading digits of numbers: `+`, the calling code, and more; 1 to 12 digits.
///
/// At most 12, so that a prefix stands for a thousand lines or more where numbers have 15 digits. Many
/// countries' numbers are no longer than that, and are taken as prefixes, in clear: single lines belong
/// into [`Target::Number`], where they are pseudonyms. (The console's form refuses what may be a whole
/// number.) Also reads the blocks that
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
    /// Whether the line's number begins with the prefix, in any of its spellings if it has several: `+541123`
    /// covers +54 9 11 23…, `+52155` covers +52 55…, and `+972` Palestine's mobile lines, which have both codes.
    #[must_use]
    pub fn covers(&self, recipient: &Recipient) -> bool {
        spellings(recipient).any(|digits| self.begins(digits))
    }

    /// Whether all lines of the country or block begin with the prefix, in any of their spellings.
    pub(crate) fn covers_block(&self, block: &Prefix) -> bool {
        block.spellings().any(|(value, length)| self.begins(Leading { value, length }))
    }

    /// The countries that have lines which begin so, by the numbering table.
    pub(crate) fn regions(&self) -> BTreeSet<Region> {
        regions_under(self.0.value)
    }

    /// Whether any line begins so, in one of its spellings; `unassigned`: or a number that may be one by its
    /// length.
    pub(crate) fn has_lines(&self, unassigned: bool) -> bool {
        let is_line = |sample: &Recipient| (unassigned || sample.is_valid()) && self.covers(sample);
        !self.regions().is_empty() || samples_under(self.0.value).any(|sample| is_line(&sample))
    }

    /// Whether a 0 stands behind a calling code.
    pub(crate) fn has_trunk_zero(&self) -> bool {
        (1..self.0.length).any(|length| {
            let code = self.0.cut(length).and_then(|code| u16::try_from(code.value).ok());
            let next = self.0.cut(length.saturating_add(1)).map(|longer| longer.value % 10);
            code.and_then(CallingCode::new).is_some() && next == Some(0)
        })
    }

    /// Whether it is a calling code and nothing more.
    #[cfg(feature = "console")]
    pub(crate) fn is_code(&self) -> bool {
        u16::try_from(self.0.value).ok().and_then(CallingCode::new).is_some()
    }

    /// Whether it is a country's calling code, or the beginning of it, so that it covers all of the country.
    fn is_code_of(&self, country: Region) -> bool {
        let code = country.calling_code().map(|code| u64::from(code.value()));
        let code = code.and_then(|value| DialPrefix::new(value, Leading::length_of(value)?));
        code.is_some_and(|code| self.begins(code.0))
    }

    /// Whether no other country has lines that begin so.
    fn is_only_of(&self, country: Region) -> bool {
        self.regions() == BTreeSet::from([country])
    }

    fn begins(&self, digits: Leading) -> bool {
        digits.cut(self.0.length) == Some(self.0)
    }

    /// How many digits it has.
    pub const fn digit_count(&self) -> u8 {
        self.0.length
    }

    pub(super) const fn value(&self) -> u64 {
        self.0.value
    }

    pub(super) fn new(value: u64, length: u8) -> Option<Self> {
        let fits = Leading::length_of(value)? == length && length <= Self::MAX_LENGTH;
        fits.then_some(Self(Leading { value, length }))
    }

    /// Digits at the most.
    pub(crate) const MAX_LENGTH: u8 = 12;
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
    /// How many digits `value` has; `None` for 0.
    fn length_of(value: u64) -> Option<u8> {
        u8::try_from(value.checked_ilog10()?.checked_add(1)?).ok()
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

/// The digits that a prefix is compared with: every number of the line, or its other spelling would walk
/// around a block.
pub(super) fn spellings(recipient: &Recipient) -> impl Iterator<Item = Leading> + use<> {
    recipient.spellings().map(|(value, length)| Leading { value, length })
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

    /// However an operator writes a block and however its lines are dialled.
    #[test]
    fn every_spelling_of_a_line_is_covered_by_a_prefix_of_each() {
        for line in [
            &["+5491123456789", "+541123456789"] as &[_],
            &["+5511961234567", "+551161234567"],
            &["+970599123456", "+972599123456"],
            &["+24177280150", "+2417280150", "+24107280150"],
            &["+220833142175", "+2203142175"],
            &["+252634046848", "+25224046848"],
            &["+231555123456", "+2315123456"],
            &["+4915112345678"],
        ] {
            let dialled = line.iter().map(|text| Recipient::from_e164(text).unwrap());
            for recipient in dialled {
                for (written, length) in
                    line.iter().flat_map(|text| (2..=9).map(move |n| (text, n)))
                {
                    let prefix: DialPrefix = written[..=length].parse().unwrap();
                    assert!(prefix.covers(&recipient), "{prefix} of {written}: {recipient:?}");
                }
            }
        }
        let mexican = Recipient::parse("+52 1 55 1234 5678", None).unwrap();
        for prefix in ["+5255", "+52155"] {
            assert!(prefix.parse::<DialPrefix>().unwrap().covers(&mexican), "{prefix}");
        }
        let landline = Recipient::from_e164("+551123456789").unwrap();
        assert!(!"+55119".parse::<DialPrefix>().unwrap().covers(&landline));
    }

    #[test]
    fn debug_hides_what_is_nearly_a_number() {
        let prefix: DialPrefix = "+376312345".parse().unwrap();
        assert_eq!(format!("{prefix:?}"), "+376312…(9 digits)");
    }
}
