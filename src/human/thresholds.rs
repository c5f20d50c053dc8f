//! The lowest score that passes, by purpose.

use super::AdapterError;

/// Where Google tells sites to begin: "By default, you can use a threshold of 0.5".
const DEFAULT: f64 = 0.5;

/// The lowest scores that pass.
#[derive(Clone, Debug)]
pub(super) struct Thresholds {
    default: f64,
    own: Vec<(String, f64)>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { default: DEFAULT, own: Vec::new() }
    }
}

impl Thresholds {
    pub(super) fn min(mut self, score: f64) -> Self {
        self.default = score;
        self
    }

    pub(super) fn min_for(mut self, purpose: String, score: f64) -> Self {
        self.own.push((purpose, score));
        self
    }

    pub(super) fn of(&self, purpose: &str) -> f64 {
        let own = self.own.iter().rev().find(|(name, _)| name == purpose);
        own.map_or(self.default, |(_, score)| *score)
    }

    pub(super) fn check(&self, provider: &'static str) -> Result<(), AdapterError> {
        let right = |score: &f64| *score > 0.0 && *score <= 1.0;
        let own = self.own.iter().map(|(_, score)| score);
        match own.chain([&self.default]).all(right) {
            true => Ok(()),
            false => Err(AdapterError::new(
                provider,
                "the lowest score that passes is above 0, which passes scripts, and at most 1",
            )),
        }
    }
}
