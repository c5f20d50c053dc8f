//! The shared secret of an authenticator app, its text form and its enrolment URI.

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
    /// taken so that existing enrolments can be carried over; RFC 4226 §4 (R6) demands 16. For
    /// shorter ones see [`from_short_bytes_danger`](Self::from_short_bytes_danger).
    ///
    /// # Errors
    ///
    /// [`AuthenticatorSecretError::Length`] for any other number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthenticatorSecretError> {
        if !(SHORTEST..=LONGEST).contains(&bytes.len()) {
            return Err(AuthenticatorSecretError::Length { bytes: bytes.len() });
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// A secret from its text in base32 (RFC 4648 §6), as other systems write it: in capitals or
    /// small letters, in groups with spaces or hyphens, with or without `=` at the end.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorSecretError::NotBase32`], or `Length` as [`from_bytes`](Self::from_bytes).
    ///
    /// ```
    /// use otpgate::otp::totp::{AuthenticatorSecret, AuthenticatorSecretError};
    ///
    /// let secret = AuthenticatorSecret::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")?;
    /// assert_eq!(secret.expose_secret(), b"12345678901234567890");
    /// # Ok::<(), AuthenticatorSecretError>(())
    /// ```
    pub fn from_base32(text: &str) -> Result<Self, AuthenticatorSecretError> {
        Self::from_bytes(base32(text)?.as_bytes())
    }

    /// A secret of 80 to 127 bits, for enrolments made by a system that drew too few: many handed out
    /// 16 characters of base32. RFC 4226 §4 (R6) demands 128 bits. Whoever has a code of the app and
    /// the time can try the keys offline: 80 bits hold off one attacker of today and not a state.
    /// Let such users enrol again; a longer secret is taken as well.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorSecretError::Length`] below 10 bytes or above 64.
    pub fn from_short_bytes_danger(bytes: &[u8]) -> Result<Self, AuthenticatorSecretError> {
        if !(SHORTEST_OF_ALL..=LONGEST).contains(&bytes.len()) {
            return Err(AuthenticatorSecretError::Length { bytes: bytes.len() });
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// As [`from_short_bytes_danger`](Self::from_short_bytes_danger), from the text that
    /// [`from_base32`](Self::from_base32) reads.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorSecretError::NotBase32`] or `Length`.
    ///
    /// ```
    /// use otpgate::otp::totp::{AuthenticatorSecret, AuthenticatorSecretError};
    ///
    /// let sixteen = "JBSW Y3DP EHPK 3PXP"; // 80 bits
    /// assert!(AuthenticatorSecret::from_base32(sixteen).is_err());
    /// assert!(AuthenticatorSecret::from_short_base32_danger(sixteen).is_ok());
    /// ```
    pub fn from_short_base32_danger(text: &str) -> Result<Self, AuthenticatorSecretError> {
        Self::from_short_bytes_danger(base32(text)?.as_bytes())
    }

    /// The bytes, under a name that a reviewer can search for; to be encrypted and stored.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// The text in base32, for a claimant who types it instead of scanning it.
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
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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

    /// Whether it has the 128 bits that RFC 4226 §4 (R6) demands; without them the user should enrol
    /// again.
    pub fn is_compliant(&self) -> bool {
        self.0.len() >= SHORTEST
    }

    pub(super) fn secret(&self) -> Secret {
        Secret::new(self.0.to_vec().into_boxed_slice())
    }
}

crate::base::masked::debug_redacted!(AuthenticatorSecret);

/// Text that contains a secret: masked in `Debug`, no `Display`, wiped on drop.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text, under a name that a reviewer can search for.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

crate::base::masked::debug_redacted!(SecretText);

/// RFC 4226 §4 (R6), in bytes.
const SHORTEST: usize = 16;

/// 16 characters of base32, which several systems handed out.
const SHORTEST_OF_ALL: usize = 10;

/// The block of SHA-1: HMAC would hash a longer key to a shorter one.
const LONGEST: usize = 64;

/// The bytes of base32 as people and systems write it; the work is bounded by the first check.
fn base32(text: &str) -> Result<Secret, AuthenticatorSecretError> {
    // 64 bytes are 103 characters; with a separator behind each fourth, and padding, 136.
    if text.len() > 160 {
        return Err(AuthenticatorSecretError::NotBase32);
    }
    // Reserved whole: growing would leave copies of the secret behind.
    let mut bare = Zeroizing::new(String::with_capacity(text.len()));
    for c in text.trim_end_matches(|c: char| c == '=' || c.is_ascii_whitespace()).chars() {
        match c {
            ' ' | '-' | '\t' | '\r' | '\n' | '\u{a0}' => {}
            'A'..='Z' | 'a'..='z' | '2'..='7' => bare.push(c.to_ascii_uppercase()),
            _ => return Err(AuthenticatorSecretError::NotBase32),
        }
    }
    Secret::try_from_base32(bare.as_str()).map_err(|_| AuthenticatorSecretError::NotBase32)
}

/// The bytes are not a secret.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticatorSecretError {
    /// Not 16 to 64 bytes.
    #[error(
        "the authenticator secret has {bytes} bytes instead of 16 to 64 (RFC 4226 §4 R6 demands 128 bits); enrol the user again, or take 10 to 15 bytes by from_short_bytes_danger"
    )]
    Length {
        /// How many there were.
        bytes: usize,
    },
    /// Not base32.
    #[error(
        "the authenticator secret is not base32 (A to Z, 2 to 7); check that it was stored and decrypted whole"
    )]
    NotBase32,
}

/// A name that cannot stand in an enrolment URI.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
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

crate::base::sentence::debug_as_sentence!(AuthenticatorSecretError, EnrolmentError);

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

    #[test]
    fn base32_is_read_as_other_systems_write_it() {
        let plain = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let read = |text: &str| AuthenticatorSecret::from_base32(text).map(|s| s.0.to_vec());
        let expected = Ok(b"12345678901234567890".to_vec());
        for text in [
            plain.to_ascii_lowercase(),
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq".to_owned(),
            "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ".to_owned(),
            format!(" {plain}\r\n"),
            format!("{plain}===="),
            format!("{plain} ==\n"),
        ] {
            assert_eq!(read(&text), expected, "{text:?}");
        }
        // 26 characters and six of padding are 16 bytes.
        assert_eq!(read("GEZDGNBVGY3TQOJQGEZDGNBVGY======"), Ok(b"1234567890123456".to_vec()));
        for bad in ["=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQ=GEZDGNBVGY3TQOJQ"] {
            assert_eq!(read(bad), Err(AuthenticatorSecretError::NotBase32), "{bad}");
        }
        for wrong in ["0", "1", "8", "9", "é", "\0", "_", "Ａ"] {
            assert!(read(&format!("{plain}{wrong}")).is_err(), "{wrong}");
        }
    }

    /// Known answers for the key of 80 bits that many manuals print, from an implementation of
    /// RFC 6238 in Python.
    #[test]
    fn a_short_secret_needs_the_constructor_that_says_so() {
        use crate::base::time::Timestamp;
        use crate::otp::totp::Authenticator;

        let text = "jbsw y3dp ehpk 3pxp";
        let short = AuthenticatorSecretError::Length { bytes: 10 };
        assert_eq!(AuthenticatorSecret::from_base32(text).err(), Some(short));
        let secret = AuthenticatorSecret::from_short_base32_danger(text).unwrap();
        assert!(!secret.is_compliant() && rfc_secret().is_compliant());
        for (seconds, code) in
            [(59, "996554"), (1_111_111_109, "071271"), (2_000_000_000, "890699")]
        {
            let now = Timestamp::from_millis(seconds * 1_000);
            assert_eq!(Authenticator::code_for_test(&secret, now), code);
        }
        for length in 0..80 {
            let made = AuthenticatorSecret::from_short_bytes_danger(&vec![7; length]);
            assert_eq!(made.is_ok(), (10..=64).contains(&length));
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
