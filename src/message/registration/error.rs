//! Why a registration cannot be used.

use crate::recipient::Region;

/// A registration that no registry gives, or that is there twice.
///
/// ```
/// use otpgate::message::{Registration, RegistrationError};
///
/// let error = Registration::dlt("1201", "1107", "Your code is {#url#}").unwrap_err();
/// assert_eq!(error, RegistrationError::Slot { name: "url".into() });
/// assert!(error.to_string().contains("{#numeric#}"), "it says what to write instead");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// An identifier of another form.
    #[error(
        "an identifier of a registration is 1 to 50 letters, digits, - and _; copy it from the registry's portal"
    )]
    Identifier,
    /// A sender that some provider would not take.
    #[error(
        "a registered sender is 1 to 11 letters and digits with one letter at least, a short code, or a number of up to 15 digits that begins with its country and not with 0; set any other with the adapter's `Senders`"
    )]
    Sender,
    /// A text without its template's identifier, or the other way round.
    #[error("a registered text and its template's identifier go together; give both or neither")]
    Unpaired,
    /// Nothing in it.
    #[error("the registration is empty; give an entity, a template, a campaign or a sender")]
    Empty,
    /// A registered text for no language.
    #[error(
        "the registered text for {region} names no language; say which template it belongs to, `en` for example"
    )]
    NoLanguage {
        /// The country.
        region: Region,
    },
    /// Two registrations for one text.
    #[error("{region} has two registrations for one language and kind of text; keep one")]
    Twice {
        /// The country.
        region: Region,
    },
    /// A slot that no field of a code message fits.
    #[error(
        "the registered text has the slot {{#{name}#}}; a code message has {{#var#}}, {{#numeric#}}, {{#number#}} and {{#alphanumeric#}}"
    )]
    Slot {
        /// The first 32 characters of its name.
        name: String,
    },
    /// No slot at all, so no code can stand in it.
    #[error("the registered text has no slot for the code; copy it with its {{#var#}}")]
    NoSlot,
    /// More than 2000 characters.
    #[error(
        "the registered text is longer than 2000 characters, which no registry takes; copy it again"
    )]
    TooLong,
    /// A tag that is no language.
    #[error("the registration's language is not a tag such as `en` or `pt-BR`; correct it")]
    Language,
}

crate::base::sentence::debug_as_sentence!(RegistrationError);
