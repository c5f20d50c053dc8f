//! One write transaction, shared by all calls that were waiting when it began or came before it
//! committed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Bound;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::store::verbs;
use crate::store::{GRACE, JOURNAL_LIFE};

use super::error::Trouble;
use super::row::{ENTRIES, ROWS, Row, RowKey, entry, entry_bytes, entry_key, entry_number};
use super::view::{Changes, Entry, Source, View};
use super::writer::{Answer, Call};

/// How many rows the batch looks at for having expired, for each of its calls: a call leaves about
/// six, so that less than half of what is held has expired once the store is half full.
const SWEPT_BY_A_CALL: usize = 8;
const SWEPT_BY_A_CALL_WHEN_HALF_FULL: usize = 32;

/// How many rows a call looks at when there is no room, and when it has found enough.
const SWEPT_FOR_ROOM: usize = 8_192;
const ENOUGH_ROOM: usize = 64;

/// How many entries past their life an append removes at the most.
const PRUNED_BY_AN_APPEND: usize = 8;

/// The calls of one transaction: each sees what those before it changed.
pub(super) struct Batch<'a> {
    rows: Table<'a, &'static [u8; 33], &'static [u8]>,
    entries: Table<'a, &'static [u8; 40], &'static [u8]>,
    seen: RefCell<HashMap<RowKey, Seen>>,
    taken: usize,
    capacity: usize,
    changed: bool,
}

/// A row that a call of this batch has read or written.
struct Seen {
    row: Option<Row>,
    changed: bool,
}

/// Where the search for expired rows goes on, from batch to batch.
#[derive(Default)]
pub(super) struct Broom {
    at: Option<RowKey>,
    /// The minute of the latest search for room, and how many rows were looked at in it in vain.
    minute: u64,
    in_vain: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(transaction: &'a WriteTransaction, capacity: usize) -> Result<Self, Trouble> {
        let rows = transaction.open_table(ROWS)?;
        let entries = transaction.open_table(ENTRIES)?;
        let taken = rows.len()?.saturating_add(entries.len()?);
        Ok(Self {
            rows,
            entries,
            seen: RefCell::default(),
            taken: usize::try_from(taken).unwrap_or(usize::MAX),
            capacity,
            changed: false,
        })
    }

    /// Whether there is anything to commit.
    pub(super) fn changed(&self) -> bool {
        self.changed
    }

    /// Takes one call's step, after making room for it if there is none.
    pub(super) fn step(&mut self, call: &Call, broom: &mut Broom) -> Result<Answer, Trouble> {
        match self.take(call) {
            Err(Trouble::Full) if self.make_room(call.now(), broom)? => self.take(call),
            answer => answer,
        }
    }

    /// Removes some of what has expired by `now`.
    pub(super) fn sweep(
        &mut self,
        calls: usize,
        now: Timestamp,
        broom: &mut Broom,
    ) -> Result<(), Trouble> {
        let half_full = self.taken > self.capacity / 2;
        let share = if half_full { SWEPT_BY_A_CALL_WHEN_HALF_FULL } else { SWEPT_BY_A_CALL };
        self.sweep_rows(calls.saturating_mul(share), now, broom).map(|_| ())
    }

    /// Writes every changed row, in the order of their keys.
    pub(super) fn flush(mut self) -> Result<(), Trouble> {
        let seen = self.seen.take().into_iter();
        let mut changed: Vec<_> =
            seen.filter(|(_, seen)| seen.changed).map(|(key, seen)| (key, seen.row)).collect();
        changed.sort_unstable_by_key(|(key, _)| *key);
        let mut bytes = Vec::new();
        for (key, row) in changed {
            if let Some(row) = row {
                bytes.clear();
                row.write(&mut bytes);
                self.rows.insert(key.as_bytes(), bytes.as_slice())?;
            }
        }
        Ok(())
    }

    fn take(&mut self, call: &Call) -> Result<Answer, Trouble> {
        let view = View::new(&*self, call.realm());
        let answer = match call {
            Call::Admit(admission) => Answer::Admitted(verbs::admit(&view, admission)?),
            Call::Settle(settlement) => {
                verbs::settle(&view, settlement)?;
                Answer::Settled
            }
            Call::Redeem(redemption) => Answer::Redeemed(verbs::redeem(&view, redemption)?),
        };
        let changes = view.into_changes();
        self.apply(changes)?;
        Ok(answer)
    }

    fn apply(&mut self, changes: Changes) -> Result<(), Trouble> {
        self.taken = self.taken.saturating_add(changes.added);
        self.changed |= !changes.rows.is_empty();
        let rows = changes.rows.into_iter();
        let rows = rows.map(|(key, row)| (key, Seen { row: Some(row), changed: true }));
        self.seen.get_mut().extend(rows);
        match changes.entry {
            None => Ok(()),
            Some(entry) => self.append(&entry),
        }
    }

    fn append(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let key = entry_key(entry.realm, entry.journal, entry.number);
        let bytes = entry_bytes(entry.at.now, &entry.content);
        self.entries.insert(&key, bytes.as_slice())?;
        let life = millis(JOURNAL_LIFE).saturating_add(millis(GRACE));
        let mut over = Vec::new();
        let first = entry_key(entry.realm, entry.journal, 0);
        for held in self.entries.range::<&[u8; 40]>(&first..&key)?.take(PRUNED_BY_AN_APPEND) {
            let (key, bytes) = held?;
            let at = super::row::entry(bytes.value()).ok_or(Trouble::Unreadable)?.0;
            // One that is dated ahead would keep all that came after it.
            if millis(entry.at.now.since(at)) < life && at <= entry.at.horizon {
                break;
            }
            over.push(*key.value());
        }
        for key in &over {
            self.entries.remove(key)?;
        }
        self.taken = self.taken.saturating_sub(over.len());
        Ok(())
    }

    /// Whether anything could be removed.
    fn make_room(&mut self, now: Timestamp, broom: &mut Broom) -> Result<bool, Trouble> {
        let minute = now.as_millis() / 60_000;
        if broom.minute != minute {
            (broom.minute, broom.in_vain) = (minute, 0);
        }
        let (mut looked_at, mut removed) = (0_usize, 0_usize);
        let all = usize::try_from(self.rows.len()?).unwrap_or(usize::MAX);
        // Once all were looked at in vain, the next minute may help.
        while broom.in_vain <= all && looked_at < SWEPT_FOR_ROOM && removed < ENOUGH_ROOM {
            let gone = self.sweep_rows(512, now, broom)?;
            looked_at = looked_at.saturating_add(512);
            removed = removed.saturating_add(gone);
            broom.in_vain = if gone > 0 { 0 } else { broom.in_vain.saturating_add(512) };
        }
        Ok(removed > 0)
    }

    /// Looks at `most` rows from where the last search ended; how many it removed.
    fn sweep_rows(
        &mut self,
        most: usize,
        now: Timestamp,
        broom: &mut Broom,
    ) -> Result<usize, Trouble> {
        let seen = self.seen.get_mut();
        // A search begins where the first call has been: at another place after each start, so that
        // a process that never lives long still gets everywhere.
        let from = broom.at.or_else(|| seen.keys().next().copied());
        let from = from.unwrap_or(RowKey::from_bytes([0; 33]));
        let mut over = Vec::new();
        let mut end = None;
        let mut looked_at: usize = 0;
        let range = (Bound::Excluded(from.as_bytes()), Bound::Unbounded);
        for held in self.rows.range::<&[u8; 33]>(range)?.take(most) {
            let (key, bytes) = held?;
            let key = RowKey::from_bytes(*key.value());
            end = Some(key);
            looked_at = looked_at.saturating_add(1);
            // What does not read back stays, to be looked at; what changed in this batch is newer
            // here than in the table.
            let changed = seen.get(&key).is_some_and(|seen| seen.changed);
            let row = Row::from_bytes(&key, bytes.value());
            if !changed && row.is_some_and(|row| row.is_over(now)) {
                over.push(key);
            }
        }
        broom.at = if looked_at < most { Some(RowKey::from_bytes([0; 33])) } else { end };
        for key in &over {
            self.rows.remove(key.as_bytes())?;
            seen.insert(*key, Seen { row: None, changed: false });
        }
        self.changed |= !over.is_empty();
        self.taken = self.taken.saturating_sub(over.len());
        Ok(over.len())
    }
}

impl Source for Batch<'_> {
    fn read<T>(
        &self,
        key: &RowKey,
        read: impl FnOnce(&Row) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        if let Some(seen) = self.seen.borrow().get(key) {
            return seen.row.as_ref().map(read).transpose();
        }
        let row = match self.rows.get(key.as_bytes())? {
            None => None,
            Some(bytes) => Some(Row::from_bytes(key, bytes.value()).ok_or(Trouble::Unreadable)?),
        };
        let answer = row.as_ref().map(read).transpose();
        self.seen.borrow_mut().insert(*key, Seen { row, changed: false });
        answer
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
        self.capacity.saturating_sub(self.taken)
    }
}

/// Reads the entries of a journal after a number.
pub(super) fn read_entries(
    entries: &impl ReadableTable<&'static [u8; 40], &'static [u8]>,
    realm: Pseudonym,
    journal: Pseudonym,
    after: u64,
    mut each: impl FnMut(u64, Timestamp, &[u8]),
) -> Result<(), Trouble> {
    let first = entry_key(realm, journal, after);
    let last = entry_key(realm, journal, u64::MAX);
    let range = (Bound::Excluded(&first), Bound::Included(&last));
    if after == u64::MAX {
        return Ok(());
    }
    for held in entries.range::<&[u8; 40]>(range)? {
        let (key, bytes) = held?;
        let (at, content) = entry(bytes.value()).ok_or(Trouble::Unreadable)?;
        each(entry_number(key.value()), at, content);
    }
    Ok(())
}
