//! From evidence to action: who is asked, who is refused, for how long, and when it ends.

use super::detector::Detector;
use super::level::{BlockLevel, NodeId};
use super::memory::Local;
use super::node::{Node, State};
use super::path::{PATH, Path, level_at, slot_at};
use super::reason::AlertKind;
use super::tree::{Block, Brink};
use super::tuning::Tuning;
use super::view::View;

/// A struck block is remembered as such for half a day.
const STRIKE_MS: u64 = 12 * 3_600_000;

/// A block where real people live ends after so many seconds of silence, however few they are.
const LONGEST_SILENCE: f32 = 7_200.0;

impl Detector {
    /// Looks at every node of a path, finest first, and changes states that evidence changes.
    pub(super) fn evaluate(&mut self, now: u64, path: &Path, local: &Local, price: u32) {
        let tuning = &self.terms.tuning;
        let least = tuning.ask_at.min(tuning.refuse_at).min(tuning.refuse_in_context);
        let is_common_alarm = self.view(path, local).is_common_alarm();
        let least = if is_common_alarm { least.min(tuning.ask_together) } else { least };
        for place in 0..PATH {
            let slot = slot_at(path, place);
            let Some(node) = self.tree.at(slot).filter(|node| !self.is_calm(node, now, least))
            else {
                continue;
            };
            let node = *node;
            if node.state == State::Refusing || self.operator.forbids(self.now, node.id) {
                continue;
            }
            let (tuning, level) = (&self.terms.tuning, level_at(place));
            let id = NodeId::from_bits(node.id).unwrap_or(NodeId::pool(level));
            let mut evidence = node.evidence();
            if tuning.parts.share && level.is_block() && node.share >= tuning.share_at {
                let until = now.saturating_add((tuning.share_hold * 1_000.0) as u64);
                evidence = evidence.max(tuning.ask_at);
                if node.share_until <= now {
                    self.alert(AlertKind::ShareUnexplained, id, node.share);
                }
                self.tree.ask_for_share(slot, until);
            } else if node.share_until > now {
                evidence = evidence.max(tuning.ask_at);
            }
            let view = self.view(path, local);
            if view.begins_to_ask(&node, place, evidence, price) {
                self.begin_asking(path, place, id, evidence);
            } else if view.ends_asking(&node, place, evidence) {
                self.tree.open(slot);
            }
            if self.view(path, local).begins_to_refuse(&node, place, evidence, price) {
                self.begin_refusing(now, path, place, local);
            }
        }
    }

    /// True if nothing below could change the node's state: almost always, so it is looked at before
    /// anything is copied.
    fn is_calm(&self, node: &Node, now: u64, least: f32) -> bool {
        node.state == State::Open
            && node.evidence() + node.asked.max(0.0) < least
            && node.share < self.terms.tuning.share_at
            && node.share_until <= now
    }

    fn begin_asking(&mut self, path: &Path, place: usize, id: NodeId, evidence: f32) {
        self.tree.ask(path, place, self.memory.is_young());
        self.alert(AlertKind::Asking, id, evidence);
        let level = id.level();
        if matches!(level, BlockLevel::Country | BlockLevel::KnownCountry | BlockLevel::Known) {
            self.alert(AlertKind::ConversionCollapsed, id, evidence);
        }
    }

    /// The node at `place` refuses from now on: the longer, the fewer honest people it turns away and
    /// the more often it did of late.
    pub(super) fn begin_refusing(&mut self, now: u64, path: &Path, place: usize, local: &Local) {
        let (slot, level) = (slot_at(path, place), level_at(place));
        let Some(node) = self.tree.at(slot).copied() else { return };
        let is_young = self.memory.is_young();
        self.tree.explain_open(path, place, is_young);
        let turned = self.view(path, local).turned_away_hourly(&node, place);
        let tuning = &self.terms.tuning;
        let (shortest, longest) = tuning.block_range;
        let (first, longest) = if is_young { tuning.young_block } else { (longest, longest) };
        let forgotten = node.strikes == 0 || node.until.saturating_add(STRIKE_MS) < now;
        let strikes = if forgotten { 0 } else { node.strikes };
        let base = tuning.block_harm / turned * 3_600.0;
        let seconds =
            (base.clamp(shortest, first) * f32::from(1_u16 << strikes.min(7))).min(longest);
        let until = now.saturating_add((seconds * 1_000.0) as u64);
        self.tree.refuse(slot, Block { since: now, until, strikes: strikes.saturating_add(1) });
        let id = NodeId::from_bits(node.id).unwrap_or(NodeId::pool(level));
        self.alert(AlertKind::BlockBegun, id, node.evidence() + node.asked);
    }

    /// Ends blocks that are over, before the next request counts as an attempt. Runs where a request
    /// is judged and where it is heard of, so that all gates release a block at the same request.
    pub(super) fn release_ended(&mut self, now: u64, path: &Path, local: &Local) -> [f32; PATH] {
        let rates = self.tree.refresh(now, path, local);
        for (place, rate) in rates.iter().enumerate() {
            let view = self.view(path, local);
            let Some(node) = view.node(place) else { continue };
            let Some(brink) = view.brink(now, node, place, *rate) else { continue };
            let (id, evidence) = (NodeId::from_bits(node.id), node.evidence());
            self.tree.release(now, slot_at(path, place), brink);
            if let Some(id) = id {
                self.alert(AlertKind::BlockLifted, id, evidence);
            }
        }
        rates
    }

    /// As [`release_ended`](Self::release_ended), unless that was done this very moment: by the
    /// assessment of the same request.
    pub(super) fn release_if_ended(&mut self, now: u64, path: &Path, local: &Local) {
        if !self.tree.is_present(now, path) {
            self.release_ended(now, path, local);
        }
    }
}

impl View<'_> {
    /// Whether an open node begins to ask.
    fn begins_to_ask(&self, node: &Node, place: usize, evidence: f32, price: u32) -> bool {
        node.state == State::Open
            && evidence >= self.asks_from(place)
            && self.is_worth_asking(node, level_at(place), price)
    }

    /// Whether a node that asks has nothing left to ask for.
    fn ends_asking(&self, node: &Node, place: usize, evidence: f32) -> bool {
        let ask_at = self.asks_from(place);
        node.state == State::Asking
            && evidence < (ask_at - self.terms.tuning.ask_hysteresis).max(ask_at / 2.0)
            && !self.step_ups_fail(node)
    }

    /// Whether a node that does not refuse begins to.
    fn begins_to_refuse(&self, node: &Node, place: usize, evidence: f32, price: u32) -> bool {
        let (tuning, level) = (&self.terms.tuning, level_at(place));
        if level.only_asks() || (level == BlockLevel::Away && !tuning.parts.far) {
            return false;
        }
        // inside an alarm failed step-ups lower the threshold, or a coarser node that has paid it, and
        // not mere company
        let threshold = if node.asked >= 0.6 || self.is_proved(place) {
            self.threshold(place)
        } else {
            tuning.refuse_at
        };
        evidence + node.asked >= threshold
            && self.is_worth_refusing(node, place, price)
            && !self.is_spared(evidence)
    }

    /// Where a refusing node is left if its refusal is over: by time, because the attack went quiet, or
    /// because people come as they always do.
    pub(super) fn brink(&self, now: u64, node: &Node, place: usize, rate: f32) -> Option<Brink> {
        if node.state != State::Refusing {
            return None;
        }
        let tuning = &self.terms.tuning;
        let honest = self.honest_rate(node, level_at(place));
        let silence = now.saturating_sub(node.last_attempt) as f32 / 1_000.0;
        let (least, most) = tuning.silence_range;
        // where real people live a block may outlast its attack by ten minutes, or for as long as it
        // hardly turns one of them away: a slow attack is silent for longer than that. Not where people
        // at home are to blame and a coarser node asks them: many blocks would each turn a few away
        let turned = self.turned_away_hourly(node, place);
        let quiet = match node.is_home_to_blame(tuning.home_at) && self.is_explained(place) {
            true => 0.0,
            false => (tuning.quiet_harm / turned * 3_600.0).min(LONGEST_SILENCE),
        };
        let most = match node.verified_days() >= 1.0 {
            true => most.min(Tuning::INHABITED_SILENCE).max(quiet),
            false => most,
        };
        let silent = silence >= (tuning.silence_gaps * node.gap / 1_000.0).clamp(least, most);
        let calm = honest >= 1.0
            && now.saturating_sub(node.since) >= 120_000
            && node.attempts * 60.0 < (2.0 * rate).max(9.0);
        if now < node.until && !silent && !calm {
            return None;
        }
        let asked = node.asked.clamp(0.0, 2.0);
        let evidence = if self.memory.is_young() {
            tuning.young_refuse_at / 2.0
        } else {
            self.threshold(place) - tuning.half_open_gap - asked
        };
        Some(Brink { evidence, asked })
    }
}
