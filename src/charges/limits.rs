//! The same limit without a bound.

use crate::limit::Limit;

/// `limit` without a bound; it goes on counting in the same state.
pub(super) fn unlimited(limit: Limit) -> Limit {
    const MOST: u64 = u64::MAX >> 11;
    match limit {
        Limit::Spacing { interval_ms, .. } => {
            Limit::Spacing { interval_ms, burst: MOST.checked_div(interval_ms).unwrap_or(MOST) }
        }
        Limit::Ladder { forget_ms, .. } => Limit::Ladder { first_ms: 0, longest_ms: 0, forget_ms },
        Limit::Window { span_ms, .. } => Limit::Window { max: MOST, span_ms },
        Limit::Budget { span_ms, .. } => Limit::Budget { max: MOST, span_ms },
        Limit::Unverified { drain_ms, .. } => {
            Limit::Unverified { max: MOST.checked_div(drain_ms).unwrap_or(MOST), drain_ms }
        }
        Limit::Failures { forget_ms, .. } => {
            Limit::Failures { max: MOST, pause_after: MOST, pause_ms: 0, longest_ms: 0, forget_ms }
        }
    }
}
