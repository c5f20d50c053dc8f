//! [`Tree`]: what the blocks, pools and clients of requests saw, and what they do.
//!
//! Nobody else changes a node. A request's nodes are found or grown as a path, brought to the present
//! together ([`Tree::refresh`]), and changed by what happened to the request: see `weigh` for the
//! evidence and `state` for what follows from it.

mod shade;
mod state;
mod weigh;

use std::sync::Arc;

use super::evidence::Ordinary;
use super::level::{BlockLevel, LEVELS, NodeId, Subject};
use super::memory::Local;
use super::node::Node;
use super::path::{AWAY, FAR, PATH, Path, STRANGER, level_at, names, slot_at};
use super::share::largest_share;
use super::table::{NONE, Slot, Table};
use super::terms::Terms;
use super::tuning::Tuning;

pub(super) use state::{Block, Brink};
pub(super) use weigh::StepUp;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    terms: Arc<Terms>,
    table: Table,
    /// Where the last assessed request's nodes were.
    hint: [Slot; LEVELS],
}

impl Tree {
    /// An empty tree. `salt` keeps others from knowing which names meet in the index.
    pub(super) fn new(terms: Arc<Terms>, salt: u64) -> Self {
        let table = Table::new(terms.tuning.max_nodes, salt);
        Self { terms, table, hint: [NONE; LEVELS] }
    }

    pub(super) fn at(&self, slot: Slot) -> Option<&Node> {
        self.table.at(slot)
    }

    pub(super) fn find(&self, id: NodeId) -> Option<&Node> {
        self.slot_of(id).and_then(|slot| self.table.at(slot))
    }

    pub(super) fn slot_of(&self, id: NodeId) -> Option<Slot> {
        self.table.find(id)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Every node, and where it is.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Node)> {
        self.table.iter()
    }

    /// Where nodes may be: below this.
    pub(super) fn slots(&self) -> usize {
        self.table.slots()
    }

    /// The nodes in some of those places.
    pub(super) fn within(
        &self,
        places: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (Slot, &Node)> {
        self.table.within(places)
    }

    /// Brings every node of a path to `now` and returns the tolerated rate of each (sends an hour).
    pub(super) fn refresh(&mut self, now: u64, path: &Path, local: &Local) -> [f32; PATH] {
        let mut rates = [0.0; PATH];
        let country = self.table.at(slot_at(path, 5));
        let mut grown = Growth::new(&self.terms, now, local, country);
        for (place, (slot, rate)) in path.iter().zip(&mut rates).enumerate().rev() {
            *rate = grown.bring(place, self.table.at_mut(*slot));
        }
        rates
    }

    /// The nodes of a path as [`refresh`](Self::refresh) would leave them, and their rates; nothing
    /// changes.
    pub(super) fn foresee(&self, now: u64, path: &Path, local: &Local) -> Foreseen {
        let country = self.table.at(slot_at(path, 5));
        let mut grown = Growth::new(&self.terms, now, local, country);
        let mut nodes = path.map(|slot| self.table.at(slot).copied());
        let mut rates = [0.0; PATH];
        for (place, (node, rate)) in nodes.iter_mut().zip(&mut rates).enumerate().rev() {
            *rate = grown.bring(place, node.as_mut());
        }
        Foreseen { nodes, rates }
    }

    /// Whether every node of a path has been brought to `now`.
    pub(super) fn is_present(&self, now: u64, path: &Path) -> bool {
        path.iter().all(|slot| self.table.at(*slot).is_none_or(|node| node.at == now))
    }

    /// True when nobody has ever verified from the number's block.
    pub(super) fn is_cold(&self, subject: &Subject, level: BlockLevel) -> bool {
        self.find(NodeId::block(level, subject.digits)).is_none_or(|node| node.warm == 0)
    }

    /// The nodes of a new session, with the session counted as pending at those of `counted`, one bit
    /// each. The others are given as they exist: what is acted on there explains some of what the
    /// client's side sees. `places` are a stranger's, without those that the client has no part in.
    pub(super) fn build_path(
        &mut self,
        now: u64,
        subject: &Subject,
        counted: u16,
        places: u16,
        local: &Local,
    ) -> Path {
        let is_whole = counted & STRANGER == STRANGER;
        let mut path = if is_whole { [NONE; PATH] } else { self.find_path(subject, places) };
        let (away, far) = (places & AWAY != 0, places & FAR != 0);
        let parts = self.terms.tuning.parts;
        let cold = parts.cold && self.is_cold(subject, BlockLevel::HundredThousand);
        let colder = cold && self.is_cold(subject, BlockLevel::Million);
        // coarse before fine: a fine node is born only where its parent already was, so the tree
        // grows where traffic repeats and a lone session costs two blocks instead of five
        let mut parent_is_new = false;
        for (place, (slot, id)) in path.iter_mut().zip(names(subject)).enumerate().rev() {
            let level = id.level();
            let skip = match level {
                BlockLevel::ColdCountry | BlockLevel::Cold => !cold,
                BlockLevel::ColdMillion => !colder,
                BlockLevel::Host | BlockLevel::Network => !parts.address,
                BlockLevel::AwayCountry => !away,
                BlockLevel::Away => !far,
                _ => false,
            };
            let fine = matches!(
                level,
                BlockLevel::Hundred
                    | BlockLevel::Thousand
                    | BlockLevel::TenThousand
                    | BlockLevel::Host
            );
            if skip || counted >> place & 1 == 0 {
                continue;
            }
            let births = self.table.births();
            *slot = if fine && parent_is_new {
                self.table.find(id).unwrap_or(NONE)
            } else {
                self.obtain(now, id, local)
            };
            // once one was born or left out, nothing finer of the same branch may be born
            let grown = self.table.births() != births || *slot == NONE;
            parent_is_new = grown || (fine && parent_is_new);
            // which also keeps it from being evicted by the next birth
            if let Some(node) = self.table.at_mut(*slot) {
                node.pending = node.pending.saturating_add(1);
            }
        }
        path
    }

    /// A node, which is born if it is not there.
    fn obtain(&mut self, now: u64, id: NodeId, local: &Local) -> Slot {
        // the assessment a moment ago has usually found it already
        let hint = self.hint.get(id.level().index()).copied().unwrap_or(NONE);
        if self.table.at(hint).is_some_and(|node| node.at != 0 && node.id == id.to_bits()) {
            return hint;
        }
        if let Some(slot) = self.table.find(id) {
            return slot;
        }
        let node = Node::new(id, local.country, local.sessions, now);
        self.table.insert(node, now).unwrap_or(NONE)
    }

    /// Remembers where a request's nodes are, for the event that follows.
    pub(super) fn keep(&mut self, path: &Path) {
        for (place, slot) in path.iter().enumerate().filter(|(_, slot)| **slot != NONE) {
            if let Some(hint) = self.hint.get_mut(level_at(place).index()) {
                *hint = *slot;
            }
        }
    }

    /// The nodes of a request as they exist, creating none: those of `places`, one bit each, and of
    /// the pools of unseen ranges only what its number belongs to.
    pub(super) fn find_path(&self, subject: &Subject, places: u16) -> Path {
        let mut path = self.path_of(subject, places);
        let [_, _, _, block, million, _, cold_country, cold, colder, ..] = &mut path;
        let is_warm = |slot: Slot| self.table.at(slot).is_some_and(|node| node.warm != 0);
        let off = !self.terms.tuning.parts.cold;
        if is_warm(*block) || off {
            *cold_country = NONE;
            *cold = NONE;
        }
        if is_warm(*million) || is_warm(*block) || off {
            *colder = NONE;
        }
        path
    }

    /// The nodes of the given places, one bit each, as they exist.
    pub(super) fn path_of(&self, subject: &Subject, places: u16) -> Path {
        let mut path = [NONE; PATH];
        for (place, (slot, id)) in path.iter_mut().zip(names(subject)).enumerate() {
            if places >> place & 1 == 1 {
                *slot = self.table.find(id).unwrap_or(NONE);
            }
        }
        path
    }

    /// Puts a node of a snapshot back; of two records of one node the younger counts, unless the other
    /// acts. What is out is counted again later, from the records themselves.
    pub(super) fn restore(&mut self, mut node: Node, is_urgent: impl Fn(&Node) -> bool) {
        (node.pending, node.asking) = (0, 0);
        let there = NodeId::from_bits(node.id).and_then(|id| self.table.find(id));
        match there.and_then(|slot| self.table.at_mut(slot)) {
            None => {
                self.table.insert(node, 0);
            }
            Some(there) if there.at < node.at && !is_urgent(there) => {
                (node.pending, node.asking) = (there.pending, there.asking);
                *there = node;
            }
            Some(_) => {}
        }
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        let tuning: &Tuning = &self.terms.tuning;
        self.table.nodes_mut().for_each(|node| node.take_back(now, tuning));
    }

    fn each(&mut self, path: &Path, mut change: impl FnMut(&mut Node)) {
        for slot in path {
            if let Some(node) = self.table.at_mut(*slot) {
                change(node);
            }
        }
    }
}

/// The nodes of a path as they will be, apart from the tree.
pub(super) struct Foreseen {
    nodes: [Option<Node>; PATH],
    pub(super) rates: [f32; PATH],
}

impl Foreseen {
    pub(super) fn at(&self, place: usize) -> Option<&Node> {
        self.nodes.get(place)?.as_ref()
    }
}

/// How the nodes of a path come to the present, from the last place to the first: a country comes
/// before its blocks, which inherit from it.
struct Growth<'a> {
    terms: &'a Terms,
    local: &'a Local,
    now: u64,
    /// Verified sessions a day of the country's baseline.
    daily: f32,
    /// Sessions an hour that one verified a day stands for.
    hourly: f32,
    /// What the node before may send.
    parent: f32,
}

impl<'a> Growth<'a> {
    fn new(terms: &'a Terms, now: u64, local: &'a Local, country: Option<&Node>) -> Self {
        // Whoever enters a tenth of the codes must not be owed ten texts for each of them: below the lowest
        // null the requests are no longer people's, however long it has gone on.
        let conversion = local.conversion.max(terms.tuning.null_range.0);
        let (daily, hourly) =
            (country.map_or(0.0, Node::daily), local.season / (24.0 * conversion));
        Self { terms, local, now, daily, hourly, parent: 0.0 }
    }

    /// Brings the node at `place` to the present, if there is one, and returns its tolerated rate.
    fn bring(&mut self, place: usize, node: Option<&mut Node>) -> f32 {
        if node.is_none() && !(1..=5).contains(&place) {
            return 0.0;
        }
        let (Terms { tuning, bets, .. }, local) = (self.terms, self.local);
        let level = level_at(place);
        let Ordinary { floor, tolerance, inherit } = bets.ordinary(level);
        let inherited = inherit * self.parent;
        let mut rate = floor * local.surge + inherited;
        if let Some(node) = node {
            rate = (floor + tolerance * node.daily() * self.hourly) * local.surge + inherited;
            node.fade(self.now, rate, || bets.at(local.null, level), tuning.asked_half_life);
            if place < 5 {
                let elapsed = local.sessions.wrapping_sub(node.share_seen);
                node.share_seen = local.sessions;
                if node.share > 0.0 && elapsed > 0 {
                    let q = largest_share(tuning, place, node.daily(), self.daily);
                    let far = local.far.map_or(0.0, |far| far * (tuning.share_far - 2.0));
                    let fair = ln_1p(q + q * far);
                    node.share = (node.share - fair * elapsed as f32).max(0.0);
                }
            }
        }
        self.parent = if place <= 5 { rate } else { 0.0 };
        rate
    }
}

/// `ln(1 + q)` for `0 ≤ q ≤ 0.9`, never below it and at most 0.8 % above: the share detector then
/// errs towards honest traffic, and a request computes no logarithm.
fn ln_1p(q: f32) -> f32 {
    q * (6.0 + q) / (6.0 + 4.0 * q)
}
