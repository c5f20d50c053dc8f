//! [`Receipts`]: Sinch's delivery reports, for hosts that send through a
//! [template](super::template) named `sinch`.
//!
//! There is no adapter: Sinch sells its SMS interface to nobody new since April 2026, and its
//! Conversation interface fetches a token first.

use base64ct::{Base64, Encoding};
use hmac::Hmac;
use serde_json::Value;
use sha2::Sha256;

use super::DeliveryFault::{Account, Unknown};
use super::receipt::mac::{Secrets, is_signed};
use super::receipt::signed_time::{is_stale, seconds};
use super::{
    CallbackUrl, DeliveryFault, FaultRow, Receipt, ReceiptError, ReceiptRequest, ReceiptState,
    ReceiptVerifier, SecretText,
};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::receipt::words::{Refusals, is_plain};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "have Sinch's account manager switch signatures on, and keep proxies from \
                  dropping headers",
    forged: "if it was genuine, check the secret, and that the body is handed on unchanged",
    malformed: "send Sinch's SMS callbacks to it and nothing else",
};
const MARKS: &[u8] = b"_-";

/// The provider's name in receipts. Give the template the same.
pub const NAME: &str = "sinch";

const SIGNATURE: &str = "x-sinch-webhook-signature";
const NONCE: &str = "x-sinch-webhook-signature-nonce";
const TIMESTAMP: &str = "x-sinch-webhook-signature-timestamp";
const ALGORITHM: &str = "x-sinch-webhook-signature-algorithm";

/// Every code of a failed text that Sinch documents for its SMS interface.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("402", Unknown, "the network rejected it as unroutable"),
    FaultRow::new("403", Unknown, "an unexpected error"),
    FaultRow::new("404", Unknown, "a temporary failure of delivery"),
    FaultRow::new("405", Account, "a parameter has no value for the recipient"),
    FaultRow::new("406", Account, "expired before it was sent"),
    FaultRow::new("407", Account, "cancelled by the account"),
    FaultRow::new("408", Unknown, "the network rejected it"),
    FaultRow::new("410", Account, "there is no default sender for the recipient"),
    FaultRow::new("411", Account, "the text has too many parts"),
    FaultRow::new("412", Account, "the region is not set up for the account"),
    FaultRow::new("413", Account, "the account is blocked, or has no credit"),
    FaultRow::new("414", Account, "multimedia: the address cannot be read"),
    FaultRow::new("415", Unknown, "multimedia: rejected"),
    FaultRow::new("416", Unknown, "multimedia: not supported"),
    FaultRow::new("417", DeliveryFault::Handset, "multimedia: out of reach"),
    FaultRow::new("418", Unknown, "multimedia: not recognised"),
];

/// Checks and reads Sinch's delivery reports.
///
/// Sinch signs them only after its account manager has switched that on: HMAC-SHA-256 over the raw body,
/// a nonce and the time, which is at most five minutes from now, and not over the URL. The text's own
/// key comes back as `client_reference`, if the template sends `{receipt_key}` there. Inbound messages hold no receipts.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::sinch::Receipts;
/// use otpgate::transport::{ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText};
///
/// let receipts = Receipts::signed_by(SecretText::new("sinchsecret"));
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &[
///         ("x-sinch-webhook-signature", "61bXwW6ObWy2aAgTdaEE9jwBLgkqTK4GxeJpPqiqc2g="),
///         ("x-sinch-webhook-signature-nonce", "n1"),
///         ("x-sinch-webhook-signature-timestamp", "1795800000"),
///     ],
///     body: br#"{"type":"recipient_delivery_report_sms","batch_id":"b","code":0,"status":"Delivered"}"#,
/// };
/// let verified = receipts.verify(&request, Timestamp::from_millis(1_795_800_000_000))?;
/// assert_eq!((&*verified[0].message_id, verified[0].state), ("b", ReceiptState::Delivered));
/// # Ok::<(), otpgate::transport::ReceiptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    secrets: Secrets,
}

impl Receipts {
    /// Reports signed with this secret.
    #[must_use]
    pub fn signed_by(secret: impl Into<Credentials<SecretText>>) -> Self {
        Self { secrets: Secrets::new(secret) }
    }

    /// Accepts another secret too, while one is being exchanged.
    #[must_use]
    pub fn or(mut self, secret: impl Into<Credentials<SecretText>>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// When the request was signed, if it is Sinch's.
    fn check(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, ReceiptError> {
        let headers = [SIGNATURE, NONCE, TIMESTAMP].map(|name| request.header(name));
        let [Some(signature), Some(nonce), Some(timestamp)] = headers else {
            return Err(REFUSED.unsigned());
        };
        if request.has_header(ALGORITHM) && request.header(ALGORITHM) != Some("HmacSHA256") {
            return Err(REFUSED.forged());
        }
        let signature = Base64::decode_vec(signature).map_err(|_| REFUSED.forged())?;
        let signed_at = seconds(timestamp).ok_or(REFUSED.forged())?;
        if is_stale(signed_at, now) {
            return Err(REFUSED.stale());
        }
        let parts = [request.body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()];
        let signed = |secret: &[u8]| is_signed::<Hmac<Sha256>>(secret, &parts, &signature);
        let right = self.secrets.any(signed).map_err(|_| REFUSED.no_secret())?;
        if right { Ok(signed_at) } else { Err(REFUSED.forged()) }
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
        let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
        let report = match text(&body, "type").as_deref() {
            Some("recipient_delivery_report_sms") => &body,
            // A gate's batch has one recipient, and so one status.
            Some("delivery_report_sms") => {
                body.pointer("/statuses/0").ok_or(REFUSED.malformed())?
            }
            Some(_) => return Ok(Vec::new()),
            None => return Err(REFUSED.malformed()),
        };
        let id =
            text(&body, "batch_id").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        let word = text(report, "status")
            .filter(|word| is_plain(word, MARKS))
            .ok_or(REFUSED.malformed())?;
        let word = word.to_ascii_lowercase();
        let state = match word.as_str() {
            "delivered" => ReceiptState::Delivered,
            "aborted" | "cancelled" | "deleted" | "expired" | "failed" | "rejected" => {
                ReceiptState::Undelivered
            }
            _ => ReceiptState::Pending,
        };
        let key = text(&body, "client_reference").filter(|key| CallbackUrl::is_key(key));
        let mut receipt = Receipt::verified(NAME, id, state, word).signed_at(signed_at);
        let network = text(report, "operator").and_then(|code| code.parse().ok());
        receipt = receipt.with_key(key.as_deref()).in_network(network);
        if state == ReceiptState::Undelivered {
            let code = report.get("code").and_then(Value::as_u64).map(|code| code.to_string());
            let code = code.unwrap_or_else(|| "unknown".to_owned());
            let fault = FaultRow::fault_of(FAULTS, &code);
            receipt = receipt.failed(code, fault);
        }
        Ok(vec![receipt])
    }
}
