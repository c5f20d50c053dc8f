//! The look at start, and fail-over: what a Redis server must be and must permit, and that the store
//! leaves a server that is no longer the right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use otpgate::Store;
use otpgate::store::{Admitted, RedisSetupError, RedisStore, StoreErrorKind};
use support::needs_redis;
use support::redis_server::{self, RedisServer};
use support::stable_address::StableAddress;

use super::calls::{Sent, T0, charging, empty, meter, name, window};

/// The rules of the user that the page on stores lists.
fn listed_rules() -> Vec<String> {
    let page = include_str!("../../../docs/stores.md");
    let line = page.lines().find_map(|line| line.trim().strip_prefix("ACL SETUSER gate "));
    line.expect("the page lists the ACL").split(' ').map(str::to_owned).collect()
}

fn set_user(server: &RedisServer, rules: &[String]) {
    let words = ["ACL", "SETUSER", "gate"].into_iter().chain(rules.iter().map(String::as_str));
    let answer = server.say(&words.collect::<Vec<_>>());
    assert!(answer.eq_ignore_ascii_case("ok"), "{answer}: {rules:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listed_acl_is_enough_and_nothing_in_it_is_too_much() {
    needs_redis!();
    let server = RedisServer::start(&[]);
    let rules = listed_rules();
    set_user(&server, &rules);
    // A database other than 0 needs SELECT.
    let url = format!("redis://gate:PASSWORD@127.0.0.1:{}/3", server.port());
    let make = || async { RedisStore::connect_with(&url, super::calls::patient()).await.unwrap() };
    otpgate::testing::store::Suite::new().run(make).await.assert();
    let log = server.say(&["ACL", "LOG"]);
    assert!(!log.contains("reason"), "nothing was denied on the way: {log}");

    let commands = rules.iter().filter_map(|rule| rule.strip_prefix('+'));
    let mut looked_at = 0;
    for command in commands.filter(|command| *command != "cluster|slots") {
        set_user(&server, &["reset".to_owned()]);
        let rules: Vec<_> = rules.iter().filter(|rule| rule[1..] != *command).cloned().collect();
        set_user(&server, &rules);
        let error = RedisStore::connect(&url).await.unwrap_err();
        let text = error.to_string();
        if command == "select" {
            assert!(matches!(error, RedisSetupError::Unreachable { .. }), "{error:?}");
        } else {
            assert!(matches!(error, RedisSetupError::Forbidden { .. }), "{command}: {error:?}");
            let named = command.replace('|', " ").to_uppercase();
            assert!(text.contains(&named) && text.contains("ACL SETUSER"), "{command}: {text}");
        }
        looked_at += 1;
    }
    assert_eq!(looked_at, 15);
    set_user(&server, &["reset".to_owned()]);
    let mut elsewhere = rules.clone();
    for rule in &mut elsewhere {
        if rule.starts_with('~') {
            *rule = "~other:*".to_owned();
        }
    }
    set_user(&server, &elsewhere);
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(matches!(error, RedisSetupError::Forbidden { .. }), "{error:?}");
}

/// Passwords with a character that means something in a URL, none of them escaped.
#[tokio::test]
async fn no_error_repeats_a_piece_of_a_password() {
    let port = redis_server::free_port();
    for nasty in [
        "Xk@9qRvZ",
        "Xk#9qRvZ",
        "Xk/9qRvZ",
        "Xk?9qRvZ",
        "Xk:9qRvZ",
        "Xk%9qRvZ",
        "Xk&9qRvZ",
        "Xk@9q@RvZ",
        "Xk@9q/RvZ",
        "Xk@9q#RvZ",
        "Xk[9qRvZ",
        "Xk]@9qRvZ",
        "Xk 9qRvZ",
        "Xk\\9qRvZ",
        "@Xk9qRvZ",
        "Xk9qRvZ@",
        "Xk9qRvZ#",
        "12#9qRvZ",
        "12/9qRvZ",
        "12?protocol=9qRvZ",
        "12@9q/RvZ",
        "12?unix:9qRvZ",
        "unix:9q/RvZ",
    ] {
        for url in [
            format!("redis://gate:{nasty}@127.0.0.1:{port}"),
            format!("redis://Xk{nasty}@127.0.0.1:{port}/0"),
            format!("redis://:{nasty}@127.0.0.1:{port}/0?protocol=resp3"),
            format!("rediss://Xk9q:{nasty}@127.0.0.1:{port}"),
        ] {
            let error = RedisStore::connect(&url).await.unwrap_err();
            let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{error:#?}")];
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                texts.extend([error.to_string(), format!("{error:?}")]);
                source = error.source();
            }
            for piece in ["Xk", "xk", "9q", "RvZ", "rvz"] {
                assert!(texts.iter().all(|text| !text.contains(piece)), "{url}: {texts:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_repeats_what_it_does_not_know_is_not_quoted() {
    needs_redis!();
    let server = RedisServer::start(&["--rename-command", "AUTH", ""]);
    let url = format!("redis://gate:Xk9qRvZ@127.0.0.1:{}", server.port());
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("Xk9qRvZ"), "{error:?}");
}

#[tokio::test]
async fn a_primary_that_lost_its_replica_is_left_for_where_the_address_leads() {
    needs_redis!();
    let (old, new) = (RedisServer::start(&[]), RedisServer::start(&[]));
    let address = StableAddress::of(old.port()).await;
    let url = format!("redis://127.0.0.1:{}", address.port());
    let store = RedisStore::connect_with(&url, super::calls::patient()).await.unwrap();
    assert!(store.admit(&empty(name(), T0)).await.is_ok());
    old.say(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    address.leads_to(new.port());
    let error = store.admit(&empty(name(), T0)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert!(matches!(store.admit(&empty(name(), T0)).await, Ok(Admitted::Granted { .. })));
}

/// A replica is promoted under load, by hand (`sentinel` none) or by a Sentinel, and the address
/// follows. The store goes on, in a new epoch.
async fn promoted_under_load(by_sentinel: bool) {
    let primary = RedisServer::start(&[]);
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    support::until("the replica follows", || {
        replica.say(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let sentinel = by_sentinel.then(|| RedisServer::sentinel(primary.port()));
    let address = StableAddress::of(primary.port()).await;
    let url = format!("redis://127.0.0.1:{}", address.port());
    let store = Arc::new(RedisStore::connect_with(&url, super::calls::patient()).await.unwrap());
    let (realm, key, before) = (name(), meter(), Sent::new());
    before.send(&*store, realm, T0).await;
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, stop, served) =
                (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&served));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    match store.admit(&charging(realm, T0, key, window(u64::MAX))).await {
                        Ok(_) => drop(served.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => {
                            let kind = error.kind();
                            let closed = matches!(
                                kind,
                                StoreErrorKind::Unavailable | StoreErrorKind::Indeterminate
                            );
                            assert!(closed, "{error:?}");
                            // Another process is taking over; nothing of ours tells when.
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
            })
        })
        .collect();
    let goes_on = |more: u64| {
        let served = Arc::clone(&served);
        async move {
            let until = served.load(Ordering::SeqCst) + more;
            let arrived = async {
                while served.load(Ordering::SeqCst) < until {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), arrived).await.expect("calls are served");
        }
    };
    goes_on(500).await;
    let (mut primary, mut replica, sentinel, address) = tokio::task::spawn_blocking(move || {
        let mut primary = primary;
        match &sentinel {
            // Its connections stay: the old primary becomes a replica under them.
            None => {
                replica.say(&["REPLICAOF", "NO", "ONE"]);
                address.leads_to(replica.port());
                primary.say(&["REPLICAOF", "127.0.0.1", &replica.port().to_string()]);
            }
            Some(sentinel) => {
                primary.kill();
                sentinel.promotes(&replica);
                address.leads_to(replica.port());
            }
        }
        (primary, replica, sentinel, address)
    })
    .await
    .unwrap();
    goes_on(500).await;
    let between = Sent::new();
    if let Some(sentinel) = sentinel {
        // And back, in the same run: a connection, an epoch and a script cache of before the first time
        // are of no use.
        between.send(&*store, realm, T0).await;
        (primary, replica) = tokio::task::spawn_blocking(move || {
            primary.start_again();
            // The Sentinel would say it some seconds later.
            primary.say(&["REPLICAOF", "127.0.0.1", &replica.port().to_string()]);
            support::until("the old primary follows the new one", || {
                primary.say(&["INFO", "replication"]).contains("master_link_status:up")
                    && replica.say(&["INFO", "replication"]).contains("state=online")
            });
            replica.kill();
            sentinel.promotes(&primary);
            address.leads_to(primary.port());
            (primary, replica)
        })
        .await
        .unwrap();
        goes_on(500).await;
        let verdict = between.redeem(&*store, realm, T0).await.unwrap();
        assert_eq!(verdict, otpgate::store::Verdict::Unknown, "nor codes of the second server");
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    let verdict = before.redeem(&*store, realm, T0).await.unwrap();
    assert_eq!(verdict, otpgate::store::Verdict::Unknown, "codes of the old server are void");
    primary.kill();
    drop(replica);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_promoted_under_load_by_hand() {
    needs_redis!();
    promoted_under_load(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_promoted_under_load_by_a_sentinel_and_back_again() {
    needs_redis!();
    promoted_under_load(true).await;
}
