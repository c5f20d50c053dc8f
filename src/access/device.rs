//! A browser that verified before: a lane that nobody else can shut.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use constant_time_eq::constant_time_eq_32;

use crate::base::codec::Reader;
use crate::base::entropy::{Entropy, EntropyError, random};
use crate::base::id::{Pseudonym, text_into, to_text};
use crate::base::keyring::{KeyId, KeyRing, Keys};
use crate::base::mac::Tag;
use crate::base::time::{Timestamp, millis};

/// A cookie that says: a code for this number was accepted in this browser (OWASP's *device cookie*).
///
/// Failures and sends without it go into a lane that anybody can exhaust; with it they go into a
/// lane of their own. So an attacker who spends all attempts for a number does not lock its owner
/// out. The proof authenticates nobody: it opens a lane, with limits.
///
/// The number's pseudonym is under the MAC and not in the text, so that the cookie does not tell whose
/// it is. Set it with `Secure`, `HttpOnly` and `SameSite=Lax`.
///
/// ```
/// use otpgate::access::{DeviceError, DeviceLife, DeviceProof};
/// use otpgate::{KeyRing, Pseudonym, SystemEntropy, Timestamp};
///
/// let keys = KeyRing::generate()?;
/// let (alice, bob) = (Pseudonym::from_bytes([1; 16]), Pseudonym::from_bytes([2; 16]));
/// let now = Timestamp::from_millis(1_800_000_000_000);
///
/// let proof = DeviceProof::mint(&alice, DeviceLife::default(), &keys, &SystemEntropy, now)?;
/// let device = DeviceProof::check(proof.as_str(), &alice, &keys, now)?;
/// assert_eq!(device.expires(), proof.expires());
/// assert_eq!(DeviceProof::check(proof.as_str(), &bob, &keys, now).unwrap_err(), DeviceError::Forged);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DeviceProof {
    text: OnceLock<String>,
    signed: [u8; SIGNED],
    subject: Pseudonym,
    keys: Arc<Keys>,
    expires: Timestamp,
}

impl DeviceProof {
    /// A proof for a new device that just verified `subject`.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if no device identifier could be drawn.
    pub fn mint(
        subject: &Pseudonym,
        life: DeviceLife,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, EntropyError> {
        let (keys, expires) = (keys.signing_shared(), now + life.as_duration());
        let mut signed = [0; SIGNED];
        let id: [u8; 16] = random(entropy)?;
        let ends = [now, expires].map(|time| time.as_millis().to_be_bytes());
        let [issued, expiry] = &ends;
        let parts = [&[VERSION][..], &keys.id.0.to_be_bytes(), &id, issued, expiry];
        let parts = parts.into_iter().flatten();
        signed.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Ok(Self { text: OnceLock::new(), signed, subject: *subject, keys, expires })
    }

    /// Checks a cookie against the number it is presented for.
    ///
    /// An invalid proof counts as a missing one: the request goes into the open lane. It is no
    /// reason to refuse.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], for the log.
    pub fn check(
        text: &str,
        subject: &Pseudonym,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<KnownDevice, DeviceError> {
        let mut room = [0; LENGTH];
        let bytes = text_into(text, &mut room).ok_or(DeviceError::Malformed)?;
        let proof: &[u8; LENGTH] = bytes.try_into().map_err(|_| DeviceError::Malformed)?;
        let (signed, given) = proof.split_last_chunk::<32>().ok_or(DeviceError::Malformed)?;
        let mut fields = Reader::new(signed);
        if fields.u8() != Some(VERSION) {
            return Err(DeviceError::Malformed);
        }
        let key = fields.u32().map(KeyId).ok_or(DeviceError::Malformed)?;
        let keys = keys.verifying(key, now).ok_or(DeviceError::UnknownKey)?;
        if !constant_time_eq_32(&mac(keys, signed, subject), given) {
            return Err(DeviceError::Forged);
        }
        let device = KnownDevice::read(fields).ok_or(DeviceError::Malformed)?;
        if device.issued > now + SKEW {
            return Err(DeviceError::IssuedInFuture);
        }
        if now >= device.expires || device.expires > device.issued + DeviceLife::MAX.as_duration() {
            return Err(DeviceError::Expired);
        }
        Ok(device)
    }

    /// The cookie's value: 92 characters of base64url.
    pub fn as_str(&self) -> &str {
        // Not every host keeps it: what is not read costs no hashing.
        self.text.get_or_init(|| {
            let mac = mac(&self.keys, &self.signed, &self.subject);
            let mut proof = [0; LENGTH];
            let parts = self.signed.iter().chain(&mac);
            proof.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
            to_text(&proof)
        })
    }

    /// When the proof ends; the cookie's `Expires`.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

crate::base::masked::debug_only!(DeviceProof: expires);

/// A device whose proof holds for the number it was presented with. Not `Clone`.
///
/// ```
/// # use otpgate::access::{DeviceLife, DeviceProof};
/// # use otpgate::{KeyRing, Pseudonym, SystemEntropy, Timestamp};
/// # let keys = KeyRing::generate()?;
/// # let (number, now) = (Pseudonym::from_bytes([1; 16]), Timestamp::from_millis(1_800_000_000_000));
/// let mint = || DeviceProof::mint(&number, DeviceLife::default(), &keys, &SystemEntropy, now);
/// let (phone, laptop) = (mint()?, mint()?);
/// let phone = DeviceProof::check(phone.as_str(), &number, &keys, now)?;
/// let laptop = DeviceProof::check(laptop.as_str(), &number, &keys, now)?;
/// assert_eq!(phone.issued(), now);
/// assert_ne!(phone.id(), laptop.id(), "two devices of one number have a lane each");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a known device has a lane of its own; charge that one"]
pub struct KnownDevice {
    id: Pseudonym,
    issued: Timestamp,
    expires: Timestamp,
}

impl KnownDevice {
    /// The random name of the device, to key its lane with.
    pub const fn id(&self) -> Pseudonym {
        self.id
    }

    /// When it verified.
    pub const fn issued(&self) -> Timestamp {
        self.issued
    }

    /// When the proof ends.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    fn read(mut fields: Reader<'_>) -> Option<Self> {
        let device = Self {
            id: Pseudonym::from_bytes(fields.array()?),
            issued: fields.time()?,
            expires: fields.time()?,
        };
        fields.end(device)
    }
}

/// How long a device is known: 1 hour to 90 days.
///
/// The default is 90 days: whoever logs in once a quarter keeps the lane, and a number that got a new
/// holder (carriers recycle numbers, in the United States after 45 days at the earliest) does not keep
/// its former one's for long.
///
/// ```
/// use std::time::Duration;
/// use otpgate::access::{DeviceError, DeviceLife};
///
/// assert_eq!(DeviceLife::default(), DeviceLife::MAX);
/// assert_eq!(DeviceLife::MAX.as_duration(), Duration::from_secs(90 * 86_400));
/// assert!(DeviceLife::new(Duration::from_secs(3_600)).is_ok());
/// assert_eq!(DeviceLife::new(Duration::from_secs(3_599)), Err(DeviceError::Life));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceLife(Duration);

impl DeviceLife {
    /// The shortest life, an hour.
    pub const MIN: Self = Self(Duration::from_secs(3_600));

    /// The longest life, 90 days.
    pub const MAX: Self = Self(Duration::from_secs(90 * 86_400));

    /// A life of `life`.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Life`] if it is shorter than an hour or longer than 90 days.
    pub fn new(life: Duration) -> Result<Self, DeviceError> {
        if life < Self::MIN.0 || life > Self::MAX.0 {
            return Err(DeviceError::Life);
        }
        Ok(Self(Duration::from_millis(millis(life))))
    }

    /// The life as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for DeviceLife {
    fn default() -> Self {
        Self::MAX
    }
}

/// Why a device is not known.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The text is no device proof.
    #[error("the device proof is not 92 characters of base64url of version 2; drop the cookie")]
    Malformed,
    /// Its key is not in the ring.
    #[error(
        "the device proof was made under a key that is gone; it is renewed at the next success"
    )]
    UnknownKey,
    /// It was not minted for this number, or not at all.
    #[error("the device proof was not minted for this number; treat the device as unknown")]
    Forged,
    /// Its life is over.
    #[error("the device proof has expired; it is renewed at the next success")]
    Expired,
    /// It was minted more than 30 seconds ahead of this clock.
    #[error("the device proof comes from the future; synchronise the clocks of the instances")]
    IssuedInFuture,
    /// A life outside 1 hour to 90 days was asked for.
    #[error("a device is known for 1 hour to 90 days; choose such a life")]
    Life,
}

const VERSION: u8 = 2;
const LENGTH: usize = 69;
/// What the MAC covers of it.
const SIGNED: usize = LENGTH - 32;
const SKEW: Duration = Duration::from_secs(30);

/// Both have one length only, and the key is of this use alone.
fn mac(keys: &Keys, signed: &[u8], subject: &Pseudonym) -> Tag {
    let mut input = [0; LENGTH - 32 + 16];
    let parts = signed.iter().chain(subject.as_bytes());
    input.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    keys.device.tag_of_exactly(&input)
}

crate::base::sentence::debug_as_sentence!(DeviceError);
