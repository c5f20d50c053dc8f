//! How sessions and step-ups change the evidence of their nodes.

use super::super::home::{is_from_home, is_suspicious};
use super::super::level::{BlockLevel, NodeId, Subject};
use super::super::memory::Local;
use super::super::node::Node;
use super::super::path::{Path, is_clients, level_at, levels, pick};
use super::super::session::Session;
use super::super::table::{NONE, Slot};
use super::super::tuning::Tuning;
use super::Tree;

/// What became of a step-up.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pumping) struct StepUp {
    /// It is out no longer.
    pub(in crate::pumping) is_over: bool,
    pub(in crate::pumping) passed: bool,
    pub(in crate::pumping) failed: bool,
}

impl Tree {
    /// Counts a request at its nodes.
    pub(in crate::pumping) fn attempted(&mut self, now: u64, path: &Path) {
        self.each(path, |node| node.attempt(now));
    }

    /// Counts a session that is out again: one of a snapshot.
    pub(in crate::pumping) fn pend(&mut self, path: &Path) {
        self.each(path, |node| node.pending = node.pending.saturating_add(1));
    }

    /// A session is out no longer.
    pub(in crate::pumping) fn settle(&mut self, path: &Path) {
        self.each(path, |node| node.pending = node.pending.saturating_sub(1));
    }

    /// A step-up is out.
    pub(in crate::pumping) fn step_up_asked(&mut self, path: &Path) {
        self.each(path, |node| node.asking = node.asking.saturating_add(1));
    }

    /// A session begins at its nodes. Whoever was stepped up has been counted as a request before.
    pub(in crate::pumping) fn begin(
        &mut self,
        now: u64,
        nodes: &Path,
        stepped_up: bool,
        share_step: f32,
    ) {
        let share = self.terms.tuning.parts.share;
        for (place, slot) in nodes.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            if !stepped_up {
                node.attempt(now);
            }
            if share && level_at(place).is_block() {
                node.share = (node.share + share_step).min(60.0);
            }
        }
    }

    /// What a session counts in the share detector.
    pub(in crate::pumping) fn share_step(&self, path: &Path, local: &Local) -> f32 {
        let tuning = &self.terms.tuning;
        if !is_from_home(path) && local.far.is_some() {
            return tuning.share_far.ln();
        }
        let is_at_home = path.get(12) == Some(&NONE) && self.is_trusted_client(path);
        std::f32::consts::LN_2 * if is_at_home { tuning.share_home } else { 1.0 }
    }

    /// Whether more codes are out at one of the nodes than a quarter of what it may have out.
    ///
    /// Only then does it matter to count an open session before it settles: where few are out, few
    /// more go out in the minute until then. Which of a session's projections are counted may depend
    /// on anything that is known at that moment, so the bound holds; and an ordinary session is
    /// looked at once instead of four times.
    pub(in crate::pumping) fn is_crowded(&self, path: &Path) -> bool {
        path.iter().zip(levels()).any(|(slot, level)| {
            self.table.at(*slot).is_some_and(|node| {
                let window = Tuning::of(&self.terms.tuning.window, *level);
                4.0 * f32::from(node.pending) > window + node.verified_quarter
            })
        })
    }

    /// Adds an open session's evidence to its path: what has come since it was last counted.
    pub(in crate::pumping) fn accrue(
        &mut self,
        session: &Session,
        stage: usize,
        weight: (f32, f32),
        is_young: bool,
    ) {
        let shade = self.shade(&session.path, is_young);
        let unsent_weight = self.unsent_weight(is_young);
        let terms = &self.terms;
        let applied = usize::from(session.stage).checked_sub(1);
        let from_home = is_from_home(&session.path);
        for (place, (slot, level)) in session.nodes().iter().zip(levels()).enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            let level = *level;
            let factor = pick(weight, level)
                * shade.at(place)
                * session.share_at(place, &terms.tuning, unsent_weight);
            let steps = terms.bets.at(session.null, level).map(|bet| {
                let before = applied.and_then(|i| bet.open.get(i)).copied();
                let after = bet.open.get(stage).copied().unwrap_or(0.0);
                (after - before.unwrap_or(0.0)) * factor
            });
            if from_home {
                node.count_home(place, steps[0]);
            }
            let mut grown = node.bets;
            for (s, step) in grown.iter_mut().zip(steps) {
                *s = (*s + step).min(60.0);
            }
            if is_suspicious(grown) {
                node.open_account();
            }
            node.bets = grown;
        }
    }

    /// Gives back what an answered session has counted. `credited`: its code was that of a telephone;
    /// `hour`: the present one, since the epoch.
    pub(in crate::pumping) fn answered(
        &mut self,
        session: &Session,
        credited: bool,
        hour: u32,
        is_young: bool,
    ) {
        // what was counted against an open session is given back
        let applied = usize::from(session.stage).checked_sub(1);
        let shade = applied.map(|_| self.shade(&session.path, is_young));
        let unsent_weight = self.unsent_weight(is_young);
        let terms = &self.terms;
        let share_credit = terms.tuning.share_credit;
        // a code of the same number was entered, and where a text went out that is credited
        let unheard = |place: usize| !credited || session.unsent && !is_clients(place);
        let from_home = is_from_home(&session.path);
        for (place, (slot, level)) in session.nodes().iter().zip(levels()).enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            if session.stage < 4 {
                node.pending = node.pending.saturating_sub(1);
            }
            if node.bets != [0.0; 2] {
                let shade = shade.as_ref().map_or(1.0, |shade| shade.at(place));
                let share = pick(session.weight, *level)
                    * session.share_at(place, &terms.tuning, unsent_weight);
                let steps = terms.bets.at(session.null, *level).map(|bet| {
                    let before = applied.and_then(|i| bet.open.get(i)).copied().unwrap_or(0.0);
                    let credit = if unheard(place) { 0.0 } else { bet.verified };
                    credit - before * share * shade
                });
                if from_home {
                    node.count_home(place, steps[0]);
                }
                for (s, step) in node.bets.iter_mut().zip(steps) {
                    *s = (*s + step).max(0.0);
                }
            }
            if unheard(place) {
                continue;
            }
            node.verified_quarter += 1.0;
            // what is ordinary at an address, and whether it is trusted, new numbers say
            if (session.known || session.unsent) && level.is_address() {
                continue;
            }
            if *level == BlockLevel::Host {
                node.verified_from(session.country);
            }
            node.verified_slow += 1.0;
            node.today += 1.0;
            node.warm = hour;
            if level.is_block() {
                node.share = (node.share - share_credit).max(0.0);
            }
        }
    }

    /// A returning customer proves that his range is inhabited.
    pub(in crate::pumping) fn warm(
        &mut self,
        now: u64,
        subject: &Subject,
        local: &Local,
        hour: u32,
    ) {
        for level in [BlockLevel::HundredThousand, BlockLevel::Million] {
            let slot = self.obtain(now, NodeId::block(level, subject.digits), local);
            if let Some(node) = self.table.at_mut(slot) {
                node.warm = hour;
            }
        }
    }

    /// A session's text did not arrive: it weighs less from now on, and so does what it has counted.
    pub(in crate::pumping) fn undelivered(&mut self, session: &Session, is_young: bool) {
        let Some(applied) = usize::from(session.stage).checked_sub(1) else { return };
        let shade = self.shade(&session.path, is_young);
        let unsent_weight = self.unsent_weight(is_young);
        let terms = &self.terms;
        for (place, slot) in session.nodes().iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            let level = level_at(place);
            let spared = pick(session.weight, level)
                * (1.0 - session.share_at(place, &terms.tuning, unsent_weight));
            let steps = terms.bets.at(session.null, level).map(|bet| {
                -bet.open.get(applied).copied().unwrap_or(0.0) * spared * shade.at(place)
            });
            if is_from_home(&session.path) {
                node.count_home(place, steps[0]);
            }
            for (s, step) in node.bets.iter_mut().zip(steps) {
                *s = (*s + step).max(0.0);
            }
        }
    }

    /// Adds what a step-up says to its nodes. `around` are the nodes of a stranger's request, which
    /// say what hides evidence from which; a step-up of a known number says nothing of people at home.
    pub(in crate::pumping) fn step_up(
        &mut self,
        (known, path, around): (bool, &Path, &Path),
        became: StepUp,
        step: f32,
        is_young: bool,
    ) {
        let shade = self.shade(around, is_young);
        let tuning = &self.terms.tuning;
        let (low, high) = tuning.asked_range;
        let active = tuning.parts.asked_evidence;
        let from_home = !known && is_from_home(path);
        for (place, slot) in path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            if became.is_over {
                node.asking = node.asking.saturating_sub(1);
            }
            node.passed += f32::from(u8::from(became.passed));
            node.failed += f32::from(u8::from(became.failed));
            if active {
                let share = if step > 0.0 { shade.at(place) } else { 1.0 };
                node.asked = (node.asked + step * share).clamp(low, high);
                if from_home {
                    node.count_home_step_up(place, step * share, (low, high));
                }
            }
        }
    }

    /// Adds to the bet of the pool of what is far: see `afar`.
    pub(in crate::pumping) fn count_afar(&mut self, pool: Slot, step: f32, most: f32) {
        if let Some(node) = self.table.at_mut(pool) {
            node.set_afar((node.afar() + step).clamp(0.0, most));
        }
    }

    /// What a session without a text weighs at its number's side. In a realm without history everybody
    /// can do what is asked there, and sees that it is.
    fn unsent_weight(&self, is_young: bool) -> f32 {
        if is_young { 1.0 } else { self.terms.tuning.unsent_weight }
    }
}

impl Node {
    /// See [`Tree::is_trusted_client`].
    pub(in crate::pumping) fn is_trusted_host(&self) -> bool {
        self.verified_days() >= 2.0 && self.asked <= 0.5 && self.evidence() < 1.0
    }

    /// Counts a request.
    fn attempt(&mut self, now: u64) {
        self.attempts += 1.0;
        if self.last_attempt > 0 {
            let gap = now.saturating_sub(self.last_attempt) as f32;
            self.gap += 0.2 * (gap - self.gap);
        }
        self.last_attempt = now;
    }
}
