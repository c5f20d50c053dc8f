//! What one call sees of its realm, while it has the realm's turn.

use std::mem;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::Ledger;
use crate::store::verbs::{Challenge, Lent, Moment, Once, OnceName, Realm};
use crate::store::{Document, Exchange, News};

use super::papers::Journal;
use super::subject::Subject;
use super::table::{DropAt, Held, Key, Mask};
use super::{MemoryStore, Undone};

/// One call's view. Changes take effect at once: nobody else of the realm has a turn meanwhile, and
/// a call changes nothing before it knows that there is room.
pub(super) struct View<'a> {
    pub(super) store: &'a MemoryStore,
    pub(super) mask: Mask,
}

impl View<'_> {
    fn key(&self, name: OnceName) -> Key {
        match name {
            OnceName::Nonce(name) => self.mask.name(name),
            OnceName::Admission(id) => self.mask.call(id),
        }
    }
}

impl Realm for View<'_> {
    type Undone = Undone;

    fn subject(&self, name: Pseudonym, now: Timestamp) -> Result<Option<Lent>, Undone> {
        let lent = self.store.subjects.change(self.mask.name(name), |subject| {
            // What can be dropped is as good as dropped.
            if subject.drop_at().passed(now) {
                return Ok(None);
            }
            if let Subject::Busy { ledger, .. } = subject {
                // Owed, and not copied: `keep_subject` returns it.
                return Ok(Some(Lent { ledger: mem::take(&mut **ledger), owed: true }));
            }
            let ledger = subject.unpack().ok_or(Undone::Unreadable)?;
            Ok(Some(Lent { ledger, owed: false }))
        });
        lent.unwrap_or(Ok(None))
    }

    fn keep_subject(
        &self,
        name: Pseudonym,
        ledger: Ledger,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, Undone> {
        Ok(self.store.subjects.put_with(self.mask.name(name), |held| match held {
            Some(subject) => {
                subject.refill(ledger, scratch);
                None
            }
            None => Some(Subject::new(ledger, scratch)),
        }))
    }

    fn once(&self, name: OnceName) -> Result<Option<Once>, Undone> {
        Ok(self.store.once.read(self.key(name), |once| *once))
    }

    fn keep_once(&self, name: OnceName, once: Once) -> Result<bool, Undone> {
        Ok(self.store.once.put(self.key(name), once))
    }

    fn challenge<T>(
        &self,
        name: Pseudonym,
        read: impl FnOnce(&Challenge) -> T,
    ) -> Result<Option<T>, Undone> {
        Ok(self.store.challenges.read(self.mask.name(name), read))
    }

    fn change_challenge<T>(
        &self,
        name: Pseudonym,
        change: impl FnOnce(&mut Challenge) -> T,
    ) -> Result<Option<T>, Undone> {
        Ok(self.store.challenges.change(self.mask.name(name), change))
    }

    fn keep_challenge(&self, name: Pseudonym, challenge: Challenge) -> Result<bool, Undone> {
        Ok(self.store.challenges.put(self.mask.name(name), challenge))
    }

    fn version(&self, name: Pseudonym) -> Result<Option<u64>, Undone> {
        Ok(self.store.documents.view(&self.mask.name(name), |_, held| held.version))
    }

    fn document(&self, name: Pseudonym) -> Result<Option<Document>, Undone> {
        Ok(self.store.documents.view(&self.mask.name(name), |_, held| held.clone()))
    }

    fn keep_document(&self, name: Pseudonym, document: Document) -> Result<bool, Undone> {
        Ok(self.store.documents.insert(self.mask.name(name), document).is_none())
    }

    fn room_for_news(&self, exchange: Option<&Exchange>) -> Result<usize, Undone> {
        Ok(match exchange {
            Some(exchange) if !exchange.append.is_empty() => {
                let known = self.store.journals.contains_key(&self.mask.name(exchange.journal));
                if known { 1 } else { 2 }
            }
            _ => 0,
        })
    }

    fn append_news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<(), Undone> {
        if let Some(exchange) = exchange
            && !exchange.append.is_empty()
        {
            let name = self.mask.name(exchange.journal);
            let mut journal = self.store.journals.entry(name).or_default();
            self.store.room.give_back(journal.prune(at));
            journal.append(at.now, &exchange.append);
        }
        Ok(())
    }

    fn news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<News, Undone> {
        Ok(exchange.map_or_else(News::default, |exchange| {
            let read = |_: &Key, journal: &Journal| journal.news(exchange.after, at);
            self.store.journals.view(&self.mask.name(exchange.journal), read).unwrap_or_default()
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
