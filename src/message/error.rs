//! Why a format cannot be built, and why a text is not sent.

use std::convert::Infallible;

use super::brand::BrandError;
use super::language::Language;
use super::origin::OriginHostError;
use crate::recipient::Region;

/// A message format that cannot work, found at start.
///
/// ```
/// use otpgate::message::{AppHash, MessageFormat, MessageFormatError};
///
/// let format = MessageFormat::builder("Example").origin("example.com");
/// let error = format.app_hash(AppHash::new("FA+9qCX9VSu")?).build().unwrap_err();
/// assert_eq!(error, MessageFormatError::OriginAndAppHash);
///
/// let error = MessageFormat::builder("Example ").build().unwrap_err();
/// assert_eq!(error.to_string(), "the brand begins or ends with a space; trim it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageFormatError {
    /// The brand is no brand.
    #[error(transparent)]
    Brand(#[from] BrandError),
    /// The origin, or the host of the frame in it, is no host.
    #[error(transparent)]
    Origin(#[from] OriginHostError),
    /// Both the origin-bound line and the app hash must be the last line.
    #[error(
        "the origin-bound line (`@host #code`, for browsers) and the app hash (for Android apps) both want the last line; build one format with `origin` and another with `app_hash` and choose by client"
    )]
    OriginAndAppHash,
    /// A host for a frame without a host for the page around it.
    #[error("an embedded host needs the host of the page around it; call `origin` as well")]
    EmbeddedAlone,
    /// No template for payments to fall back to.
    #[error(
        "payments are enabled and {language}, the default language, has no template for them; add one with `with_transaction`"
    )]
    NoTransactionTemplate {
        /// The default language.
        language: Language,
    },
    /// A template, or the brand in it, has characters outside GSM-7.
    #[error(
        "the text for {language} has characters that GSM-7 lacks: {characters}; replace them, or allow UCS-2 with segments of 70 instead of 160"
    )]
    NotGsm {
        /// The language.
        language: Language,
        /// The first few of them.
        characters: String,
    },
    /// The longest text of a template exceeds the limit.
    #[error(
        "the longest text for {language} takes {count} segments, more than the limit of {limit}; shorten the template, the brand or the host, or raise `max_segments`"
    )]
    Segments {
        /// The language.
        language: Language,
        /// Segments with the longest fields.
        count: usize,
        /// The limit.
        limit: u8,
    },
    /// The longest text of a template is more than an app may be sent.
    #[error(
        "the longest text for {language} has {bytes} bytes, more than the 140 that the SMS Retriever reads; shorten the template"
    )]
    TooLongForApp {
        /// The language.
        language: Language,
        /// Bytes with the longest fields.
        bytes: usize,
    },
    /// A text made from the template differs from the one that a country has registered.
    #[error(
        "the text for {language} differs from the one registered for {region} at character {position}; change the template, the brand or the last line, or register the text as it is"
    )]
    NotAsRegistered {
        /// The country.
        region: Region,
        /// The language.
        language: Language,
        /// The first character that differs, counted from 1.
        position: usize,
    },
    /// A country that compares texts has no registered text for the default language.
    #[error(
        "{region} has registered texts, and none for {language}, to which every other language falls back; register one{}", if *.payment { ", for payments too" } else { "" }
    )]
    NotRegistered {
        /// The country.
        region: Region,
        /// The default language.
        language: Language,
        /// Whether the text for payments is missing.
        payment: bool,
    },
    /// A registration for a text that is never made.
    #[error(
        "{region} has a registration for {language}, which has no such template; add the template (for payments call `transactions` too) or take the registration out"
    )]
    UnusedRegistration {
        /// The country.
        region: Region,
        /// The language.
        language: Language,
    },
    /// A text made from the template does not read back.
    #[error(
        "a text made from the template for {language} would not read back: {reason}; change the template"
    )]
    Misread {
        /// The language.
        language: Language,
        /// What was found.
        reason: Misread,
    },
}

/// A text that was not made, or made and held back. Nothing was sent.
///
/// ```
/// use otpgate::message::{Language, MessageFormat, RenderError, RenderFields};
/// use otpgate::otp::{Amount, Binding, CodeFormat, Passcode, Payee};
///
/// let format = MessageFormat::builder("Bank").build()?; // without `transactions`
/// let code = Passcode::draw(&CodeFormat::default(), &otpgate::SystemEntropy)?;
/// let payment = Binding::transaction(Amount::new("12.50", "EUR")?, Payee::new("Haus & Grund")?);
/// let language = Language::new("en")?;
/// let fields = RenderFields { language: &language, code: &code, binding: &payment, minutes: 5 };
/// assert_eq!(format.render(&fields).unwrap_err(), RenderError::NoTransactions);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The code is of another format than the one that was measured at start.
    #[error(
        "the code was drawn in another format than this message format was built for; nothing was sent; give both the same `CodeFormat`"
    )]
    CodeFormat,
    /// Not 1 to 99 minutes.
    #[error(
        "the life of the code is {minutes} minutes, not 1 to 99; nothing was sent; check the policy"
    )]
    Minutes {
        /// What was asked for.
        minutes: u8,
    },
    /// A payment, and a format that was not built for payments.
    #[error(
        "the code is bound to a payment and this message format was built without payments; nothing was sent; call `transactions` on its builder"
    )]
    NoTransactions,
    /// The payee has characters outside GSM-7.
    #[error(
        "the text has characters that GSM-7 lacks: {characters}; nothing was sent; respell the payee, or allow UCS-2"
    )]
    NotGsm {
        /// The first few of them.
        characters: String,
    },
    /// More segments than the limit.
    #[error(
        "the text takes {count} segments, more than the limit of {limit}; nothing was sent; shorten the payee or raise `max_segments`"
    )]
    Segments {
        /// Segments of this text.
        count: usize,
        /// The limit.
        limit: u8,
    },
    /// The finished text differs from the one that its country has registered.
    #[error(
        "the text differs from the registered template {template} at character {position}; nothing was sent; a field is longer than its slot, or of another kind"
    )]
    NotAsRegistered {
        /// The registry's identifier of the template.
        template: String,
        /// The first character that differs, counted from 1.
        position: usize,
    },
    /// A country that compares texts, and no registered one to send.
    #[error(
        "{region} takes registered texts only and has none of this kind; nothing was sent; register the text"
    )]
    NotRegistered {
        /// The country.
        region: Region,
    },
    /// The finished text does not read back as what it should say.
    #[error("the text did not read back: {0}; nothing was sent; report this with the template")]
    Misread(#[from] Misread),
}

impl From<Infallible> for MessageFormatError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What the second parser found wrong with a finished text.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misread {
    /// Not exactly one code, or not this one.
    #[error("it does not have exactly one code")]
    Code,
    /// Not the fixed parts in their order with fields of their classes between them.
    #[error("it does not have the shape of its template")]
    Shape,
    /// A line break or hidden character in the text for people.
    #[error("it has a line break or a hidden character")]
    Hidden,
    /// The last line is not exactly the origin and the code, or there is one where none belongs.
    #[error("its last line is not the expected origin and code")]
    Origin,
    /// The app hash is not the last line, or there are more than 140 bytes.
    #[error("it does not end with the app hash within 140 bytes")]
    AppHash,
    /// Whoever copies the whole text into the field for the code would enter another one, or none.
    #[error(
        "whoever pastes all of it does not enter its code, because another part reads like one or only a space or a dash parts the code from a number"
    )]
    Pasted,
}

crate::base::sentence::debug_as_sentence!(MessageFormatError, RenderError, Misread);
