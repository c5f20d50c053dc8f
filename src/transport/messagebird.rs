//! [`Receipts`]: status reports of the old MessageBird interface, for hosts that send through a
//! [template](super::template) named `messagebird`.
//!
//! There is no adapter: the interface has no idempotency key, and Bird's platform has one.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use form_urlencoded::parse;
use hmac::Hmac;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::hex::hex;
use super::receipt::mac::{Secrets, is_signed};
use super::receipt::signed_time::is_stale;
use super::{
    CallbackUrl, DeliveryFault, FaultRow, Price, Receipt, ReceiptError, ReceiptRequest,
    ReceiptState, ReceiptVerifier, SecretText,
};
use crate::base::time::Timestamp;
use crate::http::Credentials;
use crate::transport::DeliveryFault::{Carrier, Handset, Number, Unknown};
use crate::transport::NumberFault::{Barred, Disconnected, NotMobile, OptedOut};
use crate::transport::receipt::words::{Refusals, is_plain};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "use the signature of today, and keep proxies from dropping headers",
    forged: "if it was genuine, check the signing key and the public URL",
    malformed: "send only status reports to this address",
};
const MARKS: &[u8] = b"_-";

/// The provider's name in receipts. Give the template the same.
pub const NAME: &str = "messagebird";

const SIGNATURE: &str = "messagebird-signature-jwt";

/// How far clocks may differ: what MessageBird's own Node SDK allows.
const LEEWAY: Duration = Duration::from_secs(5);

/// The reasons in a report, and the codes of the networks that MessageBird names. The reason decides; the
/// code does where there is none that stands here. Other codes are handed on as they are.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new(
        "unknown subscriber",
        Number(Disconnected),
        "the number is not that of an active line",
    ),
    FaultRow::new("unavailable subscriber", Handset, "the handset was out of reach"),
    FaultRow::new("received network error", Carrier, "the network failed"),
    FaultRow::new("expired", Unknown, "expired before it was sent"),
    FaultRow::new("DLR not received", Unknown, "the network did not report"),
    FaultRow::new("generic delivery failure", Unknown, "no reason given"),
    FaultRow::new("0", Unknown, "no reason given"),
    FaultRow::new("1", Number(Disconnected), "the network does not know the subscriber"),
    FaultRow::new("2", Carrier, "the base station is unknown"),
    FaultRow::new("3", Carrier, "the switching centre is unknown"),
    FaultRow::new("5", Handset, "the subscriber is not identified at present"),
    FaultRow::new("9", Number(Barred), "the network bars the subscriber"),
    FaultRow::new("10", Unknown, "the subscription lacks the service"),
    FaultRow::new("11", Number(NotMobile), "the subscription takes no texts"),
    FaultRow::new("12", Handset, "the service is suspended"),
    FaultRow::new("34", Carrier, "the network failed"),
    FaultRow::new("103", Number(OptedOut), "the recipient opted out with STOP"),
];

/// A keyed hash: key, parts and signature.
type IsSigned = fn(&[u8], &[&[u8]], &[u8]) -> bool;

/// Checks and reads MessageBird's status reports.
///
/// `MessageBird-Signature-JWT` is a token with HMAC-SHA-2 (256, 384 or 512) that is good for a short time
/// and names the hashes of the exact URL and of the body. The older signature with a timestamp is not
/// accepted. What a report says stands in the query of the URL.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::transport::messagebird::Receipts;
/// use otpgate::transport::{ReceiptErrorKind, ReceiptRequest, ReceiptVerifier, SecretText};
///
/// let receipts = Receipts::signed_by(SecretText::new("mbsigning"));
/// let request = ReceiptRequest {
///     method: "GET",
///     url: "https://hooks.example.com/sms?id=x&status=delivered",
///     headers: &[("MessageBird-Signature-JWT", "eyJhbGciOiJub25lIn0.e30.")],
///     body: b"",
/// };
/// let now = Timestamp::from_millis(1_795_800_000_000);
/// let error = receipts.verify(&request, now).unwrap_err();
/// assert_eq!(error.kind(), ReceiptErrorKind::Forged, "the algorithm `none` signs nothing");
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    keys: Secrets,
}

impl Receipts {
    /// Reports signed with this signing key.
    #[must_use]
    pub fn signed_by(key: impl Into<Credentials<SecretText>>) -> Self {
        Self { keys: Secrets::new(key) }
    }

    /// Accepts another key too, while one is being exchanged.
    #[must_use]
    pub fn or(mut self, key: impl Into<Credentials<SecretText>>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// The claims of the token, if it is MessageBird's.
    fn claims(&self, token: &str) -> Result<Value, ReceiptError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(REFUSED.forged())?;
        let (header, claims) = signed.split_once('.').ok_or(REFUSED.forged())?;
        let decode = |part: &str| Base64UrlUnpadded::decode_vec(part).map_err(|_| REFUSED.forged());
        let json = |part: &str| -> Result<Value, ReceiptError> {
            serde_json::from_slice(&decode(part)?).map_err(|_| REFUSED.forged())
        };
        let header = json(header)?;
        let is_signed: IsSigned = match header.get("alg").and_then(Value::as_str) {
            Some("HS256") => is_signed::<Hmac<Sha256>>,
            Some("HS384") => is_signed::<Hmac<Sha384>>,
            Some("HS512") => is_signed::<Hmac<Sha512>>,
            _ => return Err(REFUSED.forged()),
        };
        let signature = decode(signature)?;
        let by = |key: &[u8]| is_signed(key, &[signed.as_bytes()], &signature);
        let right = self.keys.any(by).map_err(|_| REFUSED.no_secret())?;
        if right { json(claims) } else { Err(REFUSED.forged()) }
    }

    /// When the request was signed, if it is MessageBird's.
    fn check(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, ReceiptError> {
        let claims = self.claims(request.header(SIGNATURE).ok_or(REFUSED.unsigned())?)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| {
            let seconds = claims.get(name)?.as_u64()?;
            seconds.checked_mul(1_000).map(Timestamp::from_millis)
        };
        let named =
            text("iss") == Some("MessageBird") && text("jti").is_some_and(|id| !id.is_empty());
        let same = |claim: Option<&str>, bytes: &[u8]| {
            claim.is_some_and(|claim| claim.eq_ignore_ascii_case(&hex(&Sha256::digest(bytes))))
        };
        let body = match text("payload_hash") {
            None => request.body.is_empty(),
            claim => !request.body.is_empty() && same(claim, request.body),
        };
        if !named || !body || !same(text("url_hash"), request.url.as_bytes()) {
            return Err(REFUSED.forged());
        }
        let (Some(from), Some(until)) = (time("nbf"), time("exp")) else {
            return Err(REFUSED.forged());
        };
        let (early, late) = (from.since(now), now.since(until));
        if early > LEEWAY || late > LEEWAY || is_stale(from, now) {
            return Err(REFUSED.stale());
        }
        Ok(from)
    }
}

impl ReceiptVerifier for Receipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let signed_at = self.check(request, now)?;
        let one = |name: &str| {
            let mut values = parse(request.query().as_bytes()).filter(|(known, _)| known == name);
            let (first, second) = (values.next(), values.next());
            first.filter(|_| second.is_none()).map(|(_, value)| value.into_owned())
        };
        let id = one("id").filter(|id| is_plain(id, MARKS)).ok_or(REFUSED.malformed())?;
        let word = one("status").filter(|word| is_plain(word, MARKS)).ok_or(REFUSED.malformed())?;
        let state = match word.as_str() {
            "delivered" => ReceiptState::Delivered,
            "delivery_failed" | "expired" => ReceiptState::Undelivered,
            _ => ReceiptState::Pending,
        };
        let reference = one("reference").filter(|key| CallbackUrl::is_key(key));
        let key = reference.as_deref().or_else(|| CallbackUrl::key_in(request.url));
        let price = Price::parse(
            &one("price[amount]").unwrap_or_default(),
            &one("price[currency]").unwrap_or_default(),
        );
        let segments = one("messagePartCount").and_then(|count| count.parse().ok());
        let mut receipt = Receipt::verified(NAME, id, state, word)
            .with_key(key)
            .priced(price)
            .in_segments(segments.filter(|segments| *segments > 0))
            .in_network(one("mccmnc").and_then(|code| code.parse().ok()))
            .signed_at(signed_at);
        if state == ReceiptState::Undelivered {
            let reason = one("statusReason").unwrap_or_default().replace('_', " ");
            let code = one("statusErrorCode").filter(|code| is_plain(code, MARKS));
            let of = |said: &str| FAULTS.iter().find(|row| row.code.eq_ignore_ascii_case(said));
            let row = of(&reason).or_else(|| of(code.as_deref()?));
            let code = code.as_deref().or(row.map(|row| row.code)).unwrap_or("unknown");
            let fault = row.map_or(DeliveryFault::Unknown, |row| row.fault);
            receipt = receipt.failed(code, fault);
        }
        Ok(vec![receipt])
    }
}
