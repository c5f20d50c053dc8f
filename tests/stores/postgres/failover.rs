//! Fail-over of PostgreSQL: a hot standby is promoted under load, and the same gate goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::{Manager, Pool};
use otpgate::Store;
use otpgate::store::postgres::Statements;
use otpgate::store::{PostgresStore, StoreError, StoreErrorKind, Verdict};
use support::postgres_server::{self, PostgresServer};
use support::stable_address::StableAddress;
use tokio_postgres::{Config, NoTls};

use super::calls::{
    NOON, admission, at, charge, code, count, hourly, is_granted, meter, open, redemption,
};

/// A migrated primary, and a hot standby that each of its commits waits for.
async fn pair() -> Option<(Arc<PostgresServer>, Arc<PostgresServer>)> {
    let primary = Arc::new(postgres_server::start(&[])?);
    let store = PostgresStore::connect(&primary.url()).await.unwrap();
    store.migrate().await.unwrap();
    let standby = Arc::new(primary.standby());
    primary.execute("alter system set synchronous_standby_names = '*'");
    primary.execute("select pg_reload_conf()");
    Some((primary, standby))
}

fn url(port: u16) -> String {
    format!("postgres://otpgate@127.0.0.1:{port}/postgres")
}

/// A pool of the host's own, which does not look where it leads.
fn host_pool(url: &str, connections: usize) -> Pool {
    let config: Config = url.parse().unwrap();
    Pool::builder(Manager::new(config, NoTls)).max_size(connections).build().unwrap()
}

#[tokio::test]
async fn a_connection_that_leads_to_a_standby_is_given_up() {
    let Some((primary, standby)) = pair().await else { return };
    for statements in [Statements::Unnamed, Statements::Named] {
        let address = StableAddress::of(standby.port()).await;
        let pool = host_pool(&url(address.port()), 4);
        // Each of the four connections there are leads to the standby.
        let idle: Vec<_> = [pool.get().await, pool.get().await, pool.get().await, pool.get().await]
            .into_iter()
            .map(Result::unwrap)
            .collect();
        drop(idle);
        let store = PostgresStore::from_pool(pool).with_statements(statements);
        let error = store.admit(&admission(1, NOON, Vec::new())).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        // What a standby has to say may be old.
        let error = count(&store, meter(b'f', 0), hourly(9), NOON).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        address.leads_to(primary.port());
        let answer = store.admit(&admission(1, NOON, Vec::new())).await;
        assert!(is_granted(&answer.unwrap()), "the first call after the change is served");
    }
}

#[tokio::test]
async fn a_role_that_was_read_only_writes_again_once_it_may() {
    let Some(server) = postgres_server::start(&[]) else { return };
    PostgresStore::connect(&server.url()).await.unwrap().migrate().await.unwrap();
    server.execute("create role gate login superuser");
    server.execute("alter role gate set default_transaction_read_only = on");
    let url = format!("postgres://gate@127.0.0.1:{}/postgres", server.port());
    let store = PostgresStore::from_pool(host_pool(&url, 2));
    for number in 0..4 {
        let error = store.admit(&admission(number, NOON, Vec::new())).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
    // A role's settings are taken over when a session starts.
    server.execute("alter role gate reset default_transaction_read_only");
    assert!(is_granted(&store.admit(&admission(9, NOON, Vec::new())).await.unwrap()));

    server.execute("alter role gate set statement_timeout = '1ms'");
    let slow = PostgresStore::from_pool(host_pool(&url, 1));
    server.execute(
        "create function slow() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(0.05); return new; end $$; \
         create trigger slow before insert on otpgate.once for each row execute function slow()",
    );
    let error = slow.admit(&admission(10, NOON, Vec::new())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    server.execute("alter role gate reset statement_timeout");
    assert!(is_granted(&slow.admit(&admission(11, NOON, Vec::new())).await.unwrap()));
}

/// Charges one meter from eight tasks without a pause.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    unclear: Arc<AtomicU64>,
    /// The latest error, for whoever looks into a failure.
    last: Arc<Mutex<Option<StoreError>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn on(store: &PostgresStore) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged: Arc<AtomicU64> = Arc::default();
        let unclear: Arc<AtomicU64> = Arc::default();
        let last: Arc<Mutex<Option<StoreError>>> = Arc::default();
        let tasks = (0..8_u64).map(|task| {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            let (done, open) = (Arc::clone(&acknowledged), Arc::clone(&unclear));
            let last = Arc::clone(&last);
            tokio::spawn(async move {
                for turn in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let number = (1 << 40) + task * (1 << 32) + turn;
                    let call =
                        admission(number, NOON, vec![charge(meter(b'l', 0), hourly(1 << 40))]);
                    match store.admit(&call).await {
                        Ok(answer) => {
                            assert!(is_granted(&answer));
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            match error.kind() {
                                StoreErrorKind::Indeterminate => {
                                    open.fetch_add(1, Ordering::SeqCst);
                                }
                                kind => assert_eq!(kind, StoreErrorKind::Unavailable, "{error:?}"),
                            }
                            if let Ok(mut last) = last.lock() {
                                *last = Some(error);
                            }
                            // Another process is taking over; nothing of ours tells when. Without
                            // a pause, attempts to connect would use up the machine's ports.
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
            })
        });
        let tasks = tasks.collect();
        Self { stop, acknowledged, unclear, last, tasks }
    }

    /// Waits for so many more acknowledged calls.
    async fn goes_on(&self, more: u64) {
        let until = self.acknowledged.load(Ordering::SeqCst) + more;
        let arrived = async {
            while self.acknowledged.load(Ordering::SeqCst) < until {
                tokio::task::yield_now().await;
            }
        };
        let limit = Duration::from_secs(60);
        let served = tokio::time::timeout(limit, arrived).await.is_ok();
        assert!(served, "{:?} after {:?}", self.acknowledged, self.last.lock());
    }

    /// What was acknowledged, and how many calls may have taken effect beyond.
    async fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        (self.acknowledged.load(Ordering::SeqCst), self.unclear.load(Ordering::SeqCst))
    }
}

/// The primary dies under load and its standby takes over. Nothing acknowledged is lost, no code
/// that was used is good again, and the store that was there before goes on by itself.
async fn fail_over<S>(
    url: &str,
    primary: Arc<PostgresServer>,
    standby: Arc<PostgresServer>,
    lead: S,
) where
    S: FnOnce(&PostgresServer, &PostgresServer) + Send + 'static,
{
    let store = PostgresStore::connect(url).await.unwrap();
    store.ready().await.unwrap();
    for challenge in [1, 2] {
        open(&store, challenge, NOON, 5).await;
    }
    let accepted = Verdict::Accepted { attempts: 1, opened: at(NOON) };
    let first = store.redeem(&redemption(1, 1, code(1), NOON)).await.unwrap().verdict;
    assert_eq!(first, accepted);
    let load = Load::on(&store);
    load.goes_on(300).await;
    // On a thread of its own: the load goes on meanwhile.
    let _servers = tokio::task::spawn_blocking(move || {
        primary.kill();
        lead(&primary, &standby);
        (primary, standby)
    })
    .await
    .unwrap();
    load.goes_on(300).await;
    let (acknowledged, unclear) = load.end().await;
    let counted = count(&store, meter(b'l', 0), hourly(1 << 40), NOON).await.unwrap();
    assert!(counted >= acknowledged, "{acknowledged} acknowledged and {counted} kept");
    assert!(counted <= acknowledged + unclear, "{counted} of {acknowledged} + {unclear}");
    let again = store.redeem(&redemption(2, 1, code(1), NOON)).await.unwrap().verdict;
    assert_eq!(again, Verdict::Consumed);
    let other = store.redeem(&redemption(3, 2, code(2), NOON)).await.unwrap().verdict;
    assert_eq!(other, accepted, "a code in flight stays good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_promoted_under_load_behind_one_address() {
    let Some((primary, standby)) = pair().await else { return };
    let address = StableAddress::of(primary.port()).await;
    let to = url(address.port());
    fail_over(&to, primary, standby, move |_, standby| {
        // The address moves first: for a while it leads to a server that only reads.
        address.leads_to(standby.port());
        standby.promote();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_promoted_under_load_with_both_hosts_in_the_url() {
    let Some((primary, standby)) = pair().await else { return };
    // The standby stands in front: the store has to look for the one that takes writes.
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port(), primary.port());
    let to = format!("postgres://otpgate@{hosts}/postgres?target_session_attrs=read-write");
    fail_over(&to, primary, standby, |_, standby| standby.promote()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_promoted_under_load_behind_pgbouncer() {
    let Some((primary, standby)) = pair().await else { return };
    let Some(to) = primary.bouncer() else { return };
    let bouncer = to.clone();
    fail_over(&to, primary, standby, move |primary, standby| {
        primary.repoint_bouncer(&bouncer, standby);
        standby.promote();
    })
    .await;
}

/// Tried: what is taken away behind a PgBouncer, whose connections outlive the store's own. It is served
/// again once it was given back; a setting of the role reaches the pooler's connections with `RECONNECT`, or
/// when they are ended.
#[tokio::test]
async fn what_is_taken_away_behind_pgbouncer_is_an_outage_until_it_is_given_back() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let Some(to) = server.bouncer() else { return };
    let store = PostgresStore::connect(&to).await.unwrap();
    store.migrate().await.unwrap();
    let ends = "select pg_terminate_backend(pid) from pg_stat_activity \
                where pid <> pg_backend_pid() and backend_type = 'client backend'";
    let (mut number, mut granted) = (0, 0);
    let mut call = async || {
        number += 1;
        let charges =
            vec![charge(meter(b'b', 1), hourly(99)), charge(meter(b'c', number), hourly(99))];
        let answer = store.admit(&admission(number, NOON, charges)).await;
        granted += u64::from(answer.as_ref().is_ok_and(is_granted));
        answer
    };
    let read_only = "alter role otpgate set default_transaction_read_only = on";
    let again = "begin read write; alter role otpgate reset default_transaction_read_only; commit";
    for (taken, reconnects, given) in [
        ("alter schema otpgate rename to away", false, "alter schema away rename to otpgate"),
        (read_only, true, again),
    ] {
        assert!(is_granted(&call().await.unwrap()), "before: {taken}");
        server.execute(taken);
        if reconnects {
            server.execute(ends);
        }
        for _ in 0..4 {
            assert!(call().await.is_err(), "{taken}");
        }
        server.execute(given);
        if reconnects {
            server.execute(ends);
        }
        // The pooler may hand out one of those that were ended.
        let mut errors = Vec::new();
        while let Err(error) = call().await {
            errors.push(error);
            assert!(errors.len() <= 4, "after {given}: {errors:?}");
        }
    }
    let total = count(&store, meter(b'b', 1), hourly(99), NOON).await.unwrap();
    assert_eq!(total, granted, "what was answered with an error is not counted");
}
