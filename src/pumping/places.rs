//! [`Places`]: where nodes lie, by their names' hashes, in eight bytes each.
//!
//! A request asks for fourteen nodes, and most of what that takes is waiting for memory. A map of the
//! standard library reads two lines of it before the node's own; this one reads one, since a name is
//! compared with the node itself.

/// Position of a node in the slab.
pub(super) type Slot = u32;
/// No node.
pub(super) const NONE: Slot = u32::MAX;

/// A node's place, and a part of its name's hash: most other names differ in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    slot: Slot,
    tag: u32,
}

const FREE: Place = Place { slot: NONE, tag: 0 };

/// Open addressing with linear probing; at most two of three places are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// A power of two of them, or none.
    places: Vec<Place>,
    taken: usize,
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.capacity().saturating_mul(size_of::<Place>())
    }

    /// Where a name of this hash lies, of those places of which `is` says that it does.
    pub(super) fn find(&self, hash: u64, is: impl Fn(Slot) -> bool) -> Option<Slot> {
        let (mut at, tag) = self.start(hash);
        loop {
            let place = *self.places.get(at)?;
            if place.slot == NONE {
                return None;
            }
            if place.tag == tag && is(place.slot) {
                return Some(place.slot);
            }
            at = self.next(at);
        }
    }

    /// Notes that a name of this hash, which is not among them, lies at `slot`.
    pub(super) fn insert(&mut self, hash: u64, slot: Slot) {
        if self.taken.saturating_mul(3) >= self.places.len().saturating_mul(2) {
            self.grow();
        }
        let (at, tag) = self.start(hash);
        self.put(at, Place { slot, tag });
        self.taken = self.taken.saturating_add(1);
    }

    /// Forgets that a name of this hash lies at `slot`.
    pub(super) fn remove(&mut self, hash: u64, slot: Slot) {
        let (mut gap, _) = self.start(hash);
        loop {
            match self.places.get(gap) {
                Some(place) if place.slot == slot => break,
                Some(place) if place.slot != NONE => gap = self.next(gap),
                _ => return,
            }
        }
        self.taken = self.taken.saturating_sub(1);
        // What would have lain in the gap moves there, so that no search ends too early.
        let mut at = self.next(gap);
        while let Some(place) = self.places.get(at).copied().filter(|place| place.slot != NONE) {
            let mask = self.mask();
            let (home, reach) = (self.home(place.tag), at.wrapping_sub(gap) & mask);
            if at.wrapping_sub(home) & mask >= reach {
                self.set(gap, place);
                gap = at;
            }
            at = self.next(at);
        }
        self.set(gap, FREE);
    }

    fn grow(&mut self) {
        let length = self.places.len().saturating_mul(2).max(64);
        let places = std::mem::replace(&mut self.places, vec![FREE; length]);
        for place in places.into_iter().filter(|place| place.slot != NONE) {
            self.put(self.home(place.tag), place);
        }
    }

    fn put(&mut self, mut at: usize, place: Place) {
        while self.places.get(at).is_some_and(|there| there.slot != NONE) {
            at = self.next(at);
        }
        self.set(at, place);
    }

    fn set(&mut self, at: usize, place: Place) {
        if let Some(there) = self.places.get_mut(at) {
            *there = place;
        }
    }

    /// Where a search begins, and the tag that it looks for.
    fn start(&self, hash: u64) -> (usize, u32) {
        let tag = (hash >> 32) as u32;
        (self.home(tag), tag)
    }

    fn home(&self, tag: u32) -> usize {
        tag as usize & self.mask()
    }

    fn next(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.mask()
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Some names have one hash, and most begin at few places.
    fn hash(name: u64) -> u64 {
        (name / 3 % 40) << 32
    }

    proptest! {
        /// As a map of the standard library, whatever is put in and taken out.
        #[test]
        fn it_finds_what_it_holds_and_nothing_else(
            steps in proptest::collection::vec((0_u64..300, any::<bool>()), 0..1_500),
        ) {
            let (mut places, mut model) = (Places::default(), HashMap::new());
            // The node's name, by its place.
            let mut nodes: Vec<Option<u64>> = vec![None; 300];
            for (name, insert) in steps {
                match (insert, model.get(&name).copied()) {
                    (true, None) => {
                        let slot = nodes.iter().position(Option::is_none).unwrap();
                        nodes[slot] = Some(name);
                        model.insert(name, slot as Slot);
                        places.insert(hash(name), slot as Slot);
                    }
                    (false, Some(slot)) => {
                        model.remove(&name);
                        places.remove(hash(name), slot);
                        nodes[slot as usize] = None;
                    }
                    _ => {}
                }
                prop_assert_eq!(places.len(), model.len());
            }
            for name in 0..300 {
                let found = places.find(hash(name), |slot| nodes[slot as usize] == Some(name));
                prop_assert_eq!(found, model.get(&name).copied(), "{}", name);
            }
        }
    }
}
