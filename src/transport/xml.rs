//! XML as providers write it: small documents, read into a tree and written escaped.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::escape;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};

/// The deepest nesting that is read. Providers use four.
const DEEPEST: usize = 16;

/// An element: name and attributes without their prefixes, text without that of its children.
#[derive(Default)]
pub(crate) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root of a complete document. `None` if it is cut off, not well-formed, too deep, or has a
    /// document type: no provider sends one, and entities are defined there.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(document).ok()?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        // The first is above the root.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if open.len() <= DEEPEST => open.push(Self::begin(&start)?),
                Event::Empty(start) => open.last_mut()?.children.push(Self::begin(&start)?),
                Event::End(_) => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(name) => {
                    let symbol = match name.resolve_char_ref().ok()? {
                        Some(symbol) => symbol,
                        None => predefined(&name)?,
                    };
                    open.last_mut()?.text.push(symbol);
                }
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Start(_) | Event::DocType(_) => return None,
                Event::Eof => break,
            }
        }
        let above = open.pop().filter(|above| open.is_empty() && above.text.trim().is_empty())?;
        let mut roots = above.children.into_iter();
        roots.next().filter(|_| roots.next().is_none())
    }

    fn begin(start: &BytesStart<'_>) -> Option<Self> {
        let read = |attribute: Attribute<'_>| {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            Some((attribute.key.local_name().into_inner().to_owned(), value.into_owned()))
        };
        let attributes: Option<Vec<_>> =
            start.attributes().map(|attribute| read(attribute.ok()?)).collect();
        let name = start.local_name().into_inner().to_owned();
        Some(Self { name, attributes: attributes?, ..Self::default() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its own text, blanks included.
    #[cfg(feature = "template")]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its elements.
    #[cfg(feature = "template")]
    pub(crate) fn children(&self) -> &[Self] {
        &self.children
    }

    /// Its attributes.
    #[cfg(feature = "template")]
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of the only child of this name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        let mut named = self.children.iter().filter(|child| child.name == name);
        named.next().filter(|_| named.next().is_none()).map(|child| child.text.trim())
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// `text` as the content of an element, such that a parser reads it back unchanged. `None` if it has
/// a character that XML 1.0 cannot carry, a form feed for example.
pub(crate) fn content(text: &str) -> Option<String> {
    let carried = |symbol: char| {
        matches!(symbol, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || symbol > '\u{ffff}'
    };
    // A parser turns a carriage return into a line feed unless it is written as a reference.
    text.chars().all(carried).then(|| escape(text).replace('\r', "&#13;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_whatever_its_prefixes() {
        let text = "<?xml version=\"1.0\"?><!-- c --><n:a xmlns:n='urn:x' n:id='1 &amp; 2'>\
                    <b>x &lt;&#x20AC;<![CDATA[<]]></b><c/></n:a>\n";
        let root = Element::parse(text.as_bytes()).unwrap();
        assert_eq!((root.name(), root.attribute("id")), ("a", Some("1 & 2")));
        assert_eq!(root.text_of("b"), Some("x <€<"));
        assert_eq!(root.text_of("c"), Some(""));
        assert_eq!(root.child("d").map(Element::name), None);
    }

    #[test]
    fn what_is_no_whole_document_is_none() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        for text in [
            "",
            "text",
            "<a>",
            "<a><b></a>",
            "<a/><b/>",
            "<a/>text",
            "<a>&unknown;</a>",
            "<a b='&unknown;'/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a b='1' b='2'/>",
            &deep,
        ] {
            assert!(Element::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Element::parse(b"<a>\xff</a>").is_none());
        let twice = Element::parse(b"<a><b>1</b><b>2</b></a>").unwrap();
        assert_eq!(twice.text_of("b"), None, "which one was meant?");
    }

    #[test]
    fn content_comes_back_unchanged() {
        for text in ["a & b < c > \"d\" 'e'", "ü € 🔐", "a\r\nb\rc\nd", "]]>", ""] {
            let document = format!("<a><b>{}</b></a>", content(text).unwrap());
            let root = Element::parse(document.as_bytes()).unwrap();
            assert_eq!(root.children[0].text, text);
        }
        for text in ["\u{c}", "\0", "\u{fffe}"] {
            assert_eq!(content(text), None);
        }
    }
}
