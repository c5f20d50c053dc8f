//! [`Pattern`]: a text of a template with places for values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::TemplateError;
use crate::http::SecretText;
use crate::transport::OutboundSms;

/// What stands in braces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Number,
    Digits,
    Text,
    Sender,
    Key,
    ReceiptKey,
    Callback,
    Purpose,
    Region,
    Segments,
    Entity,
    Template,
    Secret(String),
}

const NAMES: &str = "number, digits, text, sender, key, receipt_key, callback, purpose, region, \
                     segments, entity, template and secret.NAME";

impl Place {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "number" => Self::Number,
            "digits" => Self::Digits,
            "text" => Self::Text,
            "sender" => Self::Sender,
            "key" => Self::Key,
            "receipt_key" => Self::ReceiptKey,
            "callback" => Self::Callback,
            "purpose" => Self::Purpose,
            "region" => Self::Region,
            "segments" => Self::Segments,
            "entity" => Self::Entity,
            "template" => Self::Template,
            _ => {
                let secret = name.strip_prefix("secret.")?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                let right = (1..=64).contains(&secret.len()) && secret.bytes().all(plain);
                return right.then(|| Self::Secret(secret.to_owned()));
            }
        })
    }
}

/// The values of one text.
pub(super) struct Values<'a> {
    pub(super) sms: &'a OutboundSms,
    pub(super) sender: Option<&'a str>,
    pub(super) callback: Option<&'a str>,
    pub(super) secrets: &'a BTreeMap<String, SecretText>,
}

impl Values<'_> {
    fn of(&self, place: &Place) -> Option<Cow<'_, str>> {
        let registration = self.sms.registration();
        Some(match place {
            Place::Number => self.sms.expose_number().into(),
            Place::Digits => self.sms.expose_number().trim_start_matches('+').into(),
            Place::Text => self.sms.expose_text().into(),
            Place::Sender => self.sender?.into(),
            Place::Key => self.sms.idempotency_key().as_str().into(),
            Place::ReceiptKey => self.sms.callback_key().as_str().into(),
            Place::Callback => self.callback?.into(),
            Place::Purpose => {
                Some(self.sms.purpose()).filter(|purpose| !purpose.is_empty())?.into()
            }
            Place::Region => self.sms.region()?.to_string().into(),
            Place::Segments => self.sms.segments().to_string().into(),
            Place::Entity => registration?.entity_id()?.into(),
            Place::Template => registration?.template_id()?.into(),
            Place::Secret(name) => self.secrets.get(name)?.expose_secret().into(),
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Fixed(String),
    Value(Place),
}

/// Fixed text and places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern(Vec<Part>);

impl Pattern {
    /// `{name}` is a place, `{{` and `}}` are braces.
    pub(super) fn parse(key: &str, text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            fixed.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                fixed.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                fixed.push('}');
                rest = after;
            } else if let Some((name, after)) =
                from.strip_prefix('{').and_then(|inner| inner.split_once('}'))
            {
                let place = Place::named(name).ok_or_else(|| {
                    let problem = format!("a value in braces is one of {NAMES}");
                    TemplateError::new(key, problem)
                })?;
                if !fixed.is_empty() {
                    parts.push(Part::Fixed(std::mem::take(&mut fixed)));
                }
                parts.push(Part::Value(place));
                rest = after;
            } else {
                let problem = "a brace is not closed; write {{ or }} for a brace itself";
                return Err(TemplateError::new(key, problem));
            }
        }
        fixed.push_str(rest);
        if !fixed.is_empty() {
            parts.push(Part::Fixed(fixed));
        }
        Ok(Self(parts))
    }

    /// The text with each value as `escape` writes it. `None` if a value is missing this time; the
    /// inner `None` if one cannot be written.
    pub(super) fn fill(
        &self,
        values: &Values<'_>,
        escape: impl Fn(&str) -> Option<String>,
    ) -> Option<Option<Zeroizing<String>>> {
        let mut pieces = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            pieces.push(match part {
                Part::Fixed(text) => Zeroizing::new(text.clone()),
                Part::Value(place) => match escape(&values.of(place)?) {
                    Some(text) => Zeroizing::new(text),
                    None => return Some(None),
                },
            });
        }
        let length = pieces.iter().fold(0_usize, |sum, piece| sum.saturating_add(piece.len()));
        let mut text = Zeroizing::new(String::with_capacity(length));
        pieces.iter().for_each(|piece| text.push_str(piece));
        Some(Some(text))
    }

    /// The text with its values as they are. `None` if one is missing this time.
    pub(super) fn plain(&self, values: &Values<'_>) -> Option<Zeroizing<String>> {
        self.fill(values, |value| Some(value.to_owned())).flatten()
    }

    /// The text with `value` in every place.
    pub(super) fn sample(&self, value: &str) -> String {
        let text = |part: &Part| match part {
            Part::Fixed(text) => text.clone(),
            Part::Value(_) => value.to_owned(),
        };
        self.0.iter().map(text).collect()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter().filter_map(|part| match part {
            Part::Fixed(_) => None,
            Part::Value(place) => Some(place),
        })
    }

    /// Whether it is the same text each time.
    pub(super) fn is_fixed(&self) -> bool {
        self.places().next().is_none()
    }

    pub(super) fn uses(&self, place: &Place) -> bool {
        self.places().any(|used| used == place)
    }

    pub(super) fn has_secret(&self) -> bool {
        self.places().any(|place| matches!(place, Place::Secret(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_places_or_braces() {
        let pattern = Pattern::parse("k", "a{{{number}}}b{secret.api_key}").unwrap();
        assert_eq!(pattern.sample("x"), "a{x}bx");
        assert!(pattern.uses(&Place::Number) && pattern.has_secret());
        for bad in [
            "{",
            "}",
            "{number",
            "number}",
            "{nubmer}",
            "{}",
            "{ number }",
            "{secret.}",
            "{secret.a b}",
            "{secret}",
            "{number}}",
            "{{number}",
        ] {
            let error = Pattern::parse("request.url", bad).unwrap_err();
            assert_eq!(error.key(), "request.url", "{bad}");
        }
    }

    #[test]
    fn a_missing_value_leaves_the_whole_text_out() {
        let sms = OutboundSms::for_test("+4915123456789", "a & b", [1; 16]);
        let secrets = BTreeMap::new();
        let values = Values { sms: &sms, sender: None, callback: None, secrets: &secrets };
        let plain = |text| Pattern::parse("k", text).unwrap().plain(&values);
        assert_eq!(plain("{digits}|{text}").unwrap().as_str(), "4915123456789|a & b");
        assert_eq!(plain("{region}").unwrap().as_str(), "DE");
        for missing in ["x{sender}", "{callback}", "{entity}", "{purpose}", "{secret.none}"] {
            assert!(plain(missing).is_none(), "{missing}");
        }
    }
}
