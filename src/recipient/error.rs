//! Why a text is not accepted as a recipient, a region or a prefix.

/// Why a text was not accepted as a recipient. Holds no part of the text.
///
/// Its `Display` says what to ask the person for, and can be logged as it is:
///
/// ```
/// use otpgate::{Recipient, RecipientError, Region};
///
/// let error = |text| Recipient::parse(text, Some(Region::DE)).unwrap_err();
/// assert_eq!(error("0151 12345678 ext. 9"), RecipientError::Letter);
/// assert_eq!(error("0151 12345678#9"), RecipientError::Extension);
/// assert_eq!(error("+999 12345678"), RecipientError::UnknownCallingCode);
/// assert_eq!(error("").to_string(), "the phone number is empty; ask for one");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientError {
    /// There is no digit in it.
    #[error("the phone number is empty; ask for one")]
    Empty,
    /// More than 32 characters from the first digit to the last, or more than 256 bytes. Refused
    /// before parsing, so that parsing stays cheap.
    #[error("the phone number has more than 32 characters; ask for the number alone")]
    Oversized,
    /// A letter: a vanity number, `tel:`, `ext`, or an O for a zero.
    #[error("the phone number has a letter in it; ask for digits only")]
    Letter,
    /// `;`, `,`, `#`, `*` or `=`: an extension or a service code. An SMS can not reach either.
    #[error("the phone number has an extension or a service code; ask for the number without it")]
    Extension,
    /// Anything else that is neither a digit nor a separator: a symbol, a control character, U+202E
    /// (which shows digits in reverse), or a line break, tab or quotation mark between two digits.
    #[error("the phone number has a character that is no digit or separator; ask to retype it")]
    UnexpectedCharacter,
    /// A `+` that is not at the beginning.
    #[error("the phone number has a + after its beginning; ask for one number at a time")]
    MisplacedPlus,
    /// Not strict E.164: `+`, no leading zero, 7 to 15 ASCII digits and nothing else.
    #[error("the text is not E.164; use Recipient::parse for what a person typed")]
    NotE164,
    /// A national form, and no region to read it in.
    #[error("the phone number has no country code; ask for it, or pass a default region")]
    MissingCountry,
    /// The digits after the `+` or the international prefix begin with no calling code in use.
    #[error("the phone number begins with no known country code; ask to check it")]
    UnknownCallingCode,
    /// Fewer digits than any number of the country, or fewer than 7 with the calling code.
    #[error("the phone number is too short for its country; ask to check it")]
    TooShort,
    /// More digits than any number of the country, or more than the 15 of E.164.
    #[error("the phone number is too long for its country; ask to check it")]
    TooLong,
    /// Between the shortest and the longest, but of a length that the country does not use.
    #[error("the phone number has a length that its country does not use; ask to check it")]
    UnusedLength,
    /// A number that can be dialled only inside its own area.
    #[error("the phone number lacks its area code; ask for the whole number")]
    LocalOnly,
    /// It could be read in two ways: a second trunk prefix follows the first, or `00` and the country's
    /// own code are also the prefix of a carrier (`0055 51 …` in Brazil, `0082 010 …` in Korea).
    #[error(
        "the phone number has a prefix too many or can be read in two ways; ask for the form with + and country code"
    )]
    NotCanonical,
}

/// The text names no region of the numbering table.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a region with a numbering plan; use an ISO 3166-1 alpha-2 code such as DE, or 001")]
#[non_exhaustive]
pub struct RegionError;

/// The text is no prefix of the ladder.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a number block; use a region (DE), a calling code (+882), or + digits and 2 to 6 x (+4915112xxxxxx); split a block that holds renumbered lines and others"
)]
#[non_exhaustive]
pub struct PrefixError;

crate::base::sentence::debug_as_sentence!(RecipientError, RegionError, PrefixError);
