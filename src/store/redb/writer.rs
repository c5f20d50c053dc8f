//! The one thread that writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread;

use super::batch::{Batch, Broom};
use super::call::{Answer, Call};
use super::error::{RedbSetupError, Trouble};
use super::file::{self, Opened};
use super::reply::Promise;

/// The most calls that one transaction serves, so that the first of them is not kept waiting.
const MOST_CALLS: usize = 512;

/// How often the writer lets other threads run before it commits fewer calls than the time before.
///
/// Those it has just answered come back within microseconds with their next, but not before it looks.
/// Without this they tend to take turns in two halves, each with a synchronisation of its own. A single
/// caller is never waited for.
const PATIENCE: usize = 8;

/// The open file. It is closed after an error, and opened again by the next call.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) cache: usize,
    opened: RwLock<Option<Opened>>,
}

/// A call that is waiting, and where its answer goes.
pub(super) struct Job {
    pub(super) call: Call,
    pub(super) promise: Promise<Result<Answer, Trouble>>,
}

/// The writer's side of the queue.
pub(super) struct Writer {
    shared: Arc<Shared>,
    capacity: usize,
    jobs: Receiver<Job>,
    broom: Broom,
    /// How many calls the latest transaction served.
    latest: usize,
}

/// What a job came to.
type Outcome = Result<Answer, Trouble>;

/// The calls that wait for a batch.
struct Queue<'a> {
    jobs: &'a Receiver<Job>,
    expected: usize,
}

/// The calls of a batch so far, and how far it got.
#[derive(Default)]
struct Progress {
    done: Vec<(Promise<Outcome>, Outcome)>,
    committing: bool,
}

impl Shared {
    pub(super) fn new(path: PathBuf, cache: usize, opened: Opened) -> Self {
        Self { path, cache, opened: RwLock::new(Some(opened)) }
    }

    pub(super) fn opened(&self) -> RwLockReadGuard<'_, Option<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Opens the file again if it is closed. A file that has gone is not made anew: that would let
    /// every limit start afresh while the process runs.
    fn reopen(&self) -> Result<(), RedbSetupError> {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none() {
            *opened = Some(file::open(&self.path, self.cache)?);
        }
        Ok(())
    }
}

impl Queue<'_> {
    /// The next call of a batch that has `done` so many.
    fn next(&self, done: usize) -> Option<Job> {
        if done >= MOST_CALLS {
            return None;
        }
        let mut waiting = self.jobs.try_recv().ok();
        for _ in 0..PATIENCE {
            if waiting.is_some() || done >= self.expected {
                break;
            }
            thread::yield_now();
            waiting = self.jobs.try_recv().ok();
        }
        waiting
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, capacity: usize, jobs: Receiver<Job>) -> Self {
        Self { shared, capacity, jobs, broom: Broom::default(), latest: 0 }
    }

    /// Serves calls until nobody can call any more and none is waiting.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let opened = catch_unwind(AssertUnwindSafe(|| self.shared.reopen()));
            match opened {
                Ok(Ok(())) => self.batch(first),
                Ok(Err(error)) => refuse(first, Trouble::Closed(Some(Arc::new(error)))),
                Err(_) => refuse(first, Trouble::Closed(None)),
            }
        }
        self.shared.close();
    }

    /// One transaction. While it reaches the disk others queue up, and are the next: no call waits
    /// for a timer, and under load many share one synchronisation.
    fn batch(&mut self, first: Job) {
        let mut progress = Progress::default();
        let ran = {
            let opened = self.shared.opened();
            let serve = || match &*opened {
                Some(opened) => {
                    let queue = Queue { jobs: &self.jobs, expected: self.latest };
                    serve(opened, self.capacity, first, &queue, &mut self.broom, &mut progress)
                }
                None => Err(Trouble::Closed(None)),
            };
            catch_unwind(AssertUnwindSafe(serve))
        };
        let trouble = match ran {
            Ok(Ok(())) => {
                self.latest = progress.done.len();
                for (promise, answer) in progress.done {
                    promise.answer(answer);
                }
                return;
            }
            Ok(Err(Trouble::File(error))) if progress.committing => Trouble::Commit(error),
            Ok(Err(trouble)) => trouble,
            Err(_) if progress.committing => Trouble::Lost,
            Err(_) => Trouble::Closed(None),
        };
        // After an error the file is read anew: only what it holds is known to be true.
        let _ = catch_unwind(AssertUnwindSafe(|| self.shared.close()));
        for (promise, _) in progress.done {
            promise.answer(Err(trouble.clone()));
        }
    }
}

/// Takes the steps of `first` and of all that come before the commit, and commits.
fn serve(
    opened: &Opened,
    capacity: usize,
    first: Job,
    queue: &Queue<'_>,
    broom: &mut Broom,
    progress: &mut Progress,
) -> Result<(), Trouble> {
    let mut earliest = first.call.now();
    let mut next = Some(first);
    let transaction = match opened.database.begin_write() {
        Ok(transaction) => transaction,
        Err(error) => {
            let trouble = Trouble::from(error);
            progress.done.extend(next.map(|job| (job.promise, Err(trouble.clone()))));
            return Err(trouble);
        }
    };
    let memtable = opened.memtable();
    let mut batch = None;
    while let Some(Job { call, promise }) = next {
        earliest = earliest.min(call.now());
        let stepped = match &mut batch {
            Some(batch) => Batch::step(batch, &call, broom),
            None => Batch::new(&transaction, &memtable, capacity)
                .and_then(|fresh| batch.insert(fresh).step(&call, broom)),
        };
        let broken = match &stepped {
            Err(trouble @ Trouble::File(_)) => Some(trouble.clone()),
            _ => None,
        };
        progress.done.push((promise, stepped));
        if let Some(trouble) = broken {
            return Err(trouble);
        }
        next = queue.next(progress.done.len());
    }
    let Some(mut batch) = batch.filter(Batch::changed) else {
        return Ok(transaction.abort()?);
    };
    batch.sweep(progress.done.len(), earliest, broom)?;
    let publication = batch.flush(earliest)?;
    drop(memtable);
    progress.committing = true;
    transaction.commit().map_err(|error| Trouble::from(redb::Error::from(error)))?;
    opened.publish(publication);
    Ok(())
}

fn refuse(job: Job, trouble: Trouble) {
    job.promise.answer(Err(trouble));
}
