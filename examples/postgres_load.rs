//! What the PostgreSQL store costs, beside `pgbench` running the same statements.
//!
//! Starts a private server with the settings it ships with (every commit is flushed), fills it, and
//! measures issue and verify at 32 in flight, first by `pgbench`, then by the store, in turns.
//!
//! ```sh
//! cargo run --release --features postgres --example postgres_load -- [numbers] [seconds] [cold]
//! ```
//!
//! With `cold` no two calls share a country or realm, which shows what the shared rows cost.
//!
//! ```sh
//! cargo run --release --features postgres --example postgres_load -- processes [seconds] [flush in ms]
//! ```
//!
//! measures one, two and four processes on one budget in turns: with their shared rows charged by each
//! call, and [charged ahead](otpgate::store::PostgresStore::with_processes). With a number of milliseconds
//! every flush of the log takes so much longer, as on a disk that is slower than this one's.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::arithmetic_side_effects, missing_docs)]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::postgres::Statements;
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Credit, Guard, Home, Nonce, Observation,
    PostgresStore, Redemption, Verdict,
};
use otpgate::{Clock, Pseudonym, RequestId, Store, SystemClock, Timestamp};
use support::postgres_server::{self, PostgresServer};

const CLIENTS: u64 = 32;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["processes", ref rest @ ..] => return processes(rest).await,
        ["process", url, what, share, of, seconds] => {
            return process(url, what, share.parse()?, of.parse()?, seconds.parse()?).await;
        }
        _ => {}
    }
    let mut arguments = words.into_iter();
    let numbers: u64 = arguments.next().map_or(Ok(50_000), |it| it.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |it| it.parse())?;
    let cold = arguments.next().is_some();
    let Some(server) = postgres_server::start(&[]) else { return Ok(()) };
    let store = PostgresStore::connect(&server.url()).await?;
    store.migrate().await?;
    let load = Arc::new(Load { now: SystemClock::new().now(), cold, next: AtomicU64::new(0) });

    let (before, wal) = (size(&server), wal(&server));
    let filled = load.fill(&store, numbers).await;
    println!("fill: {numbers} numbers, one code each, {filled:.0}/s");
    println!("bytes of WAL for each issue: {}", (self::wal(&server) - wal) / numbers.max(1));
    query(&server, "vacuum analyze");
    let after = size(&server);
    println!("bytes for each number: {}", (after - before) / numbers.max(1));
    for table in ["subject", "once", "challenge"] {
        let sql = format!(
            "select '{table}: ' || pg_relation_size('otpgate.{table}') / {numbers} || ' and ' \
             || pg_indexes_size('otpgate.{table}') / {numbers} || ' in indexes'"
        );
        println!("  {}", query(&server, &sql));
    }
    prepare(&server, numbers);

    let named = store.clone().with_statements(Statements::Named);
    for round in 1..=3 {
        let bench = pgbench(&server, &issue_script(&load, numbers), seconds);
        let unnamed = load.run(&store, seconds, numbers, true).await;
        let by_name = load.run(&named, seconds, numbers, true).await;
        report(round, "issue", bench, unnamed, by_name);
        let bench = pgbench(&server, &verify_script(&load, numbers), seconds);
        let unnamed = load.run(&store, seconds, numbers, false).await;
        let by_name = load.run(&named, seconds, numbers, false).await;
        report(round, "verify", bench, unnamed, by_name);
    }
    Ok(())
}

/// How many numbers have a code that the processes try codes on, and to how many they send.
const WITH_CODE: u64 = 20_000;
const NUMBERS: u64 = 2_000_000;

/// One, two and four processes on one budget, in turns.
async fn processes(words: &[&str]) -> Result<(), Box<dyn Error>> {
    let seconds = words.first().copied().unwrap_or("8");
    let flush: u64 = words.get(1).map_or(Ok(0), |it| it.parse())?;
    let delay = format!("commit_delay={}", flush * 1_000);
    // A single committing session waits as well.
    let Some(server) = postgres_server::start(&[&delay, "commit_siblings=0"]) else {
        return Ok(());
    };
    let store = PostgresStore::connect(&server.url()).await?;
    store.migrate().await?;
    println!("a flush takes {:?}, and {flush} ms more", flush_time()?);
    let now = SystemClock::new().now();
    let load = Arc::new(Load { now, cold: false, next: AtomicU64::new(0) });
    load.fill(&store, WITH_CODE).await;
    query(&server, "vacuum analyze");
    let mut turn = 0;
    for round in 1..=3 {
        for what in ["issue", "verify"] {
            for count in [1, 2, 4] {
                let mut rates = Vec::new();
                for of in [1, count] {
                    turn += 1;
                    rates.push(at_once(&server, what, turn, count, of, seconds));
                }
                let [before, after] = &rates[..] else { continue };
                println!(
                    "round {round} {what}, {count} processes: {before}; charged ahead {after}: {:.2}",
                    after.calls / before.calls.max(1.0)
                );
            }
        }
    }
    Ok(())
}

/// What several processes did.
struct Done {
    /// In a second.
    calls: f64,
    commits: f64,
    /// Of the server, for each call.
    processor_ms: f64,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { calls, commits, processor_ms } = self;
        write!(f, "{calls:.0}/s, {commits:.0} commits/s, {processor_ms:.2} ms of the server")
    }
}

/// Calls of `count` processes that share their rows with `of`.
fn at_once(
    server: &PostgresServer,
    what: &str,
    turn: u64,
    count: u64,
    of: u64,
    seconds: &str,
) -> Done {
    let commits = || -> u64 {
        let sql = "select pg_stat_clear_snapshot(), xact_commit from pg_stat_database \
                   where datname = 'postgres'";
        query(server, sql).trim_start_matches('|').parse().expect("a number")
    };
    let program = std::env::current_exe().expect("this program");
    let start = |share: u64| -> Child {
        Command::new(&program)
            .args(["process", &server.url(), what])
            .args([(turn * 64 + share).to_string(), of.to_string(), seconds.to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process")
    };
    let mut children: Vec<Child> = (0..count).map(start).collect();
    let mut said: Vec<_> =
        children.iter_mut().map(|it| BufReader::new(it.stdout.take().expect("said"))).collect();
    let line = |from: &mut BufReader<_>| {
        let mut line = String::new();
        from.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    };
    said.iter_mut().for_each(|from| assert_eq!(line(from), "ready"));
    let (before, spent, clock) = (commits(), processor_ms(server), SystemClock::new());
    for child in &mut children {
        child.stdin.take().expect("heard").write_all(b"go\n").expect("it listens");
    }
    let calls: f64 = said.iter_mut().map(|it| line(it).parse::<f64>().expect("calls/s")).sum();
    let elapsed = clock.elapsed();
    let made = commits().saturating_sub(before);
    children.iter_mut().for_each(|child| assert!(child.wait().expect("it ends").success()));
    // Once its sessions have ended, their time is the server's.
    std::thread::sleep(Duration::from_millis(300));
    let processor_ms = (processor_ms(server) - spent) / (calls * elapsed.as_secs_f64()).max(1.0);
    Done { calls, commits: per_second(made, elapsed), processor_ms }
}

/// The processor time of a server and of all sessions that have ended, as Linux counts it: in hundredths of a second.
fn processor_ms(server: &PostgresServer) -> f64 {
    let file = query(server, "select pg_read_file('postmaster.pid')");
    let id = file.lines().next().unwrap_or_default();
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u32 = fields.skip(11).take(4).filter_map(|it| it.parse::<u32>().ok()).sum();
    f64::from(ticks) * 10.0
}

/// One of several processes.
async fn process(
    url: &str,
    what: &str,
    share: u64,
    of: u16,
    seconds: u64,
) -> Result<(), Box<dyn Error>> {
    let store = PostgresStore::connect(url).await?.with_processes(of);
    let load =
        Load { now: SystemClock::new().now(), cold: false, next: AtomicU64::new(share << 32) };
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let (numbers, issue) = if what == "issue" { (NUMBERS, true) } else { (WITH_CODE, false) };
    let rate = Arc::new(load).run(&store, seconds, numbers, issue).await;
    store.give_back().await;
    println!("{rate}");
    Ok(())
}

/// What one flush takes on this machine: 8 kB to a file, a hundred times.
fn flush_time() -> std::io::Result<Duration> {
    let path = std::env::temp_dir().join(format!("otpgate-flush-{}", std::process::id()));
    let (mut file, clock) = (fs::File::create(&path)?, SystemClock::new());
    for _ in 0..100 {
        file.write_all(&[7; 8_192])?;
        file.sync_data()?;
    }
    fs::remove_file(path)?;
    Ok(clock.elapsed() / 100)
}

fn report(round: u32, what: &str, bench: f64, unnamed: f64, named: f64) {
    let share = |ours: f64| 100.0 * ours / bench.max(1.0);
    println!(
        "round {round} {what}: pgbench {bench:.0}/s, store {unnamed:.0}/s ({:.0} %), with named \
         statements {named:.0}/s ({:.0} %)",
        share(unnamed),
        share(named)
    );
}

#[derive(Debug)]
struct Load {
    now: Timestamp,
    cold: bool,
    next: AtomicU64,
}

impl Load {
    /// Sends one code to each number.
    async fn fill(self: &Arc<Self>, store: &PostgresStore, numbers: u64) -> f64 {
        let clock = SystemClock::new();
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (load, store) = (Arc::clone(self), store.clone());
                tokio::spawn(async move {
                    for number in (client..numbers).step_by(32) {
                        load.issue(&store, number, number).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a client");
        }
        per_second(numbers, clock.elapsed())
    }

    /// Calls for some seconds on numbers drawn at random.
    async fn run(
        self: &Arc<Self>,
        store: &PostgresStore,
        seconds: u64,
        numbers: u64,
        issue: bool,
    ) -> f64 {
        let clock = SystemClock::new();
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (load, store) = (Arc::clone(self), store.clone());
                tokio::spawn(async move {
                    let mut calls = 0;
                    while clock.elapsed() < Duration::from_secs(seconds) {
                        let turn = load.next.fetch_add(1, Ordering::Relaxed);
                        let number = mix(turn) % numbers;
                        if issue {
                            load.issue(&store, number, (1 << 40) + turn).await;
                        } else {
                            load.verify(&store, number, turn).await;
                        }
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        let mut calls = 0;
        for task in tasks {
            calls += task.await.expect("a client");
        }
        per_second(calls, clock.elapsed())
    }

    async fn issue(&self, store: &PostgresStore, number: u64, turn: u64) {
        let (number_key, own) = (name(1, number), name(2, number / 2));
        let (wider, session) = (name(3, number / 50), name(4, turn));
        let (country, realm) = (self.shared(5, turn), self.shared(6, turn));
        let meter = |subject, slot| MeterKey::new(subject, Slot(slot));
        let charge = |key, limit, cost| Charge::new(key, limit, cost);
        let window = |span_ms| Limit::Window { max: 1_000_000_000, span_ms };
        let budget = Limit::Budget { max: 1 << 50, span_ms: DAY };
        let unverified = Limit::Unverified { max: 1_000_000, drain_ms: 60_000 };
        let failures = Limit::Failures {
            max: 1_000_000,
            pause_after: 1_000_000,
            pause_ms: 1_000,
            longest_ms: 60_000,
            forget_ms: DAY,
        };
        let ladder = Limit::Ladder { first_ms: 0, longest_ms: 0, forget_ms: HOUR };
        let id = RequestId::from_bytes(*name(7, turn).as_bytes());
        let realm_of_all = name(0, 0);
        let minutes = |count: u64| self.now + Duration::from_secs(60 * count);
        let mut admission = Admission::new(id, self.now, realm_of_all, minutes(10));
        admission.home = Home::of(number_key).and(name(10, turn));
        admission.guards = vec![Guard { document: name(8, 0), version: 0 }];
        admission.nonces = vec![Nonce { key: name(9, turn), expires: minutes(10) }];
        admission.charges = vec![
            charge(meter(number_key, 1), failures, 0),
            charge(meter(number_key, 2), ladder, 1),
            charge(meter(number_key, 3), window(HOUR), 1),
            charge(meter(number_key, 4), window(DAY), 1),
            charge(meter(number_key, 5), window(DAY), 1),
            charge(meter(own, 3), window(HOUR), 1),
            charge(meter(own, 4), window(DAY), 1),
            charge(meter(own, 6), unverified, 1),
            charge(meter(wider, 6), unverified, 1),
            charge(meter(session, 3), window(HOUR), 1),
            charge(meter(country, 3), window(HOUR), 1),
            charge(meter(country, 7), window(HOUR), 1),
            charge(meter(realm, 8), budget, 70_000),
            charge(meter(realm, 7), window(HOUR), 1),
        ];
        let requests = |subject| Observation { key: meter(subject, 9), span_ms: HOUR, units: 1 };
        admission.observe = vec![requests(country), requests(realm)];
        admission.challenge = Some(ChallengeWrite::Open {
            key: name(10, turn),
            digest: [7; 32],
            expires: minutes(5),
            closes: minutes(30),
            attempts: 1_000,
        });
        let answer = store.admit(&admission).await.expect("an answer");
        assert!(matches!(answer, Admitted::Granted { .. }), "{answer:?}");
    }

    /// One wrong code on a live challenge, then it stays live.
    async fn verify(&self, store: &PostgresStore, number: u64, turn: u64) {
        let (own, realm) = (name(2, number / 2), self.shared(6, turn));
        let country = self.shared(5, turn);
        let meter = |subject, slot| MeterKey::new(subject, Slot(slot));
        let client = Limit::Unverified { max: 1_000_000, drain_ms: 60_000 };
        let failures = Limit::Failures {
            max: 1_000_000,
            pause_after: 1_000_000,
            pause_ms: 1_000,
            longest_ms: 60_000,
            forget_ms: DAY,
        };
        let count =
            |subject, slot| Observation { key: meter(subject, slot), span_ms: HOUR, units: 1 };
        let redemption = Redemption {
            home: Home::of(name(1, number)),
            digests: vec![[8; 32]],
            charges: vec![Charge::new(meter(own, 10), client, 1)],
            subject_charges: vec![Charge::new(meter(name(1, number), 1), failures, 1)],
            reset: vec![meter(name(1, number), 1)],
            credits: vec![Credit { key: meter(own, 6), limit: client, amount: 1 }],
            observe: vec![count(realm, 11), count(country, 11)],
            observe_failure: vec![count(realm, 12), count(country, 12)],
            ..Redemption::new(
                RequestId::from_bytes(*name(11, turn).as_bytes()),
                self.now,
                name(0, 0),
                name(10, number),
            )
        };
        let answer = store.redeem(&redemption).await.expect("an answer");
        assert!(matches!(answer.verdict, Verdict::Mismatch { .. }), "{answer:?}");
    }

    fn shared(&self, kind: u8, turn: u64) -> Pseudonym {
        name(kind, if self.cold { turn } else { 0 })
    }
}

fn name(kind: u8, value: u64) -> Pseudonym {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&value.to_be_bytes());
    Pseudonym::from_bytes(bytes)
}

/// Steele and others, 2014: SplitMix64's finaliser.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value ^ value >> 27
}

fn per_second(calls: u64, elapsed: Duration) -> f64 {
    u32::try_from(calls).map_or(f64::MAX, f64::from) / elapsed.as_secs_f64()
}

/// Challenges for `pgbench` to try codes on, under keys it can compute.
fn prepare(server: &PostgresServer, numbers: u64) {
    let sql = format!(
        "insert into otpgate.challenge (key, drop_at, attempts, used, consumed, opened, closes, \
         expires, until, previous_until, digest) select (lpad('', 8, '0') || '-0000-0000-000a-' || \
         (100000000000 + i))::uuid, 2147483647, 1000000, 0, false, 0, 1::bigint << 60, \
         1::bigint << 60, 1::bigint << 60, 0, decode(repeat('07', 32), 'hex') \
         from generate_series(0, {}) i; analyze otpgate.challenge",
        numbers - 1
    );
    query(server, &sql);
}

/// A key of kind `kind` that `pgbench` computes from a number of twelve digits.
fn key(kind: u8, number: &str) -> String {
    format!("('00000000-0000-0000-{kind:04x}-' || {number})::uuid")
}

/// Operations as the store writes them: rule, meter, no waiver, cost, parameters, no time.
fn ops(list: &[(u64, u64, u64, [u64; 5])]) -> String {
    let all: Vec<String> = list
        .iter()
        .map(|(rule, meter, cost, [p1, p2, p3, p4, p5])| {
            format!("{rule},{meter},0,{cost},{p1},{p2},{p3},{p4},{p5},0")
        })
        .collect();
    format!("'{{{}}}'::bigint[]", all.join(","))
}

fn draws(numbers: u64) -> String {
    format!(
        "\\set n random(100000000000, {})\n\\set t random(200000000000, 999999999999)\n\
         \\set own 300000000000 + :n / 2\n\\set wider 400000000000 + :n / 50\n",
        100_000_000_000 + numbers - 1
    )
}

/// The locks of country and realm.
fn hot_locks(load: &Load) -> &'static str {
    if load.cold {
        "512000000000001 + :t::bigint * 10, 712000000000001 + :t::bigint * 10"
    } else {
        "912000000000001, 912000000001001"
    }
}

fn hot(load: &Load, number: u64) -> String {
    if load.cold { ":t".to_owned() } else { number.to_string() }
}

fn issue_script(load: &Load, numbers: u64) -> String {
    let window = |meter, span: u64| (3_u64, meter, 1_u64, [1_000_000_000, span, span / 60, 0, 0]);
    let rate = |meter| (1_u64, meter, 1_u64, [60_000_u64, 60_000_000_000, 60_000, 0, 0]);
    let charges = ops(&[
        (4, 1, 0, [1_000_000, 1_000_000, 1_000, 60_000, DAY]),
        (2, 2, 1, [0, 0, HOUR, 0, 0]),
        window(3, HOUR),
        window(4, DAY),
        window(5, DAY),
        window(6, HOUR),
        window(7, DAY),
        rate(8),
        rate(9),
        window(10, HOUR),
        window(11, HOUR),
        window(12, HOUR),
        (3, 15, 70_000, [1 << 50, DAY, DAY / 60, 0, 0]),
        window(14, HOUR),
    ]);
    let observe = ops(&[window(13, HOUR), window(16, HOUR)]);
    let now = load.now.as_millis();
    let (country, realm) = (hot(load, 500_000_000_001), hot(load, 500_000_000_002));
    format!(
        "{}select * from otpgate.admit_v1({now}, {horizon}, array[2000000000000 + :n::bigint * 10 + 1, \
         4000000000000 + :own::bigint * 10 + 1, 8000000000000 + :wider::bigint * 10 + 1, \
         16000000000001 + :t::bigint * 10 + 1, 32000000000001 + :t::bigint * 10 + 1, 64000000000001 + :t::bigint * 10 + 1, \
         128000000000000 + :t::bigint * 10 + 1, 256000000000000, {locks}]::bigint[], array[{}, {}], \
         array[{remember}, {remember}]::bigint[], array[{}], array[0]::bigint[], '{{}}'::bytea[], \
         array[{}, {}, {}, {}, {}, {}], \
         '{{1,1,1,2,1,3,1,4,1,5,2,3,2,4,2,6,3,6,4,3,5,3,5,7,5,9,6,7,6,8,6,9}}'::bigint[], \
         {charges}, {observe}, {}, false, decode(repeat('07', 32), 'hex'), {}, {}, 1000, null, \
         null, 0);\n",
        draws(numbers),
        key(7, ":t"),
        key(9, ":t"),
        key(8, "500000000000"),
        key(1, ":n"),
        key(2, ":own"),
        key(3, ":wider"),
        key(4, ":t"),
        key(5, &country),
        key(6, &realm),
        key(10, ":t"),
        now + 300_000,
        now + 1_800_000,
        horizon = now + 120_000,
        remember = now + 600_000,
        locks = hot_locks(load),
    )
}

fn verify_script(load: &Load, numbers: u64) -> String {
    let window = |meter| (3_u64, meter, 1_u64, [1_u64 << 60, HOUR, HOUR / 60, 0, 0]);
    let rate = |meter| (1_u64, meter, 1_u64, [60_000_u64, 60_000_000_000, 60_000, 0, 0]);
    let failures = [1_000_000, 1_000_000, 1_000, 60_000, DAY];
    let (country, realm) = (hot(load, 500_000_000_001), hot(load, 500_000_000_002));
    format!(
        "{}select * from otpgate.redeem_v1({}, {}, array[2000000000000 + :n::bigint * 10 + 1, \
         4000000000000 + :own::bigint * 10 + 1, 8000000000000 + :n::bigint * 10 + 1, {locks}]::bigint[], {}, {}, \
         array[decode(repeat('08', 32), 'hex')], array[{}, {}, {}, {}], \
         '{{1,1,2,6,2,10,3,11,3,12,4,11,4,12}}'::bigint[], {}, {}, \
         '{{0,1,0,0,0,0,0,0,0,0}}'::bigint[], {}, '{{}}'::bigint[], {}, {}, null, null, 0);\n",
        draws(numbers),
        load.now.as_millis(),
        load.now.as_millis() + 120_000,
        key(11, ":t"),
        key(10, ":n"),
        key(1, ":n"),
        key(2, ":own"),
        key(5, &country),
        key(6, &realm),
        ops(&[rate(3)]),
        ops(&[(4, 1, 1, failures)]),
        ops(&[rate(2)]),
        ops(&[window(6), window(4)]),
        ops(&[window(7), window(5)]),
        locks = hot_locks(load),
    )
}

/// Transactions a second, of the second half: in the first its sessions make their plans, which a
/// store's pool did long ago.
fn pgbench(server: &PostgresServer, script: &str, seconds: u64) -> f64 {
    let file = std::env::temp_dir().join(format!("otpgate-pgbench-{}.sql", std::process::id()));
    fs::write(&file, script).expect("a script for pgbench");
    let mut command = server.client("pgbench");
    command.args(["-n", "-M", "prepared", "-c", "32", "-j", "2", "-P", "1", "-T"]);
    command.arg((seconds * 2).to_string()).arg("-f").arg(&file).arg("postgres");
    let output = command.output().expect("pgbench");
    let said = String::from_utf8_lossy(&output.stderr);
    let _ = fs::remove_file(file);
    assert!(output.status.success(), "{said}");
    let second = said.lines().filter_map(|line| {
        let (_, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
        rest.split_once(" tps").and_then(|(tps, _)| tps.parse::<f64>().ok())
    });
    let half: Vec<f64> = second.skip(usize::try_from(seconds).expect("seconds")).collect();
    half.iter().sum::<f64>() / f64::from(u32::try_from(half.len().max(1)).expect("few"))
}

/// How far the write-ahead log is, in bytes.
fn wal(server: &PostgresServer) -> u64 {
    let sql = "select (pg_current_wal_lsn() - '0/0')::bigint";
    query(server, sql).parse().expect("a position")
}

fn size(server: &PostgresServer) -> u64 {
    let sql = "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on \
               n.oid = c.relnamespace where n.nspname = 'otpgate' and c.relkind = 'r'";
    query(server, sql).parse().expect("a size")
}

fn query(server: &PostgresServer, sql: &str) -> String {
    output(server.client("psql").args(["-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, "postgres"]))
        .trim()
        .to_owned()
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("a program of PostgreSQL");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    said
}
