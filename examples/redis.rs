//! Two gates share a Redis server, as two processes of a host do.
//!
//! ```text
//! cargo run --features redis,testing --example redis -- redis://127.0.0.1:6379/0
//! ```
//!
//! Without an address it starts a `redis-server` of its own, and also shows an outage. Exits 0 only
//! if every outcome is the one that was expected.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)] // a program

mod shared_store;

use std::cell::RefCell;
use std::process::ExitCode;

use otpgate::store::RedisStore;

use shared_store::{Outcome, Pair};
use support::redis_server::{self, RedisServer};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1) {
        Some(url) => on_the_hosts_server(&url).await,
        None if redis_server::available() => on_a_server_of_its_own().await,
        None => return ExitCode::FAILURE,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redis: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn on_the_hosts_server(url: &str) -> Outcome<()> {
    // An address where nobody answers, a server that may evict keys, or a replica ends here, with
    // the address, the cause and what to do.
    pair(url).await?.play().await
}

async fn on_a_server_of_its_own() -> Outcome<()> {
    // A host's server keeps its data the same way: docs/stores.md.
    let server = RefCell::new(RedisServer::start(&["--appendonly", "yes"]));
    let url = server.borrow().url();
    let pair = pair(&url).await?;
    pair.play().await?;
    pair.outage(async || server.borrow_mut().kill(), async || server.borrow_mut().start_again())
        .await
}

async fn pair(url: &str) -> Outcome<Pair> {
    Pair::new([RedisStore::connect(url).await?, RedisStore::connect(url).await?])
}
