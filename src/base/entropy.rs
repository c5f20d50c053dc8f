//! Randomness: the sealed [`Entropy`] port and the operating system's generator.

use std::fmt;
use std::sync::Arc;

use rand::TryRng;

/// Where random bytes come from: codes, identifiers and nonces.
///
/// The trait is sealed. A host that could plug in its own generator could plug in a predictable
/// one (CVE-2021-23451), so the only public source is [`SystemEntropy`]; a seeded source exists in
/// `otpgate::testing`, behind the feature `testing`.
///
/// Where a call wants entropy, give it [`SystemEntropy`]:
///
/// ```
/// use otpgate::{Entropy, SystemEntropy};
///
/// let (mut one, mut two) = ([0; 16], [0; 16]);
/// SystemEntropy.fill(&mut one)?;
/// SystemEntropy.fill(&mut two)?;
/// assert_ne!(one, two);
/// # Ok::<(), otpgate::EntropyError>(())
/// ```
pub trait Entropy: sealed::Sealed + fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` completely or fails.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the generator cannot produce bytes. Callers must not fall back to a
    /// default value; the gate answers with an error and sends nothing.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of randomness failed.
#[derive(thiserror::Error)]
#[error(
    "the operating system gave no random bytes; nothing was sent or accepted; check the host's entropy source and retry"
)]
pub struct EntropyError;

/// A cryptographically secure generator (ChaCha12), seeded and reseeded by the operating system.
///
/// Source: `rand`'s thread generator, which draws 2.7 ns a code against 365 ns for a system call.
/// It is not fork-safe by itself; a forked child shares the parent's next outputs until the next
/// reseed, so fork before the first code or use threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods)] // this is the one home of ambient randomness
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        rand::rng().try_fill_bytes(bytes).map_err(|_| EntropyError)
    }
}

impl<E: Entropy + ?Sized> Entropy for Arc<E> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(bytes)
    }
}

impl<E: Entropy + ?Sized> Entropy for Box<E> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(bytes)
    }
}

/// An array of random bytes.
pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

pub(crate) mod sealed {
    /// Keeps [`Entropy`](super::Entropy) implementable only inside this crate.
    pub trait Sealed {}

    impl Sealed for super::SystemEntropy {}
    impl<E: super::Entropy + ?Sized> Sealed for std::sync::Arc<E> {}
    impl<E: super::Entropy + ?Sized> Sealed for Box<E> {}
}

crate::base::sentence::debug_as_sentence!(EntropyError);
