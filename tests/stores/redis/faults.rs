//! What happens to the Redis store when its server, its wire or its settings fail. Real servers,
//! real kills.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::limit::{Limit, MeterKey, Slot};
use otpgate::store::{
    Admitted, ChallengeState, DocumentWrite, Exchange, MeterQuery, Observation, RedisOptions,
    RedisSetupError, RedisStore, Refund, Settlement, StoreErrorKind, TallyQuery, Verdict,
};
use otpgate::{Pseudonym, Store};
use support::needs_redis;
use support::redis_proxy::Proxy;
use support::redis_server::{self, RedisServer};

use super::calls::{Sent, T0, bytes, charge, charging, empty, meter, name, nonce, patient, window};

async fn connect(server: &RedisServer) -> RedisStore {
    RedisStore::connect_with(&server.url(), patient()).await.unwrap()
}

async fn count(
    store: &RedisStore,
    realm: otpgate::Pseudonym,
    key: otpgate::limit::MeterKey,
) -> u64 {
    let mut query = TallyQuery::new(T0, realm);
    query.meters.push(MeterQuery { key, limit: window(1), cost: 0 });
    store.tally(&query).await.unwrap().meters[0].count
}

fn accepted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accepted { .. })
}

#[tokio::test]
async fn every_verb_is_one_command_and_one_round_trip() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), patient()).await.unwrap();
    proxy.commands();
    let (realm, sent) = (name(), Sent::new());

    let mut admission = sent.admission(realm, T0, 5);
    admission.charges = (0..12).map(|_| charge(meter(), window(9))).collect();
    admission.nonces = vec![nonce(T0)];
    admission.observe = vec![Observation { key: meter(), span_ms: 60_000, units: 1 }];
    let document = name();
    admission.documents.push(DocumentWrite { document, expect: 0, content: vec![1; 100] });
    admission.exchange = Some(Exchange { journal: name(), append: vec![1], after: 0 });
    let _ = store.admit(&admission).await.unwrap();
    let settlement = Settlement {
        refunds: admission
            .charges
            .iter()
            .map(|charge| Refund {
                key: charge.key,
                limit: charge.limit,
                cost: charge.cost,
                charged: T0,
                waiver: None,
            })
            .collect(),
        ..Settlement::new(admission.id, T0, realm)
    };
    store.settle(&settlement).await.unwrap();
    assert!(accepted(&sent.redeem(&store, realm, T0).await.unwrap()));
    store.tally(&TallyQuery::new(T0, realm)).await.unwrap();

    let commands = proxy.commands();
    let names: Vec<_> = commands.iter().map(|words| words[0].clone()).collect();
    assert_eq!(names, vec![b"EVALSHA".to_vec(); 4]);
}

#[tokio::test]
async fn every_key_is_in_the_realms_slot_and_ends() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let (realm, sent) = (name(), Sent::new());
    let mut admission = sent.admission(realm, T0, 5);
    admission.charges = vec![
        charge(meter(), window(9)),
        charge(meter(), Limit::Spacing { interval_ms: 1_000, burst: 1 }),
    ];
    admission.nonces = vec![nonce(T0)];
    let document = name();
    admission.documents.push(DocumentWrite { document, expect: 0, content: vec![1] });
    admission.exchange = Some(Exchange { journal: name(), append: vec![1], after: 0 });
    let _ = store.admit(&admission).await.unwrap();

    let mut connection = server.connection();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    // Partition, call, two subjects, nonce, challenge, version, content, latest, journal.
    assert_eq!(keys.len(), 10);
    for key in keys {
        assert_eq!((key[0], key[23]), (b'{', b'}'));
        let life: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
        let expected = match key[24] {
            b'e' | b'v' | b'd' | b'j' => -1..0,
            // What is left, and the grace of a minute.
            b's' => 60_500..3_720_001 + 60_000,
            b'c' | b'r' => 655_000..660_001,
            b'n' => 355_000..360_001,
            // Set for twice as long, so that it need not be set again for each entry.
            b'l' => 355_000..360_001,
            other => panic!("an unknown kind of key: {other}"),
        };
        assert!(expected.contains(&life), "{} lives {life} ms", char::from(key[24]));
    }
}

#[tokio::test]
async fn flushed_scripts_are_sent_again() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), patient()).await.unwrap();
    let (realm, key) = (name(), meter());
    for expected in 1..=5 {
        server.say(&["SCRIPT", "FLUSH"]);
        proxy.commands();
        let answer = store.admit(&charging(realm, T0, key, window(9))).await.unwrap();
        assert!(matches!(answer, Admitted::Granted { .. }));
        assert_eq!(count(&store, realm, key).await, expected);
        let names: Vec<_> = proxy.commands().iter().map(|words| words[0].clone()).collect();
        let twice = [&b"EVALSHA"[..], b"EVAL", b"EVALSHA", b"EVAL"];
        assert_eq!(names, twice.map(<[u8]>::to_vec));
    }
}

#[tokio::test]
async fn a_server_that_may_evict_is_refused_at_start_and_on_reconnection() {
    needs_redis!();
    for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random", "volatile-lru"] {
        let server = RedisServer::start(&["--maxmemory-policy", policy]);
        let error = RedisStore::connect(&server.url()).await.unwrap_err();
        let RedisSetupError::Evicts { policy: named, .. } = &error else { panic!("{error}") };
        assert_eq!(named, policy);
        assert!(error.to_string().contains("noeviction"), "{error}");
    }
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    server.say(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    server.say(&["CLIENT", "KILL", "TYPE", "normal"]);
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(store.admit(&empty(name(), T0)).await.unwrap_err().kind());
    }
    assert_eq!(kinds.last(), Some(&StoreErrorKind::Corrupt), "{kinds:?}");
    server.say(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    assert!(store.admit(&empty(name(), T0)).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_used_is_named_with_its_address_and_cause() {
    needs_redis!();
    let port = redis_server::free_port();
    let error =
        RedisStore::connect(&format!("redis://:hunter2@127.0.0.1:{port}")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("refused"), "{text}");
    assert!(!format!("{error:?}{text}").contains("hunter2"));

    let error = RedisStore::connect("http://127.0.0.1").await.unwrap_err();
    assert!(matches!(error, RedisSetupError::Address { .. }), "{error}");

    let primary = RedisServer::start(&[]);
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    let error = RedisStore::connect(&replica.url()).await.unwrap_err();
    let named =
        matches!(error, RedisSetupError::Replica { .. } | RedisSetupError::Unreachable { .. });
    assert!(named, "{error}");

    let locked = RedisServer::start(&[]);
    locked.say(&["CONFIG", "SET", "requirepass", "swordfish"]);
    let error = RedisStore::connect(&locked.url()).await.unwrap_err();
    assert!(matches!(error, RedisSetupError::Unreachable { .. }), "{error}");
    let url = format!("redis://:swordfish@127.0.0.1:{}", locked.port());
    assert!(RedisStore::connect(&url).await.is_ok());
}

#[tokio::test]
async fn a_full_server_says_so_and_changes_nothing() {
    needs_redis!();
    let server = RedisServer::start(&["--maxmemory", "3mb"]);
    let store = connect(&server).await;
    let (realm, key) = (name(), meter());
    let mut live = Vec::new();
    let mut full = false;
    for _ in 0..50_000 {
        let sent = Sent::new();
        let mut admission = sent.admission(realm, T0, 5);
        admission.charges.push(charge(key, window(1_000_000)));
        match store.admit(&admission).await {
            Ok(_) => live.push(sent),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
                full = true;
                break;
            }
        }
    }
    assert!(full, "{} admissions did not fill 3 MB", live.len());
    assert_eq!(count(&store, realm, key).await, live.len() as u64, "a refused call left a trace");
    assert_eq!(server.info("evicted_keys"), 0);
    server.say(&["CONFIG", "SET", "maxmemory", "0"]);
    for sent in live.iter().step_by(50) {
        assert!(accepted(&sent.redeem(&store, realm, T0).await.unwrap()));
    }
}

#[tokio::test]
async fn a_lost_answer_is_indeterminate_and_its_repeat_counts_once() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), patient()).await.unwrap();
    let (realm, key) = (name(), meter());
    for round in 1..=20 {
        let sent = Sent::new();
        let mut admission = sent.admission(realm, T0, 5);
        admission.charges.push(charge(key, window(100)));
        proxy.lose_next_answer();
        let error = store.admit(&admission).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Indeterminate);
        let Admitted::Granted { counts, .. } = store.admit(&admission).await.unwrap() else {
            panic!("the repeat is granted")
        };
        assert_eq!(counts, [round]);

        let redemption = sent.redemption(realm, T0);
        proxy.lose_next_answer();
        let error = store.redeem(&redemption).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Indeterminate);
        let verdict = store.redeem(&redemption).await.unwrap().verdict;
        assert_eq!(verdict, Verdict::Accepted { attempts: 1, opened: T0 });
        // A22: under another identifier it is no second success.
        assert_eq!(sent.redeem(&store, realm, T0).await.unwrap(), Verdict::Consumed);
    }
}

#[tokio::test]
async fn a_call_cut_on_the_way_did_not_run() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let proxy = Proxy::before(server.port()).await;
    let store = RedisStore::connect_with(&proxy.url(), patient()).await.unwrap();
    let (realm, key) = (name(), meter());
    for _ in 0..10 {
        proxy.lose_next_call();
        let error = store.admit(&charging(realm, T0, key, window(100))).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Indeterminate);
        assert_eq!(count(&store, realm, key).await, 0);
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_indeterminate_in_time_and_comes_back() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let quick = Duration::from_secs(2);
    let options =
        RedisOptions { connect_timeout: quick, response_timeout: quick, ..RedisOptions::default() };
    let store = RedisStore::connect_with(&server.url(), options).await.unwrap();
    let pid = server.info("process_id").to_string();
    let signal =
        |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    let admission = empty(name(), T0);
    let first = store.admit(&admission).await.unwrap_err();
    assert_eq!(first.kind(), StoreErrorKind::Indeterminate);
    // From now on it cannot be reached: a new connection asks first, and gets no answer.
    let second = store.admit(&admission).await.unwrap_err();
    assert_eq!(second.kind(), StoreErrorKind::Unavailable, "{second:?}");
    signal("-CONT");
    assert!(matches!(store.admit(&admission).await, Ok(Admitted::Granted { .. })));
}

#[tokio::test]
async fn callers_of_a_dead_server_share_one_attempt_to_connect() {
    needs_redis!();
    let mut server = RedisServer::start(&[]);
    let store = Arc::new(connect(&server).await);
    server.kill();
    let _ = store.admit(&empty(name(), T0)).await;
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.admit(&empty(name(), T0)).await.unwrap_err().kind() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), StoreErrorKind::Unavailable);
    }
    server.start_again();
    assert!(store.admit(&empty(name(), T0)).await.is_ok());
}

/// Sends in a loop until told to stop; counts what was acknowledged, and what the errors were.
async fn load(
    store: Arc<RedisStore>,
    realm: otpgate::Pseudonym,
    key: otpgate::limit::MeterKey,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> Vec<StoreErrorKind> {
    let mut kinds = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match store.admit(&charging(realm, T0, key, window(u64::MAX))).await {
            Ok(_) => drop(acknowledged.fetch_add(1, Ordering::Relaxed)),
            Err(error) => {
                kinds.push(error.kind());
                tokio::task::yield_now().await;
            }
        }
    }
    kinds
}

/// Kills the server under load, starts it again, and answers (acknowledged before, kept after).
async fn kill_under_load(mut server: RedisServer) -> (u64, u64) {
    let (store, realm, key) = (Arc::new(connect(&server).await), name(), meter());
    let used = Sent::new();
    used.send(&*store, realm, T0).await;
    assert!(accepted(&used.redeem(&*store, realm, T0).await.unwrap()));
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(load(
                Arc::clone(&store),
                realm,
                key,
                Arc::clone(&stop),
                Arc::clone(&acknowledged),
            ))
        })
        .collect();
    while acknowledged.load(Ordering::Relaxed) < 5_000 {
        tokio::task::yield_now().await;
    }
    // On a thread of its own, or the load would stand still while the server is killed.
    let (server, before) = tokio::task::spawn_blocking(move || {
        server.kill();
        server
    })
    .await
    .map(|server| (server, acknowledged.load(Ordering::Relaxed)))
    .unwrap();
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        for kind in task.await.unwrap() {
            let closed =
                matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate);
            assert!(closed, "{kind:?}");
        }
    }
    let before = before.max(acknowledged.load(Ordering::Relaxed));
    let server = tokio::task::spawn_blocking(move || {
        let mut server = server;
        server.start_again();
        server
    })
    .await
    .unwrap();
    let after = count(&store, realm, key).await;
    // A14, A17: the code that was used is not good again, whatever the disk remembers of it.
    let verdict = used.redeem(&*store, realm, T0).await.unwrap();
    assert!(!accepted(&verdict), "{verdict:?}");
    drop(server);
    (before, after)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_only_file_synced_always_loses_nothing() {
    needs_redis!();
    let server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (before, after) = kill_under_load(server).await;
    println!("appendfsync always: {before} acknowledged, {after} kept");
    assert!(after >= before, "{before} acknowledged, {after} kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_kill_loses_is_counted() {
    needs_redis!();
    let everysec = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let (before, after) = kill_under_load(everysec).await;
    // The process dies, not the machine: what it wrote is in the page cache.
    println!("appendfsync everysec, process killed: {before} acknowledged, {after} kept");
    assert!(after >= before, "{before} acknowledged, {after} kept");
    let (before, after) = kill_under_load(RedisServer::start(&[])).await;
    println!("no persistence: {before} acknowledged, {after} kept");
    assert_eq!(after, 0);
}

/// What a restore brings back: a store, its realm, a code used since, one void since, one locked
/// since, and one that was only sent.
struct Before {
    realm: otpgate::Pseudonym,
    used: Sent,
    locked: Sent,
    fresh: Sent,
}

impl Before {
    /// Sends all, calls `snapshot`, then uses one code and locks another.
    async fn across(store: &RedisStore, snapshot: impl FnOnce()) -> Self {
        let it = Self { realm: name(), used: Sent::new(), locked: Sent::new(), fresh: Sent::new() };
        for sent in [it.used, it.locked, it.fresh] {
            sent.send(store, it.realm, T0).await;
        }
        snapshot();
        assert!(accepted(&it.used.redeem(store, it.realm, T0).await.unwrap()));
        for _ in 0..5 {
            let wrong = Sent { digest: bytes(), ..it.locked };
            let _ = wrong.redeem(store, it.realm, T0).await.unwrap();
        }
        assert_eq!(it.locked.redeem(store, it.realm, T0).await.unwrap(), Verdict::Locked);
        it
    }

    async fn nothing_is_replayable(&self, store: &RedisStore) {
        let mut query = TallyQuery::new(T0, self.realm);
        query.challenges = vec![self.used.challenge, self.locked.challenge, self.fresh.challenge];
        let states = store.tally(&query).await.unwrap().challenges;
        assert_eq!(states, [ChallengeState::Unknown; 3], "a screen shows them as gone");
        for sent in [self.used, self.locked, self.fresh] {
            let verdict = sent.redeem(store, self.realm, T0).await.unwrap();
            assert_eq!(verdict, Verdict::Unknown);
        }
        // New codes are good.
        let sent = Sent::new();
        sent.send(store, self.realm, T0).await;
        assert!(accepted(&sent.redeem(store, self.realm, T0).await.unwrap()));
    }
}

#[tokio::test]
async fn a_snapshot_restored_brings_back_no_code() {
    needs_redis!();
    for gate_survives in [true, false] {
        let mut server = RedisServer::start(&["--dbfilename", "dump.rdb"]);
        let store = connect(&server).await;
        let dump = server.dir().join("dump.rdb");
        let kept = server.dir().join("kept.rdb");
        let before = Before::across(&store, || {
            server.say(&["SAVE"]);
            std::fs::copy(&dump, &kept).unwrap();
        })
        .await;
        server.kill();
        std::fs::copy(&kept, &dump).unwrap();
        server.start_again();
        assert!(server.info("rdb_last_load_keys_loaded") > 0, "the snapshot was loaded");
        let store = if gate_survives {
            // Its old connection is noticed to be dead.
            let _ = store.tally(&TallyQuery::new(T0, before.realm)).await;
            store
        } else {
            connect(&server).await
        };
        before.nothing_is_replayable(&store).await;
        // A second gate that starts later finds the epoch in place and codes in flight good.
        let (sent, other) = (Sent::new(), connect(&server).await);
        sent.send(&store, before.realm, T0).await;
        assert!(accepted(&sent.redeem(&other, before.realm, T0).await.unwrap()));
    }
}

#[tokio::test]
async fn data_exchanged_under_a_running_server_are_noticed_by_the_sequence() {
    needs_redis!();
    let server = RedisServer::start(&["--enable-debug-command", "yes", "--dbfilename", "dump.rdb"]);
    let store = connect(&server).await;
    let before = Before::across(&store, || drop(server.say(&["SAVE"]))).await;
    // The same process and the same connections, with the data of before.
    server.say(&["DEBUG", "RELOAD", "NOSAVE"]);
    before.nothing_is_replayable(&store).await;
}

#[tokio::test]
async fn a_replica_that_was_promoted_brings_back_no_code() {
    needs_redis!();
    let primary = RedisServer::start(&[]);
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    support::until("the replica follows", || {
        replica.say(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let store = connect(&primary).await;
    let before = Before::across(&store, || {
        assert_eq!(primary.say(&["WAIT", "1", "5000"]), "1");
        // Replication stops: what follows is acknowledged and lost.
        replica.say(&["REPLICAOF", "NO", "ONE"]);
    })
    .await;
    let promoted = connect(&replica).await;
    before.nothing_is_replayable(&promoted).await;
}

#[tokio::test]
async fn clocks_five_seconds_apart_loosen_nothing() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let gates = [connect(&server).await, connect(&server).await];
    let clock = |gate: usize, at: u64| {
        let ahead = [0, 10_000][gate];
        otpgate::Timestamp::from_millis(T0.as_millis() + at + ahead)
    };
    // One gate five seconds behind, one five ahead. A18: whoever asks, one minute holds three, and
    // the difference tightens.
    let limit = Limit::Window { max: 3, span_ms: 60_000 };
    let (realm, key, mut granted) = (name(), meter(), Vec::new());
    for step in 0..600_u64 {
        let (gate, at) = ((step % 2) as usize, step * 500);
        let admission = charging(realm, clock(gate, at), key, limit);
        if let Admitted::Granted { .. } = gates[gate].admit(&admission).await.unwrap() {
            granted.push(at);
        }
    }
    for (nth, at) in granted.iter().enumerate() {
        let within = granted[..=nth].iter().filter(|other| at - **other < 50_000).count();
        assert!(within <= 3, "{within} in the 50 s up to {at}");
    }
    assert!(granted.len() >= 9, "{} in five minutes", granted.len());
    // A nonce and a code that one gate has spent are spent for the other.
    let spent = nonce(clock(1, 0));
    for (gate, expected) in [(1, true), (0, false), (1, false)] {
        let mut admission = empty(realm, clock(gate, 0));
        admission.nonces.push(spent);
        let granted =
            matches!(gates[gate].admit(&admission).await.unwrap(), Admitted::Granted { .. });
        assert_eq!(granted, expected);
    }
    let sent = Sent::new();
    sent.send(&gates[1], realm, clock(1, 0)).await;
    assert!(accepted(&sent.redeem(&gates[0], realm, clock(0, 0)).await.unwrap()));
    assert_eq!(sent.redeem(&gates[1], realm, clock(1, 0)).await.unwrap(), Verdict::Consumed);
}

/// Runs a script of the test's own on one key of the realm.
fn write(server: &RedisServer, realm: Pseudonym, rest: &[u8], script: &str) {
    let tag = format!("{{{}}}", Base64UrlUnpadded::encode_string(realm.as_bytes()));
    let key = [tag.as_bytes(), rest].concat();
    let mut connection = server.connection();
    redis::cmd("EVAL").arg(script).arg(1).arg(key).exec(&mut connection).unwrap();
}

/// What 0.1.0 wrote still limits, in each kind of meter, and is then kept in the new format.
#[tokio::test]
async fn the_first_format_is_read() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let (realm, subject) = (name(), name());
    let (hour, now) = (3_600_000, T0.as_millis());
    let limits = [
        Limit::Spacing { interval_ms: 1_000, burst: 5 },
        Limit::Ladder { first_ms: 30_000, longest_ms: hour, forget_ms: 24 * hour },
        Limit::Window { max: 9, span_ms: hour },
        Limit::Failures {
            max: 9,
            pause_after: 9,
            pause_ms: 0,
            longest_ms: hour,
            forget_ms: 24 * hour,
        },
        Limit::Window { max: 9, span_ms: hour },
    ];
    // A bucket, a ladder, a window of two buckets, failures, a window of one, and a mark.
    let meters = format!(
        "{{1, {dry}, 2000}}, {{2, 3, {now}, 2, {before}}}, \
         {{3, {now}, 2, 4, {before}, struct.pack('>I7I7', {before}, 4)}}, {{4, 5, {now}}}, \
         {{3, {now}, 7, 0, 0, ''}}, {{5, {before}, {end}}}",
        dry = now + 2_000,
        before = now - 600_000,
        end = now + hour,
    );
    let script = format!(
        "redis.call('SET', KEYS[1], cmsgpack.pack({{{}, {{{meters}}}}}), 'PX', {})",
        now + 24 * hour,
        24 * hour + 60_000
    );
    let row = [b"s", subject.as_bytes().as_slice()].concat();
    write(&server, realm, &row, &script);
    let partition = "redis.call('SET', KEYS[1], struct.pack('>I7I7c8', 0, 1, '--------'))";
    write(&server, realm, b"e", partition);

    let key = |slot| MeterKey::new(subject, Slot(slot));
    let read = async || {
        let mut query = TallyQuery::new(T0, realm);
        for (slot, limit) in (1..).zip(limits) {
            query.meters.push(MeterQuery { key: key(slot), limit, cost: 0 });
        }
        query.marks.push(key(6));
        let answer = store.tally(&query).await.unwrap();
        let mark = answer.marks[0].map(|(from, until)| (from.as_millis(), until.as_millis()));
        (answer.meters.iter().map(|meter| meter.count).collect::<Vec<_>>(), mark)
    };
    let mark = Some((now - 600_000, now + hour));
    assert_eq!(read().await, (vec![2, 3, 6, 5, 7], mark));
    let mut admission = empty(realm, T0);
    admission.charges = vec![charge(key(3), limits[2]), charge(key(5), limits[4])];
    let first = store.admit(&admission).await.unwrap();
    assert!(matches!(first, Admitted::Granted { counts, .. } if counts == [7, 8]));
    assert_eq!(read().await, (vec![2, 3, 7, 5, 8], mark), "and from the new one");
    // What was touched is over in an hour, and the ladder and the failures are not.
    let lives = format!("assert(redis.call('PTTL', KEYS[1]) > {})", 23 * hour);
    write(&server, realm, &row, &lives);
}

/// Written often, a subject is kept in another form, and back and forth nothing is lost.
#[tokio::test]
async fn what_is_written_often_keeps_its_counts() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let (realm, subject) = (name(), name());
    let key = |slot| MeterKey::new(subject, Slot(slot));
    let unverified = Limit::Unverified { max: 1_000, drain_ms: 3_600_000 };
    for round in 1..=200 {
        // A new bucket of the hour every other time, and a new meter now and then.
        let now = T0 + Duration::from_secs(30 * round);
        let mut admission = empty(realm, now);
        admission.charges = vec![charge(key(1), window(1_000)), charge(key(2), unverified)];
        if round % 50 == 0 {
            let slot = 3 + u32::try_from(round).unwrap() / 50;
            admission.charges.push(charge(key(slot), window(1_000)));
        }
        let answer = store.admit(&admission).await.unwrap();
        let Admitted::Granted { counts, .. } = answer else { panic!("{answer:?}") };
        // An hour and at most a minute, at two a minute; one an hour has drained.
        let drained = 30 * (round - 1) / 3_600;
        assert_eq!(
            counts[..2],
            [round.min(if round % 2 == 0 { 121 } else { 122 }), round - drained]
        );
    }
}

#[tokio::test]
async fn a_later_format_is_refused_and_left_alone() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let realm = name();
    let partition = "redis.call('SET', KEYS[1], struct.pack('>I7I7c8B', 4, 9, '--------', 4))";
    write(&server, realm, b"e", partition);
    let sent = Sent::new();
    let errors = [
        store.admit(&sent.admission(realm, T0, 5)).await.unwrap_err(),
        store.redeem(&sent.redemption(realm, T0)).await.unwrap_err(),
        store.tally(&TallyQuery::new(T0, realm)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("format 4") && cause.contains("run the version"), "{cause}");
    }
    assert_eq!(server.say(&["DBSIZE"]), "1", "nothing was written");
}
