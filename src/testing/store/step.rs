//! [`Step`]: one call of a random history.

use std::fmt;

use crate::testing::prng::Prng;

/// One call of a history, small enough to be drawn from a number and shrunk by leaving it out.
#[derive(Clone)]
pub struct Step(pub(super) Call);

#[derive(Clone, Debug)]
pub(super) enum Call {
    Wait(u64),
    StepBack(u64),
    Admit(u64),
    RepeatAdmission,
    Settle(u64),
    Redeem(u64),
    RepeatRedemption,
    /// The clock that has led since the history began is set right, once.
    SetRight(u64),
}

impl Step {
    /// The step that `seed` stands for. Every number stands for one.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        Self(match prng.below(21) {
            0..=2 => Call::Wait(prng.below(20_000)),
            3 => Call::Wait(prng.below(7_200_000)),
            4 => Call::StepBack(prng.below(5_000)),
            5..=11 => Call::Admit(prng.word()),
            12 => Call::RepeatAdmission,
            13..=14 => Call::Settle(prng.word()),
            15..=18 => Call::Redeem(prng.word()),
            19 => Call::RepeatRedemption,
            _ => Call::SetRight(prng.below(60_000)),
        })
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
