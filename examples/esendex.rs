//! A first text through Esendex.
//!
//! ```text
//! cargo run --features esendex --example esendex -- --local
//! ```
//!
//! starts a server on this machine that answers as Esendex documents, sends a text, receives its
//! notification behind a secret path, shows the money, and then what wrong credentials, an unknown sender
//! and an unreachable host look like. Exits 0 only if every outcome is the one that was expected. With
//!
//! ```text
//! ESENDEX_ACCOUNT=EX… ESENDEX_USER=… ESENDEX_PASSWORD=… cargo run --features esendex --example esendex -- +44…
//! ```
//!
//! it sends a real text to the number, which costs money.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)] // a program
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // its server

mod first_text;

use std::process::ExitCode;

use otpgate::http::HttpRequest;
use otpgate::transport::PathToken;
use otpgate::transport::esendex::{Account, Esendex, Receipts, Sender};

use first_text::{FirstText, Outcome, local_client, post, setting, show_failure};
use support::http_server::{Answer, LocalServer, Play};

#[tokio::main]
async fn main() -> ExitCode {
    first_text::run(local, real).await
}

async fn real(number: &str) -> Outcome<()> {
    let account = Account::new(
        setting("ESENDEX_ACCOUNT")?,
        setting("ESENDEX_USER")?,
        setting("ESENDEX_PASSWORD")?,
    )?;
    let sender = std::env::var("ESENDEX_FROM").map_or(Sender::of_account(), Sender::named);
    let host = FirstText::through(Esendex::builder(account, sender).build()?)?;
    host.show(&host.send(number).await?);
    host.show_money().await.map(drop)
}

const PASSWORD: &str = "an-invented-password";

/// In production: 22 characters or more from a random generator, kept as a secret is.
const TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";

async fn local() -> Outcome<()> {
    let provider = LocalServer::plain();
    // A kept connection may die unnoticed when the port closes, and then the text is in doubt.
    provider.keep_alive(false);
    let endpoint = LocalServer::plain(); // the host's own, for notifications
    let account = Account::new("EX0000000", "user@example.com", PASSWORD)?;
    let esendex = Esendex::builder(account, Sender::named("Example"))
        .client(local_client()?)
        .base_url(provider.base_url())
        .build()?;
    let host = FirstText::through(esendex)?;

    println!("1. A text");
    provider.always(Play::Answer(Answer::xml(200, ACCEPTED)));
    let issued = host.send("+447400123456").await?;
    host.show(&issued);
    let sent = provider.seen().pop().ok_or("nothing arrived")?.text();
    let body = sent.split("<body>").nth(1).and_then(|rest| rest.split("</body>").next());
    host.enter(&issued, body.ok_or("no text")?).await?;
    println!("   the code was entered");

    println!("2. Its notification, believed because only Esendex knows the address");
    let delivered = "<MessageDelivered><Id>1</Id>\
        <MessageId>1183c73d-2e62-4f60-b610-30f160bdfbd5</MessageId><AccountId>2</AccountId>\
        <OccurredAt>2026-11-27T10:00:00</OccurredAt></MessageDelivered>";
    let receipts = Receipts::behind(PathToken::new(TOKEN).ok_or("a longer token")?);
    let at = |path: &str| {
        let url = endpoint.base_url().join(&format!("/receipts/esendex/{path}"));
        HttpRequest::post(url).with_body("application/xml", delivered)
    };
    let seen = post(&endpoint, at(TOKEN)).await?;
    host.take_receipt(&receipts, &endpoint, &seen).await?;
    let seen = post(&endpoint, at("guessed")).await?;
    match host.take_receipt(&receipts, &endpoint, &seen).await {
        Err(error) => println!("   {error}"),
        Ok(()) => return Err("a forged notification was believed".into()),
    }

    println!("3. The money");
    let spent = host.show_money().await?;

    println!("4. Wrong credentials");
    provider.always(Play::Answer(prose(401)));
    let failed = host.send("+447400123457").await;
    show_failure(failed, "esendex", "check user, password", &[PASSWORD, "7400123457"])?;

    println!("5. No credit");
    provider.always(Play::Answer(prose(402)));
    let failed = host.send("+447400123457").await;
    show_failure(failed, "esendex", "top up the account", &[PASSWORD, "7400123457"])?;

    println!("6. A host that cannot be reached");
    provider.listen(false);
    let failed = host.send("+447400123457").await;
    show_failure(failed, "esendex", "check that this host reaches", &[PASSWORD, "7400123457"])?;

    println!("7. The money again: what was not sent has cost nothing");
    if host.show_money().await? != spent {
        return Err("a failed text was charged".into());
    }

    println!("8. A sender that does not exist is refused before anything is sent");
    let account = Account::new("EX0000000", "user@example.com", PASSWORD)?;
    match Esendex::builder(account, Sender::named("A Name Too Long")).build() {
        Err(error) => println!("   {error}"),
        Ok(_) => return Err("a sender of 15 characters was taken".into()),
    }
    Ok(())
}

const ACCEPTED: &str = r#"<messageheaders batchid="F8BF9867-FF81-49E4-ACC5-774DE793B776"
    xmlns="http://api.esendex.com/ns/"><messageheader id="1183C73D-2E62-4F60-B610-30F160BDFBD5"
    uri="https://api.esendex.com/v1.0/messageheaders/1183C73D"/></messageheaders>"#;

fn prose(status: u16) -> Answer {
    Answer::new(status).with("content-type", "text/plain").body("no: 447400123457")
}
