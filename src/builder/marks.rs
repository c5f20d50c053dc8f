//! What the detector may be told: every comparison with what is no number is false, so that one such
//! constant would switch a rule off without a word, or make the saved memory unreadable.

use std::fmt::Debug;

use crate::error::ConfigError;
use crate::pumping::{Costs, Tuning};

/// The most sessions of which a node can count the open ones.
const MOST_SESSIONS: usize = 65_535;

pub(super) fn costs(costs: &Costs) -> Result<(), ConfigError> {
    let Costs { user_value, reference_daily, challenge_cost, .. } = *costs;
    for (field, value) in [
        ("costs.user_value", user_value),
        ("costs.reference_daily", reference_daily),
        ("costs.challenge_cost", challenge_cost),
    ] {
        rule(field, value, value.is_finite() && value >= 0.0, "a number, 0 or more")?;
    }
    Ok(())
}

/// The constants of the detector, kind by kind.
pub(super) fn tuning(tuning: &Tuning) -> Result<(), ConfigError> {
    marks(tuning)?;
    factors(tuning)?;
    pairs(tuning)?;
    of_levels(tuning)?;
    let sessions = tuning.max_sessions;
    rule("tuning.max_sessions", sessions, sessions <= MOST_SESSIONS, "65535 at most")
}

/// Where something begins: infinite where it never does.
fn marks(tuning: &Tuning) -> Result<(), ConfigError> {
    let Tuning { ask_at, refuse_at, refuse_in_context, proved_at, home_at, .. } = *tuning;
    let Tuning { ask_together, ask_hysteresis, half_open_gap, share_at, .. } = *tuning;
    let Tuning { young_refuse_at, number_failures, block_harm, quiet_harm, .. } = *tuning;
    let Tuning { outage_samples, silence_gaps, share_hold, .. } = *tuning;
    for (field, value) in [
        ("tuning.ask_at", ask_at),
        ("tuning.refuse_at", refuse_at),
        ("tuning.refuse_in_context", refuse_in_context),
        ("tuning.proved_at", proved_at),
        ("tuning.home_at", home_at),
        ("tuning.ask_together", ask_together),
        ("tuning.ask_hysteresis", ask_hysteresis),
        ("tuning.half_open_gap", half_open_gap),
        ("tuning.share_at", share_at),
        ("tuning.young_refuse_at", young_refuse_at),
        ("tuning.number_failures", number_failures),
        ("tuning.block_harm", block_harm),
        ("tuning.quiet_harm", quiet_harm),
        ("tuning.outage_samples", outage_samples),
        ("tuning.silence_gaps", silence_gaps),
        ("tuning.share_hold", share_hold),
    ] {
        rule(field, value, value >= 0.0, "0 or more")?;
    }
    Ok(())
}

/// What is multiplied with, divided by, or a share of something.
fn factors(tuning: &Tuning) -> Result<(), ConfigError> {
    let Tuning { prior_conversion, prior_weight, null_share, honest_failure, .. } = *tuning;
    let Tuning { pass_factor, share_tolerance, share_far, share_prior, .. } = *tuning;
    let Tuning { share_credit, share_home, asked_half_life, pass_up, failing_share, .. } = *tuning;
    let Tuning { undelivered_weight, unsent_weight, outage_floor, .. } = *tuning;
    for (field, value) in [
        ("tuning.prior_weight", prior_weight),
        ("tuning.share_tolerance", share_tolerance),
        ("tuning.share_far", share_far),
        ("tuning.asked_half_life", asked_half_life),
    ] {
        rule(field, value, value.is_finite() && value > 0.0, "a number above 0")?;
    }
    for (field, value) in [
        ("tuning.prior_conversion", prior_conversion),
        ("tuning.honest_failure", honest_failure),
        ("tuning.share_prior", share_prior.0),
        ("tuning.share_prior", share_prior.1),
    ] {
        rule(field, value, value > 0.0 && value < 1.0, "between 0 and 1, and neither")?;
    }
    for (field, value) in [
        ("tuning.null_share", null_share),
        ("tuning.pass_factor", pass_factor),
        ("tuning.share_credit", share_credit),
        ("tuning.share_home", share_home),
    ] {
        rule(field, value, value > 0.0 && value <= 1.0, "above 0, and 1 at most")?;
    }
    for (field, value) in [
        ("tuning.pass_up", pass_up),
        ("tuning.failing_share", failing_share),
        ("tuning.undelivered_weight", undelivered_weight),
        ("tuning.unsent_weight", unsent_weight),
        ("tuning.outage_floor", outage_floor),
    ] {
        rule(field, value, (0.0..=1.0).contains(&value), "0 to 1")?;
    }
    Ok(())
}

/// What goes from one value to another.
fn pairs(tuning: &Tuning) -> Result<(), ConfigError> {
    let Tuning { null_range, asked_range, block_range, young_block, silence_range, .. } = *tuning;
    let Tuning { number_limits, number_limits_in_context, known_age, place_age, .. } = *tuning;
    let outage = (tuning.outage_none, tuning.outage_full);
    // False for what is no number.
    let ordered = |(low, high): (f32, f32)| low <= high;
    let from_low = "from low to high";
    for (field, range, holds, says) in [
        (
            "tuning.null_range",
            null_range,
            ordered(null_range) && null_range.0 > 0.0 && null_range.1 < 1.0,
            "from low to high, between 0 and 1",
        ),
        (
            "tuning.asked_range",
            asked_range,
            ordered(asked_range) && asked_range.0.is_finite() && asked_range.1.is_finite(),
            "from low to high, and no infinite credit or debt",
        ),
        ("tuning.block_range", block_range, ordered(block_range), from_low),
        (
            "tuning.young_block",
            young_block,
            block_range.0 <= young_block.0 && ordered(young_block),
            "from low to high, and no shorter than block_range begins",
        ),
        (
            "tuning.silence_range",
            silence_range,
            ordered(silence_range) && silence_range.0 <= Tuning::INHABITED_SILENCE,
            "from low to high, and from 500 s at most",
        ),
        ("tuning.number_limits", number_limits, ordered(number_limits), from_low),
        (
            "tuning.number_limits_in_context",
            number_limits_in_context,
            ordered(number_limits_in_context),
            from_low,
        ),
        ("tuning.known_age", known_age, ordered(known_age), from_low),
        ("tuning.place_age", place_age, ordered(place_age), from_low),
        (
            "tuning.outage_none",
            outage,
            outage.0 >= 0.0 && outage.0 < outage.1,
            "0 or more, and below outage_full",
        ),
    ] {
        rule(field, range, holds, says)?;
    }
    let stages = tuning.asked_stages;
    let rise = stages.is_sorted() && stages.iter().all(|stage| stage.is_finite() && *stage > 0.0);
    rule("tuning.asked_stages", stages, rise, "seconds above 0, each no less than the one before")
}

/// What each level has of its own.
fn of_levels(tuning: &Tuning) -> Result<(), ConfigError> {
    let bets = &tuning.bets;
    let wagers = bets.iter().flat_map(|(bold, mild)| [bold, mild]);
    let fair = wagers.into_iter().all(|bet| *bet > 0.0 && *bet < 1.0);
    rule("tuning.bets", bets, fair, "between 0 and 1, and neither")?;
    for (field, values) in [
        ("tuning.floor", &tuning.floor),
        ("tuning.tolerance", &tuning.tolerance),
        ("tuning.inherit", &tuning.inherit),
        ("tuning.window", &tuning.window),
        ("tuning.asked_window", &tuning.asked_window),
    ] {
        let held = values.iter().all(|value| value.is_finite() && *value >= 0.0);
        rule(field, values, held, "numbers, 0 or more")?;
    }
    Ok(())
}

fn rule(
    field: &'static str,
    value: impl Debug,
    holds: bool,
    says: &'static str,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::rule(field, format!("{value:?}"), says)) }
}
