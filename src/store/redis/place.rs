//! [`Place`]: where a call goes, and what of it the partition there keeps a share of.

use crate::base::id::Pseudonym;
use crate::limit::Limit;
use crate::store::Home;

use super::tag::{HashTag, slot};

/// How many slots a cluster has.
const SLOTS: u64 = 1 << 14;

/// A partition, as one call sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// What the keys' hash tag is made of.
    pub(super) tag: Pseudonym,
    home: Home,
    part: u64,
    parts: u64,
}

impl Place {
    /// The one place where everything is.
    pub(super) fn whole(tag: Pseudonym) -> Self {
        Self { tag, home: Home::NOBODY, part: 0, parts: 1 }
    }

    /// Partition `part` of `parts`, for a call of `home`.
    pub(super) fn part(tag: Pseudonym, home: Home, part: u64, parts: u64) -> Self {
        Self { tag, home, part, parts }
    }

    /// Whether it is one of several partitions.
    pub(super) fn is_part(&self) -> bool {
        self.parts > 1
    }

    /// Whether the partition keeps but a share of what `subject` is charged.
    pub(super) fn is_common(&self, subject: Pseudonym) -> bool {
        self.parts > 1 && !self.home.owns(subject)
    }

    /// What of `limit` on `subject` this partition grants without asking: a part of a window's units, or
    /// of a bucket's depth and of its drain. Over all partitions it is `limit`, to the unit: whoever
    /// gets one of those that are left over by the division, the subject's name decides.
    pub(super) fn share(&self, subject: Pseudonym, limit: &Limit) -> Limit {
        if !self.is_common(subject) {
            return *limit;
        }
        let units = |max: u64| {
            let (each, left) = divided(max, self.parts);
            let (_, turned) = divided(spread_of(subject), self.parts);
            let (_, rank) = divided(self.part.saturating_add(turned), self.parts);
            each.saturating_add(u64::from(rank < left))
        };
        let slower = |drain_ms: u64| drain_ms.max(1).saturating_mul(self.parts);
        match *limit {
            Limit::Window { max, span_ms } => Limit::Window { max: units(max), span_ms },
            Limit::Budget { max, span_ms } => Limit::Budget { max: units(max), span_ms },
            Limit::Spacing { interval_ms, burst } => {
                Limit::Spacing { interval_ms: slower(interval_ms), burst: units(burst) }
            }
            Limit::Unverified { max, drain_ms } => {
                Limit::Unverified { max: units(max), drain_ms: slower(drain_ms) }
            }
            // Refused before it comes here: it cannot be split.
            Limit::Ladder { .. } | Limit::Failures { .. } => *limit,
        }
    }

    /// What is told of a common meter whose share counts `count` after a charge of `cost`. Shares fill
    /// evenly, so the whole is about as many times as much; of the costs by which that moves at
    /// once, each partition tells another one, so that whoever counts in steps of one cost sees each.
    pub(super) fn estimate(&self, count: u64, cost: u64) -> u64 {
        let behind = self.parts.saturating_sub(1).saturating_sub(self.part).saturating_mul(cost);
        count.saturating_mul(self.parts).saturating_sub(behind)
    }

    /// By how many costs an estimate moves, for whoever looks for a mark that it passes: the last
    /// partition looks for all.
    pub(super) fn step(&self) -> u64 {
        if self.part.saturating_add(1) == self.parts { self.parts } else { 0 }
    }
}

/// The partitions of a deployment.
#[derive(Debug)]
pub(super) struct Layout {
    /// What belongs to no home: documents and the journal.
    pub(super) hub: Pseudonym,
    pub(super) tags: Vec<Pseudonym>,
}

impl Layout {
    /// The places of `realm` in `parts` partitions. Their slots lie evenly among all, so that a cluster
    /// whose primaries share the slots evenly has as many on each.
    pub(super) fn new(realm: Pseudonym, parts: u64) -> Self {
        let (width, _) = divided(SLOTS, parts);
        let tag = |part: u64, from: u64, to: u64| {
            // One in a few lies there.
            let tags = (0..=u16::MAX).map(|draw| named(realm, parts, part, draw));
            let mut inside = tags.filter(|tag| {
                let slot = u64::from(slot(HashTag::of(*tag).inner()));
                from <= slot && slot < to
            });
            inside.next().unwrap_or_else(|| named(realm, parts, part, 0))
        };
        let tags = (0..parts)
            .map(|part| {
                let (from, _) = divided(part.saturating_mul(SLOTS), parts);
                let (near, far) = (width / 4, width.saturating_mul(3) / 4);
                tag(part, from.saturating_add(near), from.saturating_add(far.max(1)))
            })
            .collect();
        Self { hub: tag(parts, 0, SLOTS), tags }
    }

    pub(super) fn parts(&self) -> u64 {
        u64::try_from(self.tags.len()).unwrap_or(u64::MAX)
    }

    /// Which partition keeps what is called `name`.
    pub(super) fn part_of(&self, name: Pseudonym) -> usize {
        let part = spread_of(name).checked_rem(self.parts()).unwrap_or(0);
        usize::try_from(part).unwrap_or(0)
    }

    pub(super) fn tag(&self, part: usize) -> Pseudonym {
        self.tags.get(part).copied().unwrap_or(self.hub)
    }

    /// The hub, as a place that splits nothing.
    pub(super) fn hub(&self) -> Place {
        Place::whole(self.hub)
    }

    pub(super) fn place(&self, part: usize, home: Home) -> Place {
        let index = u64::try_from(part).unwrap_or(u64::MAX);
        Place::part(self.tag(part), home, index, self.parts())
    }
}

/// What each of `parts` gets, and what is left over.
fn divided(whole: u64, parts: u64) -> (u64, u64) {
    let parts = parts.max(1);
    (whole.checked_div(parts).unwrap_or(0), whole.checked_rem(parts).unwrap_or(0))
}

/// A pseudonym is its own hash.
fn spread_of(name: Pseudonym) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *name.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A name that only this partition of this deployment has: realms are named at random.
fn named(realm: Pseudonym, parts: u64, part: u64, draw: u16) -> Pseudonym {
    let mut name = *realm.as_bytes();
    let [_, _, p0, p1] = u32::try_from(part).unwrap_or(u32::MAX).to_be_bytes();
    let [_, _, n0, n1] = u32::try_from(parts).unwrap_or(u32::MAX).to_be_bytes();
    let [d0, d1] = draw.to_be_bytes();
    for (byte, by) in name.iter_mut().zip([0x5a, n0, n1, p0, p1, d0, d1]) {
        *byte ^= by;
    }
    Pseudonym::from_bytes(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(byte: u8) -> Pseudonym {
        Pseudonym::from_bytes([byte; 16])
    }

    proptest! {
        #[test]
        fn shares_are_the_limit_to_the_unit(
            parts in 2_u64..40, max in 0_u64..1 << 40, subject in any::<[u8; 16]>(),
        ) {
            let subject = Pseudonym::from_bytes(subject);
            let limit = Limit::Window { max, span_ms: 60_000 };
            let shares = (0..parts).map(|part| {
                let share = Place::part(name(1), Home::of(name(2)), part, parts).share(subject, &limit);
                let Limit::Window { max, span_ms: 60_000 } = share else { panic!("{share:?}") };
                max
            });
            prop_assert_eq!(shares.sum::<u64>(), max);
        }

        #[test]
        fn a_mark_is_passed_once(parts in 1_u64..12, cost in 1_u64..50, mark in 1_u64..2_000) {
            // As many charges in each partition; each tells the stretch of one cost that it brings.
            let mut told = 0;
            for part in 0..parts {
                let place = Place::part(name(1), Home::of(name(2)), part, parts);
                for charges in 1..=mark {
                    let count = place.estimate(charges * cost, cost);
                    told += u64::from(count - cost < mark && mark <= count);
                }
            }
            prop_assert_eq!(told, 1);
        }
    }

    #[test]
    fn a_homes_own_is_not_split() {
        let place = Place::part(name(1), Home::of(name(2)).and(name(3)), 0, 3);
        let limit = Limit::Unverified { max: 9, drain_ms: 1_000 };
        assert_eq!(place.share(name(2), &limit), limit);
        assert_eq!(place.share(name(3), &limit), limit);
        assert_eq!(place.share(name(4), &limit), Limit::Unverified { max: 3, drain_ms: 3_000 });
        assert_eq!(Place::whole(name(1)).share(name(4), &limit), limit);
    }

    #[test]
    fn partitions_lie_evenly_among_the_slots() {
        for parts in [2, 3, 6, 16, 100] {
            for byte in 0..20 {
                let layout = Layout::new(name(byte), parts);
                for (part, tag) in (0..).zip(&layout.tags) {
                    let slot = u64::from(slot(HashTag::of(*tag).inner()));
                    assert_eq!(slot * parts / SLOTS, part, "{parts} partitions");
                }
                let mut names: Vec<_> = layout.tags.iter().chain([&layout.hub]).collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len() as u64, parts + 1);
            }
        }
    }

    #[test]
    fn names_are_spread_evenly() {
        let layout = Layout::new(name(7), 6);
        let mut counts = [0_u32; 6];
        for number in 0_u64..60_000 {
            // Names are outputs of an HMAC; this is as even.
            let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&word);
            counts[layout.part_of(Pseudonym::from_bytes(bytes))] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
