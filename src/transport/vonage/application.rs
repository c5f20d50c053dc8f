//! [`Application`]: a Vonage application and its private key, which signs a token for each text.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use super::MESSAGES_NAME;
use crate::base::time::Timestamp;
use crate::transport::json::Object;
use crate::transport::pem;
use crate::transport::{AdapterError, SecretText};

/// How long a token holds, in seconds: longer than a request, and room for a clock that leads. Vonage's
/// own SDKs give it fifteen minutes.
const LIFETIME: u64 = 300;

/// A Vonage application: its identifier and its private key. The key stays on this machine; each text
/// is sent with a token that it signs and that holds for five minutes, so that the host's clock must be
/// right. `Debug` shows nothing of the key.
///
/// Reading a key takes a moment. A source that rotates
/// ([`Credentials::from_fn`](crate::http::Credentials::from_fn)) should keep the application that it
/// made last, and clone it.
///
/// ```
/// use otpgate::transport::vonage::Application;
///
/// let id = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
/// // Made for tests, and published: RFC 9500.
/// let key = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rfc9500_rsa2048.pem"));
/// assert!(Application::new(id, key).is_ok());
/// assert!(Application::new(id, "").is_err(), "an environment variable that is not set");
/// assert!(Application::new(id, key.replace('\n', "\\n")).is_err(), "its line breaks are gone");
/// ```
#[derive(Clone)]
pub struct Application {
    id: String,
    key: Arc<RsaKeyPair>,
}

impl Application {
    /// The application's identifier, and its private key as the dashboard gives it: PEM, with its line
    /// breaks.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the identifier is no UUID, or the key is not a private RSA key of at least
    /// 2 048 bits, unencrypted, in PKCS#8 or PKCS#1.
    pub fn new(
        id: impl Into<String>,
        private_key: impl Into<String>,
    ) -> Result<Self, AdapterError> {
        let (id, pem) = (id.into(), Zeroizing::new(private_key.into()));
        let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if id.len() != 36 || !id.bytes().all(plain) {
            let problem = "the application's identifier is a UUID; copy it from the dashboard";
            return Err(AdapterError::new(MESSAGES_NAME, problem));
        }
        let key = key_in(&pem).ok_or_else(|| {
            let problem = "the private key is PEM as the dashboard gives it: RSA, not encrypted, \
                           with its line breaks";
            AdapterError::new(MESSAGES_NAME, problem)
        })?;
        Ok(Self { id, key: Arc::new(key) })
    }

    /// A token that is good now, under an identifier of its own. `None` if it cannot be signed.
    pub(super) fn token(&self, now: Timestamp, id: &str) -> Option<SecretText> {
        let seconds = now.as_millis() / 1_000;
        let header = Object::new().text("alg", "RS256").text("typ", "JWT").finish();
        let claims = Object::new()
            .text("application_id", &self.id)
            .number_if("iat", Some(seconds))
            .number_if("exp", Some(seconds.checked_add(LIFETIME)?))
            .text("jti", id)
            .finish();
        let mut token = Base64UrlUnpadded::encode_string(&header);
        token.push('.');
        token.push_str(&Base64UrlUnpadded::encode_string(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        // The random numbers hide the key from who measures time; the signature does not depend on them.
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature).ok()?;
        token.push('.');
        token.push_str(&Base64UrlUnpadded::encode_string(&signature));
        Some(SecretText::new(token))
    }
}

/// The key in a PEM text: PKCS#8, or PKCS#1 as older tools write it.
fn key_in(text: &str) -> Option<RsaKeyPair> {
    match pem::block(text)? {
        ("PRIVATE KEY", der) => RsaKeyPair::from_pkcs8(&der).ok(),
        ("RSA PRIVATE KEY", der) => RsaKeyPair::from_der(&der).ok(),
        _ => None,
    }
}

crate::base::masked::debug_only!(Application: id);

#[cfg(test)]
mod tests {
    use base64ct::Base64;

    use super::*;

    const ID: &str = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
    const PEM: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rfc9500_rsa2048.pem"));

    #[test]
    fn a_key_is_pem_in_either_form() {
        // PKCS#8 is 26 bytes before PKCS#1.
        let body: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
        let der = Base64::decode_vec(&body).unwrap();
        let inner = Base64::encode_string(&der[26..]);
        let older =
            format!("-----BEGIN RSA PRIVATE KEY-----\n{inner}\n-----END RSA PRIVATE KEY-----");
        for good in [PEM.to_owned(), PEM.replace('\n', "\r\n"), format!("\n{PEM}\n"), older] {
            assert!(Application::new(ID, good).is_ok());
        }
        for bad in [
            String::new(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            PEM.replace("PRIVATE", "PUBLIC"),
            PEM.replace("END PRIVATE", "END RSA PRIVATE"),
            PEM.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE"),
            PEM.replacen("MII", "MIJ", 1),
            PEM.replace('=', ""),
            format!("{PEM}{PEM}"),
            body,
        ] {
            let error = Application::new(ID, bad.as_str()).unwrap_err();
            assert!(error.to_string().contains("line breaks"), "{bad}");
        }
        for id in ["", "abcd1234", "aaaaaaaa-bbbb-cccc-dddd-0123456789aü", &format!("{ID} ")] {
            assert!(Application::new(id, PEM).is_err(), "{id}");
        }
        let shown = format!("{:?}", Application::new(ID, PEM).unwrap());
        assert!(shown.contains(ID) && !shown.contains("key"), "{shown}");
    }

    #[test]
    fn a_clock_beyond_the_numbers_signs_nothing() {
        let application = Application::new(ID, PEM).unwrap();
        assert!(application.token(Timestamp::from_millis(u64::MAX), "id").is_some());
        assert!(application.token(Timestamp::from_millis(0), "id").is_some());
    }
}
