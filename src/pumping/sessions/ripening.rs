//! [`Ripening`]: when each session reaches the end of a stage.
//!
//! Every session passes the same spans after its first text, so one queue in the order of sending serves
//! all stages; each knows how far it has come.

use std::collections::VecDeque;

use super::super::evidence::STAGES;
use super::super::session::{SESSION_MS, Session};
use super::super::table::Slot;

/// How long after the first text each stage ends; with the last one the session does.
const SPANS: [u64; 5] = [STAGES[0], STAGES[1], STAGES[2], STAGES[3], SESSION_MS];
const LAST: usize = SPANS.len() - 1;

/// A session, as it was when it was added: its slot may have another by now.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: u64,
    slot: Slot,
    generation: u32,
}

impl Sent {
    const fn due(&self, span: u64) -> u64 {
        self.at.saturating_add(span)
    }
}

/// A session at the end of a stage.
pub(super) struct Due {
    pub(super) at: u64,
    pub(super) slot: Slot,
    pub(super) generation: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Ripening {
    queue: VecDeque<Sent>,
    /// How many of the queue each stage has behind it. The last one takes them out.
    behind: [usize; SPANS.len()],
}

impl Ripening {
    pub(super) fn add(&mut self, slot: Slot, session: &Session) {
        let Session { sent_at, generation, .. } = *session;
        self.queue.push_back(Sent { at: sent_at, slot, generation });
    }

    /// The next that reaches the end of `stage` by `now`. Stages are asked in their order.
    pub(super) fn next(&mut self, stage: usize, now: u64) -> Option<Due> {
        let span = *SPANS.get(stage)?;
        let behind = self.behind.get_mut(stage)?;
        let sent = *self.queue.get(*behind)?;
        if sent.due(span) > now {
            return None;
        }
        if stage == LAST {
            self.queue.pop_front();
            self.behind.iter_mut().for_each(|behind| *behind = behind.saturating_sub(1));
        } else {
            *behind = behind.saturating_add(1);
        }
        Some(Due { at: sent.due(span), slot: sent.slot, generation: sent.generation })
    }

    /// Puts what was added in any order into the order of sending. What fell due by `now` does not fall
    /// due again.
    pub(super) fn sort(&mut self, now: u64) {
        self.queue.make_contiguous().sort_by_key(|sent| (sent.at, sent.slot));
        self.queue.retain(|sent| sent.due(SESSION_MS) > now);
        self.behind = SPANS.map(|span| self.queue.partition_point(|sent| sent.due(span) <= now));
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        self.queue.iter_mut().for_each(|sent| sent.at = sent.at.min(now));
    }

    pub(super) fn bytes(&self) -> usize {
        self.queue.capacity().saturating_mul(size_of::<Sent>())
    }

    /// The latest that anything falls due.
    #[cfg(test)]
    pub(super) fn latest(&self) -> u64 {
        self.queue.iter().map(|sent| sent.due(SESSION_MS)).max().unwrap_or(0)
    }
}
