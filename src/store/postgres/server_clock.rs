//! The server's clock, by which calls are held to their bound.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::types::Type;

use crate::base::time::{Clock, SystemClock, Timestamp};
use crate::store::{ClockCheck, StoreError, StoreErrorKind};

use super::statement::Statement;
use super::{PostgresStore, call, error};

/// How long an answer of the server's stands in for asking again. Within it this process counts its
/// own monotonic time, which no step of a wall clock moves.
const FRESH: Duration = Duration::from_secs(10);

const ASK: &str = "select (extract(epoch from clock_timestamp()) * 1000)::bigint, \
                   pg_is_in_recovery() as standby";

/// What the server said last, and when.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    steady: SystemClock,
    said: Mutex<Option<Said>>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    server: Timestamp,
    at: Duration,
}

impl ServerClock {
    fn estimate(&self) -> Option<Timestamp> {
        let said = *self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = said?;
        let age = self.steady.elapsed().saturating_sub(said.at);
        (age < FRESH).then(|| said.server + age)
    }

    fn note(&self, server: Timestamp) {
        let at = self.steady.elapsed();
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(Said { server, at });
    }
}

impl PostgresStore {
    /// Judges a call's `now` before anything of it is sent.
    ///
    /// Asked for once in [`FRESH`], and again before a call is refused: a process that was paused
    /// has counted too little. A call shares its transaction with others, so the functions in the
    /// database cannot fail one of them without failing all.
    pub(super) async fn judge(&self, check: ClockCheck, now: Timestamp) -> Result<(), StoreError> {
        if check.skew().is_none() {
            return Ok(());
        }
        if let Some(server) = self.server_clock.estimate()
            && check.judge(now, server).is_ok()
        {
            return Ok(());
        }
        let parameters: Vec<(Box<dyn tokio_postgres::types::ToSql + Sync + Send>, Type)> =
            Vec::new();
        let row = self.alone(&Statement { sql: ASK, parameters, locks: Vec::new() }).await?;
        let said = row
            .try_get(0)
            .map_err(|_| StoreError::new(StoreErrorKind::Corrupt, error::Unreadable))?;
        let server = call::timestamp(said);
        self.server_clock.note(server);
        check.judge(now, server)
    }
}
