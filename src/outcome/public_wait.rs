//! The wait that a refused client is told: not the one of the limit, which would name it.

use std::time::Duration;

use crate::base::entropy::{Entropy, EntropyError, random};

use super::{PublicRefusalKind, Refusal, RefusalReason};

impl Refusal {
    /// A refusal for `reason`, with noise on what the client is told of `retry_after`.
    pub(crate) fn new(
        reason: RefusalReason,
        retry_after: Option<Duration>,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let [noise]: [u8; 1] = random(entropy)?;
        // A block has no end to name; without one it would look unlike a limit.
        let later = reason.public_kind() == PublicRefusalKind::TryLater;
        let shown = retry_after.or(later.then_some(NO_END));
        let public_retry = shown.map(|wait| blur(wait, noise));
        Ok(Self { reason, cause: None, retry_after, public_retry })
    }
}

/// The wait shown for what does not end by itself: that of a send which the detector holds back.
const NO_END: Duration = Duration::from_secs(60);

/// A wait for the public: never too short, whole seconds, in steps so coarse and with so much noise
/// that it does not name the limit behind it.
fn blur(wait: Duration, noise: u8) -> Duration {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    let step = match seconds {
        0..=60 => 5,
        61..=600 => 30,
        _ => 300,
    };
    let noisy = seconds.saturating_add(seconds.saturating_mul(u64::from(noise)) / 2_560);
    Duration::from_secs(noisy.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_wait_is_never_too_short_and_at_most_a_step_and_a_tenth_too_long() {
        for millis in [0, 1, 999, 1_000, 29_999, 61_000, 599_000, 3_600_000, 86_400_000] {
            for noise in [0, 1, 128, 255] {
                let wait = Duration::from_millis(millis);
                let public = blur(wait, noise);
                assert!(public >= wait);
                assert!(public <= wait + wait / 10 + Duration::from_secs(301));
                assert_eq!(public.as_secs() % 5, 0);
            }
        }
    }

    /// Rounding alone would show every client of one limit the same wait.
    #[test]
    fn the_noise_moves_the_public_wait_over_a_step() {
        for seconds in [30, 60, 600, 3_600, 86_400] {
            let wait = Duration::from_secs(seconds);
            assert!(blur(wait, 255) > blur(wait, 0), "{seconds} s");
        }
    }
}
