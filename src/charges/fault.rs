//! The meters that hold what a provider reported about a number.

use crate::base::id::Pseudonym;
use crate::limit::{Limit, MeterKey};
use crate::policy::ReceiptPolicy;
use crate::realm::slot;
use crate::store::Charge;
use crate::transport::NumberFault;

/// More than any memory of a fault, so that a refund takes all of it.
pub(crate) const ALL: u64 = 1 << 50;

/// The charge by which a send asks whether a fault of its number is remembered.
pub(crate) const FREE: Limit = Limit::Spacing { interval_ms: 1, burst: 1 };

/// Until when a fault of the number is remembered.
pub(crate) fn deadline(number: Pseudonym) -> MeterKey {
    MeterKey::new(number, slot::FAULT)
}

/// The meters that say what is remembered of a number; an accepted code proves them wrong.
pub(crate) fn all_of(number: Pseudonym) -> impl Iterator<Item = MeterKey> {
    let kinds = ReceiptPolicy::FAULTS.iter().map(move |fault| kind(number, *fault, 0, 0).key);
    kinds.chain([deadline(number)])
}

/// A charge that always fits, on the meter that counts one kind of fault for `span_ms` after the last.
pub(crate) fn kind(number: Pseudonym, fault: NumberFault, span_ms: u64, cost: u64) -> Charge {
    let limit = Limit::Failures {
        max: ALL,
        pause_after: ALL,
        pause_ms: 0,
        longest_ms: 0,
        forget_ms: span_ms,
    };
    Charge::new(MeterKey::new(number, slot::fault(fault)), limit, cost)
}
