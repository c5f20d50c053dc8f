//! The bets: what one session adds to the evidence of one node.
//!
//! At every node two e-processes run against one composite null: *either* the volume is explained by
//! the lagged verified baseline λ0, *or* people convert at p0 or better. With `φ0 = (1 − p0φ1)/(1 − p0)`
//!
//! ```text
//! d log E = ln φ0 per unverified session, ln φ1 per verified one, −(φ0 − 1)·λ0 dt
//! ```
//!
//! has `drift / E = μ(E[φ] − 1) − (φ0 − 1)λ0 ≤ 0` under either alternative: under good conversion
//! `E[φ] ≤ p0φ1 + (1 − p0)φ0 = 1`; under ordinary volume `E[φ] ≤ φ0` and `μ ≤ λ0`. So E is a
//! supermartingale whatever the dependence between sessions, and its reflected (CUSUM) form is
//! dominated by a Shiryaev–Roberts e-detector: mean sends between false alarms ≥ `e^h`.
//!
//! A session that is still open contributes the projection `ln(φ1π + φ0(1 − π))` with
//! `π = p0(1 − F(age)) / (1 − p0 F(age))`, which stays valid as long as `F` is slower than people are.

use super::level::{BlockLevel, LEVELS};
use super::tuning::Tuning;

/// Ages, in milliseconds, at which an open session's evidence is updated. The last one settles it.
pub(super) const STAGES: [u64; 4] = [10_000, 20_000, 40_000, 90_000];

/// Reference latency at the first three ages: log-normal, median 20 s, σ 0.9. Measured people have a
/// median of 13.5 s, so this is slower than they are, as the proof needs.
const SLOW_CDF: [f32; 3] = [0.2206, 0.5, 0.7794];

const QUANTA: usize = 28;

/// A null conversion, quantised to a hundredth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct NullIndex(pub u8);

/// One level's increments at one null conversion.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bet {
    /// Cumulated evidence of an open session at each stage; the last is `ln φ0`.
    pub(super) open: [f32; 4],
    /// `ln φ1`: negative.
    pub(super) verified: f32,
    /// `φ0 − 1`: the leak per tolerated send.
    pub(super) leak: f32,
}

/// What of one level's traffic needs no explanation: see [`Tuning`]'s tables of the same names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ordinary {
    pub(super) floor: f32,
    pub(super) tolerance: f32,
    pub(super) inherit: f32,
}

/// All increments, tabulated once so that a request computes no logarithm.
#[derive(Clone, Debug)]
pub(super) struct Bets {
    ordinary: [Ordinary; LEVELS],
    table: Vec<[[Bet; 2]; LEVELS]>,
    low: f32,
}

impl Bets {
    /// Tabulates the increments of `tuning`.
    #[must_use]
    pub(super) fn new(tuning: &Tuning) -> Self {
        let low = tuning.null_range.0;
        let table = (0..QUANTA)
            .map(|q| {
                let p0 = (low + q as f32 / 100.0).min(0.95);
                std::array::from_fn(|level| {
                    let (a, b) = tuning.bets.get(level).copied().unwrap_or((0.5, 0.65));
                    [bet(p0, a), bet(p0, b)]
                })
            })
            .collect();
        let ordinary = std::array::from_fn(|level| {
            let of = |table: &[f32; LEVELS]| table.get(level).copied().unwrap_or_default();
            Ordinary {
                floor: of(&tuning.floor),
                tolerance: of(&tuning.tolerance),
                inherit: of(&tuning.inherit),
            }
        });
        Self { ordinary, table, low }
    }

    /// The nearest tabulated null at or below `p0`.
    #[must_use]
    pub(super) fn quantise(&self, p0: f32) -> NullIndex {
        let steps = ((p0 - self.low) * 100.0 + 0.001).clamp(0.0, (QUANTA - 1) as f32);
        NullIndex(steps as u8)
    }

    /// The ordinary traffic of `level`.
    #[must_use]
    pub(super) fn ordinary(&self, level: BlockLevel) -> Ordinary {
        self.ordinary.get(level.index()).copied().unwrap_or_default()
    }

    /// Both bets of `level`.
    #[must_use]
    pub(super) fn at(&self, null: NullIndex, level: BlockLevel) -> [Bet; 2] {
        self.table
            .get(usize::from(null.0))
            .and_then(|row| row.get(level.index()))
            .copied()
            .unwrap_or_default()
    }
}

fn bet(p0: f32, phi1: f32) -> Bet {
    let phi0 = (1.0 - p0 * phi1) / (1.0 - p0);
    let mut open = [phi0.ln(); 4];
    for (slot, f) in open.iter_mut().zip(SLOW_CDF) {
        let still = p0 * (1.0 - f) / (1.0 - p0 * f);
        *slot = (phi1 * still + phi0 * (1.0 - still)).ln();
    }
    Bet { open, verified: phi1.ln(), leak: phi0 - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_session_multiplies_by_one() {
        let bets = Bets::new(&Tuning::default());
        for q in 0..QUANTA {
            let null = NullIndex(q as u8);
            let p0 = 0.35 + q as f32 / 100.0;
            for level in 0..LEVELS {
                for bet in bets.at(null, BlockLevel::from_index(level).unwrap()) {
                    let fair = p0 * bet.verified.exp() + (1.0 - p0) * bet.open[3].exp();
                    assert!((fair - 1.0).abs() < 1e-4, "{q} {level} {fair}");
                    assert!(bet.open.windows(2).all(|w| w[0] < w[1]));
                }
            }
        }
    }

    #[test]
    fn quantising_never_raises_the_null() {
        let bets = Bets::new(&Tuning::default());
        for p in 0..100 {
            let p0 = 0.35 + p as f32 * 0.0027;
            assert!(0.35 + f32::from(bets.quantise(p0).0) / 100.0 <= p0 + 1e-4);
        }
    }
}
