//! What goes into a shard: what was learnt over weeks.

use super::super::super::detector::Detector;
use super::super::rows::{COUNT, NODE_MOST};
use super::super::{Part, SHARDS};
use super::{Draft, Step, WRITE, next};

/// The bytes of a row of a memory.
const ROW: usize = 8;

impl Detector {
    pub(super) fn begin_shard(&self, draft: &mut Draft) {
        let rows: usize = self.memory.tables().iter().map(|memory| memory.rows_in(SHARDS)).sum();
        let nodes = draft.lasting.len().saturating_mul(NODE_MOST);
        let counts = draft.lasting_numbers.len().saturating_mul(COUNT);
        // Once for all, so that no later call moves what is written so far.
        let bytes = [nodes, counts, rows.saturating_mul(ROW), 4_096];
        draft.rest.0.reserve(bytes.into_iter().fold(0, usize::saturating_add));
        // No countries.
        draft.rest.count(0);
        draft.open(Step::WriteLasting);
    }

    pub(super) fn write_lasting(&self, draft: &mut Draft) {
        let (places, is_last) = next(&mut draft.cursor, draft.lasting.len(), WRITE);
        let slots = draft.lasting.get(places).unwrap_or_default().iter().copied();
        let written = self.write_nodes(&mut draft.rest, slots, true);
        draft.counted(written);
        if is_last {
            draft.rest.close_count(draft.count);
            // No sessions, no step-ups.
            draft.rest.count(0);
            draft.rest.count(0);
            draft.open(Step::WriteLastingNumbers);
        }
    }

    pub(super) fn begin_rows(&self, draft: &mut Draft) {
        draft.memory = 0;
        self.begin_memory(draft);
    }

    fn begin_memory(&self, draft: &mut Draft) {
        match self.memory.tables().get(draft.memory) {
            Some(memory) => {
                draft.buckets = memory.buckets_in(SHARDS);
                draft.open(Step::WriteRows);
            }
            None => {
                let part = Part::Shard(draft.shard);
                self.write_orders(&mut draft.rest, part);
                self.write_header(&mut draft.rest, part, draft.lead[1]);
                draft.go_on(Step::SumShard);
            }
        }
    }

    pub(super) fn write_some_rows(&self, draft: &mut Draft) {
        let memories = self.memory.tables();
        let Some(memory) = memories.get(draft.memory) else { return };
        if memory.buckets_in(SHARDS) != draft.buckets {
            // It has grown meanwhile, and its rows lie elsewhere: once more.
            draft.rest.0.truncate(draft.count.0);
            self.begin_memory(draft);
            return;
        }
        let (buckets, is_last) = next(&mut draft.cursor, draft.buckets, WRITE);
        let before = draft.rest.0.len();
        memory.rows_of(draft.shard, SHARDS, buckets).for_each(|row| draft.rest.u64(row));
        draft.counted(draft.rest.0.len().saturating_sub(before) / ROW);
        if is_last {
            draft.rest.close_count(draft.count);
            draft.memory = draft.memory.saturating_add(1);
            self.begin_memory(draft);
        }
    }
}
