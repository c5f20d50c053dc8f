//! Documents and journal, which stand in one place for all partitions.

use crate::store::{Admission, Admitted, Exchange, Guard, News, StoreError, TallyQuery};

use super::super::call::{Call, Errand, Scope, Version};
use super::{Run, is_lost};

/// What has become of an admission's documents.
pub(super) enum Written {
    All,
    /// None, for what this says.
    Stale(Admitted),
    /// The place where they stand is lost.
    Perhaps,
}

impl Run<'_> {
    /// The versions of the documents that an admission rests on, where they stand. While that place is
    /// lost nobody can write them, and the caller's word stands beside that of the partition's copy: the newer
    /// of the two counts.
    pub(super) async fn versions(&self, admission: &Admission) -> Result<Vec<Version>, StoreError> {
        let mut query = TallyQuery::new(admission.now, admission.realm);
        query.clock = admission.clock;
        query.documents = admission.guards.iter().map(|guard| guard.document).collect();
        let names = query.documents.iter().copied();
        match self.send(Call::tally(&query, &self.layout.hub())).await {
            Ok(reply) => {
                let documents = reply.tallied(&query)?.documents;
                let versions = names.zip(documents.iter().map(|document| document.version));
                Ok(versions.map(|(document, version)| Version::there(document, version)).collect())
            }
            Err(error) if is_lost(&error) => {
                let said = admission.guards.iter();
                Ok(said
                    .map(|&Guard { document, version }| Version { document, version, read: false })
                    .collect())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an admission's documents where they stand, under its identifier.
    pub(super) async fn write_documents(
        &self,
        admission: &Admission,
    ) -> Result<Written, StoreError> {
        let mut there =
            Admission::new(admission.id, admission.now, admission.realm, admission.remember);
        there.clock = admission.clock;
        there.documents = admission.documents.clone();
        let call = Call::admit(&there, &self.layout.hub(), &Scope::All);
        match self.send(call).await {
            Ok(reply) => match reply.admitted(&there)?.answer {
                Admitted::Granted { .. } => Ok(Written::All),
                stale => Ok(Written::Stale(stale)),
            },
            Err(error) if is_lost(&error) => Ok(Written::Perhaps),
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
            .map(|write| Version::there(write.document, write.expect.saturating_add(1)))
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
        let (realm, now) = (self.when.realm, self.when.now);
        let Some(earlier) = self.spread.journals.turn_to_tell(realm, now, true, &mut read) else {
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
