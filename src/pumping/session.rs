//! Open sessions, open step-ups and per-number counts: the records that live minutes, not weeks.

use std::collections::VecDeque;

use super::evidence::{NullIndex, STAGES};
use super::level::Subject;
use super::node::fade;
use super::path::{is_clients, only};
use super::table::{KeyMap, NONE, Slot, mix};
use super::tuning::Tuning;

/// Slots of a path: five blocks, country, three cold pools, host, network, everyone, two pools of
/// unseen networks, two groups of known numbers.
pub(super) const PATH: usize = 16;

/// A session is over after half an hour.
pub(super) const SESSION_MS: u64 = 30 * 60_000;

/// One (number, purpose) from its first send until it is forgotten, or what its client believes to be
/// one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) key: u64,
    pub(super) subject: Subject,
    pub(super) path: [Slot; PATH],
    /// The places of the path that count it, one bit each.
    pub(super) counted: u16,
    pub(super) null: NullIndex,
    pub(super) country: u16,
    /// Stages of evidence already applied; some may have been passed over.
    pub(super) stage: u8,
    /// Weight with which they were applied.
    pub(super) weight: (f32, f32),
    pub(super) sent_at: u64,
    pub(super) generation: u32,
    pub(super) live: bool,
    pub(super) known: bool,
    pub(super) verified: bool,
    pub(super) undelivered: bool,
    /// Member of the outage control group.
    pub(super) control: bool,
    /// No text of it went out, and its client believes that one did.
    pub(super) unsent: bool,
}

impl Session {
    /// The nodes that count it.
    pub(super) fn nodes(&self) -> [Slot; PATH] {
        only(&self.path, self.counted)
    }

    /// How much of its evidence counts at a place. The client's side sees neither whether a text went
    /// out nor whether it arrived, so there all of it counts.
    pub(super) fn share_at(&self, place: usize, tuning: &Tuning, unsent_weight: f32) -> f32 {
        match (self.unsent, self.undelivered) {
            _ if is_clients(place) => 1.0,
            (true, _) => unsent_weight,
            (false, true) => tuning.undelivered_weight,
            (false, false) => 1.0,
        }
    }
}

/// One step-up that was asked and not yet answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenStepUp {
    pub(super) subject: Subject,
    pub(super) asked_at: u64,
    /// The places of the path that counted it, one bit each: the path may be another by the time it
    /// is answered.
    pub(super) places: u16,
    /// Whether the number counted as known then.
    pub(super) known: bool,
    pub(super) stage: u8,
    pub(super) generation: u32,
}

/// Recent unverified sends to one number.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberCount {
    pub(super) sends: f32,
    pub(super) sessions: u16,
    /// Step-ups asked for this number and not passed.
    pub(super) failed: u8,
    pub(super) at: u64,
}

impl NumberCount {
    fn sends_at(&self, now: u64) -> f32 {
        let mut sends = self.sends;
        fade(&mut sends, now.saturating_sub(self.at) as f32 / 1_000.0, NUMBER_TAU);
        sends
    }
}

/// When a session last passed a step-up, and was last verified or reported as not delivered without being
/// known here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    pub(super) passed: u64,
    pub(super) verified: u64,
    pub(super) undelivered: u64,
}

/// Something that falls due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) at: u64,
    pub(super) slot: Slot,
    pub(super) generation: u32,
}

/// All open records, bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    pub(super) slab: Vec<Session>,
    pub(super) free: Vec<Slot>,
    pub(super) index: KeyMap<Slot>,
    /// One queue per evidence stage, and one for the end.
    pub(super) queues: [VecDeque<Due>; 5],
    pub(super) step_ups: KeyMap<OpenStepUp>,
    pub(super) step_up_queues: [VecDeque<(u64, u64, u32)>; 3],
    pub(super) numbers: KeyMap<NumberCount>,
    pub(super) number_queue: VecDeque<(u64, u64)>,
    /// Answers that came before the question did: another gate asked, or sent.
    pub(super) answers: KeyMap<Answer>,
    pub(super) answer_queue: VecDeque<(u64, u64)>,
    /// Since when a session is believed to be open of which no text went out.
    pub(super) withheld: KeyMap<u64>,
    pub(super) withheld_queue: VecDeque<(u64, u64)>,
    /// Sessions in the slab of which no text went out.
    unsent: usize,
    pub(super) generation: u32,
    pub(super) cap: usize,
}

impl Sessions {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap: cap.max(64), ..Self::default() }
    }

    pub(super) fn open(&self, key: u64) -> Option<&Session> {
        self.index.get(&key).and_then(|slot| self.slab.get(*slot as usize)).filter(|s| s.live)
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
        let dues = STAGES.into_iter().chain([SESSION_MS]);
        for (queue, after) in self.queues.iter_mut().zip(dues) {
            let at = session.sent_at.saturating_add(after);
            queue.push_back(Due { at, slot, generation: session.generation });
        }
        Some(slot)
    }

    /// Restored sessions come in slab order; the queues need them in time order. What fell due before
    /// the snapshot must not fall due again.
    pub(super) fn sort_queues(&mut self, now: u64) {
        for queue in &mut self.queues {
            queue.retain(|due| due.at > now);
            queue.make_contiguous().sort_by_key(|due| (due.at, due.slot));
        }
    }

    /// Puts an open step-up of a snapshot back.
    pub(super) fn reopen(&mut self, mut open: OpenStepUp, stages: [f32; 3]) {
        self.generation = self.generation.wrapping_add(1);
        open.generation = self.generation;
        let key = session_key(&open.subject);
        for (stage, (queue, after)) in self.step_up_queues.iter_mut().zip(stages).enumerate() {
            if usize::from(open.stage) <= stage {
                let at = open.asked_at.saturating_add((after * 1_000.0) as u64);
                queue.push_back((at, key, open.generation));
            }
        }
        self.step_ups.insert(key, open);
    }

    /// Puts a number's count of a snapshot back.
    pub(super) fn put_number(
        &mut self,
        digits: u64,
        sends: f32,
        sessions: u16,
        failed: u8,
        at: u64,
    ) {
        self.number_queue.push_back((at.saturating_add(NUMBER_KEEP_MS), digits));
        self.numbers.insert(digits, NumberCount { sends, sessions, failed, at });
        self.trim_numbers();
    }

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

    /// Unverified sends to a number, decayed, and how many sessions they made.
    pub(super) fn number(&self, digits: u64, now: u64) -> (f32, u16) {
        self.numbers.get(&digits).map_or((0.0, 0), |count| (count.sends_at(now), count.sessions))
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
            self.withheld.insert(key, now);
            self.withheld_queue.push_back((now, key));
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

    /// Counts a send to a number.
    pub(super) fn count_number(&mut self, digits: u64, now: u64, is_new_session: bool) {
        let queue = &mut self.number_queue;
        let count = self.numbers.entry(digits).or_insert_with(|| {
            queue.push_back((now.saturating_add(NUMBER_KEEP_MS), digits));
            NumberCount { sends: 0.0, sessions: 0, failed: 0, at: now }
        });
        let sends = count.sends_at(now);
        let sessions = if sends < 0.3 { 0 } else { count.sessions };
        count.sends = sends + 1.0;
        count.sessions = sessions.saturating_add(u16::from(is_new_session));
        count.at = now;
        self.trim_numbers();
    }

    /// Counts a step-up that was not passed.
    pub(super) fn count_failure(&mut self, digits: u64, now: u64) {
        if !self.numbers.contains_key(&digits) {
            self.number_queue.push_back((now.saturating_add(NUMBER_KEEP_MS), digits));
        }
        let (sends, sessions) = self.number(digits, now);
        let failed = u8::try_from(self.failures(digits, now) as u32).unwrap_or(u8::MAX);
        let failed = failed.saturating_add(1);
        self.numbers.insert(digits, NumberCount { sends, sessions, failed, at: now });
        self.trim_numbers();
    }

    /// Step-ups not passed for a number, forgotten two hours after the last.
    pub(super) fn failures(&self, digits: u64, now: u64) -> f32 {
        const KEEP_MS: u64 = 2 * 3_600_000;
        self.numbers
            .get(&digits)
            .filter(|count| count.at.saturating_add(KEEP_MS) > now)
            .map_or(0.0, |count| f32::from(count.failed))
    }

    fn trim_numbers(&mut self) {
        while self.numbers.len() > self.cap {
            let Some((_, oldest)) = self.number_queue.pop_front() else { break };
            self.numbers.remove(&oldest);
        }
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

    /// Forgets numbers nobody has sent to for a day.
    pub(super) fn expire_numbers(&mut self, now: u64) {
        while let Some((due, digits)) = self.number_queue.front().copied()
            && due <= now
        {
            self.number_queue.pop_front();
            if let Some(count) = self.numbers.get(&digits) {
                let again = count.at.saturating_add(NUMBER_KEEP_MS);
                if again > now {
                    self.number_queue.push_back((again, digits));
                } else {
                    self.numbers.remove(&digits);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let queues: usize = self.queues.iter().map(|q| q.capacity().saturating_mul(16)).sum();
        self.slab
            .capacity()
            .saturating_mul(size_of::<Session>())
            .saturating_add(self.index.capacity().saturating_mul(20))
            .saturating_add(queues)
            .saturating_add(
                self.step_ups.capacity().saturating_mul(const { size_of::<(u64, OpenStepUp)>() }),
            )
            .saturating_add(self.numbers.capacity().saturating_mul(40))
            .saturating_add(self.number_queue.capacity().saturating_mul(16))
            .saturating_add(self.answers.capacity().saturating_mul(40))
            .saturating_add(self.answer_queue.capacity().saturating_mul(16))
            .saturating_add(self.withheld.capacity().saturating_mul(20))
            .saturating_add(self.withheld_queue.capacity().saturating_mul(16))
    }
}

/// Eight hours: a person whose phone was off is not remembered tomorrow.
const NUMBER_TAU: f32 = 8.0 * 3_600.0 * std::f32::consts::LOG2_E;
pub(super) const NUMBER_KEEP_MS: u64 = 24 * 3_600_000;

/// Name of a session.
pub(super) fn session_key(subject: &Subject) -> u64 {
    mix(subject.digits ^ (u64::from(subject.purpose) << 56))
}

/// Name of the same session as its client believes it to be open while no text of it went out.
pub(super) fn withheld_key(key: u64) -> u64 {
    mix(!key)
}
