//! Challenge results as evidence: an e-value whose null is that at most 15 % of honest people fail.
//!
//! A pass takes little and a failure adds much, but never more than the null allows, and passes are
//! bounded credit: a solving farm buys a delay, not innocence. What was asked and not answered counts
//! step by step as it grows old, so an abandoned step-up needs no event.

use super::detector::Detector;
use super::level::Subject;
use super::path::{CLIENT, Path, only, places_of};
use super::session::{OpenStepUp, session_key};
use super::tree::StepUp;

/// What a line that is as expected multiplies the evidence by. Close to one: most numbers that pump
/// are mobile, and their lines must not wash off what unanswered step-ups said.
const ALIKE: f32 = 0.97;

/// What a line adds: an e-value, since `(1 − q)·ALIKE + q·unlike = 1` where `q` is the share of honest
/// lines that are not what their block was assigned for.
fn line_step(unlike_at_most: f32, alike: bool) -> f32 {
    match alike {
        true => ALIKE.ln(),
        false => ((1.0 - (1.0 - unlike_at_most) * ALIKE) / unlike_at_most).ln(),
    }
}

impl Detector {
    /// A step-up was asked. While one of the session is out, or was answered at another gate before
    /// this one heard of the question, it is a request like any other.
    pub(super) fn asked(&mut self, now: u64, subject: &Subject) {
        self.attempted(now, subject);
        let key = session_key(subject);
        if self.sessions.answer(key).is_some_and(|answer| answer.passed >= now) {
            return;
        }
        if !self.sessions.step_ups.has_room_for(key) {
            return;
        }
        let known = self.memory.is_known(subject, now);
        let path = self.find_path(now, subject, known);
        let (subject, places) = (*subject, places_of(&path));
        let open = OpenStepUp { subject, asked_at: now, places, known, stage: 0, generation: 0 };
        self.sessions.step_ups.add(open);
        self.tree.step_up_asked(&path);
    }

    /// A step-up was passed: what it had counted as one that is not is given back.
    pub(super) fn passed(&mut self, now: u64, subject: &Subject) {
        let key = session_key(subject);
        let open = self.sessions.step_ups.take(key);
        let done = open.map_or(0, |open| open.stage);
        self.sessions.remember(key, now, |answer| answer.passed = now);
        let step = self.terms.tuning.pass_factor.ln() - self.asked_level(done);
        let (known, path) = if let Some(open) = &open {
            self.asked_path(open)
        } else {
            let known = self.memory.is_known(subject, now);
            (known, self.find_path(now, subject, known))
        };
        let became = StepUp { is_over: open.is_some(), passed: true, failed: false };
        self.asked_evidence(now, subject, (known, &path), step, became);
    }

    /// A step-up was failed outright, which counts for all that is left of it.
    pub(super) fn failed(&mut self, now: u64, subject: &Subject) {
        if let Some(open) = self.sessions.step_ups.take(session_key(subject)) {
            self.sessions.numbers.count_failure(subject.digits, now);
            let step = self.asked_level(3) - self.asked_level(open.stage);
            let (known, path) = self.asked_path(&open);
            let became = StepUp { is_over: true, passed: false, failed: true };
            self.asked_evidence(now, subject, (known, &path), step, became);
        }
    }

    /// What a network says of a line, as evidence of its own. The null is that of step-ups: at most
    /// [`Tuning::honest_failure`](super::Tuning::honest_failure) of a market's customers have a number
    /// that was assigned as mobile and is something else.
    pub(super) fn line(&mut self, now: u64, subject: &Subject, alike: bool) {
        let known = self.memory.is_known(subject, now);
        // Who asks must not see what the network said of a number.
        let path = only(&self.find_path(now, subject, known), !CLIENT);
        let step = line_step(self.terms.tuning.honest_failure, alike);
        self.asked_evidence(now, subject, (known, &path), step, StepUp::default());
    }

    /// A step-up is unanswered for as long as `stage` says; at the third it has failed.
    pub(super) fn step_up_ages(&mut self, at: u64, key: u64, open: OpenStepUp, stage: usize) {
        let after = u8::try_from(stage.saturating_add(1)).unwrap_or(3);
        let step = self.asked_level(after) - self.asked_level(open.stage);
        let is_over = after >= 3;
        if is_over {
            self.sessions.step_ups.take(key);
            self.sessions.numbers.count_failure(open.subject.digits, at);
        } else {
            self.sessions.step_ups.grow(key, after);
        }
        let (known, path) = self.asked_path(&open);
        let became = StepUp { is_over, passed: false, failed: is_over };
        self.asked_evidence(at, &open.subject, (known, &path), step, became);
    }

    /// Cumulated evidence of a step-up unanswered for so many stages. Honest people are assumed to
    /// answer no faster than 35 % and 65 % within the first two.
    fn asked_level(&self, stage: u8) -> f32 {
        let fail = self.terms.tuning.honest_failure;
        let good = self.terms.tuning.pass_factor;
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

    /// The nodes that counted a step-up when it was asked: meanwhile a block may have become warm, a
    /// network seen or a number known, and what was counted in must be counted out.
    fn asked_path(&self, open: &OpenStepUp) -> (bool, Path) {
        (open.known, self.tree.path_of(&open.subject, open.places))
    }

    fn asked_evidence(
        &mut self,
        now: u64,
        subject: &Subject,
        (known, path): (bool, &Path),
        step: f32,
        became: StepUp,
    ) {
        let local = self.local(now, subject.region);
        self.tree.refresh(now, path, &local);
        let around = if known { self.find_path(now, subject, false) } else { *path };
        let is_young = self.memory.is_young();
        self.tree.step_up((known, path, &around), became, step, is_young);
        if !known {
            self.step_up_together(now, path, step);
        }
        self.evaluate(now, path, &local, subject.price_microusd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expectation of an e-value is one where the null holds with equality, and less inside it.
    #[test]
    fn what_networks_say_of_honest_lines_is_no_evidence() {
        for most in [0.05_f32, 0.15, 0.3] {
            let mean = |share: f32| {
                (1.0 - share) * line_step(most, true).exp() + share * line_step(most, false).exp()
            };
            assert!((mean(most) - 1.0).abs() < 1e-6, "{most}: {}", mean(most));
            assert!(mean(most / 2.0) < 1.0 && mean(0.0) < 1.0 && mean(most * 2.0) > 1.0);
        }
    }
}
