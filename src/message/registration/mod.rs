//! What carriers and regulators have on file about a text: templates, entities, campaigns, senders.

mod error;
#[cfg(feature = "serde")]
mod row;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::language::Language;
use crate::recipient::Region;

pub use error::RegistrationError;
pub use text::RegisteredText;

/// What one country's registry has on file about one text. Each provider gets it in its own fields
/// (`docs/providers.md`); nothing in it is secret.
///
/// India wants all of it: the carriers compare every text with the template that is registered, character
/// by character, and drop a paid text that differs in one.
///
/// ```
/// use otpgate::message::Registration;
///
/// let dlt = Registration::dlt(
///     "1201159409941345107", // the principal entity
///     "1107158980000012345", // the content template
///     "{#numeric#} is your Example code, good for {#numeric#} min.",
/// )?
/// .sender("EXMPLE"); // the header
/// assert_eq!(dlt.template_id(), Some("1107158980000012345"));
///
/// let us = Registration::campaign("CABC123"); // 10DLC: the sender is what is registered
/// assert!(us.text().is_none());
/// # Ok::<(), otpgate::message::RegistrationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Registration {
    entity: Option<String>,
    template: Option<String>,
    campaign: Option<String>,
    sender: Option<OnFile>,
    text: Option<RegisteredText>,
}

/// A sender as it was given, and in the one spelling that adapters start from.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OnFile {
    given: String,
    canonical: String,
}

impl Registration {
    /// A content template of India's DLT: the identifiers of the principal entity and of the template,
    /// and its text with the slots as they are registered ([`RegisteredText`]).
    ///
    /// # Errors
    ///
    /// [`RegistrationError`] if the text has no slot, or one that no code message has.
    pub fn dlt(
        entity: impl Into<String>,
        template: impl Into<String>,
        text: &str,
    ) -> Result<Self, RegistrationError> {
        Ok(Self {
            entity: Some(entity.into()),
            template: Some(template.into()),
            text: Some(RegisteredText::parse(text)?),
            ..Self::default()
        })
    }

    /// A campaign of The Campaign Registry (US 10DLC). Carriers find it by the sender, which is a
    /// number or a messaging service of the adapter's [`Senders`](crate::transport::Senders); the
    /// identifier is for providers that take it with a text, and for the log.
    pub fn campaign(id: impl Into<String>) -> Self {
        Self { campaign: Some(id.into()), ..Self::default() }
    }

    /// A sender of a registry such as Singapore's, and nothing else.
    pub fn sender_only(sender: impl Into<String>) -> Self {
        Self::default().sender(sender)
    }

    /// The sender that the text is registered with, in place of the adapter's own for the country: 1 to
    /// 11 letters and digits, a short code, or a number with its country, with or without `+`. Each
    /// adapter spells a number as its provider wants it: Twilio gets the `+`, Esendex does not. A
    /// [template](crate::transport) and Infobip get the sender as you give it.
    ///
    /// ```
    /// use otpgate::message::Registration;
    ///
    /// let on_file = |sender| Registration::sender_only(sender).sender_id().map(str::to_owned);
    /// assert_eq!(on_file("447700900123").as_deref(), Some("+447700900123"));
    /// assert_eq!(on_file("+650001").as_deref(), Some("650001")); // a short code has no country
    /// ```
    pub fn sender(mut self, sender: impl Into<String>) -> Self {
        let given = sender.into();
        self.sender = Some(OnFile { canonical: canonical(&given), given });
        self
    }

    /// The identifier of the principal entity.
    pub fn entity_id(&self) -> Option<&str> {
        self.entity.as_deref()
    }

    /// The identifier of the template.
    pub fn template_id(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// The identifier of the campaign.
    pub fn campaign_id(&self) -> Option<&str> {
        self.campaign.as_deref()
    }

    /// The registered sender, in one spelling: a number with its `+`, a short code or a name without.
    pub fn sender_id(&self) -> Option<&str> {
        self.sender.as_ref().map(|sender| sender.canonical.as_str())
    }

    /// The registered sender as the host wrote it.
    pub(crate) fn sender_as_given(&self) -> Option<&str> {
        self.sender.as_ref().map(|sender| sender.given.as_str())
    }

    /// The registered text, if the country compares it.
    pub fn text(&self) -> Option<&RegisteredText> {
        self.text.as_ref()
    }

    fn check(&self) -> Result<(), RegistrationError> {
        let identifier = |id: &String| {
            (1..=50).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let ids = [&self.entity, &self.template, &self.campaign];
        if !ids.into_iter().flatten().all(identifier) {
            return Err(RegistrationError::Identifier);
        }
        if self.text.is_some() != self.template.is_some() {
            return Err(RegistrationError::Unpaired);
        }
        if !self.sender_as_given().is_none_or(is_sender) {
            return Err(RegistrationError::Sender);
        }
        let empty = ids.into_iter().all(Option::is_none) && self.sender.is_none();
        if empty { Err(RegistrationError::Empty) } else { Ok(()) }
    }
}

/// What every provider takes for a sender. No country begins with 0, so neither does a number.
fn is_sender(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let number = (3..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !(digits.len() > SHORT_CODE && digits.starts_with('0'));
    let name = (1..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    number || name
}

/// The longest short code: what is longer is a number with its country.
const SHORT_CODE: usize = 8;

/// The shortest number with its country: what is shorter is a short code.
const NUMBER: usize = 7;

/// A number with its `+`, a short code without. Of 7 or 8 digits only the `+` tells which it is.
fn canonical(given: &str) -> String {
    let digits = given.strip_prefix('+').unwrap_or(given);
    match digits.len() {
        _ if !digits.bytes().all(|byte| byte.is_ascii_digit()) => given.to_owned(),
        length if length > SHORT_CODE => format!("+{digits}"),
        length if length < NUMBER => digits.to_owned(),
        _ => given.to_owned(),
    }
}

/// The registrations of a gate, by country and language. With the feature `serde` a list of tables:
///
/// ```toml
/// [[registrations]]
/// country = "IN"
/// language = "en"
/// entity = "1201159409941345107"
/// template = "1107158980000012345"
/// text = "{#numeric#} is your Example code, good for {#numeric#} min."
/// sender = "EXMPLE"
///
/// [[registrations]]
/// country = "US"
/// campaign = "CABC123"
/// ```
///
/// A country with one registered text is *closed*: only registered texts go there. A reader whose
/// language has none gets the default language, which must have one.
///
/// ```
/// use otpgate::Region;
/// use otpgate::message::{
///     Language, MessageFormat, MessageFormatError, Messages, Registration, Registrations,
///     Template,
/// };
///
/// let english = Language::new("en")?;
/// let text = "{code} is your {brand} code, good for {minutes} min.";
/// let messages = Messages::new(english.clone(), Template::compile(text)?)?;
/// let format = MessageFormat::builder("Example").messages(messages);
/// let with = |registered: &str| {
///     let dlt = Registration::dlt("1201159409941345107", "1107158980000012345", registered)?;
///     let registrations = Registrations::new().with(Region::IN, english.clone(), dlt)?;
///     Ok::<_, Box<dyn std::error::Error>>(format.clone().registrations(registrations).build())
/// };
///
/// assert!(with("{#numeric#} is your Example code, good for {#numeric#} min.")?.is_ok());
/// let error = with("{#numeric#} is your Example code; good for {#numeric#} min.")?.unwrap_err();
/// assert!(matches!(error, MessageFormatError::NotAsRegistered { position: 28, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Registrations {
    rows: BTreeMap<Key, Arc<Registration>>,
}

/// The country, the language or all, and whether it is for payments.
type Key = (Region, Option<Language>, bool);

impl Registrations {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what is registered of the text in `language` for `region`.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`] if an identifier or the sender is not of the form that registries give, or
    /// there is such a registration already.
    pub fn with(
        self,
        region: Region,
        language: Language,
        registration: Registration,
    ) -> Result<Self, RegistrationError> {
        self.add((region, Some(language), false), registration)
    }

    /// As [`with`](Self::with), for the text of payments.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub fn with_transaction(
        self,
        region: Region,
        language: Language,
        registration: Registration,
    ) -> Result<Self, RegistrationError> {
        self.add((region, Some(language), true), registration)
    }

    /// Adds what is registered of a country's texts in every language: a campaign, a sender.
    ///
    /// # Errors
    ///
    /// [`RegistrationError::NoLanguage`] if it has a text; otherwise as [`with`](Self::with).
    pub fn in_region(
        self,
        region: Region,
        registration: Registration,
    ) -> Result<Self, RegistrationError> {
        self.add((region, None, false), registration)
    }

    fn add(mut self, key: Key, registration: Registration) -> Result<Self, RegistrationError> {
        registration.check()?;
        if key.1.is_none() && registration.text.is_some() {
            return Err(RegistrationError::NoLanguage { region: key.0 });
        }
        let region = key.0;
        match self.rows.insert(key, Arc::new(registration)) {
            None => Ok(self),
            Some(_) => Err(RegistrationError::Twice { region }),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether only registered texts may go to `region`.
    #[must_use]
    pub fn is_closed(&self, region: Region) -> bool {
        self.of_region(region).any(|(_, row)| row.text.is_some())
    }

    /// What is registered of the text that the template of `language` makes.
    pub(super) fn find(
        &self,
        region: Region,
        language: &Language,
        payment: bool,
    ) -> Option<&Arc<Registration>> {
        if self.rows.is_empty() {
            return None;
        }
        let own = self.rows.get(&(region, Some(language.clone()), payment));
        own.or_else(|| self.rows.get(&(region, None, false)))
    }

    /// Every registered text: country, language, whether for payments.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Region, &Language, bool, &Registration)> {
        self.rows.iter().filter_map(|((region, language, payment), row)| {
            row.text.as_ref()?;
            Some((*region, language.as_ref()?, *payment, &**row))
        })
    }

    /// Every language that something is registered for.
    pub(super) fn languages(&self) -> impl Iterator<Item = (Region, &Language, bool)> {
        let keys = self.rows.keys();
        keys.filter_map(|(region, language, payment)| Some((*region, language.as_ref()?, *payment)))
    }

    fn of_region(&self, region: Region) -> impl Iterator<Item = (&Key, &Arc<Registration>)> {
        self.rows.range((region, None, false)..).take_while(move |((own, _, _), _)| *own == region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_checked_when_it_is_added() {
        let english = || Language::new("en").unwrap();
        let add = |row: Registration| Registrations::new().with(Region::IN, english(), row);
        let dlt = |entity: &str| Registration::dlt(entity, "1107", "{#var#} is your code").unwrap();
        assert!(add(dlt("1201")).is_ok());
        for bad in ["", "12 01", "12\n01", "१२०१", &"1".repeat(51)] {
            assert_eq!(add(dlt(bad)), Err(RegistrationError::Identifier), "{bad:?}");
        }
        for good in ["EXMPLE", "Shop24", "650001", "+6591234567", "a"] {
            assert!(add(dlt("1201").sender(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "My Shop",
            "Twelve chars",
            "12",
            "+",
            "a\nb",
            "+65a",
            "Müller",
            "0044770090",
            "++65",
        ] {
            assert_eq!(add(dlt("1201").sender(bad)), Err(RegistrationError::Sender), "{bad:?}");
        }
        assert_eq!(add(Registration::default()), Err(RegistrationError::Empty));
        let twice = add(dlt("1201")).unwrap().with(Region::IN, english(), dlt("1202"));
        assert_eq!(twice, Err(RegistrationError::Twice { region: Region::IN }));
        let everywhere = Registrations::new().in_region(Region::IN, dlt("1201"));
        assert_eq!(everywhere, Err(RegistrationError::NoLanguage { region: Region::IN }));
    }

    #[test]
    fn a_sender_has_one_spelling() {
        for (given, canonical) in [
            ("447700900123", "+447700900123"),
            ("+447700900123", "+447700900123"),
            ("123456789", "+123456789"),
            // A number of St Helena, or a short code of eight digits.
            ("+29022222", "+29022222"),
            ("29022222", "29022222"),
            ("650001", "650001"),
            ("+650001", "650001"),
            ("EXMPLE", "EXMPLE"),
            ("12345678901a", "12345678901a"),
            ("", ""),
        ] {
            let row = Registration::sender_only(given);
            assert_eq!(row.sender_id(), Some(canonical), "{given}");
            assert_eq!(row.sender_as_given(), Some(given));
        }
    }

    #[test]
    fn a_country_is_closed_by_a_text_and_by_nothing_else() {
        let english = Language::new("en").unwrap();
        let dlt = Registration::dlt("1201", "1107", "{#var#} is your code").unwrap();
        let rows = Registrations::new()
            .with(Region::IN, english.clone(), dlt)
            .unwrap()
            .in_region(Region::US, Registration::campaign("CABC123"))
            .unwrap()
            .in_region(Region::SG, Registration::sender_only("Example"))
            .unwrap();
        assert!(rows.is_closed(Region::IN));
        assert!(!rows.is_closed(Region::US) && !rows.is_closed(Region::SG));
        assert!(!rows.is_closed(Region::DE));
        let hindi = Language::new("hi").unwrap();
        assert!(rows.find(Region::IN, &english, false).is_some());
        assert!(rows.find(Region::IN, &hindi, false).is_none());
        assert!(rows.find(Region::IN, &english, true).is_none());
        assert_eq!(rows.find(Region::US, &hindi, true).unwrap().campaign_id(), Some("CABC123"));
    }
}
