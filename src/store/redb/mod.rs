//! [`RedbStore`]: everything in one file, which survives the process.

mod batch;
mod call;
mod error;
mod file;
mod log;
mod memtable;
mod reply;
mod row;
mod snapshot;
mod view;
mod writer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use redb::ReadableDatabase;
use redb::ReadableTableMetadata;

use crate::base::time::Clock;
use crate::store::verbs;
use crate::store::{
    Admission, Admitted, Redeemed, Redemption, Settlement, SteadyClock, Store, StoreError, Tallies,
    TallyQuery,
};

pub use error::RedbSetupError;

use call::{Answer, Call};
use error::Trouble;
use file::Opened;
use reply::reply;
use snapshot::Snapshot;
use view::View;
use writer::{Job, Shared, Writer};

/// A [`Store`] in one file of an embedded database ([redb]), for a host with one server.
///
/// It needs no other process, and
///
/// - **forgets nothing that it has answered.** A call is answered after its effects were
///   synchronised to the disk. A process that is killed at any instant, or a machine that loses
///   power, loses at most calls that were not answered yet; their effects are then there as a
///   whole or not at all.
/// - **shares each synchronisation.** One thread writes. While one transaction reaches the disk,
///   the calls that come meanwhile queue up and become the next one together. No call waits for a
///   timer, and under load dozens share the price of one.
/// - **writes in a row what came in a row.** What a transaction changed goes to the end of a log in the
///   file, and into memory; from there it moves into the tables later, many rows that lie side by side
///   at once. Opening the file reads the log.
/// - **is one process's.** A second process that opens the file gets
///   [`RedbSetupError::InUse`]. Several servers need a store that they share.
/// - **never evicts what is live.** It holds at most [`capacity`](RedbStoreBuilder::capacity)
///   entries; beyond, it removes what has expired, then answers
///   [`Full`](crate::store::StoreErrorKind::Full) to calls that need a new entry.
/// - **sheds load at once.** When more calls wait than its [`queue`](RedbStoreBuilder::queue) holds,
///   a call is answered [`Unavailable`](crate::store::StoreErrorKind::Unavailable) and has no
///   effect.
/// - **fails closed.** After an error of the disk, the calls of that transaction are answered
///   `Unavailable`, or [`Indeterminate`](crate::store::StoreErrorKind::Indeterminate) if it was
///   being committed. The next call opens the file again; until that succeeds every call is
///   `Unavailable`. A file that has gone is not made anew while the process runs.
///
/// Expired rows are removed a few at a time by the calls themselves, by the calls' `now`. The file
/// reuses their room; it does not shrink. After a process was killed, opening walks the whole file
/// once to check it. [`tally`](Store::tally) reads beside the writer, on the caller's thread.
/// Dropping the store serves the calls that are waiting, closes the file, and returns then.
///
/// Keys and contents are what the [`Store`] port hands over: pseudonyms, digests and sealed bytes.
///
/// ```
/// use otpgate::store::RedbStore;
///
/// # let folder = std::env::temp_dir().join(format!("otpgate-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("otpgate.redb");
/// let store = RedbStore::open(&path)?;
/// let second = RedbStore::open(&path).unwrap_err();
/// assert!(second.to_string().contains("otpgate.redb is open in another process"));
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [redb]: https://www.redb.org
pub struct RedbStore {
    shared: Arc<Shared>,
    capacity: usize,
    /// Taken when the store is dropped, which tells the thread.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    clock: SteadyClock,
}

/// How a [`RedbStore`] is set up.
#[derive(Debug)]
#[must_use]
pub struct RedbStoreBuilder {
    clock: SteadyClock,
    cache: usize,
    capacity: usize,
    queue: usize,
}

impl RedbStore {
    /// Opens the file at `path` with the default settings, and makes it if there is none.
    ///
    /// The folder must exist. Reads and may write the disk: call it at start, not in a handler.
    ///
    /// # Errors
    ///
    /// [`RedbSetupError`], which names the path and the cause.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RedbSetupError> {
        Self::builder().open(path)
    }

    /// Sets up a store.
    pub fn builder() -> RedbStoreBuilder {
        let clock = SteadyClock::default();
        RedbStoreBuilder { clock, cache: 128 << 20, capacity: 20_000_000, queue: 4_096 }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// How many entries it may hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many entries it holds, expired ones included until they are removed.
    ///
    /// An entry is a subject with all its meters and marks, a challenge, a nonce, a remembered
    /// admission, a document, a journal, or an entry of a journal.
    ///
    /// # Errors
    ///
    /// As [`Store::tally`].
    pub fn entries(&self) -> Result<usize, StoreError> {
        self.read(|opened| {
            let memtable = opened.memtable();
            let transaction = opened.database.begin_read()?;
            let rows = transaction.open_table(row::ROWS)?.len()?;
            let entries = transaction.open_table(row::ENTRIES)?.len()?;
            Ok(memtable.entries_with(rows.saturating_add(entries)))
        })
    }

    /// Reads beside the writer.
    fn read<T>(&self, read: impl FnOnce(&Opened) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let opened = self.shared.opened();
        let answer = match &*opened {
            None => Err(Trouble::Closed(None)),
            // What is damaged may panic below; here it is an answer like any other.
            Some(opened) => {
                catch_unwind(AssertUnwindSafe(|| read(opened))).unwrap_or(Err(Trouble::Unreadable))
            }
        };
        answer.map_err(StoreError::from)
    }

    /// Hands a call to the writer and waits for its answer.
    async fn call(&self, call: Call) -> Result<Answer, StoreError> {
        let (promise, waiting) = reply();
        let queued = match &self.jobs {
            None => Err(Trouble::Stopped),
            Some(jobs) => jobs.try_send(Job { call, promise }).map_err(|error| match error {
                TrySendError::Full(_) => Trouble::Busy,
                TrySendError::Disconnected(_) => Trouble::Stopped,
            }),
        };
        queued?;
        Ok(waiting.await.unwrap_or(Err(Trouble::Lost))?)
    }
}

impl RedbStoreBuilder {
    /// How many bytes of the file are kept in memory; by default 128 MiB.
    ///
    /// What does not fit is read from the operating system's cache, or the disk. The rows that every
    /// call touches fit in any case. An eighth is for what stands in the log and not in the tables
    /// yet; the log takes about twice as much of the file.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache = bytes;
        self
    }

    /// How many entries the store may hold; by default 20 000 000.
    ///
    /// A number that is sent one code takes about six entries (itself, its session, the challenge,
    /// the remembered admission, one or two nonces). Once its code was entered, one of them stays for 90 days,
    /// by which the number is known; once it was only guessed at, for 31.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// How many calls may wait for the disk, at least 1; by default 4 096.
    ///
    /// At a thousand batches a second, that many are served within a few of them; a longer queue
    /// would answer callers who have given up.
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls.max(1);
        self
    }

    /// The clock that calls are held to, where they are [checked](crate::store::ClockCheck); by default the
    /// system's. Tests give the clock that their gates have.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SteadyClock::new(clock);
        self
    }

    /// Opens the file at `path`, and makes it if there is none. See [`RedbStore::open`].
    ///
    /// # Errors
    ///
    /// [`RedbSetupError`], which names the path and the cause.
    pub fn open(self, path: impl AsRef<Path>) -> Result<RedbStore, RedbSetupError> {
        let path = PathBuf::from(path.as_ref());
        let opening = || file::open_or_create(&path, self.cache);
        // A damaged file can make the database panic instead of refusing.
        let opened = catch_unwind(AssertUnwindSafe(opening)).unwrap_or_else(|_| {
            let source = redb::Error::Corrupted("the database gave up on its content".to_owned());
            Err(RedbSetupError::Damaged { path: path.clone(), source: Box::new(source) })
        })?;
        let (jobs, queue) = sync_channel(self.queue);
        let shared = Arc::new(Shared::new(path, self.cache, opened));
        let writer = Writer::new(Arc::clone(&shared), self.capacity, queue);
        let thread = thread::Builder::new()
            .name("otpgate-redb".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| RedbSetupError::Thread { source })?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(RedbStore { shared, capacity: self.capacity, jobs, thread, clock: self.clock })
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            // A call's waker may own the store, and the writer wakes it.
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("path", &self.shared.path)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.clock.judge(admission.clock, admission.now)?;
        match self.call(Call::Admit(admission.clone())).await? {
            Answer::Admitted(admitted) => Ok(admitted),
            _ => Err(Trouble::Lost.into()),
        }
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.clock.judge(settlement.clock, settlement.now)?;
        self.call(Call::Settle(settlement.clone())).await.map(|_| ())
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.clock.judge(redemption.clock, redemption.now)?;
        match self.call(Call::Redeem(redemption.clone())).await? {
            Answer::Redeemed(redeemed) => Ok(redeemed),
            _ => Err(Trouble::Lost.into()),
        }
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.clock.judge(query.clock, query.now)?;
        self.read(|opened| {
            let snapshot = Snapshot::new(opened)?;
            verbs::tally(&View::new(&snapshot, query.realm), query)
        })
    }
}
