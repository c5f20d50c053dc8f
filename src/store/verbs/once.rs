//! [`Once`]: a nonce, or an admission that was granted.

use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;

/// Until when a nonce or an admission is remembered, and in the lowest bit whether the admission is
/// settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Once(u64);

/// Nonces and admissions are named apart, so that neither can stand for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnceName {
    Nonce(Pseudonym),
    Admission(RequestId),
}

impl Once {
    pub(crate) fn until(deadline: Timestamp) -> Self {
        Self(deadline.as_millis().min(u64::MAX >> 1) << 1)
    }

    #[cfg(feature = "redb")]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[cfg(any(feature = "redb", feature = "testing", test))]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn is_live(self, now: Timestamp) -> bool {
        now < self.deadline()
    }

    pub(crate) const fn is_settled(self) -> bool {
        self.0 & 1 == 1
    }

    pub(crate) const fn settled(self) -> Self {
        Self(self.0 | 1)
    }

    pub(crate) const fn deadline(self) -> Timestamp {
        Timestamp::from_millis(self.0 >> 1)
    }
}
