//! What PostgreSQL, its set-up and the network can do to a gate.

use std::error::Error as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use otpgate::limit::Limit;
use otpgate::store::postgres::PostgresSetupError;
use otpgate::store::{
    Admitted, Charge, ClockCheck, DEFAULT_CLOCK_SKEW, Nonce, Observation, PostgresStore,
    StoreErrorKind, Verdict,
};
use otpgate::testing::store;
use otpgate::{Clock, Store, SystemClock};
use support::postgres_server::{self, PostgresServer, Shared};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::calls::{
    HOUR, NOON, admission, at, charge, code, count, hourly, is_granted, meter, name, open, ready,
    redemption,
};

static SERVER: Shared = Shared::new();

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_cause() {
    let port = postgres_server::free_port();
    let url = format!("postgres://me:hunter2@127.0.0.1:{port}/codes");
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(matches!(error, PostgresSetupError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{text}");
}

#[tokio::test]
async fn an_unmigrated_database_says_what_to_do() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let error = store.ready().await.unwrap_err();
    assert!(matches!(error, PostgresSetupError::NotMigrated { found: 0, .. }), "{error:?}");
    let error = store.admit(&admission(1, NOON, Vec::new())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.source().unwrap().to_string().contains("migrate"), "{error:?}");

    // Ten processes that start together, and then again.
    let together: Vec<_> = (0..10)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    for migration in together {
        migration.await.unwrap().unwrap();
    }
    assert!(is_granted(&store.admit(&admission(1, NOON, Vec::new())).await.unwrap()));
    // The exported SQL does no harm to a database that has it already, and its content.
    for migration in PostgresStore::migrations() {
        let mut psql = server.client("psql");
        psql.args(["-q", "-1", "-v", "ON_ERROR_STOP=1", "-c", migration.sql, "postgres"]);
        assert!(psql.output().unwrap().status.success());
    }
    assert!(is_granted(&store.admit(&admission(1, NOON, Vec::new())).await.unwrap()));
}

#[tokio::test]
async fn a_server_that_would_lose_commits_is_refused() {
    let Some(server) = postgres_server::start(&["synchronous_commit=off"]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let error = store.migrate().await.unwrap_err();
    let lossy = "synchronous_commit";
    assert!(
        matches!(error, PostgresSetupError::LosesState { setting, .. } if setting == lossy),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_outage_fails_closed_and_ends_by_itself() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    open(&store, 1, NOON, 5).await;
    server.kill();
    let mut kinds = Vec::new();
    for number in 0..5 {
        let right = redemption(number, 1, code(1), NOON);
        kinds.push(store.redeem(&right).await.unwrap_err().kind());
    }
    // The first may have been under way; none after it can even connect.
    assert!(kinds[1..].iter().all(|kind| *kind == StoreErrorKind::Unavailable), "{kinds:?}");
    server.restart();
    let answer = store.redeem(&redemption(9, 1, code(1), NOON)).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Accepted { attempts: 1, opened: at(NOON) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_through_pgbouncer_in_transaction_mode() {
    let Some((server, _)) = ready(&SERVER).await else { return };
    let Some(url) = server.bouncer() else { return };
    // 32 connections of the gate share 4 of the server.
    let store = PostgresStore::connect(&url).await.unwrap();
    store.ready().await.unwrap();
    let spawn = |racer| drop(tokio::spawn(racer));
    store::Suite::new().seed(3).spawn(spawn).run(|| async { store.clone() }).await.assert();
    store::equivalence(|| async { store.clone() }, 42, 100).await.assert();
}

/// A wire between gate and server that can be cut after so many bytes in either direction.
#[derive(Debug, Default)]
pub struct Wire {
    /// Cut the next connection that sends something: 1 before it arrives, 2 before the answer.
    pub cut: AtomicU64,
    pub cuts: AtomicU64,
    /// Carry nothing any more, and keep the connections open.
    pub silent: AtomicBool,
}

impl Wire {
    pub async fn between(self: &Arc<Self>, server: &PostgresServer) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (wire, to) = (Arc::clone(self), server.port());
        tokio::spawn(async move {
            while let Ok((gate, _)) = listener.accept().await {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.unwrap();
                tokio::spawn(Arc::clone(&wire).carry(gate, server));
            }
        });
        format!("postgres://otpgate@127.0.0.1:{port}/postgres")
    }

    async fn carry(self: Arc<Self>, mut gate: TcpStream, mut server: TcpStream) {
        let (mut out, mut back) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            tokio::select! {
                read = gate.read(&mut out) => {
                    let Ok(length @ 1..) = read else { return };
                    if self.silent.load(Ordering::SeqCst) {
                        continue;
                    }
                    match self.cut.swap(0, Ordering::SeqCst) {
                        0 => server.write_all(&out[..length]).await.unwrap(),
                        1 => {
                            self.cuts.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                        _ => {
                            server.write_all(&out[..length]).await.unwrap();
                            // The answer has come, so the transaction has committed.
                            let _ = server.read(&mut back).await;
                            self.cuts.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                    }
                }
                read = server.read(&mut back) => {
                    let Ok(length @ 1..) = read else { return };
                    gate.write_all(&back[..length]).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn a_connection_cut_mid_statement_is_indeterminate_and_a_repeat_is_exact() {
    let Some((server, direct)) = ready(&SERVER).await else { return };
    let wire = Arc::new(Wire::default());
    let store = PostgresStore::connect(&wire.between(&server).await).await.unwrap();
    let key = meter(b'w', 0);
    let mut made = 0;
    for (number, cut) in [1, 2, 1, 2].into_iter().enumerate() {
        let number = u64::try_from(number).unwrap();
        let mut call = admission(8_000_000 + number, NOON, vec![charge(key, hourly(100))]);
        call.nonces.push(Nonce { key: name(b'v', number), expires: at(NOON + 60_000) });
        wire.cut.store(cut, Ordering::SeqCst);
        let error = store.admit(&call).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Indeterminate, "{error:?}");
        let taken = count(&direct, key, hourly(100), NOON).await.unwrap();
        assert_eq!(taken, made + u64::from(cut == 2), "cut {cut}");
        made += 1;
        let Admitted::Granted { counts, .. } = store.admit(&call).await.unwrap() else {
            panic!("the repeat of a call that may have been granted is granted");
        };
        assert_eq!(counts, [made]);
    }
    for (challenge, cut) in [(3_001, 1), (3_002, 2)] {
        open(&direct, challenge, NOON, 3).await;
        let right = redemption(challenge, challenge, code(challenge), NOON);
        wire.cut.store(cut, Ordering::SeqCst);
        let error = store.redeem(&right).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Indeterminate, "{error:?}");
        let accepted = Verdict::Accepted { attempts: 1, opened: at(NOON) };
        assert_eq!(store.redeem(&right).await.unwrap().verdict, accepted);
        let other = redemption(challenge + 100, challenge, code(challenge), NOON);
        assert_eq!(store.redeem(&other).await.unwrap().verdict, Verdict::Consumed);
    }
    assert_eq!(wire.cuts.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_the_deadline() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let Some((server, _)) = ready(&SERVER).await else { return };
    // Lets the connection be made, then says nothing more.
    let port = listener.local_addr().unwrap().port();
    let to = server.port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut gate, _)) = listener.accept().await {
            let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.unwrap();
            let mut bytes = [0; 4_096];
            // The start of a session, and the question whether the server takes writes.
            for _ in 0..2 {
                let length = gate.read(&mut bytes).await.unwrap();
                server.write_all(&bytes[..length]).await.unwrap();
                let length = server.read(&mut bytes).await.unwrap();
                gate.write_all(&bytes[..length]).await.unwrap();
            }
            kept.push((gate, server));
        }
    });
    let url = format!("postgres://otpgate@127.0.0.1:{port}/postgres");
    let store = PostgresStore::connect(&url).await.unwrap();
    let store = store.with_deadline(Duration::from_millis(100));
    let error = store.admit(&admission(1, NOON, Vec::new())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Indeterminate, "{error:?}");
}

/// A load balancer with nothing behind it takes the connection and never says a word.
#[tokio::test]
async fn a_server_that_never_speaks_is_given_up_at_start() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user("otpgate");
    config.connect_timeout(Duration::from_millis(100));
    let connected = PostgresStore::connect_with(config, tokio_postgres::NoTls, 1).await;
    let error = connected.unwrap_err();
    assert!(matches!(error, PostgresSetupError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

/// Calls of three processes on overlapping keys in every order, with the broom running: no deadlock,
/// no error, and every unit is accounted for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_calls_never_deadlock() {
    let Some(server) = postgres_server::start(&["deadlock_timeout=10ms"]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    for challenge in 0..5 {
        open(&store, challenge, NOON, 1_000_000).await;
    }
    let mut processes = vec![store.clone()];
    for _ in 0..2 {
        processes.push(PostgresStore::connect(&server.url()).await.unwrap());
    }
    let clients: Vec<_> = (0..24_u64)
        .zip(processes.iter().cycle())
        .map(|(client, store)| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut charged = 0;
                for turn in 0..60_u64 {
                    let number = client * 1_000 + turn;
                    let pick = |salt: u64| number.wrapping_mul(0x9e37_79b9) / (salt + 7) % 6;
                    let keys: Vec<_> = (0..4).map(|salt| meter(b'z', pick(salt))).collect();
                    if turn % 3 == 0 {
                        let mut call = redemption(number, pick(1) % 5, [0; 32], NOON);
                        call.charges =
                            keys.iter().map(|key| charge(*key, hourly(1 << 40))).collect();
                        let answer = store.redeem(&call).await.unwrap();
                        assert!(matches!(answer.verdict, Verdict::Mismatch { .. }));
                    } else {
                        let charges =
                            keys.iter().rev().map(|key| charge(*key, hourly(1 << 40))).collect();
                        let mut call = admission(9_000_000 + number, NOON, charges);
                        let key = meter(b'z', 100 + pick(9));
                        call.observe.push(Observation { key, span_ms: HOUR, units: 1 });
                        assert!(is_granted(&store.admit(&call).await.unwrap()));
                    }
                    charged += 4;
                    if turn % 16 == 0 {
                        store.remove_expired_at_danger(at(NOON), 100).await.unwrap();
                    }
                }
                charged
            })
        })
        .collect();
    let mut charged = 0;
    for client in clients {
        charged += client.await.unwrap();
    }
    let mut counted = 0;
    for number in 0..6 {
        counted += count(&store, meter(b'z', number), hourly(1 << 40), NOON).await.unwrap();
    }
    assert_eq!(counted, charged);
}

#[tokio::test]
async fn what_expired_is_removed_in_batches_and_nothing_else() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    for number in 0..25 {
        let charges = vec![charge(meter(b'e', number), hourly(5))];
        assert!(is_granted(&store.admit(&admission(number, NOON, charges)).await.unwrap()));
        open(&store, number, NOON, 5).await;
    }
    let lasting =
        vec![charge(meter(b'f', 0), otpgate::limit::Limit::Window { max: 5, span_ms: 24 * HOUR })];
    assert!(is_granted(&store.admit(&admission(99, NOON, lasting)).await.unwrap()));

    // Until the deadline and a minute after it, nothing goes.
    assert_eq!(
        store.remove_expired_at_danger(at(NOON + 600_000 + 59_999), 1_000).await.unwrap(),
        0
    );
    let later = at(NOON + 3 * HOUR);
    let mut rounds = Vec::new();
    loop {
        match store.remove_expired_at_danger(later, 10).await.unwrap() {
            0 => break,
            removed => rounds.push(removed),
        }
    }
    assert!(rounds.iter().all(|removed| *removed <= 40), "{rounds:?}");
    // 25 subjects, 25 challenges, 51 remembered admissions.
    assert_eq!(rounds.iter().sum::<u64>(), 101);
    let day = otpgate::limit::Limit::Window { max: 5, span_ms: 24 * HOUR };
    assert_eq!(count(&store, meter(b'f', 0), day, NOON + 3 * HOUR).await.unwrap(), 1);
    assert_eq!(count(&store, meter(b'e', 1), hourly(5), NOON + 3 * HOUR).await.unwrap(), 0);
}

/// Counters that were charged by right clocks, and whoever sweeps has a wrong one.
#[tokio::test]
async fn a_clock_that_leads_removes_nothing_that_is_live() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let now = SystemClock::new().now();
    let limit = Limit::Budget { max: 5, span_ms: 24 * HOUR };
    let checked = |number, cost| {
        let used_up = Charge { cost, ..charge(meter(b'k', 0), limit) };
        let mut call = admission(number, now.as_millis(), vec![used_up]);
        call.clock = ClockCheck::Within(DEFAULT_CLOCK_SKEW);
        call.nonces = vec![Nonce { key: name(b'k', 1), expires: now + Duration::from_secs(600) }];
        call
    };
    assert!(is_granted(&store.admit(&checked(1, 5)).await.unwrap()));
    for hours in [25, 32 * 24, 91 * 24] {
        let wrong = now + Duration::from_secs(hours * 3_600);
        assert_eq!(store.remove_expired(wrong, 1_000).await.unwrap(), 0, "{hours} hours ahead");
    }
    let spent = store.admit(&checked(2, 1)).await.unwrap();
    assert!(matches!(spent, Admitted::NonceSpent { .. }), "{spent:?}");
    let mut again = checked(3, 1);
    again.nonces.clear();
    let answer = store.admit(&again).await.unwrap();
    assert!(matches!(answer, Admitted::Exhausted { .. }), "{answer:?}");
    // What has expired by the server's clock goes, whoever asks.
    let past = admission(4, now.as_millis() - 3 * HOUR, vec![charge(meter(b'k', 2), hourly(5))]);
    assert!(is_granted(&store.admit(&past).await.unwrap()));
    let wrong = now + Duration::from_secs(90_000);
    assert_eq!(store.remove_expired(wrong, 1_000).await.unwrap(), 2, "a meter and its call");
}
