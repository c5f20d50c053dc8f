//! [`Terms`]: what the detector reckons with.

use super::costs::Costs;
use super::evidence::Bets;
use super::tuning::Tuning;

/// Constants, costs and the bets tabulated from them. All owners share one; nothing changes it.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) tuning: Tuning,
    pub(super) costs: Costs,
    pub(super) bets: Bets,
}

impl Terms {
    pub(super) fn new(tuning: Tuning, costs: Costs) -> Self {
        Self { bets: Bets::new(&tuning), tuning, costs }
    }
}
