//! What a random call charges, observes and tells.

use super::{OBSERVED_SPAN, Script};
use crate::limit::{Limit, MeterKey};
use crate::store::{Charge, Observation};
use crate::testing::prng::Prng;
use crate::testing::store::bench::charge;

impl Script {
    pub(super) fn charges(&self, prng: &mut Prng, most: u64) -> Vec<Charge> {
        let number = prng.below(most);
        let mut charges = Vec::new();
        for _ in 0..number {
            if let Some((key, limit)) = prng.pick(&self.meters).copied() {
                let mut one = charge(key, limit, prng.below(3).saturating_add(1));
                if prng.chance(30) {
                    one.waiver = prng.pick(&self.marks).copied();
                }
                charges.push(one);
            }
        }
        charges
    }

    pub(super) fn observations(&self, prng: &mut Prng) -> Vec<Observation> {
        let wanted = self.observed.iter().filter(|_| prng.chance(30));
        let keys: Vec<MeterKey> = wanted.copied().collect();
        keys.into_iter()
            .map(|key| Observation {
                key,
                span_ms: OBSERVED_SPAN,
                units: prng.below(4).saturating_add(1),
            })
            .collect()
    }

    pub(super) fn some_meters<'a>(
        &'a self,
        prng: &'a mut Prng,
        percent: u64,
    ) -> impl Iterator<Item = (MeterKey, Limit)> + 'a {
        self.meters.iter().copied().filter(move |_| prng.chance(percent))
    }

    pub(super) fn exchange(&self, prng: &mut Prng) -> Option<Vec<u8>> {
        let length = prng.index(4);
        // An entry that was dated ahead may be gone, or there for who does not check.
        (prng.chance(20) && self.led.is_none())
            .then(|| prng.bytes::<4>().into_iter().take(length).collect())
    }
}
