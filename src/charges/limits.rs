//! The same limit, only asked or without a bound.

use crate::limit::Limit;

/// The limit and cost of a charge that changes nothing and fits exactly when one of `cost` fits
/// `limit`.
pub(super) fn checked(limit: Limit, cost: u64) -> (Limit, u64) {
    let less = |max: u64| max.checked_sub(cost);
    let left = match limit {
        Limit::Window { max, span_ms } => less(max).map(|max| Limit::Window { max, span_ms }),
        Limit::Budget { max, span_ms } => less(max).map(|max| Limit::Budget { max, span_ms }),
        // A bucket of none counts as one of one, which is full from the first message on.
        Limit::Unverified { max, drain_ms } => {
            Some(Limit::Unverified { max: less(max).unwrap_or(max).max(1), drain_ms })
        }
        other => Some(other),
    };
    left.map_or((Limit::SHUT, 1), |limit| (limit, 0))
}

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
