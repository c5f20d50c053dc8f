//! [`Table`]: a concurrent map cut into segments that can be swept one at a time.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::store::GRACE;

use super::lanes::LANES;

/// A pseudonym mixed with its realm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key([u64; 2]);

/// What makes a realm's keys its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask {
    names: [u64; 2],
    calls: [u64; 2],
}

/// When an entry can be dropped, in whole minutes: 4 bytes instead of 8 in each of millions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct DropAt(u32);

/// What a table holds.
pub(super) trait Held {
    fn drop_at(&self) -> DropAt;
}

/// The map. No guard leaves it, so that no thread ever holds two.
pub(super) struct Table<V> {
    segments: Box<[DashMap<Key, V, BuildHasherDefault<Through>>]>,
}

#[cfg(any(test, feature = "testing"))]
impl Key {
    pub(super) const fn bytes(self) -> [u64; 2] {
        self.0
    }
}

impl Mask {
    pub(super) fn of(realm: Pseudonym) -> Self {
        let [a, b] = words(realm.as_bytes());
        let mix = |one: u64, other: u64| fold(a ^ one, b ^ other);
        Self {
            names: [
                mix(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344),
                mix(0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89),
            ],
            calls: [
                mix(0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c),
                mix(0xc0ac_29b7_c97c_50dd, 0x3f84_d5b5_b547_0917),
            ],
        }
    }

    pub(super) fn name(&self, name: Pseudonym) -> Key {
        masked(words(name.as_bytes()), self.names)
    }

    pub(super) fn call(&self, id: RequestId) -> Key {
        masked(words(id.as_bytes()), self.calls)
    }

    /// A number that spreads realms over locks.
    pub(super) const fn spread(&self) -> u64 {
        self.names[0]
    }
}

impl DropAt {
    pub(super) fn after(deadline: Timestamp) -> Self {
        let minutes = (deadline + GRACE).as_millis().div_ceil(60_000);
        Self(u32::try_from(minutes).unwrap_or(u32::MAX))
    }

    pub(super) fn passed(self, now: Timestamp) -> bool {
        u64::from(self.0).saturating_mul(60_000) <= now.as_millis() && self.0 != u32::MAX
    }
}

impl<V> Table<V> {
    pub(super) fn new(segments: usize) -> Self {
        let segment = || DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), 2);
        Self {
            segments: std::iter::repeat_with(segment).take(segments.next_power_of_two()).collect(),
        }
    }

    /// Reads the entry under `key`.
    pub(super) fn read<R>(&self, key: Key, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.segment(key)?.view(&key, |_, value| read(value))
    }

    /// Changes the entry under `key`.
    pub(super) fn change<R>(&self, key: Key, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.segment(key)?.get_mut(&key).map(|mut value| change(&mut value))
    }

    /// Puts `value` under `key`; whether there was nothing before.
    pub(super) fn put(&self, key: Key, value: V) -> bool {
        self.segment(key).is_some_and(|segment| segment.insert(key, value).is_none())
    }

    /// Changes the entry under `key`, or makes it from `fresh`; whether there was nothing before.
    pub(super) fn put_with(
        &self,
        key: Key,
        change: impl FnOnce(Option<&mut V>) -> Option<V>,
    ) -> bool {
        let Some(segment) = self.segment(key) else { return false };
        match segment.entry(key) {
            Entry::Occupied(mut held) => {
                if let Some(value) = change(Some(held.get_mut())) {
                    held.insert(value);
                }
                false
            }
            Entry::Vacant(free) => match change(None) {
                Some(value) => {
                    free.insert(value);
                    true
                }
                None => false,
            },
        }
    }

    /// Drops the entries of one segment that `keep` does not keep; how many it held.
    pub(super) fn retain(&self, segment: usize, mut keep: impl FnMut(&mut V) -> bool) -> usize {
        let Some(segment) = self.segments.get(segment) else { return 0 };
        let mut held = 0_usize;
        segment.retain(|_, value| {
            held = held.saturating_add(1);
            keep(value)
        });
        held
    }

    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn each(&self, mut visit: impl FnMut(Key, &V)) {
        for segment in &self.segments {
            segment.iter().for_each(|held| visit(*held.key(), held.value()));
        }
    }

    fn segment(&self, key: Key) -> Option<&DashMap<Key, V, BuildHasherDefault<Through>>> {
        // Bits that neither choose a shard (the top) nor a bucket of a small map (the bottom).
        self.segments.get(share(key.mixed() >> 32 & 0xff_ffff, self.segments.len()))
    }
}

impl<V: Held> Table<V> {
    /// Drops what can be dropped of one segment: how many entries it held, and how many it dropped.
    pub(super) fn sweep(&self, segment: usize, now: Timestamp) -> (usize, usize) {
        let mut dropped = 0_usize;
        let held = self.retain(segment, |value| {
            let keep = !value.drop_at().passed(now);
            dropped = dropped.saturating_add(usize::from(!keep));
            keep
        });
        (held, dropped)
    }
}

/// The room there is for entries, over all tables.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    capacity: usize,
}

impl Room {
    pub(super) fn new(capacity: usize) -> Self {
        Self { taken: AtomicUsize::new(0), capacity }
    }

    pub(super) fn take(&self, entries: usize) -> bool {
        if entries == 0 {
            return true;
        }
        let fits = |taken: usize| taken.checked_add(entries).filter(|sum| *sum <= self.capacity);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// For an entry that turned out to be new after all.
    pub(super) fn add(&self, entries: usize) {
        if entries > 0 {
            self.taken.fetch_add(entries, Ordering::Relaxed);
        }
    }

    pub(super) fn give_back(&self, entries: usize) {
        if entries > 0 {
            let less = |taken: usize| Some(taken.saturating_sub(entries));
            let _ = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Which of `segments` a key with these 24 uniform bits belongs to.
///
/// The last segment gets about twice the share of the first, and those between grow evenly: maps
/// double when they are full, and equal ones would all do so at once, which stops the store for a
/// moment and leaves all of them half empty.
fn share(bits: u64, segments: usize) -> usize {
    // log2(1 + x) for x in 0..1, by a parabola that is right to a hundredth.
    let x = bits.wrapping_mul(1 << 8);
    let bow = x.wrapping_mul((1_u64 << 32).wrapping_sub(x)) >> 32;
    let log = x.saturating_add(bow.wrapping_mul(11) >> 5);
    let place = u128::from(log).wrapping_mul(segments as u128) >> 32;
    usize::try_from(place).unwrap_or(0).min(segments.saturating_sub(1))
}

/// Passes a key through: pseudonyms are uniform already, and folding costs one multiplication, so
/// that even keys that count upwards in a test spread.
#[derive(Default)]
pub(super) struct Through(u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.mixed());
    }
}

impl Key {
    /// The lane that what is called so lies in, in whatever table.
    pub(super) fn lane(self) -> u16 {
        const { assert!(LANES == 1 << 12) };
        (self.mixed() & 0xfff) as u16
    }

    fn mixed(self) -> u64 {
        let [a, b] = self.0;
        fold(a ^ 0x9e37_79b9_7f4a_7c15, b ^ 0xbf58_476d_1ce4_e5b9)
    }
}

impl Hasher for Through {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.0 = fold(self.0 ^ u64::from(*byte), 0x9e37_79b9_7f4a_7c15));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Both halves of the product, folded into one.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    (product as u64) ^ ((product >> 64) as u64)
}

fn masked([a, b]: [u64; 2], [c, d]: [u64; 2]) -> Key {
    Key([a ^ c, b ^ d])
}

fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let whole = u128::from_le_bytes(*bytes);
    [whole as u64, (whole >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::millis;

    #[test]
    fn minutes_round_away_from_the_deadline() {
        let deadline = Timestamp::from_millis(1);
        let drop_at = DropAt::after(deadline);
        assert!(!drop_at.passed(deadline + GRACE));
        assert!(drop_at.passed(Timestamp::from_millis(120_000)));
        assert!(!DropAt::after(Timestamp::MAX).passed(Timestamp::MAX));
        assert!(millis(GRACE) <= 60_000);
    }

    #[test]
    fn keys_that_count_upwards_spread_over_segments_and_realms_never_meet() {
        struct Unit;
        impl Held for Unit {
            fn drop_at(&self) -> DropAt {
                DropAt(0)
            }
        }
        let name = |n: u128| Pseudonym::from_bytes(n.to_be_bytes());
        let table = Table::new(64);
        for realm in 0..10 {
            let mask = Mask::of(name(realm));
            for n in 0..1_000 {
                assert!(table.put(mask.name(name(n)), Unit));
                assert!(table.put(mask.call(RequestId::from_bytes(n.to_be_bytes())), Unit));
            }
        }
        let sizes: Vec<usize> = table.segments.iter().map(DashMap::len).collect();
        assert!(sizes.iter().all(|size| (190..540).contains(size)), "{sizes:?}");
        // Nearly twice as many in the last as in the first, so that they fill up one by one.
        let (first, last) = (&sizes[..16], &sizes[48..]);
        let ratio = last.iter().sum::<usize>() * 100 / first.iter().sum::<usize>();
        assert!((150..185).contains(&ratio), "{sizes:?}");
    }

    #[test]
    fn room_is_never_oversold() {
        let room = Room::new(10);
        assert!(room.take(7) && !room.take(4) && room.take(3) && room.take(0));
        room.give_back(1);
        assert_eq!(room.taken(), 9);
    }
}
