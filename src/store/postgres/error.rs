//! [`PostgresSetupError`], and which kind of [`StoreError`] a failure at run time is.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::PoolError;
use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::store::{StoreError, StoreErrorKind};

/// Why a [`PostgresStore`](super::PostgresStore) cannot be set up. Holds no password.
#[derive(Error)]
#[non_exhaustive]
pub enum PostgresSetupError {
    /// The connection string cannot be read. Nothing of it is repeated, as any part of it may be a
    /// piece of a password.
    #[error(
        "the connection string cannot be read: {0}; write it as \
         postgres://user:password@host:port/database or as key=value pairs"
    )]
    Url(&'static str),
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
    /// Every host that answered takes no writes.
    #[error(
        "PostgreSQL at {address} takes no writes: it is a standby, or default_transaction_read_only \
         is on there; connect to the primary, give all hosts in one URL, or set the setting to off \
         for this role and database"
    )]
    OnlyReads {
        /// The hosts and ports that were tried.
        address: String,
    },
    /// The server is a hot standby.
    #[error(
        "this PostgreSQL is a standby, which takes no writes; connect to the primary, or give both \
         hosts in the URL"
    )]
    Standby,
    /// The session takes no writes.
    #[error(
        "PostgreSQL takes no writes in the sessions of {role}, as default_transaction_read_only is \
         on; set it to off for this role, database or server (ALTER ROLE … SET …)"
    )]
    ReadOnly {
        /// The role that the session has.
        role: String,
    },
    /// The role may not do what the store does.
    #[error(
        "the role {role} lacks {missing}; as the owner of the schema, grant usage on schema otpgate, \
         select, insert, update, delete on all tables in schema otpgate and execute on all functions \
         in schema otpgate to it"
    )]
    Forbidden {
        /// The role that the session has.
        role: String,
        /// The rights, in PostgreSQL's words.
        missing: String,
    },
    /// The role may not create what a migration creates.
    #[error(
        "the schema `otpgate` is at version {found} and this role may not change it; call \
         PostgresStore::migrate as a role that owns it or may create it, then grant this role its \
         use; the cause: {source}"
    )]
    MayNotMigrate {
        /// The version found; 0 if there is none.
        found: i32,
        /// What the server says.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server is of a version that the store does not run on.
    #[error("PostgreSQL {found} is too old for this store; use version 14 or later")]
    TooOld {
        /// The version that the server reports.
        found: String,
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
    /// The server, or what is between, did not answer in time.
    #[error(
        "PostgreSQL has not answered within {within:?}; look whether it, a pooler or the network \
         in between hangs and whether the pool has a free connection, then start again; \
         PostgresStore::with_deadline waits longer"
    )]
    Silent {
        /// How long that was waited for.
        within: Duration,
    },
    /// The server refused a statement of the setup.
    #[error(
        "PostgreSQL refused a statement of the setup; mend what it says, then start again; the \
         cause: {0}"
    )]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
}

impl From<PostgresSetupError> for StoreError {
    fn from(error: PostgresSetupError) -> Self {
        let kind = match &error {
            PostgresSetupError::Unreachable { .. }
            | PostgresSetupError::Silent { .. }
            | PostgresSetupError::Refused(_) => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Corrupt,
        };
        Self::new(kind, error)
    }
}

impl PostgresSetupError {
    /// Why a migration could not be applied to a schema at version `found`.
    pub(super) fn migrating(error: tokio_postgres::Error, found: i32) -> Self {
        match error.code().map(SqlState::code) {
            Some("42501") => Self::MayNotMigrate { found, source: said(error) },
            _ => error.into(),
        }
    }
}

impl From<tokio_postgres::Error> for PostgresSetupError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Refused(said(error))
    }
}

impl From<PoolError> for PostgresSetupError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            error => Self::Refused(error.into()),
        }
    }
}

/// The innermost cause, as the outer ones say no more than that there is one.
pub(super) fn said(error: tokio_postgres::Error) -> Box<dyn StdError + Send + Sync> {
    match error.as_db_error() {
        Some(said) => said.clone().into(),
        None => error.into_source().unwrap_or_else(|| "the connection was closed".into()),
    }
}

/// The answer did not come in time.
#[derive(Error)]
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
#[derive(Error)]
#[error("the transaction that this call shared with others failed; the cause: {0}")]
pub(super) struct Together(#[source] pub(super) Arc<StoreError>);

/// A standby answered a read: what it says may be old.
#[derive(Error)]
#[error(
    "the connection leads to a standby, which may be behind; let the address lead to the primary, \
     or give both hosts in the URL"
)]
pub(super) struct Standby;

/// The database answered something that is no answer.
#[derive(Error)]
#[error(
    "the database's answer cannot be read; look whether the schema `otpgate` was changed by hand, \
     and call PostgresStore::migrate"
)]
pub(super) struct Unreadable;

/// Advice that goes with an error of the database's set-up.
#[derive(Error)]
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

/// What an error says about the connection that it came on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blame {
    /// The call's own fault, or a state that another connection would find too.
    Call,
    /// The session's: a new one may do better, the others may be well.
    Session,
    /// The server's behind it, and so of every connection that leads there.
    Server,
}

/// Who is to blame for `error`, and so which connections end.
pub(super) fn blame(error: &tokio_postgres::Error) -> Blame {
    // Without a message of the server the connection broke; its siblings lead to the same place.
    error.code().map_or(Blame::Server, blamed)
}

/// What is not listed ends its session: a connection costs milliseconds, one that is kept and of no
/// use costs every call until a restart.
fn blamed(state: &SqlState) -> Blame {
    match state.code() {
        // A standby, or a server or role that only reads. The primary may be elsewhere by now, and
        // a role's settings are taken over when a session starts.
        "25006"
        // Shut down, crashed, not up yet, the database dropped, the session ended for idleness.
        | "57P01" | "57P02" | "57P03" | "57P04" | "57P05"
        // No such database any more.
        | "3D000" => Blame::Server,
        // The schema is missing, of another version, or closed to the role: perhaps on this server
        // only, where an address was pointed to one that was restored without it.
        _ if is_setup(state) => Blame::Server,
        // Two calls in each other's way; a disk that is full.
        "40P01" | "53100" => Blame::Call,
        code => match code.get(..2) {
            // The connection, or what a pooler in between has to say about its own; the role gone
            // or its password changed.
            Some("08" | "28") => Blame::Server,
            // Data, constraints, limits of the program.
            Some("22" | "23" | "54") => Blame::Call,
            // Among them: 26000 and 42P05, a prepared statement that a pooler lost or has twice;
            // 0A000, a cached plan whose result type changed; 25P02, a transaction that was left
            // open; 40001, 55P03 and 57014, an isolation or a time-out that the role had when the
            // session started; 53200, the memory of this session's process; XX000, a cache gone
            // stale.
            _ => Blame::Session,
        },
    }
}

/// A statement that fails with a code was rolled back, except where the server went away.
fn kind(state: &SqlState) -> StoreErrorKind {
    if is_setup(state) {
        return StoreErrorKind::Corrupt;
    }
    match state.code() {
        "53100" => StoreErrorKind::Full,
        // A prepared statement that is there already: parsed, not run.
        "42P05" => StoreErrorKind::Unavailable,
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

crate::base::sentence::debug_as_sentence!(
    PostgresSetupError,
    Late,
    Together,
    Unreadable,
    Schema,
    Standby
);

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
    fn a_state_that_belongs_to_the_server_ends_every_connection() {
        for code in [
            "25006", "57P01", "57P02", "57P03", "57P04", "57P05", "08000", "08001", "08003",
            "08004", "08006", "08007", "08P01", "28000", "28P01", "3D000", "3F000", "42P01",
            "42883", "42501",
        ] {
            assert_eq!(blamed(&SqlState::from_code(code)), Blame::Server, "{code}");
        }
    }

    #[test]
    fn a_state_that_belongs_to_the_session_ends_it() {
        for code in [
            "26000", "42P05", "0A000", "25P01", "25P02", "25P03", "25P04", "25001", "40001",
            "40003", "55P03", "57014", "53200", "XX000", "99999",
        ] {
            assert_eq!(blamed(&SqlState::from_code(code)), Blame::Session, "{code}");
        }
    }

    #[test]
    fn a_state_that_is_the_calls_own_keeps_its_connection() {
        for code in ["22003", "22P02", "23505", "23514", "40P01", "53100", "54000"] {
            assert_eq!(blamed(&SqlState::from_code(code)), Blame::Call, "{code}");
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
