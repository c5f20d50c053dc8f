//! What one call sees of its realm, and what it would change.

use std::cell::{Cell, RefCell};
use std::mem;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::Ledger;
use crate::store::verbs::{Challenge, Lent, Moment, Once, OnceName, Realm};
use crate::store::{Document, Exchange, JOURNAL_LIFE, News};

use super::error::Trouble;
use super::row::{Kind, Row, RowKey};

/// Where rows come from: a batch with what its earlier calls changed, or a snapshot.
pub(super) trait Source {
    /// Reads a row.
    fn read<T>(
        &self,
        key: &RowKey,
        read: impl FnOnce(&Row) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble>;

    /// Reads the entries of a journal after a number, with the time each came at.
    fn entries(
        &self,
        realm: Pseudonym,
        journal: Pseudonym,
        after: u64,
        each: impl FnMut(u64, Timestamp, &[u8]),
    ) -> Result<(), Trouble>;

    /// How many entries there is room for.
    fn room(&self) -> usize;
}

/// One call's view. What the call changes stays here until [`into_changes`](View::into_changes): a
/// call that fails leaves no trace.
pub(super) struct View<'a, S> {
    source: &'a S,
    realm: Pseudonym,
    /// A dozen at most: searched faster than hashed.
    rows: RefCell<Vec<(RowKey, Row)>>,
    entry: RefCell<Option<Entry>>,
    added: Cell<usize>,
}

/// What a call changed.
pub(super) struct Changes {
    pub(super) rows: Vec<(RowKey, Row)>,
    pub(super) entry: Option<Entry>,
    /// How many rows and journal entries there are more.
    pub(super) added: usize,
}

/// A journal entry to append.
pub(super) struct Entry {
    pub(super) realm: Pseudonym,
    pub(super) journal: Pseudonym,
    pub(super) number: u64,
    pub(super) at: Moment,
    pub(super) content: Vec<u8>,
}

impl<'a, S: Source> View<'a, S> {
    pub(super) fn new(source: &'a S, realm: Pseudonym) -> Self {
        Self {
            source,
            realm,
            rows: RefCell::default(),
            entry: RefCell::default(),
            added: Cell::default(),
        }
    }

    pub(super) fn into_changes(self) -> Changes {
        Changes {
            rows: self.rows.into_inner(),
            entry: self.entry.into_inner(),
            added: self.added.get(),
        }
    }

    fn key(&self, name: Pseudonym, kind: Kind) -> RowKey {
        RowKey::new(self.realm, name, kind)
    }

    fn read<T>(
        &self,
        key: &RowKey,
        read: impl FnOnce(&Row) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        match self.rows.borrow().iter().find(|(kept, _)| kept == key) {
            Some((_, row)) => read(row).map(Some),
            None => self.source.read(key, read),
        }
    }

    fn keep(&self, key: RowKey, row: Row) -> Result<bool, Trouble> {
        let known = self.read(&key, |_| Ok(()))?.is_some();
        self.put(key, row);
        Ok(!known)
    }

    fn put(&self, key: RowKey, row: Row) {
        let mut rows = self.rows.borrow_mut();
        match rows.iter_mut().find(|(kept, _)| *kept == key) {
            Some((_, kept)) => *kept = row,
            None => rows.push((key, row)),
        }
    }

    fn latest(&self, journal: Pseudonym) -> Result<Option<u64>, Trouble> {
        self.read(&self.key(journal, Kind::Journal), |row| match row {
            Row::Journal(latest) => Ok(*latest),
            _ => Err(Trouble::Unreadable),
        })
    }
}

impl<S: Source> Realm for View<'_, S> {
    type Undone = Trouble;

    fn subject(&self, name: Pseudonym, now: Timestamp, to: &mut Ledger) -> Result<Lent, Trouble> {
        let lent = self.read(&self.key(name, Kind::Subject), |row| match row {
            // What can be dropped is as good as dropped.
            row if row.is_over(now) => Ok(Lent::Nothing),
            Row::Subject(ledger) => {
                to.copy(ledger);
                Ok(Lent::Copy)
            }
            _ => Err(Trouble::Unreadable),
        })?;
        Ok(lent.unwrap_or(Lent::Nothing))
    }

    fn keep_subject(
        &self,
        name: Pseudonym,
        ledger: &mut Ledger,
        _: &mut Vec<u8>,
    ) -> Result<bool, Trouble> {
        self.keep(self.key(name, Kind::Subject), Row::Subject(mem::take(ledger)))
    }

    fn once(&self, name: OnceName) -> Result<Option<Once>, Trouble> {
        self.read(&RowKey::once(self.realm, name), |row| match row {
            Row::Once(once) => Ok(*once),
            _ => Err(Trouble::Unreadable),
        })
    }

    fn keep_once(&self, name: OnceName, once: Once) -> Result<bool, Trouble> {
        self.keep(RowKey::once(self.realm, name), Row::Once(once))
    }

    fn challenge<T>(
        &self,
        name: Pseudonym,
        read: impl FnOnce(&Challenge) -> T,
    ) -> Result<Option<T>, Trouble> {
        self.read(&self.key(name, Kind::Challenge), |row| match row {
            Row::Challenge(challenge) => Ok(read(challenge)),
            _ => Err(Trouble::Unreadable),
        })
    }

    fn change_challenge<T>(
        &self,
        name: Pseudonym,
        change: impl FnOnce(&mut Challenge) -> T,
    ) -> Result<Option<T>, Trouble> {
        let Some(mut challenge) = self.challenge(name, Challenge::clone)? else { return Ok(None) };
        let answer = change(&mut challenge);
        self.put(self.key(name, Kind::Challenge), Row::Challenge(challenge));
        Ok(Some(answer))
    }

    fn keep_challenge(&self, name: Pseudonym, challenge: Challenge) -> Result<bool, Trouble> {
        self.keep(self.key(name, Kind::Challenge), Row::Challenge(challenge))
    }

    fn version(&self, name: Pseudonym) -> Result<Option<u64>, Trouble> {
        self.read(&self.key(name, Kind::Document), |row| match row {
            Row::Document(document) => Ok(document.version),
            _ => Err(Trouble::Unreadable),
        })
    }

    fn document(&self, name: Pseudonym) -> Result<Option<Document>, Trouble> {
        self.read(&self.key(name, Kind::Document), |row| match row {
            Row::Document(document) => Ok(document.clone()),
            _ => Err(Trouble::Unreadable),
        })
    }

    fn keep_document(
        &self,
        name: Pseudonym,
        version: u64,
        content: &[u8],
    ) -> Result<bool, Trouble> {
        let document = Document { version, content: content.to_vec() };
        self.keep(self.key(name, Kind::Document), Row::Document(document))
    }

    fn room_for_news(&self, exchange: Option<&Exchange>) -> Result<usize, Trouble> {
        Ok(match exchange {
            Some(exchange) if !exchange.append.is_empty() => {
                if self.latest(exchange.journal)?.is_some() { 1 } else { 2 }
            }
            _ => 0,
        })
    }

    fn append_news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<(), Trouble> {
        if let Some(exchange) = exchange
            && !exchange.append.is_empty()
        {
            let journal = exchange.journal;
            let number = self.latest(journal)?.unwrap_or(0).saturating_add(1);
            self.keep(self.key(journal, Kind::Journal), Row::Journal(number))?;
            let (realm, content) = (self.realm, exchange.append.clone());
            *self.entry.borrow_mut() = Some(Entry { realm, journal, number, at, content });
        }
        Ok(())
    }

    fn news(&self, exchange: Option<&Exchange>, moment: Moment) -> Result<News, Trouble> {
        let Some(exchange) = exchange else { return Ok(News::default()) };
        let latest = self.latest(exchange.journal)?.unwrap_or(0);
        let mut entries = Vec::new();
        if latest <= exchange.after {
            // Most calls have heard everything: that costs them no search.
            return Ok(News { entries, latest });
        }
        let mut read = |number: u64, at: Timestamp, entry: &[u8]| {
            // A snapshot may hold an entry that came after the row it read `latest` from.
            if number <= latest && moment.now.since(at) < JOURNAL_LIFE && at <= moment.horizon {
                entries.push((number, entry.to_vec()));
            }
        };
        self.source.entries(self.realm, exchange.journal, exchange.after, &mut read)?;
        if let Some(own) = &*self.entry.borrow()
            && own.journal == exchange.journal
            && own.number > exchange.after
        {
            read(own.number, own.at.now, &own.content);
        }
        Ok(News { entries, latest })
    }

    fn reserve(&self, entries: usize) -> Result<(), Trouble> {
        if entries <= self.source.room() { Ok(()) } else { Err(Trouble::Full) }
    }

    fn account(&self, _: usize, added: usize) {
        self.added.set(added);
    }
}
