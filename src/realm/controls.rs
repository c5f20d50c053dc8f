//! [`CurrentControls`]: a realm's controls as this process last saw them.

use std::sync::{Arc, PoisonError, RwLock};

use crate::access::ControlBook;
use crate::base::keyring::KeyRing;
use crate::error::GateError;
use crate::store::{Document, StoreError, StoreErrorKind};

use super::names::sealed_for;

/// The controls of one version.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) version: u64,
    pub(crate) book: ControlBook,
}

/// The newest controls that this process has seen.
pub(crate) struct CurrentControls {
    realm: Arc<str>,
    newest: RwLock<Arc<Book>>,
}

impl CurrentControls {
    pub(super) fn new(realm: Arc<str>) -> Self {
        Self { realm, newest: RwLock::default() }
    }

    pub(crate) fn seen(&self) -> Arc<Book> {
        Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes controls in that were read after version `before` had been seen, unless newer ones were
    /// seen meanwhile; what was read, and whether the store went back.
    ///
    /// A version only goes back where the store has lost one: in a fail-over, or with its disk. What the
    /// store has counts then, or every admission would be refused for the version that is gone.
    pub(crate) fn take_in(
        &self,
        document: &Document,
        before: u64,
        keys: &KeyRing,
    ) -> Result<(Arc<Book>, bool), GateError> {
        let read = Arc::new(self.open(document, keys)?);
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let went_back = read.version < newest.version && newest.version == before;
        if read.version >= newest.version || went_back {
            *newest = Arc::clone(&read);
        }
        Ok((read, went_back))
    }

    /// The controls as they go to the store: sealed, because they name prefixes and networks.
    pub(crate) fn seal(&self, book: &ControlBook, nonce: [u8; 16], keys: &KeyRing) -> Vec<u8> {
        keys.papers().seal(&sealed_for("controls", &self.realm), nonce, &book.encode())
    }

    fn open(&self, document: &Document, keys: &KeyRing) -> Result<Book, GateError> {
        if document.version == 0 {
            return Ok(Book::default());
        }
        let plain = keys.papers().open(&sealed_for("controls", &self.realm), &document.content);
        let book = plain.and_then(|plain| ControlBook::decode(&plain).ok()).ok_or_else(|| {
            let cause = "the realm's controls cannot be read; do all gates have the same version?";
            StoreError::new(StoreErrorKind::Corrupt, cause)
        })?;
        Ok(Book { version: document.version, book })
    }
}
