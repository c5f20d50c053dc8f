//! The shared secret of an authenticator app, its text form and its enrolment URI.

use std::fmt;

use totp_rs::Secret;
use zeroize::Zeroizing;

use crate::base::entropy::{Entropy, EntropyError, random};

/// The secret that a server shares with an authenticator app.
///
/// Unlike a digest it must be kept in a form that can be read back, so **encrypt it at rest** under a
/// key that is not in the same database (RFC 6238 §5.1, ASVS 13.3.1): whoever reads it can compute
/// every future code. Masked in `Debug`, no `Display`, no `Clone`, wiped on drop.
///
/// ```
/// use otpgate::otp::totp::{AuthenticatorSecret, AuthenticatorSecretError};
///
/// let secret = AuthenticatorSecret::from_bytes(b"12345678901234567890")?;
/// assert_eq!(secret.expose_secret(), b"12345678901234567890"); // encrypt, then store
/// assert_eq!(secret.to_base32().expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
/// assert_eq!(format!("{secret:?}"), "AuthenticatorSecret([redacted])");
/// assert!(AuthenticatorSecret::from_bytes(b"too short").is_err());
/// # Ok::<(), AuthenticatorSecretError>(())
/// ```
pub struct AuthenticatorSecret(Zeroizing<Vec<u8>>);

impl AuthenticatorSecret {
    /// A fresh secret of 160 bits, as RFC 4226 §4 (R6) recommends.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the generator fails.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let bytes = Zeroizing::new(random::<20>(entropy)?);
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// A secret from its stored bytes: 16 to 64 of them. Fewer than the 20 of a fresh secret are
    /// taken so that existing enrolments can be carried over; RFC 4226 §4 (R6) demands 16.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorSecretError::Length`] for any other number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthenticatorSecretError> {
        if !(16..=64).contains(&bytes.len()) {
            return Err(AuthenticatorSecretError::Length { bytes: bytes.len() });
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// A secret from its text in base32 (RFC 4648 §6, capitals, no padding).
    ///
    /// # Errors
    ///
    /// [`AuthenticatorSecretError::NotBase32`], or `Length` as [`from_bytes`](Self::from_bytes).
    pub fn from_base32(text: &str) -> Result<Self, AuthenticatorSecretError> {
        // 64 bytes are 103 characters; the check keeps the work bounded.
        if text.len() > 103 {
            return Err(AuthenticatorSecretError::NotBase32);
        }
        let secret =
            Secret::try_from_base32(text).map_err(|_| AuthenticatorSecretError::NotBase32)?;
        Self::from_bytes(secret.as_bytes())
    }

    /// The bytes, under a name that a reviewer can search for; to be encrypted and stored.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// The text in base32, for a claimant who types it instead of scanning it.
    #[must_use]
    pub fn to_base32(&self) -> SecretText {
        SecretText(Zeroizing::new(self.secret().to_base32()))
    }

    /// The enrolment URI (Key URI format) for a QR code: `issuer` is the service, `account` tells the
    /// user's accounts apart. It contains the secret: show it once, over TLS, and log it nowhere.
    ///
    /// # Errors
    ///
    /// [`EnrolmentError`] if a name is empty, longer than 100 bytes, or has a colon (which separates
    /// the two in the label) or a control character.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use otpgate::otp::totp::{AuthenticatorSecret, EnrolmentError};
    ///
    /// let secret = AuthenticatorSecret::from_bytes(b"12345678901234567890")?;
    /// let uri = secret.otpauth_uri("Example", "ana@example.com")?;
    /// assert_eq!(
    ///     uri.expose_secret(),
    ///     "otpauth://totp/Example:ana%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
    ///      &issuer=Example&algorithm=SHA1&digits=6&period=30",
    /// );
    /// assert_eq!(secret.otpauth_uri("A:B", "ana").unwrap_err(), EnrolmentError::Issuer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Result<SecretText, EnrolmentError> {
        if !is_label(issuer) {
            return Err(EnrolmentError::Issuer);
        }
        if !is_label(account) {
            return Err(EnrolmentError::Account);
        }
        let secret = self.to_base32();
        // Reserved whole: growing would leave copies of the secret behind.
        let room = issuer.len().saturating_mul(6).saturating_add(account.len().saturating_mul(3));
        let mut uri = Zeroizing::new(String::with_capacity(room.saturating_add(256)));
        uri.push_str("otpauth://totp/");
        percent_encode(&mut uri, issuer);
        uri.push(':');
        percent_encode(&mut uri, account);
        uri.push_str("?secret=");
        uri.push_str(secret.expose_secret());
        uri.push_str("&issuer=");
        percent_encode(&mut uri, issuer);
        uri.push_str("&algorithm=SHA1&digits=6&period=30");
        Ok(SecretText(uri))
    }

    pub(super) fn secret(&self) -> Secret {
        Secret::new(self.0.to_vec().into_boxed_slice())
    }
}

impl fmt::Debug for AuthenticatorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticatorSecret([redacted])")
    }
}

/// Text that contains a secret: masked in `Debug`, no `Display`, wiped on drop.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text, under a name that a reviewer can search for.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText([redacted])")
    }
}

/// The bytes are not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticatorSecretError {
    /// Not 16 to 64 bytes.
    #[error(
        "the authenticator secret has {bytes} bytes instead of 16 to 64 (RFC 4226 §4 R6 demands 128 bits); enrol the user again"
    )]
    Length {
        /// How many there were.
        bytes: usize,
    },
    /// Not base32.
    #[error(
        "the authenticator secret is not base32 in capitals without padding; check that it was stored and decrypted whole"
    )]
    NotBase32,
}

/// A name that cannot stand in an enrolment URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolmentError {
    /// The issuer.
    #[error(
        "the issuer is empty, longer than 100 bytes, or has a colon or a control character; name the service, such as `Example`"
    )]
    Issuer,
    /// The account.
    #[error(
        "the account is empty, longer than 100 bytes, or has a colon or a control character; name the user, such as an e-mail address"
    )]
    Account,
}

fn is_label(text: &str) -> bool {
    (1..=100).contains(&text.len()) && !text.chars().any(|c| c == ':' || c.is_control())
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
fn percent_encode(uri: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().map_or('0', char::from);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            uri.push(digit(byte >> 4));
            uri.push(digit(byte & 0xf));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rfc_secret() -> AuthenticatorSecret {
        AuthenticatorSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn the_uri_is_in_key_uri_format() {
        let uri = rfc_secret().otpauth_uri("Haus & Co", "é@example.com").unwrap();
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/Haus%20%26%20Co:%C3%A9%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Haus%20%26%20Co\
             &algorithm=SHA1&digits=6&period=30"
        );
        for bad in ["", "a:b", "a\nb", &"x".repeat(101)] {
            assert_eq!(rfc_secret().otpauth_uri(bad, "a").err(), Some(EnrolmentError::Issuer));
            assert_eq!(rfc_secret().otpauth_uri("a", bad).err(), Some(EnrolmentError::Account));
        }
    }

    #[test]
    fn secrets_are_masked_and_bounded() {
        let secret = AuthenticatorSecret::generate(&crate::SystemEntropy).unwrap();
        assert_eq!(secret.expose_secret().len(), 20);
        assert_eq!(format!("{secret:?}"), "AuthenticatorSecret([redacted])");
        assert_eq!(format!("{:?}", secret.to_base32()), "SecretText([redacted])");
        for length in 0..80 {
            let made = AuthenticatorSecret::from_bytes(&vec![7; length]);
            assert_eq!(made.is_ok(), (16..=64).contains(&length));
        }
        for bad in
            ["", "1", "GEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ!", &"A".repeat(1000)]
        {
            assert!(AuthenticatorSecret::from_base32(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn base32_round_trips(bytes in proptest::collection::vec(any::<u8>(), 16..=64)) {
            let secret = AuthenticatorSecret::from_bytes(&bytes).unwrap();
            let text = secret.to_base32();
            let back = AuthenticatorSecret::from_base32(text.expose_secret()).unwrap();
            prop_assert_eq!(back.expose_secret(), &bytes[..]);
        }

        #[test]
        fn no_name_escapes_its_place_in_the_uri(issuer in "\\PC{1,30}", account in "\\PC{1,30}") {
            if let Ok(uri) = rfc_secret().otpauth_uri(&issuer, &account) {
                let rest = uri.expose_secret().strip_prefix("otpauth://totp/").unwrap();
                prop_assert_eq!(rest.matches(':').count(), 1);
                prop_assert_eq!(rest.matches('?').count(), 1);
                prop_assert_eq!(rest.matches('&').count(), 4);
                prop_assert!(rest.is_ascii());
            }
        }
    }
}
