//! [`OutboundSms`]: a text that passed every check, on its way out.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::base::id::{RequestId, text_of};
use crate::base::late::LateText;
use crate::message::Registration;
use crate::recipient::{E164Text, Region};

use super::{Channel, HandoffError, Price};

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
    number: Number,
    text: String,
    segments: u32,
    key: IdempotencyKey,
    callback_key: CallbackKey,
    region: Option<Region>,
    purpose: Cow<'static, str>,
    registration: Option<Arc<Registration>>,
    channel: Channel,
}

impl OutboundSms {
    /// A text made without a gate, to test a transport with.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn for_test(number: &str, text: &str, key: [u8; 16]) -> Self {
        let sms = Self::new(number.into(), text.into(), 1, RequestId::from_bytes(key));
        let region = crate::Recipient::parse(number, None).ok().and_then(|known| known.region());
        region.into_iter().fold(sms, Self::with_region)
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn new(number: String, text: String, segments: u32, id: RequestId) -> Self {
        let callback_key = CallbackKey::new(IdempotencyKey::of(id).as_str());
        Self::with_callback(Number::Any(number), text, segments, id, callback_key)
    }

    /// [`new`](Self::new), with what its receipts bring back.
    pub(crate) fn with_callback(
        number: Number,
        text: String,
        segments: u32,
        id: RequestId,
        callback_key: CallbackKey,
    ) -> Self {
        let key = IdempotencyKey::of(id);
        let (region, purpose, registration) = (None, Cow::Borrowed(""), None);
        Self {
            number,
            text,
            segments,
            key,
            callback_key,
            region,
            purpose,
            registration,
            channel: Channel::Sms,
        }
    }

    /// Says which country the number is in.
    #[must_use]
    pub fn with_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Says what the code is for: the name of a [`Purpose`](crate::Purpose).
    #[must_use]
    pub fn with_purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = Cow::Owned(purpose.into());
        self
    }

    /// [`with_purpose`](Self::with_purpose), without a copy of a name that is the program's own.
    pub(crate) fn with_purpose_of(mut self, purpose: Cow<'static, str>) -> Self {
        self.purpose = purpose;
        self
    }

    /// Says by which channel it goes out.
    #[must_use]
    pub fn with_channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// Says what the country has on file about the text.
    #[must_use]
    pub fn with_registration(mut self, registration: impl Into<Arc<Registration>>) -> Self {
        self.registration = Some(registration.into());
        self
    }

    /// The number in E.164 form: `+` and digits.
    pub fn expose_number(&self) -> &str {
        self.number.as_str()
    }

    /// The text, code included.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// The country of the number, where numbering tells it: what sender rules and routes go by.
    pub fn region(&self) -> Option<Region> {
        self.region
    }

    /// What the code is for, `sign-up` for example: the name of its [`Purpose`](crate::Purpose).
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// By which channel it goes out. A gate hands a transport the messages of its own channel only.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// What the number's country has on file about the text: identifiers for the provider's own fields,
    /// and the registered sender, which goes before the adapter's own. The text was compared already.
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_deref()
    }

    /// The sender that the text is registered with. An adapter sends it before any sender of its own.
    /// A number has its `+`, however the host wrote it; take that off if the provider wants digits.
    pub fn registered_sender(&self) -> Option<&str> {
        self.registration()?.sender_id()
    }

    /// As the host wrote it, for an adapter that hands its own senders on as they are.
    #[cfg(any(feature = "infobip", feature = "template"))]
    pub(crate) fn registered_sender_as_given(&self) -> Option<&str> {
        self.registration()?.sender_as_given()
    }

    /// How many segments the provider will bill.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// The same for every attempt at this text: hand it to a provider that removes duplicates.
    pub fn idempotency_key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What the text's receipts must bring back: put it into the URL that the provider calls
    /// ([`CallbackUrl::of`](super::CallbackUrl::of) with the `http` feature), or into whatever field
    /// of its request comes back in a receipt.
    pub fn callback_key(&self) -> &CallbackKey {
        &self.callback_key
    }
}

/// Whom a text goes to.
pub(crate) enum Number {
    Of(E164Text),
    #[cfg(any(test, feature = "testing"))]
    Any(String),
}

impl Number {
    fn as_str(&self) -> &str {
        match self {
            Self::Of(number) => number.as_str(),
            #[cfg(any(test, feature = "testing"))]
            Self::Any(number) => number,
        }
    }

    fn wipe(&mut self) {
        match self {
            Self::Of(number) => number.wipe(),
            #[cfg(any(test, feature = "testing"))]
            Self::Any(number) => zeroize::Zeroize::zeroize(number),
        }
    }
}

impl Drop for OutboundSms {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
        self.number.wipe();
    }
}

crate::base::masked::debug_only!(OutboundSms: segments, key);

/// Identifies one text to the provider: 22 characters of base64url.
#[derive(Clone)]
pub struct IdempotencyKey(Name);

/// Base64url of 16 bytes, or any other text.
#[derive(Clone)]
enum Name {
    Of([u8; OF_ID]),
    Any(String),
}

/// How long the text of an identifier is.
const OF_ID: usize = 22;

impl IdempotencyKey {
    pub(crate) fn of(id: RequestId) -> Self {
        let mut text = [b'A'; OF_ID];
        text_of(id.as_bytes(), &mut text);
        Self(Name::Of(text))
    }

    /// The key whose text this is, if it is one.
    pub(crate) fn named(text: &str) -> Self {
        Self(Name::Any(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Of(text) => std::str::from_utf8(text).unwrap_or_default(),
            Name::Any(text) => text,
        }
    }
}
impl PartialEq for IdempotencyKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for IdempotencyKey {}

impl Hash for IdempotencyKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyKey").field(&self.as_str()).finish()
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallbackKey").field(&self.as_str()).finish()
    }
}

/// Names one text in its own receipts: a note of the gate's to itself, encrypted and authenticated,
/// as base64url. So a receipt finds its send without a table, also one that overtakes the provider's
/// answer; whoever sees it learns neither the number nor the realm, and cannot make another.
///
/// At most 164 characters; 87 for the purpose `sign-up` in the default realm. A field that is too
/// short for it is no place for it: such a provider's receipts are found by their message identifier
/// ([`Handoff::with_receipts_by_id`]).
///
/// ```
/// use otpgate::transport::OutboundSms;
///
/// let sms = OutboundSms::for_test("+4915112345678", "the text", [1; 16]);
/// let key = sms.callback_key().as_str();
/// assert!(key.len() <= 164 && !key.contains("15112345678"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackKey(LateText);

impl CallbackKey {
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(LateText::of(text.into()))
    }

    /// A key that is made when it is read.
    pub(crate) fn late(text: LateText) -> Self {
        Self(text)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether `text` can be one, by its form. Only the gate can tell whether it is.
    #[cfg(feature = "http")]
    pub(crate) fn is_form(text: &str) -> bool {
        let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (22..=164).contains(&text.len()) && text.bytes().all(right)
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
    /// What the provider charges, where its answer says so.
    pub price: Option<Price>,
    /// How many segments the provider counted, where its answer says so.
    pub segments: Option<u32>,
    /// Whether the provider's receipts name the text by its message identifier and nothing else.
    pub receipts_by_id: bool,
    passed_over: PassedOver,
}

impl Handoff {
    /// Accepted, under the provider's identifier.
    #[must_use]
    pub fn accepted(message_id: impl Into<String>) -> Self {
        Self { message_id: Some(message_id.into()), ..Self::default() }
    }

    /// Names the provider that took it.
    #[must_use]
    pub fn by(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Adds what the provider charges.
    #[must_use]
    pub fn priced(mut self, price: Option<Price>) -> Self {
        self.price = price;
        self
    }

    /// Adds how many segments the provider counted.
    #[must_use]
    pub fn in_segments(mut self, segments: Option<u32>) -> Self {
        self.segments = segments;
        self
    }

    /// Says that the provider's receipts bring no [`CallbackKey`] back, and only name the message
    /// identifier. The gate then keeps it in the store, for
    /// [`Gate::receipts`](crate::Gate::receipts) to find the send by: one or two round trips more for
    /// each text.
    #[must_use]
    pub fn with_receipts_by_id(mut self) -> Self {
        self.receipts_by_id = true;
        self
    }

    /// Adds what the providers said that were asked before this one and did not take the text, in the
    /// order they were asked: for a transport that asks another one then.
    #[must_use]
    pub fn passing_over(mut self, errors: impl IntoIterator<Item = HandoffError>) -> Self {
        self.passed_over.0.splice(..0, errors.into_iter().map(Arc::new));
        self
    }

    /// What the providers said that were asked before and did not take the text. The gate makes an
    /// [`EventKind::Outage`](crate::EventKind::Outage) of each that
    /// [needs an operator](HandoffError::needs_operator).
    pub fn passed_over(&self) -> &[Arc<HandoffError>] {
        &self.passed_over.0
    }
}

/// Shared, since a hand-off is copied and an error is not.
#[derive(Clone, Debug, Default)]
struct PassedOver(Vec<Arc<HandoffError>>);

impl PartialEq for PassedOver {
    /// By kind and words: errors have no equality of their own.
    fn eq(&self, other: &Self) -> bool {
        let said = |error: &Arc<HandoffError>| (error.kind(), error.to_string());
        self.0.iter().map(said).eq(other.0.iter().map(said))
    }
}

impl Eq for PassedOver {}
