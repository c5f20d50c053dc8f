//! A posted form: bounded, and each field once.

use std::borrow::Cow;

use ::http::HeaderMap;
use ::http::header::CONTENT_TYPE;

/// The longest body: a reason, a target and what the page put in, all of them escaped.
pub(super) const LIMIT: usize = 16 * 1_024;

/// More fields than any form has.
const FIELDS: usize = 32;

/// The fields of a form.
#[derive(Default)]
pub(super) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Why a body is no form of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    /// Another type of content.
    Type,
    /// Too long.
    Size,
    /// A field twice, or too many.
    Fields,
}

impl<'a> Form<'a> {
    /// Reads a body.
    pub(super) fn read(headers: &HeaderMap, body: &'a [u8]) -> Result<Self, Unreadable> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Unreadable::Type);
        }
        if body.len() > LIMIT {
            return Err(Unreadable::Size);
        }
        Self::parse(body)
    }

    /// Reads the part of an address after its question mark.
    pub(super) fn query(text: &'a str) -> Self {
        let text = if text.len() > LIMIT { "" } else { text };
        Self::parse(text.as_bytes()).unwrap_or_default()
    }

    fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut fields: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if fields.len() >= FIELDS || fields.iter().any(|(known, _)| *known == name) {
                return Err(Unreadable::Fields);
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// A field without blanks at its ends; empty if it is not there.
    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    }
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn headers(kind: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers
    }

    #[test]
    fn a_form_is_a_form() {
        let ours = headers("application/x-www-form-urlencoded; charset=utf-8");
        let form = Form::read(&ours, b"reason=a+b%26&do=enter").unwrap();
        assert_eq!(
            (form.field("reason"), form.field("do"), form.field("no")),
            ("a b&", "enter", "")
        );
        let error = |headers: &HeaderMap, body: &[u8]| Form::read(headers, body).err();
        assert_eq!(error(&ours, b"a=1&a=2"), Some(Unreadable::Fields));
        assert_eq!(error(&ours, &[b'a'; LIMIT + 1]), Some(Unreadable::Size));
        assert_eq!(error(&headers("text/plain"), b"a=1"), Some(Unreadable::Type));
        assert_eq!(error(&headers("application/json"), b"{}"), Some(Unreadable::Type));
        assert_eq!(error(&HeaderMap::new(), b"a=1"), Some(Unreadable::Type));
        let many: String = (0..40).map(|field| format!("f{field}=1&")).collect();
        assert_eq!(error(&ours, many.as_bytes()), Some(Unreadable::Fields));
    }
}
