//! [`Receipts`]: delivery receipts whose signature is Twilio's.

use std::borrow::Cow;

use base64ct::{Base64, Encoding};
use form_urlencoded::parse;
use hmac::Hmac;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::error::UNREACHED;
use super::{FAULTS, NAME};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::hex::hex;
use crate::transport::receipt::mac::{Secrets, is_signed};
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    CallbackUrl, DeliveryFault, FaultRow, Receipt, ReceiptError, ReceiptRequest, ReceiptState,
    ReceiptVerifier, SecretText, Wish,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "send receipts to the status callback only, and keep proxies from dropping headers",
    forged: "if it was genuine, check the secret, the way of signing and the public URL",
    malformed: "check that the status callback gets nothing but status callbacks",
};
const MARKS: &[u8] = b"_";

const SIGNATURE: &str = "x-twilio-signature";
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

/// Checks and reads Twilio's receipts.
///
/// Twilio signs in one of two ways, and the configuration says which: with HMAC-SHA-1 and the auth
/// token, or with HMAC-SHA-256 and a shared key. A request that is signed the other way is refused,
/// whatever its headers ask for.
///
/// The signature covers the public URL as Twilio called it, and the form. It has no time: the gate
/// remembers receipts by [`Receipt::replay_key`].
///
/// An inbound message is an opt-out or an opt-in if Twilio says so (`OptOutType`, with Advanced
/// Opt-Out) or if it is nothing but `STOP`, `START` or `UNSTOP`, which Twilio obeys in any case; every
/// other holds no receipt.
///
/// ```
/// use otpgate::transport::twilio::Receipts;
/// use otpgate::transport::{ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText};
/// use otpgate::Timestamp;
///
/// let receipts = Receipts::with_auth_token(SecretText::new("12345invented"));
/// let headers = [("X-Twilio-Signature", "iAkv64dH6szOAaN22TE6fvH+xjs=")];
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &headers,
///     body: b"MessageSid=SM1&MessageStatus=delivered&To=%2B15550100&ErrorCode=",
/// };
/// let verified = receipts.verify(&request, Timestamp::from_millis(0))?;
/// assert_eq!(verified[0].message_id, "SM1");
/// assert_eq!(verified[0].state, ReceiptState::Delivered);
/// # Ok::<(), otpgate::transport::ReceiptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    mode: Mode,
    secrets: Secrets,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// HMAC-SHA-1 with the auth token.
    AuthToken,
    /// HMAC-SHA-256 with a shared key.
    SharedKey,
}

impl Receipts {
    /// Receipts signed with the account's auth token. An API key's secret signs nothing.
    #[must_use]
    pub fn with_auth_token(token: impl Into<Credentials<SecretText>>) -> Self {
        Self { mode: Mode::AuthToken, secrets: Secrets::new(token) }
    }

    /// Receipts signed with a shared key, which is to be preferred: SHA-256, and a secret that can do
    /// nothing else.
    #[must_use]
    pub fn with_shared_key(key: impl Into<Credentials<SecretText>>) -> Self {
        Self { mode: Mode::SharedKey, secrets: Secrets::new(key) }
    }

    /// Accepts another secret of the same kind too, while one is being exchanged.
    #[must_use]
    pub fn or(mut self, secret: impl Into<Credentials<SecretText>>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// What a request of Twilio's says; an error if it is not Twilio's.
    fn check<'a>(&self, request: &ReceiptRequest<'a>) -> Result<Body<'a>, ReceiptError> {
        let signature = request.header(SIGNATURE).ok_or(REFUSED.unsigned())?;
        if asked(request) != Some(self.mode) {
            return Err(REFUSED.forged());
        }
        let signature = Base64::decode_vec(signature).map_err(|_| REFUSED.forged())?;
        let (body, signed) = match hash_in(request.query()) {
            Some(hash) if hash == hex(&Sha256::digest(request.body)) => {
                (Body::Hashed(request.body), String::new())
            }
            Some(_) => return Err(REFUSED.forged()),
            None => {
                let fields = Form::read(request.body);
                let signed = fields.signed();
                (Body::Form(fields), signed)
            }
        };
        let urls: Vec<String> = candidates(request.url).collect();
        let by = |secret: &[u8]| {
            urls.iter().fold(false, |right, url| {
                right | self.mode.verify(secret, &[url.as_bytes(), signed.as_bytes()], &signature)
            })
        };
        let right = self.secrets.any(by).map_err(|_| REFUSED.no_secret())?;
        if right { Ok(body) } else { Err(REFUSED.forged()) }
    }
}

impl Mode {
    fn verify(self, key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
        match self {
            Self::AuthToken => is_signed::<Hmac<Sha1>>(key, parts, signature),
            Self::SharedKey => is_signed::<Hmac<Sha256>>(key, parts, signature),
        }
    }
}

impl ReceiptVerifier for Receipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let fields = match self.check(request)? {
            Body::Form(form) => Fields::Form(form),
            Body::Hashed(body) => {
                Fields::Json(serde_json::from_slice(body).map_err(|_| REFUSED.malformed())?)
            }
        };
        let read = |name| fields.one(name);
        let id = read("MessageSid").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        if let Some(from) = read("From").filter(|_| read("MessageStatus").is_none()) {
            let said = read("OptOutType").or_else(|| read("Body")).unwrap_or_default();
            return Ok(wish_in(&said)
                .map(|(wish, word)| Receipt::wished(NAME, id, wish, word, from))
                .into_iter()
                .collect());
        }
        let word = read("MessageStatus")
            .filter(|word| is_plain(word, MARKS))
            .ok_or(REFUSED.malformed())?;
        let state = match word.as_str() {
            "delivered" | "read" => ReceiptState::Delivered,
            "undelivered" | "failed" | "canceled" => ReceiptState::Undelivered,
            _ => ReceiptState::Pending,
        };
        let mut receipt =
            Receipt::verified(NAME, id, state, word).with_key(CallbackUrl::key_in(request.url));
        if let Some(code) = read("ErrorCode").filter(|code| is_plain(code, MARKS)) {
            // Twilio does not say which of the two it was, and a number is shut out for a week.
            let fault = match code == UNREACHED && read("From").is_some_and(is_short_code) {
                true => DeliveryFault::Unknown,
                false => FaultRow::fault_of(FAULTS, &code),
            };
            receipt = receipt.failed(code, fault);
        }
        Ok(vec![receipt])
    }
}

fn is_short_code(from: String) -> bool {
    (3..=8).contains(&from.len()) && from.bytes().all(|byte| byte.is_ascii_digit())
}

/// What an inbound message asks for: by the whole of it, in any case of its letters.
fn wish_in(said: &str) -> Option<(Wish, &'static str)> {
    let words =
        [("STOP", Wish::OptOut), ("START", Wish::OptIn), ("UNSTOP", Wish::OptIn)].into_iter();
    let mut found = words.filter(|(word, _)| said.trim().eq_ignore_ascii_case(word));
    found.next().map(|(word, wish)| (wish, word))
}

/// The body of a request, checked.
enum Body<'a> {
    Form(Form<'a>),
    /// Signed by its hash.
    Hashed(&'a [u8]),
}

/// Where the fields of a receipt stand.
enum Fields<'a> {
    Form(Form<'a>),
    Json(Value),
}

impl Fields<'_> {
    /// The field's value, if it is there once.
    fn one(&self, name: &str) -> Option<String> {
        match self {
            Self::Form(form) => form.one(name).map(Into::into),
            Self::Json(json) => match json.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
        }
    }
}

/// The fields of a form in the order in which they are signed: that of JavaScript's strings, UTF-16.
/// Python's SDK disagrees outside of the basic plane.
struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    fn read(body: &'a [u8]) -> Self {
        let mut fields: Vec<_> = parse(body).collect();
        let units = |a: &str, b: &str| a.encode_utf16().cmp(b.encode_utf16());
        fields.sort_by(|(a, first), (b, second)| units(a, b).then_with(|| units(first, second)));
        Self(fields)
    }

    /// Every field's name and value, each pair once.
    fn signed(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for field in &self.0 {
            if last != Some(field) {
                text.push_str(&field.0);
                text.push_str(&field.1);
            }
            last = Some(field);
        }
        text
    }

    fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// The way of signing that the request claims. `None` if it claims one that does not exist.
fn asked(request: &ReceiptRequest<'_>) -> Option<Mode> {
    if !request.has_header(SETTINGS) {
        return Some(Mode::AuthToken);
    }
    let settings = request.header(SETTINGS)?;
    let named = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("algorithm").then(|| value.trim().to_owned())
    };
    match settings.split(',').find_map(named) {
        None => Some(Mode::AuthToken),
        Some(algorithm) if algorithm.eq_ignore_ascii_case("HMAC_SHA256") => Some(Mode::SharedKey),
        Some(algorithm) if algorithm.eq_ignore_ascii_case("HMAC_SHA1") => Some(Mode::AuthToken),
        Some(_) => None,
    }
}

/// Twilio signs a body that is no form by its hash, in the URL.
fn hash_in(query: &str) -> Option<String> {
    let mut pairs = parse(query.as_bytes());
    pairs.find(|(name, _)| name == "bodySHA256").map(|(_, hash)| hash.into_owned())
}

/// The URL as it may have been signed: without a port, and with one. Nothing else in it changes.
fn candidates(url: &str) -> impl Iterator<Item = String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    };
    let usual = if scheme.eq_ignore_ascii_case("http") { "80" } else { "443" };
    let port = port.unwrap_or(usual);
    [format!("{scheme}://{host}{tail}"), format!("{scheme}://{host}:{port}{tail}")].into_iter()
}
