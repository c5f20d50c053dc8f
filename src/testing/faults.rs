//! Stores that go wrong on purpose: each wraps a store and is one, so they stack.
//!
//! | wrapper | what a backend does that way |
//! |---|---|
//! | [`Latency`] | takes its time, so that others come in between |
//! | [`FailNth`] | refuses a call: not connected, pool empty, full |
//! | [`LoseAck`] | takes a call and loses the answer |
//! | [`Rewind`] | is asked by a gate whose clock was set back |
//! | [`Rollback`], [`StaleRead`] | fails over to a replica that lags |
//! | [`Counting`] | nothing; proves how many round trips a call of the gate takes |
//!
//! ```
//! use otpgate::testing::{LoseAck, ModelStore, Verb, block_on};
//! use otpgate::store::{Admission, Admitted, StoreErrorKind};
//! use otpgate::{Pseudonym, RequestId, Store, Timestamp};
//!
//! let store = LoseAck::nth(ModelStore::new(), Verb::Admit, 1);
//! let now = Timestamp::from_millis(1_000);
//! let later = Timestamp::from_millis(61_000);
//! let admission =
//!     Admission::new(RequestId::from_bytes([1; 16]), now, Pseudonym::from_bytes([2; 16]), later);
//!
//! let lost = block_on(store.admit(&admission)).unwrap_err();
//! assert_eq!(lost.kind(), StoreErrorKind::Indeterminate);
//! let repeated = block_on(store.admit(&admission)).unwrap();
//! assert!(matches!(repeated, Admitted::Granted { .. }));
//! ```

mod counting;
mod failure;
mod lag;
mod latency;
mod rewind;

pub use counting::{Calls, Counting};
pub use failure::{FailNth, LoseAck};
pub use lag::{Rollback, StaleRead};
pub use latency::Latency;
pub use rewind::Rewind;

/// One of the four verbs of [`Store`](crate::Store).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verb {
    /// [`Store::admit`](crate::Store::admit).
    Admit,
    /// [`Store::settle`](crate::Store::settle).
    Settle,
    /// [`Store::redeem`](crate::Store::redeem).
    Redeem,
    /// [`Store::tally`](crate::Store::tally).
    Tally,
}

impl Verb {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Admit, Self::Settle, Self::Redeem, Self::Tally];
}

/// Implements [`Store`](crate::Store) for a wrapper `$wrapper<S>` by its method
/// `around(verb, call)`, where `call` makes the inner call.
macro_rules! wrap {
    ($wrapper:ident) => {
        #[async_trait::async_trait]
        impl<S: $crate::Store> $crate::Store for $wrapper<S> {
            async fn admit(
                &self,
                admission: &$crate::store::Admission,
            ) -> Result<$crate::store::Admitted, $crate::store::StoreError> {
                self.around($crate::testing::Verb::Admit, self.inner.admit(admission)).await
            }

            async fn settle(
                &self,
                settlement: &$crate::store::Settlement,
            ) -> Result<(), $crate::store::StoreError> {
                self.around($crate::testing::Verb::Settle, self.inner.settle(settlement)).await
            }

            async fn redeem(
                &self,
                redemption: &$crate::store::Redemption,
            ) -> Result<$crate::store::Redeemed, $crate::store::StoreError> {
                self.around($crate::testing::Verb::Redeem, self.inner.redeem(redemption)).await
            }

            async fn tally(
                &self,
                query: &$crate::store::TallyQuery,
            ) -> Result<$crate::store::Tallies, $crate::store::StoreError> {
                self.around($crate::testing::Verb::Tally, self.inner.tally(query)).await
            }
        }
    };
}
pub(crate) use wrap;
