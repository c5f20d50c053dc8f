//! A template as it is written, and its checks.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::answer::{Currency, Format, Reader};
use super::body::{Body, Fields, IN_FILE, Node, is_credential, xml};
use super::intern::interned;
use super::pattern::{Pattern, Place};
use super::{HttpTemplate, TemplateError};
use crate::http::{BaseUrl, Method};
use crate::transport::{ErrorRow, HandoffErrorKind, NumberFault};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    request: Option<Request>,
    answer: Option<Answer>,
    #[serde(default)]
    error: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: Option<String>,
    url: Option<String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    basic: Option<Basic>,
    bearer: Option<String>,
    form: Option<BTreeMap<String, String>>,
    json: Option<Value>,
    xml: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    user: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    format: Option<String>,
    success: Option<Vec<u16>>,
    accepted: Option<Accepted>,
    id: Option<String>,
    #[serde(default)]
    code: Vec<String>,
    price: Option<String>,
    currency: Option<String>,
    currency_at: Option<String>,
    segments: Option<String>,
    retry_after: Option<String>,
    #[serde(default)]
    receipts_by_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    at: String,
    is: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: String,
    kind: String,
    meaning: String,
    remedy: String,
    #[serde(default)]
    alert: bool,
    #[serde(default)]
    every_text: bool,
    #[serde(default)]
    one_text: bool,
    number: Option<String>,
}

type Checked<T> = Result<T, TemplateError>;

fn wrong<T>(key: impl Into<String>, problem: &'static str) -> Checked<T> {
    Err(TemplateError::new(key, problem))
}

impl<'de> Deserialize<'de> for HttpTemplate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(File::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl TryFrom<File> for HttpTemplate {
    type Error = TemplateError;

    fn try_from(file: File) -> Checked<Self> {
        let name = file.name.unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
            let problem = "write the provider's name in up to 32 small letters, digits and dashes";
            return wrong("name", problem);
        }
        let Some(request) = file.request else {
            return wrong("request", "add a table [request] with method, url and a body");
        };
        let Some(answer) = file.answer else {
            return wrong("answer", "add a table [answer] with success and id");
        };
        let (base, path) = request.address()?;
        let template = Self {
            name: interned(&name),
            method: request.method()?,
            base,
            path,
            query: request.query()?,
            headers: request.headers()?,
            basic: request.basic()?,
            bearer: request.bearer()?,
            body: request.body()?,
            answer: answer.checked()?,
            errors: rows(&file.error)?,
        };
        template.check().map(|()| template)
    }
}

impl Request {
    fn method(&self) -> Checked<Method> {
        match self.method.as_deref() {
            Some("POST") => Ok(Method::Post),
            Some("GET") => Ok(Method::Get),
            _ => wrong("request.method", "write \"POST\" or \"GET\""),
        }
    }

    /// Scheme and host are fixed, so that no value sends credentials elsewhere.
    fn address(&self) -> Checked<(BaseUrl, Pattern)> {
        const KEY: &str = "request.url";
        let url = self.url.as_deref().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end).unwrap_or_default();
        let fixed = format!("{scheme}://{host}");
        let Some(base) = fixed.parse::<BaseUrl>().ok().filter(|_| !host.contains(['{', '}']))
        else {
            let problem = "write https://, a host without braces, and the path";
            return wrong(KEY, problem);
        };
        let odd = |byte: u8| !byte.is_ascii_graphic() || b"?#\\\"<>".contains(&byte);
        if path.bytes().any(odd) {
            let problem = "the path has printable ASCII only; a query belongs to [request.query]";
            return wrong(KEY, problem);
        }
        let path = Pattern::parse(KEY, path)?;
        if path.has_secret() || path.uses(&Place::Text) {
            let problem = "paths stand in logs: put secrets and the text elsewhere";
            return wrong(KEY, problem);
        }
        Ok((base, path))
    }

    fn query(&self) -> Checked<Fields> {
        fields("request.query", &self.query)
    }

    fn headers(&self) -> Checked<Vec<(&'static str, Pattern)>> {
        let parse = |(name, text): (&String, &String)| {
            let key = format!("request.headers.{name}");
            let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if !(1..=64).contains(&name.len()) || !name.bytes().all(token) {
                return wrong(key, "a header's name has letters, digits, - and _");
            }
            let lower = name.to_ascii_lowercase();
            const OURS: [&str; 6] =
                ["host", "content-length", "content-type", "transfer-encoding", "connection", "te"];
            if OURS.contains(&lower.as_str()) {
                return wrong(key, "leave it out: the client writes it");
            }
            let pattern = credential(&key, name, Pattern::parse(&key, text)?)?;
            let number = [Place::Text, Place::Number, Place::Digits];
            if number.iter().any(|place| pattern.uses(place)) {
                return wrong(key, "headers stand in logs: put number and text into the body");
            }
            if pattern.sample("x").bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
                return wrong(key, "a header has printable ASCII only");
            }
            Ok((interned(&lower), pattern))
        };
        self.headers.iter().map(parse).collect()
    }

    fn basic(&self) -> Checked<Option<(Pattern, Pattern)>> {
        let Some(basic) = &self.basic else { return Ok(None) };
        let user = Pattern::parse("request.basic.user", &basic.user)?;
        let key = "request.basic.password";
        let password = Pattern::parse(key, &basic.password)?;
        if !password.has_secret() {
            return wrong(key, IN_FILE);
        }
        Ok(Some((user, password)))
    }

    fn bearer(&self) -> Checked<Option<Pattern>> {
        const KEY: &str = "request.bearer";
        let Some(bearer) = &self.bearer else { return Ok(None) };
        if self.basic.is_some() {
            return wrong(KEY, "write bearer or basic, not both");
        }
        let bearer = Pattern::parse(KEY, bearer)?;
        if !bearer.has_secret() {
            return wrong(KEY, IN_FILE);
        }
        Ok(Some(bearer))
    }

    fn body(&self) -> Checked<Body> {
        match (&self.form, &self.json, &self.xml) {
            (None, None, None) => Ok(Body::None),
            (Some(form), None, None) => Ok(Body::Form(fields("request.form", form)?)),
            (None, Some(json), None) => {
                let node = Node::parse("request.json", json)?;
                if !matches!(node, Node::Object(_) | Node::List(_)) {
                    return wrong("request.json", "write a table or a list");
                }
                Ok(Body::Json(node))
            }
            (None, None, Some(text)) => xml("request.xml", text),
            _ => wrong("request", "write one of form, json and xml"),
        }
    }
}

impl HttpTemplate {
    /// What concerns several keys.
    fn check(&self) -> Checked<()> {
        let is_get = self.method == Method::Get;
        if is_get && self.body != Body::None {
            return wrong("request.method", "a GET has no body: write POST, or move it to query");
        }
        let carries = |places: &[Place]| {
            self.content().any(|pattern| places.iter().any(|place| pattern.uses(place)))
        };
        if !carries(&[Place::Text]) {
            return wrong("request", "no field has {text}");
        }
        if !carries(&[Place::Number, Place::Digits]) {
            return wrong("request", "no field has {number} (with +) or {digits} (without)");
        }
        Ok(())
    }
}

fn fields(key: &str, texts: &BTreeMap<String, String>) -> Checked<Fields> {
    let parse = |(name, text): (&String, &String)| {
        let key = format!("{key}.{name}");
        Ok((name.clone(), credential(&key, name, Pattern::parse(&key, text)?)?))
    };
    Ok(Fields(texts.iter().map(parse).collect::<Checked<_>>()?))
}

/// A field that is named like a credential has its value from the source of secrets.
fn credential(key: &str, name: &str, pattern: Pattern) -> Checked<Pattern> {
    if is_credential(name) && pattern.is_fixed() {
        return wrong(key, IN_FILE);
    }
    Ok(pattern)
}

impl Answer {
    fn checked(self) -> Checked<Reader> {
        let format = match self.format.as_deref() {
            None | Some("json") => Format::Json,
            Some("xml") => Format::Xml,
            Some("words") => Format::Words,
            Some(_) => return wrong("answer.format", "write \"json\", \"xml\" or \"words\""),
        };
        let success = self.success.unwrap_or_default();
        if success.is_empty() || !success.iter().all(|status| (200..300).contains(status)) {
            return wrong("answer.success", "list the statuses of success, from 200 to 299");
        }
        let accepted = match self.accepted {
            Some(accepted) if accepted.is.is_empty() => {
                return wrong("answer.accepted.is", "list what stands there on success");
            }
            Some(accepted) => Some((place("answer.accepted.at", accepted.at)?, accepted.is)),
            None => None,
        };
        let code = self.code.into_iter().map(|at| place("answer.code", at));
        let optional = |key, at: Option<String>| at.map(|at| place(key, at)).transpose();
        let currency = match (self.currency, self.currency_at) {
            (Some(_), Some(_)) => {
                return wrong("answer.currency", "write currency or currency_at, not both");
            }
            (Some(fixed), None) => {
                if fixed.len() != 3 || !fixed.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                    return wrong("answer.currency", "write three letters, EUR for example");
                }
                Some(Currency::Fixed(fixed))
            }
            (None, at) => optional("answer.currency_at", at)?.map(Currency::At),
        };
        Ok(Reader {
            format,
            success,
            accepted,
            id: place("answer.id", self.id.unwrap_or_default())?,
            code: code.collect::<Checked<_>>()?,
            price: optional("answer.price", self.price)?,
            currency,
            segments: optional("answer.segments", self.segments)?,
            retry_after: optional("answer.retry_after", self.retry_after)?,
            receipts_by_id: self.receipts_by_id,
        })
    }
}

fn place(key: &str, at: String) -> Checked<String> {
    if at.starts_with('/') && at.len() <= 256 {
        return Ok(at);
    }
    wrong(key, "write where it stands as a JSON pointer, \"/messages/0/id\" for example")
}

fn rows(rows: &[Row]) -> Checked<Vec<ErrorRow>> {
    let mut checked: Vec<ErrorRow> = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let row = row.checked(&format!("error.{number}"))?;
        if checked.iter().any(|known| known.code == row.code) {
            return wrong(format!("error.{number}.code"), "the code stands twice");
        }
        checked.push(row);
    }
    Ok(checked)
}

impl Row {
    fn checked(&self, key: &str) -> Checked<ErrorRow> {
        let of = |name: &str| format!("{key}.{name}");
        for (name, text) in
            [("code", &self.code), ("meaning", &self.meaning), ("remedy", &self.remedy)]
        {
            if !(1..=200).contains(&text.len()) || text.chars().any(char::is_control) {
                return wrong(of(name), "write 1 to 200 characters without line breaks");
            }
        }
        if let Some(status) = self.code.strip_prefix("HTTP ") {
            let refusal = |status: u16| (400..600).contains(&status);
            if !status.parse().is_ok_and(refusal) {
                return wrong(of("code"), "write HTTP and a status from 400 to 599");
            }
        }
        let make = match self.kind.as_str() {
            "not-sent" => ErrorRow::not_sent,
            "refused" => ErrorRow::refused,
            "indeterminate" => ErrorRow::indeterminate,
            _ => {
                let problem = "write \"not-sent\" (it was provably not taken), \"refused\" (for \
                               good) or \"indeterminate\"";
                return wrong(of("kind"), problem);
            }
        };
        let row = make(interned(&self.code), interned(&self.meaning), interned(&self.remedy));
        let row = match (self.every_text, self.alert) {
            (true, _) => row.alert_all(),
            (false, true) => row.alert(),
            (false, false) => row,
        };
        if self.one_text && self.every_text {
            return wrong(
                of("one_text"),
                "a code tells of one text or of every text; keep one of the two",
            );
        }
        let row = if self.one_text { row.one_text() } else { row };
        let fault = match self.number.as_deref() {
            None => return Ok(row),
            Some("invalid") => NumberFault::Invalid,
            Some("not-mobile") => NumberFault::NotMobile,
            Some("disconnected") => NumberFault::Disconnected,
            Some("opted-out") => NumberFault::OptedOut,
            Some("barred") => NumberFault::Barred,
            Some(_) => {
                let problem = "write \"invalid\", \"not-mobile\", \"disconnected\", \"opted-out\" \
                               or \"barred\"";
                return wrong(of("number"), problem);
            }
        };
        if row.kind != HandoffErrorKind::Refused {
            return wrong(of("number"), "only a refusal tells something about the number");
        }
        Ok(row.about_number(fault))
    }
}
