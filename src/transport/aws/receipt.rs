//! [`Receipts`]: events of End User Messaging, as SNS posts them.

use base64ct::{Base64, Encoding};
use serde_json::Value;

use super::certificate::{Signed, SigningCertificates};
use super::{FAULTS, NAME};
use crate::base::time::Timestamp;
use crate::http::rfc3339_millis;
use crate::transport::json::{Scalar, at, pick, text_at};
use crate::transport::receipt::signed_time::is_stale;
use crate::transport::receipt::words::{Refusals, is_plain};
use crate::transport::{
    AdapterError, CallbackUrl, FaultRow, NetworkCode, Price, Receipt, ReceiptError,
    ReceiptErrorKind, ReceiptRequest, ReceiptState, ReceiptVerifier,
};

/// How receipts are refused, and of what their words are made.
const REFUSED: Refusals = Refusals {
    provider: NAME,
    unsigned: "switch raw message delivery off in the subscription",
    forged: "if it was genuine, check topic, region and signature version, and that the body is \
                  handed on unchanged",
    malformed: "have the topic carry events of End User Messaging and nothing else",
};
const MARKS: &[u8] = b"_-";

/// How a topic signs: its attribute `SignatureVersion`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SignatureVersion {
    /// RSA with SHA-1: what a topic does unless told otherwise. Collisions of SHA-1 cost less every year;
    /// set the attribute to `2`.
    V1,
    /// RSA with SHA-256.
    V2,
}

/// Checks and reads events of End User Messaging that SNS posts to an HTTPS subscription.
///
/// Anybody with an AWS account can have SNS sign a message of theirs, so the topic is pinned as well as
/// the signature's version and the certificate's address ([`SigningCertificates`]). SNS signs the time of
/// the event, which may be five minutes from now. *Raw message delivery* must be off: it drops signature
/// and topic.
///
/// ```no_run
/// use otpgate::http::ReqwestClient;
/// use otpgate::transport::aws::{Receipts, SigningCertificates};
/// use otpgate::transport::{ReceiptErrorKind, ReceiptRequest};
/// # async fn hook(gate: otpgate::Gate, request: ReceiptRequest<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// let certificates = SigningCertificates::of_region("eu-central-1")?;
/// let topic = "arn:aws:sns:eu-central-1:123456789012:texts";
/// let receipts = Receipts::of_topic(topic, certificates.clone())?;
/// // In the handler:
/// let mut taken = gate.receipts(&receipts, &request).await;
/// if let Err(otpgate::ReceiptsError::Receipt(error)) = &taken
///     && error.kind() == ReceiptErrorKind::NoSecret
/// {
///     certificates.fetch(&request, &ReqwestClient::new()?).await?;
///     taken = gate.receipts(&receipts, &request).await;
/// }
/// # let _ = taken;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    topics: Vec<String>,
    certificates: SigningCertificates,
    version: SignatureVersion,
}

impl Receipts {
    /// Notifications of the topic with this ARN, with signatures of version 2.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if `topic` is not the ARN of an SNS topic.
    pub fn of_topic(
        topic: impl Into<String>,
        certificates: SigningCertificates,
    ) -> Result<Self, AdapterError> {
        let new = Self { topics: Vec::new(), certificates, version: SignatureVersion::V2 };
        new.or_topic(topic)
    }

    /// Accepts notifications of another topic too.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if `topic` is not the ARN of an SNS topic.
    pub fn or_topic(mut self, topic: impl Into<String>) -> Result<Self, AdapterError> {
        let topic = topic.into();
        let parts: Vec<&str> = topic.split(':').collect();
        let full = parts.iter().all(|part| !part.is_empty());
        match parts[..] {
            ["arn", _, "sns", _, _, _] if full && topic.bytes().all(|b| b.is_ascii_graphic()) => {}
            _ => {
                let problem =
                    "the topic is its ARN, as in arn:aws:sns:eu-central-1:123456789012:texts";
                return Err(AdapterError::new(NAME, problem));
            }
        }
        self.topics.push(topic);
        Ok(self)
    }

    /// Expects signatures of this version, and refuses the other.
    #[must_use]
    pub fn signed_in(mut self, version: SignatureVersion) -> Self {
        self.version = version;
        self
    }

    /// The address that confirms the subscription, if `request` asks for that: call it once, with `GET`. SNS
    /// posts nothing else before. `None` for notifications.
    ///
    /// # Errors
    ///
    /// [`ReceiptError`] if the request is not genuine, too old or unreadable.
    pub fn confirmation(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, ReceiptError> {
        let message = self.genuine(request, now)?;
        match message.kind {
            "SubscriptionConfirmation" => {
                let url = message.subscribe_url.filter(|url| self.certificates.is_sns(url));
                url.map(Some).ok_or(REFUSED.malformed())
            }
            _ => Ok(None),
        }
    }

    fn genuine(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Message, ReceiptError> {
        let [kind, id, topic, text, subject, time, token, subscribe, version, signature, url] =
            pick(request.body, FIELDS).map(text);
        let (Some(signature), Some(url)) = (signature, url) else { return Err(REFUSED.unsigned()) };
        let version = match version.as_deref() {
            Some("1") => SignatureVersion::V1,
            Some("2") => SignatureVersion::V2,
            _ => return Err(REFUSED.forged()),
        };
        let topic = topic.filter(|topic| self.topics.contains(topic)).ok_or(REFUSED.forged())?;
        if version != self.version {
            return Err(REFUSED.forged());
        }
        let kind = match kind.as_deref() {
            Some("Notification") => "Notification",
            Some("SubscriptionConfirmation") => "SubscriptionConfirmation",
            Some("UnsubscribeConfirmation") => "UnsubscribeConfirmation",
            _ => return Err(REFUSED.forged()),
        };
        let signature = Base64::decode_vec(&signature).map_err(|_| REFUSED.forged())?;
        let (body, time) = (text_of(text)?, text_of(time)?);
        let is_text = kind == "Notification";
        let lines = signed_lines([
            ("Message", Some(&body)),
            ("MessageId", id.as_deref()),
            ("Subject", subject.as_deref().filter(|_| is_text)),
            ("SubscribeURL", subscribe.as_deref().filter(|_| !is_text)),
            ("Timestamp", Some(&time)),
            ("Token", token.as_deref().filter(|_| !is_text)),
            ("TopicArn", Some(&topic)),
            ("Type", Some(kind)),
        ]);
        match self.certificates.signed(&url, version, lines.as_bytes(), &signature) {
            Signed::By => {}
            Signed::Unknown => return Err(no_certificate()),
            Signed::NotBy | Signed::Elsewhere => return Err(REFUSED.forged()),
        }
        let signed_at = rfc3339_millis(&time).map(Timestamp::from_millis).ok_or(REFUSED.stale())?;
        if is_stale(signed_at, now) {
            return Err(REFUSED.stale());
        }
        Ok(Message { kind, body, signed_at, subscribe_url: subscribe })
    }
}

const FIELDS: [&str; 11] = [
    "/Type",
    "/MessageId",
    "/TopicArn",
    "/Message",
    "/Subject",
    "/Timestamp",
    "/Token",
    "/SubscribeURL",
    "/SignatureVersion",
    "/Signature",
    "/SigningCertURL",
];

fn text(value: Option<Scalar<'_>>) -> Option<String> {
    value?.text().map(Into::into)
}

/// What SNS signs: names, in their order, and values, a line each. What is absent is left out.
fn signed_lines<const N: usize>(fields: [(&str, Option<&str>); N]) -> String {
    let mut lines = String::new();
    for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        lines.extend([name, "\n", value, "\n"]);
    }
    lines
}

fn text_of(value: Option<String>) -> Result<String, ReceiptError> {
    value.ok_or(REFUSED.forged())
}

/// A genuine message of the topic.
struct Message {
    kind: &'static str,
    body: String,
    signed_at: Timestamp,
    subscribe_url: Option<String>,
}

impl ReceiptVerifier for Receipts {
    /// Confirmations, and events of calls and multimedia, hold no receipts.
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        let message = self.genuine(request, now)?;
        if message.kind != "Notification" {
            return Ok(Vec::new());
        }
        let event: Value = serde_json::from_str(&message.body).map_err(|_| REFUSED.malformed())?;
        let word = text_at(&event, "/eventType").ok_or(REFUSED.malformed())?;
        if !word.starts_with("TEXT_") {
            return Ok(Vec::new());
        }
        let id = text_at(&event, "/messageId")
            .filter(|id| is_plain(id, MARKS))
            .ok_or(REFUSED.malformed())?;
        let is_final = at(&event, "/isFinal").as_bool() == Some(true);
        let known = FAULTS.iter().any(|row| row.code == word);
        let state = match word {
            "TEXT_DELIVERED" => ReceiptState::Delivered,
            // In some countries AWS says the one for the other; before the end it is the network's word alone.
            "TEXT_SUCCESSFUL" if is_final => ReceiptState::Delivered,
            _ if is_final && known => ReceiptState::Undelivered,
            _ if is_plain(word, MARKS) => ReceiptState::Pending,
            _ => return Err(REFUSED.malformed()),
        };
        let parts = at(&event, "/totalMessageParts").as_u64();
        let network = text_at(&event, "/mcc").zip(text_at(&event, "/mnc"));
        let receipt = Receipt::verified(NAME, id, state, word)
            .with_key(text_at(&event, "/context/otpgate").filter(|key| CallbackUrl::is_key(key)))
            .priced(price(&event))
            .in_segments(parts.and_then(|parts| parts.try_into().ok()).filter(|parts| *parts > 0))
            .in_network(network.and_then(|(mcc, mnc)| NetworkCode::of(mcc, mnc)))
            .signed_at(message.signed_at);
        Ok(vec![match state {
            ReceiptState::Undelivered => receipt.failed(word, FaultRow::fault_of(FAULTS, word)),
            _ => receipt,
        }])
    }
}

/// What AWS charges in dollars, and what it hands on of the carrier's.
fn price(event: &Value) -> Option<Price> {
    let part = |name: &str| {
        let amount = at(event, name).as_f64().filter(|amount| *amount >= 0.0)?;
        Price::parse(&format!("{amount:.7}"), "USD").map(Price::as_micros)
    };
    let fee = part("/totalCarrierFee").unwrap_or(0);
    Price::from_micros(part("/totalMessagePrice")?.checked_add(fee)?, "USD")
}

const fn no_certificate() -> ReceiptError {
    let remedy =
        "in a handler of your own, call `SigningCertificates::fetch` with the request, or pin it";
    ReceiptError::new(NAME, ReceiptErrorKind::NoSecret, remedy)
}
