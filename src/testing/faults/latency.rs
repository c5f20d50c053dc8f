//! [`Latency`]: a store that takes its time.

use std::future::Future;

use crate::store::StoreError;
use crate::testing::prng::Shared;
use crate::testing::schedule::pauses;

use super::{Verb, wrap};

/// Gives way a random number of times before and after each call.
///
/// It yields instead of sleeping: see [`pause`](crate::testing::pause). What it cannot do is come
/// *between* the inner store's own awaits; a backend on a network does that by itself, and a store
/// written to be wrong calls [`pause`](crate::testing::pause) there.
#[derive(Debug)]
pub struct Latency<S> {
    inner: S,
    prng: Shared,
    longest: u32,
}

impl<S> Latency<S> {
    /// Up to `longest` pauses before and as many after each call of `inner`, drawn from `seed`.
    #[must_use]
    pub fn new(inner: S, longest: u32, seed: u64) -> Self {
        Self { inner, prng: Shared::new(seed), longest }
    }

    async fn around<T>(
        &self,
        _: Verb,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        pauses(self.draw()).await;
        let answer = call.await;
        pauses(self.draw()).await;
        answer
    }

    fn draw(&self) -> u32 {
        let bound = u64::from(self.longest).saturating_add(1);
        u32::try_from(self.prng.draw(|prng| prng.below(bound))).unwrap_or(0)
    }
}

wrap!(Latency);
