//! [`Receipts`]: webhooks that are signed as *Standard Webhooks* say.

use base64ct::{Base64, Encoding};
use hmac::Hmac;
use serde_json::Value;
use sha2::Sha256;

use super::{FAULTS, METADATA_KEY, NAME};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::json::{at, text_at};
use crate::transport::receipt::mac::is_signed;
use crate::transport::receipt::signed_time::{is_stale, seconds};
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    AdapterError, CallbackUrl, DeliveryFault, Price, Receipt, ReceiptError, ReceiptRequest,
    ReceiptState, ReceiptVerifier, SecretText,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "send webhooks of Bird only, and keep proxies from dropping headers",
    forged: "if it was genuine, check the endpoint's secret, and that the body is handed on unchanged",
    malformed: "send Bird's webhooks to it and nothing else",
};
const MARKS: &[u8] = b"_";

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// The shortest key: *Standard Webhooks* asks for 24 to 64 bytes.
const SHORTEST: usize = 24;

/// The secret of a webhook endpoint, `whsec_…`, which Bird shows once. `Debug` shows nothing of it.
///
/// ```
/// use otpgate::transport::bird::WebhookSecret;
///
/// assert!(WebhookSecret::new("whsec_elF57swP4YdgumFfkmAzcq4/4wKGAJigGeFZJ1Uf7js=").is_ok());
/// assert!(WebhookSecret::new("").is_err(), "an environment variable that is not set");
/// ```
#[derive(Clone, Debug)]
pub struct WebhookSecret(SecretText);

impl WebhookSecret {
    /// The secret as Bird shows it: `whsec_`, which may be missing, and at least 24 bytes in base64.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] for any other text.
    pub fn new(secret: impl Into<String>) -> Result<Self, AdapterError> {
        let secret = Self(SecretText::new(secret));
        if secret.key().is_some_and(|key| key.len() >= SHORTEST) {
            return Ok(secret);
        }
        let problem = "the webhook's secret is whsec_ and base64; copy it again, or rotate it";
        Err(AdapterError::new(NAME, problem))
    }

    fn key(&self) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let text = self.0.expose_secret();
        let base64 = text.strip_prefix("whsec_").unwrap_or(text);
        Base64::decode_vec(base64).ok().map(Into::into)
    }

    fn signed(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.key().is_some_and(|key| is_signed::<Hmac<Sha256>>(&key, parts, signature))
    }
}

/// Checks and reads Bird's webhooks.
///
/// The signature covers the identifier, the time and the raw body, and not the URL; a receipt that was
/// signed more than five minutes from now is refused. The text's own key comes back in the signed
/// metadata. Subscribe the endpoint to the events `sms.*`: other genuine events hold no receipts.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::bird::{Receipts, WebhookSecret};
/// use otpgate::transport::{ReceiptErrorKind, ReceiptRequest, ReceiptVerifier};
///
/// let secret = WebhookSecret::new("whsec_elF57swP4YdgumFfkmAzcq4/4wKGAJigGeFZJ1Uf7js=").unwrap();
/// let mut request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/sms",
///     headers: &[
///         ("webhook-id", "msg_1"),
///         ("webhook-timestamp", "1795800000"),
///         ("webhook-signature", "v1,p6L0ME3GGNIPtGf/YSHdqovwyOBnJ8EaFPisI5jifgw="),
///     ],
///     body: br#"{"type":"sms.invented","timestamp":"2026-11-27T00:00:00Z","data":{}}"#,
/// };
/// let now = Timestamp::from_millis(1_795_800_000_000);
/// let receipts = Receipts::signed_by(secret);
/// assert!(receipts.verify(&request, now).unwrap().is_empty(), "genuine, and about no text");
/// request.body = b"{}";
/// assert_eq!(receipts.verify(&request, now).unwrap_err().kind(), ReceiptErrorKind::Forged);
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    secrets: Vec<Credentials<WebhookSecret>>,
}

impl Receipts {
    /// Webhooks of the endpoint with this secret.
    #[must_use]
    pub fn signed_by(secret: impl Into<Credentials<WebhookSecret>>) -> Self {
        Self { secrets: vec![secret.into()] }
    }

    /// Accepts another secret too: that of a second endpoint, or while one is being exchanged.
    #[must_use]
    pub fn or(mut self, secret: impl Into<Credentials<WebhookSecret>>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// When the request was signed, if it is Bird's.
    fn check(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, ReceiptError> {
        let [id, timestamp, signatures] =
            [ID, TIMESTAMP, SIGNATURE].map(|name| request.header(name).filter(|it| !it.is_empty()));
        let (Some(id), Some(timestamp), Some(signatures)) = (id, timestamp, signatures) else {
            return Err(REFUSED.unsigned());
        };
        let signed_at = seconds(timestamp).ok_or(REFUSED.forged())?;
        // The cheaper question first. Neither tells a forger anything that they did not send.
        if is_stale(signed_at, now) {
            return Err(REFUSED.stale());
        }
        let signed: &[&[u8]] = &[id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body];
        let mut right = false;
        for secret in &self.secrets {
            let secret = secret.current().map_err(|_| REFUSED.no_secret())?;
            for signature in signatures.split_ascii_whitespace() {
                let of_v1 = signature.strip_prefix("v1,").map(Base64::decode_vec);
                let Some(Ok(signature)) = of_v1 else { continue };
                right |= secret.signed(signed, &signature);
            }
        }
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
        let state = match text_at(&body, "/type").ok_or(REFUSED.malformed())? {
            "sms.accepted" | "sms.sent" => ReceiptState::Pending,
            "sms.delivered" => ReceiptState::Delivered,
            "sms.undelivered" | "sms.failed" | "sms.rejected" | "sms.expired" => {
                ReceiptState::Undelivered
            }
            _ => return Ok(Vec::new()),
        };
        let word = text_at(&body, "/type").and_then(|word| word.strip_prefix("sms."));
        let data = at(&body, "/data");
        let id =
            text_at(data, "/sms_id").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        let key = text_at(at(data, "/metadata"), &format!("/{METADATA_KEY}"));
        let mut receipt = Receipt::verified(NAME, id, state, word.unwrap_or_default())
            .with_key(key.filter(|key| CallbackUrl::is_key(key)))
            .priced(price(data))
            .signed_at(signed_at);
        if state == ReceiptState::Undelivered {
            let code = text_at(data, "/error/code").filter(|code| is_plain(code, MARKS));
            let row = FAULTS.iter().find(|row| Some(row.code) == code);
            let fault = row.map_or(DeliveryFault::Unknown, |row| row.fault);
            receipt = receipt.failed(code.unwrap_or("unknown"), fault);
        }
        Ok(vec![receipt])
    }
}

/// What the text costs.
fn price(message: &Value) -> Option<Price> {
    Price::parse(text_at(message, "/cost/amount")?, text_at(message, "/cost/currency_code")?)
}
