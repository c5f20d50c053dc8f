//! Two gates share a PostgreSQL database, as two processes of a host do.
//!
//! ```text
//! cargo run --features postgres,testing --example postgres -- postgres://me@127.0.0.1/codes
//! cargo run --features postgres,testing --example postgres -- --sql
//! ```
//!
//! `--sql` prints the migrations, for a host that applies them with its own tool. Without an
//! argument it starts a server of its own, and also shows an outage. Exits 0 only if every outcome
//! is the one that was expected.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)] // a program

mod shared_store;

use std::process::ExitCode;

use otpgate::store::PostgresStore;
use otpgate::{Clock, SystemClock};

use support::postgres_server;

use shared_store::{Outcome, Pair};

/// How many rows of each kind one sweep removes at most.
const BATCH: u32 = 1_000;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("--sql") => {
            for migration in PostgresStore::migrations() {
                println!("-- {:04}_{}\n{}", migration.version, migration.name, migration.sql);
            }
            Ok(())
        }
        Some(url) => on_the_hosts_server(url).await,
        None => on_a_server_of_its_own().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn on_the_hosts_server(url: &str) -> Outcome<()> {
    // An address where nobody answers, or settings that lose commits, end here, with the address,
    // the cause and what to do.
    let [one, two] = [PostgresStore::connect(url).await?, PostgresStore::connect(url).await?];
    one.migrate().await?;
    Pair::new([one.clone(), two])?.play().await?;
    sweep(&one).await
}

async fn on_a_server_of_its_own() -> Outcome<()> {
    let server = postgres_server::start(&[]).ok_or("PostgreSQL is not installed")?;
    let url = server.url();
    let [one, two] = [PostgresStore::connect(&url).await?, PostgresStore::connect(&url).await?];
    one.migrate().await?;
    println!("the schema is at version {}", PostgresStore::migrations().len());
    let pair = Pair::new([one.clone(), two])?;
    pair.play().await?;
    pair.outage(async || server.kill(), async || server.restart()).await?;
    sweep(&one).await
}

/// What the host schedules every minute from one place.
async fn sweep(store: &PostgresStore) -> Outcome<()> {
    let now = SystemClock::new().now();
    let mut removed = 0;
    loop {
        let batch = store.remove_expired(now, BATCH).await?;
        removed += batch;
        if batch < u64::from(BATCH) {
            println!("{removed} expired rows were removed");
            return Ok(());
        }
    }
}
