//! [`Receipts`]: Esendex's push notifications, behind a secret path.

use super::{NAME, same_case};
use crate::base::time::Timestamp;
use crate::transport::receipt::words::is_plain;
use crate::transport::xml::Element;
use crate::transport::{
    DeliveryFault, PathToken, Receipt, ReceiptError, ReceiptErrorKind, ReceiptRequest,
    ReceiptState, ReceiptVerifier,
};

/// What identifiers and codes are made of, beside letters and digits.
const MARKS: &[u8] = b"-";

/// Checks and reads Esendex's push notifications.
///
/// Esendex signs nothing. What proves that a notification is genuine is the address that only
/// Esendex was told: configure it with a [`PathToken`] as its last segment, over `https`, keep it
/// out of access logs, and admit Esendex's networks only. Three kinds may come to one address; the root
/// element tells them apart, and an inbound message is no receipt. Answer 200, or Esendex repeats the
/// notification for 72 hours.
///
/// ```
/// use otpgate::transport::esendex::Receipts;
/// use otpgate::transport::{PathToken, ReceiptRequest, ReceiptState, ReceiptVerifier};
/// use otpgate::Timestamp;
///
/// let receipts = Receipts::behind(PathToken::new("pX3cJ9mB0vQe7LkT2nWs5A").unwrap());
/// let request = ReceiptRequest {
///     method: "POST",
///     url: "https://hooks.example.com/esendex/pX3cJ9mB0vQe7LkT2nWs5A",
///     headers: &[],
///     body: b"<MessageDelivered><Id>1</Id><MessageId>1183C73D</MessageId></MessageDelivered>",
/// };
/// let verified = receipts.verify(&request, Timestamp::from_millis(0))?;
/// assert_eq!(verified[0].message_id, "1183c73d");
/// assert_eq!(verified[0].state, ReceiptState::Delivered);
/// # Ok::<(), otpgate::transport::ReceiptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Receipts {
    token: PathToken,
    account: Option<String>,
}

impl Receipts {
    /// Notifications to an address that ends with `token`.
    #[must_use]
    pub fn behind(token: PathToken) -> Self {
        Self { token, account: None }
    }

    /// Believes notifications of this account only: its identifier, a GUID, not its reference.
    #[must_use]
    pub fn of_account(mut self, id: impl AsRef<str>) -> Self {
        self.account = Some(same_case(id.as_ref()));
        self
    }

    fn is_of_account(&self, root: &Element) -> bool {
        let named = root.text_of("AccountId").map(same_case);
        self.account.is_none() || self.account == named
    }
}

impl ReceiptVerifier for Receipts {
    fn verify(
        &self,
        request: &ReceiptRequest<'_>,
        _now: Timestamp,
    ) -> Result<Vec<Receipt>, ReceiptError> {
        if !self.token.ends(request.url) {
            let remedy = "configure the address with the token as its last path segment";
            return Err(ReceiptError::new(NAME, ReceiptErrorKind::Forged, remedy));
        }
        let root = Element::parse(request.body).ok_or(malformed())?;
        let state = match root.name() {
            "MessageDelivered" => ReceiptState::Delivered,
            "MessageFailed" => ReceiptState::Undelivered,
            "InboundMessage" => return Ok(Vec::new()),
            _ => return Err(malformed()),
        };
        if !self.is_of_account(&root) {
            let remedy = "check the account's identifier";
            return Err(ReceiptError::new(NAME, ReceiptErrorKind::Forged, remedy));
        }
        let id = root.text_of("MessageId").filter(|id| is_plain(id, MARKS)).ok_or(malformed())?;
        let mut receipt = Receipt::verified(NAME, same_case(id), state, root.name()).found_by_id();
        if state == ReceiptState::Undelivered {
            // Esendex publishes no list of its codes; they are kept for whoever asks its support.
            let reason = root.child("FailureReason");
            let code = reason
                .and_then(|reason| reason.text_of("Code"))
                .filter(|code| is_plain(code, MARKS));
            receipt = receipt.failed(code.unwrap_or("unknown"), DeliveryFault::Unknown);
        }
        Ok(vec![receipt])
    }
}

const fn malformed() -> ReceiptError {
    let remedy = "send only the account's push notifications to this address";
    ReceiptError::new(NAME, ReceiptErrorKind::Malformed, remedy)
}
