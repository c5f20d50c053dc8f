//! [`Gate`]: the one way to a text and to an accepted code. Reads from top to bottom as a request
//! goes through it.

#[cfg(feature = "web")]
mod about;
mod answers;
mod authorise;
mod caution;
mod channels;
mod clear;
mod controls;
mod entry;
mod human;
mod issue;
mod memory;
mod operate;
mod parts;
mod preflight;
mod ready;
mod receipts;
mod resend;
#[cfg(feature = "totp")]
mod second_factor;
mod send;
mod test_number;
mod tickets;
mod verify;

use std::sync::Arc;

use crate::base::id::Pseudonym;
use crate::context::Realm;
use crate::realm::RealmState;

pub use channels::FallbackChannel;
pub use controls::{Controls, ControlsError};
pub use receipts::{RECEIPT_WINDOW, ReceiptsError};
pub use test_number::TestNumber;

#[cfg(feature = "web")]
pub(crate) use about::About;
pub(crate) use channels::Carrier;
pub(crate) use parts::Parts;

use parts::REMEMBER;

/// Issues and verifies one-time codes by SMS.
///
/// A gate is cheap to clone, has no type parameters and may be shared by every thread. Build one
/// with [`Gate::builder`](crate::Gate::builder), keep it for the life of the process.
///
/// | step | call | store round trips |
/// |---|---|---|
/// | at start | [`ready`](Self::ready) | 4 |
/// | page shown | [`preflight`](Self::preflight) | 0 |
/// | form posted | [`clear`](Self::clear), then [`issue`](Self::issue) | 0, then 1 |
/// | code page asked for | [`entry`](Self::entry) | 1, or 2 where the policy has fallback steps |
/// | "send it again" | [`resend`](Self::resend) | 1, or 2 where the policy has fallback steps |
/// | code typed | [`verify`](Self::verify) | 1; 2 if it is accepted and the gate has a fallback channel |
/// | no page, another service asks | [`authorise`](Self::authorise) instead of `clear` | 0 |
/// | provider calls back | [`receipts`](Self::receipts) | 1 to 4 for each receipt |
///
/// A text without a checked token does not compile, nor does using a clearance twice:
///
/// ```compile_fail
/// async fn twice(gate: &otpgate::Gate, clearance: otpgate::Clearance) {
///     let _ = gate.issue(clearance).await;
///     let _ = gate.issue(clearance).await; // moved
/// }
/// ```
///
/// ```compile_fail
/// async fn unchecked(gate: &otpgate::Gate, recipient: otpgate::Recipient) {
///     let _ = gate.issue(otpgate::Clearance { recipient }).await; // private fields
/// }
/// ```
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Parts>,
    realm: Arc<RealmState>,
}

impl Gate {
    /// The same gate for another tenant: proofs, limits, detector and controls are each realm's own;
    /// texts, prices, policies, callers, transport and store are the gate's and shared
    /// (`docs/tenants.md` has both lists, and what to do).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::{Cleared, Purpose, Realm};
    ///
    /// // A ticket of one tenant's page is worth nothing at another's form.
    /// let other = gate.in_realm(&Realm::new("tenant-8")?);
    /// let answer = other.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// assert!(matches!(answer, Cleared::Refused(_)));
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self { inner: Arc::clone(&self.inner), realm: self.inner.realm(realm) }
    }

    /// The tenant that this gate is for.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, .. }| {
    /// assert_eq!(gate.realm().as_str(), "default");
    /// # Ok(())
    /// # });
    /// ```
    pub fn realm(&self) -> &Realm {
        self.realm.id()
    }

    /// What this deployment is called in its store, all realms together: for an operator's tool that works
    /// on the store itself. It follows from [`GateBuilder::partition`](crate::GateBuilder::partition) and the
    /// secret keys, and says nothing of either.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, .. }| {
    /// let tenant = gate.in_realm(&otpgate::Realm::new("tenant-8")?);
    /// assert_eq!(gate.deployment(), tenant.deployment());
    /// # Ok(())
    /// # });
    /// ```
    pub fn deployment(&self) -> Pseudonym {
        self.inner.partition
    }
}
