//! [`Receipts`]: delivery receipts whose Ed25519 signature is Telnyx's.

use base64ct::{Base64, Encoding};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;

use super::{FAULTS, NAME};
use crate::base::time::Timestamp;
use crate::transport::json::{at, plain, text_at};
use crate::transport::receipt::signed_time::{is_stale, seconds};
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    AdapterError, CallbackUrl, DeliveryFault, Price, Receipt, ReceiptError, ReceiptRequest,
    ReceiptState, ReceiptVerifier, Wish,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "send webhooks of Telnyx only, and keep proxies from dropping headers",
    forged: "if it was genuine, check the public key, and that the body is handed on unchanged",
    malformed: "check that the webhook's API version is 2",
};
const MARKS: &[u8] = b"_-";

const SIGNATURE: &str = "telnyx-signature-ed25519";
const TIMESTAMP: &str = "telnyx-timestamp";

/// The account's public key, which Telnyx signs webhooks with. It is no secret.
///
/// ```
/// use otpgate::transport::telnyx::PublicKey;
///
/// assert!(PublicKey::new("e0czfzyCe4uREbvYZCLA6kbLf8x2mpdYhFZ738iGviw=").is_ok());
/// assert!(PublicKey::new("").is_err(), "an environment variable that is not set");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key as Telnyx's portal shows it: 32 bytes in base64, with its padding.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] for any other text.
    pub fn new(text: &str) -> Result<Self, AdapterError> {
        let mut bytes = [0; 32];
        match Base64::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => {
                let problem = "the public key is 44 characters of base64; copy it from the portal";
                Err(AdapterError::new(NAME, problem))
            }
        }
    }
}

/// Checks and reads Telnyx's webhooks.
///
/// The signature covers the time in a header and the raw body, and not the URL. The text's own key is
/// therefore taken from the webhook address that stands in the signed body. A receipt that was signed
/// more than five minutes from now is refused. An inbound message is an opt-out or an opt-in if Telnyx
/// took it for one (`autoresponse_type`). Genuine webhooks about something else hold no receipts.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::telnyx::{PublicKey, Receipts};
/// use otpgate::transport::{ReceiptErrorKind, ReceiptRequest, ReceiptVerifier};
///
/// let key = PublicKey::new("e0czfzyCe4uREbvYZCLA6kbLf8x2mpdYhFZ738iGviw=").unwrap();
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &[("telnyx-signature-ed25519", "AAAA"), ("telnyx-timestamp", "1795800000")],
///     body: b"{}",
/// };
/// let now = Timestamp::from_millis(1_795_800_000_000);
/// let error = Receipts::signed_by(key).verify(&request, now).unwrap_err();
/// assert_eq!(error.kind(), ReceiptErrorKind::Forged);
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    keys: Vec<PublicKey>,
}

impl Receipts {
    /// Webhooks of the account with this key.
    #[must_use]
    pub fn signed_by(key: PublicKey) -> Self {
        Self { keys: vec![key] }
    }

    /// Accepts another key too: while one is being exchanged, or for a second account.
    #[must_use]
    pub fn or(mut self, key: PublicKey) -> Self {
        self.keys.push(key);
        self
    }

    /// When the request was signed, if it is Telnyx's.
    fn check(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, ReceiptError> {
        let signature = request.header(SIGNATURE).ok_or(REFUSED.unsigned())?;
        let timestamp = request.header(TIMESTAMP).ok_or(REFUSED.unsigned())?;
        let signature = Base64::decode_vec(signature).map_err(|_| REFUSED.forged())?;
        let signed_at = seconds(timestamp).ok_or(REFUSED.forged())?;
        let signed = [timestamp.as_bytes(), b"|", request.body].concat();
        let by = |key: &PublicKey| {
            UnparsedPublicKey::new(&ED25519, key.0).verify(&signed, &signature).is_ok()
        };
        // The cheaper question first. Neither tells a forger anything that they did not send.
        if is_stale(signed_at, now) {
            return Err(REFUSED.stale());
        }
        if self.keys.iter().any(by) { Ok(signed_at) } else { Err(REFUSED.forged()) }
    }
}

impl ReceiptVerifier for Receipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let signed_at = self.check(request, now)?;
        let body: Value = serde_json::from_slice(request.body).map_err(|_| REFUSED.malformed())?;
        match text_at(&body, "/data/event_type") {
            Some("message.sent" | "message.finalized" | "message.read") => {}
            Some("message.received") => {
                let wished = wished(at(&body, "/data/payload"));
                return Ok(wished.map(|wished| wished.signed_at(signed_at)).into_iter().collect());
            }
            Some(_) => return Ok(Vec::new()),
            None => return Err(REFUSED.malformed()),
        }
        let message = at(&body, "/data/payload");
        let id =
            text_at(message, "/id").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        let word = text_at(message, "/to/0/status").filter(|word| is_plain(word, MARKS));
        let word = word.ok_or(REFUSED.malformed())?;
        let state = match word {
            "delivered" | "read" => ReceiptState::Delivered,
            "sending_failed" | "delivery_failed" | "expired" | "cancelled" => {
                ReceiptState::Undelivered
            }
            // `delivery_unconfirmed` is the last word, and says nothing.
            _ => ReceiptState::Pending,
        };
        let mut receipt = Receipt::verified(NAME, id, state, word)
            .with_key(text_at(message, "/webhook_url").and_then(CallbackUrl::key_in))
            .priced(price(message))
            .in_segments(segments(message))
            .signed_at(signed_at);
        // A delivered text may carry warnings.
        if state == ReceiptState::Undelivered {
            let error = at(message, "/errors/0");
            if let Some(code) = plain(at(error, "/code")).filter(|code| is_plain(code, MARKS)) {
                let fault = fault(&code, text_at(error, "/title").unwrap_or_default());
                receipt = receipt.failed(code, fault);
            }
        }
        Ok(vec![receipt])
    }
}

/// What an inbound message asks for, as Telnyx understood it.
fn wished(message: &Value) -> Option<Receipt> {
    let (wish, word) = match text_at(message, "/autoresponse_type")? {
        word if word.eq_ignore_ascii_case("stop") => (Wish::OptOut, "STOP"),
        word if word.eq_ignore_ascii_case("start") => (Wish::OptIn, "START"),
        _ => return None,
    };
    let id = text_at(message, "/id").filter(|id| is_plain(id, MARKS))?;
    Some(Receipt::wished(NAME, id, wish, word, text_at(message, "/from/phone_number")?))
}

/// In a receipt 40300 is an opt-out only if its title says so: Telnyx uses the code for other blocks.
fn fault(code: &str, title: &str) -> DeliveryFault {
    let row = FAULTS.iter().find(|row| row.code == code);
    match row.map(|row| row.fault) {
        Some(DeliveryFault::Number(_)) if code == "40300" && !title.contains("STOP") => {
            DeliveryFault::Unknown
        }
        fault => fault.unwrap_or(DeliveryFault::Unknown),
    }
}

/// What the text costs.
fn price(message: &Value) -> Option<Price> {
    Price::parse(text_at(message, "/cost/amount")?, text_at(message, "/cost/currency")?)
}

fn segments(message: &Value) -> Option<u32> {
    let parts = at(message, "/parts").as_u64().and_then(|parts| u32::try_from(parts).ok());
    parts.filter(|parts| *parts > 0)
}
