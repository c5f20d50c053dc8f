//! The set of templates: by language, with a way to fall back.

use std::collections::BTreeMap;

use super::builtin;
use super::language::Language;
use super::template::{Field, Template};

/// The templates of a gate: for each language one for codes and, where payments are confirmed, one
/// that shows amount and payee.
///
/// A language that is not there falls back as RFC 4647 §3.4 says, `pt-BR` to `pt`, and then to the
/// default language. The built-in set ([`Default`]) has English as default, German, French, Spanish,
/// Portuguese, Italian, Dutch, Polish, Turkish and Indonesian.
///
/// ```
/// use otpgate::message::{Language, Messages, Template};
///
/// let messages = Messages::default()
///     .with(Language::new("en")?, Template::compile("{brand}: {code}. Tell nobody.")?)?;
/// assert!(messages.with(Language::new("sv")?, Template::compile("{code} {amount}")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Messages {
    default: Language,
    plain: BTreeMap<Language, Template>,
    transaction: BTreeMap<Language, Template>,
}

impl Messages {
    /// A set of one language, which is the default one.
    ///
    /// # Errors
    ///
    /// [`MessagesError::Unfillable`] as [`with`](Self::with).
    pub fn new(default: Language, plain: Template) -> Result<Self, MessagesError> {
        let empty =
            Self { default: default.clone(), plain: BTreeMap::new(), transaction: BTreeMap::new() };
        empty.with(default, plain)
    }

    /// Adds or replaces the template of a language.
    ///
    /// # Errors
    ///
    /// [`MessagesError::Unfillable`] if it has `{amount}` or `{payee}`, which only a payment has.
    pub fn with(mut self, language: Language, plain: Template) -> Result<Self, MessagesError> {
        for field in [Field::Amount, Field::Payee] {
            if plain.has(field) {
                return Err(MessagesError::Unfillable { language, field });
            }
        }
        self.plain.insert(language, plain);
        Ok(self)
    }

    /// Adds or replaces the template of a language for payments.
    ///
    /// # Errors
    ///
    /// [`MessagesError::Unbound`] if it lacks `{amount}` or `{payee}`: the payer must be shown both
    /// (Delegated Regulation (EU) 2018/389, Art. 5(1)(a)).
    ///
    /// ```
    /// use otpgate::message::{Language, Messages, Template};
    ///
    /// let swedish = Language::new("sv")?;
    /// let whole = Template::compile("{code}: betala {amount} till {payee}.")?;
    /// assert!(Messages::default().with_transaction(swedish.clone(), whole).is_ok());
    /// let hides_the_payee = Template::compile("{code}: betala {amount}.")?;
    /// assert!(Messages::default().with_transaction(swedish, hides_the_payee).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_transaction(
        mut self,
        language: Language,
        transaction: Template,
    ) -> Result<Self, MessagesError> {
        for field in [Field::Amount, Field::Payee] {
            if !transaction.has(field) {
                return Err(MessagesError::Unbound { language, field });
            }
        }
        self.transaction.insert(language, transaction);
        Ok(self)
    }

    /// The language that all others fall back to.
    pub const fn default_language(&self) -> &Language {
        &self.default
    }

    /// The languages that have a template of their own.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.plain.keys()
    }

    /// The template for `language` in the order of its fallbacks, of those that `speaks` admits, and the
    /// language that it is kept under.
    pub(super) fn template(
        &self,
        language: &Language,
        payment: bool,
        speaks: impl Fn(&Language) -> bool,
    ) -> Option<(&Language, &Template)> {
        let templates = if payment { &self.transaction } else { &self.plain };
        let mut tags = language.lookup().chain([self.default.as_str()]);
        tags.find_map(|tag| templates.get_key_value(tag).filter(|(own, _)| speaks(own)))
    }

    /// Whether `language` has a template of its own.
    pub(super) fn speaks(&self, language: &Language, payment: bool) -> bool {
        let templates = if payment { &self.transaction } else { &self.plain };
        templates.contains_key(language)
    }

    pub(super) fn all_plain(&self) -> impl Iterator<Item = (&Language, &Template)> {
        self.plain.iter()
    }

    pub(super) fn all_transaction(&self) -> impl Iterator<Item = (&Language, &Template)> {
        self.transaction.iter()
    }
}

impl Default for Messages {
    fn default() -> Self {
        let compiled = |pick: fn(&(&str, &'static str, &'static str)) -> &'static str| {
            builtin::TEXTS
                .iter()
                .filter_map(|text| {
                    Some((Language::new(text.0).ok()?, Template::compile(pick(text)).ok()?))
                })
                .collect()
        };
        Self {
            default: Language::english(),
            plain: compiled(|text| text.1),
            transaction: compiled(|text| text.2),
        }
    }
}

/// A template in the wrong place.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesError {
    /// A plain template with a field that only payments fill.
    #[error(
        "the template for {language} has {field}, which only a payment has; add it with `with_transaction`"
    )]
    Unfillable {
        /// The language.
        language: Language,
        /// The field.
        field: Field,
    },
    /// A template for payments that hides what is paid, or to whom.
    #[error(
        "the template for payments in {language} lacks {field}; the payer must see amount and payee"
    )]
    Unbound {
        /// The language.
        language: Language,
        /// The field.
        field: Field,
    },
}

crate::base::sentence::debug_as_sentence!(MessagesError);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::gsm;

    fn language(tag: &str) -> Language {
        Language::new(tag).unwrap()
    }

    fn template(text: &str) -> Template {
        Template::compile(text).unwrap()
    }

    #[test]
    fn every_built_in_text_compiles_and_is_gsm_7() {
        let messages = Messages::default();
        assert_eq!(messages.plain.len(), builtin::TEXTS.len());
        assert_eq!(messages.transaction.len(), builtin::TEXTS.len());
        for (tag, plain, transaction) in builtin::TEXTS {
            assert_eq!(gsm::strangers(plain) + &gsm::strangers(transaction), "", "{tag}");
            for (text, set) in [(plain, &messages.plain), (transaction, &messages.transaction)] {
                let template = &set[&language(tag)];
                assert_eq!(template, &self::template(text));
                assert!(template.has(Field::Brand), "{tag}");
            }
            assert!(messages.plain[&language(tag)].has(Field::Minutes), "{tag}");
            messages.clone().with(language(tag), template(plain)).unwrap();
            messages.clone().with_transaction(language(tag), template(transaction)).unwrap();
        }
    }

    #[test]
    fn languages_fall_back_to_the_shorter_tag_and_then_to_the_default() {
        let messages = Messages::new(language("en"), template("en {code}"))
            .unwrap()
            .with(language("pt"), template("pt {code}"))
            .unwrap()
            .with(language("zh-Hant"), template("zh {code}"))
            .unwrap()
            .with_transaction(language("en"), template("en {code} {amount} {payee}"))
            .unwrap();
        let find = |tag: &str, payment| messages.template(&language(tag), payment, |_| true);
        let found = |tag: &str| find(tag, false).map(|(_, template)| template.clone());
        assert_eq!(found("pt-BR"), Some(template("pt {code}")));
        assert_eq!(found("PT"), Some(template("pt {code}")));
        assert_eq!(found("zh-Hant-TW"), Some(template("zh {code}")));
        assert_eq!(found("zh"), Some(template("en {code}")));
        assert_eq!(found("sv-SE"), Some(template("en {code}")));
        assert!(find("pt-BR", true).is_some());
        let spoken = messages.template(&language("pt-BR"), false, |own| own.as_str() != "pt");
        assert_eq!(spoken.unwrap().0.as_str(), "en");
    }

    #[test]
    fn templates_go_where_their_fields_can_be_filled() {
        let set = || Messages::new(language("en"), template("{code}")).unwrap();
        for text in ["{code} {amount}", "{code} {payee}", "{code} {amount} {payee}"] {
            assert!(set().with(language("de"), template(text)).is_err());
            assert!(Messages::new(language("de"), template(text)).is_err());
        }
        for text in ["{code} {amount}", "{code} {payee}", "{code}"] {
            assert!(set().with_transaction(language("de"), template(text)).is_err());
        }
    }
}
