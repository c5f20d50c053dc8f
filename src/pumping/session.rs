//! Open sessions, open step-ups and per-number counts: the records that live minutes, not weeks.

use std::collections::VecDeque;

use super::evidence::{NullIndex, STAGES};
use super::level::Subject;
use super::node::fade;
use super::table::{KeyMap, NONE, Slot, mix};

/// Slots of a path: five blocks, country, three cold pools, host, network, everyone. A known number's uses
/// the first two for its groups.
pub const PATH: usize = 12;

/// A session is over after half an hour.
pub const SESSION_MS: u64 = 30 * 60_000;

/// One (number, purpose) from its first send until it is forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    pub key: u64,
    pub subject: Subject,
    pub path: [Slot; PATH],
    pub null: NullIndex,
    pub country: u16,
    /// Stages of evidence already applied.
    pub stage: u8,
    /// Weight with which they were applied.
    pub weight: (f32, f32),
    pub sent_at: u64,
    pub generation: u32,
    pub live: bool,
    pub known: bool,
    pub verified: bool,
    pub undelivered: bool,
    /// Member of the outage control group.
    pub control: bool,
}

/// One step-up that was asked and not yet answered.
#[derive(Clone, Copy, Debug)]
pub struct OpenStepUp {
    pub subject: Subject,
    pub asked_at: u64,
    pub stage: u8,
    pub generation: u32,
}

/// Recent unverified sends to one number.
#[derive(Clone, Copy, Debug)]
pub struct NumberCount {
    pub sends: f32,
    pub sessions: u16,
    /// Step-ups asked for this number and not passed.
    pub failed: u8,
    pub at: u64,
}

/// Something that falls due.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub at: u64,
    pub slot: Slot,
    pub generation: u32,
}

/// All open records, bounded.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    pub slab: Vec<Session>,
    pub free: Vec<Slot>,
    pub index: KeyMap<Slot>,
    /// One queue per evidence stage, and one for the end.
    pub queues: [VecDeque<Due>; 5],
    pub step_ups: KeyMap<OpenStepUp>,
    pub step_up_queues: [VecDeque<(u64, u64, u32)>; 3],
    pub numbers: KeyMap<NumberCount>,
    pub number_queue: VecDeque<(u64, u64)>,
    pub generation: u32,
    pub cap: usize,
}

impl Sessions {
    pub fn new(cap: usize) -> Self {
        Self { cap: cap.max(64), ..Self::default() }
    }

    pub fn open(&self, key: u64) -> Option<&Session> {
        self.index.get(&key).and_then(|slot| self.slab.get(*slot as usize)).filter(|s| s.live)
    }

    /// Adds a session; `None` when the cap is reached.
    pub fn add(&mut self, mut session: Session) -> Option<Slot> {
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
        let dues = STAGES.into_iter().chain([SESSION_MS]);
        for (queue, after) in self.queues.iter_mut().zip(dues) {
            let at = session.sent_at.saturating_add(after);
            queue.push_back(Due { at, slot, generation: session.generation });
        }
        Some(slot)
    }

    pub fn remove(&mut self, slot: Slot) {
        if let Some(session) = self.slab.get_mut(slot as usize)
            && session.live
        {
            session.live = false;
            self.index.remove(&session.key);
            self.free.push(slot);
        }
    }

    /// Unverified sends to a number, decayed, and how many sessions they made.
    pub fn number(&self, digits: u64, now: u64) -> (f32, u16) {
        self.numbers.get(&digits).map_or((0.0, 0), |count| {
            let mut sends = count.sends;
            fade(&mut sends, now.saturating_sub(count.at) as f32 / 1_000.0, NUMBER_TAU);
            (sends, count.sessions)
        })
    }

    /// Counts a send to a number.
    pub fn count_number(&mut self, digits: u64, now: u64, is_new_session: bool) {
        let (sends, sessions) = self.number(digits, now);
        if !self.numbers.contains_key(&digits) {
            self.number_queue.push_back((now.saturating_add(NUMBER_KEEP_MS), digits));
        }
        let sessions = if sends < 0.3 { 0 } else { sessions };
        let sessions = sessions.saturating_add(u16::from(is_new_session));
        let failed = self.numbers.get(&digits).map_or(0, |count| count.failed);
        self.numbers.insert(digits, NumberCount { sends: sends + 1.0, sessions, failed, at: now });
        self.trim_numbers();
    }

    /// Counts a step-up that was not passed.
    pub fn count_failure(&mut self, digits: u64, now: u64) {
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
    pub fn failures(&self, digits: u64, now: u64) -> f32 {
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

    /// Forgets numbers nobody has sent to for a day.
    pub fn expire_numbers(&mut self, now: u64) {
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

    pub fn bytes(&self) -> usize {
        let queues: usize = self.queues.iter().map(|q| q.capacity().saturating_mul(16)).sum();
        self.slab
            .capacity()
            .saturating_mul(size_of::<Session>())
            .saturating_add(self.index.capacity().saturating_mul(20))
            .saturating_add(queues)
            .saturating_add(self.step_ups.capacity().saturating_mul(size_of::<OpenStepUp>() + 16))
            .saturating_add(self.numbers.capacity().saturating_mul(40))
            .saturating_add(self.number_queue.capacity().saturating_mul(16))
    }
}

/// Eight hours: a person whose phone was off is not remembered tomorrow.
const NUMBER_TAU: f32 = 8.0 * 3_600.0 * 1.442_7;
const NUMBER_KEEP_MS: u64 = 24 * 3_600_000;

/// Name of a session.
pub fn session_key(subject: &Subject) -> u64 {
    mix(subject.digits ^ (u64::from(subject.purpose) << 56))
}
