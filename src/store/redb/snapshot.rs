//! Reading beside the writer.

use redb::{Database, ReadOnlyTable, ReadableDatabase};

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;

use super::batch::read_entries;
use super::error::Trouble;
use super::row::{ENTRIES, ROWS, Row, RowKey};
use super::view::Source;

/// The file as the latest commit left it.
pub(super) struct Snapshot {
    rows: ReadOnlyTable<&'static [u8; 33], &'static [u8]>,
    entries: ReadOnlyTable<&'static [u8; 40], &'static [u8]>,
}

impl Snapshot {
    pub(super) fn new(database: &Database) -> Result<Self, Trouble> {
        let transaction = database.begin_read()?;
        let (rows, entries) = (transaction.open_table(ROWS)?, transaction.open_table(ENTRIES)?);
        Ok(Self { rows, entries })
    }
}

impl Source for Snapshot {
    fn read<T>(
        &self,
        key: &RowKey,
        read: impl FnOnce(&Row) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
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
