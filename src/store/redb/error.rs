//! Why a store could not be opened, and why it gave no answer.

use std::path::PathBuf;
use std::sync::Arc;

use crate::store::{StoreError, StoreErrorKind};

/// Why [`RedbStore::open`](super::RedbStore::open) did not open the file. Nothing in it was changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RedbSetupError {
    /// Somebody has the file open; two writers would each grant every limit.
    #[error(
        "{} is open in another process, or a second time in this one; \
         stop the other, or give this one a file of its own", path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{} is not a file of this store; name another path, or move that file away",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of this crate.
    #[error(
        "{} has schema {found} and this version reads up to {known}; \
         run the version that wrote it, or a later one", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: u64,
        /// The newest schema this version reads.
        known: u64,
    },
    /// The file is this store's and does not read back.
    #[error(
        "{} is damaged; keep a copy of it, then restore a backup or, if every limit may start \
         afresh, move it away", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What did not read back.
        source: Box<redb::Error>,
    },
    /// The operating system refused.
    #[error(
        "{} cannot be opened or created; check that its folder exists, that this user may write \
         there, and that the disk is not full", path.display()
    )]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// No thread could be started for the writer.
    #[error("the writer's thread could not be started; raise the limit on threads")]
    Thread {
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Why a call did nothing, or may have done nothing.
#[derive(Clone, thiserror::Error)]
pub(super) enum Trouble {
    #[error("every entry of the capacity is live")]
    Full,
    #[error("an entry does not read back")]
    Unreadable,
    #[error("more calls are waiting for the disk than the queue may hold")]
    Busy,
    #[error("the writer stopped while it held the call")]
    Lost,
    #[error("the writer has stopped")]
    Stopped,
    #[error("the file is closed after an error, and could not be opened again yet")]
    Closed(#[source] Option<Arc<RedbSetupError>>),
    #[error("the file could not be read or written")]
    File(#[source] Arc<redb::Error>),
    #[error("the commit failed and may have reached the disk")]
    Commit(#[source] Arc<redb::Error>),
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<redb::StorageError> for Trouble {
    fn from(error: redb::StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TableError> for Trouble {
    fn from(error: redb::TableError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TransactionError> for Trouble {
    fn from(error: redb::TransactionError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        let kind = match &trouble {
            Trouble::Full => StoreErrorKind::Full,
            Trouble::Unreadable => StoreErrorKind::Corrupt,
            Trouble::Lost | Trouble::Commit(_) => StoreErrorKind::Indeterminate,
            Trouble::File(error) if is_damage(error) => StoreErrorKind::Corrupt,
            Trouble::Busy | Trouble::Stopped | Trouble::Closed(_) | Trouble::File(_) => {
                StoreErrorKind::Unavailable
            }
        };
        Self::new(kind, trouble)
    }
}

/// Whether the file's content is wrong, as opposed to its being out of reach.
pub(super) fn is_damage(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_)
    )
}

crate::base::sentence::debug_as_sentence!(RedbSetupError, Trouble);
