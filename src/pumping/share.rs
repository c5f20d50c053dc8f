use super::tuning::Tuning;

/// Verified sessions a day that the prior share weighs as much as.
const PRIOR_SESSIONS: f32 = 50.0;

/// Part of its prior share that a block may always have.
const NEWCOMER: f32 = 0.1;

/// The largest share of its country that the block at a place of a path may have: `own` and
/// `country` are the verified sessions a day of their baselines.
pub(super) fn largest_share(tuning: &Tuning, place: usize, own: f32, country: f32) -> f32 {
    let (prior, finer) = tuning.share_prior;
    let expected = (place..4).fold(prior, |share, _| share * finer);
    let share = (own + PRIOR_SESSIONS * expected) / (country + PRIOR_SESSIONS);
    // a range an operator has just opened may take a little at once
    let share = share.max(expected * NEWCOMER);
    (share * tuning.share_tolerance).min(0.9)
}
