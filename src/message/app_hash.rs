//! The last line by which an Android app recognises its own messages.

/// The hash that identifies an app to the SMS Retriever API of Google Play services: 11 characters of
/// base64 from the app's package name and signing certificate.
///
/// A message for the API ends with the hash and has at most 140 bytes. The hash is public; it directs
/// the message to the app and proves nothing.
///
/// ```
/// use otpgate::message::AppHash;
///
/// assert_eq!(AppHash::new("FA+9qCX9VSu")?.as_str(), "FA+9qCX9VSu");
/// assert!(AppHash::new("FA+9qCX9VS").is_err());
/// # Ok::<(), otpgate::message::AppHashError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AppHash(String);

impl AppHash {
    /// The longest message that the API takes, in bytes.
    pub const LONGEST_MESSAGE: usize = 140;

    /// Checks `text`: 11 characters of the base64 alphabet (RFC 4648 §4).
    ///
    /// # Errors
    ///
    /// [`AppHashError`] for anything else.
    pub fn new(text: &str) -> Result<Self, AppHashError> {
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        if text.len() != 11 || !text.bytes().all(base64) {
            return Err(AppHashError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not an app hash.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the app hash is not 11 characters of base64; compute it from the signing certificate as the SMS Retriever documentation says"
)]
pub struct AppHashError;

crate::base::sentence::debug_as_sentence!(AppHashError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_characters_of_base64() {
        for bad in ["", "FA+9qCX9VS", "FA+9qCX9VSu=", "FA-9qCX9VSu", "FA 9qCX9VSu", "FA+9qCX9VSü"]
        {
            assert_eq!(AppHash::new(bad), Err(AppHashError), "{bad}");
        }
    }
}
