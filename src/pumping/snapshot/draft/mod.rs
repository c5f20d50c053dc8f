//! A head and a shard in the making, a little at each request, so that none pays for all of it.
//!
//! What is read of the detector in one step is of one moment; the next step may be of the next
//! request. So nodes are written before the sessions that count on them, and what was heard of other
//! gates last: what happens in between is lost by a restart rather than counted twice.
//!
//! What a step will cost is known before it is taken. So no call spends more than [`BUDGET`], whatever
//! the detector holds.

mod head;
mod shard;

use std::ops::Range;

use super::super::detector::Detector;
use super::super::table::{KeyMap, Slot};
use super::codec::Writer;
use super::{HEAD, Part};

/// Nanoseconds that one call may take, by the estimates below. A send makes two calls.
pub(crate) const BUDGET: usize = 80_000;

/// Entries looked at in one step, and written in one.
const LOOK: usize = 256;
const WRITE: usize = 32;
/// Bytes summed in one step; a multiple of eight.
const SUMMED: usize = 4_096;

/// What a step costs, in nanoseconds, on a busy processor of 2024 with the data out of its cache: for
/// itself, for each entry that it looks at, that it looks up, that it writes, that it weighs against
/// the others, for a bucket of rows, and for a byte that it sums.
const STEP: usize = 500;
const LOOKED: usize = 30;
const FOUND: usize = 150;
const WRITTEN: usize = 200;
const CULLED: usize = 8;
const BUCKET: usize = 150;
const BYTE: usize = 2;

/// How many of a head's entries are kept before the least of them are given up.
const KEPT: usize = HEAD + HEAD / 2;
const _: () = assert!((KEPT + LOOK) * CULLED + STEP <= BUDGET, "a cull does not fit in a call");

/// Where the making stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    LookAtNodes,
    CullNodes,
    WriteCountries,
    WriteNodes,
    LookAtSessions,
    CullSessions,
    WriteSessions,
    LookAtStepUps,
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
    /// Nodes of the head, and how urgent each is.
    urgent: Vec<(u64, Slot)>,
    lasting: Vec<Slot>,
    /// Sessions, the most recent ones: when they were sent, and where they are.
    recent: Vec<(u64, Slot)>,
    /// Keys of step-ups, the most recent first, and how the last of them is numbered.
    asked: Vec<u64>,
    asked_before: Option<u32>,
    /// Numbers that may have a recent count, each once; and those of the shard.
    numbers: Vec<u64>,
    listed: KeyMap<()>,
    lasting_numbers: Vec<u64>,
    /// What the queue of numbers had left out when it was looked at last.
    left_out: Option<usize>,
    /// Which of the memories is written, and how many buckets of it the shard has.
    memory: usize,
    buckets: usize,
    /// The sum so far.
    sum: u64,
    /// Where the count of the section stands that is being written, and how many it has.
    count: (usize, usize),
    head: Writer,
    rest: Writer,
    /// Bytes left free in front of both.
    lead: [usize; 2],
}

impl Draft {
    /// Of the head and this shard, with some bytes left free in front of each.
    pub(crate) fn new(shard: usize, lead: [usize; 2]) -> Self {
        let [head, rest] = lead;
        Self {
            shard,
            step: Step::LookAtNodes,
            cursor: 0,
            urgent: Vec::new(),
            lasting: Vec::new(),
            recent: Vec::new(),
            asked: Vec::new(),
            asked_before: None,
            numbers: Vec::new(),
            listed: KeyMap::default(),
            lasting_numbers: Vec::new(),
            left_out: None,
            memory: 0,
            buckets: 0,
            sum: 0,
            count: (0, 0),
            head: Writer::begin(head),
            rest: Writer::begin(rest),
            lead,
        }
    }

    /// Head and shard, once all is written.
    pub(crate) fn finish(self) -> Option<[Vec<u8>; 2]> {
        (self.step == Step::Done).then_some([self.head.0, self.rest.0])
    }

    pub(crate) fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Entries on its lists, bytes written, and the room for those.
    #[cfg(test)]
    pub(in super::super) fn made(&self) -> [usize; 3] {
        let lists = [
            self.urgent.len(),
            self.lasting.len(),
            self.recent.len(),
            self.asked.len(),
            self.numbers.len(),
            self.lasting_numbers.len(),
        ];
        let both = [&self.head.0, &self.rest.0];
        let bytes = both.iter().map(|bytes| bytes.len()).sum();
        [lists.iter().sum(), bytes, both.iter().map(|bytes| bytes.capacity()).sum()]
    }

    fn go_on(&mut self, step: Step) {
        (self.step, self.cursor) = (step, 0);
    }

    /// Goes on to `step`, whose section has a count that is filled in when it ends.
    fn open(&mut self, step: Step) {
        let section = if step < Step::SumHead { &mut self.head } else { &mut self.rest };
        self.count = section.open_count();
        self.go_on(step);
    }

    /// So many records of the section were written.
    fn counted(&mut self, written: usize) {
        self.count.1 = self.count.1.saturating_add(written);
    }
}

impl Detector {
    /// Goes on with a draft; what that cost, which is no more than [`BUDGET`].
    pub(crate) fn go_on(&self, draft: &mut Draft) -> usize {
        let mut spent = 0_usize;
        while !draft.is_done() {
            let after = spent.saturating_add(self.cost(draft));
            if after > BUDGET && spent > 0 {
                break;
            }
            self.step(draft);
            spent = after;
        }
        spent
    }

    /// What the next step costs at most.
    fn cost(&self, draft: &Draft) -> usize {
        let left = |all: usize, most: usize| all.saturating_sub(draft.cursor).min(most);
        let sessions = &self.sessions;
        let (entries, each) = match draft.step {
            Step::LookAtNodes => (left(self.tree.slots(), LOOK), LOOKED),
            Step::CullNodes => (draft.urgent.len(), CULLED),
            Step::WriteCountries => (left(self.memory.countries().len(), WRITE), WRITTEN),
            Step::WriteNodes => (left(draft.urgent.len(), WRITE), WRITTEN),
            Step::LookAtSessions => (left(sessions.all().len(), LOOK), LOOKED),
            Step::CullSessions => (draft.recent.len(), CULLED),
            Step::WriteSessions => (left(draft.recent.len(), WRITE), WRITTEN),
            Step::LookAtStepUps => (left(sessions.step_ups.queued(), WRITE), FOUND),
            Step::WriteStepUps => (left(draft.asked.len(), WRITE), WRITTEN),
            Step::LookAtNumbers => (left(sessions.numbers.queued(), LOOK), LOOKED),
            Step::WriteNumbers => (left(draft.numbers.len(), WRITE), WRITTEN),
            Step::SumHead => (left(draft.head.0.len(), SUMMED), BYTE),
            Step::WriteLasting => (left(draft.lasting.len(), WRITE), WRITTEN),
            Step::WriteLastingNumbers => (left(draft.lasting_numbers.len(), WRITE), WRITTEN),
            Step::WriteRows => (left(draft.buckets, WRITE), BUCKET),
            Step::SumShard => (left(draft.rest.0.len(), SUMMED), BYTE),
            Step::Done => (0, 0),
        };
        entries.saturating_mul(each).saturating_add(STEP)
    }

    fn step(&self, draft: &mut Draft) {
        match draft.step {
            Step::LookAtNodes => self.look_at_nodes(draft),
            Step::CullNodes => {
                cull(&mut draft.urgent);
                self.looked_at_nodes(draft);
            }
            Step::WriteCountries => self.write_countries(draft),
            Step::WriteNodes => self.write_urgent(draft),
            Step::LookAtSessions => self.look_at_sessions(draft),
            Step::CullSessions => {
                cull(&mut draft.recent);
                self.looked_at_sessions(draft);
            }
            Step::WriteSessions => self.write_recent(draft),
            Step::LookAtStepUps => self.look_at_step_ups(draft),
            Step::WriteStepUps => self.write_asked(draft),
            Step::LookAtNumbers => self.look_at_numbers(draft),
            Step::WriteNumbers => self.write_counts(draft, Part::Head),
            Step::SumHead => {
                if draft.head.sum(&mut draft.sum, &mut draft.cursor, SUMMED, draft.lead[0]) {
                    self.begin_shard(draft);
                }
            }
            Step::WriteLasting => self.write_lasting(draft),
            Step::WriteLastingNumbers => self.write_counts(draft, Part::Shard(draft.shard)),
            Step::WriteRows => self.write_some_rows(draft),
            Step::SumShard => {
                if draft.rest.sum(&mut draft.sum, &mut draft.cursor, SUMMED, draft.lead[1]) {
                    draft.go_on(Step::Done);
                }
            }
            Step::Done => {}
        }
    }
}

/// The next piece of a list of `all`, and whether nothing comes after it.
fn next(cursor: &mut usize, all: usize, most: usize) -> (Range<usize>, bool) {
    let start = (*cursor).min(all);
    let end = start.saturating_add(most).min(all);
    *cursor = end;
    (start..end, end == all)
}

/// Whether the least of a list must be given up now: of its end as soon as there are too many.
fn is_too_long<T>(list: &[T], is_last: bool) -> bool {
    list.len() > if is_last { HEAD } else { KEPT }
}

/// Keeps the [`HEAD`] first of a list by their rank, in the order that they have.
fn cull(list: &mut Vec<(u64, Slot)>) {
    let mut ranks: Vec<u64> = list.iter().map(|(rank, _)| *rank).collect();
    if ranks.len() <= HEAD {
        return;
    }
    let (_, least, _) = ranks.select_nth_unstable_by(HEAD - 1, |a, b| b.cmp(a));
    let least = *least;
    let above = list.iter().filter(|(rank, _)| *rank > least).count();
    let mut ties = HEAD.saturating_sub(above);
    list.retain(|(rank, _)| {
        let is_tie = *rank == least && ties > 0;
        ties = ties.saturating_sub(usize::from(is_tie));
        *rank > least || is_tie
    });
}
