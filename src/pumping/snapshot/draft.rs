//! A head and a shard in the making, a little at each request, so that none pays for all of it.
//!
//! What is read of the detector in one step is of one moment; the next step may be of the next
//! request. So nodes are written before the sessions that count on them, and what was heard of other
//! gates last: what happens in between is lost by a restart rather than counted twice.

use super::super::detector::Detector;
use super::super::sessions::NUMBER_KEEP_MS;
use super::super::table::Slot;
use super::codec::Writer;
use super::rows::{write_count, write_country, write_node, write_session, write_step_up};
use super::{HEAD, Part, RECENT_MS, is_lasting, is_urgent, urgency};

/// Nanoseconds that one call may take, by the estimates below.
const BUDGET: usize = 100_000;
/// Entries looked at in one step, and written in one.
const LOOK: usize = 2_048;
const WRITE: usize = 256;
/// What a step costs for each entry, in nanoseconds, as measured on a processor of 2024 with the data
/// out of its cache.
const LOOKED: usize = 15;
const WRITTEN: usize = 100;
/// Bytes summed in one step, at about a nanosecond each; a multiple of eight.
const SUMMED: usize = 32_768;

/// Where the making stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    LookAtNodes,
    WriteNodes,
    LookAtSessions,
    WriteSessions,
    WriteStepUps,
    LookAtNumbers,
    WriteNumbers,
    SumHead,
    WriteLasting,
    WriteLastingNumbers,
    WriteRows,
    SumShard,
    Done,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Draft {
    shard: usize,
    step: Step,
    /// How far the step has come.
    cursor: usize,
    urgent: Vec<Slot>,
    lasting: Vec<Slot>,
    /// Sessions, the most recent ones: when they were sent, and where they are.
    recent: Vec<(u64, Slot)>,
    /// Step-ups: when they were asked, and their keys.
    asked: Vec<(u64, u64)>,
    /// Numbers that may have a recent count, and those of the shard.
    numbers: Vec<u64>,
    lasting_numbers: Vec<u64>,
    /// The sum so far.
    sum: u64,
    /// Where the count of the section stands that is being written, and how many it has.
    count: (usize, usize),
    head: Writer,
    rest: Writer,
}

impl Draft {
    /// Of the head and this shard.
    pub(crate) fn new(shard: usize) -> Self {
        Self {
            shard,
            step: Step::LookAtNodes,
            cursor: 0,
            urgent: Vec::new(),
            lasting: Vec::new(),
            recent: Vec::new(),
            asked: Vec::new(),
            numbers: Vec::new(),
            lasting_numbers: Vec::new(),
            sum: 0,
            count: (0, 0),
            head: Writer::begin(),
            rest: Writer::begin(),
        }
    }

    /// Head and shard, once all is written.
    pub(crate) fn finish(self) -> Option<(Vec<u8>, Vec<u8>)> {
        (self.step == Step::Done).then_some((self.head.0, self.rest.0))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    fn go_on(&mut self, step: Step) {
        (self.step, self.cursor) = (step, 0);
    }
}

impl Detector {
    /// Goes on with a draft for about [`BUDGET`]; what it spent.
    pub(crate) fn go_on(&self, draft: &mut Draft) -> usize {
        let mut spent = 0_usize;
        while spent < BUDGET && !draft.is_done() {
            spent = spent.saturating_add(self.step(draft));
        }
        spent
    }

    /// One step, and what it cost in nanoseconds.
    fn step(&self, draft: &mut Draft) -> usize {
        match draft.step {
            Step::LookAtNodes => self.look_at_nodes(draft),
            Step::WriteNodes => self.write_urgent(draft),
            Step::LookAtSessions => self.look_at_sessions(draft),
            Step::WriteSessions => self.write_recent(draft),
            Step::WriteStepUps => self.write_asked(draft),
            Step::LookAtNumbers => self.look_at_numbers(draft),
            Step::WriteNumbers => {
                let cost = self.write_counts(draft, Part::Head);
                if draft.step == Step::SumHead {
                    self.write_rows(&mut draft.head, Part::Head, 0..3);
                    self.write_orders(&mut draft.head, Part::Head);
                    self.write_header(&mut draft.head, Part::Head);
                }
                cost
            }
            Step::SumHead => {
                if draft.head.sum(&mut draft.sum, &mut draft.cursor, SUMMED) {
                    draft.go_on(Step::WriteLasting);
                }
                SUMMED
            }
            Step::WriteLasting => self.write_lasting(draft),
            Step::WriteLastingNumbers => {
                if draft.cursor == 0 {
                    self.write_sessions(&mut draft.rest, Part::Shard(draft.shard));
                }
                self.write_counts(draft, Part::Shard(draft.shard))
            }
            Step::WriteRows => {
                let (part, before) = (Part::Shard(draft.shard), draft.rest.0.len());
                let memory = draft.cursor;
                self.write_rows(&mut draft.rest, part, memory..memory.saturating_add(1));
                draft.cursor = memory.saturating_add(1);
                if draft.cursor == 3 {
                    self.write_orders(&mut draft.rest, part);
                    self.write_header(&mut draft.rest, part);
                    draft.go_on(Step::SumShard);
                }
                draft.rest.0.len().saturating_sub(before).saturating_mul(2)
            }
            Step::SumShard => {
                if draft.rest.sum(&mut draft.sum, &mut draft.cursor, SUMMED) {
                    draft.go_on(Step::Done);
                }
                SUMMED
            }
            Step::Done => BUDGET,
        }
    }

    fn look_at_nodes(&self, draft: &mut Draft) -> usize {
        let part = Part::Shard(draft.shard);
        let end = draft.cursor.saturating_add(LOOK);
        for (slot, node) in self.tree.within(draft.cursor..end) {
            if is_urgent(node) {
                draft.urgent.push(slot);
            }
            if is_lasting(node) && part.keeps(node.id) {
                draft.lasting.push(slot);
            }
        }
        draft.cursor = end;
        let is_last = end >= self.tree.slots();
        let most = if is_last { HEAD } else { HEAD.saturating_mul(2) };
        if draft.urgent.len() > most {
            let rank = |slot: &Slot| self.tree.at(*slot).map_or((0, 0), urgency);
            let by = |slot: &Slot| (std::cmp::Reverse(rank(slot)), *slot);
            draft.urgent.select_nth_unstable_by_key(HEAD, by);
            draft.urgent.truncate(HEAD);
        }
        if is_last {
            draft.urgent.sort_unstable();
            let countries = self.memory.countries();
            draft.head.count(countries.len());
            countries.iter().for_each(|country| write_country(&mut draft.head, country));
            draft.rest.count(0);
            draft.count = draft.head.open_count();
            draft.go_on(Step::WriteNodes);
        }
        looked(end, self.tree.slots())
    }

    fn write_urgent(&self, draft: &mut Draft) -> usize {
        let end = draft.cursor.saturating_add(WRITE);
        let (slots, is_last) = piece(&draft.urgent, draft.cursor, end);
        let cost = slots_cost(slots.len());
        draft.count.1 =
            draft.count.1.saturating_add(self.write_nodes(&mut draft.head, slots, false));
        draft.cursor = end;
        if is_last {
            draft.head.close_count(draft.count);
            draft.go_on(Step::LookAtSessions);
        }
        cost
    }

    fn look_at_sessions(&self, draft: &mut Draft) -> usize {
        let slab = self.sessions.all();
        let end = draft.cursor.saturating_add(LOOK);
        let (sessions, is_last) = piece(slab, draft.cursor, end);
        let slots = draft.cursor..end;
        let live = slots.zip(sessions).filter(|(_, session)| session.live);
        draft.recent.extend(
            live.filter_map(|(slot, session)| Some((session.sent_at, Slot::try_from(slot).ok()?))),
        );
        draft.cursor = end;
        let most = if is_last { HEAD } else { HEAD.saturating_mul(2) };
        if draft.recent.len() > most {
            let by = |(sent_at, slot): &(u64, Slot)| (std::cmp::Reverse(*sent_at), *slot);
            draft.recent.select_nth_unstable_by_key(HEAD, by);
            draft.recent.truncate(HEAD);
        }
        if is_last {
            draft.count = draft.head.open_count();
            draft.go_on(Step::WriteSessions);
        }
        looked(end, slab.len())
    }

    fn write_recent(&self, draft: &mut Draft) -> usize {
        let end = draft.cursor.saturating_add(WRITE);
        let (recent, is_last) = piece(&draft.recent, draft.cursor, end);
        let cost = slots_cost(recent.len());
        for (_, slot) in recent {
            // It may be over by now, and another in its place.
            if let Some(session) = self.sessions.at(*slot).filter(|s| s.live) {
                write_session(&mut draft.head, session);
                draft.count.1 = draft.count.1.saturating_add(1);
                if !session.verified {
                    draft.numbers.push(session.subject.digits);
                }
            }
        }
        draft.cursor = end;
        if is_last {
            draft.head.close_count(draft.count);
            draft.go_on(Step::WriteStepUps);
        }
        cost
    }

    fn write_lasting(&self, draft: &mut Draft) -> usize {
        if draft.cursor == 0 {
            draft.count = draft.rest.open_count();
        }
        let end = draft.cursor.saturating_add(WRITE);
        let (slots, is_last) = piece(&draft.lasting, draft.cursor, end);
        let cost = slots_cost(slots.len());
        draft.count.1 =
            draft.count.1.saturating_add(self.write_nodes(&mut draft.rest, slots, true));
        draft.cursor = end;
        if is_last {
            draft.rest.close_count(draft.count);
            draft.go_on(Step::WriteLastingNumbers);
        }
        cost
    }

    fn write_asked(&self, draft: &mut Draft) -> usize {
        if draft.cursor == 0 {
            let all = self.sessions.step_ups.iter();
            draft.asked = all.map(|(key, open)| (open.asked_at, key)).collect();
            if draft.asked.len() > HEAD {
                draft.asked.select_nth_unstable_by_key(HEAD, |asked| std::cmp::Reverse(*asked));
                draft.asked.truncate(HEAD);
            }
            draft.asked.sort_unstable();
            draft.count = draft.head.open_count();
        }
        let end = draft.cursor.saturating_add(WRITE);
        let (asked, is_last) = piece(&draft.asked, draft.cursor, end);
        for (_, key) in asked {
            // It may be answered by now.
            if let Some(open) = self.sessions.step_ups.get(*key) {
                write_step_up(&mut draft.head, open);
                draft.count.1 = draft.count.1.saturating_add(1);
            }
        }
        let cost = slots_cost(asked.len());
        draft.cursor = end;
        if is_last {
            draft.head.close_count(draft.count);
            draft.go_on(Step::LookAtNumbers);
        }
        cost
    }

    /// Every number that is counted is in the queue of what is forgotten, those that came last at its
    /// end. From there on, because it is at the front that it gets shorter meanwhile.
    fn look_at_numbers(&self, draft: &mut Draft) -> usize {
        let queue = &self.sessions.numbers;
        let part = Part::Shard(draft.shard);
        let recent = self.now.saturating_sub(RECENT_MS).saturating_add(NUMBER_KEEP_MS);
        let all = queue.queued();
        let end = draft.cursor.saturating_add(LOOK);
        let places = all.saturating_sub(end)..all.saturating_sub(draft.cursor);
        for (due, digits) in queue.queue(places) {
            if part.keeps(digits) {
                draft.lasting_numbers.push(digits);
            }
            if due >= recent && draft.numbers.len() < HEAD.saturating_mul(2) {
                draft.numbers.push(digits);
            }
        }
        draft.cursor = end;
        if end >= all {
            // An open session's number is in the queue as well.
            draft.numbers.sort_unstable();
            draft.numbers.dedup();
            draft.go_on(Step::WriteNumbers);
        }
        looked(end, all)
    }

    /// What is counted of some of the numbers. Of two counts of one number the younger is read.
    fn write_counts(&self, draft: &mut Draft, part: Part) -> usize {
        let recent = self.now.saturating_sub(RECENT_MS);
        let (w, numbers, next) = match part {
            Part::Shard(_) => (&mut draft.rest, &draft.lasting_numbers, Step::WriteRows),
            _ => (&mut draft.head, &draft.numbers, Step::SumHead),
        };
        if draft.cursor == 0 {
            draft.count = w.open_count();
        }
        let end = draft.cursor.saturating_add(WRITE);
        let (numbers, is_last) = piece(numbers, draft.cursor, end);
        for digits in numbers {
            let count = self.sessions.numbers.get(*digits);
            if let Some(count) = count.filter(|count| part != Part::Head || count.at >= recent) {
                write_count(w, *digits, count);
                draft.count.1 = draft.count.1.saturating_add(1);
            }
        }
        let cost = slots_cost(numbers.len());
        draft.cursor = end;
        if is_last {
            w.close_count(draft.count);
            draft.go_on(next);
        }
        cost
    }

    /// Writes those of the nodes that are there; how many.
    pub(super) fn write_nodes(&self, w: &mut Writer, slots: &[Slot], at_rest: bool) -> usize {
        let there = slots.iter().filter_map(|slot| self.tree.at(*slot));
        let mut written = 0_usize;
        for node in there.filter(|node| node.at != 0) {
            let country = self.memory.country(node.country);
            let country = country.map_or((*b"00", node.share_seen), |c| (c.region, c.sessions));
            let node = if at_rest { node.at_rest() } else { *node };
            write_node(w, &node, country);
            written = written.saturating_add(1);
        }
        written
    }
}

/// A piece of a list, and whether nothing comes after it.
fn piece<T>(all: &[T], start: usize, end: usize) -> (&[T], bool) {
    let piece = all.get(start..end.min(all.len())).unwrap_or_default();
    (piece, end >= all.len())
}

/// What a look at up to [`LOOK`] entries costs, if it ended at `end` of `all`.
fn looked(end: usize, all: usize) -> usize {
    LOOK.saturating_sub(end.saturating_sub(all)).saturating_mul(LOOKED).max(1_000)
}

fn slots_cost(written: usize) -> usize {
    written.saturating_mul(WRITTEN).max(1_000)
}
