//! Against fake converters: a block's share of its country.
//!
//! Someone who enters the codes he pumps looks like good traffic to the conversion test. What he
//! cannot hide is that his block suddenly is a large part of its country. The null says: the block's
//! share of new sessions is at most three times its lagged, shrunk share q. Each new session in the
//! block adds ln 2, each session of the country takes ln(1 + q), so launches and seasons cancel.

use super::detector::Detector;
use super::session::PATH;
use super::table::{NONE, Slot};

/// Verified sessions a day that the prior share weighs as much as.
const PRIOR_SESSIONS: f32 = 50.0;

/// Part of its prior share that a block may always have.
const NEWCOMER: f32 = 0.1;

impl Detector {
    /// The largest share each block of a path may have of its country.
    pub(super) fn share_of(&self, path: &[Slot; PATH]) -> [f32; 5] {
        let (prior, finer) = self.tuning.share_prior;
        let country = path.get(5).copied().unwrap_or(NONE);
        let total = self.table.at(country).map_or(0.0, |node| node.daily());
        let mut expected = prior;
        let mut out = [0.0; 5];
        for place in (0..5_usize).rev() {
            let slot = path.get(place).copied().unwrap_or(NONE);
            let own = self.table.at(slot).map_or(0.0, |node| node.daily());
            let share = (own + PRIOR_SESSIONS * expected) / (total + PRIOR_SESSIONS);
            if let Some(o) = out.get_mut(place) {
                // a range an operator has just opened may take a little at once
                let share = share.max(expected * NEWCOMER);
                *o = (share * self.tuning.share_tolerance).min(0.9);
            }
            expected *= finer;
        }
        out
    }
}
