//! The file: made whole or not at all, recognised, opened by one process at a time.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableHandle};

use super::error::{RedbSetupError, is_damage};
use super::memtable::{Memtable, Publication};
use super::row::{ENTRIES, KNOWN_SCHEMA, LOG, META, OPENINGS, ROWS, SCHEMA};

/// Of the memory that the store may take, the memtable's share: one part in so many.
const MEMTABLE_SHARE: usize = 8;

/// The open file, and what its log holds.
pub(super) struct Opened {
    pub(super) database: Database,
    memtable: RwLock<Memtable>,
}

impl Opened {
    /// What stood in the log after the latest commit. It changes in [`publish`](Self::publish) alone.
    pub(super) fn memtable(&self) -> RwLockReadGuard<'_, Memtable> {
        self.memtable.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a commit changed.
    pub(super) fn publish(&self, publication: Publication) {
        let mut memtable = self.memtable.write().unwrap_or_else(PoisonError::into_inner);
        memtable.publish(publication);
    }
}

/// Opens the file, and makes it if there is none.
pub(super) fn open_or_create(path: &Path, cache: usize) -> Result<Opened, RedbSetupError> {
    let problem = Problem(path);
    match fs::metadata(path) {
        Ok(found) if found.len() > 0 => {}
        // Somebody made an empty file, for its permissions perhaps; it is filled where it is.
        Ok(_) => {
            let database = Database::builder().set_cache_size(cache).create(path);
            furnish(&database.map_err(|error| problem.opening(error))?)
                .map_err(|error| problem.using(error))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => create(path, cache)?,
        Err(error) => return Err(problem.io(error)),
    }
    open(path, cache)
}

/// Opens a file that is there, and reads its log.
pub(super) fn open(path: &Path, cache: usize) -> Result<Opened, RedbSetupError> {
    let problem = Problem(path);
    if !begins_like_redb(path).map_err(|error| problem.io(error))? {
        return Err(problem.foreign());
    }
    let budget = cache / MEMTABLE_SHARE;
    let database = Database::builder().set_cache_size(cache.saturating_sub(budget)).open(path);
    let database = database.map_err(|error| problem.opening(error))?;
    match schema(&database).map_err(|error| problem.using(error))? {
        None => return Err(problem.foreign()),
        Some(found) if found > KNOWN_SCHEMA => {
            return Err(RedbSetupError::Newer { path: path.into(), found, known: KNOWN_SCHEMA });
        }
        Some(_) => {}
    }
    try_writing(&database).map_err(|error| problem.using(error))?;
    let memtable = Memtable::read(&database, budget).map_err(|error| problem.using(error))?;
    Ok(Opened { database, memtable: RwLock::new(memtable) })
}

/// Makes the file apart and gives it its name when it is whole: a process that is killed meanwhile
/// leaves nothing under the name, and of two that begin at once one finds the other's.
fn create(path: &Path, cache: usize) -> Result<(), RedbSetupError> {
    let problem = Problem(path);
    let mut apart = OsString::from(path);
    apart.push(format!(".{}.new", std::process::id()));
    let apart = PathBuf::from(apart);
    match fs::remove_file(&apart) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(problem.io(error)),
        _ => {}
    }
    let database = Database::builder().set_cache_size(cache).create(&apart);
    let database = database.map_err(|error| problem.opening(error))?;
    furnish(&database).map_err(|error| problem.using(error))?;
    drop(database);
    let named = match fs::hard_link(&apart, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not every file system knows links; the name is free, or was an instant ago.
        Err(_) if !path.exists() => fs::rename(&apart, path),
        linked => linked,
    };
    let _ = fs::remove_file(&apart);
    named.and_then(|()| sync_folder(path)).map_err(|error| problem.io(error))
}

/// Without this the name may be gone after a power failure, and every limit with it.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Makes the tables and says whose they are.
fn furnish(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    // Another's tables are left alone, and are then recognised as such.
    if transaction.list_tables()?.all(|table| table.name() == META.name()) {
        transaction.open_table(ROWS)?;
        transaction.open_table(ENTRIES)?;
        transaction.open_table(LOG)?;
        transaction.open_table(META)?.insert(SCHEMA, KNOWN_SCHEMA)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Counts the openings, down to the disk, and says what is written from now on. A full disk, a quota or
/// a file system that went read-only is then known when the host starts, and not by its first customer.
fn try_writing(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let before = meta.get(OPENINGS)?.map_or(0, |openings| openings.value());
        meta.insert(OPENINGS, before.saturating_add(1))?;
        meta.insert(SCHEMA, KNOWN_SCHEMA)?;
        // A file of schema 2 or before has none yet.
        transaction.open_table(LOG)?;
    }
    Ok(transaction.commit()?)
}

fn schema(database: &Database) -> Result<Option<u64>, redb::Error> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        meta => meta?,
    };
    Ok(meta.get(SCHEMA)?.map(|schema| schema.value()))
}

fn begins_like_redb(path: &Path) -> io::Result<bool> {
    let mut first = [0; 4];
    match File::open(path)?.read_exact(&mut first) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| &first == b"redb"),
    }
}

/// Says what went wrong with a file.
struct Problem<'a>(&'a Path);

impl Problem<'_> {
    fn foreign(&self) -> RedbSetupError {
        RedbSetupError::Foreign { path: self.0.into() }
    }

    fn io(&self, source: io::Error) -> RedbSetupError {
        RedbSetupError::Unreachable { path: self.0.into(), source }
    }

    fn opening(&self, error: DatabaseError) -> RedbSetupError {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                RedbSetupError::InUse { path: self.0.into() }
            }
            error => self.using(error.into()),
        }
    }

    fn using(&self, error: redb::Error) -> RedbSetupError {
        match error {
            redb::Error::Io(error)
                if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                self.io(error)
            }
            error if is_damage(&error) || matches!(error, redb::Error::Io(_)) => {
                RedbSetupError::Damaged { path: self.0.into(), source: Box::new(error) }
            }
            error => self.io(io::Error::other(error)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic in a test is its failure")]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;

    use super::*;

    /// A disk that is full, from some time on.
    #[derive(Debug)]
    struct Disk {
        kept: InMemoryBackend,
        full: Arc<AtomicBool>,
    }

    impl Disk {
        fn room(&self) -> io::Result<()> {
            match self.full.load(Ordering::Relaxed) {
                true => Err(io::Error::from(ErrorKind::StorageFull)),
                false => Ok(()),
            }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.kept.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.kept.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.room()?;
            self.kept.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.kept.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.room()?;
            self.kept.write(offset, data)
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_known_at_the_opening() {
        let full = Arc::new(AtomicBool::new(false));
        let disk = Disk { kept: InMemoryBackend::new(), full: Arc::clone(&full) };
        let database = Database::builder().create_with_backend(disk).unwrap();
        furnish(&database).unwrap();
        try_writing(&database).unwrap();
        full.store(true, Ordering::Relaxed);
        assert_eq!(schema(&database).unwrap(), Some(KNOWN_SCHEMA), "it can still be read");
        let error = Problem(Path::new("otp.redb")).using(try_writing(&database).unwrap_err());
        assert!(matches!(error, RedbSetupError::Unreachable { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("otp.redb") && text.contains("disk is not full"), "{text}");
    }
}
