//! [`Body`]: the body of a request, each value escaped for its place.

use form_urlencoded::Serializer;
use serde_json::Value;

use super::TemplateError;
use super::pattern::{Pattern, Place, Values};
use crate::transport::xml::{Element, content};

/// More than any request, so that no buffer with number and text moves and leaves a copy.
const ROOM: usize = 4_096;

/// The body of a request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Body {
    None,
    Form(Fields),
    Json(Node),
    Xml(Pattern),
}

/// A value has a character that the format cannot carry.
pub(super) struct Uncarried;

impl Body {
    pub(super) fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Form(_) => Some("application/x-www-form-urlencoded"),
            Self::Json(_) => Some("application/json"),
            Self::Xml(_) => Some("application/xml"),
        }
    }

    pub(super) fn write(&self, values: &Values<'_>) -> Result<Vec<u8>, Uncarried> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Form(fields) => Ok(fields.write(values).into_bytes()),
            Self::Json(node) => {
                let mut buffer = Vec::with_capacity(ROOM);
                node.write(values, &mut buffer);
                Ok(buffer)
            }
            Self::Xml(pattern) => match pattern.fill(values, carried) {
                Some(Some(text)) => Ok(text.as_bytes().to_vec()),
                _ => Err(Uncarried),
            },
        }
    }

    pub(super) fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::None => Vec::new(),
            Self::Form(fields) => fields.patterns().collect(),
            Self::Json(node) => node.patterns(),
            Self::Xml(pattern) => vec![pattern],
        }
    }
}

/// Names and values of a form or of a query.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, Pattern)>);

impl Fields {
    /// Fields without a value this time are left out.
    pub(super) fn write(&self, values: &Values<'_>) -> String {
        let mut form = Serializer::new(String::with_capacity(ROOM));
        for (name, pattern) in &self.0 {
            if let Some(value) = pattern.plain(values) {
                form.append_pair(name, &value);
            }
        }
        form.finish()
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter().map(|(_, pattern)| pattern)
    }
}

/// A piece of JSON whose texts are patterns.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Node {
    Text(Pattern),
    Fixed(Value),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn parse(key: &str, value: &Value) -> Result<Self, TemplateError> {
        Ok(match value {
            Value::String(text) => Self::Text(Pattern::parse(key, text)?),
            Value::Array(items) => {
                let parsed: Result<_, _> = items
                    .iter()
                    .enumerate()
                    .map(|(place, item)| Self::parse(&format!("{key}.{place}"), item))
                    .collect();
                Self::List(parsed?)
            }
            Value::Object(members) => {
                let parse = |(name, member): (&String, &Value)| {
                    let key = format!("{key}.{name}");
                    let node = Self::parse(&key, member)?;
                    match is_credential(name) && node.is_fixed() {
                        true => Err(TemplateError::new(key, IN_FILE)),
                        false => Ok((name.clone(), node)),
                    }
                };
                Self::Object(members.iter().map(parse).collect::<Result<_, TemplateError>>()?)
            }
            fixed => Self::Fixed(fixed.clone()),
        })
    }

    /// Whether it is a text or a number without a place, or has one in a list.
    fn is_fixed(&self) -> bool {
        match self {
            Self::Text(pattern) => pattern.is_fixed(),
            Self::Fixed(value) => value.is_number(),
            Self::List(items) => items.iter().any(Self::is_fixed),
            Self::Object(_) => false,
        }
    }

    /// Writes itself, unless a value is missing this time.
    fn write(&self, values: &Values<'_>, to: &mut Vec<u8>) -> bool {
        let start = to.len();
        let written = match self {
            // It cannot fail: a buffer takes every byte, and every text is a JSON string.
            Self::Text(pattern) => match pattern.plain(values) {
                Some(text) => serde_json::to_writer(&mut *to, text.as_str()).is_ok(),
                None => false,
            },
            Self::Fixed(value) => serde_json::to_writer(&mut *to, value).is_ok(),
            Self::List(items) => {
                to.push(b'[');
                let mut first = true;
                for item in items {
                    first &= !separated(to, first, |to| item.write(values, to));
                }
                to.push(b']');
                true
            }
            Self::Object(members) => {
                to.push(b'{');
                let mut first = true;
                for (name, member) in members {
                    first &= !separated(to, first, |to| {
                        let named = serde_json::to_writer(&mut *to, name).is_ok();
                        to.push(b':');
                        named && member.write(values, to)
                    });
                }
                to.push(b'}');
                true
            }
        };
        if !written {
            to.truncate(start);
        }
        written
    }

    fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::Text(pattern) => vec![pattern],
            Self::Fixed(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::patterns).collect(),
            Self::Object(members) => {
                members.iter().flat_map(|(_, member)| member.patterns()).collect()
            }
        }
    }
}

/// Writes an item after a comma, or nothing at all.
fn separated(to: &mut Vec<u8>, first: bool, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    let start = to.len();
    if !first {
        to.push(b',');
    }
    let written = write(to);
    if !written {
        to.truncate(start);
    }
    written
}

/// `value` as content or attribute, read back unchanged from both.
fn carried(value: &str) -> Option<String> {
    // A parser makes a blank of a line break or a tab in an attribute.
    content(value).map(|text| text.replace('\n', "&#10;").replace('\t', "&#9;"))
}

/// XML whose places stand in content or in attribute values, and nowhere else.
pub(super) fn xml(key: &str, text: &str) -> Result<Body, TemplateError> {
    let pattern = Pattern::parse(key, text)?;
    let optional = |place: &Place| {
        matches!(place, Place::Callback | Place::Purpose | Place::Region)
            || matches!(place, Place::Entity | Place::Template)
    };
    if pattern.places().any(optional) {
        let problem = "an element cannot be left out; callback, purpose, region, entity and \
                       template may be missing";
        return Err(TemplateError::new(key, problem));
    }
    let whole = Element::parse(pattern.sample("x").as_bytes()).is_some();
    if text.contains("<!") || !whole || !in_content(&pattern.sample(MARK)) {
        let problem = "it is one XML document without comments, CDATA and document type, with its \
                       values between tags or in quoted attributes";
        return Err(TemplateError::new(key, problem));
    }
    let sample = pattern.sample(VALUE);
    if let Some(name) = Element::parse(sample.as_bytes()).as_ref().and_then(fixed_credential) {
        return Err(TemplateError::new(format!("{key}.{name}"), IN_FILE));
    }
    Ok(Body::Xml(pattern))
}

/// Whether a field of this name holds a credential, which has its value from the source of secrets.
pub(super) fn is_credential(name: &str) -> bool {
    const NAMES: [&str; 6] = ["key", "token", "secret", "password", "pass", "authorization"];
    let lower = name.to_ascii_lowercase();
    NAMES.iter().any(|end| lower.ends_with(end))
}

/// What to do about a credential that stands in a template.
pub(super) const IN_FILE: &str = "write \"{secret.NAME}\": no credential stands in a file";

/// The first element or attribute that is named like a credential and holds no value from elsewhere.
fn fixed_credential(element: &Element) -> Option<String> {
    let mut texts = element.attributes().chain([(element.name(), element.text().trim())]);
    let fixed =
        texts.find(|(name, text)| is_credential(name) && !text.is_empty() && !text.contains(VALUE));
    match fixed {
        Some((name, _)) => Some(name.to_owned()),
        None => element.children().iter().find_map(fixed_credential),
    }
}

/// Stands for a value; no document of a provider has this character.
const VALUE: &str = "\u{e000}";

/// Stands for a value; XML has no such character.
const MARK: &str = "\u{1}";

/// Whether each mark stands between tags or in a quoted attribute. The parser is no judge of it: it
/// takes nearly anything for a name.
fn in_content(document: &str) -> bool {
    let (mut in_tag, mut quote) = (false, None);
    for symbol in document.chars() {
        match (symbol, quote) {
            (_, Some(open)) if symbol == open => quote = None,
            (_, Some(_)) => {}
            ('<', None) => in_tag = true,
            ('>', None) => in_tag = false,
            ('"' | '\'', None) if in_tag => quote = Some(symbol),
            ('\u{1}', None) if in_tag => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::transport::OutboundSms;

    const ODD: &str = "\"a\" & <b> 'c' \\ 100% = + é\n€";

    fn written(body: &Body) -> String {
        let sms = OutboundSms::for_test("+15550100", ODD, [1; 16]);
        let secrets = BTreeMap::new();
        let values = Values { sms: &sms, sender: Some("A&B"), callback: None, secrets: &secrets };
        String::from_utf8(body.write(&values).ok().unwrap()).unwrap()
    }

    #[test]
    fn each_value_is_escaped_for_its_place() {
        let json = serde_json::json!({
            "m": [{ "t": "{text}", "c": "{callback}", "n": 1, "s": "x {sender}" }, "{callback}"],
            "l": ["{callback}", "{number}"], "only": "{callback}",
        });
        let body = Body::Json(Node::parse("request.json", &json).unwrap());
        let read: Value = serde_json::from_str(&written(&body)).unwrap();
        let expected = serde_json::json!({
            "m": [{ "t": ODD, "n": 1, "s": "x A&B" }], "l": ["+15550100"],
        });
        assert_eq!(read, expected);

        let field = |text| Pattern::parse("request.form", text).unwrap();
        let fields = [("t", "{text}"), ("c", "{callback}"), ("to", "{number}")];
        let fields = fields.map(|(name, text)| (name.to_owned(), field(text)));
        let form = written(&Body::Form(Fields(fields.to_vec())));
        let pairs: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let expected = [("t", ODD), ("to", "+15550100")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

        let body = xml("request.xml", "<s f=\"{sender}\" t='{text}'><t>{text}</t></s>").unwrap();
        let root = Element::parse(written(&body).as_bytes()).unwrap();
        assert_eq!(root.attribute("f"), Some("A&B"));
        assert_eq!((root.attribute("t"), root.text_of("t")), (Some(ODD), Some(ODD)));
    }

    #[test]
    fn xml_has_values_in_content_only() {
        for bad in [
            "",
            "{text}",
            "<a>{text}",
            "<{sender}/>",
            "<a {sender}=\"1\"/>",
            "<a {sender}/>",
            "<a b={sender}/>",
            "<a b=\"1\" {sender}/>",
            "<a></a{sender}>",
            "<?x {sender}?><a/>",
            "<!-- {text} --><a/>",
            "<a><![CDATA[{text}]]></a>",
            "<!DOCTYPE a><a>{text}</a>",
            "<a>{text}</a><b/>",
            "<a>{callback}</a>",
            "<a>&undefined;</a>",
        ] {
            let error = xml("request.xml", bad).unwrap_err();
            assert_eq!(error.key(), "request.xml", "{bad}");
        }
    }

    #[test]
    fn xml_cannot_carry_every_character() {
        let sms = OutboundSms::for_test("+15550100", "form feed \u{c}", [1; 16]);
        let secrets = BTreeMap::new();
        let values = Values { sms: &sms, sender: None, callback: None, secrets: &secrets };
        assert!(xml("request.xml", "<t>{text}</t>").unwrap().write(&values).is_err());
    }
}
