//! The look at start: what would fail or lose something later is refused, with cause and cure.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::{Manager, Pool};
use otpgate::Store;
use otpgate::store::postgres::PostgresSetupError;
use otpgate::store::{PostgresStore, StoreErrorKind};
use support::postgres_server::{self, PostgresServer};
use tokio_postgres::{Config, NoTls};

use super::calls::{NOON, admission, charge, count, hourly, is_granted, meter, open};
use super::faults::Wire;

/// A pool of the host's own, which does not look where it leads.
fn host_pool(server: &PostgresServer, role: &str) -> PostgresStore {
    let url = format!("postgres://{role}@127.0.0.1:{}/postgres", server.port());
    let config: Config = url.parse().unwrap();
    PostgresStore::from_pool(Pool::builder(Manager::new(config, NoTls)).build().unwrap())
}

/// The refusal of both, which must be the same.
async fn refused(store: &PostgresStore) -> PostgresSetupError {
    let ready = store.ready().await.unwrap_err();
    let migrate = store.migrate().await.unwrap_err();
    assert_eq!(ready.to_string(), migrate.to_string());
    ready
}

#[tokio::test]
async fn a_hot_standby_is_refused() {
    let Some(primary) = postgres_server::start(&[]) else { return };
    PostgresStore::connect(&primary.url()).await.unwrap().migrate().await.unwrap();
    let standby = primary.standby();
    let error = PostgresStore::connect(&standby.url()).await.unwrap_err();
    assert!(matches!(error, PostgresSetupError::OnlyReads { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", standby.port())), "{error}");
    assert!(error.to_string().contains("connect to the primary"), "{error}");
    let error = refused(&host_pool(&standby, "otpgate")).await;
    assert!(matches!(error, PostgresSetupError::Standby), "{error:?}");
    standby.promote();
    PostgresStore::connect(&standby.url()).await.unwrap().ready().await.unwrap();
}

#[tokio::test]
async fn a_role_that_only_reads_is_refused() {
    let Some(server) = postgres_server::start(&[]) else { return };
    PostgresStore::connect(&server.url()).await.unwrap().migrate().await.unwrap();
    server.execute("create role gate login superuser");
    server.execute("alter role gate set default_transaction_read_only = on");
    let store = host_pool(&server, "gate");
    let error = refused(&store).await;
    assert!(matches!(&error, PostgresSetupError::ReadOnly { role } if role == "gate"), "{error:?}");
    server.execute("alter role gate reset default_transaction_read_only");
    store.ready().await.unwrap();
}

#[tokio::test]
async fn a_level_of_commit_that_a_fail_over_would_lose_is_refused() {
    let Some(server) = postgres_server::start(&["synchronous_commit=local"]) else { return };
    // Without a standby it promises what is promised.
    PostgresStore::connect(&server.url()).await.unwrap().migrate().await.unwrap();
    let settings = ["synchronous_commit=local", "synchronous_standby_names=b"];
    let Some(server) = postgres_server::start(&settings) else { return };
    let error = refused(&PostgresStore::connect(&server.url()).await.unwrap()).await;
    let lossy = "synchronous_commit";
    assert!(
        matches!(&error, PostgresSetupError::LosesState { setting, .. } if *setting == lossy),
        "{error:?}"
    );
}

#[tokio::test]
async fn each_right_that_is_missing_is_named() {
    let Some(server) = postgres_server::start(&[]) else { return };
    server.execute("create role gate login");
    let store = host_pool(&server, "gate");
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, PostgresSetupError::MayNotMigrate { found: 0, .. }), "{error:?}");
    PostgresStore::connect(&server.url()).await.unwrap().migrate().await.unwrap();
    let through_the_port = otpgate::Store::ready(&store).await.unwrap_err();
    assert_eq!(through_the_port.kind(), otpgate::store::StoreErrorKind::Corrupt);
    let error = store.ready().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PostgresSetupError::Forbidden { .. }), "{error:?}");
    assert!(format!("{through_the_port:?}").contains(&text), "{through_the_port:?}");
    assert!(text.contains("usage on schema otpgate") && text.contains("grant usage"), "{text}");

    let page = include_str!("../../../src/store/postgres/mod.rs");
    let grants: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("//! grant ")).collect();
    assert_eq!(grants.len(), 3);
    grants.iter().for_each(|grant| server.execute(&format!("grant {grant}")));
    store.ready().await.unwrap();
    store.migrate().await.unwrap();
    assert!(is_granted(&store.admit(&admission(1, NOON, Vec::new())).await.unwrap()));
    open(&store, 1, NOON, 5).await;

    for (right, what) in [
        ("insert on table otpgate.subject", "insert on table otpgate.subject"),
        ("update on table otpgate.challenge", "update on table otpgate.challenge"),
        ("delete on table otpgate.once", "delete on table otpgate.once"),
        ("select on table otpgate.migration", "select on table otpgate.migration"),
        ("execute on function otpgate.lock_v1", "execute on function otpgate.lock_v1"),
    ] {
        server.execute(&format!("revoke {right} from gate, public"));
        let error = store.ready().await.unwrap_err();
        let PostgresSetupError::Forbidden { role, missing } = &error else { panic!("{error:?}") };
        assert_eq!((role.as_str(), missing.as_str()), ("gate", what));
        server.execute(&format!("grant {right} to gate"));
        store.ready().await.unwrap();
    }
    server.execute("alter table otpgate.entry enable row level security");
    let text = store.ready().await.unwrap_err().to_string();
    assert!(text.contains("otpgate.entry"), "{text}");
}

/// Tried: what can be taken away from a store that runs. Each time the call is an outage and changes nothing,
/// and the first call after it was given back is served, without a restart.
#[tokio::test]
async fn what_is_taken_away_while_it_runs_is_an_outage_until_it_is_given_back() {
    let Some(server) = postgres_server::start(&[]) else { return };
    PostgresStore::connect(&server.url()).await.unwrap().migrate().await.unwrap();
    server.execute("create role gate login");
    let page = include_str!("../../../src/store/postgres/mod.rs");
    let grants = page.lines().filter_map(|line| line.strip_prefix("//! grant "));
    grants.for_each(|grant| server.execute(&format!("grant {grant}")));
    let store = host_pool(&server, "gate");
    let key = meter(b't', 1);
    let mut granted = 0;
    let mut next = 0;
    let mut call = async |store: &PostgresStore| {
        next += 1;
        let (other, each) = (meter(b'u', next), hourly(99));
        let charges = vec![charge(key, each), charge(other, each)];
        let answer = store.admit(&admission(next, NOON, charges)).await;
        granted += u64::from(answer.as_ref().is_ok_and(is_granted));
        answer
    };
    use StoreErrorKind::{Corrupt, Indeterminate, Unavailable};
    let ends = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gate'";
    for (taken, reconnects, given) in [
        (
            "revoke insert on otpgate.subject from gate",
            false,
            "grant insert on otpgate.subject to gate",
        ),
        (
            "revoke usage on schema otpgate from gate",
            false,
            "grant usage on schema otpgate to gate",
        ),
        ("alter schema otpgate rename to away", false, "alter schema away rename to otpgate"),
        (
            "alter role gate set default_transaction_read_only = on",
            true,
            "alter role gate reset default_transaction_read_only",
        ),
        ("alter role gate nologin", true, "alter role gate login"),
        ("alter role gate connection limit 0", true, "alter role gate connection limit -1"),
    ] {
        assert!(is_granted(&call(&store).await.unwrap()), "before: {taken}");
        server.execute(taken);
        if reconnects {
            server.execute(ends);
        }
        for again in 0..3 {
            let error = call(&store).await.unwrap_err();
            // Missing rights are told with their cure; a connection that dies under a call says nothing.
            let expected = match (reconnects, again) {
                (false, _) => Corrupt,
                (true, 0) => Indeterminate,
                (true, _) => Unavailable,
            };
            assert_eq!(error.kind(), expected, "{taken}: {error:?}");
        }
        server.execute(given);
        let answer = call(&store).await;
        assert!(answer.as_ref().is_ok_and(is_granted), "after {given}: {answer:?}");
    }
    // What changes nothing for statements that name everything they use.
    server.execute("alter role gate set search_path = nowhere");
    server.execute(ends);
    let mut served = 0;
    for _ in 0..2 {
        served += u64::from(call(&store).await.is_ok());
    }
    assert!(served > 0, "a search path is nothing to it");
    let total = count(&store, key, hourly(99), NOON).await.unwrap();
    assert_eq!(total, granted, "what was answered with an error is not counted");
}

#[tokio::test]
async fn what_no_catalogue_tells_is_found_by_writing() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    server.execute(
        "create function no() returns trigger language plpgsql as \
         $$ begin raise exception 'not today'; end $$; \
         create trigger no before insert on otpgate.once for each row execute function no()",
    );
    let error = refused(&store).await;
    assert!(error.to_string().contains("not today"), "{error}");
    server.execute("drop trigger no on otpgate.once");
    store.ready().await.unwrap();
    assert!(is_granted(&store.admit(&admission(1, NOON, Vec::new())).await.unwrap()));
}

#[tokio::test]
async fn no_encoding_is_in_the_way() {
    let Some(server) = postgres_server::start(&[]) else { return };
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let name = encoding.to_lowercase();
        server.execute(&format!("create database {name} encoding '{encoding}' template template0"));
        let url = format!("postgres://otpgate@127.0.0.1:{}/{name}", server.port());
        let store = PostgresStore::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        otpgate::testing::store::equivalence(|| async { store.clone() }, 5, 60).await.assert();
    }
}

/// Passwords with a character that means something in a URL, none of them escaped.
#[tokio::test]
async fn no_error_repeats_a_piece_of_a_password() {
    let port = postgres_server::free_port();
    for nasty in [
        "Xk@9qRvZ",
        "Xk#9qRvZ",
        "Xk/9qRvZ",
        "Xk?9qRvZ",
        "Xk:9qRvZ",
        "Xk%9qRvZ",
        "Xk&9qRvZ",
        "Xk=9qRvZ",
        "Xk@9q@RvZ",
        "Xk@9q/RvZ",
        "Xk@9q?RvZ=1",
        "Xk[9qRvZ",
        "Xk]@9qRvZ",
        "Xk 9qRvZ",
        "Xk\\9qRvZ",
        "Xk'9qRvZ",
        "@Xk9qRvZ",
        "Xk9qRvZ@",
        "Xk@9qRvZ:77",
        "Xk,9q@RvZ",
        "Xk%409qRvZ",
    ] {
        for url in [
            format!("postgres://gate:{nasty}@127.0.0.1:{port}/codes"),
            format!("postgresql://gate:{nasty}@127.0.0.1:{port}/codes?connect_timeout=2"),
            format!("postgres://{nasty}@127.0.0.1:{port}"),
            format!("host=127.0.0.1 port={port} user=gate password={nasty} connect_timeout=2"),
            format!("host=127.0.0.1 port={port} password={nasty} {nasty}=1 user=gate"),
        ] {
            let error = PostgresStore::connect(&url).await.unwrap_err();
            let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{error:#?}")];
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                texts.extend([error.to_string(), format!("{error:?}")]);
                source = error.source();
            }
            for piece in ["Xk", "9q", "RvZ"] {
                assert!(texts.iter().all(|text| !text.contains(piece)), "{url}: {texts:?}");
            }
        }
    }
}

/// A server that takes everything and says nothing must not hold a start up for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_given_up() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let wire = Arc::new(Wire::default());
    let store = PostgresStore::connect(&wire.between(&server).await).await.unwrap();
    store.migrate().await.unwrap();
    let deadline = Duration::from_millis(100);
    let store = store.with_deadline(deadline);
    wire.silent.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let looks = async { (store.ready().await, store.migrate().await) };
        let looked = tokio::time::timeout(Duration::from_secs(20), looks).await;
        let (ready, migrated) = looked.expect("both give up");
        for error in [ready.unwrap_err(), migrated.unwrap_err()] {
            assert!(
                matches!(error, PostgresSetupError::Silent { within } if within == deadline),
                "{error:?}"
            );
        }
    }
    let through_the_port = otpgate::Store::ready(&store).await.unwrap_err();
    assert_eq!(through_the_port.kind(), StoreErrorKind::Unavailable);
    wire.silent.store(false, Ordering::SeqCst);
    store.with_deadline(Duration::from_secs(60)).ready().await.unwrap();
}

/// Whose functions are those of an older text, as they were before the second migration.
#[tokio::test]
async fn a_database_with_older_functions_is_refused_and_migrated() {
    let Some(server) = postgres_server::start(&[]) else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    server.execute("delete from otpgate.migration where version > 1");
    server.execute(
        "do $do$ declare f regprocedure; begin \
           for f in select oid::regprocedure from pg_proc \
             where pronamespace = 'otpgate'::regnamespace and proname like 'admit%' loop \
             execute 'drop function ' || f; \
           end loop; \
         end $do$; \
         create function otpgate.admit_v1(p_now bigint) returns bigint language sql as 'select 1'",
    );
    let error = store.ready().await.unwrap_err();
    assert!(matches!(error, PostgresSetupError::NotMigrated { found: 1, needed: 2 }), "{error:?}");
    store.migrate().await.unwrap();
    assert!(is_granted(&store.admit(&admission(2, NOON, Vec::new())).await.unwrap()));
}
