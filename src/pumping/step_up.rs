//! Challenge results as evidence: an e-value whose null is that at most 15 % of honest people fail.
//!
//! A pass takes little and a failure adds much, but never more than the null allows, and passes are
//! bounded credit: a solving farm buys a delay, not innocence. What was asked and not answered counts
//! step by step as it grows old, so an abandoned step-up needs no event.

use super::detector::Detector;
use super::level::Subject;
use super::node::Node;
use super::path::Shade;
use super::session::{OpenStepUp, session_key};

/// Step-ups out at once that are remembered; beyond it, new ones are asked but not counted.
const STEP_UPS: usize = 16_384;

impl Detector {
    pub(super) fn asked(&mut self, now: u64, subject: &Subject) {
        self.attempted(now, subject);
        let key = session_key(subject);
        if self.sessions.answers.get(&key).is_some_and(|answer| answer.passed >= now) {
            return;
        }
        if self.sessions.step_ups.contains_key(&key) || self.sessions.step_ups.len() >= STEP_UPS {
            return;
        }
        self.sessions.generation = self.sessions.generation.wrapping_add(1);
        let generation = self.sessions.generation;
        self.sessions
            .step_ups
            .insert(key, OpenStepUp { subject: *subject, asked_at: now, stage: 0, generation });
        for (queue, after) in self.sessions.step_up_queues.iter_mut().zip(self.tuning.asked_stages)
        {
            queue.push_back((now.saturating_add((after * 1_000.0) as u64), key, generation));
        }
        let known = self.is_known(subject, now);
        let path = self.find_path(subject, known);
        self.each(&path, |node| node.asking = node.asking.saturating_add(1));
    }

    pub(super) fn passed(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        let stage = self.sessions.step_ups.remove(&key).map(|open| open.stage);
        let done = stage.unwrap_or(0);
        self.sessions.remember(key, now, |answer| answer.passed = now);
        let step = self.tuning.pass_factor.ln() - self.asked_level(done);
        self.asked_evidence(now, subject, step, |node| {
            if stage.is_some() {
                node.asking = node.asking.saturating_sub(1);
            }
            node.passed += 1.0;
        });
    }

    pub(super) fn failed(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        if let Some(open) = self.sessions.step_ups.remove(&key) {
            self.sessions.count_failure(subject.digits, now);
            let step = self.asked_level(3) - self.asked_level(open.stage);
            self.asked_evidence(now, subject, step, |node| {
                node.asking = node.asking.saturating_sub(1);
                node.failed += 1.0;
            });
        }
    }

    pub(super) fn step_up_ages(&mut self, at: u64, key: u64, open: OpenStepUp, stage: usize) {
        let after = u8::try_from(stage.saturating_add(1)).unwrap_or(3);
        let step = self.asked_level(after) - self.asked_level(open.stage);
        let is_over = after >= 3;
        if is_over {
            self.sessions.step_ups.remove(&key);
            self.sessions.count_failure(open.subject.digits, at);
        } else if let Some(entry) = self.sessions.step_ups.get_mut(&key) {
            entry.stage = after;
        }
        self.asked_evidence(at, &open.subject, step, |node| {
            if is_over {
                node.asking = node.asking.saturating_sub(1);
                node.failed += 1.0;
            }
        });
    }

    /// Cumulated evidence of a step-up unanswered for so many stages. Honest people are assumed to
    /// answer no faster than 35 % and 65 % within the first two.
    pub(super) fn asked_level(&self, stage: u8) -> f32 {
        let fail = self.tuning.honest_failure;
        let good = self.tuning.pass_factor;
        let bad = (1.0 - (1.0 - fail) * good) / fail;
        let answered = match stage {
            0 => return 0.0,
            1 => 0.35,
            2 => 0.65,
            _ => return bad.ln(),
        };
        let still = (1.0 - fail) * (1.0 - answered) / (1.0 - (1.0 - fail) * answered);
        (good * still + bad * (1.0 - still)).ln()
    }

    pub(super) fn asked_evidence(
        &mut self,
        now: u64,
        subject: &Subject,
        step: f32,
        mut count: impl FnMut(&mut Node),
    ) {
        let known = self.is_known(subject, now);
        let path = self.find_path(subject, known);
        let local = self.local(now, subject.region);
        self.refresh(now, &path, known, &local);
        let shade = Shade::of(&self.table, &path, known, self.tuning.pass_up);
        let (low, high) = self.tuning.asked_range;
        let active = self.tuning.parts.asked_evidence;
        for (place, slot) in path.iter().enumerate() {
            let Some(node) = self.table.at_mut(*slot) else { continue };
            count(node);
            if active {
                let share = if step > 0.0 { shade.at(place) } else { 1.0 };
                node.asked = (node.asked + step * share).clamp(low, high);
            }
        }
        self.evaluate(now, &path, known, &local, subject.price_microusd);
    }
}
