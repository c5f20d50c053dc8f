//! [`Reader`]: what an answer says.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::http::HttpResponse;
use crate::transport::xml::Element;
use crate::transport::{ErrorRow, Handoff, HandoffError, Price, ProviderApi};

/// The longest pause that is reported, as for `Retry-After`.
const LONGEST_PAUSE: u64 = 24 * 3_600;

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Json,
    Xml,
    /// Words between blanks and punctuation.
    Words,
}

/// Where the facts of an answer stand. Places are JSON pointers (RFC 6901).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reader {
    pub(super) format: Format,
    pub(super) success: Vec<u16>,
    /// A place, and what stands there when the text was taken.
    pub(super) accepted: Option<(String, Vec<String>)>,
    pub(super) id: String,
    pub(super) code: Vec<String>,
    pub(super) price: Option<String>,
    pub(super) currency: Option<Currency>,
    pub(super) segments: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) receipts_by_id: bool,
}

/// Where the currency of a price comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Currency {
    Fixed(String),
    At(String),
}

impl Reader {
    pub(super) fn read(
        &self,
        api: &ProviderApi,
        rows: &[ErrorRow],
        response: &HttpResponse,
    ) -> Result<Handoff, HandoffError> {
        let tree = self.format.tree(response.body()).unwrap_or_default();
        let is_accepted = self.accepted.as_ref().is_none_or(|(place, words)| {
            scalar(&tree, place).is_some_and(|word| words.contains(&word))
        });
        if self.success.contains(&response.status()) && is_accepted {
            let handoff = api.accepted(scalar(&tree, &self.id).as_deref())?;
            return Ok(handoff.priced(self.price(&tree)).in_segments(self.segments(&tree)));
        }
        let found: Vec<String> =
            self.code.iter().filter_map(|place| scalar(&tree, place)).collect();
        let known = |code: &&String| rows.iter().any(|row| row.code == **code);
        let code = found.iter().find(known).or(found.first());
        let error = api.rejected(response, code.map(String::as_str));
        let pause = self.retry_after.as_ref().and_then(|place| scalar(&tree, place));
        let pause = pause.and_then(|seconds| seconds.parse::<u64>().ok());
        let pause = pause.map(|seconds| Duration::from_secs(seconds.min(LONGEST_PAUSE)));
        Err(pause.into_iter().fold(error, HandoffError::retry_after))
    }

    fn price(&self, tree: &Value) -> Option<Price> {
        let amount = scalar(tree, self.price.as_ref()?)?;
        match &self.currency {
            Some(Currency::Fixed(currency)) => Price::parse(&amount, currency),
            Some(Currency::At(place)) => Price::parse(&amount, &scalar(tree, place)?),
            // Both in one text, in either order: `KES 0.8000`.
            None => {
                let (one, other) = amount.split_once(' ')?;
                Price::parse(one, other).or_else(|| Price::parse(other, one))
            }
        }
    }

    fn segments(&self, tree: &Value) -> Option<u32> {
        scalar(tree, self.segments.as_ref()?)?.parse().ok().filter(|segments| *segments > 0)
    }
}

impl Format {
    fn tree(self, body: &[u8]) -> Option<Value> {
        match self {
            Self::Json => serde_json::from_slice(body).ok(),
            Self::Xml => {
                let root = Element::parse(body)?;
                let mut document = Map::new();
                document.insert(root.name().to_owned(), of_element(&root));
                Some(Value::Object(document))
            }
            Self::Words => {
                let text = std::str::from_utf8(body).ok()?;
                let between = |symbol: char| symbol.is_whitespace() || ",:;|=".contains(symbol);
                let words = text.split(between).filter(|word| !word.is_empty());
                Some(words.map(Value::from).collect())
            }
        }
    }
}

/// An element as JSON: children and `@attributes` by name, equal names as a list, text alone as text.
fn of_element(element: &Element) -> Value {
    let mut members = Map::new();
    for (name, value) in element.attributes() {
        members.insert(format!("@{name}"), value.into());
    }
    for child in element.children() {
        let value = of_element(child);
        match members.get_mut(child.name()) {
            None => drop(members.insert(child.name().to_owned(), value)),
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    let text = element.text().trim();
    if members.is_empty() {
        return text.into();
    }
    members.insert("#text".to_owned(), text.into());
    Value::Object(members)
}

/// The text, number or flag at a place; `[]` for an empty list.
fn scalar(tree: &Value, place: &str) -> Option<String> {
    match tree.pointer(place)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) if items.is_empty() => Some("[]".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_of_place_serves_three_formats() {
        let xml = b"<r code=\"5\"><m><id>a &amp; b</id></m><m><id>2</id></m><s>OK</s><e/></r>";
        let tree = Format::Xml.tree(xml).unwrap();
        assert_eq!(scalar(&tree, "/r/@code").as_deref(), Some("5"));
        assert_eq!(scalar(&tree, "/r/m/0/id").as_deref(), Some("a & b"));
        assert_eq!(scalar(&tree, "/r/m/1/id").as_deref(), Some("2"));
        assert_eq!(scalar(&tree, "/r/s").as_deref(), Some("OK"));
        assert_eq!(scalar(&tree, "/r/e").as_deref(), Some(""));
        let tree = Format::Words.tree(b"OK: 12345, price=0.05\n").unwrap();
        let words = [0, 1, 2, 3].map(|place| scalar(&tree, &format!("/{place}")).unwrap());
        assert_eq!(words, ["OK", "12345", "price", "0.05"]);
        let tree = Format::Json.tree(br#"{"a":[],"b":1.50,"c":true,"d":null,"e":{}}"#).unwrap();
        let at = |place| scalar(&tree, place);
        assert_eq!((at("/a").as_deref(), at("/c").as_deref()), (Some("[]"), Some("true")));
        assert_eq!((at("/b").as_deref(), at("/d"), at("/e")), (Some("1.5"), None, None));
        assert!(Format::Xml.tree(b"<r>").is_none() && Format::Json.tree(b"{").is_none());
        assert!(Format::Words.tree(b"\xff").is_none());
    }
}
