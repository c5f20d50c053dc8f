//! Requests of the providers' own SDKs, recorded on the wire (`tests/data/wire.json`), and a comparer:
//! an adapter's request equals the SDK's in method, path, authentication, content type and fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::http_server::Seen;

#[derive(Deserialize)]
struct File {
    requests: Vec<Recorded>,
}

/// A recorded request.
#[derive(Clone, Deserialize, Debug)]
pub struct Recorded {
    pub sdk: String,
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub content_type: Option<String>,
    pub body: String,
}

/// The request that this SDK makes to this path.
pub fn recorded(sdk: &str, path: &str) -> Recorded {
    let mut found = recorded_all(sdk, path).into_iter();
    let first = found.next().unwrap_or_else(|| panic!("{sdk} {path} is not recorded"));
    assert!(found.next().is_none(), "{sdk} {path} is recorded twice");
    first
}

/// Every request that this SDK makes to this path: one address may serve several actions.
pub fn recorded_all(sdk: &str, path: &str) -> Vec<Recorded> {
    let file: File = serde_json::from_str(include_str!("../data/wire.json")).unwrap();
    file.requests.into_iter().filter(|one| one.sdk == sdk && one.path == path).collect()
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Asserts that `seen` is the same request. `differs` names fields whose values differ for a
    /// stated reason; they must be in both.
    #[track_caller]
    pub fn assert_same(&self, seen: &Seen, differs: &[&str]) {
        assert_eq!(seen.method, self.method);
        assert_eq!(seen.target, self.path);
        assert_eq!(seen.header("authorization"), self.header("authorization"), "authentication");
        self.assert_same_body(seen, differs);
    }

    /// As [`assert_same`](Self::assert_same), with fields of ours that the SDK leaves out.
    #[track_caller]
    pub fn assert_covers(&self, seen: &Seen, ours: &[(&str, &str)]) {
        assert_eq!((&seen.method, &seen.target), (&self.method, &self.path));
        assert_eq!(seen.header("authorization"), self.header("authorization"), "authentication");
        assert_eq!(seen.header("content-type"), self.content_type.as_deref(), "content type");
        let kind = self.content_type.clone().unwrap();
        let mut expected = fields(&kind, &self.body);
        for (name, value) in ours {
            let known = expected.insert((*name).to_owned(), (*value).to_owned());
            assert!(known.is_none(), "{} has the field {name}", self.sdk);
        }
        assert_eq!(fields(&kind, &seen.text()), expected, "fields, against {}", self.sdk);
    }

    /// As [`assert_same`](Self::assert_same), but for the path and the authentication.
    #[track_caller]
    pub fn assert_same_body(&self, seen: &Seen, differs: &[&str]) {
        let media = |text: Option<&str>| {
            text.map(|text| text.split(';').next().unwrap().trim().to_ascii_lowercase())
        };
        let content_type = media(self.content_type.as_deref());
        assert_eq!(media(seen.header("content-type")), content_type, "content type");
        let kind = content_type.unwrap_or_default();
        let mut ours = fields(&kind, &seen.text());
        let mut theirs = fields(&kind, &self.body);
        for name in differs {
            assert!(ours.remove(*name).is_some(), "we lack the field {name}");
            assert!(theirs.remove(*name).is_some(), "{} lacks the field {name}", self.sdk);
        }
        assert_eq!(ours, theirs, "fields, against {}", self.sdk);
    }
}

/// Every field under its path, whatever the order and the encoding.
pub fn fields(media: &str, body: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    match media {
        "application/x-www-form-urlencoded" => {
            let pairs = form_urlencoded::parse(body.as_bytes());
            found.extend(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
        }
        json if json.contains("json") => {
            flatten(String::new(), &serde_json::from_str(body).unwrap(), &mut found);
        }
        xml if xml.contains("xml") => elements(body, &mut found),
        other => panic!("no fields in {other}"),
    }
    found
}

fn flatten(path: String, value: &Value, found: &mut BTreeMap<String, String>) {
    let under = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(under(name), value, found));
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(place, value)| flatten(under(&place.to_string()), value, found));
        }
        Value::String(text) => drop(found.insert(path, text.clone())),
        other => drop(found.insert(path, other.to_string())),
    }
}

/// The text of every element that has no elements. Enough for these documents: no attributes count.
fn elements(body: &str, found: &mut BTreeMap<String, String>) {
    let mut path: Vec<&str> = Vec::new();
    let mut rest = body;
    while let Some((text, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        if tag.starts_with('?') {
        } else if tag.starts_with('/') {
            if !text.trim().is_empty() {
                let plain = text
                    .replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&quot;", "\"")
                    .replace("&apos;", "'")
                    .replace("&amp;", "&");
                found.insert(path.join("."), plain);
            }
            path.pop();
        } else if !tag.ends_with('/') {
            path.push(tag.split(' ').next().unwrap());
        }
        rest = after;
    }
}

#[test]
fn every_recorded_request_can_be_read() {
    let file: File = serde_json::from_str(include_str!("../data/wire.json")).unwrap();
    assert_eq!(file.requests.len(), 33);
    for one in file.requests.iter().filter(|one| !one.body.is_empty()) {
        let kind = one.content_type.clone().unwrap();
        let media = kind.split(';').next().unwrap().trim();
        assert!(!fields(media, &one.body).is_empty(), "{}", one.sdk);
    }
}
