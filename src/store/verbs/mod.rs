//! The verbs of [`Store`](super::Store), for stores that keep whole subjects in a map of their own.
//!
//! Each verb is written once, over a [`Realm`]: what one call sees of one tenant while no other
//! call of that tenant sees or changes anything of it.

mod admit;
mod books;
mod challenge;
mod desk;
mod once;
mod redeem;
mod settle;
mod tally;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::limit::Ledger;

use super::{ClockCheck, Document, Exchange, News};

pub(super) use admit::admit;
pub(super) use challenge::Challenge;
pub(super) use once::{Once, OnceName};
pub(super) use redeem::redeem;
pub(super) use settle::settle;
pub(super) use tally::tally;

/// When a call takes place, and from when on what is stored was written under a wrong clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) horizon: Timestamp,
}

impl Moment {
    pub(super) fn of(now: Timestamp, clock: ClockCheck) -> Self {
        Self { now, horizon: clock.horizon(now) }
    }
}

/// One tenant's state during one call.
///
/// Everything goes through `&self`, because the subjects that a call has open borrow it as well. A
/// call that ends in an error leaves nothing behind, or has changed nothing before it failed.
pub(super) trait Realm {
    /// Why the call did nothing.
    type Undone;

    /// Whether calls share the subject called `name`, so that a call should come to it last and leave it
    /// first. Does not change while the call lasts.
    fn is_shared(&self, _name: Pseudonym) -> bool {
        false
    }

    /// As [`is_shared`](Self::is_shared), of what is remembered under `name`.
    fn is_shared_once(&self, _name: OnceName) -> bool {
        false
    }

    /// The call is done with everything that calls share.
    fn end_of_shared(&self) {}

    /// The subject called `name`, unless it is as good as dropped. `to` is empty, and whatever is left in it
    /// after an error is of no use.
    fn subject(
        &self,
        name: Pseudonym,
        now: Timestamp,
        to: &mut Ledger,
    ) -> Result<Lent, Self::Undone>;

    /// Keeps what `ledger` holds under `name`; whether that took an entry. What is in `ledger` afterwards is of
    /// no use. `scratch` saves an allocation.
    fn keep_subject(
        &self,
        name: Pseudonym,
        ledger: &mut Ledger,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, Self::Undone>;

    /// What is remembered under `name`.
    fn once(&self, name: OnceName) -> Result<Option<Once>, Self::Undone>;

    /// Remembers `name`; whether that took an entry.
    fn keep_once(&self, name: OnceName, once: Once) -> Result<bool, Self::Undone>;

    /// Reads a challenge.
    fn challenge<T>(
        &self,
        name: Pseudonym,
        read: impl FnOnce(&Challenge) -> T,
    ) -> Result<Option<T>, Self::Undone>;

    /// Changes a challenge.
    fn change_challenge<T>(
        &self,
        name: Pseudonym,
        change: impl FnOnce(&mut Challenge) -> T,
    ) -> Result<Option<T>, Self::Undone>;

    /// Keeps a new challenge; whether that took an entry.
    fn keep_challenge(&self, name: Pseudonym, challenge: Challenge) -> Result<bool, Self::Undone>;

    /// A document's version, if there is one.
    fn version(&self, name: Pseudonym) -> Result<Option<u64>, Self::Undone>;

    /// A document.
    fn document(&self, name: Pseudonym) -> Result<Option<Document>, Self::Undone>;

    /// Keeps a document in this version; whether that took an entry.
    fn keep_document(
        &self,
        name: Pseudonym,
        version: u64,
        content: &[u8],
    ) -> Result<bool, Self::Undone>;

    /// How many entries appending takes.
    fn room_for_news(&self, exchange: Option<&Exchange>) -> Result<usize, Self::Undone>;

    /// Appends to the journal what is to be appended.
    fn append_news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<(), Self::Undone>;

    /// What the journal holds; not what is dated beyond the horizon.
    fn news(&self, exchange: Option<&Exchange>, at: Moment) -> Result<News, Self::Undone>;

    /// Sets aside room for `entries`, or says that there is none.
    fn reserve(&self, entries: usize) -> Result<(), Self::Undone>;

    /// Of the room for `reserved` entries, `added` were needed.
    fn account(&self, reserved: usize, added: usize);
}

/// What was fetched of a subject for one call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lent {
    /// There is none.
    Nothing,
    Copy,
    /// The subject itself: it must be handed back even if it did not change.
    Owed,
}
