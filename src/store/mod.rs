//! The [`Store`] port: four atomic verbs behind which every counter, code and list is kept.
//!
//! # Contract
//!
//! A store is correct if it passes [`otpgate::testing::store`](crate::testing). In words:
//!
//! 1. **Each call is one atomic step.** No interleaving of two calls may show a state that no
//!    sequence of the two can produce. Reading, deciding in the application and writing back is not
//!    a correct implementation, however short the gap.
//! 2. **All or nothing.** [`admit`](Store::admit) checks everything first and then charges
//!    everything, or changes nothing but its observations and its journal entry.
//! 3. **Charge before compare.** [`redeem`](Store::redeem) counts the attempt, then compares, then
//!    consumes, within the one step.
//! 4. **Time is `now`, within a bound.** A call whose [`ClockCheck`] sets a bound, and whose `now` is
//!    further than that from the store's own clock, ahead or behind, changes nothing and fails as
//!    [`StoreErrorKind::Clock`]. Otherwise the backend's clock decides nothing. Its expiry is garbage
//!    collection, at least [`GRACE`] after the deadline that the call named. What is dated beyond the
//!    call's [horizon](ClockCheck::horizon), a wrong clock has written: a meter is [dated
//!    `now`](crate::limit::Meter::heal) and keeps what was charged, whatever becomes of the call; a
//!    challenge is unknown, a journal entry no news. What was spent stays spent.
//! 5. **A repeated [`RequestId`](crate::RequestId) changes nothing** and is answered as the first time, as far as the
//!    state still allows, until the call's `remember` time. A host whose acknowledgement was lost
//!    repeats the call.
//! 6. **Live state is never evicted.** A store that is full drops what is expired, then answers
//!    [`StoreErrorKind::Full`].
//! 7. **An error is not an answer.** When in doubt whether a call took effect, return
//!    [`StoreErrorKind::Indeterminate`]; the gate fails closed.
//!
//! Each message names its [`Home`]: whom it is about. A store in one piece ignores it; one that is spread
//! over several keeps together by it what belongs together, and says what of the above it bounds
//! instead of keeping.
//!
//! A store sees pseudonyms, digests and sealed bytes; never a number, an address or a code.

mod admission;
pub(crate) mod blank;
mod clock;
mod error;
mod home;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redb")]
mod redb;
mod redemption;
#[cfg(feature = "redis")]
pub mod redis;
mod settlement;
mod tally;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod telling;
#[cfg(any(feature = "memory", feature = "redb"))]
mod verbs;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

#[cfg(feature = "redb")]
pub use self::redb::{RedbSetupError, RedbStore, RedbStoreBuilder};
#[cfg(feature = "redis")]
pub use self::redis::{RedisOptions, RedisSetupError, RedisStore, Repartition};
pub use admission::{
    Admission, Admitted, ChallengeWrite, Charge, DocumentWrite, Exchange, Guard, Mark, News, Nonce,
    Observation,
};
pub use clock::{ClockApart, ClockCheck, DEFAULT_CLOCK_SKEW, SteadyClock};
pub use error::{StoreError, StoreErrorKind};
pub use home::Home;
#[cfg(feature = "memory")]
pub use memory::{MemoryStore, MemoryStoreBuilder};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use redemption::{Credit, Redeemed, Redemption, Verdict};
pub use settlement::{Refund, Settlement, VoidCode};
pub use tally::{ChallengeState, Document, MeterQuery, Reading, Tallies, TallyQuery};

/// How long a store keeps something beyond its deadline at least, against clocks that differ.
pub const GRACE: Duration = Duration::from_secs(60);

/// How much of a journal a store keeps at least and at most: entries younger than this.
pub const JOURNAL_LIFE: Duration = Duration::from_secs(120);

/// Where counters, codes, lists and the journal are kept. See the [module](self) for the contract.
///
/// No verb has a default: one built on others would not be atomic.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Admits a send (or any other charged act): checks everything, then charges everything.
    ///
    /// The checks come in this order, and the first that fails is the answer:
    /// an admission of the same identifier that was granted before → `Granted`;
    /// a guard or a document write whose version differs → `Stale`; a spent nonce → `NonceSpent`;
    /// a challenge that cannot be renewed → `ChallengeGone`; then **all** charges that are not
    /// waived → `Exhausted`, naming of those that fail the one with the longest wait (of equal
    /// waits the first).
    ///
    /// Observations are counted and the journal entry is appended whatever the answer, except on a
    /// repeated identifier.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is no answer. The call may or may not have taken effect; its kind
    /// says which.
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError>;

    /// Settles an admission after the hand-off: refunds it, voids its code, or only observes.
    ///
    /// Refunds and the void take effect only if an admission with this identifier was granted and
    /// is still remembered, and only once. Anything else changes nothing and is not an error.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is no answer. The caller treats the admission as spent.
    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError>;

    /// Redeems a code: charges the attempt, compares digests, consumes; all in one step.
    ///
    /// In this order: `charges` are checked → `Exhausted`, nothing changed. The challenge is looked
    /// up; if there is none, or it is consumed, locked or expired, `charges` are charged and the
    /// answer is `Unknown`, `Consumed`, `Locked` or `Expired`. Otherwise `subject_charges` are
    /// checked → `Exhausted`, nothing changed. (Observations and the journal entry are made whatever
    /// the answer, except on a repeated identifier.) Then `charges` and `subject_charges` are charged and
    /// one attempt is counted. If one of the digests equals, in constant time, the digest of a code
    /// that is not expired, the challenge is consumed, `reset` meters are reset, `credits` are
    /// given, `marks` are made → `Accepted`. Otherwise → `Mismatch`; when no attempts are left the
    /// challenge is locked.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is no answer. Never show it as a wrong code.
    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError>;

    /// Reads meters, challenges, documents and the journal; changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is no answer.
    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError>;

    /// What the store can check of its backend beyond calling it: version, rights, settings that
    /// would lose state. Changes nothing. [`Gate::ready`](crate::Gate::ready) asks it, then tries all
    /// four verbs itself, so the default has nothing to add.
    ///
    /// # Errors
    ///
    /// [`StoreError`], whose source says what to do.
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: Store + ?Sized> Store for $pointer<S> {
            async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
                (**self).admit(admission).await
            }

            async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
                (**self).settle(settlement).await
            }

            async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
                (**self).redeem(redemption).await
            }

            async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
                (**self).tally(query).await
            }

            async fn ready(&self) -> Result<(), StoreError> {
                (**self).ready().await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
