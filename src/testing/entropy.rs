//! [`SeededEntropy`] and [`FailingEntropy`]: randomness that repeats, and randomness that fails.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::entropy::{Entropy, EntropyError, sealed};

use super::prng::Shared;

/// The same bytes for the same seed. For tests only: whoever knows the seed knows every code.
///
/// ```
/// use otpgate::Entropy;
/// use otpgate::testing::SeededEntropy;
///
/// let (mut one, mut two) = ([0; 8], [0; 8]);
/// SeededEntropy::new(7).fill(&mut one)?;
/// SeededEntropy::new(7).fill(&mut two)?;
/// assert_eq!(one, two);
/// # Ok::<(), otpgate::EntropyError>(())
/// ```
pub struct SeededEntropy(Shared);

impl SeededEntropy {
    /// A source that repeats itself for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Shared::new(seed))
    }
}

crate::base::masked::debug_redacted!(SeededEntropy);

impl sealed::Sealed for SeededEntropy {}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.draw(|prng| prng.fill(bytes));
        Ok(())
    }
}

/// A source that works a number of times and then fails for ever, having written nothing.
///
/// ```
/// use otpgate::Entropy;
/// use otpgate::testing::FailingEntropy;
///
/// let entropy = FailingEntropy::after(1);
/// assert!(entropy.fill(&mut [0; 4]).is_ok());
/// assert!(entropy.fill(&mut [0; 4]).is_err());
/// ```
#[derive(Debug)]
pub struct FailingEntropy {
    inner: SeededEntropy,
    left: AtomicU64,
}

impl FailingEntropy {
    /// Fails from the first call on.
    #[must_use]
    pub fn new() -> Self {
        Self::after(0)
    }

    /// Gives bytes `calls` times, then fails.
    #[must_use]
    pub fn after(calls: u64) -> Self {
        Self { inner: SeededEntropy::new(calls), left: AtomicU64::new(calls) }
    }
}

impl Default for FailingEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl sealed::Sealed for FailingEntropy {}

impl Entropy for FailingEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .map_err(|_| EntropyError)?;
        self.inner.fill(bytes)
    }
}
