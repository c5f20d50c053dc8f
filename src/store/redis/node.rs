//! [`Node`]: one server, connected to when needed, asked who it is each time.
//!
//! redis-rs has a connection manager that reconnects by itself. It is not used, because it does so
//! unseen, and a reconnection is exactly when the store has to look: another process may answer,
//! one that was restored from a snapshot or was a replica a second ago, or whose settings changed.
//! A connection never outlives the server process it leads to, so what is learnt when it is made
//! holds for every call through it, at no cost to any.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, InfoDict, ParsingError, RedisError, Value,
};
use tokio::sync::Mutex;

use crate::store::{StoreError, StoreErrorKind};

use super::answer::Seen;
use super::call::{Call, Verb};
use super::failure::{Malformed, Remedy};
use super::permission;
use super::setup::{Mode, RedisOptions, RedisSetupError, accepted, address};

/// One server.
pub(super) struct Node {
    client: Client,
    address: String,
    mode: Mode,
    options: RedisOptions,
    link: RwLock<Option<Arc<Link>>>,
    /// Held while connecting. Counts the attempts, and keeps why the latest one failed, so that
    /// callers who waited for it share its fate instead of each trying in turn.
    attempts: Mutex<(u64, Option<Arc<RedisSetupError>>)>,
    /// The attempts that have ended, readable without waiting for one.
    ended: AtomicU64,
}

/// A connection, and what was learnt when it was made.
pub(super) struct Link {
    connection: MultiplexedConnection,
    run: [u8; 8],
    scripts: Vec<String>,
}

/// Why a call through a node gave no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection: the call was not sent.
    Unreachable(Arc<RedisSetupError>),
    /// The slot is elsewhere; the call did not run.
    Elsewhere(RedisError),
    /// The call was sent.
    Store(StoreError),
}

impl Node {
    pub(super) fn new(
        info: ConnectionInfo,
        mode: Mode,
        options: RedisOptions,
    ) -> Result<Self, RedisSetupError> {
        let address = address(info.addr());
        let client = Client::open(info).map_err(|_| RedisSetupError::Address {
            reason: "no client can be made of it; check host, port and TLS",
        })?;
        Ok(Self {
            client,
            address,
            mode,
            options,
            link: RwLock::default(),
            attempts: Mutex::default(),
            ended: AtomicU64::default(),
        })
    }

    #[cfg(feature = "redis-cluster")]
    pub(super) fn info(&self) -> &ConnectionInfo {
        self.client.get_connection_info()
    }

    #[cfg(feature = "redis-cluster")]
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Calls a script in one round trip; in three if the connection has to be made first, in two if
    /// somebody flushed the scripts. Never sends a call again that may have run.
    pub(super) async fn call(&self, call: &Call, seen: Seen) -> Result<Vec<u8>, Failure> {
        let link = self.linked().await.map_err(Failure::Unreachable)?;
        let mut answer = link.send(call, seen, false).await;
        if let Err(error) = &answer
            && Remedy::of(error) == Remedy::Load
        {
            answer = link.send(call, seen, true).await;
        }
        let error = match answer {
            Ok(Value::BulkString(bytes)) => return Ok(bytes),
            Ok(_) => return Err(Failure::Store(Malformed.into())),
            Err(error) => error,
        };
        Err(match Remedy::of(&error) {
            Remedy::Elsewhere => {
                if self.mode == Mode::Single {
                    // It has joined a cluster: a new connection finds out, and says what to use.
                    self.hang_up(&link);
                }
                Failure::Elsewhere(error)
            }
            Remedy::Report(kind) => Failure::Store(StoreError::new(kind, error)),
            Remedy::Hangup(kind) => {
                self.hang_up(&link);
                Failure::Store(StoreError::new(kind, error))
            }
            // Twice unknown: the text was just sent.
            Remedy::Load => Failure::Store(StoreError::new(StoreErrorKind::Corrupt, error)),
        })
    }

    /// How many keys match `pattern`. The server goes on with its other work meanwhile.
    pub(super) async fn count(&self, pattern: &[u8]) -> Result<u64, Failure> {
        let link = self.linked().await.map_err(Failure::Unreachable)?;
        let failed =
            |error: RedisError| Failure::Store(StoreError::new(StoreErrorKind::Unavailable, error));
        let (mut cursor, mut count) = (0_u64, 0_u64);
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1_000);
            let mut connection = link.connection.clone();
            let (next, keys): (u64, Vec<Value>) =
                command.query_async(&mut connection).await.map_err(failed)?;
            count = count.saturating_add(u64::try_from(keys.len()).unwrap_or(u64::MAX));
            if next == 0 {
                return Ok(count);
            }
            cursor = next;
        }
    }

    /// Makes the first connection.
    pub(super) async fn open(&self) -> Result<(), RedisSetupError> {
        self.keep(Arc::new(self.connect().await?));
        Ok(())
    }

    /// The connection there is, or a new one.
    async fn linked(&self) -> Result<Arc<Link>, Arc<RedisSetupError>> {
        if let Some(link) = self.current() {
            return Ok(link);
        }
        let before = self.ended.load(Ordering::Acquire);
        let mut attempts = self.attempts.lock().await;
        if let Some(link) = self.current() {
            return Ok(link);
        }
        // An attempt that began and failed while this call waited for it speaks for this call too.
        if attempts.0 > before.saturating_add(1)
            && let Some(failure) = &attempts.1
        {
            return Err(Arc::clone(failure));
        }
        let outcome = self.connect().await;
        attempts.0 = attempts.0.saturating_add(1);
        self.ended.store(attempts.0, Ordering::Release);
        match outcome {
            Ok(link) => {
                let link = Arc::new(link);
                attempts.1 = None;
                self.keep(Arc::clone(&link));
                Ok(link)
            }
            Err(error) => {
                let error = Arc::new(error);
                attempts.1 = Some(Arc::clone(&error));
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Link, RedisSetupError> {
        let unreachable = |source| RedisSetupError::Unreachable {
            address: self.address.clone(),
            source: self.without_credentials(source),
        };
        // The first questions may take as long as the connection itself: a server that has just
        // started is slow for a moment.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.connect_timeout));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(unreachable)?;
        let mut questions = redis::pipe();
        questions.cmd("INFO");
        for verb in Verb::ALL {
            questions.cmd("SCRIPT").arg("LOAD").arg(verb.script());
        }
        permission::ask(&mut questions);
        let sent = connection.send_packed_commands(&questions, 0, questions.len()).await;
        let answers = sent.map_err(unreachable)?;
        let denied = permission::denied(&answers);
        if !denied.is_empty() {
            return Err(RedisSetupError::Forbidden { address: self.address.clone(), denied });
        }
        let learnt = answers.get(..=Verb::ALL.len()).unwrap_or_default().to_vec();
        let learnt = Value::Array(learnt).extract_error().map_err(unreachable)?;
        let (info, scripts): (InfoDict, Vec<String>) =
            learnt_from(learnt).map_err(|error| unreachable(error.into()))?;
        let run = accepted(&info, self.mode, &self.address)?;
        connection.set_response_timeout(self.options.response_timeout);
        Ok(Link { connection, run, scripts })
    }

    /// `error`, unless it repeats a credential: a server that does not know `AUTH`, or a proxy, says
    /// which words it did not understand.
    fn without_credentials(&self, error: RedisError) -> RedisError {
        let settings = self.client.get_connection_info().redis_settings();
        let said = format!("{error} {error:?}");
        let mut credentials = settings.password().into_iter().chain(settings.username());
        if credentials.any(|word| !word.is_empty() && said.contains(word)) {
            let hidden = "the server's answer repeats a credential and is left out";
            return RedisError::from((error.kind(), hidden));
        }
        error
    }

    fn current(&self) -> Option<Arc<Link>> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, link: Arc<Link>) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    /// Lets go of `link`, so that the next call connects; calls under way keep it to their end.
    fn hang_up(&self, link: &Arc<Link>) {
        let mut slot = self.link.write().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|held| Arc::ptr_eq(held, link)) {
            *slot = None;
        }
    }
}

/// What the server says about itself, and the names of the scripts.
fn learnt_from(answers: Value) -> Result<(InfoDict, Vec<String>), ParsingError> {
    let mut answers: Vec<Value> = redis::from_redis_value(answers)?;
    let info = if answers.is_empty() { Value::Nil } else { answers.remove(0) };
    let scripts = answers.into_iter().map(redis::from_redis_value).collect::<Result<_, _>>()?;
    Ok((redis::from_redis_value(info)?, scripts))
}

impl Link {
    async fn send(&self, call: &Call, seen: Seen, with_text: bool) -> redis::RedisResult<Value> {
        let mut command = if with_text {
            let mut command = redis::cmd("EVAL");
            command.arg(call.verb.script());
            command
        } else {
            let mut command = redis::cmd("EVALSHA");
            command.arg(self.scripts.get(call.verb.index()));
            command
        };
        command.arg(call.keys.len()).arg(&call.keys.partition());
        for key in call.keys.others() {
            command.arg(key.as_ref());
        }
        command.arg(call.argument(self.run, seen).as_slice());
        let mut connection = self.connection.clone();
        connection.send_packed_command(&command).await?.extract_error()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.current().is_some();
        f.debug_struct("Node")
            .field("address", &self.address)
            .field("connected", &connected)
            .finish_non_exhaustive()
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Elsewhere(error) => Self::new(StoreErrorKind::Unavailable, error),
            Failure::Unreachable(error) => {
                let kind = match &*error {
                    RedisSetupError::Evicts { .. }
                    | RedisSetupError::Silent { .. }
                    | RedisSetupError::Forbidden { .. } => StoreErrorKind::Corrupt,
                    _ => StoreErrorKind::Unavailable,
                };
                Self::new(kind, error)
            }
        }
    }
}
