//! [`PostgresSetupError`], and which kind of [`StoreError`] a failure at run time is.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::PoolError;
use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::store::{StoreError, StoreErrorKind};

/// Why a [`PostgresStore`](super::PostgresStore) cannot be set up. Holds no password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PostgresSetupError {
    /// The connection string does not parse.
    #[error(
        "the connection string cannot be read; write it as \
         postgres://user:password@host:port/database or as key=value pairs"
    )]
    Url(#[source] tokio_postgres::Error),
    /// No connection could be made.
    #[error(
        "no connection to PostgreSQL at {address}; check that it runs and listens there, and that \
         it lets this user in; the cause: {source}"
    )]
    Unreachable {
        /// The hosts and ports that were tried.
        address: String,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A setting of the server or role would lose what was acknowledged.
    #[error(
        "PostgreSQL runs with {setting} = {value}, which loses acknowledged state in a crash; set \
         it to {wanted} for this role or database (ALTER ROLE … SET …) or in postgresql.conf"
    )]
    LosesState {
        /// The setting.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// The migrations have not been applied, or not all of them.
    #[error(
        "the schema `otpgate` is at version {found} and this release needs {needed}; call \
         PostgresStore::migrate, or apply PostgresStore::migrations with the host's own tool"
    )]
    NotMigrated {
        /// The version found; 0 if there is none.
        found: i32,
        /// The version needed at least.
        needed: i32,
    },
    /// The server refused a statement of the setup.
    #[error("PostgreSQL refused a statement of the setup; the cause: {0}")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
}

/// The answer did not come in time.
#[derive(Debug, Error)]
pub(super) enum Late {
    #[error("no connection became free within {0:?}; raise the pool's size or look at the server")]
    Pool(Duration),
    #[error("no answer within {0:?}; the connection was given up")]
    Answer(Duration),
    #[error("calls of this process on the same rows took longer than {0:?}; look at the server")]
    Lease(Duration),
    #[error("the runtime stopped before the call was answered")]
    Stopped,
}

/// What became of a call that shared a transaction with others.
#[derive(Debug, Error)]
#[error("the transaction that this call shared with others failed; the cause: {0}")]
pub(super) struct Together(#[source] pub(super) Arc<StoreError>);

/// The database answered something that is no answer.
#[derive(Debug, Error)]
#[error("the database's answer cannot be read; was the schema `otpgate` changed by hand?")]
pub(super) struct Unreadable;

/// Advice that goes with an error of the database's set-up.
#[derive(Debug, Error)]
#[error(
    "the schema `otpgate` is missing, older than this release, or not open to this role; \
         call PostgresStore::migrate as its owner and grant this role its use"
)]
pub(super) struct Schema(#[source] tokio_postgres::Error);

/// No connection: nothing was sent.
pub(super) fn pool(error: PoolError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, error)
}

/// Something went wrong with a statement that was handed to the connection.
pub(super) fn statement(error: tokio_postgres::Error) -> StoreError {
    let Some(state) = error.code() else {
        // No message of the server: the connection broke, before or after the commit.
        return StoreError::new(StoreErrorKind::Indeterminate, error);
    };
    match kind(state) {
        StoreErrorKind::Corrupt if is_setup(state) => {
            StoreError::new(StoreErrorKind::Corrupt, Schema(error))
        }
        kind => StoreError::new(kind, error),
    }
}

/// A statement that fails with a code was rolled back, except where the server went away.
fn kind(state: &SqlState) -> StoreErrorKind {
    if is_setup(state) {
        return StoreErrorKind::Corrupt;
    }
    match state.code() {
        "53100" => StoreErrorKind::Full,
        // Shutting down, crashed, database dropped: it may have come after the commit.
        "57P01" | "57P02" | "57P04" | "57P05" => StoreErrorKind::Indeterminate,
        code => match code.get(..2) {
            // Connection lost, and whatever a pooler in between has to say; the outcome of a
            // commit unknown.
            Some("08") => StoreErrorKind::Indeterminate,
            _ if code == "40003" => StoreErrorKind::Indeterminate,
            // Data that cannot be read back, arguments the functions choke on, internal errors.
            Some("22" | "23" | "42" | "XX") => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Unavailable,
        },
    }
}

/// Whether the schema is missing, of another version, or closed to the role.
fn is_setup(state: &SqlState) -> bool {
    matches!(state.code(), "3F000" | "42P01" | "42703" | "42704" | "42883" | "42501")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolled_back_statement_did_not_take_effect() {
        for code in ["40001", "40P01", "55P03", "57014", "57P03", "53200", "53300", "25006"] {
            assert_eq!(kind(&SqlState::from_code(code)), StoreErrorKind::Unavailable, "{code}");
        }
    }

    #[test]
    fn a_server_that_went_away_leaves_the_outcome_open() {
        for code in ["57P01", "57P02", "08006", "08P01", "40003"] {
            assert_eq!(kind(&SqlState::from_code(code)), StoreErrorKind::Indeterminate, "{code}");
        }
    }

    #[test]
    fn a_full_disk_and_a_broken_schema_are_told_apart() {
        assert_eq!(kind(&SqlState::from_code("53100")), StoreErrorKind::Full);
        for code in ["3F000", "42883", "42P01", "42501", "XX001", "22003"] {
            assert_eq!(kind(&SqlState::from_code(code)), StoreErrorKind::Corrupt, "{code}");
        }
    }
}
