//! [`MessagesReceipts`]: the Messages API's statuses.

use base64ct::{Base64UrlUnpadded, Encoding};
use constant_time_eq::constant_time_eq;
use hmac::Hmac;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{MESSAGES_FAULTS, MESSAGES_NAME};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::hex::hex;
use crate::transport::json::{at, plain, text_at};
use crate::transport::receipt::mac::{Secrets, is_signed};
use crate::transport::receipt::signed_time::is_stale;
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    CallbackUrl, FaultRow, Price, Receipt, ReceiptError, ReceiptRequest, ReceiptState,
    ReceiptVerifier, SecretText,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: MESSAGES_NAME,
    unsigned: "switch signed webhooks on for the application, and keep proxies from dropping \
                  the header `Authorization`",
    forged: "if it was genuine, check the signature secret, and that the body is handed on \
                  unchanged",
    malformed: "send only webhooks of the Messages API, version 1, to this address",
};
const MARKS: &[u8] = b"_-";

/// A status that is not final although it says `rejected`: not every part was reported in time.
const PARTS_UNKNOWN: &str = "1490";

/// Checks and reads the Messages API's statuses.
///
/// Vonage sends a token with each: a JWT in `Authorization`, signed with HMAC-SHA-256 and the
/// account's signature secret, with the time and the SHA-256 of the body. All three are checked; a
/// token with another algorithm, without the hash, or from more than five minutes away is refused.
/// Vonage's own SDKs leave hash and age to the host. Keep proxies from dropping the header.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::vonage::MessagesReceipts;
/// use otpgate::transport::{ReceiptErrorKind, ReceiptRequest, ReceiptVerifier, SecretText};
///
/// let receipts = MessagesReceipts::signed(SecretText::new("sigsecret"));
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &[("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")],
///     body: b"{}",
/// };
/// let error = receipts.verify(&request, Timestamp::from_millis(0)).unwrap_err();
/// assert_eq!(error.kind(), ReceiptErrorKind::Forged);
/// ```
#[derive(Clone, Debug)]
pub struct MessagesReceipts {
    secrets: Secrets,
}

impl MessagesReceipts {
    /// Statuses signed with the account's signature secret.
    #[must_use]
    pub fn signed(secret: impl Into<Credentials<SecretText>>) -> Self {
        Self { secrets: Secrets::new(secret) }
    }

    /// Accepts another signature secret too, while one is being exchanged.
    #[must_use]
    pub fn or(mut self, secret: impl Into<Credentials<SecretText>>) -> Self {
        self.secrets.push(secret);
        self
    }

    /// When the request was signed, if it is Vonage's.
    fn check(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, ReceiptError> {
        let header = request.header("authorization").ok_or(REFUSED.unsigned())?;
        let (scheme, token) = header.split_once(' ').ok_or(REFUSED.unsigned())?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(REFUSED.unsigned());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(REFUSED.forged())?;
        let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| REFUSED.forged())?;
        let by = |key: &[u8]| is_signed::<Hmac<Sha256>>(key, &[signed.as_bytes()], &signature);
        if !self.secrets.any(by).map_err(|_| REFUSED.no_secret())? {
            return Err(REFUSED.forged());
        }
        let (header, claims) = signed.split_once('.').ok_or(REFUSED.forged())?;
        let (header, claims) =
            (json(header).ok_or(REFUSED.forged())?, json(claims).ok_or(REFUSED.forged())?);
        if text_at(&header, "/alg") != Some("HS256") {
            return Err(REFUSED.forged());
        }
        let hash = text_at(&claims, "/payload_hash").ok_or(REFUSED.forged())?.to_ascii_lowercase();
        if !constant_time_eq(hash.as_bytes(), hex(&Sha256::digest(request.body)).as_bytes()) {
            return Err(REFUSED.forged());
        }
        let time = |name| {
            let millis = at(&claims, name).as_u64().and_then(|time| time.checked_mul(1_000));
            millis.map(Timestamp::from_millis)
        };
        let signed_at = time("/iat").filter(|at| !is_stale(*at, now)).ok_or(REFUSED.stale())?;
        match time("/exp") {
            Some(end) if end < now => Err(REFUSED.stale()),
            _ => Ok(signed_at),
        }
    }
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
}

impl ReceiptVerifier for MessagesReceipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let signed_at = self.check(request, now)?;
        let body: Value = serde_json::from_slice(request.body).map_err(|_| REFUSED.malformed())?;
        match (text_at(&body, "/channel"), text_at(&body, "/status")) {
            (Some("sms"), Some(_)) => {}
            // An inbound message, or another channel's status.
            (Some(_), _) => return Ok(Vec::new()),
            (None, _) => return Err(REFUSED.malformed()),
        }
        let read = |name| {
            text_at(&body, name).filter(|text| is_plain(text, MARKS)).ok_or(REFUSED.malformed())
        };
        let (id, word) = (read("/message_uuid")?, read("/status")?);
        // Vonage's examples have the error once and twice deep.
        let title = |name| plain(at(&body, name)).filter(|code| is_plain(code, MARKS));
        let code = title("/error/title").or_else(|| title("/error/error/title"));
        let state = match word {
            "delivered" | "read" => ReceiptState::Delivered,
            "rejected" | "undeliverable" if code.as_deref() != Some(PARTS_UNKNOWN) => {
                ReceiptState::Undelivered
            }
            _ => ReceiptState::Pending,
        };
        let price = plain(at(&body, "/usage/price")).zip(text_at(&body, "/usage/currency"));
        let parts = plain(at(&body, "/sms/count_total")).and_then(|count| count.parse().ok());
        let mut receipt = Receipt::verified(MESSAGES_NAME, id, state, word)
            .found_by_id()
            .with_key(text_at(&body, "/client_ref").filter(|key| CallbackUrl::is_key(key)))
            .priced(price.and_then(|(amount, currency)| Price::parse(&amount, currency)))
            .in_segments(parts.filter(|count| *count > 0))
            .in_network(
                text_at(&body, "/destination/network_code").and_then(|code| code.parse().ok()),
            )
            .signed_at(signed_at);
        if state == ReceiptState::Undelivered
            && let Some(code) = code
        {
            let fault = FaultRow::fault_of(MESSAGES_FAULTS, &code);
            receipt = receipt.failed(code, fault);
        }
        Ok(vec![receipt])
    }
}
