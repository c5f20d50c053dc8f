//! [`Layout`]: the partitions of a deployment, and [`Record`], which lays down how many there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::store::Home;

use super::place::{Place, divided, spread_of};
use super::tag::{HashTag, slot};

/// How often it is asked whether a generation has brought everything over.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How many slots a cluster has.
const SLOTS: u64 = 1 << 14;

/// What stands at a deployment's own tag. Each change of the number of partitions makes a generation,
/// whose partitions have names of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) parts: u16,
    pub(super) generation: u32,
    /// How many partitions the first generation had: its hub is the hub of all.
    pub(super) first: u16,
    /// How many partitions the generation before has, of which something may be left.
    pub(super) before: u16,
    /// How many the next one will have.
    pub(super) next: u16,
    pub(super) phase: Phase,
}

/// Where a change of the number of partitions is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing is left of the generation before.
    Settled,
    /// The generation's partitions are being closed, one after the other.
    Closing,
    /// The generation serves, and fetches what the one before holds when it is asked for.
    Moving,
}

/// The partitions of a deployment.
#[derive(Debug)]
pub(super) struct Layout {
    /// What belongs to no home: documents and the journal.
    hub: Place,
    pub(super) tags: Vec<Pseudonym>,
    /// The partitions of the generation before, of which something may be left; they never change.
    pub(super) before: Option<Box<Layout>>,
    /// When it was asked for, in milliseconds.
    asked: AtomicU64,
}

impl Layout {
    /// What `record` says of `realm`.
    pub(super) fn of(realm: Pseudonym, record: &Record, asked: Timestamp) -> Self {
        let mut layout = Self::generation(realm, record, record.parts, record.generation, asked);
        if record.phase == Phase::Moving {
            let before = record.generation.saturating_sub(1);
            let before = Self::generation(realm, record, record.before, before, asked);
            layout.before = Some(Box::new(before));
        }
        layout
    }

    /// The places of a generation of `realm`.
    pub(super) fn generation(
        realm: Pseudonym,
        record: &Record,
        parts: u16,
        generation: u32,
        asked: Timestamp,
    ) -> Self {
        let first = u64::from(record.first);
        let hub = match first {
            0 | 1 => Place::beside(realm),
            _ => Place::whole(named(realm, first, first, 0, 0)),
        };
        let tags = match (parts, generation) {
            (0 | 1, 0) => vec![realm],
            _ => tags(realm, u64::from(parts), generation),
        };
        let asked = AtomicU64::new(asked.as_millis());
        Self { hub, tags, before: None, asked }
    }

    /// Whether this call is to ask for it again. While it fetches from the generation before, one does
    /// now and then: some day that ends.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let asked = Timestamp::from_millis(self.asked.load(Ordering::Relaxed));
        let due = self.before.is_some() && now.since(asked).max(asked.since(now)) >= ASK_AGAIN;
        if due {
            self.asked.store(now.as_millis(), Ordering::Relaxed);
        }
        due
    }

    pub(super) fn parts(&self) -> u64 {
        u64::try_from(self.tags.len()).unwrap_or(u64::MAX)
    }

    /// Which partition keeps what is called `name`.
    pub(super) fn part_of(&self, name: Pseudonym) -> usize {
        let (_, part) = divided(spread_of(name), self.parts());
        usize::try_from(part).unwrap_or(0)
    }

    pub(super) fn tag(&self, part: usize) -> Pseudonym {
        self.tags.get(part).copied().unwrap_or(self.hub.tag)
    }

    /// The hub, as a place that splits nothing.
    pub(super) fn hub(&self) -> Place {
        self.hub
    }

    pub(super) fn place(&self, part: usize, home: Home) -> Place {
        let index = u64::try_from(part).unwrap_or(u64::MAX);
        Place::of_part(self.tag(part), home, index, self.parts())
    }
}

/// The tags of `parts` partitions. Their slots lie evenly among all, so that a cluster whose primaries
/// share the slots evenly has as many on each.
fn tags(realm: Pseudonym, parts: u64, generation: u32) -> Vec<Pseudonym> {
    let (width, _) = divided(SLOTS, parts);
    let tag = |part: u64, from: u64, to: u64| {
        // One in a few lies there.
        let tags = (0..=u16::MAX).map(|draw| named(realm, parts, part, draw, generation));
        let mut inside = tags.filter(|tag| {
            let slot = u64::from(slot(HashTag::of(*tag).inner()));
            from <= slot && slot < to
        });
        inside.next().unwrap_or_else(|| named(realm, parts, part, 0, generation))
    };
    (0..parts)
        .map(|part| {
            let (from, _) = divided(part.saturating_mul(SLOTS), parts);
            let (near, far) = (width / 4, width.saturating_mul(3) / 4);
            tag(part, from.saturating_add(near), from.saturating_add(far.max(1)))
        })
        .collect()
}

/// A name that only this partition of this deployment and generation has: realms are named at random.
fn named(realm: Pseudonym, parts: u64, part: u64, draw: u16, generation: u32) -> Pseudonym {
    let mut name = *realm.as_bytes();
    let [_, _, p0, p1] = u32::try_from(part).unwrap_or(u32::MAX).to_be_bytes();
    let [_, _, n0, n1] = u32::try_from(parts).unwrap_or(u32::MAX).to_be_bytes();
    let [d0, d1] = draw.to_be_bytes();
    let [g0, g1, g2, g3] = generation.to_be_bytes();
    for (byte, by) in name.iter_mut().zip([0x5a, n0, n1, p0, p1, d0, d1, g0, g1, g2, g3]) {
        *byte ^= by;
    }
    Pseudonym::from_bytes(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(byte: u8) -> Pseudonym {
        Pseudonym::from_bytes([byte; 16])
    }

    fn record(parts: u16, generation: u32, first: u16) -> Record {
        Record { parts, generation, first, before: 0, next: 0, phase: Phase::Settled }
    }

    fn layout(realm: Pseudonym, parts: u16) -> Layout {
        Layout::of(realm, &record(parts, 0, parts), Timestamp::default())
    }

    #[test]
    fn partitions_lie_evenly_among_the_slots() {
        for parts in [2, 3, 6, 16, 100] {
            for byte in 0..20 {
                let layout = layout(name(byte), parts);
                for (part, tag) in (0..).zip(&layout.tags) {
                    let slot = u64::from(slot(HashTag::of(*tag).inner()));
                    assert_eq!(slot * u64::from(parts) / SLOTS, part, "{parts} partitions");
                }
                let mut names: Vec<_> = layout.tags.iter().chain([&layout.hub.tag]).collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), usize::from(parts) + 1);
            }
        }
    }

    #[test]
    fn no_generation_has_a_name_of_another() {
        let mut names: Vec<Pseudonym> = (0..20)
            .flat_map(|generation| [1, 2, 3, 6].map(|parts| (generation, parts)))
            .flat_map(|(generation, parts)| {
                Layout::of(name(9), &record(parts, generation, 1), Timestamp::default()).tags
            })
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        // Where everything was before it was spread, documents and journal still are.
        let later = Layout::of(name(9), &record(6, 4, 1), Timestamp::default());
        assert_eq!(later.hub().tag, name(9));
        assert_ne!(later.hub().known_as(), name(9));
        let spread = |parts, generation| {
            Layout::of(name(9), &record(parts, generation, 3), Timestamp::default()).hub()
        };
        assert_eq!(spread(3, 0), spread(1, 7));
    }

    #[test]
    fn names_are_spread_evenly() {
        let layout = layout(name(7), 6);
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
