//! [`Credentials`]: secrets that rotate while the host runs.

use std::fmt;
use std::sync::Arc;

type Source<C> = dyn Fn() -> Result<C, CredentialError> + Send + Sync;

/// Where an adapter takes its credentials from: asked for every request, so that a new secret is
/// used from the next text on, without a restart.
///
/// A constant converts by itself. A function that reads a secret manager should read what a
/// background task keeps fresh: it is called on the path of a request and must not block.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use otpgate::http::{CredentialError, Credentials, SecretText};
///
/// let vault = Arc::new(Mutex::new(SecretText::new("first")));
/// let read = vault.clone();
/// let credentials = Credentials::from_fn(move || {
///     let secret = read.lock().map_err(|_| CredentialError::new("the vault is poisoned"))?;
///     Ok(secret.clone())
/// });
/// assert_eq!(credentials.current()?.expose_secret(), "first");
/// *vault.lock().unwrap() = SecretText::new("second");
/// assert_eq!(credentials.current()?.expose_secret(), "second");
/// # Ok::<(), otpgate::http::CredentialError>(())
/// ```
pub struct Credentials<C>(Arc<Source<C>>);

impl<C> Credentials<C> {
    /// Credentials that `source` gives, each time anew.
    pub fn from_fn(
        source: impl Fn() -> Result<C, CredentialError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(source))
    }

    /// The credentials of now.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] if the source has no credentials. Nothing was sent then.
    pub fn current(&self) -> Result<C, CredentialError> {
        (self.0)()
    }
}

impl<C: Clone + Send + Sync + 'static> From<C> for Credentials<C> {
    fn from(fixed: C) -> Self {
        Self::from_fn(move || Ok(fixed.clone()))
    }
}

impl<C> Clone for Credentials<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for Credentials<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// A source had no credentials. The cause MUST NOT hold a secret.
#[derive(thiserror::Error)]
#[error(
    "the credentials could not be read: {0}; see that their source answers and that this process may read it"
)]
pub struct CredentialError(Box<dyn std::error::Error + Send + Sync>);

impl CredentialError {
    /// There are no credentials because of `cause`.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

crate::base::sentence::debug_as_sentence!(CredentialError);
