//! What nodes do to requests: they begin to ask or to refuse, and end it.

use super::super::level::NodeId;
use super::super::node::{Home, Node, State};
use super::super::path::{PATH, Path, slot_at};
use super::super::table::Slot;
use super::{Foreseen, Tree};

/// A refusal that begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::pumping) struct Block {
    pub(in crate::pumping) since: u64,
    pub(in crate::pumping) until: u64,
    /// How often the node was refused lately, this time included.
    pub(in crate::pumping) strikes: u8,
}

/// What is left of a node's evidence when its refusal ends: it goes on asking, on the brink of refusing
/// again.
#[derive(Clone, Copy, Debug)]
pub(in crate::pumping) struct Brink {
    pub(in crate::pumping) evidence: f32,
    pub(in crate::pumping) asked: f32,
}

impl Tree {
    /// The node at `place` asks from now on, and what it explains no longer counts against others.
    pub(in crate::pumping) fn ask(&mut self, path: &Path, place: usize, is_young: bool) {
        self.ask_too(slot_at(path, place));
        self.explain_away(path, place, is_young);
    }

    /// A node asks because another gate's does.
    pub(in crate::pumping) fn ask_too(&mut self, slot: Slot) {
        if let Some(node) = self.table.at_mut(slot) {
            node.open_account();
            node.state = State::Asking;
        }
    }

    /// A node asks nothing any more.
    pub(in crate::pumping) fn open(&mut self, slot: Slot) {
        if let Some(node) = self.table.at_mut(slot) {
            node.state = State::Open;
        }
    }

    /// A node asks until then because of its share of the country.
    pub(in crate::pumping) fn ask_for_share(&mut self, slot: Slot, until: u64) {
        if let Some(node) = self.table.at_mut(slot) {
            node.share_until = until;
        }
    }

    /// The node at `place` refuses. One that was open explains its evidence away first.
    pub(in crate::pumping) fn explain_open(&mut self, path: &Path, place: usize, is_young: bool) {
        let node = self.table.at(slot_at(path, place));
        if node.is_some_and(|node| node.state == State::Open) {
            self.explain_away(path, place, is_young);
        }
    }

    /// A node refuses from now on.
    pub(in crate::pumping) fn refuse(&mut self, slot: Slot, block: Block) {
        if let Some(node) = self.table.at_mut(slot) {
            node.open_account();
            node.state = State::Refusing;
            node.strikes = block.strikes;
            node.since = block.since;
            node.until = block.until;
        }
    }

    /// A node's refusal ends.
    pub(in crate::pumping) fn release(&mut self, now: u64, slot: Slot, brink: Brink) {
        if let Some(node) = self.table.at_mut(slot) {
            node.release(now, brink);
        }
    }

    /// Ends what a node does and forgets what speaks for it; whether it did anything.
    pub(in crate::pumping) fn lift(&mut self, id: NodeId) -> bool {
        let slot = self.table.find(id);
        slot.and_then(|slot| self.table.at_mut(slot)).is_some_and(Node::lift)
    }

    /// Somebody vouches for a node: it does nothing, whatever speaks for it.
    pub(in crate::pumping) fn vouch(&mut self, id: NodeId) {
        if let Some(slot) = self.table.find(id) {
            self.open(slot);
        }
    }

    /// What this node explains no longer counts against the coarser ones.
    fn explain_away(&mut self, path: &Path, place: usize, is_young: bool) {
        let own = self.table.at(slot_at(path, place));
        let Some((own, home)) = own.map(|node| (node.bets, node.home().sessions)) else { return };
        let kept = 1.0 - self.terms.tuning.pass_up;
        let coarser = match place {
            // what a young realm's block asks for stops nobody who solves it: nothing is explained away
            0..=6 => match is_young {
                true => place.saturating_add(1).max(6)..9,
                false => place.saturating_add(1)..9,
            },
            9 => 10..11,
            12 => 13..14,
            _ => return,
        };
        let away = path.iter().skip(if place <= 5 { 12 } else { PATH });
        for slot in path.get(coarser).unwrap_or_default().iter().chain(away) {
            if let Some(node) = self.table.at_mut(*slot) {
                node.explained(own.map(|own| kept * own), kept * home);
            }
        }
    }
}

impl Foreseen {
    /// As [`Tree::release`].
    pub(in crate::pumping) fn release(&mut self, now: u64, place: usize, brink: Brink) {
        if let Some(Some(node)) = self.nodes.get_mut(place) {
            node.release(now, brink);
        }
    }
}

impl Node {
    /// Ends a refusal: the node asks, and has so much evidence left.
    fn release(&mut self, now: u64, brink: Brink) {
        self.state = State::Asking;
        self.asked = brink.asked;
        let s = brink.evidence.max(0.0) + std::f32::consts::LN_2;
        self.bets = [s, s];
        self.set_afar(self.afar().min(s));
        let Home { sessions, asked } = self.home();
        self.set_home(Home { sessions: sessions.min(s), asked: asked.clamp(0.0, 2.0) });
        self.until = now;
    }

    fn lift(&mut self) -> bool {
        let acted = self.state != State::Open || self.share_until > 0;
        self.state = State::Open;
        self.bets = [0.0; 2];
        self.set_afar(0.0);
        self.set_home(Home::default());
        self.asked = 0.0;
        self.share = self.share_at_rest();
        self.share_until = 0;
        self.strikes = 0;
        acted
    }

    /// So much of its evidence, and of that against those from home, is another node's.
    fn explained(&mut self, evidence: [f32; 2], at_home: f32) {
        for (s, other) in self.bets.iter_mut().zip(evidence) {
            *s = (*s - other).max(0.0);
        }
        let home = self.home();
        self.set_home(Home { sessions: (home.sessions - at_home).max(0.0), ..home });
    }
}
