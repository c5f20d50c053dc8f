//! [`Leases`]: which calls of this process are on their way, and which wait for them.
//!
//! A realm's budget is in the way of every send. Were each to lock it on the server, each would also
//! wait there for the flush of the one before. So a process takes such a row on *lease*: the call
//! that finds it free goes at once; those that come meanwhile wait here and not on the server; the
//! next lease takes them together, in one transaction with one flush. Nothing is promised ahead of
//! its commit, so limits and counts are exact, and a process that dies holds nothing back.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_postgres::Row;

use crate::store::{StoreError, StoreErrorKind};

use super::PostgresStore;
use super::error::{Late, Together};
use super::statement::{Statement, Undone};

/// How many calls one lease takes at the most.
///
/// A call locks about ten names, and the server's table of locks has room for some thousands by
/// default; a flush is shared well enough by this many.
const MOST: usize = 32;

type Answered = Result<Row, StoreError>;

/// The leases of one process.
pub(super) struct Leases {
    state: Mutex<State>,
    /// How many transactions are on their way at the most.
    lanes: usize,
}

#[derive(Default)]
struct State {
    /// How many transactions are on their way.
    lanes: usize,
    /// Names that calls on their way have for themselves.
    held: HashSet<i64>,
    /// Calls that need one of them.
    waiting: VecDeque<Waiting>,
    tickets: u64,
}

struct Waiting {
    ticket: u64,
    statement: Statement,
    answer: oneshot::Sender<Answered>,
}

/// Calls on their way, and the names they hold until this is dropped.
struct Lease {
    of: Arc<Leases>,
    calls: Vec<Waiting>,
}

impl PostgresStore {
    /// Runs a statement as soon as no call of this process is in its way.
    pub(super) async fn leased(&self, statement: Statement) -> Answered {
        let (answer, mut answered) = oneshot::channel();
        let (ticket, lease) = self.leases.queue(statement, answer);
        if let Some(lease) = lease {
            // On a task of its own: who drops this call must not leave the others waiting.
            tokio::spawn(self.clone().serve(lease));
        } else if let Ok(answer) = tokio::time::timeout(self.deadline, &mut answered).await {
            return answer.unwrap_or_else(|_| Err(lost()));
        } else if self.leases.withdraw(ticket) {
            let late = Late::Lease(self.deadline);
            return Err(StoreError::new(StoreErrorKind::Unavailable, late));
        }
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    async fn serve(self, mut lease: Lease) {
        while !lease.calls.is_empty() {
            let statements: Vec<_> = lease.calls.iter().map(|call| &call.statement).collect();
            let answers = self.run(&statements).await;
            lease.next(answers);
        }
    }

    async fn run(&self, calls: &[&Statement]) -> Vec<Answered> {
        if calls.len() > 1 {
            match self.together(calls).await {
                Ok(rows) => return rows.into_iter().map(Ok).collect(),
                Err(Undone::Failed(error)) => {
                    let (kind, error) = (error.kind(), Arc::new(error));
                    let failed = |_| Err(StoreError::new(kind, Together(Arc::clone(&error))));
                    return calls.iter().map(failed).collect();
                }
                // One by one, so that only the one at fault fails.
                Err(Undone::RolledBack) => {}
            }
        }
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            answers.push(self.alone(call).await);
        }
        answers
    }
}

impl Leases {
    /// So many transactions at the same time at the most; what comes meanwhile goes together.
    pub(super) fn in_lanes(lanes: usize) -> Self {
        Self { state: Mutex::default(), lanes }
    }

    /// A lease for the call alone if nothing is in its way; else it waits in line.
    fn queue(
        self: &Arc<Self>,
        statement: Statement,
        answer: oneshot::Sender<Answered>,
    ) -> (u64, Option<Lease>) {
        let mut state = self.state();
        state.tickets = state.tickets.wrapping_add(1);
        let ticket = state.tickets;
        let call = Waiting { ticket, statement, answer };
        if state.lanes >= self.lanes || state.blocks(&call) {
            state.waiting.push_back(call);
            return (ticket, None);
        }
        state.lanes = state.lanes.saturating_add(1);
        state.held.extend(alone(&call));
        (ticket, Some(Lease { of: Arc::clone(self), calls: vec![call] }))
    }

    /// Takes a call out of the line; `false` if it is on its way.
    fn withdraw(&self, ticket: u64) -> bool {
        let mut state = self.state();
        let before = state.waiting.len();
        state.waiting.retain(|call| call.ticket != ticket);
        state.waiting.len() < before
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn blocks(&self, call: &Waiting) -> bool {
        alone(call).any(|name| self.held.contains(&name))
    }

    /// Gives back what `done` held, and takes the next calls out of the line.
    fn exchange(&mut self, done: &[Waiting]) -> Vec<Waiting> {
        for name in done.iter().flat_map(alone) {
            self.held.remove(&name);
        }
        let mut next = Vec::new();
        for call in std::mem::take(&mut self.waiting) {
            if next.len() == MOST || self.blocks(&call) {
                self.waiting.push_back(call);
            } else if !call.answer.is_closed() {
                next.push(call);
            }
        }
        self.held.extend(next.iter().flat_map(alone));
        if next.is_empty() {
            self.lanes = self.lanes.saturating_sub(1);
        }
        next
    }
}

impl Lease {
    fn next(&mut self, answers: Vec<Answered>) {
        let next = self.of.state().exchange(&self.calls);
        for (call, answer) in std::mem::replace(&mut self.calls, next).into_iter().zip(answers) {
            // Who does not want the answer any more has gone.
            let _ = call.answer.send(answer);
        }
    }
}

impl Drop for Lease {
    /// Does something only where the runtime stops in the middle of a call.
    fn drop(&mut self) {
        while !self.calls.is_empty() {
            // Without an answer its caller is told that it was lost.
            self.calls = self.of.state().exchange(&self.calls);
        }
    }
}

impl Default for Leases {
    fn default() -> Self {
        Self::in_lanes(usize::MAX)
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("waiting", &self.state().waiting.len()).finish()
    }
}

/// The names that a call locks for itself; shared ones are the server's to judge.
fn alone(call: &Waiting) -> impl Iterator<Item = i64> {
    call.statement.locks.iter().copied().filter(|lock| lock & 1 == 1)
}

/// The runtime stopped, and what became of the call nobody knows.
pub(super) fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Indeterminate, Late::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(leases: &Arc<Leases>, locks: &[i64]) -> (Option<Lease>, oneshot::Receiver<Answered>) {
        let (answer, answered) = oneshot::channel();
        let statement = Statement { sql: "", parameters: Vec::new(), locks: locks.to_vec() };
        (leases.queue(statement, answer).1, answered)
    }

    fn on_their_way(lease: &Lease) -> Vec<u64> {
        lease.calls.iter().map(|call| call.ticket).collect()
    }

    #[test]
    fn calls_that_share_a_name_go_together_after_the_first() {
        let leases = Arc::new(Leases::default());
        let (first, _wait) = queue(&leases, &[3, 5]);
        let mut first = first.unwrap();
        let waiting: Vec<_> = (0..3).map(|call| queue(&leases, &[5, 7 + 2 * call])).collect();
        assert!(waiting.iter().all(|(lease, _)| lease.is_none()));
        first.next(Vec::new());
        assert_eq!(on_their_way(&first), [2, 3, 4]);
        let (late, _wait) = queue(&leases, &[9]);
        assert!(late.is_none(), "its name is held by one that waited");
        first.next(Vec::new());
        assert_eq!(on_their_way(&first), [5]);
        first.next(Vec::new());
        assert!(first.calls.is_empty() && leases.state().held.is_empty());
    }

    #[test]
    fn calls_that_share_nothing_or_only_read_together_do_not_wait() {
        let leases = Arc::new(Leases::default());
        let leased = [&[1, 8][..], &[3, 8], &[5, 8]].map(|locks| queue(&leases, locks));
        assert!(leased.iter().all(|(lease, _)| lease.is_some()));
    }

    #[test]
    fn a_lease_takes_so_many_and_not_those_that_gave_up() {
        let leases = Arc::new(Leases::default());
        let mut first = queue(&leases, &[1]).0.unwrap();
        let mut waiting: Vec<_> = (0..MOST + 5).map(|_| queue(&leases, &[1]).1).collect();
        drop(waiting.remove(0));
        assert!(leases.withdraw(3) && !leases.withdraw(3) && !leases.withdraw(1));
        first.next(Vec::new());
        assert_eq!(first.calls.len(), MOST);
        assert_eq!(on_their_way(&first).first(), Some(&4));
        first.next(Vec::new());
        assert_eq!(first.calls.len(), 3);
    }

    #[test]
    fn what_comes_while_all_lanes_are_taken_goes_together() {
        let leases = Arc::new(Leases::in_lanes(2));
        let mut first = queue(&leases, &[1]).0.unwrap();
        let second = queue(&leases, &[3]).0.unwrap();
        let waiting: Vec<_> = (0..3).map(|call| queue(&leases, &[5 + 2 * call, 1])).collect();
        assert!(waiting.iter().all(|(lease, _)| lease.is_none()));
        first.next(Vec::new());
        assert_eq!(on_their_way(&first), [3, 4, 5]);
        assert!(queue(&leases, &[99]).0.is_none(), "both lanes are taken");
        drop((first, second));
        assert!(queue(&leases, &[9]).0.is_some() && queue(&leases, &[11]).0.is_some());
        assert!(queue(&leases, &[13]).0.is_some(), "their lanes ended with the others");
    }

    #[test]
    fn who_waits_for_another_lease_is_left_to_it() {
        let leases = Arc::new(Leases::default());
        let mut first = queue(&leases, &[1]).0.unwrap();
        let mut second = queue(&leases, &[3]).0.unwrap();
        let (waits, _answer) = queue(&leases, &[1, 3]);
        assert!(waits.is_none());
        first.next(Vec::new());
        assert!(first.calls.is_empty(), "the second lease has a name of it");
        second.next(Vec::new());
        assert_eq!(on_their_way(&second), [3]);
    }

    #[test]
    fn a_lease_that_is_dropped_leaves_nobody_waiting() {
        let leases = Arc::new(Leases::default());
        let first = queue(&leases, &[1]);
        let (_, mut second) = queue(&leases, &[1]);
        drop(first);
        assert_eq!(second.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        assert!(queue(&leases, &[1]).0.is_some());
    }
}
