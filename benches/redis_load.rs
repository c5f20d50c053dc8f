//! What an admission costs on Redis: the same script by `redis-benchmark` and by the store, both at
//! 64 at a time on the same server in the same run, and the memory that a number takes.
//!
//! `cargo bench --features redis --bench redis_load`; needs `redis-server` and `redis-benchmark`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admission, Admitted, ChallengeWrite, Charge, Exchange, Nonce, Observation, RedisStore,
};
use otpgate::{Pseudonym, RequestId, Store, Timestamp};

use support::redis_proxy::Proxy;
use support::redis_server::{self, RedisServer};

/// The store's script for `admit`.
const ADMIT: &str = concat!(
    include_str!("../src/store/redis/prelude.lua"),
    include_str!("../src/store/redis/calls.lua"),
    include_str!("../src/store/redis/admit.lua"),
    include_str!("../src/store/redis/write.lua"),
    include_str!("../src/store/redis/grant.lua")
);

const NOW: u64 = 1_800_000_000_000;
const AT_ONCE: usize = 64;
const CALLS: u64 = 100_000;
const ROUNDS: usize = 3;

/// `redis-benchmark` puts twelve random digits in its place, in each key anew.
const RANDOM: &str = "__rand_int__";

/// A name out of twelve characters that differ and four that do not.
fn named(random: &str, kind: &str) -> Pseudonym {
    let mut name = [b'-'; 16];
    name.iter_mut().zip(random.bytes().chain(kind.bytes())).for_each(|(to, from)| *to = from);
    Pseudonym::from_bytes(name)
}

/// What one send charges under an ordinary policy: six rules on the number, two on the client, one
/// on the session, the prefix ladder, budgets of country and realm; a nonce and a code.
fn admission(random: &str, number_only: bool) -> Admission {
    let now = Timestamp::from_millis(NOW);
    let id = RequestId::from_bytes(*named(random, "call").as_bytes());
    let realm = Pseudonym::from_bytes([7; 16]);
    let mut admission = Admission::new(id, now, realm, now + Duration::from_secs(600));
    let window = |span_ms| Limit::Window { max: u64::MAX, span_ms };
    let budget = |span_ms| Limit::Budget { max: u64::MAX, span_ms };
    let unverified = Limit::Unverified { max: 1 << 40, drain_ms: 60_000 };
    let (hour, day) = (3_600_000, 86_400_000);
    let ladder = Limit::Ladder { first_ms: 30_000, longest_ms: 900_000, forget_ms: day };
    let mut charge = |subject: Pseudonym, slot, limit, cost| {
        let key = MeterKey::new(subject, Slot(slot));
        admission.charges.push(Charge::new(key, limit, cost));
    };
    let number = named(random, "numb");
    charge(number, 1, ladder, 1);
    charge(number, 2, window(hour), 1);
    charge(number, 3, window(day), 1);
    charge(number, 4, Limit::Unverified { max: 10, drain_ms: 3_600_000 }, 1);
    if number_only {
        return admission;
    }
    charge(named(random, "clnt"), 1, window(hour), 1);
    charge(named(random, "clnt"), 2, window(day), 1);
    charge(named(random, "sess"), 1, window(hour), 1);
    for rung in ["rung-one", "rung-two", "rung-three"] {
        charge(named(rung, "pref"), 1, unverified, 1);
    }
    charge(named("country", "coun"), 1, budget(day), 50_000);
    charge(named("everything", "real"), 1, budget(hour), 50_000);
    charge(named("everything", "real"), 2, budget(day), 50_000);
    let expires = now + Duration::from_secs(300);
    admission.nonces.push(Nonce { key: named(random, "once"), expires });
    for name in ["requests", "sends"] {
        let key = MeterKey::new(named(name, "seen"), Slot(1));
        admission.observe.push(Observation { key, span_ms: 600_000, units: 1 });
    }
    admission.challenge = Some(ChallengeWrite::Open {
        key: named(random, "chal"),
        digest: [9; 32],
        expires,
        closes: expires + Duration::from_secs(300),
        attempts: 5,
    });
    admission.exchange =
        Some(Exchange { journal: named("journal", "news"), append: Vec::new(), after: 0 });
    admission
}

/// The command that the store sends for [`admission`], as `redis-benchmark` takes it.
async fn captured(server: &RedisServer) -> Vec<Vec<u8>> {
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect(&proxy.url()).await.unwrap();
    proxy.commands();
    let _ = store.admit(&admission(RANDOM, false)).await.unwrap();
    proxy.commands().remove(0)
}

/// The same call with its packed argument written into the script: `redis-benchmark` cuts an argument
/// at its first zero byte. It has some 700 bytes less to send for it.
fn with_its_argument(server: &RedisServer, command: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (argument, words) = command.split_last().unwrap();
    let literal: String = argument.iter().map(|byte| format!("\\{byte:03}")).collect();
    let script =
        server.say(&["SCRIPT", "LOAD", &format!("local ARGV = {{\"{literal}\"}}\n{ADMIT}")]);
    let mut words = words.to_vec();
    words[1] = script.into_bytes();
    words
}

fn redis_benchmark(server: &RedisServer, command: &[Vec<u8>]) -> f64 {
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.port().to_string(), "-c", &AT_ONCE.to_string()])
        .args(["-n", &CALLS.to_string(), "-r", "1000000000", "--csv"])
        .args(command.iter().map(|word| std::str::from_utf8(word).unwrap()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().last().unwrap();
    // The first field is the command, which holds the argument: count from the end.
    let fields: Vec<_> = line.rsplit(',').map(|field| field.trim_matches('"')).collect();
    println!(
        "  redis-benchmark: {} calls/s, p50 {} ms, p99 {} ms",
        fields[6], fields[3], fields[1]
    );
    fields[6].parse().unwrap()
}

/// Calls `admit` from `tasks` tasks; answers calls a second.
async fn load(store: &Arc<RedisStore>, tasks: usize, calls: u64, number_only: bool) -> f64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let last = NEXT.load(Ordering::Relaxed) + calls;
    let started = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut took = Vec::new();
                loop {
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    if number >= last {
                        return took;
                    }
                    // Spread like the other's random digits.
                    let random = format!("{:012}", number * 7_919 % 1_000_000_000_000);
                    let admission = admission(&random, number_only);
                    let begun = Instant::now();
                    let answer = store.admit(&admission).await.unwrap();
                    took.push(begun.elapsed());
                    assert!(matches!(answer, Admitted::Granted { .. }));
                }
            })
        })
        .collect();
    let count = tasks.len();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let rate = calls as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: usize| took[took.len() * share / 100].as_secs_f64() * 1e3;
    println!(
        "  RedisStore::admit, {count} at a time: {rate:.0} calls/s, p50 {:.3} ms, p99 {:.3} ms",
        at(50),
        at(99)
    );
    rate
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if !redis_server::available() {
        return;
    }
    let server = RedisServer::start(&[]);
    let command = captured(&server).await;
    let sent: usize = command.iter().map(Vec::len).sum();
    println!("one admission: {} keys, {sent} bytes sent", command.len() - 4);
    let command = with_its_argument(&server, &command);
    let store = Arc::new(RedisStore::connect(&server.url()).await.unwrap());
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        server.say(&["FLUSHALL"]);
        let theirs = redis_benchmark(&server, &command);
        server.say(&["FLUSHALL"]);
        let ours = load(&store, AT_ONCE, CALLS, false).await;
        println!("  ratio {:.2}", ours / theirs);
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio, median of {ROUNDS}: {:.2} (bar: 0.70)", ratios[ROUNDS / 2]);

    println!("one at a time:");
    server.say(&["CONFIG", "RESETSTAT"]);
    load(&store, 1, 10_000, false).await;
    let stats = server.say(&["INFO", "commandstats"]);
    for line in stats.lines().filter(|line| line.starts_with("cmdstat_evalsha")) {
        println!("  server: {line}");
    }

    let logged = RedisServer::start(&["--appendonly", "yes"]);
    let logging = Arc::new(RedisStore::connect(&logged.url()).await.unwrap());
    load(&logging, AT_ONCE, 1_000, false).await;
    let before = logged.info("aof_current_size");
    load(&logging, AT_ONCE, 10_000, false).await;
    let written = logged.info("aof_current_size").saturating_sub(before) / 10_000;
    println!("append-only file: {written} bytes a send");

    for (what, number_only) in
        [("its four meters and the remembered call", true), ("all of a send", false)]
    {
        server.say(&["FLUSHALL"]);
        let before = server.info("used_memory");
        load(&store, AT_ONCE, 100_000, number_only).await;
        let keys = server.say(&["DBSIZE"]);
        let grown = server.info("used_memory").saturating_sub(before);
        println!("100 000 numbers, {what}: {} bytes a number, {keys} keys", grown / 100_000);
    }
    let mut connection = server.connection();
    let keys: Vec<Vec<u8>> = redis::cmd("SCAN")
        .arg(0)
        .arg("COUNT")
        .arg(2_000)
        .query::<(u64, Vec<Vec<u8>>)>(&mut connection)
        .unwrap()
        .1;
    for (kind, what) in
        [(b's', "a subject"), (b'c', "a challenge"), (b'n', "a nonce"), (b'r', "some calls")]
    {
        let sizes = keys.iter().filter(|key| key.get(24) == Some(&kind)).map(|key| {
            redis::cmd("MEMORY").arg("USAGE").arg(key).query::<u64>(&mut connection).unwrap()
        });
        let sizes: Vec<u64> = sizes.collect();
        let sum: u64 = sizes.iter().sum();
        println!("MEMORY USAGE of {what}: {} bytes on average", sum / sizes.len().max(1) as u64);
    }
}
