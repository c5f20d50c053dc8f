//! [`ScriptedService`]: the shortest service, without a network.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Behaviour, Question, Service};
use crate::base::time::Timestamp;
use crate::human::{
    HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanPass, HumanRequest,
    HumanVerdict,
};

/// A service that says what it is told to: what to copy when you write your own, and a check for the
/// tests of a host.
///
/// ```
/// use otpgate::testing::block_on;
/// use otpgate::testing::human::{ScriptedService, conformance};
///
/// block_on(conformance(|| async { ScriptedService::new() })).assert();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScriptedService(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    behaviour: Behaviour,
    asked: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { behaviour: Behaviour::Pass, asked: 0 }
    }
}

impl ScriptedService {
    /// One that passes everybody until it is told otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl HumanCheck for ScriptedService {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        let behaviour = self.with(|state| {
            state.asked = state.asked.saturating_add(1);
            state.behaviour
        });
        let failed = |failure| Ok(HumanVerdict::Failed(failure));
        match behaviour {
            Behaviour::Pass => Ok(HumanVerdict::Passed(HumanPass::of(request.response))),
            Behaviour::Script => failed(HumanFailure::NotHuman),
            Behaviour::Spent | Behaviour::Old => failed(HumanFailure::Spent),
            Behaviour::OtherHost | Behaviour::LongerHost | Behaviour::OtherAction => {
                failed(HumanFailure::WrongSite)
            }
            Behaviour::RefuseAccount | Behaviour::Redirect => {
                Err(HumanCheckError::new(HumanCheckErrorKind::Misconfigured))
            }
            Behaviour::Garble | Behaviour::Empty | Behaviour::SayNothing | Behaviour::Truthy => {
                Err(HumanCheckError::new(HumanCheckErrorKind::Unreadable))
            }
            Behaviour::Throttle
            | Behaviour::Unreachable
            | Behaviour::Fail
            | Behaviour::Cut
            | Behaviour::Silent => Err(HumanCheckError::new(HumanCheckErrorKind::Unavailable)),
        }
    }
}

#[async_trait]
impl Service for ScriptedService {
    fn check(&self) -> Box<dyn HumanCheck> {
        Box::new(self.clone())
    }

    fn question(&self) -> Question {
        let now = Timestamp::from_millis(1_800_000_000_000);
        Question::new(["first-response", "second-response"], "sign-up", now, &[])
    }

    async fn behave(&self, behaviour: Behaviour) -> bool {
        self.with(|state| state.behaviour = behaviour);
        true
    }

    async fn asked(&self) -> Vec<Vec<u8>> {
        self.with(|state| vec![Vec::new(); state.asked])
    }
}
