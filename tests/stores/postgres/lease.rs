//! The leased row: calls of one process on the same row share a transaction, and nothing else changes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use otpgate::Store;
use otpgate::store::postgres::Statements;
use otpgate::store::{Admission, Admitted, PostgresStore, StoreError, StoreErrorKind, Verdict};
use support::postgres_server::{self, PostgresServer};
use tokio_postgres::{Client, NoTls};

use super::calls::{
    NOON, admission, at, charge, code, count, hourly, is_granted, meter, open, redemption,
};

async fn ready() -> Option<(PostgresServer, PostgresStore, Client)> {
    let server = postgres_server::start(&[])?;
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    Some((server, store, client))
}

/// Sends of `numbers`, each with a row of its own and one that all share.
fn sends(numbers: std::ops::Range<u64>, max: u64) -> Vec<Admission> {
    let shared = charge(meter(b'b', 0), hourly(max));
    let own = |number| charge(meter(b'n', number), hourly(5));
    numbers.map(|number| admission(number, NOON, vec![own(number), shared])).collect()
}

async fn at_once(
    store: &PostgresStore,
    calls: Vec<Admission>,
) -> Vec<Result<Admitted, StoreError>> {
    let spawned: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let store = store.clone();
            tokio::spawn(async move { store.admit(&call).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in spawned {
        answers.push(call.await.unwrap());
    }
    answers
}

/// How many transactions the remembered admissions came in.
async fn transactions(client: &Client) -> u64 {
    let sql = "select count(distinct xmin::text) from otpgate.once";
    let counted: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    u64::try_from(counted).unwrap()
}

/// The shared row's count after each granted send: each number once, whoever was together.
fn shared_counts(answers: &[Result<Admitted, StoreError>]) -> BTreeSet<u64> {
    let counts = answers.iter().filter_map(|answer| match answer {
        Ok(Admitted::Granted { counts, .. }) => Some(counts[1]),
        _ => None,
    });
    counts.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_that_share_a_row_share_transactions() {
    let Some((_server, store, client)) = ready().await else { return };
    for (round, how) in (0..).zip([Statements::Unnamed, Statements::Named]) {
        let before = transactions(&client).await;
        let store = store.clone().with_statements(how);
        let answers = at_once(&store, sends(round * 1_000..round * 1_000 + 320, 1_000_000)).await;
        assert!(answers.iter().all(|answer| is_granted(answer.as_ref().unwrap())));
        let took = transactions(&client).await - before;
        println!("320 sends on one budget took {took} transactions");
        assert!(took <= 80, "{took} transactions for 320 sends at once");
        let first = round * 320;
        let expected: BTreeSet<u64> = (first + 1..=first + 320).collect();
        assert_eq!(shared_counts(&answers), expected, "as if they came one after the other");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_that_share_nothing_do_not_wait_for_each_other() {
    let Some((_server, store, client)) = ready().await else { return };
    // Somebody holds the shared row; only who needs it waits for it.
    let first = at_once(&store, sends(0..1, 1_000_000)).await;
    assert!(is_granted(first[0].as_ref().unwrap()));
    client.batch_execute("begin").await.unwrap();
    let sql = "select 1 from otpgate.subject for update";
    client.batch_execute(sql).await.unwrap();
    let free: Vec<Admission> = (100..140)
        .map(|number| admission(number, NOON, vec![charge(meter(b'f', number), hourly(5))]))
        .collect();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { at_once(&store, sends(1..2, 1_000_000)).await }
    });
    let answers = at_once(&store, free).await;
    assert!(answers.iter().all(|answer| is_granted(answer.as_ref().unwrap())));
    client.batch_execute("rollback").await.unwrap();
    waiting.await.unwrap();
    assert_eq!(transactions(&client).await, 42, "each its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_lease_one_row_grant_exactly_its_limit() {
    let Some((server, store, _)) = ready().await else { return };
    let other = PostgresStore::connect(&server.url()).await.unwrap();
    let (mine, theirs) =
        tokio::join!(at_once(&store, sends(0..200, 150)), at_once(&other, sends(200..400, 150)));
    let answers: Vec<_> = mine.into_iter().chain(theirs).collect();
    let granted = answers.iter().filter(|it| is_granted(it.as_ref().unwrap())).count();
    assert_eq!(granted, 150, "no unit is held back and none is given twice");
    assert_eq!(shared_counts(&answers), (1..=150).collect::<BTreeSet<u64>>());
    let mut own = 0;
    for number in 0..400 {
        own += count(&store, meter(b'n', number), hourly(5), NOON).await.unwrap();
    }
    assert_eq!(own, 150, "who was refused was charged nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_the_server_refuses_fails_alone() {
    let Some((_server, store, client)) = ready().await else { return };
    let poison = "create function refuse() returns trigger language plpgsql as $$ begin \
                  if new.until % 1000 = 77 then raise exception 'no'; end if; return new; end $$; \
                  create trigger refuse before insert on otpgate.once for each row \
                  execute function refuse()";
    client.batch_execute(poison).await.unwrap();
    let mut calls = sends(0..100, 1_000_000);
    for call in calls.iter_mut().skip(20).step_by(40) {
        call.remember = at(NOON + 600_077);
    }
    let answers = at_once(&store, calls).await;
    for (number, answer) in answers.iter().enumerate() {
        match answer {
            Ok(answer) => assert!(is_granted(answer) && number % 40 != 20, "{number}"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
                assert_eq!(number % 40, 20, "{error:?}");
            }
        }
    }
    let key = meter(b'b', 0);
    assert_eq!(count(&store, key, hourly(1_000_000), NOON).await.unwrap(), 98);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ends_under_a_lease_counts_nothing_twice() {
    let Some((_server, store, client)) = ready().await else { return };
    let cuts = AtomicU64::new(0);
    for round in 0..10_u64 {
        let calls = sends(round * 100..round * 100 + 100, 1_000_000);
        let first = at_once(&store, calls.clone());
        let cut = async {
            let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                          where pid <> pg_backend_pid() and backend_type = 'client backend' \
                          and state = 'active'";
            let ended: i64 = client.query_one(others, &[]).await.unwrap().get(0);
            cuts.fetch_add(u64::try_from(ended).unwrap(), Ordering::Relaxed);
        };
        let (first, ()) = tokio::join!(first, cut);
        let mut again = Vec::new();
        for (call, answer) in calls.into_iter().zip(first) {
            match answer {
                Ok(answer) => assert!(is_granted(&answer)),
                Err(error) => {
                    let kind = error.kind();
                    let closed =
                        matches!(kind, StoreErrorKind::Indeterminate | StoreErrorKind::Unavailable);
                    assert!(closed, "{error:?}");
                    again.push(call);
                }
            }
        }
        let repeated = at_once(&store, again).await;
        assert!(repeated.iter().all(|answer| is_granted(answer.as_ref().unwrap())));
        let counted = count(&store, meter(b'b', 0), hourly(1_000_000), NOON).await.unwrap();
        assert_eq!(counted, (round + 1) * 100);
    }
    println!("connections that were cut: {}", cuts.into_inner());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gives_up_waiting_leaves_the_others_their_answers() {
    let Some((_server, store, client)) = ready().await else { return };
    open(&store, 1, NOON, 1_000).await;
    client.batch_execute("begin; select 1 from otpgate.challenge for update").await.unwrap();
    let wrong: Vec<_> = (0..30)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store.redeem(&redemption(number, 1, code(99), NOON)).await.unwrap().verdict
            })
        })
        .collect();
    // Some are on their way and some wait; every third caller goes away.
    tokio::task::yield_now().await;
    wrong.iter().step_by(3).for_each(tokio::task::JoinHandle::abort);
    client.batch_execute("rollback").await.unwrap();
    for (number, call) in wrong.into_iter().enumerate() {
        match call.await {
            Ok(verdict) => assert!(matches!(verdict, Verdict::Mismatch { .. }), "{verdict:?}"),
            Err(gone) => assert!(gone.is_cancelled() && number % 3 == 0),
        }
    }
    let right = store.redeem(&redemption(99, 1, code(1), NOON)).await.unwrap();
    assert!(matches!(right.verdict, Verdict::Accepted { .. }));
}
