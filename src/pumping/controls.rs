//! What an operator sees and may overrule.

use std::time::Duration;

use super::country::Country;
use super::detector::{Detector, end_of};
use super::level::{ClientNet, NodeId, Subject};
use super::node::{Node, State};
use super::operator::Order;
use super::path::levels;
use super::table::Slot;
use crate::base::time::Timestamp;

/// One node as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeView {
    /// Which.
    pub node: NodeId,
    /// The region whose numbers it holds; `None` for the pools of all regions and for clients.
    pub region: Option<[u8; 2]>,
    /// What it does to requests.
    pub action: Action,
    /// Evidence of conversion and volume, nats.
    pub evidence: f32,
    /// Evidence of step-ups, nats; negative when they are passed.
    pub step_up_evidence: f32,
    /// Evidence of an unexplained share, nats.
    pub share_evidence: f32,
    /// Sessions out and unanswered.
    pub unanswered: u16,
    /// Verified sessions a day of the lagged baseline.
    pub verified_daily: f32,
    /// Verified sessions of the last quarter of an hour, decayed.
    pub verified_lately: f32,
    /// Present refusal began and ends, milliseconds since the epoch; zero when it does not refuse.
    pub since_ms: u64,
    /// See `since_ms`.
    pub until_ms: u64,
    /// How often it was refused in the last half day.
    pub strikes: u8,
    /// The number of the operator's entry that decides here in the detector's place, for every purpose:
    /// it lets everything pass (`ForbidAutomaticBlock`) or refuses it (`ExtendAutomaticBlock`). Only in
    /// [`Snapshot::blocks`](crate::Snapshot::blocks).
    pub entry: Option<u64>,
}

/// What a node does to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Nothing.
    Pass,
    /// Asks for a step-up.
    Ask,
    /// Refuses.
    Refuse,
}

impl NodeView {
    fn of(node: &Node, countries: &[Country]) -> Option<Self> {
        let refusing = node.state == State::Refusing;
        let id = NodeId::from_bits(node.id)?;
        Some(Self {
            node: id,
            region: id
                .level()
                .is_regional()
                .then(|| countries.get(usize::from(node.country)))
                .flatten()
                .map(|country| country.region),
            action: match node.state {
                State::Open => Action::Pass,
                State::Asking => Action::Ask,
                State::Refusing => Action::Refuse,
            },
            evidence: node.evidence(),
            step_up_evidence: node.asked,
            share_evidence: node.share_evidence(),
            unanswered: node.pending,
            verified_daily: node.daily(),
            verified_lately: node.verified_quarter,
            since_ms: if refusing { node.since } else { 0 },
            until_ms: if refusing { node.until } else { 0 },
            strikes: node.strikes,
            entry: None,
        })
    }
}

impl Detector {
    /// Everything that asks or refuses at `now`, and why; by name. A refusal ends with the first request
    /// that comes when it is over; what no request comes to is shown as that request would find it.
    #[must_use]
    pub fn acting(&self, now: Timestamp) -> Vec<NodeView> {
        let now = self.now.max(now.as_millis());
        let mut out: Vec<_> = self
            .tree
            .iter()
            .filter(|(_, node)| node.acts())
            .filter_map(|(slot, node)| self.found(now, slot, node))
            .collect();
        out.sort_by_key(|view| view.node);
        out
    }

    /// A node as a request at `now` would find it.
    fn found(&self, now: u64, slot: Slot, node: &Node) -> Option<NodeView> {
        let over = self.over(now, slot, node);
        NodeView::of(over.as_ref().unwrap_or(node), self.memory.countries())
    }

    /// A node whose refusal a request at `now` would end, as that request would leave it.
    fn over(&self, now: u64, slot: Slot, node: &Node) -> Option<Node> {
        if node.state != State::Refusing {
            return None;
        }
        let id = NodeId::from_bits(node.id)?;
        let place = levels().iter().position(|level| *level == id.level())?;
        let country = self.memory.countries().get(usize::from(node.country));
        let subject = Subject {
            region: country.map_or([0; 2], |country| country.region),
            digits: id.first_number(),
            known: false,
            purpose: 0,
            price_microusd: 0,
            client: ClientNet::unknown(),
        };
        let local = self.foresee_local(now, subject.region);
        let mut path = self.find_path(now, &subject, false);
        *path.get_mut(place)? = slot;
        let foreseen = self.foresee_path(now, &path, &local);
        foreseen.at(place).filter(|node| node.state != State::Refusing).copied()
    }

    /// One node, if the detector knows it.
    #[must_use]
    pub fn inspect(&self, node: NodeId) -> Option<NodeView> {
        NodeView::of(self.tree.find(node)?, self.memory.countries())
    }

    /// As [`inspect`](Self::inspect), as a request at `now` would find it.
    pub(crate) fn inspect_at(&self, node: NodeId, now: Timestamp) -> Option<NodeView> {
        let slot = self.tree.slot_of(node)?;
        self.found(self.now.max(now.as_millis()), slot, self.tree.at(slot)?)
    }

    /// Lifts what the detector does at a node and clears its evidence. False when it did nothing.
    pub fn lift(&mut self, node: NodeId) -> bool {
        self.operator.withdraw(node);
        self.tree.lift(node)
    }

    /// Forbids action at a node for `span`: the operator vouches for it.
    pub fn forbid(&mut self, node: NodeId, now: Timestamp, span: Duration) {
        let until = end_of(now.as_millis(), span);
        self.operator.order(self.now, node, Order::Forbid { until });
        self.tree.vouch(node);
    }

    /// Refuses a node for `span`, whatever the evidence: a new block, or a longer one.
    pub fn extend(&mut self, node: NodeId, now: Timestamp, span: Duration) {
        let until = end_of(now.as_millis(), span);
        self.operator.order(self.now, node, Order::Block { until });
    }
}
