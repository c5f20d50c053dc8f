//! The key ring: one current master key, retired ones until they have nothing left to check.

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::entropy::{Entropy, EntropyError, SystemEntropy, random};
use super::mac::MacKey;
use super::seal::SealKey;
use super::secret::Secret;
use super::time::Timestamp;

/// The key of the examples below, which everybody can read.
const PUBLISHED: &str = "m5Jb0cSgM8S9nJ4sYqVwCk3L2tXhE7uZxR1fGdPoQiA";

/// How long a retired key must be kept at least, for codes, tickets and grants made under it: twice the
/// longest that a verification may be open.
///
/// A verification may be open for 30 minutes, a ticket lives for 10, a device proof for 90 days. A
/// device proof made under a key that is gone is only a missing proof, so it does not count here.
pub const RETIRED_KEY_LIFE: Duration = Duration::from_secs(3_600);

/// Names a master key in everything made under it, so that keys can be exchanged without an outage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub u32);

/// A 32-byte master key, kept apart from the store (NIST SP 800-63B-4 §3.1.1.2, ASVS 13.3.1).
///
/// A six-digit code has 20 bits: whoever reads the store can undo an unkeyed digest of it in a
/// second. The pepper makes the digests useless without this key.
///
/// ```
/// use otpgate::Pepper;
///
/// assert!(Pepper::from_bytes([0; 32]).is_err()); // not random
/// // Make one of your own: `build` refuses this one in a program without debug assertions.
/// let pepper = Pepper::from_text("m5Jb0cSgM8S9nJ4sYqVwCk3L2tXhE7uZxR1fGdPoQiA")?;
/// assert_eq!(format!("{pepper:?}"), "Pepper([redacted])");
/// # Ok::<(), otpgate::PepperError>(())
/// ```
pub struct Pepper(Secret<32>);

impl Pepper {
    /// A pepper from 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`PepperError::NotRandom`] if fewer than eight different byte values occur; 32 random bytes
    /// do that less than once in 10^30 draws, placeholder keys do it always.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, PepperError> {
        let secret = Secret::new(bytes);
        let mut seen = [false; 256];
        for byte in secret.expose_secret() {
            if let Some(slot) = seen.get_mut(usize::from(*byte)) {
                *slot = true;
            }
        }
        if seen.iter().filter(|seen| **seen).count() < 8 {
            return Err(PepperError::NotRandom);
        }
        Ok(Self(secret))
    }

    /// A pepper from 43 characters of base64url (32 bytes, no padding), the form to keep in a
    /// secret manager: `head -c 32 /dev/urandom | basenc --base64url | tr -d =`.
    ///
    /// # Errors
    ///
    /// [`PepperError::NotBase64`] for anything else, [`PepperError::NotRandom`] as
    /// [`from_bytes`](Self::from_bytes).
    pub fn from_text(text: &str) -> Result<Self, PepperError> {
        let mut bytes = [0; 32];
        match Base64UrlUnpadded::decode(text.trim(), &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Self::from_bytes(bytes),
            _ => Err(PepperError::NotBase64),
        }
    }

    /// A fresh pepper, for tests and first runs. Codes made under it die with the process unless
    /// the host keeps it.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the generator fails.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        random(entropy).map(|bytes| Self(Secret::new(bytes)))
    }

    fn is_published(&self) -> bool {
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(PUBLISHED, &mut bytes);
        decoded.is_ok() && *self.0.expose_secret() == bytes
    }
}

crate::base::masked::debug_redacted!(Pepper);

/// A master key that cannot be used.
#[derive(PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PepperError {
    /// The text is not 32 bytes of base64url.
    #[error(
        "the pepper is not 32 bytes of base64url without padding (43 characters); make one with `head -c 32 /dev/urandom | basenc --base64url | tr -d =`"
    )]
    NotBase64,
    /// The bytes are a placeholder, not a random key.
    #[error(
        "the pepper has fewer than 8 different byte values, so it is not random; draw 32 bytes from the operating system's generator"
    )]
    NotRandom,
}

/// The master keys in use: the current one, retired ones until their time is up, and the index key.
///
/// Everything made under a key carries its [`KeyId`]; a key that is no longer in the ring verifies
/// nothing. To rotate, put the new key in front, retire the old one for [`RETIRED_KEY_LIFE`], and name
/// the first one as [`index`](Self::index); codes in flight stay good.
///
/// The *index key* names numbers and addresses in the store. It must outlive rotations, or every
/// limit would start afresh: [`index`](Self::index) keeps it while the other keys change.
///
/// ```
/// use otpgate::{KeyId, KeyRing, Pepper, SystemEntropy, Timestamp};
///
/// let (index, old, new) = (
///     Pepper::generate(&SystemEntropy)?,
///     Pepper::generate(&SystemEntropy)?,
///     Pepper::generate(&SystemEntropy)?,
/// );
/// let ring = KeyRing::new(KeyId(2), new)
///     .retire(KeyId(1), old, Timestamp::from_millis(1_800_000_000_000))
///     .index(index);
/// assert_eq!(ring.current(), KeyId(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: Arc<Keys>,
    retired: Vec<(Arc<Keys>, Timestamp)>,
    index: Arc<Index>,
    /// Whether the host said which key is the index key.
    named: bool,
    /// Whether one of the keys is that of the documentation.
    published: bool,
}

impl KeyRing {
    /// A ring of one key, which also serves as the index key.
    #[must_use]
    pub fn new(id: KeyId, pepper: Pepper) -> Self {
        Self {
            index: Arc::new(Index::new(&pepper)),
            current: Arc::new(Keys::new(id, &pepper)),
            retired: Vec::new(),
            named: false,
            published: pepper.is_published(),
        }
    }

    /// A ring of one key, [`KeyId`] 1, from the text that a secret manager keeps
    /// ([`Pepper::from_text`]).
    ///
    /// # Errors
    ///
    /// [`PepperError`], which says how to make a key.
    ///
    /// ```
    /// use otpgate::{KeyId, KeyRing};
    ///
    /// // Make one of your own: `build` refuses this one in a program without debug assertions.
    /// let ring = KeyRing::from_text("m5Jb0cSgM8S9nJ4sYqVwCk3L2tXhE7uZxR1fGdPoQiA")?;
    /// assert_eq!(ring.current(), KeyId(1));
    /// assert!(KeyRing::from_text("changeme").is_err());
    /// # Ok::<(), otpgate::PepperError>(())
    /// ```
    pub fn from_text(pepper: &str) -> Result<Self, PepperError> {
        Pepper::from_text(pepper).map(|pepper| Self::new(KeyId(1), pepper))
    }

    /// A ring of one fresh key, [`KeyId`] 1, for tests and first runs: all codes, limits and lists
    /// are lost with it.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the operating system's generator fails.
    pub fn generate() -> Result<Self, EntropyError> {
        Pepper::generate(&SystemEntropy).map(|pepper| Self::new(KeyId(1), pepper))
    }

    /// Keeps an earlier key until `until`, for what was made under it.
    /// `until` is the rotation's time plus [`RETIRED_KEY_LIFE`], or later while callers hold keys made
    /// under it.
    ///
    /// ```
    /// use otpgate::{KeyId, KeyRing, Pepper, RETIRED_KEY_LIFE, SystemEntropy, Timestamp};
    ///
    /// # let old = Pepper::generate(&SystemEntropy)?;
    /// # let (new, index) = (Pepper::generate(&SystemEntropy)?, Pepper::generate(&SystemEntropy)?);
    /// let rotated = Timestamp::from_millis(1_800_000_000_000);
    /// let ring = KeyRing::new(KeyId(2), new)
    ///     .retire(KeyId(1), old, rotated + RETIRED_KEY_LIFE)
    ///     .index(index);
    /// assert_eq!(ring.current(), KeyId(2));
    /// assert_eq!(RETIRED_KEY_LIFE.as_secs(), 3_600);
    /// # Ok::<(), otpgate::EntropyError>(())
    /// ```
    #[must_use]
    pub fn retire(mut self, id: KeyId, pepper: Pepper, until: Timestamp) -> Self {
        self.retired.push((Arc::new(Keys::new(id, &pepper)), until));
        self.published |= pepper.is_published();
        self
    }

    /// Takes the index key from `pepper`: the one the ring was first built with. A ring that retires a
    /// key must name it ([`build`](crate::GateBuilder::build) refuses it otherwise), and it stays in
    /// every later ring: under another one the gate finds no limit, known number or control again.
    #[must_use]
    pub fn index(mut self, pepper: Pepper) -> Self {
        (self.index, self.named) = (Arc::new(Index::new(&pepper)), true);
        self.published |= pepper.is_published();
        self
    }

    /// The key under which new things are made.
    pub fn current(&self) -> KeyId {
        self.current.id
    }

    pub(crate) fn signing(&self) -> &Keys {
        &self.current
    }

    /// [`signing`](Self::signing), for what is made later.
    pub(crate) fn signing_shared(&self) -> Arc<Keys> {
        Arc::clone(&self.current)
    }

    /// The keys named `id`, if they are current or not yet past their end.
    pub(crate) fn verifying(&self, id: KeyId, now: Timestamp) -> Option<&Keys> {
        if self.current.id == id {
            return Some(&self.current);
        }
        let (keys, _) = self.retired.iter().find(|(keys, until)| keys.id == id && now < *until)?;
        Some(keys)
    }

    /// The keys named `id`, or the current ones if `id` is absent or past its end. A digest under the
    /// current keys matches none that was made under others.
    pub(crate) fn verifying_or_signing(&self, id: Option<KeyId>, now: Timestamp) -> &Keys {
        id.and_then(|id| self.verifying(id, now)).unwrap_or(&self.current)
    }

    pub(crate) fn pseudonyms(&self) -> &MacKey {
        &self.index.names
    }

    /// Seals send records, which hosts keep.
    pub(crate) fn records(&self) -> &SealKey {
        &self.index.records
    }

    /// [`records`](Self::records), for what is made later.
    pub(crate) fn records_shared(&self) -> RecordKey {
        RecordKey(Arc::clone(&self.index))
    }

    /// Seals what gates leave in the store for each other and for themselves.
    pub(crate) fn papers(&self) -> &SealKey {
        &self.index.papers
    }

    /// Whether keys were exchanged and nobody said which one names things in the store.
    pub(crate) fn lacks_index(&self) -> bool {
        !self.retired.is_empty() && !self.named
    }

    /// Whether one of the keys stands in the documentation.
    pub(crate) fn is_published(&self) -> bool {
        self.published
    }

    /// The first identifier that stands for two keys, which would make the ring ambiguous.
    pub(crate) fn repeated(&self) -> Option<KeyId> {
        let mut ids: Vec<KeyId> = self.retired.iter().map(|(keys, _)| keys.id).collect();
        ids.push(self.current.id);
        ids.sort_unstable();
        ids.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        })
    }
}

/// The key of [`KeyRing::records`], held by a record that is not made yet.
#[derive(Clone, Debug)]
pub(crate) struct RecordKey(Arc<Index>);

impl RecordKey {
    pub(crate) fn key(&self) -> &SealKey {
        &self.0.records
    }
}

/// The sub-keys of the index key.
#[derive(Debug)]
#[repr(align(128))] // apart from the count of its holders, which every request writes
struct Index {
    names: MacKey,
    records: SealKey,
    papers: SealKey,
}

impl Index {
    fn new(pepper: &Pepper) -> Self {
        let names = MacKey::derive(&pepper.0, "index");
        Self {
            records: SealKey::derive(&names, "record"),
            papers: SealKey::derive(&names, "paper"),
            names,
        }
    }
}

/// The sub-keys of one master key, one for each use.
#[derive(Debug)]
#[repr(align(128))] // apart from the count of its holders, which every request writes
pub(crate) struct Keys {
    pub(crate) id: KeyId,
    pub(crate) code: MacKey,
    pub(crate) ticket: MacKey,
    pub(crate) grant: SealKey,
    pub(crate) device: MacKey,
    pub(crate) caller: MacKey,
}

impl Keys {
    fn new(id: KeyId, pepper: &Pepper) -> Self {
        let derive = |label| MacKey::derive(&pepper.0, label);
        Self {
            id,
            code: derive("code"),
            ticket: derive("ticket"),
            grant: SealKey::derive(&derive("grant"), "grant"),
            device: derive("device"),
            caller: derive("caller"),
        }
    }
}

crate::base::sentence::debug_as_sentence!(PepperError);

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(seed: u8) -> Pepper {
        Pepper::from_bytes(std::array::from_fn(|i| seed.wrapping_add(i as u8))).unwrap()
    }

    #[test]
    fn placeholders_are_refused() {
        assert_eq!(Pepper::from_bytes([0xAB; 32]).unwrap_err(), PepperError::NotRandom);
        assert_eq!(Pepper::from_text("changeme").unwrap_err(), PepperError::NotBase64);
        assert_eq!(Pepper::from_text("").unwrap_err(), PepperError::NotBase64);
        assert_eq!(Pepper::from_text(&"A".repeat(43)).unwrap_err(), PepperError::NotRandom);
    }

    #[test]
    fn a_retired_key_verifies_until_its_end_and_an_unknown_one_never() {
        let end = Timestamp::from_millis(1_000);
        let ring = KeyRing::new(KeyId(2), pepper(2)).retire(KeyId(1), pepper(1), end);
        assert!(ring.verifying(KeyId(1), Timestamp::from_millis(999)).is_some());
        assert!(ring.verifying(KeyId(1), end).is_none());
        assert!(ring.verifying(KeyId(2), Timestamp::MAX).is_some());
        assert!(ring.verifying(KeyId(3), Timestamp::from_millis(0)).is_none());
    }

    #[test]
    fn the_index_survives_a_rotation() {
        let tag = |ring: &KeyRing| ring.pseudonyms().tagging("t").tag();
        let before = KeyRing::new(KeyId(1), pepper(1));
        let after = KeyRing::new(KeyId(2), pepper(2)).index(pepper(1));
        assert_eq!(tag(&before), tag(&after));
        assert_ne!(tag(&before), tag(&KeyRing::new(KeyId(2), pepper(2))));
    }

    #[test]
    fn a_repeated_identifier_is_found() {
        let ring = KeyRing::new(KeyId(1), pepper(1));
        assert_eq!(ring.repeated(), None);
        assert_eq!(ring.retire(KeyId(1), pepper(2), Timestamp::MAX).repeated(), Some(KeyId(1)));
    }
}
