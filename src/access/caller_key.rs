//! The caller's side: a key that expires, and a signature on each request.

use std::fmt;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::base::codec::{Reader, Writer};
use crate::base::entropy::{Entropy, EntropyError, random};
use crate::base::id::to_text;
use crate::base::keyring::{KeyId, KeyRing, Keys};
use crate::base::mac::{MacKey, Tagging};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::recipient::Recipient;

/// The name of a caller: 1 to 32 of `a`–`z`, `0`–`9` and `-`.
///
/// ```
/// use otpgate::access::CallerId;
///
/// assert_eq!(CallerId::new("billing-eu")?.as_str(), "billing-eu");
/// assert!(CallerId::new("Billing EU").is_err());
/// # Ok::<(), otpgate::access::CallerKeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallerId(Box<str>);

impl CallerId {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`CallerKeyError::Id`] for any other text.
    pub fn new(name: &str) -> Result<Self, CallerKeyError> {
        let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if (1..=32).contains(&name.len()) && name.bytes().all(plain) {
            Ok(Self(name.into()))
        } else {
            Err(CallerKeyError::Id)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one request of a caller is about; all of it is under the signature.
/// [`CallerKey`] has the whole exchange.
#[derive(Clone, Copy, Debug)]
pub struct CallerRequest<'a> {
    /// The tenant.
    pub realm: &'a str,
    /// What the code is for.
    pub purpose: &'a str,
    /// Where it goes. Signed in E.164, so that caller and gate may spell the number differently.
    pub recipient: &'a Recipient,
}

/// The key of a service that asks for messages without a page, such as a batch job.
///
/// It is derived from the key ring for one caller, one audience and one end, so the gate keeps no
/// list of keys. The key itself never travels: it signs each request, and a signature is good for one
/// message to one number within a minute. To revoke a key before its end, drop the caller's
/// [rule](super::CallerRules).
///
/// ```
/// use otpgate::access::{CallerId, CallerKey, CallerRequest, CallerRule, CallerRules, ClientIp};
/// use otpgate::{KeyRing, Recipient, SystemEntropy, Timestamp};
/// use std::time::Duration;
///
/// let now = Timestamp::from_millis(1_800_000_000_000);
/// let keys = KeyRing::generate()?;
///
/// // The operator mints a key and hands its text to the caller's secret manager.
/// let billing = CallerId::new("billing")?;
/// let end = now + Duration::from_secs(30 * 86_400);
/// let minted = CallerKey::mint(&billing, "sms.shop.example", end, &keys, now)?;
///
/// // The caller signs each request.
/// let key = CallerKey::from_text(&minted.expose_text())?;
/// let recipient = Recipient::from_e164("+4915112345678")?;
/// let request = CallerRequest { realm: "shop", purpose: "payment", recipient: &recipient };
/// let signed = key.sign(&request, &SystemEntropy, now)?;
///
/// // The gate takes it from the caller's networks only.
/// let rules = CallerRules::new("sms.shop.example")
///     .allow(CallerRule::new(billing.clone(), ["10.1.0.0/16".parse()?]));
/// let inside = ClientIp::from_peer("10.1.2.3".parse()?);
/// let caller = rules.check(&signed, &request, &inside, &keys, now)?;
/// assert_eq!(caller.id(), &billing);
///
/// let outside = ClientIp::from_peer("203.0.113.7".parse()?);
/// assert!(rules.check(&signed, &request, &outside, &keys, now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CallerKey {
    id: CallerId,
    audience: Box<str>,
    master: KeyId,
    expires: Timestamp,
    secret: Secret<32>,
}

impl CallerKey {
    /// The longest life of a key: 366 days. A key that is never exchanged cannot be exchanged when
    /// it leaks (OWASP ASVS 5.0.0, 13.3.4).
    pub const MAX_LIFE: Duration = Duration::from_secs(366 * 86_400);

    /// The key of `id` for the gate called `audience`, until `expires`.
    ///
    /// It is made under the ring's current key and ends with it: when rotating, retire the old key
    /// until every caller has a new one.
    ///
    /// # Errors
    ///
    /// [`CallerKeyError::Life`] if `expires` is past or more than 366 days away,
    /// [`CallerKeyError::Audience`] if the audience is empty or longer than 128 bytes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use otpgate::access::{CallerId, CallerKey};
    /// # use otpgate::{KeyRing, Timestamp};
    /// # let keys = KeyRing::generate()?;
    /// # let now = Timestamp::from_millis(1_800_000_000_000);
    ///
    /// let (id, day) = (CallerId::new("billing")?, Duration::from_secs(86_400));
    /// let mint = |days| CallerKey::mint(&id, "sms.shop.example", now + day * days, &keys, now);
    /// assert!(mint(366).is_ok());
    /// assert!(mint(367).is_err() && mint(0).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mint(
        id: &CallerId,
        audience: &str,
        expires: Timestamp,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Self, CallerKeyError> {
        if expires <= now || expires > now + Self::MAX_LIFE {
            return Err(CallerKeyError::Life);
        }
        if !is_audience(audience) {
            return Err(CallerKeyError::Audience);
        }
        Ok(Self::derive(id.clone(), audience, expires, keys.signing()))
    }

    /// The key as text, for the caller's secret manager. Begins with `otpgate_ck1_`, so that leak
    /// scanners can look for it.
    ///
    /// ```
    /// use otpgate::access::CallerKey;
    /// # use otpgate::access::CallerId;
    /// # use otpgate::{KeyRing, Timestamp};
    /// # let keys = KeyRing::generate()?;
    /// # let now = Timestamp::from_millis(1_800_000_000_000);
    /// # let end = now + std::time::Duration::from_secs(86_400);
    /// # let key = CallerKey::mint(&CallerId::new("billing")?, "sms.shop.example", end, &keys, now)?;
    ///
    /// let text = key.expose_text(); // wiped when it is dropped
    /// assert!(text.starts_with("otpgate_ck1_"));
    /// assert_eq!(CallerKey::from_text(&text)?.expires(), key.expires());
    /// assert!(!format!("{key:?}").contains("otpgate_ck1_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expose_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(
            Writer::new()
                .u32(self.master.0)
                .time(self.expires)
                .raw(self.secret.expose_secret())
                .text(self.id.as_str())
                .text(&self.audience)
                .finish(),
        );
        let mut text = Zeroizing::new(String::from(PREFIX));
        text.push_str(&Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes)));
        text
    }

    /// Reads what [`expose_text`](Self::expose_text) wrote.
    ///
    /// # Errors
    ///
    /// [`CallerKeyError::Malformed`] for anything else.
    pub fn from_text(text: &str) -> Result<Self, CallerKeyError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(CallerKeyError::Malformed)?;
        let mut room = Zeroizing::new([0; 256]);
        let bytes = Base64UrlUnpadded::decode(encoded, &mut *room).ok();
        bytes.and_then(Self::read).ok_or(CallerKeyError::Malformed)
    }

    /// Signs one request: good for one message within a minute of `now`.
    ///
    /// # Errors
    ///
    /// [`CallerKeyError::Expired`] if the key's life is over, [`CallerKeyError::Entropy`] if no nonce
    /// could be drawn.
    pub fn sign(
        &self,
        request: &CallerRequest<'_>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<String, CallerKeyError> {
        if now >= self.expires {
            return Err(CallerKeyError::Expired);
        }
        let signed = Writer::new()
            .u8(VERSION)
            .u32(self.master.0)
            .time(self.expires)
            .time(now)
            .raw(&random::<16>(entropy)?)
            .text(self.id.as_str())
            .finish();
        let mac = self.mac_input(&signed, request).tag();
        Ok(to_text(&Writer::new().raw(&signed).raw(&mac).finish()))
    }

    /// Whose key it is.
    pub const fn id(&self) -> &CallerId {
        &self.id
    }

    /// When its life is over.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    pub(super) fn derive(id: CallerId, audience: &str, expires: Timestamp, keys: &Keys) -> Self {
        let secret = keys
            .caller
            .tagging("otpgate/v1/caller/key")
            .field(id.as_str().as_bytes())
            .field(audience.as_bytes())
            .field(&expires.as_millis().to_be_bytes())
            .tag();
        let secret = Secret::new(secret);
        Self { id, audience: audience.into(), master: keys.id, expires, secret }
    }

    pub(super) fn mac_input(&self, signed: &[u8], request: &CallerRequest<'_>) -> Tagging {
        MacKey::derive(&self.secret, "caller/request")
            .tagging("otpgate/v1/caller/request")
            .field(signed)
            .field(self.audience.as_bytes())
            .field(request.realm.as_bytes())
            .field(request.purpose.as_bytes())
            .field(request.recipient.expose_e164().as_str().as_bytes())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let (master, expires) = (KeyId(fields.u32()?), fields.time()?);
        let secret = Secret::new(fields.array()?);
        let id = CallerId::new(fields.text()?).ok()?;
        let audience = fields.text().filter(|audience| is_audience(audience))?;
        fields.end(Self { id, audience: audience.into(), master, expires, secret })
    }
}

crate::base::masked::debug_only!(CallerKey: id, audience, expires);

/// A key that cannot be made, read or used.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CallerKeyError {
    /// The name is unusable.
    #[error("a caller is named with 1 to 32 of a-z, 0-9 and '-'; choose such a name")]
    Id,
    /// The audience is unusable.
    #[error("an audience is 1 to 128 bytes; use the host name of the gate")]
    Audience,
    /// The end is past or too far away.
    #[error("a caller's key lives for at most 366 days from now; choose such an end")]
    Life,
    /// The text is no key.
    #[error("not a caller's key; it begins with otpgate_ck1_ and is kept whole")]
    Malformed,
    /// The key's life is over.
    #[error("the caller's key has expired; have a new one minted")]
    Expired,
    /// No nonce could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

pub(super) const VERSION: u8 = 1;

const PREFIX: &str = "otpgate_ck1_";

fn is_audience(text: &str) -> bool {
    (1..=128).contains(&text.len())
}

crate::base::sentence::debug_as_sentence!(CallerKeyError);
