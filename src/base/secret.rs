//! Secret bytes that wipe themselves and never print themselves.

use std::fmt;

use zeroize::Zeroize;

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
