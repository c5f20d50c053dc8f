//! What several partitions hold of one subject, divided anew.
//!
//! *Windows.* The units of all are laid in a row, the newest first, and the row is divided as a limit is:
//! of every stretch from its start each partition has the portion ([`Place::portion`]) that it would have
//! of a limit of so many units. What still counts at any later time is such a stretch, so nobody has more
//! of what was spent than of what may be, unless all have, and what is left to the partitions adds up to
//! what is left of the limit. *Buckets.* How long each took to run dry was told at the drain of a share;
//! the mean of them, at the drain of a new share, is the same fill in all.

use crate::base::id::Pseudonym;

use super::super::moves::MovedMeter;
use super::super::place::Place;

/// How many records of a window are handed on. A partition has up to 61, one for each of its buckets.
const RECORDS: usize = 100;

const BUCKET: u8 = 1;
const WINDOW: u8 = 3;
const MARK: u8 = 5;

/// When a call reads what it brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) now: u64,
    /// What is dated beyond it, a wrong clock has written.
    pub(super) horizon: u64,
}

/// The part that `place` has of what `before` partitions hold of `subject`; `shares` are those that hold
/// anything.
pub(super) fn divided(
    shares: &[Vec<MovedMeter>],
    before: u64,
    place: &Place,
    subject: Pseudonym,
    reading: Reading,
) -> Vec<MovedMeter> {
    let mut slots: Vec<u32> = shares.iter().flatten().map(|meter| meter.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    let mut all = Vec::new();
    for slot in slots {
        let meters = || shares.iter().flatten().filter(|meter| meter.slot == slot);
        // Judged by a limit of another kind, a meter is as good as fresh.
        let Some(newest) = meters().max_by_key(|meter| meter.latest) else { continue };
        let kind = newest.kind;
        let meters = || meters().filter(|meter| meter.kind == kind);
        all.extend(match kind {
            BUCKET => bucket(slot, meters(), before, reading),
            WINDOW => window(slot, meters(), place, subject),
            MARK => meters().cloned().reduce(|one, other| MovedMeter {
                latest: one.latest.min(other.latest),
                amount: one.amount.max(other.amount),
                ..one
            }),
            _ => None,
        });
    }
    all
}

fn bucket<'a>(
    slot: u32,
    meters: impl Iterator<Item = &'a MovedMeter>,
    before: u64,
    Reading { now, horizon }: Reading,
) -> Option<MovedMeter> {
    let dries = meters.map(|meter| match meter.latest > horizon {
        true => meter.amount,
        false => meter.latest.saturating_add(meter.amount).saturating_sub(now),
    });
    let level = dries.fold(0, u64::saturating_add).div_ceil(before.max(1));
    let meter = MovedMeter { slot, kind: BUCKET, latest: now, amount: level, older: Vec::new() };
    (level > 0).then_some(meter)
}

fn window<'a>(
    slot: u32,
    meters: impl Iterator<Item = &'a MovedMeter>,
    place: &Place,
    subject: Pseudonym,
) -> Option<MovedMeter> {
    let mut records: Vec<(u64, u64)> = Vec::new();
    for meter in meters {
        records.push((meter.latest, meter.amount));
        let (older, _) = meter.older.as_chunks::<14>();
        records.extend(older.iter().map(|record| (number(record), number(&record[7..]))));
    }
    records.sort_unstable_by(|one, other| other.cmp(one));
    fewer(&mut records);
    let (mut sum, mut had) = (0_u64, 0);
    let mut portions = Vec::new();
    for (at, units) in records {
        sum = sum.saturating_add(units);
        let has = place.portion(subject, sum);
        if has > had {
            portions.push((at, has.saturating_sub(had)));
        }
        had = has;
    }
    let ((latest, amount), older) = portions.split_first()?;
    let mut text = Vec::new();
    for (at, units) in older.iter().rev() {
        for value in [at, units] {
            text.extend(value.to_be_bytes().get(1..).unwrap_or_default());
        }
    }
    Some(MovedMeter { slot, kind: WINDOW, latest: *latest, amount: *amount, older: text })
}

/// Joins records that lie next to one another until few enough are left. Units are then counted for as
/// long as the later of the two.
fn fewer(records: &mut Vec<(u64, u64)>) {
    while records.len() > RECORDS {
        let gaps = records.windows(2).map(|pair| match pair {
            [(later, _), (earlier, _)] => later.saturating_sub(*earlier),
            _ => u64::MAX,
        });
        let Some((at, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { return };
        let (_, units) = records.remove(at.saturating_add(1));
        if let Some((_, sum)) = records.get_mut(at) {
            *sum = sum.saturating_add(units);
        }
    }
}

/// Seven bytes, the highest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(7).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limit::Limit;
    use crate::store::Home;

    fn name(byte: u8) -> Pseudonym {
        Pseudonym::from_bytes([byte; 16])
    }

    fn held(kind: u8, records: &[(u64, u64)]) -> MovedMeter {
        let mut records = records.to_vec();
        records.sort_unstable();
        let (latest, amount) = records.pop().unwrap();
        let mut older = Vec::new();
        for (at, units) in records {
            older.extend(&at.to_be_bytes()[1..]);
            older.extend(&units.to_be_bytes()[1..]);
        }
        MovedMeter { slot: 4, kind, latest, amount, older }
    }

    /// What of a window counts that was charged at `alive` or later.
    fn counted(meters: &[MovedMeter], alive: u64) -> u64 {
        let records = meters.iter().flat_map(|meter| {
            let (older, _) = meter.older.as_chunks::<14>();
            let older = older.iter().map(|record| (number(record), number(&record[7..])));
            older.chain([(meter.latest, meter.amount)]).collect::<Vec<_>>()
        });
        records.filter(|(at, _)| *at >= alive).map(|(_, units)| units).sum()
    }

    fn places(parts: u64) -> impl Iterator<Item = Place> {
        (0..parts).map(move |part| Place::of_part(name(1), Home::of(name(2)), part, parts))
    }

    const READING: Reading = Reading { now: 5_000, horizon: u64::MAX };

    proptest! {
        /// What is left of a window's limit is left after the change, to the unit, at each later time.
        #[test]
        fn a_window_has_as_much_left_as_before(
            before in 1_u64..7,
            parts in 1_u64..9,
            subject in any::<[u8; 16]>(),
            max in 0_u64..60,
            charges in prop::collection::vec((0_u64..7, 0_u64..1_000, 1_u64..9), 0..30),
        ) {
            let subject = Pseudonym::from_bytes(subject);
            let shares: Vec<_> = (0..before)
                .filter_map(|part| {
                    let records: Vec<_> = charges.iter().filter(|(at, ..)| at % before == part)
                        .map(|(_, at, units)| (*at, *units)).collect();
                    (!records.is_empty()).then(|| vec![held(WINDOW, &records)])
                })
                .collect();
            let limit = Limit::Window { max, span_ms: 500 };
            for alive in (0..1_001).step_by(50) {
                let spent: u64 = shares.iter().map(|share| counted(share, alive)).sum();
                let mut left = 0;
                for place in places(parts) {
                    let has = divided(&shares, before, &place, subject, READING);
                    let Limit::Window { max, .. } = place.share(subject, &limit) else { panic!() };
                    left += max.saturating_sub(counted(&has, alive));
                }
                prop_assert_eq!(left, max.saturating_sub(spent), "at {}", alive);
            }
        }

        /// Of a bucket no more is free than before, at each later time.
        #[test]
        fn a_bucket_has_no_more_room_than_before(
            before in 1_u64..7,
            parts in 1_u64..9,
            max in 1_u64..40,
            drain in 1_u64..50,
            levels in prop::collection::vec(0_u64..4_000, 1..7),
        ) {
            let subject = name(3);
            let limit = Limit::Unverified { max, drain_ms: drain };
            // Each as full as its share may be.
            let levels: Vec<u64> = places(before).zip(levels).map(|(place, level)| {
                let Limit::Unverified { max, drain_ms } = place.share(subject, &limit) else { panic!() };
                level.min(max * drain_ms)
            }).collect();
            let shares: Vec<_> = levels.iter()
                .map(|level| vec![MovedMeter { latest: 5_000, ..held(BUCKET, &[(5_000, *level)]) }])
                .collect();
            for later in (0..4_000).step_by(100) {
                // In one bucket for all: what is in it drains at the whole drain.
                let filled: u64 = levels.iter().sum::<u64>() / before;
                let whole = filled.saturating_sub(later);
                let room = (max * drain).saturating_sub(whole) / drain;
                let mut left = 0;
                for place in places(parts) {
                    let has = divided(&shares, before, &place, subject, READING);
                    let Limit::Unverified { max, drain_ms } = place.share(subject, &limit) else { panic!() };
                    let dry = has.first().map_or(0, |meter| meter.latest + meter.amount);
                    let level = dry.saturating_sub(5_000 + later);
                    left += (max * drain_ms).saturating_sub(level) / drain_ms;
                }
                prop_assert!(left <= room, "{} of {} after {}", left, room, later);
            }
        }
    }

    #[test]
    fn too_many_records_become_fewer_and_no_unit_is_lost() {
        let records: Vec<_> = (0..400_u64).map(|n| (n * 10, 1)).collect();
        let shares: Vec<_> =
            (0..4).map(|part| vec![held(WINDOW, &records[part * 100..][..100])]).collect();
        let one = places(1).next().unwrap();
        let has = divided(&shares, 4, &one, name(3), READING);
        assert_eq!(counted(&has, 0), 400);
        assert_eq!(has[0].older.len(), 99 * 14);
        for alive in 0..4_000 {
            let before: u64 = shares.iter().map(|share| counted(share, alive)).sum();
            assert!(counted(&has, alive) >= before);
        }
    }
}
