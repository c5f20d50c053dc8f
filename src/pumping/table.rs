//! The node table: a slab with a hard cap and an index.
//!
//! Eviction is a clock hand that looks at a few slots per insertion. Idle nodes go first; a node
//! that carries evidence, an open session or an action is never forgotten. Nodes are born only when
//! a message is sent, so filling the table with suspects costs an attacker messages that the same
//! suspects would have refused.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::level::NodeId;
use super::node::Node;
use super::places::Places;
pub(super) use super::places::{NONE, Slot};

/// Mixes a 64-bit name; names are already unique, this only spreads them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.write_u64(u64::from(*b));
        }
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = mix(self.0 ^ x);
    }
}

/// Finaliser of splitmix64.
pub(super) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A map keyed by already unique 64-bit names.
pub(super) type KeyMap<V> = HashMap<u64, V, BuildHasherDefault<Mix>>;

/// All nodes.
#[derive(Clone, Debug)]
pub(super) struct Table {
    slab: Vec<Node>,
    free: Vec<Slot>,
    index: Places,
    salt: u64,
    cap: usize,
    hand: usize,
    births: u64,
}

impl Table {
    pub(super) fn new(cap: usize, salt: u64) -> Self {
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            index: Places::default(),
            salt,
            cap: cap.max(64),
            hand: 0,
            births: 0,
        }
    }

    /// Nodes ever born.
    pub(super) fn births(&self) -> u64 {
        self.births
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn find(&self, id: NodeId) -> Option<Slot> {
        let name = id.to_bits();
        self.index
            .find(mix(name ^ self.salt), |slot| self.at(slot).is_some_and(|node| node.id == name))
    }

    pub(super) fn at(&self, slot: Slot) -> Option<&Node> {
        self.slab.get(slot as usize)
    }

    pub(super) fn at_mut(&mut self, slot: Slot) -> Option<&mut Node> {
        self.slab.get_mut(slot as usize)
    }

    /// Places a new node, evicting if need be; `None` when the table is full of nodes that matter.
    pub(super) fn insert(&mut self, node: Node, now: u64) -> Option<Slot> {
        self.sweep(now, 4, false);
        if self.free.is_empty() && self.slab.len() >= self.cap {
            let span = self.slab.len();
            self.sweep(now, span.min(256), true);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slab.len() < self.cap => {
                self.slab.push(Node::default());
                u32::try_from(self.slab.len().saturating_sub(1)).ok()?
            }
            None => return None,
        };
        *self.slab.get_mut(slot as usize)? = node;
        self.index.insert(mix(node.id ^ self.salt), slot);
        self.births = self.births.wrapping_add(1);
        Some(slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Node)> {
        self.slab
            .iter()
            .enumerate()
            .filter(|(_, node)| node.at != 0)
            .filter_map(|(i, node)| u32::try_from(i).ok().map(|slot| (slot, node)))
    }

    /// Places in the slab, used or not.
    pub(super) fn slots(&self) -> usize {
        self.slab.len()
    }

    /// The nodes in some of its places.
    pub(super) fn within(
        &self,
        places: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (Slot, &Node)> {
        let end = places.end.min(self.slab.len());
        let nodes = self.slab.get(places.start..end).unwrap_or_default();
        let all = (places.start..).zip(nodes).filter(|(_, node)| node.at != 0);
        all.filter_map(|(place, node)| Slot::try_from(place).ok().map(|slot| (slot, node)))
    }

    /// Every node in use, to be changed.
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.slab.iter_mut().filter(|node| node.at != 0)
    }

    fn sweep(&mut self, now: u64, steps: usize, pressed: bool) {
        for _ in 0..steps {
            if self.slab.is_empty() {
                return;
            }
            self.hand = self.hand.wrapping_add(1).checked_rem(self.slab.len()).unwrap_or(0);
            let Some(node) = self.slab.get_mut(self.hand) else { continue };
            if node.at == 0 {
                continue;
            }
            let level = node.level;
            let pool = matches!(level, 5..=8 | 11..=15);
            // under pressure the fine blocks and the clients go first: they are the many, and the
            // coarse ones hold the baselines
            let fine = !pool && !matches!(level, 3 | 4);
            let go = node.is_idle(now) || (pressed && fine && node.is_harmless());
            if go && let Ok(slot) = u32::try_from(self.hand) {
                self.index.remove(mix(node.id ^ self.salt), slot);
                *node = Node::default();
                self.free.push(slot);
            }
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.slab
            .capacity()
            .saturating_mul(size_of::<Node>())
            .saturating_add(self.free.capacity().saturating_mul(4))
            .saturating_add(self.index.bytes())
    }
}
