//! Secret bytes that wipe themselves when dropped and never print themselves.

use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

/// A fixed number of secret bytes: wiped on drop, masked in `Debug`, no `Display`, no `Clone`.
pub(crate) struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes over `bytes`. The caller's copy is the caller's to wipe.
    #[must_use]
    pub(crate) const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, under a name that a reviewer can search for.
    #[must_use]
    pub(crate) const fn expose_secret(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret([{N} bytes])")
    }
}

/// A password, token or key: wiped when its last copy is dropped, masked in `Debug`, no `Display`.
///
/// ```
/// use otpgate::transport::SecretText;
///
/// let token = SecretText::new("hush");
/// assert_eq!(format!("{token:?}"), "SecretText([redacted])");
/// assert_eq!(token.expose_secret(), "hush");
/// ```
#[derive(Clone)]
pub struct SecretText(Arc<Zeroizing<String>>);

impl SecretText {
    /// Takes over `text`. A copy that the caller keeps is the caller's to wipe.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text, under a name that a reviewer can search for.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it: an environment variable that was not set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

crate::base::masked::debug_redacted!(SecretText);
