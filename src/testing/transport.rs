//! The conformance suite of [`SmsTransport`]: what each failure may be called, and what may leak.
//!
//! # Use
//!
//! Put your transport in front of a provider that you control (a local HTTP server, say), write down
//! how to make it behave, and let the suite play:
//!
//! ```
//! # use otpgate::testing::transport::ScriptedProvider as MyProvider;
//! # otpgate::testing::block_on(async {
//! let report = otpgate::testing::transport::conformance(|| async { MyProvider::new() }).await;
//! report.assert();
//! # });
//! ```
//!
//! A provider that cannot play a [`Behaviour`] says so and the case is skipped, which the report
//! tells. Give the transport a deadline well below a second: with [`Behaviour::Silent`] the suite
//! waits until the transport ends by itself, as the contract demands.

mod cases;
mod scripted;

use std::future::Future;

use async_trait::async_trait;

use super::case::{Fault, case_type, played};
use super::report::{Line, Report};
use crate::transport::SmsTransport;

pub use cases::cases;
pub use scripted::ScriptedProvider;

/// What a provider does with every text until it is told otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// Takes it.
    Accept,
    /// Says that this number cannot be reached, ever: no such subscriber, opted out, blocked.
    RefuseNumber,
    /// Does not know the account: a wrong key, no credit (HTTP 401, 402, 403).
    RefuseAccount,
    /// Takes no more for now (HTTP 429).
    Throttle,
    /// Cannot be connected to.
    Unreachable,
    /// Fails after it has read the text (HTTP 500): it may have sent it.
    Fail,
    /// Cuts the connection after it has read the text.
    Cut,
    /// Reads the text and never answers.
    Silent,
    /// Answers with success and something that cannot be read.
    Garble,
}

/// A text as the provider read it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The number, with or without `+`.
    pub number: String,
    /// The text.
    pub text: String,
    /// The idempotency key, if the provider's interface has a place for one.
    pub key: Option<String>,
}

impl Received {
    /// What the provider read.
    #[must_use]
    pub fn new(number: impl Into<String>, text: impl Into<String>, key: Option<String>) -> Self {
        Self { number: number.into(), text: text.into(), key }
    }
}

crate::base::masked::debug_only!(Received: key);

/// A provider under the test's control, and the transport in front of it.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The transport under test. Called once.
    fn transport(&self) -> Box<dyn SmsTransport>;

    /// Behaves so from now on. `false` if it cannot: the case is then skipped.
    async fn behave(&self, behaviour: Behaviour) -> bool;

    /// Every text it has read so far, whatever it answered.
    async fn received(&self) -> Vec<Received>;
}

case_type!(Stage, Fault<Behaviour>);

/// Runs every case, each on a provider made by `make`. See the [module](self).
pub async fn conformance<F, Fut, P>(make: F) -> Report
where
    F: Fn() -> Fut,
    Fut: Future<Output = P>,
    P: Provider,
{
    let mut lines = Vec::new();
    for case in cases() {
        let provider = make().await;
        let stage = Stage { transport: provider.transport(), provider: Box::new(provider) };
        let outcome = played("provider", (case.run)(stage)).await;
        lines.push(Line { case: case.name, clause: case.clause, outcome });
    }
    Report { seed: 0, lines }
}

/// The provider and the transport of one case.
struct Stage {
    provider: Box<dyn Provider>,
    transport: Box<dyn SmsTransport>,
}
