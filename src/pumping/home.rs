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

use super::evidence::Bet;
use super::node::{Home, Node, State};
use super::path::Path;
use super::table::NONE;

/// Whether a place of a path keeps the second account: blocks, country, the pools of unseen ranges,
/// and that of the country's unseen networks.
pub(super) const fn keeps_account(place: usize) -> bool {
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

    /// Lets tolerated sends pass.
    pub(super) fn leak(&mut self, bets: &[Bet; 2], tolerated: f32) {
        let [bold, _] = bets;
        self.sessions = (self.sessions - bold.leak * tolerated).max(0.0);
    }
}

/// Whether a session or step-up came from home, by the nodes that count it: one from elsewhere has
/// the pool of what is far.
pub(super) fn is_from_home(path: &Path) -> bool {
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
        self.home().evidence() >= home_at || self.is_most_from_home()
    }

    /// Whether people at home have most of what the node holds.
    pub(super) fn is_most_from_home(&self) -> bool {
        self.home().evidence() >= CAUSE * (self.evidence() + self.asked.max(0.0))
    }

    /// Opens the account, before the node comes under suspicion. What an earlier one held was not kept
    /// up since.
    pub(super) fn open_account(&mut self) {
        if !self.has_begun() {
            self.set_home(Home::default());
        }
    }

    /// Adds to the account of sessions from home.
    pub(super) fn count_home(&mut self, place: usize, step: f32) {
        if keeps_account(place) && self.has_begun() {
            let home = self.home();
            self.set_home(Home { sessions: (home.sessions + step).clamp(0.0, 60.0), ..home });
        }
    }

    /// Adds a step-up to it.
    pub(super) fn count_home_step_up(&mut self, place: usize, step: f32, range: (f32, f32)) {
        if keeps_account(place) && self.state != State::Open {
            let home = self.home();
            self.set_home(Home { asked: (home.asked + step).clamp(range.0, range.1), ..home });
        }
    }
}
