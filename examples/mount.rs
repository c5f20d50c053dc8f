//! The whole of a host that mounts the endpoints: sign-up on the hosted pages, texts on the console of the
//! program in place of a provider.
//!
//! ```text
//! cargo run --example mount --features axum     then open http://localhost:8080/otp
//! ```
//!
//! Not in Safari, which keeps no `Secure` cookie of `http://localhost`.
#![allow(clippy::print_stdout)] // a program

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use otpgate::store::MemoryStore;
use otpgate::transport::ConsoleTransport;
use otpgate::web::{Config, Next, SignUp};
use otpgate::{Gate, KeyRing, Money, Region};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let gate = Gate::builder()
        // In production `KeyRing::from_text`, from a secret manager: with a new key all codes are void.
        .keys(KeyRing::generate()?)
        .store(MemoryStore::default()) // one server: `RedbStore`; several: Redis or PostgreSQL
        .transport(ConsoleTransport::stdout()) // providers: `docs/providers.md`
        .brand("Example")
        .countries([Region::DE, Region::AT]) // where customers are
        .daily_budget(Money::dollars(50)) // a few times an ordinary day
        .build()?;
    gate.ready().await?; // the store takes writes, the clocks agree, the credentials are there
    // What is yours. Password resets, payments and sessions of your own: implement `web::Host`.
    let sign_up = SignUp::new(|proven, _request| async move {
        println!("{} is proven: create the account", proven.recipient().expose_e164().as_str());
        Ok(Next::to("/welcome")) // `.header(SET_COOKIE, …)` logs in
    });
    // The origin in the browser's address bar; `http` is taken on localhost only.
    let config = Config::builder("http://localhost:8080", sign_up)
        .default_region(Region::DE) // for numbers without a country code
        .hosted("Example") // or a page of your own
        .build()?;
    let app = Router::new()
        .route("/welcome", get(async || "Welcome!"))
        .merge(otpgate::web::router(gate, config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 8080)).await?;
    println!("http://localhost:8080/otp");
    // Without the peer's address all clients would share one tight limit.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
