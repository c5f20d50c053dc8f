//! Reading beside the writer.

use std::sync::RwLockReadGuard;

use redb::{ReadOnlyTable, ReadableDatabase};

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;

use super::batch::read_entries;
use super::error::Trouble;
use super::file::Opened;
use super::memtable::Memtable;
use super::row::{ENTRIES, ROWS, Row, RowKey};
use super::view::Source;

/// The file as the latest commit left it.
///
/// The memtable is held for as long as the snapshot is. It may be as it was before the commit that the
/// tables show, never after: what that commit moved into the tables still stands in it, and what that
/// commit changed is in neither.
pub(super) struct Snapshot<'a> {
    memtable: RwLockReadGuard<'a, Memtable>,
    rows: ReadOnlyTable<&'static [u8; 33], &'static [u8]>,
    entries: ReadOnlyTable<&'static [u8; 40], &'static [u8]>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(opened: &'a Opened) -> Result<Self, Trouble> {
        let memtable = opened.memtable();
        let transaction = opened.database.begin_read()?;
        let (rows, entries) = (transaction.open_table(ROWS)?, transaction.open_table(ENTRIES)?);
        Ok(Self { memtable, rows, entries })
    }
}

impl Source for Snapshot<'_> {
    fn read<T>(
        &self,
        key: &RowKey,
        read: impl FnOnce(&Row) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        if let Some(held) = self.memtable.get(key) {
            return read(&held.row(key)?).map(Some);
        }
        let Some(bytes) = self.rows.get(key.as_bytes())? else { return Ok(None) };
        let row = Row::from_bytes(key, bytes.value()).ok_or(Trouble::Unreadable)?;
        read(&row).map(Some)
    }

    fn entries(
        &self,
        realm: Pseudonym,
        journal: Pseudonym,
        after: u64,
        each: impl FnMut(u64, Timestamp, &[u8]),
    ) -> Result<(), Trouble> {
        read_entries(&self.entries, realm, journal, after, each)
    }

    fn room(&self) -> usize {
        0
    }
}
