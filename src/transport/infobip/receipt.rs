//! [`Receipts`]: Infobip's delivery reports, behind a secret path.

use serde_json::Value;

use super::{FAULTS, NAME};
use crate::base::time::Timestamp;
use crate::transport::json::{at, text_at};
use crate::transport::receipt::words::is_plain;
use crate::transport::{
    CallbackUrl, FaultRow, PathToken, Price, Receipt, ReceiptError, ReceiptErrorKind,
    ReceiptRequest, ReceiptState, ReceiptVerifier,
};

/// What identifiers and codes are made of, beside letters and digits.
const MARKS: &[u8] = b"_-.";

/// Checks and reads Infobip's delivery reports, up to a hundred in one request.
///
/// Infobip signs nothing. What proves that a report is genuine is the address that only Infobip was
/// told: configure it with a [`PathToken`] as its last segment, over `https`, keep it out of access
/// logs, and admit Infobip's networks only. Its subscriptions can also log in to the host's endpoint
/// (basic, OAuth, mutual TLS): check that before you call this.
///
/// ```
/// use otpgate::transport::infobip::Receipts;
/// use otpgate::transport::{PathToken, ReceiptRequest, ReceiptState, ReceiptVerifier};
/// use otpgate::Timestamp;
///
/// let receipts = Receipts::behind(PathToken::new("pX3cJ9mB0vQe7LkT2nWs5A").unwrap());
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/infobip/pX3cJ9mB0vQe7LkT2nWs5A",
///     headers: &[],
///     body: br#"{"results":[{"messageId":"m-1","to":"41793026727",
///               "status":{"groupName":"DELIVERED","name":"DELIVERED_TO_HANDSET"}}]}"#,
/// };
/// let verified = receipts.verify(&request, Timestamp::from_millis(0))?;
/// assert_eq!(verified[0].message_id, "m-1");
/// assert_eq!(verified[0].state, ReceiptState::Delivered);
/// # Ok::<(), otpgate::transport::ReceiptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    token: PathToken,
}

impl Receipts {
    /// Reports to an address that ends with `token`.
    #[must_use]
    pub fn behind(token: PathToken) -> Self {
        Self { token }
    }
}

impl ReceiptVerifier for Receipts {
    /// A result without a status, an inbound message for example, is no receipt. Results that cannot
    /// be read are left out, so that one of a hundred does not take the others with it.
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        if !self.token.ends(request.url) {
            let remedy = "configure the address with the token as its last path segment";
            return Err(ReceiptError::new(NAME, ReceiptErrorKind::Forged, remedy));
        }
        let body: Value = serde_json::from_slice(request.body).map_err(|_| malformed())?;
        let results = at(&body, "/results").as_array().ok_or(malformed())?;
        let reports = || results.iter().filter(|result| result.get("status").is_some());
        let receipts: Vec<Receipt> = reports().filter_map(read).collect();
        if receipts.is_empty() && reports().next().is_some() {
            return Err(malformed());
        }
        Ok(receipts)
    }
}

fn read(result: &Value) -> Option<Receipt> {
    let id = text_at(result, "/messageId").filter(|id| is_plain(id, MARKS))?;
    let word = text_at(result, "/status/name").filter(|word| is_plain(word, MARKS))?;
    let state = match (text_at(result, "/status/groupName")?, word) {
        // The network has it, and the handset perhaps not.
        ("DELIVERED", "DELIVERED_TO_OPERATOR") => ReceiptState::Pending,
        ("DELIVERED", _) => ReceiptState::Delivered,
        // The last word, and it says nothing.
        ("EXPIRED", "EXPIRED_DLR_UNKNOWN") => ReceiptState::Pending,
        ("UNDELIVERABLE" | "EXPIRED" | "REJECTED", _) => ReceiptState::Undelivered,
        _ => ReceiptState::Pending,
    };
    let segments = count(at(result, "/messageCount")).or(count(at(result, "/smsCount")));
    let receipt = Receipt::verified(NAME, id, state, word)
        .with_key(text_at(result, "/callbackData").filter(|key| CallbackUrl::is_key(key)))
        .priced(price(result, segments))
        .in_segments(segments)
        .in_network(text_at(result, "/mccMnc").and_then(|code| code.parse().ok()));
    if state != ReceiptState::Undelivered {
        return Some(receipt);
    }
    let error =
        text_at(result, "/error/name").filter(|name| *name != "NO_ERROR" && is_plain(name, MARKS));
    let code = error.unwrap_or(word);
    let fault = FaultRow::fault_of(FAULTS, code);
    Some(receipt.failed(code, fault))
}

/// Infobip writes the price of one segment, as a number: of a text whose segments it does not count it says no
/// price.
fn price(result: &Value, segments: Option<u32>) -> Option<Price> {
    let each = at(result, "/price/pricePerMessage").as_f64().filter(|price| *price >= 0.0)?;
    // Seven decimals: what is below a millionth rounds up, and a small number has no exponent.
    let each = Price::parse(&format!("{each:.7}"), text_at(result, "/price/currency")?)?;
    let micros = each.as_micros().checked_mul(segments?.into())?;
    Price::from_micros(micros, each.currency())
}

/// A count of segments.
fn count(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0)
}

const fn malformed() -> ReceiptError {
    let remedy = "send only delivery reports in JSON to this address";
    ReceiptError::new(NAME, ReceiptErrorKind::Malformed, remedy)
}
