//! One write transaction, shared by all calls that were waiting when it began or came before it
//! committed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Bound;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use crate::base::id::Pseudonym;
use crate::base::time::{Timestamp, millis};
use crate::store::verbs;
use crate::store::{GRACE, JOURNAL_LIFE};

use super::call::{Answer, Call};
use super::error::Trouble;
use super::log::Chunks;
use super::memtable::{Held, Memtable, Publication, Round, State};
use super::row::{
    ENTRIES, LOG, Mixed, ROWS, Row, RowKey, entry, entry_bytes, entry_key, entry_number, has_passed,
};
use super::view::{Changes, Entry, Source, View};

/// How many rows the batch looks at for having expired, for each of its calls: a call leaves about
/// six, so that less than half of what is held has expired once the store is half full.
const SWEPT_BY_A_CALL: usize = 8;
const SWEPT_BY_A_CALL_WHEN_HALF_FULL: usize = 32;

/// How many rows a call looks at when there is no room, and when it has found enough.
const SWEPT_FOR_ROOM: usize = 8_192;
const ENOUGH_ROOM: usize = 64;

/// Of so many of these rows one is an entry of a journal: a call leaves one at most, which the next
/// append to its journal removes, if there is one.
const ENTRIES_OF: usize = 4;

/// How many entries past their life an append removes at most.
const PRUNED_BY_AN_APPEND: usize = 8;

/// How many chunks of the log that are no longer needed a transaction removes at the least, if there
/// are so many; each that it appends removes two.
const CUT_BY_A_TRANSACTION: u64 = 4;

/// The calls of one transaction: each sees what those before it changed.
///
/// What they change goes to the log, whose rows are in the [`Memtable`] as the latest commit left
/// them.
pub(super) struct Batch<'a> {
    memtable: &'a Memtable,
    /// Rows of the memtable that this transaction moves to their table, or ends.
    gone: Vec<RowKey>,
    log: Table<'a, u64, &'static [u8]>,
    rows: Table<'a, &'static [u8; 33], &'static [u8]>,
    entries: Table<'a, &'static [u8; 40], &'static [u8]>,
    seen: RefCell<HashMap<RowKey, Seen, BuildHasherDefault<Mixed>>>,
    taken: usize,
    capacity: usize,
    changed: bool,
}

/// A row that a call of this batch has read or written.
struct Seen {
    row: Option<Row>,
    changed: bool,
    /// Whether its table holds it, in this form or an earlier one.
    stored: bool,
}

impl Seen {
    /// Whether a search for rows to move or to end must skip this one: it has changed, so it is
    /// newer here than where the search looks, or it has ended already.
    fn is_taken(&self) -> bool {
        self.changed || self.row.is_none()
    }
}

/// Where the search for expired rows goes on, from batch to batch.
#[derive(Default)]
pub(super) struct Broom {
    at: Option<RowKey>,
    /// The same in the memtable.
    in_memory: Option<RowKey>,
    /// The same among the entries of journals.
    entry: Option<[u8; 40]>,
    /// The minute of the latest search for room, and how many rows were looked at in it in vain.
    minute: u64,
    in_vain: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        transaction: &'a WriteTransaction,
        memtable: &'a Memtable,
        capacity: usize,
    ) -> Result<Self, Trouble> {
        let rows = transaction.open_table(ROWS)?;
        let entries = transaction.open_table(ENTRIES)?;
        let stored = rows.len()?.saturating_add(entries.len()?);
        Ok(Self {
            memtable,
            gone: Vec::new(),
            log: transaction.open_table(LOG)?,
            rows,
            entries,
            seen: RefCell::default(),
            taken: memtable.entries_with(stored),
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
        let most = calls.saturating_mul(share);
        self.sweep_memtable(most, now, broom)?;
        self.sweep_entries(most.div_ceil(ENTRIES_OF), now, broom)?;
        self.sweep_rows(most, now, broom).map(|_| ())
    }

    /// Writes every changed row to the log, and moves rows to their table where it is time. Answers
    /// what is to be published once the transaction is committed.
    pub(super) fn flush(mut self, now: Timestamp) -> Result<Publication, Trouble> {
        let mut state = self.memtable.state();
        let before = state.log;
        let seen = self.seen.take();
        let mut chunks = Chunks::default();
        let mut changed = Vec::new();
        let mut bytes = Vec::with_capacity(256);
        for (key, seen) in &seen {
            if let Seen { row: Some(row), changed: true, stored } = seen {
                bytes.clear();
                row.write(&mut bytes);
                chunks.push(key, *stored, &bytes);
                let (over_at, stored) = (row.over_at(), *stored);
                changed.push((*key, Held { bytes: bytes.as_slice().into(), over_at, stored }));
            }
        }
        for chunk in chunks.finish() {
            self.log.insert(state.log.next, chunk.as_slice())?;
            state.log.next = state.log.next.saturating_add(1);
            state.log.bytes = state.log.bytes.saturating_add(chunk.len());
        }
        let written = state.log.bytes.saturating_sub(before.bytes);
        let to_move = self.memtable.to_move(changed.len(), written, state.log.bytes);
        if to_move > 0 {
            let skip = |key: &RowKey| seen.get(key).is_some_and(Seen::is_taken);
            self.move_rows(to_move, now, skip, before.next, &mut state)?;
        }
        self.cut(state.log.next.saturating_sub(before.next), &mut state)?;
        Ok(Publication { changed, gone: self.gone, state })
    }

    /// Goes on with the round, or begins one: moves `most` rows of the memtable to their table, in the
    /// order of their keys. `next` is the number of the first chunk of this transaction.
    fn move_rows(
        &mut self,
        most: usize,
        now: Timestamp,
        skip: impl Fn(&RowKey) -> bool,
        next: u64,
        state: &mut State,
    ) -> Result<(), Trouble> {
        let mut round = state.round.unwrap_or(Round { began: next, at: None });
        let mut looked_at: usize = 0;
        for (key, held) in self.memtable.after(round.at).take(most) {
            looked_at = looked_at.saturating_add(1);
            round.at = Some(*key);
            // What changed in this transaction has just been written to the log.
            if skip(key) {
                continue;
            }
            if !has_passed(held.over_at, now) {
                self.rows.insert(key.as_bytes(), &*held.bytes)?;
            } else if held.stored {
                self.rows.remove(key.as_bytes())?;
            }
            self.gone.push(*key);
        }
        state.round = Some(round);
        if looked_at < most {
            state.round = None;
            state.log.needed_from = round.began;
        }
        Ok(())
    }

    /// Removes chunks of the log that are no longer needed, from the front, after `appended` were
    /// added: never the newest form of a row before an older one.
    fn cut(&mut self, appended: u64, state: &mut State) -> Result<(), Trouble> {
        let most = appended.saturating_mul(2).max(CUT_BY_A_TRANSACTION);
        let log = &mut state.log;
        let end = log.needed_from.min(log.first.saturating_add(most));
        while log.first < end {
            let length = self.log.remove(log.first)?.map_or(0, |chunk| chunk.value().len());
            log.bytes = log.bytes.saturating_sub(length);
            log.first = log.first.saturating_add(1);
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
        let seen = self.seen.get_mut();
        for (key, row) in changes.rows {
            // Whoever changes a row has read it before.
            let stored = seen.get(&key).is_none_or(|seen| seen.stored);
            seen.insert(key, Seen { row: Some(row), changed: true, stored });
        }
        match changes.entry {
            None => Ok(()),
            Some(entry) => self.append(&entry),
        }
    }

    fn append(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let key = entry_key(entry.realm, entry.journal, entry.number);
        let bytes = entry_bytes(entry.at.now, &entry.content);
        self.entries.insert(&key, bytes.as_slice())?;
        let mut over = Vec::new();
        let first = entry_key(entry.realm, entry.journal, 0);
        for held in self.entries.range::<&[u8; 40]>(&first..&key)?.take(PRUNED_BY_AN_APPEND) {
            let (key, bytes) = held?;
            let at = super::row::entry(bytes.value()).ok_or(Trouble::Unreadable)?.0;
            // One that is dated ahead would keep all that came after it.
            if !is_over(at, entry.at.now) && at <= entry.at.horizon {
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
        let entries = usize::try_from(self.entries.len()?).unwrap_or(usize::MAX);
        let all = all.saturating_add(self.memtable.len()).max(entries);
        // Once all were looked at in vain, the next minute may help.
        while broom.in_vain <= all && looked_at < SWEPT_FOR_ROOM && removed < ENOUGH_ROOM {
            let gone = self.sweep_memtable(512, now, broom)?;
            let gone = gone.saturating_add(self.sweep_rows(512, now, broom)?);
            let gone = gone.saturating_add(self.sweep_entries(512, now, broom)?);
            looked_at = looked_at.saturating_add(512);
            removed = removed.saturating_add(gone);
            broom.in_vain = if gone > 0 { 0 } else { broom.in_vain.saturating_add(512) };
        }
        Ok(removed > 0)
    }

    /// Looks at `most` rows of the memtable from where the last search ended; how many it ends.
    fn sweep_memtable(
        &mut self,
        most: usize,
        now: Timestamp,
        broom: &mut Broom,
    ) -> Result<usize, Trouble> {
        let seen = self.seen.get_mut();
        let (mut looked_at, mut removed): (usize, usize) = (0, 0);
        for (key, held) in self.memtable.after(broom.in_memory).take(most) {
            looked_at = looked_at.saturating_add(1);
            broom.in_memory = Some(*key);
            let taken = seen.get(key).is_some_and(Seen::is_taken);
            if taken || !has_passed(held.over_at, now) {
                continue;
            }
            // Its earlier form would come to light again.
            if held.stored {
                self.rows.remove(key.as_bytes())?;
            }
            self.gone.push(*key);
            seen.insert(*key, Seen { row: None, changed: false, stored: false });
            removed = removed.saturating_add(1);
        }
        if looked_at < most {
            broom.in_memory = None;
        }
        self.changed |= removed > 0;
        self.taken = self.taken.saturating_sub(removed);
        Ok(removed)
    }

    /// Looks at `most` rows of the table from where the last search ended; how many it removed.
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
            // What does not read back stays, to be looked at; what changed since is newer elsewhere.
            let newer = self.memtable.get(&key).is_some()
                || seen.get(&key).is_some_and(|seen| seen.changed);
            if !newer && Row::from_bytes(&key, bytes.value()).is_some_and(|row| row.is_over(now)) {
                over.push(key);
            }
        }
        broom.at = if looked_at < most { Some(RowKey::from_bytes([0; 33])) } else { end };
        for key in &over {
            self.rows.remove(key.as_bytes())?;
            seen.insert(*key, Seen { row: None, changed: false, stored: false });
        }
        self.changed |= !over.is_empty();
        self.taken = self.taken.saturating_sub(over.len());
        Ok(over.len())
    }

    /// Looks at `most` entries of journals from where the last search ended; how many it removed. They
    /// may be of realms that never call again.
    fn sweep_entries(
        &mut self,
        most: usize,
        now: Timestamp,
        broom: &mut Broom,
    ) -> Result<usize, Trouble> {
        let from = broom.entry.unwrap_or([0; 40]);
        let mut over = Vec::new();
        let mut end = None;
        let mut looked_at: usize = 0;
        let range = (Bound::Excluded(&from), Bound::Unbounded);
        for held in self.entries.range::<&[u8; 40]>(range)?.take(most) {
            let (key, bytes) = held?;
            let key = *key.value();
            end = Some(key);
            looked_at = looked_at.saturating_add(1);
            // What does not read back stays, to be looked at.
            if entry(bytes.value()).is_some_and(|(at, _)| is_over(at, now)) {
                over.push(key);
            }
        }
        broom.entry = end.filter(|_| looked_at == most);
        for key in &over {
            self.entries.remove(key)?;
        }
        self.changed |= !over.is_empty();
        self.taken = self.taken.saturating_sub(over.len());
        Ok(over.len())
    }
}

/// Whether an entry of a journal that came `at` then is past its life and the grace.
fn is_over(at: Timestamp, now: Timestamp) -> bool {
    millis(now.since(at)) >= millis(JOURNAL_LIFE).saturating_add(millis(GRACE))
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
        let (row, stored) = match self.memtable.get(key) {
            Some(held) => (Some(held.row(key)?), held.stored),
            None => match self.rows.get(key.as_bytes())? {
                None => (None, false),
                Some(bytes) => {
                    let row = Row::from_bytes(key, bytes.value());
                    (Some(row.ok_or(Trouble::Unreadable)?), true)
                }
            },
        };
        let answer = row.as_ref().map(read).transpose();
        self.seen.borrow_mut().insert(*key, Seen { row, changed: false, stored });
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
