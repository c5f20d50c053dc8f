//! [`View`]: what the owners say of one request's nodes. It only reads.

use super::costs::Costs;
use super::country::Country;
use super::level::{BlockLevel, NodeId};
use super::memory::{Local, Memory};
use super::node::{Node, State};
use super::operator::Operator;
use super::path::{COUNTRY, EVERYONE, HOST, PATH, Path, level_at, slot_at};
use super::sessions::Sessions;
use super::terms::Terms;
use super::together::Together;
use super::tree::{Foreseen, Tree};

/// Mean milliseconds between requests from which an attack is slow: step-ups are then further apart
/// than the quarter of an hour for which they count as lately failed.
const SLOW_MS: f32 = 120_000.0;

/// What failed step-ups must have left for a slow attack to be going on.
const STILL_FAILING: f32 = 1.0;

/// Verified sessions a day from which customers live in a block: one an hour.
const CUSTOMERS_DAILY: f32 = 24.0;

/// The share of honest newcomers whom a refusal turns away at the least, for how long it lasts.
const TURNED_AWAY_AT_LEAST: f32 = 0.1;

/// The owners at one moment, and a request's nodes.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) terms: &'a Terms,
    pub(super) tree: &'a Tree,
    pub(super) sessions: &'a Sessions,
    pub(super) memory: &'a Memory,
    pub(super) operator: &'a Operator,
    pub(super) together: &'a Together,
    /// The latest time that the detector knows, and the first.
    pub(super) now: u64,
    pub(super) born: u64,
    pub(super) path: &'a Path,
    pub(super) local: &'a Local,
    /// The path's nodes where they are not looked at in the tree.
    pub(super) foreseen: Option<&'a Foreseen>,
}

impl<'a> View<'a> {
    /// The node at a place of the path.
    pub(super) fn node(&self, place: usize) -> Option<&'a Node> {
        match self.foreseen {
            Some(foreseen) => foreseen.at(place),
            None => self.tree.at(slot_at(self.path, place)),
        }
    }

    /// Whether many people share the client's address and verify from it: see
    /// [`Tree::is_trusted_client`].
    pub(super) fn is_trusted_client(&self) -> bool {
        super::trust::is_trusted(self.node(HOST), self.node(COUNTRY))
    }

    /// Whether many blocks are under alarm together. Never in a realm without history.
    pub(super) fn is_common_alarm(&self) -> bool {
        self.together.is_alarm() && !self.memory.is_young()
    }

    /// Whether a coarser node of the path acts.
    pub(super) fn is_explained(&self, place: usize) -> bool {
        self.is_inside(place, Node::acts)
    }

    /// The evidence from which the node at a place asks.
    pub(super) fn asks_from(&self, place: usize) -> f32 {
        let is_common = place <= 4 && self.is_common_alarm() && !self.is_explained(place);
        let tuning = &self.terms.tuning;
        if is_common { tuning.ask_together } else { tuning.ask_at }
    }

    /// Evidence from which a node may refuse: less where a coarser node is already acted on, or many
    /// blocks are under suspicion together.
    pub(super) fn threshold(&self, place: usize) -> f32 {
        let tuning = &self.terms.tuning;
        let in_context = self.is_explained(place) || place <= 4 && self.is_common_alarm();
        if tuning.parts.context && in_context { tuning.refuse_in_context } else { tuning.refuse_at }
    }

    /// True when a coarser node of the path has paid what a refusal asks for, and asks only because
    /// people live there.
    pub(super) fn is_proved(&self, place: usize) -> bool {
        let enough = self.terms.tuning.proved_at;
        self.is_inside(place, |node| node.acts() && node.evidence() >= enough)
    }

    fn is_inside(&self, place: usize, is: impl Fn(&Node) -> bool) -> bool {
        let acted = |place: usize| self.node(place).is_some_and(&is);
        match place {
            0..=4 => (place.saturating_add(1)..9).chain(12..16).any(acted),
            12 => (13..16).chain([5]).any(acted),
            6 => (7..9).any(acted),
            _ => false,
        }
    }

    /// Whether any node of the path acts.
    pub(super) fn is_covered(&self) -> bool {
        (0..PATH).any(|place| self.node(place).is_some_and(Node::acts))
    }

    /// Honest new sessions an hour the node would have without an attack: the lagged baseline, and
    /// for a node too young to have one, its expected share of what its country verifies today.
    pub(super) fn honest_rate(&self, node: &Node, level: BlockLevel) -> f32 {
        let local = self.local;
        let lagged = node.customers() / 24.0 * local.season / local.conversion;
        if level.is_block() {
            let total = self.node(5).map_or(0.0, |c| c.verified_slow - node.verified_slow).max(0.0);
            let place = level.index();
            let (prior, finer) = self.terms.tuning.share_prior;
            let share = (place..4).fold(prior, |share, _| share * finer);
            // nor more than a standard error above what has verified from the block itself lately
            let own = node.verified_slow + 1.0 + node.verified_slow.sqrt();
            return lagged.max(self.hourly(own.min(total * share)) / local.conversion);
        }
        lagged.max(self.hourly(node.verified_slow) / local.conversion)
    }

    /// A six-hour decayed count as a rate an hour, allowing for a young installation.
    fn hourly(&self, count: f32) -> f32 {
        let age = self.now.saturating_sub(self.born) as f32 / 21_600_000.0;
        count / 6.0 / (1.0 - (-age).exp()).max(0.05)
    }

    /// Asking is worth it unless the step-ups of honest people would cost more than the attack does.
    pub(super) fn is_worth_asking(&self, node: &Node, level: BlockLevel, price: u32) -> bool {
        let honest = self.honest_rate(node, level);
        let excess = (node.attempts * 60.0 - honest).max(1.0);
        excess * price as f32 / 1e6 >= self.terms.costs.challenge_cost * honest
    }

    /// Refusing is worth it when what bots would still spend through the step-up exceeds the value
    /// of the honest new users turned away.
    pub(super) fn is_worth_refusing(&self, node: &Node, place: usize, price: u32) -> bool {
        // people at home and behind trusted addresses are asked, not refused
        let honest = self.honest_rate(node, level_at(place));
        let lost = honest * self.turned_away(node, place);
        self.is_dearer(node, price, (honest, lost))
    }

    /// Whether what bots would spend through the step-up exceeds the value of those `lost` of so many
    /// honest new users an hour.
    fn is_dearer(&self, node: &Node, price: u32, (honest, lost): (f32, f32)) -> bool {
        let attempts = node.attempts * 60.0;
        let passing = (node.passed + 1.0) / (node.passed + node.failed + 4.0);
        let price = price as f32 / 1e6;
        passing * (attempts - honest).max(0.0) * price > self.user_value() * lost
    }

    /// What one new user weighs at a host of this size.
    fn user_value(&self) -> f32 {
        let Costs { user_value, reference_daily, .. } = self.terms.costs;
        if reference_daily <= 0.0 {
            return user_value;
        }
        let elsewhere = || self.tree.find(NodeId::pool(BlockLevel::Everyone));
        let Some(node) = self.node(EVERYONE).or_else(elsewhere) else { return user_value };
        let daily = node.daily().max(24.0 * self.hourly(node.verified_slow));
        // Before there is a baseline nobody knows how small the host is, only how big at least.
        let most = if node.daily() > 0.0 { 7.0 } else { 0.5 };
        user_value * (reference_daily / daily.max(1.0)).clamp(0.1, most)
    }

    /// True for a node of a realm without history until texts have shown far more than elsewhere: to
    /// close it must cost more than a few dozen of them where nobody can say what is ordinary. Failed
    /// step-ups cost nothing and count for nothing here.
    pub(super) fn is_spared(&self, evidence: f32) -> bool {
        evidence < self.terms.tuning.young_refuse_at && self.memory.is_young()
    }

    /// While asked-for step-ups keep failing the attack goes on, although it no longer shows in what
    /// is sent; opening now would only let it flare up again.
    pub(super) fn step_ups_fail(&self, node: &Node) -> bool {
        let share = self.terms.tuning.failing_share;
        node.failed >= 1.0 && node.failed >= share * (node.passed + node.failed)
            || node.gap >= SLOW_MS && node.asked >= STILL_FAILING
    }

    /// Whether a refusal at `place` spares a client at home: while the account there holds little, or
    /// where it would not be worth it if it turned all of them away.
    pub(super) fn spares_home(&self, node: &Node, place: usize, price: u32) -> bool {
        if !self.parts_at_home(place) {
            return false;
        }
        if !node.is_home_to_blame(self.terms.tuning.home_at) || self.is_in_proportion(node, place) {
            return true;
        }
        // there the decision to refuse counted everybody
        if node.is_most_from_home() {
            return false;
        }
        let honest = self.honest_rate(node, level_at(place));
        let everybody = honest * (1.0 - self.trusted(place));
        node.state == State::Refusing && !self.is_dearer(node, price, (honest, everybody))
    }

    /// Whether a block where customers live, or inside one, takes no more of its country's requests than
    /// it used to, and so does what is around it. Where an operator is down while the country grows,
    /// nobody there enters a code, and nobody is to blame.
    fn is_in_proportion(&self, node: &Node, place: usize) -> bool {
        let tuning = &self.terms.tuning;
        let is_usual = |node: &Node| node.share_evidence() < tuning.share_at / 2.0;
        let is_inhabited = |place: usize| {
            self.node(place).is_some_and(|n| n.customers() >= CUSTOMERS_DAILY && is_usual(n))
        };
        tuning.parts.share && is_usual(node) && (place..=4).any(is_inhabited)
    }

    fn parts_at_home(&self, place: usize) -> bool {
        let is_on = self.terms.tuning.parts.home;
        is_on && super::home::keeps_account(place) && !self.memory.is_young()
    }

    /// Honest newcomers an hour whom a refusal at `place` would turn away; never none. How many come
    /// from home or through trusted addresses was learnt before the attack, so a tenth counts anyway.
    pub(super) fn turned_away_hourly(&self, node: &Node, place: usize) -> f32 {
        let share = self.turned_away(node, place).max(TURNED_AWAY_AT_LEAST);
        (self.honest_rate(node, level_at(place)) * share).max(0.01)
    }

    /// The share of honest newcomers whom a refusal at `place` would turn away.
    fn turned_away(&self, node: &Node, place: usize) -> f32 {
        let trusted = self.trusted(place);
        if !self.parts_at_home(place) || node.is_home_to_blame(self.terms.tuning.home_at) {
            return 1.0 - trusted;
        }
        let country = self.memory.country(self.local.country);
        1.0 - country.map_or(0.0, Country::share_at_home).max(trusted)
    }

    /// The share of honest newcomers behind trusted addresses, where those are spared.
    fn trusted(&self, place: usize) -> f32 {
        if place >= 3 { self.memory.share_trusted() } else { 0.0 }
    }
}
