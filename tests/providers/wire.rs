//! Requests of the providers' own SDKs, recorded on the wire (`tests/data/wire.json`), and a comparer:
//! an adapter's request equals the SDK's in method, path, authentication, content type and fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use support::http_server::Seen;

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

    /// Without the parameters of its content type: an SDK's `charset` says what is so without it.
    pub fn without_charset(mut self) -> Self {
        let plain = |kind: String| kind.split(';').next().unwrap().to_owned();
        self.content_type = self.content_type.map(plain);
        self
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

/// Where a recorded request is compared with ours; or why nothing here makes it.
enum Judged {
    /// In this file of tests, which names the SDK in this test.
    In(&'static str, &'static str),
    Not(&'static str),
}

use Judged::{In, Not};

const SAME: &str = "the_request_is_the_sdks";

/// Each recorded request by its SDK and path; one address serves several actions of AWS.
const JUDGED: [(&str, &str, Judged); 32] = [
    ("twilio@6.3.1 npm", TWILIO, In(include_str!("twilio.rs"), SAME)),
    ("twilio 9.13.0 PyPI", TWILIO, In(include_str!("twilio.rs"), SAME)),
    ("@vonage/server-sdk@3.27.0 npm", "/sms/json", In(include_str!("vonage.rs"), SAME)),
    ("vonage 4.9.1 PyPI", "/sms/json", In(include_str!("vonage.rs"), SAME)),
    (
        "vonage 4.9.1 PyPI (signature_secret sha256)",
        "/sms/json",
        In(include_str!("vonage.rs"), "a_signed_request_is_the_sdks_and_has_no_secret"),
    ),
    ("@vonage/server-sdk@3.27.0 npm", "/v1/messages", In(include_str!("vonage_messages.rs"), SAME)),
    ("vonage 4.9.1 PyPI", "/v1/messages", In(include_str!("vonage_messages.rs"), SAME)),
    ("plivo@4.79.0 npm", PLIVO, In(include_str!("plivo.rs"), SAME)),
    ("plivo 4.63.0 PyPI", PLIVO, In(include_str!("plivo.rs"), SAME)),
    ("messagebird@4.0.1 npm", "/messages", In(include_str!("template.rs"), SAME)),
    ("messagebird 2.2.0 PyPI", "/messages", In(include_str!("template.rs"), SAME)),
    ("messagebird-sdk 0.106.0 PyPI", "/v1/sms/messages", In(include_str!("bird.rs"), SAME)),
    ("telnyx@7.24.0 npm", "/v2/messages", In(include_str!("telnyx.rs"), SAME)),
    ("telnyx 4.189.0 PyPI", "/v2/messages", In(include_str!("telnyx.rs"), SAME)),
    (
        "@infobip-api/sdk@0.3.2 npm",
        "/sms/2/text/advanced",
        Not("Infobip's older interface; the adapter speaks version 3"),
    ),
    (
        "infobip-api-python-client 6.0.0 PyPI",
        "/sms/3/messages",
        In(include_str!("infobip.rs"), SAME),
    ),
    ("@aws-sdk/client-sns@3.1169.0 npm", "/", In(include_str!("aws.rs"), SDKS)),
    ("boto3 1.44.8 PyPI", "/", In(include_str!("aws.rs"), SDKS)),
    ("@aws-sdk/client-pinpoint-sms-voice-v2@3.1138.0 npm", "/", In(include_str!("aws.rs"), SDKS)),
    ("africastalking@0.8.3 npm", "/version1/messaging", In(include_str!("template.rs"), SAME)),
    ("africastalking 2.0.3 PyPI", "/version1/messaging", In(include_str!("template.rs"), SAME)),
    ("clicksend@5.1.7 npm", "/v3/sms/send", In(include_str!("template.rs"), SAME)),
    ("clicksend-client 6.0.2 PyPI", "/v3/sms/send", In(include_str!("template.rs"), SAME)),
    (
        "esendex@0.1.8 npm (community)",
        "/v1.0/messagedispatcher",
        In(include_str!("esendex.rs"), SAME),
    ),
    ("ovh@2.0.3 npm", "/1.0/auth/time", Not(OVH)),
    ("ovh@2.0.3 npm", "/1.0/sms/sms-xx1/jobs", Not(OVH)),
    ("ovh 1.2.0 PyPI", "/1.0/auth/time", Not(OVH)),
    ("ovh 1.2.0 PyPI", "/1.0/sms/sms-xx1/jobs", Not(OVH)),
    ("messente-api 2.7.0 PyPI", "/v1/omnimessage", In(include_str!("template.rs"), SAME)),
    ("@sinch/sms@1.4.0 npm", "/xms/v1/sp1/batches", In(include_str!("template.rs"), SAME)),
    (
        "@sinch/sms@1.4.0 npm, project keys",
        "/oauth2/token",
        Not("a token that is fetched first, which no template describes"),
    ),
    (
        "@sinch/sms@1.4.0 npm, project keys",
        "/xms/v1/pr1/batches",
        In(include_str!("template.rs"), SAME),
    ),
];

const TWILIO: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json";
const PLIVO: &str = "/v1/Account/MA000000000000000000/Message/";
const SDKS: &str = "the_requests_are_the_sdks";
const OVH: &str = "each request is signed, which no template describes; there is no adapter";

/// No recorded request is passed over in silence.
#[test]
fn every_recorded_request_is_compared_or_has_a_reason() {
    let file: File = serde_json::from_str(include_str!("../data/wire.json")).unwrap();
    assert_eq!(file.requests.len(), 33);
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for one in &file.requests {
        let judged = JUDGED.iter().find(|(sdk, path, _)| (*sdk, *path) == (&*one.sdk, &*one.path));
        let (sdk, path, judged) = judged.unwrap_or_else(|| panic!("{} {}", one.sdk, one.path));
        seen.push((sdk, path));
        match judged {
            In(tests, name) => {
                // A file of several providers has the test once for each.
                let (head, quoted) = (format!("fn {name}("), format!("\"{sdk}\""));
                let mut bodies = tests.split(&head).skip(1);
                let named =
                    bodies.any(|rest| rest.split("\n}\n").next().unwrap().contains(&quoted));
                assert!(named, "no test {name} names {sdk}");
            }
            Not(reason) => assert!(!reason.is_empty()),
        }
        if !one.body.is_empty() {
            let kind = one.content_type.clone().unwrap();
            let media = kind.split(';').next().unwrap().trim();
            assert!(!fields(media, &one.body).is_empty(), "{sdk}");
        }
    }
    for (sdk, path, _) in &JUDGED {
        assert!(seen.contains(&(sdk, path)), "{sdk} {path} is not recorded");
    }
}
