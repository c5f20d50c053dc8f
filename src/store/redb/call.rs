//! A call that may write, and its answer.

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::store::{Admission, Admitted, Redeemed, Redemption, Settlement};

/// A call that may write.
pub(super) enum Call {
    Admit(Admission),
    Settle(Settlement),
    Redeem(Redemption),
}

/// The answer to a call of the same kind.
pub(super) enum Answer {
    Admitted(Admitted),
    Settled,
    Redeemed(Redeemed),
}

impl Call {
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Admit(admission) => admission.now,
            Self::Settle(settlement) => settlement.now,
            Self::Redeem(redemption) => redemption.now,
        }
    }

    pub(super) fn realm(&self) -> Pseudonym {
        match self {
            Self::Admit(admission) => admission.realm,
            Self::Settle(settlement) => settlement.realm,
            Self::Redeem(redemption) => redemption.realm,
        }
    }
}
