//! [`HumanPass`]: what a passed check is remembered by.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::HumanResponse;

/// What a check that passed is known by, so that it passes once: the gate burns a keyed digest of it
/// with the front-end token, and remembers that for [`LIFE`](Self::LIFE).
///
/// A service whose responses cannot be written in two ways is served by [`of`](Self::of). Where they
/// can, the name is what the page could not choose:
///
/// ```
/// use otpgate::human::{HumanPass, HumanResponse};
///
/// // One solved puzzle, once with a blank more.
/// let [plain, spaced] = [r#"{"puzzle":"7"}"#, r#"{"puzzle":"7"}="#];
/// let [plain, spaced] = [HumanResponse::parse(plain)?, HumanResponse::parse(spaced)?];
/// assert_ne!(HumanPass::of(&plain), HumanPass::of(&spaced), "would pass twice");
/// assert_eq!(HumanPass::named(b"7"), HumanPass::named(b"7"), "passes once");
/// # Ok::<(), otpgate::human::HumanResponseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HumanPass([u8; 32]);

impl HumanPass {
    /// How long the gate remembers what passed: one hour. The services keep their responses good for
    /// two to five minutes.
    pub const LIFE: Duration = Duration::from_secs(3_600);

    /// Known by the response itself.
    #[must_use]
    pub fn of(response: &HumanResponse) -> Self {
        Self::tagged(b"response", response.expose_response().as_bytes())
    }

    /// Known by `name`: the number of the puzzle, an identifier in the service's answer.
    #[must_use]
    pub fn named(name: &[u8]) -> Self {
        Self::tagged(b"name", name)
    }

    fn tagged(kind: &[u8], value: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update(kind)
                .chain_update([0])
                .chain_update(value)
                .finalize()
                .into(),
        )
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

crate::base::masked::debug_redacted!(HumanPass);
