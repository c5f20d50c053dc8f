//! [`PostgresStore`]: everything in a PostgreSQL database, one statement for each call.

mod answer;
mod call;
mod error;
mod key;
mod migration;
mod setup;
mod verbs;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::base::time::Timestamp;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, Store, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};

pub use error::PostgresSetupError;
pub use migration::Migration;

use error::Late;

/// How long a call may take, waiting for a connection included, unless the host says otherwise.
///
/// A statement takes well under a millisecond on a healthy server; what takes 5 s is an outage, and
/// a person in front of a form should hear so.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// How many connections [`PostgresStore::connect`] opens at the most.
///
/// Group commit needs several transactions in flight to share one flush of the log; beyond 32 a
/// server of a few cores gains nothing (measured in the crate's `examples/postgres_load.rs`), and
/// PostgreSQL admits 100 connections in all by default.
pub const DEFAULT_CONNECTIONS: usize = 32;

/// A [`Store`] in a PostgreSQL database (14 or later), for any number of gates, processes and hosts.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    deadline: Duration,
    statements: Statements,
}

/// How statements reach the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Statements {
    /// Parsed with each call, in the same round trip. Nothing is left behind on the connection, so
    /// that any pooler in between may hand every call to another server connection.
    #[default]
    Unnamed,
    /// Parsed once for each connection. Somewhat faster; only for connections that lead to one
    /// server process, or through a PgBouncer of version 1.21 or later with
    /// `max_prepared_statements` set.
    Named,
}

impl PostgresStore {
    /// A store on the host's own pool: its TLS, its size, its time-outs.
    ///
    /// Nothing is checked yet; see [`ready`](PostgresStore::ready).
    #[must_use]
    pub fn from_pool(pool: Pool) -> Self {
        Self { pool, deadline: DEFAULT_DEADLINE, statements: Statements::default() }
    }

    /// Gives up a call after `deadline`; [`DEFAULT_DEADLINE`] otherwise.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends statements in another way than [`Statements::Unnamed`].
    #[must_use]
    pub fn with_statements(mut self, statements: Statements) -> Self {
        self.statements = statements;
        self
    }

    /// A connection of the pool.
    async fn connection(&self) -> Result<Object, StoreError> {
        match tokio::time::timeout(self.deadline, self.pool.get()).await {
            Ok(connection) => connection.map_err(error::pool),
            Err(_) => {
                Err(StoreError::new(StoreErrorKind::Unavailable, Late::Pool(self.deadline)))
            }
        }
    }

    /// Runs one statement that answers one row.
    async fn row(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Row, StoreError> {
        let connection = self.connection().await?;
        let call = async {
            match self.statements {
                Statements::Unnamed => connection.query_typed(sql, parameters).await,
                Statements::Named => {
                    let types: Vec<Type> = parameters.iter().map(|(_, ty)| ty.clone()).collect();
                    let statement = connection.prepare_typed_cached(sql, &types).await?;
                    let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
                    connection.query(&statement, &values).await
                }
            }
        };
        match tokio::time::timeout(self.deadline, call).await {
            Ok(Ok(rows)) => rows.into_iter().next().ok_or_else(|| {
                StoreError::new(StoreErrorKind::Corrupt, error::Unreadable)
            }),
            Ok(Err(error)) => Err(error::statement(error)),
            Err(_) => {
                // Whatever still comes on this connection answers nobody's question.
                drop(Object::take(connection));
                Err(StoreError::new(StoreErrorKind::Indeterminate, Late::Answer(self.deadline)))
            }
        }
    }

    /// Removes at most `batch` rows of each kind that have expired at `now`, and says how many.
    ///
    /// Call it every minute or so from one place, again while it answers `batch` or more: nothing
    /// else removes anything. A batch of a thousand takes some ten milliseconds and holds up no
    /// call, as rows in use are skipped. Correctness never depends on it, only the size of the
    /// tables does.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; whatever was removed before stays removed.
    pub async fn remove_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        let batch = i32::try_from(batch).unwrap_or(i32::MAX);
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&call::time(now), Type::INT8), (&batch, Type::INT4)];
        let row = self.row("select otpgate.remove_expired_v1($1, $2)", &parameters).await?;
        let removed = row.try_get(0).map_err(|_| {
            StoreError::new(StoreErrorKind::Corrupt, error::Unreadable)
        })?;
        Ok(call::count(removed))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("connections", &self.pool.status())
            .field("deadline", &self.deadline)
            .field("statements", &self.statements)
            .finish()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.try_admit(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.try_settle(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.try_redeem(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.try_tally(query).await
    }
}
