//! A first text through Twilio.
//!
//! ```text
//! cargo run --features twilio --example twilio -- --local
//! ```
//!
//! starts a server on this machine that answers as Twilio documents, sends a text, receives its signed
//! receipt, shows the money, and then what wrong credentials, an unknown sender and an unreachable host
//! look like. Exits 0 only if every outcome is the one that was expected. With
//!
//! ```text
//! TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… TWILIO_FROM=+1… cargo run --features twilio --example twilio -- +49…
//! ```
//!
//! it sends a real text to the number, which costs money.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)] // a program
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // its server

mod first_text;

use std::process::ExitCode;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use otpgate::http::HttpRequest;
use otpgate::transport::SecretText;
use otpgate::transport::twilio::{Account, Receipts, Sender, Twilio};

use first_text::{FirstText, Outcome, local_client, post, setting, show_failure};
use support::http_server::{Answer, LocalServer, Play};

#[tokio::main]
async fn main() -> ExitCode {
    first_text::run(local, real).await
}

async fn real(number: &str) -> Outcome<()> {
    let account =
        Account::with_token(setting("TWILIO_ACCOUNT_SID")?, setting("TWILIO_AUTH_TOKEN")?)?;
    let twilio = Twilio::builder(account, Sender::from_number(setting("TWILIO_FROM")?)).build()?;
    let host = FirstText::through(twilio)?;
    host.show(&host.send(number).await?);
    host.show_money().await.map(drop)
}

const SID: &str = "AC00000000000000000000000000000000";
const TOKEN: &str = "an-invented-auth-token";

async fn local() -> Outcome<()> {
    let provider = LocalServer::plain();
    // A kept connection may die unnoticed when the port closes, and then the text is in doubt.
    provider.keep_alive(false);
    let endpoint = LocalServer::plain(); // the host's own, for receipts
    let twilio =
        Twilio::builder(Account::with_token(SID, TOKEN)?, Sender::from_number("+15550101"))
            .client(local_client()?)
            .base_url(provider.base_url())
            .status_callback(endpoint.base_url().join("/receipts/twilio").parse()?)
            .build()?;
    let host = FirstText::through(twilio)?;

    println!("1. A text");
    provider.always(Play::Answer(Answer::json(201, ACCEPTED)));
    let issued = host.send("+4915112345678").await?;
    host.show(&issued);
    let sent = provider.seen().pop().ok_or("nothing arrived")?;
    host.enter(&issued, &sent.form("Body").ok_or("no text")?).await?;
    println!("   the code was entered");

    println!("2. Its receipt, signed by Twilio and checked by the host");
    let callback = sent.form("StatusCallback").ok_or("no callback")?;
    let form = "MessageSid=SM00000000000000000000000000000001&MessageStatus=delivered";
    let request = HttpRequest::post(&callback)
        .with_header("x-twilio-signature", sign(&callback, form)?)
        .with_body("application/x-www-form-urlencoded", form);
    let seen = post(&endpoint, request).await?;
    let receipts = Receipts::with_auth_token(SecretText::new(TOKEN));
    host.take_receipt(&receipts, &endpoint, &seen).await?;
    let forged = HttpRequest::post(&callback)
        .with_header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .with_body("application/x-www-form-urlencoded", form);
    let seen = post(&endpoint, forged).await?;
    match host.take_receipt(&receipts, &endpoint, &seen).await {
        Err(error) => println!("   {error}"),
        Ok(()) => return Err("a forged receipt was believed".into()),
    }

    println!("3. The money: what Twilio says it charged, in place of the estimate");
    let spent = host.show_money().await?;
    if spent != otpgate::Money::microdollars(95_000) {
        return Err("the budget does not hold the real price".into());
    }

    println!("4. Wrong credentials");
    provider.always(Play::Answer(error(401, 20003)));
    let failed = host.send("+4915112345679").await;
    show_failure(failed, "twilio", "check the account SID", &[TOKEN, "15112345679"])?;

    println!("5. An unknown sender");
    provider.always(Play::Answer(error(400, 21659)));
    let failed = host.send("+4915112345679").await;
    show_failure(failed, "twilio", "check the sender", &[TOKEN, "15112345679"])?;

    println!("6. A host that cannot be reached");
    provider.listen(false);
    let failed = host.send("+4915112345679").await;
    show_failure(failed, "twilio", "check that this host reaches", &[TOKEN, "15112345679"])?;

    println!("7. The money again: what was not sent has cost nothing");
    if host.show_money().await? != spent {
        return Err("a failed text was charged".into());
    }
    Ok(())
}

const ACCEPTED: &str = r#"{"sid":"SM00000000000000000000000000000001","status":"queued",
    "num_segments":"1","price":"-0.0950","price_unit":"USD","error_code":null}"#;

fn error(status: u16, code: u32) -> Answer {
    let body = format!(r#"{{"code":{code},"message":"no: +4915112345679","status":{status}}}"#);
    Answer::json(status, body)
}

/// As Twilio signs: the URL, and each field of the form in the order of its names.
fn sign(url: &str, form: &str) -> Outcome<String> {
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(TOKEN.as_bytes())?;
    mac.update(url.as_bytes());
    form.split('&').for_each(|pair| mac.update(pair.replace('=', "").as_bytes()));
    Ok(Base64::encode_string(&mac.finalize().into_bytes()))
}
