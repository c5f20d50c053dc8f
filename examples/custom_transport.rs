//! A transport of one's own: what to report when a provider says no, says nothing, or is not there.
//!
//! ```text
//! cargo run --features testing --example custom_transport
//! ```
#![allow(clippy::print_stdout)] // a program

use std::error::Error;

use async_trait::async_trait;
use otpgate::testing::block_on;
use otpgate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms, SmsTransport};

/// What a provider's client may come back with.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Queued(&'static str),
    Status(u16),
    NoConnection,
    TimedOut,
}

/// A transport over some provider's client, here a scripted one.
#[derive(Debug)]
struct Acme {
    reply: Reply,
}

#[async_trait]
impl SmsTransport for Acme {
    async fn hand_off(&self, _sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        // A real one posts `_sms.expose_number()`, `_sms.expose_text()` and, where the provider takes
        // it, `_sms.idempotency_key()`. It logs none of the first two.
        match self.reply {
            Reply::Queued(id) => Ok(Handoff::accepted(id).by("acme")),
            // The provider provably has no text: money and limits are given back.
            Reply::NoConnection => Err(HandoffError::not_sent("no connection to acme")),
            Reply::Status(401 | 403 | 429) => Err(HandoffError::not_sent("acme took no text")),
            // The provider said no for good: the number is at fault.
            Reply::Status(400 | 404) => Err(HandoffError::refused("acme refuses the number")),
            // Everything else may have gone out.
            Reply::Status(_) => Err(HandoffError::indeterminate("acme failed after the request")),
            Reply::TimedOut => Err(HandoffError::indeterminate("acme did not answer in time")),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let cases = [
        (Reply::Queued("acme-1"), None),
        (Reply::NoConnection, Some(HandoffErrorKind::NotSent)),
        (Reply::Status(401), Some(HandoffErrorKind::NotSent)),
        (Reply::Status(400), Some(HandoffErrorKind::Refused)),
        (Reply::Status(503), Some(HandoffErrorKind::Indeterminate)),
        (Reply::TimedOut, Some(HandoffErrorKind::Indeterminate)),
    ];
    for (reply, expected) in cases {
        let sms = OutboundSms::for_test("+4915112345678", "123456 is your code", [7; 16]);
        let answer = block_on(Acme { reply }.hand_off(&sms));
        let kind = answer.as_ref().err().map(HandoffError::kind);
        println!("{reply:?}: {kind:?}");
        if kind != expected {
            return Err(format!("{reply:?}: expected {expected:?}").into());
        }
    }
    Ok(())
}
