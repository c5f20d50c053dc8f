//! [`Recipient`], its text for transports, and its key.

use std::fmt;

use super::alias;
use super::calling_code::CallingCode;
use super::canonical::{self, Number};
use super::digits::{MAX_DIGITS, Typed};
use super::error::RecipientError;
use super::line_type::LineType;
use super::parse;
use super::region::Region;

/// Somebody to send an SMS to: a phone number in its one canonical form.
///
/// A `Recipient` exists only for a *possible* number: its country uses numbers of that length. Whether
/// the number is *valid*, that is in a block that has been assigned, is a question of
/// policy and answered by [`is_valid`](Self::is_valid).
///
/// `Debug` masks the number and there is no `Display`: the number leaves through
/// [`expose_e164`](Self::expose_e164) and [`typed`](Self::typed) alone, which are easy to search for.
/// Two recipients are compared by [`line_key`](Self::line_key), so there is no `PartialEq` that
/// could mean something else.
///
/// ```
/// use otpgate::recipient::{LineType, Recipient, Region};
///
/// let typed = Recipient::parse("0151 / 1234-5678", Some(Region::DE))?;
/// assert_eq!(typed.expose_e164().as_str(), "+4915112345678");
/// assert_eq!(typed.region(), Some(Region::DE));
/// assert_eq!(typed.line_type(), LineType::Mobile);
/// assert!(typed.is_valid());
/// assert_eq!(format!("{typed:?}"), "Recipient(+49…78)");
///
/// let same = Recipient::parse("+49 (0)151 12345678", None)?;
/// assert_eq!(same.line_key(), typed.line_key());
/// # Ok::<(), otpgate::recipient::RecipientError>(())
/// ```
#[derive(Clone)]
pub struct Recipient {
    number: Number,
    typed: Typed,
}

impl Recipient {
    /// Reads a number as people type it, in international or national form.
    ///
    /// A national form (`0151 …`, `(212) …`) and an international prefix (`00`, `011`) are read as
    /// dialled in `default_region`; without one, the text must begin with `+`. Decimal digits of
    /// every script count. Spaces of every width, hyphens and dashes, dots, slashes, tildes,
    /// parentheses and square brackets are ignored, in their full-width and half-width forms too,
    /// and so are invisible characters: joiners, direction marks, variation selectors. Line breaks,
    /// tabs, quotation marks and the end of a sentence may stand around the number, not in it.
    ///
    /// The rules are libphonenumber's. Five are stricter: letters and extensions are refused; so are
    /// more than 32 characters from the first digit to the last; numbers outside the 7 to 15 digits
    /// of real E.164 numbers or without their area code are refused; so is a number whose own E.164
    /// form libphonenumber would read as another number; and so is `00` before the region's own calling
    /// code where a carrier is chosen behind `00`: libphonenumber reads `0055 51 …` in Brazil as +51, Peru.
    /// More spellings are read: a tilde parts
    /// digits and begins no extension, and middle dots, narrow spaces, half-width vowel marks and
    /// direction marks count as what people meant by them. Mexico's retired `+52 1` is read as `+52`.
    ///
    /// # Errors
    /// [`RecipientError`] says what to ask the person for.
    ///
    /// ```
    /// use otpgate::{Recipient, RecipientError, Region};
    ///
    /// let number = |text, region| Recipient::parse(text, region).map(|number| number.expose_e164());
    /// assert_eq!(number("(212) 555-0123", Some(Region::US)).unwrap().as_str(), "+12125550123");
    /// assert_eq!(number("0049 151 12345678", Some(Region::DE)).unwrap().as_str(), "+4915112345678");
    /// assert_eq!(number("０９０ー１２３４ー５６７８", Some(Region::JP)).unwrap().as_str(), "+819012345678");
    /// assert_eq!(number("০১৭১২ ৩৪৫৬৭৮\n", Some(Region::BD)).unwrap().as_str(), "+8801712345678");
    /// assert_eq!(number("0151 12345678", None).unwrap_err(), RecipientError::MissingCountry);
    /// assert_eq!(number("+1 212 555", None).unwrap_err(), RecipientError::TooShort);
    /// ```
    pub fn parse(text: &str, default_region: Option<Region>) -> Result<Self, RecipientError> {
        let typed = Typed::read(text)?;
        Ok(Self { number: parse::read(&typed, default_region)?, typed })
    }

    /// Reads strict E.164: `+`, then 7 to 15 ASCII digits, the first not 0, and nothing else; already
    /// in canonical form. For numbers that come from a database or another service.
    ///
    /// E.164 itself sets no lower bound; the shortest mobile numbers (Niue, Tokelau) have 7.
    ///
    /// # Errors
    /// [`RecipientError::NotE164`] for any other shape, [`RecipientError::NotCanonical`] if the
    /// digits hold a trunk prefix, and the errors of [`parse`](Self::parse).
    ///
    /// ```
    /// use otpgate::recipient::{Recipient, RecipientError};
    ///
    /// assert!(Recipient::from_e164("+8613800138000").is_ok());
    /// assert_eq!(Recipient::from_e164("+86 13800138000").unwrap_err(), RecipientError::NotE164);
    /// assert_eq!(Recipient::from_e164("+86013800138000").unwrap_err(), RecipientError::NotCanonical);
    /// ```
    pub fn from_e164(text: &str) -> Result<Self, RecipientError> {
        let typed = Typed::strict(text).ok_or(RecipientError::NotE164)?;
        let number = parse::read(&typed, None)?;
        if number.value == canonical::value(0, typed.digits().as_slice()) {
            Ok(Self { number, typed })
        } else {
            Err(RecipientError::NotCanonical)
        }
    }

    /// The number that [`digits`](Self::digits) gave.
    pub(crate) fn from_digits(digits: u64) -> Result<Self, RecipientError> {
        let mut text = [0; 21];
        let mut start = text.len();
        let mut rest = digits;
        while rest > 0 {
            start = start.saturating_sub(1);
            if let Some(slot) = text.get_mut(start) {
                *slot = u8::try_from(rest % 10).unwrap_or(0).saturating_add(b'0');
            }
            rest /= 10;
        }
        start = start.saturating_sub(1);
        if let Some(slot) = text.get_mut(start) {
            *slot = b'+';
        }
        let text = text.get(start..).and_then(|text| std::str::from_utf8(text).ok());
        Self::from_e164(text.unwrap_or_default())
    }

    /// Calling code and national number as one: no calling code begins with 0.
    pub(crate) const fn digits(&self) -> u64 {
        self.number.value
    }

    /// Where the number is, as it was dialled: for its price.
    pub(crate) fn home(&self) -> Region {
        home_of(&self.number)
    }

    /// The country in which the line counts, however it was dialled: +972 59 is a line of Palestine's
    /// networks. What limits and lists know of countries is about lines.
    pub(crate) fn line_region(&self) -> Option<Region> {
        alias::line(&self.number).region
    }

    /// The line as the detector knows it: where it is, and the digits that all its spellings count as.
    pub(crate) fn line(&self) -> (Region, u64) {
        let line = alias::line(&self.number);
        (home_of(&line), line.value)
    }

    /// Every number of the line: as it was dialled, as it is counted, and its other spellings.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = (u64, u8)> + use<> {
        let line = alias::line(&self.number);
        let counted = (line.value != self.number.value).then_some(line);
        let dialled = self.number.value;
        std::iter::once(self.number)
            .chain(counted)
            .chain(alias::former(&line).filter(move |other| other.value != dialled))
            .map(|number| (number.value, number.length))
    }

    /// The country that was dialled, and the one that the line belongs to, if that is another: what is said
    /// of either holds.
    pub(crate) fn countries(&self) -> impl Iterator<Item = Region> + use<> {
        let (dialled, counted) = (self.region(), self.line_region());
        dialled.into_iter().chain(counted.filter(|_| counted != dialled))
    }

    /// The country calling code.
    pub const fn calling_code(&self) -> CallingCode {
        self.number.code
    }

    /// The region of the number; `None` if several regions share its calling code and none of them
    /// has such a number.
    ///
    /// Where regions share ranges of numbers, it is the larger one. So no mobile line is in Åland (`AX`:
    /// it is in `FI`), Saint Barthélemy or Saint Martin (`BL`, `MF`: `GP`), the Cocos Islands or Christmas
    /// Island (`CC`, `CX`: `AU`), Western Sahara (`EH`: `MA`), Svalbard (`SJ`: `NO`) or the Vatican (`VA`:
    /// `IT`), and none is sent to or switched off by their names.
    ///
    /// ```
    /// use otpgate::{Recipient, Region};
    ///
    /// let of = |text: &str| Recipient::from_e164(text).unwrap().region();
    /// assert_eq!(of("+18765550123"), Some(Region::JM), "+1 is not only the United States");
    /// assert_eq!(of("+12001234567"), None, "no region of +1 has an area code 200");
    /// ```
    pub const fn region(&self) -> Option<Region> {
        self.number.region
    }

    /// The kind of line; [`LineType::Unknown`] for a number that is not valid.
    pub const fn line_type(&self) -> LineType {
        self.number.line_type
    }

    /// Whether the number is in an assigned block. A possible number that is not valid reaches
    /// nobody, or somebody who is paid for it: pumping hides in unassigned ranges.
    ///
    /// ```
    /// use otpgate::recipient::Recipient;
    ///
    /// assert!(Recipient::from_e164("+12015550123")?.is_valid());
    /// assert!(!Recipient::from_e164("+12001234567")?.is_valid(), "no area code 200");
    /// # Ok::<(), otpgate::recipient::RecipientError>(())
    /// ```
    pub fn is_valid(&self) -> bool {
        self.number.line_type != LineType::Unknown
    }

    /// The number in E.164, for the transport that has to dial it.
    ///
    /// ```
    /// use otpgate::Recipient;
    ///
    /// let recipient = Recipient::from_e164("+4915112345678").unwrap();
    /// assert_eq!(recipient.expose_e164().as_str(), "+4915112345678");
    /// assert_eq!(format!("{recipient:?}"), "Recipient(+49…78)");
    /// assert_eq!(format!("{:?}", recipient.expose_e164()), "E164Text(+…)");
    /// ```
    pub fn expose_e164(&self) -> E164Text {
        E164Text::new(&self.number)
    }

    /// The key of the line: the same for every spelling of its number, including the few lines that
    /// have two E.164 numbers (Argentina with and without the 9, Palestine under +970 and +972, and
    /// the others of the table in `src/recipient/alias.rs`). What counters and blocks are keyed on.
    ///
    /// ```
    /// use otpgate::recipient::Recipient;
    ///
    /// let mobile = Recipient::from_e164("+5491123456789")?;
    /// let without_nine = Recipient::from_e164("+541123456789")?;
    /// assert_eq!(mobile.line_key(), without_nine.line_key());
    /// # Ok::<(), otpgate::recipient::RecipientError>(())
    /// ```
    pub fn line_key(&self) -> LineKey {
        LineKey(alias::line(&self.number).value)
    }

    /// The text as typed, reduced to ASCII digits and a leading `+`: at most 32 bytes. The
    /// front-end token is bound to this form, because a page can compute it without knowing any
    /// numbering plan: keep a leading `+` or `＋` as `+`, keep decimal digits of every script as ASCII
    /// digits, drop everything else.
    ///
    /// ```
    /// use otpgate::recipient::{Recipient, Region};
    ///
    /// let recipient = Recipient::parse("0151 / 1234-5678", Some(Region::DE))?;
    /// assert_eq!(recipient.typed(), "015112345678");
    /// # Ok::<(), otpgate::recipient::RecipientError>(())
    /// ```
    pub fn typed(&self) -> &str {
        self.typed.as_str()
    }

    pub(super) const fn canonical(&self) -> &Number {
        &self.number
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.number.value % 100;
        write!(f, "Recipient({}…{last:02})", self.number.code)
    }
}

/// A number in E.164, on the stack. `Debug` masks it.
#[derive(Clone, Copy)]
pub struct E164Text {
    text: [u8; MAX_DIGITS + 1],
    length: u8,
}

impl E164Text {
    fn new(number: &Number) -> Self {
        let mut text = [b'+'; MAX_DIGITS + 1];
        let mut rest = number.value;
        for slot in text.iter_mut().skip(1).take(usize::from(number.length)).rev() {
            *slot = u8::try_from(rest % 10).unwrap_or(0).saturating_add(b'0');
            rest /= 10;
        }
        Self { text, length: number.length.saturating_add(1) }
    }

    /// Leaves nothing of the number in memory.
    pub(crate) fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
    }

    /// The number: `+` and 7 to 15 digits.
    pub fn as_str(&self) -> &str {
        self.text
            .get(..usize::from(self.length))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl AsRef<str> for E164Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

crate::base::masked::debug_redacted!(E164Text, "+…");

/// What identifies a line in counters and blocks. Equal for all spellings of one number.
///
/// The bytes are the digits of a number, not a pseudonym: pass them through a keyed hash before
/// they are stored. `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey(u64);

impl LineKey {
    /// A fixed encoding, the same on every machine and in every version: the number as a big-endian
    /// integer.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

crate::base::masked::debug_redacted!(LineKey, "…");

/// Where a number is. One in no assigned block counts with the main country of its calling code: in one
/// place for the whole world such numbers would have no neighbours.
fn home_of(number: &Number) -> Region {
    number.region.or_else(|| number.code.main_region()).unwrap_or(Region::WORLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_shareable() {
        fn shareable<T: Send + Sync + 'static>() {}
        shareable::<Recipient>();
        assert!(size_of::<Recipient>() <= 64, "{}", size_of::<Recipient>());
    }

    #[test]
    fn the_digits_are_the_number() {
        for text in ["+4915112345678", "+37121234567", "+12025550123", "+390612345678"] {
            let number = Recipient::from_e164(text).unwrap();
            let again = Recipient::from_digits(number.digits()).unwrap();
            assert_eq!(again.expose_e164().as_str(), text);
            assert_eq!(again.typed(), text);
        }
        for digits in [0, 1, 999_151_123_456, u64::MAX] {
            assert!(Recipient::from_digits(digits).is_err(), "{digits}");
        }
    }

    #[test]
    fn nothing_that_prints_shows_the_number() {
        let recipient = Recipient::parse("+49 151 12345678", None).unwrap();
        let shown = format!(
            "{recipient:?} {:?} {:?} {:#?}",
            recipient.expose_e164(),
            recipient.line_key(),
            recipient
        );
        assert!(!shown.contains("151"), "{shown}");
        assert!(!shown.contains("5678"), "{shown}");
    }
}
