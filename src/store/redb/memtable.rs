//! [`Memtable`]: the rows that stand in the log, in their newest form.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::ops::Bound;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use crate::base::time::Timestamp;

use super::error::Trouble;
use super::log;
use super::row::{LOG, Mixed, Row, RowKey};

/// What a row takes in memory beside its bytes: its key twice, its place in both maps, an allocation.
const BESIDE_ITS_BYTES: usize = 176;

/// Rows that changed and are not in their table yet, or there as they were before.
///
/// They move there in rounds. A round goes through the rows in the order of their keys, a part of it
/// with each transaction, so that many go to the same page of the table at once. What stood in the log
/// when it began is in the table when it ends, unless it changed again and so stands in the log once
/// more: then all that the log held before the round is no longer needed.
pub(super) struct Memtable {
    rows: HashMap<RowKey, Held, BuildHasherDefault<Mixed>>,
    order: BTreeSet<RowKey>,
    /// About how many bytes the rows take, and how many they may take.
    bytes: usize,
    budget: usize,
    /// How many of the rows are not in the table in any form, as far as is known.
    unstored: usize,
    state: State,
}

/// A row of the memtable.
pub(super) struct Held {
    pub(super) bytes: Box<[u8]>,
    /// As [`Row::over_at`].
    pub(super) over_at: Timestamp,
    /// Whether its table holds it in an earlier form. After a kill this may be wrong for a row that an
    /// unfinished round had moved; its next move puts that right.
    pub(super) stored: bool,
}

/// How far the log and the round are.
#[derive(Clone, Copy, Default)]
pub(super) struct State {
    pub(super) log: Extent,
    pub(super) round: Option<Round>,
}

/// What the log holds.
#[derive(Clone, Copy, Default)]
pub(super) struct Extent {
    /// The number of its first chunk.
    pub(super) first: u64,
    /// The number that the next chunk gets.
    pub(super) next: u64,
    /// Chunks of lower numbers are no longer needed.
    pub(super) needed_from: u64,
    /// How long all chunks are together.
    pub(super) bytes: usize,
}

/// A round of moving rows to their table.
#[derive(Clone, Copy)]
pub(super) struct Round {
    /// The number of the first chunk that was written after it began.
    pub(super) began: u64,
    /// The row it got to.
    pub(super) at: Option<RowKey>,
}

/// What a commit changed.
pub(super) struct Publication {
    /// Rows that are in the log now.
    pub(super) changed: Vec<(RowKey, Held)>,
    /// Rows that moved to their table, or ended.
    pub(super) gone: Vec<RowKey>,
    pub(super) state: State,
}

impl Memtable {
    /// Reads the log.
    pub(super) fn read(database: &Database, budget: usize) -> Result<Self, redb::Error> {
        let damaged = |what: &str| redb::Error::Corrupted(format!("the log {what}"));
        let mut memtable = Self {
            rows: HashMap::default(),
            order: BTreeSet::new(),
            bytes: 0,
            budget,
            unstored: 0,
            state: State::default(),
        };
        let transaction = database.begin_read()?;
        let table = transaction.open_table(LOG)?;
        let mut extent = Extent::default();
        let mut chunks: u64 = 0;
        for chunk in table.iter()? {
            let (number, chunk) = chunk?;
            if chunks == 0 {
                extent.first = number.value();
                extent.needed_from = extent.first;
            } else if number.value() != extent.next {
                return Err(damaged("lacks a part"));
            }
            log::read(chunk.value(), |key, stored, bytes| {
                let over_at = Row::from_bytes(&key, bytes)?.over_at();
                memtable.put(key, Held { bytes: bytes.into(), over_at, stored });
                Some(())
            })
            .ok_or_else(|| damaged("does not read back"))?;
            extent.bytes = extent.bytes.saturating_add(chunk.value().len());
            extent.next = number.value().saturating_add(1);
            chunks = chunks.saturating_add(1);
        }
        if chunks != table.len()? {
            return Err(damaged("lacks a part"));
        }
        memtable.state.log = extent;
        Ok(memtable)
    }

    pub(super) fn get(&self, key: &RowKey) -> Option<&Held> {
        self.rows.get(key)
    }

    /// How many rows it holds.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many entries the store holds, if its tables hold `stored`.
    pub(super) fn entries_with(&self, stored: u64) -> usize {
        usize::try_from(stored).unwrap_or(usize::MAX).saturating_add(self.unstored)
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The rows after `at` in the order of their keys, or all.
    pub(super) fn after(&self, at: Option<RowKey>) -> impl Iterator<Item = (&RowKey, &Held)> {
        let from = at.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self.order.range((from, Bound::Unbounded));
        keys.filter_map(|key| Some((key, self.rows.get(key)?)))
    }

    /// How many rows a transaction moves to their table that has changed `rows` and written `written`
    /// bytes to the log: none, as long as there is room here and in the log.
    pub(super) fn to_move(&self, rows: usize, written: usize, log: usize) -> usize {
        let longest = self.budget.saturating_mul(2);
        let crowded = if self.bytes > self.budget { rows.saturating_mul(2) } else { 0 };
        // A round ends while the log grows by half of what it may take.
        let long = if log > longest {
            let part = self.len().saturating_mul(written).saturating_mul(2).checked_div(longest);
            part.unwrap_or(0).saturating_add(1)
        } else {
            0
        };
        crowded.max(long)
    }

    /// Takes over what a commit changed.
    pub(super) fn publish(&mut self, publication: Publication) {
        let Publication { changed, gone, state } = publication;
        for key in &gone {
            if let Some(held) = self.rows.remove(key) {
                self.order.remove(key);
                self.forget(&held);
            }
        }
        for (key, held) in changed {
            self.put(key, held);
        }
        self.state = state;
    }

    fn put(&mut self, key: RowKey, held: Held) {
        self.bytes = self.bytes.saturating_add(held.size());
        self.unstored = self.unstored.saturating_add(usize::from(!held.stored));
        match self.rows.insert(key, held) {
            Some(before) => self.forget(&before),
            None => {
                self.order.insert(key);
            }
        }
    }

    fn forget(&mut self, held: &Held) {
        self.bytes = self.bytes.saturating_sub(held.size());
        self.unstored = self.unstored.saturating_sub(usize::from(!held.stored));
    }
}

impl Held {
    /// The row that is held under `key`.
    pub(super) fn row(&self, key: &RowKey) -> Result<Row, Trouble> {
        Row::from_bytes(key, &self.bytes).ok_or(Trouble::Unreadable)
    }

    fn size(&self) -> usize {
        self.bytes.len().saturating_add(BESIDE_ITS_BYTES)
    }
}
