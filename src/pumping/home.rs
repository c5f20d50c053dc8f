//! Who is to blame inside a node that acts: those from where its country's people come, or the
//! others.
//!
//! An attack that comes through proxies all over the world says nothing of a person who asks from a
//! network where people of his country have verified. So a node that asks keeps a second account,
//! of the sessions and step-ups *from home* alone, and while that one holds little, by itself and
//! beside what the node holds, a refusal asks them instead. It is the smallest group that explains the evidence again, as with a block
//! inside a country.
//!
//! The account is the same bet under the same null (see `evidence`): sessions from home are a part
//! of the node's sessions, so under ordinary volume they come no faster than the tolerated rate,
//! and under good conversion they are entered with at least `p0` like the rest. It begins where the
//! node's own evidence passes two nats, which is known before each session that it counts, and
//! starting late only leaves evidence out. An attacker who has numbers of his own verified from
//! each network the day before buys with that what fills this account, and no more: some ten texts
//! a node.

use super::country::Country;
use super::detector::Detector;
use super::evidence::Bet;
use super::memory::Local;
use super::node::{Home, Node, State};
use super::path::levels;
use super::session::PATH;
use super::table::{NONE, Slot};

/// Whether a place of a path keeps the second account: blocks, country, the pools of unseen ranges,
/// and that of the country's unseen networks.
const fn keeps_account(place: usize) -> bool {
    matches!(place, 0..=8 | 12)
}

/// The node's evidence from which it does.
const BEGINS: f32 = 2.0;

/// The share of the node's evidence from which the account has its cause.
const CAUSE: f32 = 0.5;

impl Home {
    fn evidence(self) -> f32 {
        self.sessions + self.asked
    }
}

/// Whether a session or step-up came from home, by the nodes that count it: one from elsewhere has
/// the pool of what is far.
pub(super) fn is_from_home(path: &[Slot; PATH]) -> bool {
    path.get(13) == Some(&NONE)
}

/// Whether a node with so much evidence keeps the account.
pub(super) fn is_suspicious([bold, careful]: [f32; 2]) -> bool {
    bold.max(careful) >= BEGINS
}

impl Node {
    /// Whether the account is kept: only a node under suspicion has one, so a calm one costs no
    /// look at its second cache line.
    pub(super) fn has_begun(&self) -> bool {
        self.state != State::Open || is_suspicious(self.bets)
    }

    /// Whether people at home are to blame as well: the account holds enough by itself, or most of
    /// what the node holds. Where everybody comes from the same gateways, it holds all of it.
    pub(super) fn is_home_to_blame(&self, home_at: f32) -> bool {
        self.home.evidence() >= home_at || self.is_most_from_home()
    }

    fn is_most_from_home(&self) -> bool {
        self.home.evidence() >= CAUSE * (self.evidence() + self.asked.max(0.0))
    }

    /// Opens the account, before the node comes under suspicion. What an earlier one held was not kept
    /// up since.
    pub(super) fn open_account(&mut self) {
        if !self.has_begun() && !self.is_far() {
            self.home = Home::default();
        }
    }

    /// Adds to the account of sessions from home.
    pub(super) fn count_home(&mut self, place: usize, step: f32) {
        if keeps_account(place) && self.has_begun() {
            self.home.sessions = (self.home.sessions + step).clamp(0.0, 60.0);
        }
    }

    /// Adds a step-up to it.
    pub(super) fn count_home_step_up(&mut self, place: usize, step: f32, range: (f32, f32)) {
        if keeps_account(place) && self.state != State::Open {
            self.home.asked = (self.home.asked + step).clamp(range.0, range.1);
        }
    }

    /// Lets tolerated sends pass.
    pub(super) fn leak_home(&mut self, bets: &[Bet; 2], tolerated: f32) {
        let [bold, _] = bets;
        self.home.sessions = (self.home.sessions - bold.leak * tolerated).max(0.0);
    }
}

impl Detector {
    /// Whether a refusal at `place` spares a client at home: while the account there holds little, or
    /// where it would not be worth it if it turned all of them away.
    pub(super) fn spares_home(
        &self,
        node: &Node,
        place: usize,
        path: &[Slot; PATH],
        local: &Local,
        price: u32,
    ) -> bool {
        let Some(level) = levels().get(place).filter(|_| self.parts_at_home(place)) else {
            return false;
        };
        if !node.is_home_to_blame(self.terms.tuning.home_at) {
            return true;
        }
        // there the decision to refuse counted everybody
        if node.is_most_from_home() {
            return false;
        }
        let honest = self.honest_rate(node, *level, path, local);
        let everybody = honest * (1.0 - self.trusted(place));
        node.state == State::Refusing && !self.is_dearer(node, price, (honest, everybody))
    }

    fn parts_at_home(&self, place: usize) -> bool {
        self.terms.tuning.parts.home && keeps_account(place) && !self.memory.is_young()
    }

    /// The share of honest newcomers whom a refusal at `place` would turn away.
    pub(super) fn turned_away(&self, node: &Node, place: usize, local: &Local) -> f32 {
        let trusted = self.trusted(place);
        if !self.parts_at_home(place) || node.is_home_to_blame(self.terms.tuning.home_at) {
            return 1.0 - trusted;
        }
        let country = self.memory.country(local.country);
        1.0 - country.map_or(0.0, Country::share_at_home).max(trusted)
    }

    /// The share of honest newcomers behind trusted addresses, where those are spared.
    fn trusted(&self, place: usize) -> f32 {
        if place >= 3 { self.memory.share_trusted() } else { 0.0 }
    }
}
