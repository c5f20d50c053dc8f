//! [`PostgresStore`]: everything in a PostgreSQL database, one statement for each call.
//!
//! # Setting it up
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use otpgate::store::PostgresStore;
//!
//! let store = PostgresStore::connect("postgres://gate@db.internal/codes").await?;
//! store.migrate().await?; // or `ready()`, where the host's own tool applies `migrations()`
//! # Ok(()) }
//! ```
//!
//! Everything lives in the schema `otpgate` of the database that the connection leads to. Where the
//! role that migrates is another than the gate's, grant the gate's role what it uses:
//!
//! ```sql
//! grant usage on schema otpgate to gate;
//! grant select, insert, update, delete on all tables in schema otpgate to gate;
//! grant execute on all functions in schema otpgate to gate;
//! ```
//!
//! Call [`remove_expired`](PostgresStore::remove_expired) every minute or so from one place.
//!
//! # What holds
//!
//! - Each verb is one statement, one function call and one round trip. A call that nothing of its
//!   process is in the way of is a transaction of its own; calls on one row share one, see below.
//! - A call first locks the names of all it may touch, in one order that is the same for all calls
//!   (transaction-level advisory locks), then reads, then checks everything, then writes. No two
//!   calls can deadlock, and a call that was refused writes nothing but its observations.
//! - What was answered is on disk: [`ready`](PostgresStore::ready) refuses a server or role whose
//!   settings would lose it. With a standby, `synchronous_standby_names` decides whether that holds
//!   through a fail-over; without it, a fail-over may take back the last commits, and a code used in
//!   them could be used again.
//! - Nothing is kept on a connection, so PgBouncer in transaction mode may stand in between
//!   ([`Statements::Unnamed`], the default). Only `read committed` will do as isolation.
//! - While the server is away every call fails, as [`Unavailable`](StoreErrorKind::Unavailable) if
//!   nothing was sent and [`Indeterminate`](StoreErrorKind::Indeterminate) if something was. The
//!   first call after it is back connects again.
//! - A connection ends with the first error that is not the call's own, and all idle ones with one
//!   that belongs to the server: after a fail-over the next call finds the new primary. An answer
//!   that a standby gave is not taken.
//! - Times come from the calls. The server's clock decides whether a call's is believed
//!   ([`ClockCheck`](super::ClockCheck)), and that nothing is removed before its time.
//! - The database sees pseudonyms and digests. Digests are HMACs under a key that it does not have,
//!   and are compared as hashes mixed with the call's random identifier, so that the time of a
//!   comparison says nothing about them.
//!
//! # What it costs
//!
//! One send is six to nine rows for subjects, one for the challenge, and one each for the call and
//! its token; a row of a subject is 40 bytes for each of its meters and about 70 on top.
//! `examples/postgres_load.rs` measures bytes and calls a second beside `pgbench`.
//!
//! # The leased row
//!
//! A realm's budget is a row that every send of the realm changes, and a row that was changed stays
//! locked until the commit is on disk. One transaction a send would make a realm's sends a second the
//! reciprocal of one statement and one flush. So a process takes such rows on lease: the call that
//! finds its rows free goes at once; calls of the same process that need one of them meanwhile wait
//! in the process; when the lease ends, the next one takes up to 32 of them in one transaction: one
//! set of locks in key order, the calls in their order, one commit, one round trip.
//!
//! - Nothing is promised ahead of the commit. Limits and counts are exact over all processes, a
//!   limit is never exceeded, and no send is refused because another process holds a share of it.
//! - A process that dies holds nothing back: its lease ends with its connection.
//! - No call waits for a timer. Calls that share nothing run beside each other on their connections.
//! - A call that the database refuses fails alone: the others are run again without it.
//! - Several processes take turns, a lease each. A row then admits what one server process computes,
//!   with one flush for up to 32 calls; `docs/performance-measurements.md` has the figures.
//!
//! # The shared row
//!
//! With [`with_processes`](PostgresStore::with_processes) the processes do not take turns. A process
//! charges a row on which it has sixteen calls in a second *ahead*: some hundreds of units in a
//! transaction of its own. Its calls spend them without naming the row.
//!
//! - **Never too late.** A unit counts in the row before it is spent. Limits are kept over all
//!   processes, whatever their settings, and whoever is killed in between.
//! - **Too early by what others hold unspent**: together a sixteenth of what is left, for two
//!   seconds and as long as calls that took of it are on their way. Then it goes back. When a limit
//!   has room for fewer than sixteen calls in each part, calls charge the row themselves again, so
//!   the last of it goes to whoever asks first. A process that is killed takes what it holds with
//!   it, until the window has passed.
//! - **What is charged ahead**: windows and budgets of a minute or more that all
//!   [homes](crate::store::Home) share. Buckets, waived charges and what is a home's own are charged by
//!   each call.
//! - **Counters that refuse nothing** reach their rows a quarter of a second later, or before a
//!   call of the same process judges a limit by them. A process that is killed takes that quarter
//!   of a second with it. Answers tell each count once, somewhat late.
//! - **The journal** of a busy realm is exchanged by one call at a time, with what the others leave
//!   for it.
//! - **Whoever reads the row** sees what was charged ahead as spent. A process leaves out what it holds
//!   itself.

mod answer;
mod call;
mod check;
mod error;
mod key;
mod lease;
mod migration;
mod server_clock;
mod setup;
mod slices;
mod statement;
mod url;
mod verbs;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
use tokio_postgres::types::Type;

use crate::base::time::Timestamp;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, Store, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};

pub use error::PostgresSetupError;
pub use migration::Migration;

use error::Late;
use lease::Leases;
use server_clock::ServerClock;
use slices::Slices;
use statement::{Statement, parameter};

/// How long a call may wait for calls on the same rows, for a connection, and for its answer, each,
/// unless the host says otherwise.
///
/// A statement takes well under a millisecond on a healthy server; what takes 5 s is an outage, and
/// a person in front of a form should hear so.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// How many connections [`PostgresStore::connect`] opens at the most.
///
/// Group commit needs several transactions in flight to share one flush of the log, and PostgreSQL
/// admits 100 connections in all by default: three processes fit with room for the host's own.
pub const DEFAULT_CONNECTIONS: usize = 32;

/// How many transactions one of `processes` has on their way at the most: all together eight, each at
/// least two. Calls that come meanwhile share the next one.
///
/// A commit and the switch to another session cost the server more than a call: with four processes
/// of four transactions each call took it 0.48 ms, with two each 0.34 to 0.38
/// (`docs/performance-measurements.md`, 30 November 2026).
fn lanes(processes: u16) -> usize {
    usize::from(8_u16.checked_div(processes).unwrap_or(8)).clamp(2, 4)
}

/// A [`Store`] in a PostgreSQL database (14 or later), for any number of gates, processes and hosts.
///
/// See the [module](self) for its set-up and its promises.
///
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use otpgate::store::PostgresStore;
///
/// let store = PostgresStore::connect("postgres://gate@db.internal/codes")
///     .await?
///     .with_deadline(Duration::from_secs(2));
/// store.ready().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    deadline: Duration,
    statements: Statements,
    leases: Arc<Leases>,
    server_clock: Arc<ServerClock>,
    slices: Option<Arc<Slices>>,
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
        Self {
            pool,
            deadline: DEFAULT_DEADLINE,
            statements: Statements::default(),
            leases: Arc::default(),
            server_clock: Arc::default(),
            slices: None,
        }
    }

    /// Gives up a wait after `deadline`; [`DEFAULT_DEADLINE`] otherwise.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Shares busy rows with so many processes; one otherwise, which shares with nobody.
    ///
    /// From two on a process charges a row that is busy for many calls at once, and processes do not
    /// wait for each other's commits. See [the shared row](self#the-shared-row) for what that is paid with.
    /// The number says only how small each process's part is, so it may differ between processes and
    /// change at any time.
    #[must_use]
    pub fn with_processes(mut self, processes: u16) -> Self {
        self.slices = Slices::new(processes);
        let lanes = if self.slices.is_some() { lanes(processes) } else { usize::MAX };
        self.leases = Arc::new(Leases::in_lanes(lanes));
        self
    }

    /// Gives back at once what this process has charged ahead, and counts what it has yet to count.
    ///
    /// Call it before a process of [several](Self::with_processes) ends, after its last call. Otherwise
    /// what it held counts as spent for the limits' spans.
    pub async fn give_back(&self) {
        if let Some(slices) = &self.slices {
            self.give_all_back(slices).await;
        }
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
            Err(_) => Err(StoreError::new(StoreErrorKind::Unavailable, Late::Pool(self.deadline))),
        }
    }

    /// Removes at most `batch` rows of each kind that have expired at `now`, and says how many.
    ///
    /// Call it every minute or so from one place, again while it answers `batch` or more: nothing
    /// else removes anything. A batch of a thousand takes some ten milliseconds and holds up no
    /// call, as rows in use are skipped.
    ///
    /// Where the server's clock says an earlier time than `now`, that is taken: what is removed is
    /// forgotten, and a host whose clock leads by a day would give every budget out once more. A
    /// host that lags removes less.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; whatever was removed before stays removed.
    pub async fn remove_expired(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        const REMOVE: &str = "select otpgate.remove_expired_v1(least($1, \
                              (extract(epoch from clock_timestamp()) * 1000)::bigint), $2), \
                              pg_is_in_recovery() as standby";
        self.remove(REMOVE, now, batch).await
    }

    /// As [`remove_expired`](Self::remove_expired), by `now` alone. For simulated time.
    ///
    /// **Dangerous** in production: with a `now` that leads it removes quotas, failures and spent
    /// tokens that still count.
    ///
    /// # Errors
    ///
    /// As [`remove_expired`](Self::remove_expired).
    pub async fn remove_expired_at_danger(
        &self,
        now: Timestamp,
        batch: u32,
    ) -> Result<u64, StoreError> {
        const REMOVE: &str = "select otpgate.remove_expired_v1($1, $2), \
                              pg_is_in_recovery() as standby";
        self.remove(REMOVE, now, batch).await
    }

    async fn remove(
        &self,
        sql: &'static str,
        now: Timestamp,
        batch: u32,
    ) -> Result<u64, StoreError> {
        let batch = i32::try_from(batch).unwrap_or(i32::MAX);
        let parameters = vec![parameter(call::time(now), Type::INT8), parameter(batch, Type::INT4)];
        let row = self.alone(&Statement { sql, parameters, locks: Vec::new() }).await?;
        let removed = row
            .try_get(0)
            .map_err(|_| StoreError::new(StoreErrorKind::Corrupt, error::Unreadable))?;
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
        self.judge(admission.clock, admission.now).await?;
        match &self.slices {
            Some(slices) => self.sliced_admit(slices, admission).await,
            None => self.try_admit(admission).await,
        }
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.judge(settlement.clock, settlement.now).await?;
        match &self.slices {
            Some(slices) => self.sliced_settle(slices, settlement).await,
            None => self.try_settle(settlement).await,
        }
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.judge(redemption.clock, redemption.now).await?;
        match &self.slices {
            Some(slices) => self.sliced_redeem(slices, redemption).await,
            None => self.try_redeem(redemption).await,
        }
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.judge(query.clock, query.now).await?;
        match &self.slices {
            Some(slices) => self.sliced_tally(slices, query).await,
            None => self.try_tally(query).await,
        }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        // The inherent one, which a host may call by itself.
        Ok(Self::ready(self).await?)
    }
}
