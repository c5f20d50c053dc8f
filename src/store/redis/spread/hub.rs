//! Documents and journal, which stand in one place for all partitions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::store::{Admission, Admitted, Exchange, News, StoreError, TallyQuery};

use super::super::call::{Call, Errand, Scope};
use super::{Run, When, is_lost};

/// How often the journal is exchanged at the most: 64 times in a tenth of a second, by each process. A
/// gate's news wait no longer than that for the next call.
const TICK: Duration = Duration::from_millis(100);
const EACH_TICK: u32 = 64;
/// So many entries are not left for a later call.
const LEFT: usize = 256;

/// What the journals have been told and have yet to be told, by realm and journal.
#[derive(Default)]
pub(super) struct Journals(Mutex<HashMap<(Pseudonym, Pseudonym), Telling>>);

/// A journal, which all partitions share: so it is asked no more often than some times in a tick, and what
/// else there is to tell is told with the next.
#[derive(Default)]
struct Telling {
    tick: Timestamp,
    told: u32,
    entries: Vec<Vec<u8>>,
}

impl Journals {
    /// Whether this call exchanges news, and what others left for it to tell. If not, its own is left.
    fn turn_to_tell(&self, when: When, exchange: &mut Exchange) -> Option<Vec<Vec<u8>>> {
        let mut journals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let telling = journals.entry((when.realm, exchange.journal)).or_default();
        let apart = when.now.since(telling.tick).max(telling.tick.since(when.now));
        if apart >= TICK {
            (telling.tick, telling.told) = (when.now, 0);
        }
        if telling.told >= EACH_TICK && telling.entries.len() < LEFT {
            if !exchange.append.is_empty() {
                telling.entries.push(std::mem::take(&mut exchange.append));
            }
            return None;
        }
        telling.told = telling.told.saturating_add(1);
        if exchange.append.is_empty() {
            // The last of them takes the place of its own.
            exchange.append = telling.entries.pop().unwrap_or_default();
        }
        Some(std::mem::take(&mut telling.entries))
    }
}

impl Run<'_> {
    /// The versions of the documents that an admission rests on, where they stand. While that place is
    /// lost nobody can write them, and the caller's word is the newest there is.
    pub(super) async fn versions(
        &self,
        admission: &Admission,
    ) -> Result<Vec<(Pseudonym, u64)>, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.clock = admission.clock;
        query.documents = admission.guards.iter().map(|guard| guard.document).collect();
        let names = query.documents.iter().copied();
        match self.send(Call::tally(&query, &self.layout.hub())).await {
            Ok(reply) => {
                let documents = reply.tallied(&query)?.documents;
                Ok(names.zip(documents.iter().map(|document| document.version)).collect())
            }
            Err(error) if is_lost(&error) => {
                let said = admission.guards.iter().map(|guard| (guard.document, guard.version));
                Ok(said.collect())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an admission's documents where they stand, under its identifier: what is stale, if one is.
    /// While that place is lost, they count as written by somebody else.
    pub(super) async fn write_documents(
        &self,
        admission: &Admission,
    ) -> Result<Option<Admitted>, StoreError> {
        let mut there =
            Admission::new(admission.id, admission.now, admission.realm, admission.remember);
        there.clock = admission.clock;
        there.documents = admission.documents.clone();
        let call = Call::admit(&there, &self.layout.hub(), &Scope::All);
        match self.send(call).await {
            Ok(reply) => match reply.admitted(&there)?.answer {
                Admitted::Granted { .. } => Ok(None),
                stale => Ok(Some(stale)),
            },
            Err(error) if is_lost(&error) => {
                let first = admission.documents.first();
                Ok(first.map(|write| Admitted::Stale {
                    document: write.document,
                    version: write.expect,
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a refused admission would have been refused for a document that it writes.
    pub(super) async fn stale_write(
        &self,
        admission: &Admission,
    ) -> Result<Option<Admitted>, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.clock = admission.clock;
        query.documents = admission.documents.iter().map(|write| write.document).collect();
        let documents =
            self.send(Call::tally(&query, &self.layout.hub())).await?.tallied(&query)?.documents;
        let mut pairs = admission.documents.iter().zip(&documents);
        Ok(pairs.find(|(write, document)| write.expect != document.version).map(
            |(write, document)| Admitted::Stale {
                document: write.document,
                version: document.version,
            },
        ))
    }

    /// Tells every partition that rests on them of documents that were written. One that is lost finds
    /// out when its copies are too old.
    pub(super) async fn tell_versions(&self, admission: &Admission) {
        let copies: Vec<_> = admission
            .documents
            .iter()
            .map(|write| (write.document, write.expect.saturating_add(1)))
            .collect();
        let errand = Errand { copies: &copies, ..Errand::default() };
        for part in 0..self.layout.tags.len() {
            drop(self.ask(part, &errand).await);
        }
    }

    /// The journal, which stands in one place for all. While that is lost there is no news, and what was to
    /// be told is not: a call does not fail for it.
    pub(super) async fn exchange(&self, exchange: Option<&Exchange>, append: bool) -> News {
        let Some(exchange) = exchange else { return News::default() };
        let nothing = News { entries: Vec::new(), latest: exchange.after };
        let mut read = exchange.clone();
        if !append {
            read.append.clear();
        }
        let Some(earlier) = self.spread.journals.turn_to_tell(self.when, &mut read) else {
            return nothing;
        };
        let errand = Errand { exchange: Some(&read), earlier: &earlier, ..Errand::default() };
        let call = Call::peer(self.when.now, self.when.clock, &self.layout.hub(), &errand);
        match self.send(call).await {
            Ok(reply) => reply.done().map_or(nothing, |done| done.news),
            Err(_) => nothing,
        }
    }
}
