//! The meters that hold what a provider reported about a number, and what its owner asked for.

use crate::base::id::Pseudonym;
use crate::limit::{Limit, MeterKey, Slot};
use crate::policy::ReceiptPolicy;
use crate::realm::slot;
use crate::store::Charge;
use crate::transport::NumberFault;

/// More than any memory of a fault, so that a refund takes all of it.
pub(crate) const ALL: u64 = 1 << 50;

/// The charge by which a send asks whether a deadline of its number has passed.
pub(crate) const FREE: Limit = Limit::Spacing { interval_ms: 1, burst: 1 };

/// The slots of the deadlines until which `fault` of a number is remembered. An opt-out has its own
/// beside the common one, because no code ends it.
pub(crate) const fn deadlines(fault: NumberFault) -> &'static [Slot] {
    match fault {
        NumberFault::OptedOut => &[slot::FAULT, slot::OPTED_OUT],
        _ => &[slot::FAULT],
    }
}

/// The meters that an accepted code proves wrong: texts reach the number, whatever a provider said. That
/// its owner wants none is not among them.
pub(crate) fn disproved(number: Pseudonym) -> impl Iterator<Item = MeterKey> {
    let faults = ReceiptPolicy::FAULTS.iter().filter(|fault| **fault != NumberFault::OptedOut);
    let kinds = faults.map(move |fault| kind(number, *fault, 0, 0).key);
    kinds.chain([MeterKey::new(number, slot::FAULT)])
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
