//! [`Receipts`]: webhooks that are signed as *Standard Webhooks* say.

use base64ct::{Base64, Encoding};
use hmac::Hmac;
use serde_json::Value;
use sha2::Sha256;

use super::{FAULTS, METADATA_KEY, NAME, price};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::json::{at, text_at};
use crate::transport::receipt::mac::is_signed;
use crate::transport::receipt::signed_time::{is_stale, seconds};
use crate::transport::{
    AdapterError, CallbackUrl, DeliveryFault, Receipt, ReceiptError, ReceiptErrorKind,
    ReceiptRequest, ReceiptState, ReceiptVerifier, SecretText,
};

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
    /// [`AdapterError`] if it is not that.
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
            return Err(unsigned());
        };
        let signed_at = seconds(timestamp).ok_or(forged())?;
        // The cheaper question first. Neither tells a forger anything that they did not send.
        if is_stale(signed_at, now) {
            return Err(stale());
        }
        let signed: &[&[u8]] = &[id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body];
        let mut right = false;
        for secret in &self.secrets {
            let secret = secret.current().map_err(|_| no_secret())?;
            for signature in signatures.split_ascii_whitespace() {
                let of_v1 = signature.strip_prefix("v1,").map(Base64::decode_vec);
                let Some(Ok(signature)) = of_v1 else { continue };
                right |= secret.signed(signed, &signature);
            }
        }
        if right { Ok(signed_at) } else { Err(forged()) }
    }
}

impl ReceiptVerifier for Receipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let signed_at = self.check(request, now)?;
        let body: Value = serde_json::from_slice(request.body).map_err(|_| malformed())?;
        let state = match text_at(&body, "/type").ok_or(malformed())? {
            "sms.accepted" | "sms.sent" => ReceiptState::Pending,
            "sms.delivered" => ReceiptState::Delivered,
            "sms.undelivered" | "sms.failed" | "sms.rejected" | "sms.expired" => {
                ReceiptState::Undelivered
            }
            _ => return Ok(Vec::new()),
        };
        let word = text_at(&body, "/type").and_then(|word| word.strip_prefix("sms."));
        let data = at(&body, "/data");
        let id = text_at(data, "/sms_id").filter(|id| is_plain(id)).ok_or(malformed())?;
        let key = text_at(at(data, "/metadata"), &format!("/{METADATA_KEY}"));
        let mut receipt = Receipt::verified(NAME, id, state, word.unwrap_or_default())
            .with_key(key.filter(|key| CallbackUrl::is_key(key)))
            .priced(price(data))
            .signed_at(signed_at);
        if state == ReceiptState::Undelivered {
            let code = text_at(data, "/error/code").filter(|code| is_plain(code));
            let row = FAULTS.iter().find(|row| Some(row.code) == code);
            let fault = row.map_or(DeliveryFault::Unknown, |row| row.fault);
            receipt = receipt.failed(code.unwrap_or("unknown"), fault);
        }
        Ok(vec![receipt])
    }
}

/// Letters, digits and `_`: what identifiers and codes of Bird are made of.
fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const fn unsigned() -> ReceiptError {
    let remedy = "send webhooks of Bird only, and keep proxies from dropping headers";
    ReceiptError::new(NAME, ReceiptErrorKind::Unsigned, remedy)
}

const fn forged() -> ReceiptError {
    let remedy =
        "if it was genuine, check the endpoint's secret, and that the body is handed on unchanged";
    ReceiptError::new(NAME, ReceiptErrorKind::Forged, remedy)
}

const fn stale() -> ReceiptError {
    let remedy = "if it was genuine, check this machine's clock and any queue before the endpoint";
    ReceiptError::new(NAME, ReceiptErrorKind::Stale, remedy)
}

const fn malformed() -> ReceiptError {
    let remedy = "send Bird's webhooks to it and nothing else";
    ReceiptError::new(NAME, ReceiptErrorKind::Malformed, remedy)
}

const fn no_secret() -> ReceiptError {
    ReceiptError::new(NAME, ReceiptErrorKind::NoSecret, "make the credential source readable")
}
