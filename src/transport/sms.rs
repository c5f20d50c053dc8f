//! [`OutboundSms`]: a text that passed every check, on its way out.

use std::fmt;

use crate::base::id::{RequestId, to_text};

/// One text to one number. Only the gate makes one, after the text was parsed back.
///
/// `Debug` shows neither the number nor the text.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # shop.issued().await;
/// # let sent = shop.outbox.sent();
/// // What a transport got; `Debug` is safe to log.
/// assert_eq!(sent[0].expose_number(), "+4915112345678");
/// assert!(sent[0].expose_text().ends_with(&format!("\n@example.com #{}", shop.code())));
/// assert_eq!((sent[0].segments(), sent[0].idempotency_key().len()), (1, 22));
/// let sms = otpgate::transport::OutboundSms::for_test("+4915112345678", "the text", [1; 16]);
/// assert!(!format!("{sms:?}").contains("15112345678"));
/// # Ok(())
/// # });
/// ```
pub struct OutboundSms {
    number: String,
    text: String,
    segments: u32,
    key: IdempotencyKey,
}

impl OutboundSms {
    /// A text made without a gate, to test a transport with.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn for_test(number: &str, text: &str, key: [u8; 16]) -> Self {
        Self::new(number.into(), text.into(), 1, RequestId::from_bytes(key))
    }

    pub(crate) fn new(number: String, text: String, segments: u32, id: RequestId) -> Self {
        Self { number, text, segments, key: IdempotencyKey::of(id) }
    }

    /// The number in E.164 form: `+` and digits.
    #[must_use]
    pub fn expose_number(&self) -> &str {
        &self.number
    }

    /// The text, code included.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// How many segments the provider will bill.
    #[must_use]
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// The same for every attempt at this text: hand it to a provider that removes duplicates.
    #[must_use]
    pub fn idempotency_key(&self) -> &IdempotencyKey {
        &self.key
    }
}

impl Drop for OutboundSms {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
        zeroize::Zeroize::zeroize(&mut self.number);
    }
}

impl fmt::Debug for OutboundSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundSms")
            .field("segments", &self.segments)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Identifies one text to the provider: 22 characters of base64url.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub(crate) fn of(id: RequestId) -> Self {
        Self(to_text(id.as_bytes()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the provider said when it accepted a text.
///
/// ```
/// use otpgate::transport::Handoff;
///
/// let handoff = Handoff::accepted("message-1").by("second-provider");
/// assert_eq!(handoff.message_id.as_deref(), Some("message-1"));
/// assert_eq!(handoff.provider, Some("second-provider"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Handoff {
    /// The provider's identifier of the message: what its delivery receipts will name. The gate hands
    /// it on in [`Issued::handoff`](crate::Issued::handoff) and keeps nothing.
    pub message_id: Option<String>,
    /// Which provider took it, where a transport chooses between several.
    pub provider: Option<&'static str>,
}

impl Handoff {
    /// Accepted, under the provider's identifier.
    #[must_use]
    pub fn accepted(message_id: impl Into<String>) -> Self {
        Self { message_id: Some(message_id.into()), provider: None }
    }

    /// Names the provider that took it.
    #[must_use]
    pub fn by(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }
}
