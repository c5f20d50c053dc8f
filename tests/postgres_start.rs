//! The look at start: what would fail or lose something later is refused, with cause and cure.

#![cfg(all(feature = "postgres", feature = "testing"))]

#[path = "support/postgres_calls.rs"]
mod calls;
#[path = "support/postgres_server.rs"]
mod postgres_server;

use deadpool_postgres::{Manager, Pool};
use otpgate::Store;
use otpgate::store::PostgresStore;
use otpgate::store::postgres::PostgresSetupError;
use tokio_postgres::{Config, NoTls};

use calls::{NOON, admission, is_granted, open};
use postgres_server::PostgresServer;

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
    let error = store.ready().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PostgresSetupError::Forbidden { .. }), "{error:?}");
    assert!(text.contains("usage on schema otpgate") && text.contains("grant usage"), "{text}");

    let page = include_str!("../src/store/postgres/mod.rs");
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
