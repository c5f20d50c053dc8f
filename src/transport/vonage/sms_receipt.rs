//! [`SmsReceipts`]: the SMS API's delivery receipts.

use std::collections::BTreeMap;

use form_urlencoded::parse;
use serde_json::Value;

use super::signature::signed_text;
use super::{FAULTS, NAME, SignatureMethod};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::receipt::mac::Secrets;
use crate::transport::receipt::signed_time::{is_stale, seconds};
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    CallbackUrl, FaultRow, PathToken, Price, Receipt, ReceiptError, ReceiptErrorKind,
    ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "ask Vonage's support for signed webhooks, or use a secret path",
    forged: "if it was genuine, check the signature secret, that the dashboard's signature \
                  method is the HMAC configured here and not `MD5 hash`, and that the address has \
                  no query of its own",
    malformed: "send only delivery receipts of the SMS API to this address",
};
const MARKS: &[u8] = b"_-";

/// Checks and reads the SMS API's delivery receipts, in each of the forms that the dashboard offers:
/// `GET`, `POST` and `POST` with JSON.
///
/// Vonage signs receipts only for accounts whose *signed webhooks* its support has switched on.
/// Configure the method that the account's settings name; a receipt that is signed in another way, or not
/// at all, is refused. The signature has a time, which may be five minutes from now. It covers the
/// parameters and not the URL: with `GET`, give the address no query of its own.
///
/// A text of several parts has a receipt for each. Each has an identifier of its own, of which
/// [`Handoff`](crate::transport::Handoff) names the first; the text's key is the same in all.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::vonage::{SignatureMethod, SmsReceipts};
/// use otpgate::transport::{ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText};
///
/// let secret = SecretText::new("sigsecret");
/// let receipts = SmsReceipts::signed(secret, SignatureMethod::HmacSha256);
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &[("Content-Type", "application/x-www-form-urlencoded")],
///     body: b"msisdn=15550100&to=15550101&messageId=0A&status=delivered&err-code=0\
///         &timestamp=1795800000&api_key=abcd1234\
///         &sig=39f8d9da0aab5a7f8bd5208d98d28ac3bc6b9a5d41d2f56d980280b63e0f53a3",
/// };
/// let verified = receipts.verify(&request, Timestamp::from_millis(1_795_800_060_000))?;
/// assert_eq!(verified[0].message_id, "0A");
/// assert_eq!(verified[0].state, ReceiptState::Delivered);
/// # Ok::<(), otpgate::transport::ReceiptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SmsReceipts {
    check: Check,
    currency: Option<String>,
}

#[derive(Clone, Debug)]
enum Check {
    Signed { secrets: Secrets, method: SignatureMethod },
    Behind(PathToken),
}

impl SmsReceipts {
    /// Receipts signed with the account's signature secret, in the way that its settings name.
    #[must_use]
    pub fn signed(secret: impl Into<Credentials<SecretText>>, method: SignatureMethod) -> Self {
        Self { check: Check::Signed { secrets: Secrets::new(secret), method }, currency: None }
    }

    /// Receipts of an account without signed webhooks, to an address that ends with `token`. Whoever
    /// sees the address can forge them: ask Vonage's support for signed webhooks.
    #[must_use]
    pub fn behind(token: PathToken) -> Self {
        Self { check: Check::Behind(token), currency: None }
    }

    /// Accepts another signature secret too, while one is being exchanged. Nothing changes for
    /// receipts behind a path, whose token has an exchange of its own.
    #[must_use]
    pub fn or(mut self, secret: impl Into<Credentials<SecretText>>) -> Self {
        if let Check::Signed { secrets, .. } = &mut self.check {
            secrets.push(secret);
        }
        self
    }

    /// The currency that the account is billed in, so that prices are reported. `None` if it is not
    /// three letters.
    #[must_use]
    pub fn billed_in(mut self, currency: impl Into<String>) -> Option<Self> {
        let currency = currency.into();
        Price::from_micros(0, &currency)?;
        self.currency = Some(currency);
        Some(self)
    }

    /// The parameters of a genuine request, and when they were signed.
    fn genuine(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<(Parameters, Option<Timestamp>), ReceiptError> {
        let (secrets, method) = match &self.check {
            Check::Behind(token) if !token.ends(request.url) => return Err(elsewhere()),
            Check::Behind(_) => return Ok((parameters(request).ok_or(REFUSED.malformed())?, None)),
            Check::Signed { secrets, method } => (secrets, *method),
        };
        let mut parameters = parameters(request).ok_or(REFUSED.forged())?;
        let signature = parameters.remove("sig").ok_or(REFUSED.unsigned())?;
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let text = signed_text(pairs).ok_or(REFUSED.forged())?;
        let right = secrets.any(|key| method.verify(key, &text, &signature));
        if !right.map_err(|_| REFUSED.no_secret())? {
            return Err(REFUSED.forged());
        }
        let signed_at = parameters.get("timestamp").and_then(|time| seconds(time));
        match signed_at.filter(|at| !is_stale(*at, now)) {
            Some(signed_at) => Ok((parameters, Some(signed_at))),
            None => Err(REFUSED.stale()),
        }
    }
}

type Parameters = BTreeMap<String, String>;

/// The parameters, wherever the account's settings put them. `None` if they cannot be read or one is
/// there twice: which of the two was signed, nobody knows.
fn parameters(request: &ReceiptRequest<'_>) -> Option<Parameters> {
    let mut found = Parameters::new();
    let mut add = |name: String, value: String| found.insert(name, value).is_none();
    let json = request.header("content-type").is_some_and(|kind| kind.contains("json"));
    let once = if request.method.eq_ignore_ascii_case("GET") {
        parse(request.query().as_bytes()).all(|(name, value)| add(name.into(), value.into()))
    } else if json {
        let Value::Object(members) = serde_json::from_slice(request.body).ok()? else {
            return None;
        };
        members.into_iter().all(|(name, value)| match value {
            Value::String(text) => add(name, text),
            Value::Number(number) => add(name, number.to_string()),
            _ => false,
        })
    } else {
        parse(request.body).all(|(name, value)| add(name.into(), value.into()))
    };
    once.then_some(found)
}

impl ReceiptVerifier for SmsReceipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let (parameters, signed_at) = self.genuine(request, now)?;
        let read = |name| parameters.get(name).map(String::as_str);
        let Some(word) = read("status") else {
            // A text to a number of the account: genuine, and no receipt.
            let inbound = read("text").is_some() || read("type").is_some();
            return if inbound { Ok(Vec::new()) } else { Err(REFUSED.malformed()) };
        };
        let word = word.to_ascii_lowercase();
        let id = read("messageId").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        if !is_plain(&word, MARKS) {
            return Err(REFUSED.malformed());
        }
        let state = match word.as_str() {
            "delivered" => ReceiptState::Delivered,
            "expired" | "failed" | "rejected" => ReceiptState::Undelivered,
            _ => ReceiptState::Pending,
        };
        let price = read("price").zip(self.currency.as_deref());
        let mut receipt = Receipt::verified(NAME, id, state, word)
            .found_by_id()
            .with_key(read("client-ref").filter(|key| CallbackUrl::is_key(key)))
            .in_network(read("network-code").and_then(|code| code.parse().ok()))
            .priced(price.and_then(|(amount, currency)| Price::parse(amount, currency)));
        let code = read("err-code").filter(|code| is_plain(code, MARKS));
        if state == ReceiptState::Undelivered
            && let Some(code) = code
        {
            let fault = FaultRow::fault_of(FAULTS, code);
            receipt = receipt.failed(code, fault);
        }
        Ok(vec![signed_at.into_iter().fold(receipt, Receipt::signed_at)])
    }
}

const fn elsewhere() -> ReceiptError {
    let remedy = "configure the address with the token as its last path segment";
    ReceiptError::new(NAME, ReceiptErrorKind::Forged, remedy)
}
