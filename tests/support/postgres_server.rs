//! A private PostgreSQL server on a free loopback port, gone when the value is dropped.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::server_clock::ServerClock;
use crate::until;

/// The account that runs the server if the tests run as root, which it refuses to.
const ACCOUNT: &str = "postgres";

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    directory: PathBuf,
    port: u16,
    settings: Vec<String>,
    clock: Option<Arc<ServerClock>>,
    child: Mutex<Option<Child>>,
    bouncer: Mutex<Option<Child>>,
}

/// A server of the test's own, or `None` if the programs are not installed.
///
/// # Panics
///
/// If they are not installed and `CI` is set: then the tests must run.
pub fn start(settings: &[&str]) -> Option<PostgresServer> {
    start_by(settings, None)
}

/// As [`start`], a server that lives by `clock`.
pub fn with_clock(clock: &Arc<ServerClock>) -> Option<PostgresServer> {
    start_by(&[], Some(Arc::clone(clock)))
}

fn start_by(settings: &[&str], clock: Option<Arc<ServerClock>>) -> Option<PostgresServer> {
    if program("initdb").is_none() || program("postgres").is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "PostgreSQL is not installed, and CI must test against it: apt-get install postgresql"
        );
        eprintln!("\n*** SKIPPED: PostgreSQL is not installed (apt-get install postgresql) ***\n");
        return None;
    }
    let directory = directory();
    let data = directory.join("data");
    run(as_account("initdb")
        .args(["--auth=trust", "--username=otpgate", "--no-sync", "--encoding=UTF8"])
        .arg("--locale=C")
        .arg("-D")
        .arg(&data));
    let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
    Some(PostgresServer::over(directory, settings, clock))
}

/// A directory that the server's account may write to.
fn directory() -> PathBuf {
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let name = format!("otpgate-postgres-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory).expect("a directory for the server");
    if is_root() {
        run(Command::new("chown").arg(ACCOUNT).arg(&directory));
    }
    directory
}

/// A server that the tests of one file share; the last one to finish stops it.
#[derive(Debug)]
pub struct Shared(Mutex<Weak<PostgresServer>>);

impl Shared {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server, started if nobody has it; `None` as for [`start`].
    pub fn server(&self) -> Option<Arc<PostgresServer>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(start(&[])?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }
}

impl PostgresServer {
    fn over(directory: PathBuf, settings: Vec<String>, clock: Option<Arc<ServerClock>>) -> Self {
        let (child, bouncer) = (Mutex::new(None), Mutex::new(None));
        let server = Self { directory, port: free_port(), settings, clock, child, bouncer };
        server.restart();
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A hot standby of this server, which it follows.
    pub fn standby(&self) -> Self {
        let directory = directory();
        let mut copy = as_account("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-U", "otpgate", "-c", "fast", "-X", "stream", "--no-sync"]);
        copy.arg("-p").arg(self.port.to_string());
        // With standby.signal, and where the primary is.
        run(copy.arg("-R").arg("-D").arg(directory.join("data")));
        let standby =
            Self::over(directory, vec!["wal_retrieve_retry_interval=100ms".to_owned()], None);
        let mut follows = self.client("psql");
        follows.args(["-tAc", "select state from pg_stat_replication", "postgres"]);
        until("the standby follows", || {
            follows.output().is_ok_and(|output| output.stdout.starts_with(b"streaming"))
        });
        standby
    }

    /// Makes a standby the primary; returns when it takes writes.
    pub fn promote(&self) {
        run(as_account("pg_ctl").args(["promote", "-w", "-D"]).arg(self.directory.join("data")));
    }

    /// Runs SQL that answers nothing.
    pub fn execute(&self, sql: &str) {
        run(self.client("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-c", sql, "postgres"]));
    }

    pub fn url(&self) -> String {
        format!("postgres://otpgate@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts the server, again if need be.
    pub fn restart(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..100 {
            let mut command = as_account("env");
            command.args(self.clock.iter().flat_map(|clock| clock.environment()));
            command.arg(program("postgres").unwrap_or_else(|| PathBuf::from("postgres")));
            command.arg("-D").arg(self.directory.join("data"));
            command.arg("-p").arg(self.port.to_string());
            command.arg("-k").arg(&self.directory);
            command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
            self.settings.iter().for_each(|setting| {
                command.args(["-c", setting]);
            });
            let log = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.directory.join("log"))
                .expect("a log");
            command.stdout(Stdio::null()).stderr(log);
            let mut started = command.spawn().expect("the server starts");
            for _ in 0..500 {
                if started.try_wait().expect("the server can be waited for").is_some() {
                    break;
                }
                if self.is_ready() {
                    *child = Some(started);
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
            let _ = started.kill();
            let _ = started.wait();
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        panic!("the server did not start: {log}");
    }

    /// Kills the server as a power cut would: no shutdown, no checkpoint.
    ///
    /// Its processes go at once, as the first one took them with it in one group.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            let children = children_of(child.id());
            let _ = child.kill();
            for id in children {
                signal("KILL", id);
            }
            let _ = child.wait();
        }
    }

    /// A PgBouncer in transaction mode before the server, and its URL; `None` if not installed.
    pub fn bouncer(&self) -> Option<String> {
        let found = program("pgbouncer");
        assert!(
            found.is_some() || std::env::var_os("CI").is_none(),
            "PgBouncer is not installed, and CI must test against it: apt-get install pgbouncer"
        );
        let Some(_) = found else {
            eprintln!(
                "\n*** SKIPPED: PgBouncer is not installed (apt-get install pgbouncer) ***\n"
            );
            return None;
        };
        let port = free_port();
        self.configure_bouncer(port, self.port);
        let mut command = as_account("pgbouncer");
        command
            .arg(self.directory.join("pgbouncer.ini"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("PgBouncer starts");
        *self.bouncer.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        until("PgBouncer has started", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        Some(format!("postgres://otpgate@127.0.0.1:{port}/postgres"))
    }

    /// Points the PgBouncer at `url` to another server, without a restart.
    pub fn repoint_bouncer(&self, url: &str, to: &Self) {
        let port = url.rsplit([':', '/']).nth(1).and_then(|port| port.parse().ok());
        self.configure_bouncer(port.expect("a port"), to.port);
        let bouncer = self.bouncer.lock().unwrap_or_else(PoisonError::into_inner);
        signal("HUP", bouncer.as_ref().expect("a running PgBouncer").id());
    }

    fn configure_bouncer(&self, port: u16, to: u16) {
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={to} dbname=postgres user=otpgate\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n\
             max_client_conn = 200\nignore_startup_parameters = extra_float_digits\n"
        );
        let file = self.directory.join("pgbouncer.ini");
        fs::write(file, settings).expect("the settings of PgBouncer");
    }

    /// A program of the server's set, with the arguments that lead to this server.
    pub fn client(&self, name: &str) -> Command {
        let mut command = Command::new(program(name).unwrap_or_else(|| PathBuf::from(name)));
        command.args(["-h", "127.0.0.1", "-U", "otpgate", "-p"]).arg(self.port.to_string());
        command
    }

    fn is_ready(&self) -> bool {
        let mut probe = Command::new(program("pg_isready").unwrap_or_else(|| "pg_isready".into()));
        probe.args(["-q", "-h", "127.0.0.1", "-p"]).arg(self.port.to_string());
        probe.status().is_ok_and(|status| status.success())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut bouncer) =
            self.bouncer.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        {
            let _ = bouncer.kill();
            let _ = bouncer.wait();
        }
        if let Some(mut child) = self.child.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        {
            // Immediate shutdown: the postmaster takes its processes with it.
            signal("QUIT", child.id());
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A loopback port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn signal(name: &str, id: u32) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(id.to_string()).stderr(Stdio::null());
    let _ = kill.status();
}

fn children_of(id: u32) -> Vec<u32> {
    let path = format!("/proc/{id}/task/{id}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// The programs of one version are where `OTPGATE_POSTGRES_BIN` says. Without it: Debian keeps the
/// server's programs apart; elsewhere they are in the path.
fn program(name: &str) -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("OTPGATE_POSTGRES_BIN") {
        let path = PathBuf::from(directory).join(name);
        if path.is_file() {
            return Some(path);
        }
    }
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    versions.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions.extend(std::env::split_paths(&path));
    versions.extend([PathBuf::from("/usr/sbin")]);
    versions.into_iter().map(|directory| directory.join(name)).find(|path| path.is_file())
}

fn as_account(name: &str) -> Command {
    let path = program(name).unwrap_or_else(|| PathBuf::from(name));
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={ACCOUNT}")).arg(format!("--regid={ACCOUNT}"));
        command.arg("--clear-groups").arg("--").arg(path);
        command
    } else {
        Command::new(path)
    };
    command.current_dir(Path::new("/")).stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn run(command: &mut Command) {
    let program = command.get_program().to_owned();
    let output = command.stdout(Stdio::null()).output().expect("a program of the system");
    assert!(
        output.status.success(),
        "{}: {}",
        OsStr::to_string_lossy(&program),
        String::from_utf8_lossy(&output.stderr)
    );
}
