//! Tests whose dependencies take longer to build than the crate itself.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout)]

mod combining;
#[cfg(feature = "testing")]
mod gate_model;
mod lanes;
mod recipient_differential;
mod recipient_spelling;
#[cfg(feature = "testing")]
mod store_model;
#[cfg(feature = "testing")]
mod text_forms;
mod token_browser;

/// The next word of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
