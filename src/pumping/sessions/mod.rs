//! [`Sessions`]: open sessions, open step-ups and per-number counts, which live minutes, not weeks.

mod dues;
mod numbers;
mod ripening;
mod step_ups;

use std::collections::VecDeque;

use super::evidence::STAGES;
use super::session::{Answer, OpenStepUp, SESSION_MS, Session};
use super::table::{KeyMap, NONE, Slot};
use super::tuning::Tuning;

pub(super) use numbers::{NUMBER_KEEP_MS, NumberCount, Numbers};
use ripening::Ripening;
pub(super) use step_ups::StepUps;

/// All open records, bounded.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    slab: Vec<Session>,
    free: Vec<Slot>,
    index: KeyMap<Slot>,
    ripening: Ripening,
    pub(super) step_ups: StepUps,
    pub(super) numbers: Numbers,
    /// Answers that came before the question did: another gate asked, or sent.
    answers: KeyMap<Answer>,
    answer_queue: VecDeque<(u64, u64)>,
    /// Since when a session is believed to be open of which no text went out.
    withheld: KeyMap<u64>,
    withheld_queue: VecDeque<(u64, u64)>,
    /// Sessions in the slab of which no text went out.
    unsent: usize,
    generation: u32,
    cap: usize,
}

impl Sessions {
    pub(super) fn new(tuning: &Tuning) -> Self {
        let cap = tuning.max_sessions.max(64);
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            index: KeyMap::default(),
            ripening: Ripening::default(),
            step_ups: StepUps::new(tuning.asked_stages),
            numbers: Numbers::new(cap),
            answers: KeyMap::default(),
            answer_queue: VecDeque::new(),
            withheld: KeyMap::default(),
            withheld_queue: VecDeque::new(),
            unsent: 0,
            generation: 0,
            cap,
        }
    }

    /// Where a session lies.
    pub(super) fn find(&self, key: u64) -> Option<Slot> {
        self.index.get(&key).copied()
    }

    /// What lies there: a session, or what is left of one.
    pub(super) fn at(&self, slot: Slot) -> Option<&Session> {
        self.slab.get(slot as usize)
    }

    /// A session that is not over.
    pub(super) fn open(&self, key: u64) -> Option<&Session> {
        self.find(key).and_then(|slot| self.at(slot)).filter(|s| s.live)
    }

    /// Every place, in order: sessions, and what is left of those that are over.
    pub(super) fn all(&self) -> &[Session] {
        &self.slab
    }

    /// Whether another session without a text finds room: they are free to have, and must not push
    /// out those of texts.
    pub(super) fn has_room_for_unsent(&self) -> bool {
        self.unsent < self.cap / 4
    }

    /// Adds a session; `None` when the cap is reached.
    pub(super) fn add(&mut self, mut session: Session) -> Option<Slot> {
        self.generation = self.generation.wrapping_add(1);
        session.generation = self.generation;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slab.len() < self.cap => {
                self.slab.push(session);
                u32::try_from(self.slab.len().saturating_sub(1)).unwrap_or(NONE)
            }
            None => return None,
        };
        if let Some(place) = self.slab.get_mut(slot as usize) {
            *place = session;
        }
        self.index.insert(session.key, slot);
        if session.unsent {
            self.unsent = self.unsent.saturating_add(1);
        }
        self.ripening.add(slot, &session);
        Some(slot)
    }

    /// Restored sessions come in slab order; they ripen in time order.
    pub(super) fn sort(&mut self, now: u64) {
        self.ripening.sort(now);
    }

    /// The next session that reaches the end of `stage` by `now`: when, and which. A verified one is
    /// counted and removed, and has nothing to ripen.
    pub(super) fn fall_due(&mut self, stage: usize, now: u64) -> Option<(u64, Slot, Session)> {
        while let Some(due) = self.ripening.next(stage, now) {
            if let Some(session) = self.slab.get(due.slot as usize)
                && session.live
                && session.generation == due.generation
                && (stage >= 3 || !session.verified)
            {
                return Some((due.at, due.slot, *session));
            }
        }
        None
    }

    /// The next step-up that reaches the end of `stage` by `now`.
    pub(super) fn step_up_due(&mut self, stage: usize, now: u64) -> Option<(u64, u64, OpenStepUp)> {
        self.step_ups.fall_due(stage, now)
    }

    /// Forgets numbers nobody has sent to for a day.
    pub(super) fn expire(&mut self, now: u64) {
        self.numbers.expire(now);
    }

    /// A session's evidence was counted up to `stage`, with this weight.
    pub(super) fn ripened(&mut self, slot: Slot, stage: u8, weight: (f32, f32)) {
        if let Some(session) = self.slab.get_mut(slot as usize) {
            session.stage = stage;
            session.weight = weight;
        }
    }

    /// Its code was entered.
    pub(super) fn verify(&mut self, slot: Slot) {
        if let Some(session) = self.slab.get_mut(slot as usize) {
            session.verified = true;
        }
    }

    /// Its text did not arrive: what it is now, unless that is known or its code was entered.
    pub(super) fn undelivered(&mut self, slot: Slot) -> Option<Session> {
        let session = self.slab.get_mut(slot as usize)?;
        if session.verified || session.undelivered {
            return None;
        }
        session.undelivered = true;
        Some(*session)
    }

    /// Forgets a session.
    pub(super) fn remove(&mut self, slot: Slot) {
        if let Some(session) = self.slab.get_mut(slot as usize)
            && session.live
        {
            session.live = false;
            self.index.remove(&session.key);
            if session.unsent {
                self.unsent = self.unsent.saturating_sub(1);
            }
            self.free.push(slot);
        }
    }

    /// Since when a session is believed to be open of which every text was withheld.
    pub(super) fn withheld_since(&self, key: u64, now: u64) -> Option<u64> {
        let since = self.withheld.get(&key).copied();
        since.filter(|since| now < since.saturating_add(SESSION_MS))
    }

    /// Whether a text of this session, sent or withheld, begins it.
    pub(super) fn begins(&self, key: u64, now: u64) -> bool {
        self.open(key).is_none_or(|session| session.verified)
            && self.withheld_since(key, now).is_none()
    }

    /// Whether the session's code has been out for longer than people take. One of which no text
    /// went out is no different from outside, and must not be here.
    pub(super) fn is_unanswered(&self, key: u64, now: u64) -> bool {
        let settled = |since: u64| now >= since.saturating_add(STAGES[3]);
        match (self.open(key), self.withheld_since(key, now)) {
            (Some(session), _) if session.verified => false,
            (Some(session), since) => session.stage >= 4 || since.is_some_and(settled),
            (None, since) => since.is_none_or(settled),
        }
    }

    /// Remembers a session that its client believes to be open: no evidence, and as good as a real
    /// one for whatever may be seen from outside.
    pub(super) fn withhold(&mut self, key: u64, now: u64) {
        while let Some((at, old)) = self.withheld_queue.front().copied()
            && (at.saturating_add(SESSION_MS) <= now || self.withheld_queue.len() >= self.cap)
        {
            self.withheld_queue.pop_front();
            if self.withheld.get(&old) == Some(&at) {
                self.withheld.remove(&old);
            }
        }
        if self.begins(key, now) {
            self.withhold_again(key, now);
        }
    }

    /// Puts one of a snapshot back.
    pub(super) fn withhold_again(&mut self, key: u64, since: u64) {
        self.withheld.insert(key, since);
        self.withheld_queue.push_back((since, key));
    }

    /// Ends a session of which no text went out: its number has verified.
    pub(super) fn end_withheld(&mut self, key: u64) {
        self.withheld.remove(&key);
    }

    /// What was answered of a session before it was known here.
    pub(super) fn answer(&self, key: u64) -> Option<Answer> {
        self.answers.get(&key).copied()
    }

    /// Remembers an answer for as long as events may be late.
    pub(super) fn remember(&mut self, key: u64, now: u64, note: impl FnOnce(&mut Answer)) {
        const KEEP_MS: u64 = 120_000;
        while let Some((at, old)) = self.answer_queue.front().copied()
            && (at.saturating_add(KEEP_MS) < now || self.answer_queue.len() > self.cap)
        {
            self.answer_queue.pop_front();
            self.answers.remove(&old);
        }
        note(self.answers.entry(key).or_default());
        self.answer_queue.push_back((now, key));
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        for session in &mut self.slab {
            session.sent_at = session.sent_at.min(now);
        }
        self.ripening.take_back(now);
        self.step_ups.take_back(now);
        self.numbers.take_back(now);
        for answer in self.answers.values_mut() {
            answer.passed = answer.passed.min(now);
            answer.verified = answer.verified.min(now);
            answer.undelivered = answer.undelivered.min(now);
        }
        self.withheld.values_mut().for_each(|since| *since = now.min(*since));
        self.withheld_queue.iter_mut().for_each(|(at, _)| *at = now.min(*at));
        self.answer_queue.iter_mut().for_each(|(at, _)| *at = now.min(*at));
    }

    pub(super) fn bytes(&self) -> usize {
        self.slab
            .capacity()
            .saturating_mul(size_of::<Session>())
            .saturating_add(self.index.capacity().saturating_mul(20))
            .saturating_add(self.ripening.bytes())
            .saturating_add(self.step_ups.bytes())
            .saturating_add(self.numbers.bytes())
            .saturating_add(self.answers.capacity().saturating_mul(40))
            .saturating_add(self.answer_queue.capacity().saturating_mul(16))
            .saturating_add(self.withheld.capacity().saturating_mul(20))
            .saturating_add(self.withheld_queue.capacity().saturating_mul(16))
    }

    /// The latest that anything is dated, whatever it is.
    #[cfg(test)]
    pub(super) fn latest(&self) -> u64 {
        let withheld = self.withheld.values().copied();
        withheld
            .chain([self.ripening.latest(), self.step_ups.latest(), self.numbers.latest()])
            .max()
            .unwrap_or(0)
    }
}
