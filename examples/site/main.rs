//! A shop on one's own machine: sign-up, a payment that is confirmed by code, a phone on the desk that shows
//! the texts, and the console of whoever is on call.
//!
//! ```text
//! cargo run --example site --features site                       http://localhost:8080
//! cargo run --example site --features site -- --store shop.redb  what was counted survives a restart
//! cargo run --example site --features site -- --attack           a bot pumps texts; watch /ops stop it
//! cargo run --example site --features site -- --check            goes through it all by itself, and ends
//! ```
//!
//! With `--store` the keys must survive as well: set `OTPGATE_PEPPER` to 43 characters of base64url.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program
#![allow(unreachable_pub, reason = "modules of one program")]

mod bot;
mod desk;
mod doorman;
mod pages;
mod shop;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use otpgate::message::MessageFormat;
use otpgate::store::{MemoryStore, RedbStore};
use otpgate::web::console::{Console, ConsoleFeed};
use otpgate::web::page::PageContext;
use otpgate::web::{Config, Endpoints};
use otpgate::{Gate, KeyRing, Money, Policy, Purpose, Realm, Region};
use tokio::net::TcpListener;

use desk::Desk;
use doorman::Doorman;
use shop::{OnCall, Shop};

/// What a step of the program comes to.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("site: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let store = arguments.iter().skip_while(|argument| *argument != "--store").nth(1);
    let (check, attack) = (has("--check"), has("--attack"));
    let port = if check { 0 } else { 8_080 };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let origin = format!("http://localhost:{}", address.port());

    let keys = keys()?;
    let (desk, feed) = (Desk::default(), ConsoleFeed::of(&Realm::default()));
    let gate = gate(&keys, &desk, &feed, store.map(String::as_str), check)?;
    let shop = Shop::default();
    let mut pages = PageContext::new("Otter & Sons", "/otp");
    pages.scripts.push("/doorman.js".to_owned());
    let config = Config::builder(&origin, shop.clone())
        .purposes([Purpose::SIGN_UP, Purpose::PAYMENT])
        .default_region(Region::DE)
        .pages(pages)
        .build()?;
    let endpoints = Endpoints::new(gate.clone(), config);
    let operators = OnCall::new()?;
    let password = operators.password().to_owned();
    let console = Console::at(gate, feed, operators.clone(), &keys, &origin, "/ops")?;
    watch(console.clone());

    let app = Router::new()
        .merge(pages::router(shop, desk.clone(), operators, endpoints.clone()))
        .merge(endpoints.into_router())
        .merge(otpgate::web::console::router(console));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    println!("the shop      {origin}/\nthe console   {origin}/ops   (password: {password})");
    if check {
        return pages::visit(address, &origin, &desk, &password).await;
    }
    if attack {
        tokio::spawn(async move {
            if let Err(error) = bot::attack(address, origin, desk).await {
                eprintln!("the bot gave up: {error}");
            }
        });
    }
    Ok(server.await??)
}

fn gate(
    keys: &KeyRing,
    desk: &Desk,
    feed: &ConsoleFeed,
    file: Option<&str>,
    check: bool,
) -> Outcome<Gate> {
    let message = MessageFormat::builder("Otter & Sons").transactions().build()?;
    let mut policy = Policy::default();
    if check {
        policy.token.human_time = otpgate::token::HumanTime::ZERO; // nobody types
    }
    let parts = Gate::builder()
        .keys(keys.clone())
        .transport(desk.clone())
        .message(message)
        .countries(Region::all())
        .daily_budget(Money::dollars(50))
        .human_check(Doorman)
        .observer(feed.clone())
        .policy(policy);
    Ok(match file {
        Some(path) => parts.store(RedbStore::open(path)?).build()?,
        None => parts.store(MemoryStore::default()).build()?,
    })
}

/// In production: from a secret manager.
fn keys() -> Outcome<KeyRing> {
    Ok(match std::env::var("OTPGATE_PEPPER") {
        Ok(text) => KeyRing::from_text(&text)?,
        Err(_) => KeyRing::generate()?,
    })
}

/// So that the console has the evidence of the time before somebody looks.
fn watch(console: Console) {
    tokio::spawn(async move {
        loop {
            if let Err(error) = console.sample().await {
                eprintln!("{error}");
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
}
