//! Real Redis servers of the test's own, on free loopback ports, gone when dropped.

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::server_clock::ServerClock;
use crate::until;

/// The server under test: `OTPGATE_REDIS_SERVER`, or the `redis-server` in the path.
fn program() -> OsString {
    std::env::var_os("OTPGATE_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Whether `redis-server` is installed. Without it the tests say so and count as passed, except
/// under CI, where they fail.
pub fn available() -> bool {
    let found = Command::new(program())
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "redis-server is not installed");
        eprintln!(
            "\n*** SKIPPED: redis-server is not installed; nothing about Redis was tested ***\n"
        );
    }
    found
}

/// Ends the test early if there is no server to test with.
#[macro_export]
macro_rules! needs_redis {
    () => {
        if !$crate::redis_server::available() {
            return;
        }
    };
}

/// One server.
pub struct RedisServer {
    child: Option<Child>,
    port: u16,
    dir: PathBuf,
    options: Vec<String>,
    clock: Option<Arc<ServerClock>>,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk unless `options` say so.
    pub fn start(options: &[&str]) -> Self {
        Self::start_by(options, None)
    }

    /// Starts a server that lives by `clock`.
    pub fn with_clock(clock: &Arc<ServerClock>) -> Self {
        Self::start_by(&[], Some(Arc::clone(clock)))
    }

    fn start_by(options: &[&str], clock: Option<Arc<ServerClock>>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("otpgate-redis-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { child: None, port: 0, dir, options, clock };
        // Somebody else may take the port between asking and using it.
        for _ in 0..5 {
            server.port = free_port();
            if server.spawn() {
                return server;
            }
        }
        panic!("redis-server does not start; see {}", server.dir.display());
    }

    /// A Sentinel that alone decides over the primary on `port`, which it calls `gate`. It promotes
    /// nobody before [`RedisServer::promotes`].
    pub fn sentinel(port: u16) -> Self {
        let mut sentinel = Self::start(&[]);
        sentinel.kill();
        let file = sentinel.dir.join("sentinel.conf");
        let settings = format!(
            "sentinel monitor gate 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds gate 600000\nsentinel failover-timeout gate 2000\n"
        );
        fs::write(&file, settings).unwrap();
        let log = fs::File::create(sentinel.dir.join("log")).unwrap();
        let child = Command::new(program())
            .arg(&file)
            .args(["--sentinel", "--port", &sentinel.port.to_string(), "--bind", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sentinel.child = Some(child);
        assert!(sentinel.await_ready(), "see {}", sentinel.dir.display());
        until("the sentinel knows the replica", || {
            sentinel.say(&["SENTINEL", "REPLICAS", "gate"]).contains("127.0.0.1")
        });
        sentinel
    }

    /// Lets the Sentinel promote `server` in place of a primary that is dead. Only while nobody else is
    /// there does it wait so little: on a busy machine two living servers would change places at will.
    pub fn promotes(&self, server: &Self) {
        let waits = |milliseconds| {
            let said =
                self.say(&["SENTINEL", "SET", "gate", "down-after-milliseconds", milliseconds]);
            assert!(said.to_lowercase().contains("ok"), "{said}");
        };
        waits("500");
        let port = server.port.to_string();
        until("the sentinel has promoted the replica", || {
            self.say(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "gate"]).contains(&port)
                && server.say(&["ROLE"]).contains("master")
                && !self.say(&["SENTINEL", "MASTER", "gate"]).contains("failover_in_progress")
        });
        waits("600000");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A connection of the test's own.
    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Runs one command and answers what it says, as text.
    pub fn say(&self, words: &[&str]) -> String {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        match command.query::<redis::Value>(&mut self.connection()) {
            Ok(redis::Value::BulkString(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            Ok(redis::Value::VerbatimString { text, .. }) => text,
            Ok(redis::Value::SimpleString(text)) => text,
            Ok(redis::Value::Int(number)) => number.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("error: {error}"),
        }
    }

    /// A number out of `INFO`.
    pub fn info(&self, field: &str) -> u64 {
        let info: redis::InfoDict =
            redis::cmd("INFO").arg("all").query(&mut self.connection()).unwrap();
        info.get(field).unwrap_or_default()
    }

    /// Calls of `command` so far.
    pub fn calls(&self, command: &str) -> u64 {
        let info: String =
            redis::cmd("INFO").arg("commandstats").query(&mut self.connection()).unwrap();
        let prefix = format!("cmdstat_{command}:calls=");
        let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
        line.and_then(|rest| rest.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts again on the same port, with what is on the disk.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "still running");
        assert!(self.spawn(), "redis-server does not start again on port {}", self.port);
    }

    fn spawn(&mut self) -> bool {
        let log = fs::File::create(self.dir.join("log")).unwrap();
        let environment = self.clock.iter().flat_map(|clock| clock.environment());
        let child = Command::new("env")
            .args(environment)
            .arg(program())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--dir", &self.dir.display().to_string(), "--save", "", "--loglevel", "notice"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.await_ready()
    }

    fn await_ready(&mut self) -> bool {
        let pid = self.child.as_ref().map(std::process::Child::id).unwrap_or_default();
        for _ in 0..1_000 {
            let exited =
                self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            if exited {
                self.child = None;
                return false;
            }
            // Another test's server may have taken the port meanwhile, and answers there.
            let ours = |text: String| text.contains(&format!("process_id:{pid}\r"));
            let ready = redis::Client::open(self.url()).unwrap().get_connection().is_ok_and(
                |mut connection| {
                    // `INFO` is answered while a file is read back as well, `PING` is not.
                    let ping = redis::cmd("PING").query::<String>(&mut connection);
                    let info = redis::cmd("INFO").arg("server").query(&mut connection);
                    ping.is_ok() && info.is_ok_and(ours)
                },
            );
            if ready {
                return true;
            }
            // Another process is starting up; there is nothing of ours to wait on.
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A port that nobody listens on, nor on the one that a cluster node adds to it.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let bus = port.checked_add(10_000);
        if bus.is_some_and(|bus| TcpStream::connect(("127.0.0.1", bus)).is_err()) {
            return port;
        }
    }
}

/// A cluster: primaries that share the slots evenly, and a replica of the first.
pub struct RedisCluster {
    pub nodes: Vec<RedisServer>,
    pub replica: RedisServer,
}

/// Six nodes in one cluster, of which the first few share the slots evenly. One that is lost takes
/// nobody else along.
pub struct SixNodes {
    pub nodes: Vec<RedisServer>,
    pub primaries: usize,
}

impl SixNodes {
    pub fn start(primaries: usize) -> Self {
        let options = [
            ["--cluster-enabled", "yes"],
            ["--cluster-node-timeout", "5000"],
            ["--cluster-require-full-coverage", "no"],
            ["--appendonly", "yes"],
            ["--appendfsync", "always"],
        ];
        let nodes: Vec<_> = (0..6).map(|_| RedisServer::start(&options.concat())).collect();
        for (at, node) in nodes.iter().take(primaries).enumerate() {
            let slots = (16_384 * at / primaries)..(16_384 * (at + 1) / primaries);
            let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
            let words = ["CLUSTER", "ADDSLOTS"].into_iter();
            node.say(&words.chain(slots.iter().map(String::as_str)).collect::<Vec<_>>());
        }
        for node in nodes.iter().skip(1) {
            nodes[0].say(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        let known = |node: &RedisServer| {
            let said = node.say(&["CLUSTER", "SLOTS"]);
            node.say(&["CLUSTER", "NODES"]).lines().count() == 6
                && nodes.iter().take(primaries).all(|it| said.contains(&format!("{}", it.port())))
        };
        until("all six nodes know one another", || nodes.iter().all(known));
        until("the cluster is there", || {
            nodes.iter().all(|node| node.say(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
        Self { nodes, primaries }
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    pub fn flush(&self) {
        for node in self.nodes.iter().take(self.primaries) {
            node.say(&["FLUSHALL"]);
        }
    }
}

impl RedisCluster {
    pub fn start() -> Self {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
        let nodes: Vec<_> = (0..3).map(|_| RedisServer::start(&options)).collect();
        let replica = RedisServer::start(&options);
        for (node, slots) in nodes.iter().zip([0..5_461, 5_461..10_923, 10_923..16_384]) {
            // One by one: ranges are an invention of 7.0.
            let slots: Vec<String> = slots.map(|slot: u16| slot.to_string()).collect();
            let words = ["CLUSTER", "ADDSLOTS"].into_iter();
            node.say(&words.chain(slots.iter().map(String::as_str)).collect::<Vec<_>>());
        }
        for node in nodes.iter().skip(1).chain([&replica]) {
            nodes[0].say(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        let cluster = Self { nodes, replica };
        until("all nodes have met", || {
            cluster.all().all(|node| node.say(&["CLUSTER", "NODES"]).lines().count() == 4)
        });
        let first = cluster.nodes[0].say(&["CLUSTER", "MYID"]);
        until("the replica knows its primary", || {
            cluster.replica.say(&["CLUSTER", "REPLICATE", &first]);
            cluster.replica.say(&["ROLE"]).contains("slave")
        });
        until("the cluster is complete", || {
            cluster.all().all(|node| node.say(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
        until("the replica follows", || {
            cluster.replica.say(&["INFO", "replication"]).contains("master_link_status:up")
        });
        cluster
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    fn all(&self) -> impl Iterator<Item = &RedisServer> {
        self.nodes.iter().chain([&self.replica])
    }
}
