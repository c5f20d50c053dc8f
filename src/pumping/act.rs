//! From evidence to action: who is asked, who is refused, for how long, and when it ends.

use super::costs::Costs;
use super::detector::Detector;
use super::level::{BlockLevel, NodeId, Subject};
use super::memory::Local;
use super::node::{Node, State};
use super::path::levels;
use super::reason::AlertKind;
use super::session::PATH;
use super::table::{NONE, Slot};
use super::tuning::Tuning;

/// A struck block is remembered as such for half a day.
const STRIKE_MS: u64 = 12 * 3_600_000;

impl Detector {
    /// Looks at every node of a path, finest first, and changes states that evidence changes.
    pub(super) fn evaluate(&mut self, now: u64, path: &[Slot; PATH], local: &Local, price: u32) {
        let tuning = &self.terms.tuning;
        let least = tuning.ask_at.min(tuning.refuse_at).min(tuning.refuse_in_context);
        for (place, (slot, level)) in path.iter().zip(levels()).enumerate() {
            let (slot, level) = (*slot, *level);
            let Some(node) = self.table.at(slot).filter(|node| !self.is_calm(node, now, least))
            else {
                continue;
            };
            let node = *node;
            if node.state == State::Refusing || self.forbidden(node.id) {
                continue;
            }
            let id = NodeId::from_bits(node.id).unwrap_or(NodeId::pool(level));
            let mut evidence = node.evidence();
            if self.terms.tuning.parts.share
                && level.is_block()
                && node.share >= self.terms.tuning.share_at
            {
                let until = now.saturating_add((self.terms.tuning.share_hold * 1_000.0) as u64);
                if node.share_until <= now {
                    self.alert(AlertKind::ShareUnexplained, id, node.share);
                }
                if let Some(node) = self.table.at_mut(slot) {
                    node.share_until = until;
                }
                evidence = evidence.max(self.terms.tuning.ask_at);
            } else if node.share_until > now {
                evidence = evidence.max(self.terms.tuning.ask_at);
            }
            if node.state == State::Open
                && evidence >= self.terms.tuning.ask_at
                && self.is_worth_asking(&node, level, path, local, price)
            {
                self.begin_asking(path, place, level, id, evidence);
            } else if node.state == State::Asking
                && evidence < self.terms.tuning.ask_at - self.terms.tuning.ask_hysteresis
                && !self.step_ups_fail(&node)
                && let Some(node) = self.table.at_mut(slot)
            {
                node.state = State::Open;
            }
            if level.only_asks() || (level == BlockLevel::Away && !self.terms.tuning.parts.far) {
                continue;
            }
            // inside an alarm failed step-ups lower the threshold, or a coarser node that has paid it, and
            // not mere company
            let threshold = if node.asked >= 0.6 || self.is_proved(path, place) {
                self.threshold(path, place)
            } else {
                self.terms.tuning.refuse_at
            };
            if evidence + node.asked >= threshold
                && self.is_worth_refusing(&node, (place, level), path, local, price)
                && !self.is_spared(evidence)
            {
                self.begin_refusing(now, path, place, level, id, local);
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

    /// While asked-for step-ups keep failing the attack goes on, although it no longer shows in what
    /// is sent; opening now would only let it flare up again.
    fn step_ups_fail(&self, node: &Node) -> bool {
        let share = self.terms.tuning.failing_share;
        node.failed >= 1.0 && node.failed >= share * (node.passed + node.failed)
    }

    /// True when a coarser node of the path is already acted on.
    pub(super) fn is_covered(&self, path: &[Slot; PATH], place: usize) -> bool {
        self.is_inside(path, place, |node| node.state != State::Open)
    }

    /// True when a coarser node of the path has paid what a refusal asks for, and asks only because
    /// people live there.
    fn is_proved(&self, path: &[Slot; PATH], place: usize) -> bool {
        let enough = self.terms.tuning.proved_at;
        self.is_inside(path, place, |node| node.state != State::Open && node.evidence() >= enough)
    }

    fn is_inside(&self, path: &[Slot; PATH], place: usize, is: impl Fn(&Node) -> bool) -> bool {
        let acted = |slot: &Slot| self.table.at(*slot).is_some_and(&is);
        match place {
            0..=4 => {
                let coarser = path.iter().take(9).skip(place.saturating_add(1));
                coarser.chain(path.iter().skip(12)).any(acted)
            }
            12 => path.iter().skip(13).chain(path.get(5)).any(acted),
            6 => path.iter().take(9).skip(7).any(acted),
            _ => false,
        }
    }

    fn begin_asking(
        &mut self,
        path: &[Slot; PATH],
        place: usize,
        level: BlockLevel,
        id: NodeId,
        evidence: f32,
    ) {
        let slot = path.get(place).copied().unwrap_or(NONE);
        if let Some(node) = self.table.at_mut(slot) {
            node.open_account();
            node.state = State::Asking;
        }
        self.explain_away(path, place);
        self.alert(AlertKind::Asking, id, evidence);
        if matches!(level, BlockLevel::Country | BlockLevel::KnownCountry | BlockLevel::Known) {
            self.alert(AlertKind::ConversionCollapsed, id, evidence);
        }
    }

    /// What this node explains no longer counts against the coarser ones.
    fn explain_away(&mut self, path: &[Slot; PATH], place: usize) {
        let slot = path.get(place).copied().unwrap_or(NONE);
        let Some((own, home)) = self.table.at(slot).map(|node| (node.bets, node.home.sessions))
        else {
            return;
        };
        let kept = 1.0 - self.terms.tuning.pass_up;
        let coarser = match place {
            // what a young realm's block asks for stops nobody who solves it: nothing is explained away
            0..=6 => match self.memory.is_young() {
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
                for (s, o) in node.bets.iter_mut().zip(own) {
                    *s = (*s - kept * o).max(0.0);
                }
                if !node.is_far() {
                    node.home.sessions = (node.home.sessions - kept * home).max(0.0);
                }
            }
        }
    }

    /// Evidence from which a node may refuse: less where a coarser node is already acted on.
    pub(super) fn threshold(&self, path: &[Slot; PATH], place: usize) -> f32 {
        if self.terms.tuning.parts.context && self.is_covered(path, place) {
            self.terms.tuning.refuse_in_context
        } else {
            self.terms.tuning.refuse_at
        }
    }

    pub(super) fn begin_refusing(
        &mut self,
        now: u64,
        path: &[Slot; PATH],
        place: usize,
        level: BlockLevel,
        id: NodeId,
        local: &Local,
    ) {
        let slot = path.get(place).copied().unwrap_or(NONE);
        let Some(node) = self.table.at(slot).copied() else { return };
        if node.state == State::Open {
            self.explain_away(path, place);
        }
        let honest = self.honest_rate(&node, level, path, local).max(0.01);
        let (shortest, longest) = self.terms.tuning.block_range;
        let (first, longest) =
            if self.memory.is_young() { self.terms.tuning.young_block } else { (longest, longest) };
        let forgotten = node.strikes == 0 || node.until.saturating_add(STRIKE_MS) < now;
        let strikes = if forgotten { 0 } else { node.strikes };
        let base = self.terms.tuning.block_harm / honest * 3_600.0;
        let seconds =
            (base.clamp(shortest, first) * f32::from(1_u16 << strikes.min(7))).min(longest);
        if let Some(node) = self.table.at_mut(slot) {
            node.open_account();
            node.state = State::Refusing;
            node.strikes = strikes.saturating_add(1);
            node.since = now;
            node.until = now.saturating_add((seconds * 1_000.0) as u64);
        }
        self.alert(AlertKind::BlockBegun, id, node.evidence() + node.asked);
    }

    /// Honest new sessions an hour the node would have without an attack: the lagged baseline, and
    /// for a node too young to have one, its expected share of what its country verifies today.
    pub(super) fn honest_rate(
        &self,
        node: &Node,
        level: BlockLevel,
        path: &[Slot; PATH],
        local: &Local,
    ) -> f32 {
        let lagged = node.customers() / 24.0 * local.season / local.conversion;
        if level.is_block() {
            let country = path.get(5).and_then(|slot| self.table.at(*slot));
            let total = country.map_or(0.0, |c| c.verified_slow - node.verified_slow).max(0.0);
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
    fn is_worth_asking(
        &self,
        node: &Node,
        level: BlockLevel,
        path: &[Slot; PATH],
        local: &Local,
        price: u32,
    ) -> bool {
        let honest = self.honest_rate(node, level, path, local);
        let excess = (node.attempts * 60.0 - honest).max(1.0);
        excess * price as f32 / 1e6 >= self.terms.costs.challenge_cost * honest
    }

    /// Refusing is worth it when what bots would still spend through the step-up exceeds the value
    /// of the honest new users turned away.
    fn is_worth_refusing(
        &self,
        node: &Node,
        (place, level): (usize, BlockLevel),
        path: &[Slot; PATH],
        local: &Local,
        price: u32,
    ) -> bool {
        // people at home and behind trusted addresses are asked, not refused
        let honest = self.honest_rate(node, level, path, local);
        let lost = honest * self.turned_away(node, place, local);
        self.is_dearer(node, price, (honest, lost))
    }

    /// Whether what bots would spend through the step-up exceeds the value of those `lost` of so many
    /// honest new users an hour.
    pub(super) fn is_dearer(&self, node: &Node, price: u32, (honest, lost): (f32, f32)) -> bool {
        let attempts = node.attempts * 60.0;
        let passing = (node.passed + 1.0) / (node.passed + node.failed + 4.0);
        let price = price as f32 / 1e6;
        passing * (attempts - honest).max(0.0) * price > self.user_value() * lost
    }

    /// True for a node of a realm without history until texts have shown far more than elsewhere: to
    /// close it must cost more than a few dozen of them where nobody can say what is ordinary. Failed
    /// step-ups cost nothing and count for nothing here.
    pub(super) fn is_spared(&self, evidence: f32) -> bool {
        evidence < self.terms.tuning.young_refuse_at && self.memory.is_young()
    }

    /// What one new user weighs at a host of this size.
    fn user_value(&self) -> f32 {
        let Costs { user_value, reference_daily, .. } = self.terms.costs;
        if reference_daily <= 0.0 {
            return user_value;
        }
        let everyone = self.table.find(NodeId::pool(BlockLevel::Everyone));
        let Some(node) = everyone.and_then(|slot| self.table.at(slot)) else { return user_value };
        let daily = node.daily().max(24.0 * self.hourly(node.verified_slow));
        // Before there is a baseline nobody knows how small the host is, only how big at least.
        let most = if node.daily() > 0.0 { 7.0 } else { 0.5 };
        user_value * (reference_daily / daily.max(1.0)).clamp(0.1, most)
    }

    /// Ends a block that is over: by time, or because the attack went quiet. The node then asks, on
    /// the brink of refusing again.
    pub(super) fn release(
        &mut self,
        now: u64,
        path: &[Slot; PATH],
        place: usize,
        level: BlockLevel,
        rate: f32,
        local: &Local,
    ) {
        let slot = path.get(place).copied().unwrap_or(NONE);
        let refusing = |node: &&Node| node.state == State::Refusing;
        let Some(node) = self.table.at(slot).filter(refusing).copied() else { return };
        let honest = self.honest_rate(&node, level, path, local);
        let silence = now.saturating_sub(node.last_attempt) as f32 / 1_000.0;
        let (least, most) = self.terms.tuning.silence_range;
        // where real people live a block may not outlast its attack by more than ten minutes
        let most = if node.verified_days() >= 1.0 { most.min(500.0) } else { most };
        let silent =
            silence >= (self.terms.tuning.silence_gaps * node.gap / 1_000.0).clamp(least, most);
        let calm = honest >= 1.0
            && now.saturating_sub(node.since) >= 120_000
            && node.attempts * 60.0 < (2.0 * rate).max(9.0);
        if now < node.until && !silent && !calm {
            return;
        }
        let asked = node.asked.clamp(0.0, 2.0);
        let brink = if self.memory.is_young() {
            self.terms.tuning.young_refuse_at / 2.0
        } else {
            self.threshold(path, place) - self.terms.tuning.half_open_gap - asked
        };
        if let Some(node) = self.table.at_mut(slot) {
            node.state = State::Asking;
            node.asked = asked;
            let s = brink.max(0.0) + std::f32::consts::LN_2;
            node.bets = [s, s];
            node.home.sessions = node.home.sessions.min(s);
            node.home.asked = node.home.asked.clamp(0.0, 2.0);
            node.until = now;
        }
        if let Some(id) = NodeId::from_bits(node.id) {
            self.alert(AlertKind::BlockLifted, id, node.evidence());
        }
    }

    /// True while an operator's own block covers one of the path's nodes.
    pub(super) fn operator_block(&self, now: u64, subject: &Subject) -> Option<(NodeId, u64)> {
        if self.operator.is_silent() {
            return None;
        }
        let names = Self::names(subject);
        let places = if self.memory.is_away(subject, now) { 14 } else { 12 };
        self.operator.blocks(self.now, names.get(..places).unwrap_or_default())
    }

    pub(super) fn window_of(&self, node: &Node, level: BlockLevel, rate: f32) -> f32 {
        Tuning::of(&self.terms.tuning.window, level) + node.verified_quarter + rate / 60.0
    }
}
