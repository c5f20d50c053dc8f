//! [`Receipts`]: delivery receipts whose signature is Plivo's.

use base64ct::{Base64, Encoding};
use form_urlencoded::parse;
use hmac::Hmac;
use sha2::Sha256;

use super::{FAULTS, NAME};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::receipt::mac::{Secrets, is_signed};
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    CallbackUrl, DeliveryFault, NetworkCode, PathToken, Price, Receipt, ReceiptError,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "keep proxies from dropping headers; if Plivo sends no signature of version 3, take \
               version 2 behind a secret path",
    forged: "if it was genuine, check the auth token, that of the subaccount too, and the public URL",
    malformed: "check that the address gets nothing but delivery receipts of texts",
};
const MARKS: &[u8] = b"_-";

/// Checks and reads Plivo's receipts.
///
/// Plivo has two signatures under the auth token, and the configuration says which one counts.
/// Version 3 covers the URL and the parameters: take it where Plivo sends it. Version 2, the only
/// one that Plivo documents for messages, covers the URL up to its query and nothing else, so that
/// whoever has seen one request can make any other of it; it counts only together with a secret
/// path.
///
/// Neither has a time: the gate remembers receipts by [`Receipt::replay_key`]. The signature of a
/// subaccount's texts is made with its own token, and a second one (`-Ma-`) with the main
/// account's: give the one or the other.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::plivo::Receipts;
/// use otpgate::transport::{ReceiptErrorKind, ReceiptRequest, ReceiptVerifier, SecretText};
///
/// let receipts = Receipts::signed(SecretText::new("plivotoken"));
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &[
///         ("X-Plivo-Signature-V3", "AAAA,wya0Zwz1iasaca20YPMwK8DDxZyxDdM3PUpltTPFivQ="),
///         ("X-Plivo-Signature-V3-Nonce", "nonce123"),
///     ],
///     body: b"A=1",
/// };
/// // Genuine, and no receipt of a text.
/// let error = receipts.verify(&request, Timestamp::from_millis(0)).unwrap_err();
/// assert_eq!(error.kind(), ReceiptErrorKind::Malformed);
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    secrets: Secrets,
    version: Version,
    currency: Option<String>,
}

#[derive(Clone, Debug)]
enum Version {
    V3,
    V2Behind(PathToken),
}

impl Receipts {
    /// Receipts with a signature of version 3 under the auth token.
    #[must_use]
    pub fn signed(token: impl Into<Credentials<SecretText>>) -> Self {
        Self { secrets: Secrets::new(token), version: Version::V3, currency: None }
    }

    /// Receipts with a signature of version 2, to an address whose path ends with `path`. For
    /// accounts whose messages have no version 3.
    #[must_use]
    pub fn signed_v2_behind(path: PathToken, token: impl Into<Credentials<SecretText>>) -> Self {
        let version = Version::V2Behind(path);
        Self { secrets: Secrets::new(token), version, currency: None }
    }

    /// Accepts another auth token too: while one is being exchanged, or for a subaccount.
    #[must_use]
    pub fn or(mut self, token: impl Into<Credentials<SecretText>>) -> Self {
        self.secrets.push(token);
        self
    }

    /// The currency that the account is billed in, `USD` as a rule, so that prices are reported:
    /// receipts have the amount without it. `None` if it is not three letters.
    #[must_use]
    pub fn billed_in(mut self, currency: impl Into<String>) -> Option<Self> {
        let currency = currency.into();
        Price::from_micros(0, &currency)?;
        self.currency = Some(currency);
        Some(self)
    }

    /// Whether the request is Plivo's.
    fn check(&self, request: &ReceiptRequest<'_>) -> Result<(), ReceiptError> {
        let (own, main, nonce) = match &self.version {
            Version::V3 => {
                ("x-plivo-signature-v3", "x-plivo-signature-ma-v3", "x-plivo-signature-v3-nonce")
            }
            Version::V2Behind(path) if !path.ends(request.url) => return Err(elsewhere()),
            Version::V2Behind(_) => {
                ("x-plivo-signature-v2", "x-plivo-signature-ma-v2", "x-plivo-signature-v2-nonce")
            }
        };
        let nonce =
            request.header(nonce).filter(|nonce| !nonce.is_empty()).ok_or(REFUSED.unsigned())?;
        let headers = [request.header(own), request.header(main)];
        let signatures: Vec<Vec<u8>> = headers
            .into_iter()
            .flatten()
            .flat_map(|list| list.split(','))
            .filter_map(|signature| Base64::decode_vec(signature).ok())
            .collect();
        if headers == [None, None] {
            return Err(REFUSED.unsigned());
        }
        let text = match &self.version {
            Version::V3 => format!("{}.{nonce}", text_of_v3(request).ok_or(REFUSED.forged())?),
            Version::V2Behind(_) => format!("{}{nonce}", address(request.url)),
        };
        let by = |key: &[u8]| {
            signatures.iter().fold(false, |right, signature| {
                right | is_signed::<Hmac<Sha256>>(key, &[text.as_bytes()], signature)
            })
        };
        match self.secrets.any(by) {
            Ok(true) => Ok(()),
            Ok(false) => Err(REFUSED.forged()),
            Err(_) => Err(REFUSED.no_secret()),
        }
    }
}

/// The URL up to its query.
fn address(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// What version 3 signs, but for the nonce: the URL with its query decoded and sorted, and behind a dot
/// the parameters of the body, each name and value with nothing between them.
fn text_of_v3(request: &ReceiptRequest<'_>) -> Option<String> {
    let query = sorted(request.query().split('#').next().unwrap_or_default().as_bytes());
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = query.join("&");
    let body = match request.method {
        method if method.eq_ignore_ascii_case("GET") => Vec::new(),
        method if method.eq_ignore_ascii_case("POST") => sorted(request.body),
        _ => return None,
    };
    let mut text = address(request.url).to_owned();
    if !query.is_empty() || !body.is_empty() {
        text.push('?');
        text.push_str(&query);
    }
    if !query.is_empty() && !body.is_empty() {
        text.push('.');
    }
    for (name, value) in body {
        text.push_str(&name);
        text.push_str(&value);
    }
    Some(text)
}

fn sorted(form: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = parse(form).into_owned().collect();
    pairs.sort_unstable();
    pairs
}

impl ReceiptVerifier for Receipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        self.check(request)?;
        let get = request.method.eq_ignore_ascii_case("GET");
        let form = if get { request.query().as_bytes() } else { request.body };
        let read = |name: &str| one(form, name);
        let id = read("MessageUUID").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        let Some(word) = read("Status") else {
            // A text to a number of the account: genuine, and no receipt.
            return if read("Text").is_some() { Ok(Vec::new()) } else { Err(REFUSED.malformed()) };
        };
        let word = word.to_ascii_lowercase();
        if !is_plain(&word, MARKS) {
            return Err(REFUSED.malformed());
        }
        let state = match word.as_str() {
            "delivered" | "read" => ReceiptState::Delivered,
            "undelivered" | "failed" | "rejected" => ReceiptState::Undelivered,
            _ => ReceiptState::Pending,
        };
        let price = read("TotalAmount").zip(self.currency.as_deref());
        let units = read("Units").and_then(|units| units.parse().ok());
        let network = read("MCC").zip(read("MNC"));
        let mut receipt = Receipt::verified(NAME, id, state, word)
            .with_key(CallbackUrl::key_in(request.url))
            .priced(price.and_then(|(amount, currency)| Price::parse(&amount, currency)))
            .in_segments(units.filter(|units| *units > 0))
            .in_network(network.and_then(|(mcc, mnc)| NetworkCode::of(&mcc, &mnc)));
        let code = read("ErrorCode").filter(|code| is_plain(code, MARKS));
        if state == ReceiptState::Undelivered
            && let Some(code) = code
        {
            let row = FAULTS.iter().find(|row| row.code == code);
            receipt = receipt.failed(code, row.map_or(DeliveryFault::Unknown, |row| row.fault));
        }
        Ok(vec![receipt])
    }
}

/// The parameter's value, if it is there once.
fn one(form: &[u8], name: &str) -> Option<String> {
    let mut values = parse(form).filter(|(known, _)| known == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        _ => None,
    }
}

/// The path is not the secret one.
const fn elsewhere() -> ReceiptError {
    let remedy = "configure the address with the token as its last path segment";
    ReceiptError::new(NAME, ReceiptErrorKind::Forged, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Version 2 without its secret path, which the vectors' addresses have not.
    #[test]
    fn every_vector_of_version_2_is_decided_as_the_sdks_decide_it() {
        let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors.json"));
        let all: Vec<Value> = serde_json::from_str(file).unwrap();
        let vectors: Vec<&Value> = all.iter().filter(|one| one["scheme"] == "plivo-v2").collect();
        assert_eq!(vectors.len(), 8);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let header = |name: &str| vector["headers"][name].as_str().unwrap();
            let nonce = header("X-Plivo-Signature-V2-Nonce");
            let signed = format!("{}{nonce}", address(text("url")));
            let signature = Base64::decode_vec(header("X-Plivo-Signature-V2")).unwrap();
            let key = text("secret").as_bytes();
            let genuine = is_signed::<Hmac<Sha256>>(key, &[signed.as_bytes()], &signature);
            assert_eq!(genuine, vector["accept"].as_bool().unwrap(), "{vector}");
        }
    }
}
