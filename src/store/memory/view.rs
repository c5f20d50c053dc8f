//! What one call sees of its realm, while it has what it touches to itself.

use std::cell::Cell;
use std::mem;
use std::sync::MutexGuard;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::Ledger;
use crate::store::verbs::{Challenge, Lent, Moment, Once, OnceName, Realm};
use crate::store::{Document, Exchange, News};

use super::lanes::Taken;
use super::papers::Journal;
use super::subject::Subject;
use super::table::{DropAt, Held, Key, Mask};
use super::touched::Touched;
use super::{MemoryStore, Undone};

/// One call's view. Changes take effect at once: nobody else has the call's lanes meanwhile, or the
/// realm's turn where a lane is shared, and a call changes nothing before it knows that there is room.
pub(super) struct View<'a> {
    store: &'a MemoryStore,
    touched: &'a Touched,
    mask: Mask,
    /// Held until the call is over.
    _own: Taken<'a>,
    turn: Cell<Option<MutexGuard<'a, ()>>>,
    /// The call said that it is done with what calls share.
    ended: Cell<bool>,
    /// Entries set aside for what goes to the journal.
    for_news: Cell<usize>,
}

impl<'a> View<'a> {
    /// The view of a call that touches no more than `touched`, once it has what is its own of that.
    pub(super) fn of(store: &'a MemoryStore, touched: &'a mut Touched) -> Self {
        let own = store.lanes.take(touched.lanes());
        Self {
            store,
            touched,
            mask: touched.mask(),
            _own: own,
            turn: Cell::new(None),
            ended: Cell::new(false),
            for_news: Cell::new(0),
        }
    }

    /// Waits for the realm's turn if `key` is something that calls share.
    fn reach(&self, key: Key) -> Key {
        debug_assert!(self.touched.has(key), "a call touches what it did not name");
        if self.shares(key) {
            debug_assert!(!self.ended.get(), "a call comes back to what calls share");
            let turn = self.turn.take().or_else(|| self.store.turn(&self.mask));
            self.turn.set(turn);
        }
        key
    }

    fn named(&self, name: Pseudonym) -> Key {
        self.reach(self.mask.name(name))
    }
}

impl View<'_> {
    fn key(&self, name: OnceName) -> Key {
        match name {
            OnceName::Nonce(name) => self.mask.name(name),
            OnceName::Admission(id) => self.mask.call(id),
        }
    }

    fn shares(&self, key: Key) -> bool {
        self.store.lanes.is_shared(usize::from(key.lane()))
    }
}

impl Realm for View<'_> {
    type Undone = Undone;

    fn is_shared(&self, name: Pseudonym) -> bool {
        self.shares(self.mask.name(name))
    }

    fn is_shared_once(&self, name: OnceName) -> bool {
        self.shares(self.key(name))
    }

    fn end_of_shared(&self) {
        self.ended.set(true);
        self.turn.set(None);
    }

    fn subject(&self, name: Pseudonym, now: Timestamp, to: &mut Ledger) -> Result<Lent, Undone> {
        let lent = self.store.subjects.change(self.named(name), |subject| {
            // What can be dropped is as good as dropped.
            if subject.drop_at().passed(now) {
                return Ok(Lent::Nothing);
            }
            if let Subject::Busy { ledger, .. } = subject {
                // Owed, and not copied: `keep_subject` returns it.
                mem::swap(&mut **ledger, to);
                return Ok(Lent::Owed);
            }
            subject.unpack(to).ok_or(Undone::Unreadable)?;
            Ok(Lent::Copy)
        });
        lent.unwrap_or(Ok(Lent::Nothing))
    }

    fn keep_subject(
        &self,
        name: Pseudonym,
        ledger: &mut Ledger,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, Undone> {
        Ok(self.store.subjects.put_with(self.named(name), |held| match held {
            Some(subject) => {
                subject.refill(ledger, scratch);
                None
            }
            None => Some(Subject::new(ledger, scratch)),
        }))
    }

    fn once(&self, name: OnceName) -> Result<Option<Once>, Undone> {
        Ok(self.store.once.read(self.reach(self.key(name)), |once| *once))
    }

    fn keep_once(&self, name: OnceName, once: Once) -> Result<bool, Undone> {
        Ok(self.store.once.put(self.reach(self.key(name)), once))
    }

    fn challenge<T>(
        &self,
        name: Pseudonym,
        read: impl FnOnce(&Challenge) -> T,
    ) -> Result<Option<T>, Undone> {
        Ok(self.store.challenges.read(self.named(name), read))
    }

    fn change_challenge<T>(
        &self,
        name: Pseudonym,
        change: impl FnOnce(&mut Challenge) -> T,
    ) -> Result<Option<T>, Undone> {
        Ok(self.store.challenges.change(self.named(name), change))
    }

    fn keep_challenge(&self, name: Pseudonym, challenge: Challenge) -> Result<bool, Undone> {
        Ok(self.store.challenges.put(self.named(name), challenge))
    }

    fn version(&self, name: Pseudonym) -> Result<Option<u64>, Undone> {
        Ok(self.store.documents.view(&self.named(name), |_, held| held.version))
    }

    fn document(&self, name: Pseudonym) -> Result<Option<Document>, Undone> {
        Ok(self.store.documents.view(&self.named(name), |_, held| held.clone()))
    }

    fn keep_document(&self, name: Pseudonym, version: u64, content: &[u8]) -> Result<bool, Undone> {
        let mut is_new = false;
        let mut held = self.store.documents.entry(self.named(name)).or_insert_with(|| {
            is_new = true;
            Document::default()
        });
        held.version = version;
        // Into the room that the last one had, if that is not far too much.
        held.content.clear();
        if held.content.capacity() / 4 > content.len() {
            held.content = Vec::new();
        }
        held.content.extend_from_slice(content);
        Ok(is_new)
    }

    fn room_for_news(&self, exchange: Option<&Exchange>) -> Result<usize, Undone> {
        let entries = match exchange {
            Some(exchange) if !exchange.append.is_empty() => {
                let known = self.store.journals.read(self.mask.name(exchange.journal), |_| ());
                if known.is_some() { 1 } else { 2 }
            }
            _ => 0,
        };
        self.for_news.set(entries);
        Ok(entries)
    }

    fn append_news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<(), Undone> {
        if let Some(exchange) = exchange
            && !exchange.append.is_empty()
        {
            // A journal is in no lane: each call appends once and reads once, and whatever comes
            // between them is news as well.
            let mut dropped = 0;
            let is_new = self.store.journals.put_with(self.mask.name(exchange.journal), |held| {
                let mut fresh = None;
                let journal = match held {
                    Some(journal) => journal,
                    None => fresh.insert(Journal::default()),
                };
                dropped = journal.prune(at, usize::MAX);
                journal.append(at.now, &exchange.append);
                fresh
            });
            // Another call may have made the journal since room was set aside for it.
            let taken = if is_new { 2 } else { 1 };
            let unused = self.for_news.take().saturating_sub(taken);
            self.store.room.give_back(dropped.saturating_add(unused));
        }
        Ok(())
    }

    fn news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<News, Undone> {
        Ok(exchange.map_or_else(News::default, |exchange| {
            let read = |journal: &Journal| journal.news(exchange.after, at);
            self.store.journals.read(self.mask.name(exchange.journal), read).unwrap_or_default()
        }))
    }

    fn reserve(&self, entries: usize) -> Result<(), Undone> {
        if self.store.room.take(entries) { Ok(()) } else { Err(Undone::Full) }
    }

    fn account(&self, reserved: usize, added: usize) {
        self.store.room.give_back(reserved.saturating_sub(added));
        self.store.room.add(added.saturating_sub(reserved));
    }
}

impl Held for Challenge {
    fn drop_at(&self) -> DropAt {
        DropAt::after(self.closes())
    }
}

impl Held for Once {
    fn drop_at(&self) -> DropAt {
        DropAt::after(self.deadline())
    }
}
