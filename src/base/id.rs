//! Opaque identifiers: pseudonyms for the store, request identifiers, and their text form.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};

/// The name under which a store keeps something: 16 bytes of a keyed HMAC, never the thing itself.
///
/// A store sees no phone number, address or code, so a leaked store names nobody. Being uniformly
/// distributed, a pseudonym is its own hash: a map over it needs no second hasher.
///
/// ```
/// use otpgate::Pseudonym;
///
/// let name = Pseudonym::from_bytes([0xAB; 16]);
/// assert_eq!(Pseudonym::from_bytes(*name.as_bytes()), name);
/// assert_eq!(format!("{name:?}"), "abababab…");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pseudonym([u8; 16]);

impl Pseudonym {
    /// A pseudonym from its bytes; for stores that read it back and for tests.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// The identifier of one call to a store: 16 random bytes, the same when the call is repeated.
///
/// A store answers a repeated identifier as it answered the first time and charges nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// An identifier from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// `bytes` as base64url without padding (RFC 4648 §5): safe in a form, a cookie and a URL.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes behind base64url text of at most `longest` bytes; `None` if it is anything else.
pub(crate) fn from_text(text: &str, longest: usize) -> Option<Vec<u8>> {
    if text.len() > longest.saturating_mul(4).div_ceil(3) {
        return None;
    }
    Base64UrlUnpadded::decode_vec(text).ok()
}
