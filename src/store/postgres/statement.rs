//! [`Statement`]: a call that any task can send, alone or in one transaction with others.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use crate::store::{StoreError, StoreErrorKind};

use super::error::{self, Blame, Late};
use super::key::in_order;
use super::{PostgresStore, Statements};

/// The column of every statement that says whether a standby answered.
const STANDBY: &str = "standby";

const LOCK: &str = "select otpgate.lock_v1($1)";

/// A value and its type.
pub(super) type Parameter = (Box<dyn ToSql + Send + Sync>, Type);

/// One function call in the database, which answers one row.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) parameters: Vec<Parameter>,
    /// What the function locks, in order; empty if it only reads.
    pub(super) locks: Vec<i64>,
}

/// Why the statements of one transaction have no answers.
#[derive(Debug)]
pub(super) enum Undone {
    /// One of them failed and took the others with it; nothing was done.
    RolledBack,
    /// All have the same error.
    Failed(StoreError),
}

pub(super) fn parameter(value: impl ToSql + Send + Sync + 'static, ty: Type) -> Parameter {
    (Box::new(value), ty)
}

impl PostgresStore {
    /// Runs one statement, which is one transaction.
    pub(super) async fn alone(&self, statement: &Statement) -> Result<Row, StoreError> {
        let connection = self.connection().await?;
        let call = statement.send(&connection, self.statements);
        match tokio::time::timeout(self.deadline, call).await {
            Ok(Ok(rows)) => first(rows).and_then(current).inspect_err(|_| {
                self.let_go(connection, Blame::Server);
            }),
            Ok(Err(error)) => {
                self.let_go(connection, error::blame(&error));
                Err(error::statement(error))
            }
            Err(_) => Err(self.given_up(connection)),
        }
    }

    /// Runs several statements in their order as one transaction, in one round trip.
    ///
    /// The locks of all come first and in order, so that no two transactions wait for each other.
    pub(super) async fn together(&self, calls: &[&Statement]) -> Result<Vec<Row>, Undone> {
        let connection = self.connection().await.map_err(Undone::Failed)?;
        let locks = in_order(calls.iter().flat_map(|call| call.locks.iter().copied()).collect());
        let parameters = vec![parameter(locks, Type::INT8_ARRAY)];
        let lock = Statement { sql: LOCK, parameters, locks: Vec::new() };
        let transaction = async {
            if self.statements == Statements::Named {
                // Parsing takes a round trip the first time; afterwards it is only looked up.
                for call in calls.iter().copied().chain([&lock]) {
                    connection.prepare_typed_cached(call.sql, &call.types()).await?;
                }
            }
            let words = |sql| connection.batch_execute(sql);
            let mut sent: Vec<Answer<'_>> = Vec::with_capacity(calls.len().saturating_add(3));
            sent.push(Box::pin(async { words("begin").await.map(|()| Vec::new()) }));
            for call in [&lock].into_iter().chain(calls.iter().copied()) {
                sent.push(Box::pin(call.send(&connection, self.statements)));
            }
            sent.push(Box::pin(async { words("commit").await.map(|()| Vec::new()) }));
            let answers = pipelined(sent).await;
            answers.into_iter().collect::<Result<Vec<Vec<Row>>, Error>>()
        };
        match tokio::time::timeout(self.deadline, transaction).await {
            Ok(Ok(answers)) => {
                let rows = answers.into_iter().skip(2).take(calls.len());
                let rows = rows.map(|rows| current(first(rows)?)).collect::<Result<_, _>>();
                rows.map_err(|error| {
                    self.let_go(connection, Blame::Server);
                    Undone::Failed(error)
                })
            }
            Ok(Err(error)) => {
                let blame = error::blame(&error);
                self.let_go(connection, blame);
                match error::statement(error) {
                    // Where the server is the wrong one, none of them would fare better alone.
                    error
                        if error.kind() == StoreErrorKind::Indeterminate
                            || blame == Blame::Server =>
                    {
                        Err(Undone::Failed(error))
                    }
                    _ => Err(Undone::RolledBack),
                }
            }
            Err(_) => Err(Undone::Failed(self.given_up(connection))),
        }
    }

    /// Ends the connections that are of no more use, so that the next call makes one anew and finds
    /// what its address leads to by then.
    fn let_go(&self, connection: Object, blame: Blame) {
        if blame == Blame::Call {
            return;
        }
        drop(Object::take(connection));
        if blame == Blame::Server {
            // Those in use end by themselves, with the errors of their own calls.
            drop(self.pool.retain(|_, _| false));
        }
    }

    fn given_up(&self, connection: Object) -> StoreError {
        // Whatever still comes on this connection answers nobody's question, and a server that says
        // nothing, or a wire that leads nowhere any more, would cost each other call its deadline.
        self.let_go(connection, Blame::Server);
        StoreError::new(StoreErrorKind::Indeterminate, Late::Answer(self.deadline))
    }
}

impl Statement {
    async fn send(&self, connection: &Object, how: Statements) -> Result<Vec<Row>, Error> {
        let values = self.parameters.iter().map(|(value, _)| -> &(dyn ToSql + Sync) { &**value });
        match how {
            Statements::Unnamed => {
                let typed: Vec<_> = values.zip(self.types()).collect();
                connection.query_typed(self.sql, &typed).await
            }
            Statements::Named => {
                let statement = connection.prepare_typed_cached(self.sql, &self.types()).await?;
                connection.query(&statement, &values.collect::<Vec<_>>()).await
            }
        }
    }

    fn types(&self) -> Vec<Type> {
        self.parameters.iter().map(|(_, ty)| ty.clone()).collect()
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Sends all in their order before the first answer is waited for.
async fn pipelined(mut sent: Vec<Answer<'_>>) -> Vec<Result<Vec<Row>, Error>> {
    let mut early: Vec<Option<_>> = Vec::with_capacity(sent.len());
    std::future::poll_fn(|context| {
        // The first poll of a call hands its bytes to the connection.
        for call in &mut sent {
            early.push(match call.as_mut().poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            });
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(sent.len());
    for (call, early) in sent.into_iter().zip(early) {
        answers.push(match early {
            Some(answer) => answer,
            None => call.await,
        });
    }
    answers
}

fn first(rows: Vec<Row>) -> Result<Row, StoreError> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, error::Unreadable))
}

/// `row`, unless a standby answered. A call that happens to write nothing is served there, by what
/// was true some time ago: the repeat of an admission, a code that is not known yet, any read.
fn current(row: Row) -> Result<Row, StoreError> {
    match row.try_get::<_, bool>(STANDBY) {
        Ok(true) => Err(StoreError::new(StoreErrorKind::Unavailable, error::Standby)),
        Ok(false) => Ok(row),
        Err(_) => Err(StoreError::new(StoreErrorKind::Corrupt, error::Unreadable)),
    }
}
