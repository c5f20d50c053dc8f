//! Two providers: Twilio first, Esendex when it is down.
//!
//! ```text
//! cargo run --features twilio,esendex --example failover -- --local
//! ```
//!
//! starts two servers on this machine that answer as the providers document, and walks through what a
//! second provider is for: the first is down, refuses its credentials, asks for a pause; and what it is
//! not for: the first says no to the number, or nobody knows whether the text went out. Every text is
//! entered, a receipt comes from the provider that took the text, and the money is shown. Exits 0 only
//! if every outcome is the one that was expected. With
//!
//! ```text
//! TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… TWILIO_FROM=+1… \
//! ESENDEX_ACCOUNT=EX… ESENDEX_USER=… ESENDEX_PASSWORD=… \
//!     cargo run --features twilio,esendex --example failover -- +49…
//! ```
//!
//! it sends a real text to the number, which costs money.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)] // a program
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // its server

mod first_text;

use std::process::ExitCode;
use std::sync::Arc;

use otpgate::http::HttpRequest;
use otpgate::transport::esendex::{self, Esendex};
use otpgate::transport::twilio::{self, Twilio};
use otpgate::transport::{CircuitBreaker, FailOver, InFlightLimit, PathToken};
use otpgate::{Issued, SystemClock};

use first_text::{FirstText, Outcome, local_client, post, setting, show_failure};
use support::http_server::{Answer, LocalServer, Play, Seen};

#[tokio::main]
async fn main() -> ExitCode {
    first_text::run(local, real).await
}

/// What a host writes: each provider behind a breaker, so that a dead one costs no time, and the first
/// one with no more texts in flight than its contract allows.
fn in_turn(first: Twilio, second: Esendex) -> FailOver {
    let clock = Arc::new(SystemClock::default());
    let first = InFlightLimit::new(CircuitBreaker::new(first, clock.clone()), 50);
    FailOver::new(first).then(CircuitBreaker::new(second, clock))
}

async fn real(number: &str) -> Outcome<()> {
    let account =
        twilio::Account::with_token(setting("TWILIO_ACCOUNT_SID")?, setting("TWILIO_AUTH_TOKEN")?)?;
    let sender = twilio::Sender::from_number(setting("TWILIO_FROM")?);
    let first = Twilio::builder(account, sender).build()?;
    let account = esendex::Account::new(
        setting("ESENDEX_ACCOUNT")?,
        setting("ESENDEX_USER")?,
        setting("ESENDEX_PASSWORD")?,
    )?;
    let second = Esendex::builder(account, esendex::Sender::of_account()).build()?;
    let host = FirstText::through(in_turn(first, second))?;
    let issued = host.send(number).await?;
    println!("   taken by {}", taker(&issued)?);
    host.show(&issued);
    host.show_money().await.map(drop)
}

const SID: &str = "AC00000000000000000000000000000000";
const TOKEN: &str = "an-invented-auth-token";
const PASSWORD: &str = "an-invented-password";
const PATH_TOKEN: &str = "pX3cJ9mB0vQe7LkT2nWs5A";

async fn local() -> Outcome<()> {
    let (first, second) = (LocalServer::plain(), LocalServer::plain());
    // A kept connection may die unnoticed when the port closes, and then the text is in doubt.
    [&first, &second].into_iter().for_each(|server| server.keep_alive(false));
    let endpoint = LocalServer::plain(); // the host's own, for receipts
    second.always(Play::Answer(Answer::xml(200, ESENDEX_TOOK_IT)));

    println!("1. Twilio is up: it takes the text, Esendex hears nothing");
    let host = host(&first, &second)?;
    first.always(Play::Answer(Answer::json(201, TWILIO_TOOK_IT)));
    let issued = host.send("+4915112345678").await?;
    expect(&issued, "twilio", (&first, 1), (&second, 0))?;
    host.enter(&issued, &twilio_text(&first)?).await?;

    println!(
        "2. Twilio is throttled, then has the wrong token: provably not sent, Esendex takes it"
    );
    for (number, status, code) in [("+4915112345679", 429, 20429), ("+4915112345680", 401, 20003)] {
        let host = self::host(&first, &second)?;
        first.always(Play::Answer(twilio_says(status, code)));
        let issued = host.send(number).await?;
        expect(&issued, "esendex", (&first, 1), (&second, 1))?;
        host.enter(&issued, &esendex_text(&second)?).await?;
    }

    println!("3. Twilio's port is closed: Esendex takes it, and its receipt comes");
    let host = self::host(&first, &second)?;
    first.listen(false);
    let issued = host.send("+4915112345681").await?;
    expect(&issued, "esendex", (&first, 0), (&second, 1))?;
    host.enter(&issued, &esendex_text(&second)?).await?;
    let url = endpoint.base_url().join(&format!("/receipts/esendex/{PATH_TOKEN}"));
    let request = HttpRequest::post(url).with_body("application/xml", DELIVERED);
    let seen = post(&endpoint, request).await?;
    let token = PathToken::new(PATH_TOKEN).ok_or("too short a token")?;
    host.take_receipt(&esendex::Receipts::behind(token), &endpoint, &seen).await?;
    let spent = host.show_money().await?;

    println!("4. Both are down: nothing was sent, nothing was spent, and the error names both");
    second.listen(false);
    let failed = host.send("+4915112345682").await;
    show_failure(failed, "fail-over", "check that this host reaches", &[TOKEN, "15112345682"])?;
    if host.show_money().await? != spent {
        return Err("a text that nobody took was charged".into());
    }
    first.listen(true);
    second.listen(true);

    println!("5. Twilio says that the number cannot get texts: Esendex is not asked");
    let host = self::host(&first, &second)?;
    first.always(Play::Answer(twilio_says(400, 21211)));
    match host.send("+4915112345683").await {
        Ok(_) => return Err("a refused number was sent to".into()),
        Err(error) => println!("   {error}"),
    }
    expect_heard(&first, 1, &second, 0)?;

    println!("6. Twilio reads the text and resets the connection: it may have gone out, once");
    let host = self::host(&first, &second)?;
    first.always(Play::Reset);
    let issued = host.send("+4915112345684").await?;
    host.show(&issued);
    host.enter(&issued, &twilio_text(&first)?).await?;
    expect_heard(&first, 1, &second, 0)?;
    host.show_money().await.map(drop)
}

/// A new gate over both, so that each step begins with closed breakers.
fn host(first: &LocalServer, second: &LocalServer) -> Outcome<FirstText> {
    let sender = twilio::Sender::from_number("+15550101");
    let one = Twilio::builder(twilio::Account::with_token(SID, TOKEN)?, sender)
        .client(local_client()?)
        .base_url(first.base_url())
        .build()?;
    let account = esendex::Account::new("EX0000000", "user@example.com", PASSWORD)?;
    let two = Esendex::builder(account, esendex::Sender::of_account())
        .client(local_client()?)
        .base_url(second.base_url())
        .build()?;
    first.take_served();
    second.take_served();
    FirstText::through(in_turn(one, two))
}

fn taker(issued: &Issued) -> Outcome<&'static str> {
    let provider = issued.handoff().and_then(|handoff| handoff.provider);
    provider.ok_or_else(|| "nobody confirmed it".into())
}

fn expect(
    issued: &Issued,
    provider: &str,
    (first, asked_first): (&LocalServer, usize),
    (second, asked_second): (&LocalServer, usize),
) -> Outcome<()> {
    let took = taker(issued)?;
    println!("   taken by {took}");
    if took != provider {
        return Err(format!("expected {provider}").into());
    }
    expect_heard(first, asked_first, second, asked_second)
}

fn expect_heard(
    first: &LocalServer,
    asked_first: usize,
    second: &LocalServer,
    asked_second: usize,
) -> Outcome<()> {
    let heard = (first.seen().len(), second.seen().len());
    println!("   requests: Twilio {}, Esendex {}", heard.0, heard.1);
    match heard == (asked_first, asked_second) {
        true => Ok(()),
        false => Err(format!("expected {asked_first} and {asked_second}").into()),
    }
}

fn last(server: &LocalServer) -> Outcome<Seen> {
    server.seen().pop().ok_or_else(|| "nothing arrived".into())
}

fn twilio_text(server: &LocalServer) -> Outcome<String> {
    last(server)?.form("Body").ok_or_else(|| "no text".into())
}

fn esendex_text(server: &LocalServer) -> Outcome<String> {
    let xml = last(server)?.text();
    let text = xml.split_once("<body>").and_then(|(_, rest)| rest.split_once("</body>"));
    text.map(|(text, _)| text.to_owned()).ok_or_else(|| "no text".into())
}

fn twilio_says(status: u16, code: u32) -> Answer {
    Answer::json(status, format!(r#"{{"code":{code},"message":"no","status":{status}}}"#))
}

const TWILIO_TOOK_IT: &str = r#"{"sid":"SM00000000000000000000000000000001","status":"queued",
    "num_segments":"1","price":null,"price_unit":"USD","error_code":null}"#;

const ESENDEX_TOOK_IT: &str = "<messageheaders batchid=\"F8BF9867\" \
     xmlns=\"http://api.esendex.com/ns/\"><messageheader uri=\"u\" \
     id=\"1183C73D-2E62-4F60-B610-30F160BDFBD5\"/></messageheaders>";

const DELIVERED: &str = "<MessageDelivered><Id>9F1B4A8E-1111-4222-8333-444455556666</Id>\
     <MessageId>1183C73D-2E62-4F60-B610-30F160BDFBD5</MessageId><AccountId>A2F6-1</AccountId>\
     <OccurredAt>2026-11-28T10:00:00</OccurredAt></MessageDelivered>";
