//! The conformance suite of [`HumanCheck`]: what may pass, what is an outage, and what may leak.
//!
//! # Use
//!
//! Put your check in front of a service that you control (a local HTTP server, say), write down how to
//! make it behave, and let the suite play:
//!
//! ```
//! # use otpgate::testing::human::ScriptedService as MyService;
//! # otpgate::testing::block_on(async {
//! let report = otpgate::testing::human::conformance(|| async { MyService::new() }).await;
//! report.assert();
//! # });
//! ```
//!
//! A service that cannot play a [`Behaviour`] says so and the case is skipped, which the report tells.
//! Give the check a deadline well below a second: with [`Behaviour::Silent`] the suite waits until the
//! check ends by itself, as the contract demands.

mod cases;
mod scripted;

use std::future::Future;

use async_trait::async_trait;

use super::case::{Fault, case_type, played};
use super::report::{Line, Report};
use crate::base::time::Timestamp;
use crate::human::HumanCheck;

pub use cases::cases;
pub use scripted::ScriptedService;

/// What a service says of every response until it is told otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// A person.
    Pass,
    /// A script, or made up.
    Script,
    /// Used before.
    Spent,
    /// A person, on another host.
    OtherHost,
    /// A person, on a host whose name ends in the site's.
    LongerHost,
    /// A person, for another action.
    OtherAction,
    /// A person, an hour and a half ago.
    Old,
    /// The site's credentials are wrong.
    RefuseAccount,
    /// Takes no more for now (HTTP 429).
    Throttle,
    /// Cannot be connected to.
    Unreachable,
    /// Fails (HTTP 500).
    Fail,
    /// Cuts the connection after it has read the question.
    Cut,
    /// Reads the question and never answers.
    Silent,
    /// Answers with success and something that cannot be read, such as a proxy's page.
    Garble,
    /// Answers with success and an empty body.
    Empty,
    /// Answers with success and an object that says nothing.
    SayNothing,
    /// A yes that is no `true`: the word, the number 1.
    Truthy,
    /// Redirects to itself, where it would say yes.
    Redirect,
}

/// A service under the test's control, and the check in front of it.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// The check under test. Called once.
    fn check(&self) -> Box<dyn HumanCheck>;

    /// What the suite asks for, and when.
    fn question(&self) -> Question;

    /// Behaves so from now on. `false` if it cannot: the case is then skipped.
    async fn behave(&self, behaviour: Behaviour) -> bool;

    /// Every question it has read so far, all bytes of it.
    async fn asked(&self) -> Vec<Vec<u8>>;
}

/// What the suite asks a check.
#[derive(Clone)]
#[non_exhaustive]
pub struct Question {
    /// Two responses, the first of which the service knows.
    pub responses: [String; 2],
    /// The action.
    pub action: String,
    /// The time of the challenge that [`Behaviour::Pass`] names, or soon after.
    pub now: Timestamp,
    /// The check's credentials. None may appear in an error or in `Debug`.
    pub secrets: Vec<String>,
}

impl Question {
    /// What the suite asks.
    #[must_use]
    pub fn new(responses: [&str; 2], action: &str, now: Timestamp, secrets: &[&str]) -> Self {
        Self {
            responses: responses.map(str::to_owned),
            action: action.to_owned(),
            now,
            secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
        }
    }
}

crate::base::masked::debug_only!(Question: action);

case_type!(Stage, Fault<Behaviour>);

/// Runs every case, each on a service made by `make`. See the [module](self).
pub async fn conformance<F, Fut, S>(make: F) -> Report
where
    F: Fn() -> Fut,
    Fut: Future<Output = S>,
    S: Service,
{
    let mut lines = Vec::new();
    for case in cases() {
        let service = make().await;
        let (check, question) = (service.check(), service.question());
        let stage = Stage { check, question, service: Box::new(service) };
        let outcome = played("service", (case.run)(stage)).await;
        lines.push(Line { case: case.name, clause: case.clause, outcome });
    }
    Report { seed: 0, lines }
}

/// The service and the check of one case.
struct Stage {
    service: Box<dyn Service>,
    check: Box<dyn HumanCheck>,
    question: Question,
}
