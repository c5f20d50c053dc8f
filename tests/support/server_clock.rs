//! A clock for real servers: libfaketime, loaded into their processes, reads from a file how far to lead.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The wall clock of the servers that [run under](Self::environment) it. Their monotonic clock stays real.
#[derive(Debug)]
pub struct ServerClock {
    directory: PathBuf,
    library: PathBuf,
}

impl ServerClock {
    /// A clock that is right, or `None` if libfaketime is not installed.
    ///
    /// # Panics
    ///
    /// If it is not installed and `CI` is set: then the tests must run.
    pub fn right() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(library) = library() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "libfaketime is not installed, and CI must test with it: apt-get install libfaketime"
            );
            eprintln!(
                "\n*** SKIPPED: libfaketime is not installed (apt-get install libfaketime) ***\n"
            );
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("otpgate-clock-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let clock = Self { directory, library };
        clock.lead(Duration::ZERO);
        Some(clock)
    }

    /// From now on the servers are so far ahead of this machine's clock.
    pub fn lead(&self, by: Duration) {
        // A server may read at any moment, so it finds the old file or the new one, whole.
        let new = self.directory.join("new");
        fs::write(&new, format!("+{}\n", by.as_secs())).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What `env` puts into the environment of a server that is to live by this clock. It is not for
    /// the program that changes the account: what libfaketime shares between processes belongs to the
    /// account that loads it first. The C library goes before the allocators that a server brings:
    /// jemalloc asks for the time while libfaketime, which needs memory, looks for the real clock, and
    /// Redis does not start.
    pub fn environment(&self) -> [String; 4] {
        [
            format!("LD_PRELOAD={} libc.so.6", self.library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ]
    }

    fn file(&self) -> PathBuf {
        self.directory.join("lead")
    }
}

impl Drop for ServerClock {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Debian puts it into a folder named after the machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|folder| folder.path());
    let mut found = folders.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/local/lib")]);
    found.find_map(|folder| {
        let library = folder.join(Path::new("faketime/libfaketime.so.1"));
        library.is_file().then_some(library)
    })
}
