//! [`CircuitBreaker`]: leaves a provider alone that fails or asked for a pause.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;

use crate::base::time::Clock;
use crate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms, SmsTransport};

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open at first. Each failed probe doubles it.
const FIRST: Duration = Duration::from_secs(10);
/// How long it stays open at most, and the longest pause that a provider is granted.
const LONGEST: Duration = Duration::from_secs(300);
/// A hand-off that is dropped sooner tells nothing of the provider: it was not late yet.
const LATE: Duration = Duration::from_secs(2);

/// Stops handing texts to a provider that fails, and tries it again with one text at a time.
///
/// Five failures in a row open the breaker, or one after which every text fails until an operator
/// acts ([`HandoffError::fails_every_text`]: wrong credentials, no credit). While it is open every text
/// is [`NotSent`](HandoffErrorKind::NotSent) at once, so a [`FailOver`](super::FailOver) loses no time on
/// a dead provider. After 10 seconds one text is let
/// through as a probe: if the provider takes it, the breaker closes, otherwise the time doubles, up
/// to five minutes. A provider's `Retry-After` opens it for that long, up to the same five minutes.
///
/// A refused number counts as a success: the provider works. What needs an operator for one country or
/// sender (a country that is not enabled) counts as nothing: otherwise a few texts to a country that you
/// do not serve would shut all others, or hold open what is down, as some adapters say so before they
/// ask anybody. So does what tells of one text or number ([`HandoffError::tells_of_one_text`]: a handset
/// that is off), as anybody may type such a number. A hand-off that the caller dropped counts as a failure after two seconds, as a host gives up
/// on what hangs, and sooner as nothing: otherwise whoever hangs up at once, a few times, would shut all others.
///
/// What a text brings that was under way when the breaker opened neither closes it nor opens it
/// further; only a `Retry-After` in it counts. A success ends no pause that was asked for meanwhile.
///
/// Each process counts for itself.
///
/// ```
/// # use otpgate::testing::{ManualClock, Reply, ScriptedTransport, block_on};
/// use std::sync::Arc;
/// use std::time::Duration;
/// use otpgate::transport::{CircuitBreaker, HandoffErrorKind, OutboundSms, SmsTransport};
///
/// # let (clock, (provider, handle)) = (ManualClock::default(), ScriptedTransport::new());
/// let transport = CircuitBreaker::new(provider, Arc::new(clock.clone()));
/// let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
/// handle.always(Reply::NotSent);
/// for _ in 0..5 {
///     assert!(block_on(transport.hand_off(&sms)).is_err());
/// }
/// handle.always(Reply::Accept);
/// let error = block_on(transport.hand_off(&sms)).unwrap_err(); // open: the provider is not asked
/// assert_eq!(error.kind(), HandoffErrorKind::NotSent);
/// assert_eq!(error.pause(), Some(Duration::from_secs(10)));
/// clock.advance(Duration::from_secs(10));
/// assert!(block_on(transport.hand_off(&sms)).is_ok()); // the probe
/// ```
#[derive(Debug)]
pub struct CircuitBreaker<T> {
    inner: T,
    clock: Arc<dyn Clock>,
    failures: u32,
    first: Duration,
    longest: Duration,
    state: Mutex<State>,
}

/// Times are the clock's monotonic reading.
#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// How often in a row it opened.
    opened: u32,
    /// Closed until then.
    until: Duration,
    /// The last failure asks for a probe before all others go on.
    open: bool,
    /// Rises with each opening. What entered before one tells nothing about the time after it.
    generation: u64,
    probing: bool,
    provider: Option<&'static str>,
}

impl<T: SmsTransport> CircuitBreaker<T> {
    /// Around `inner`, with the defaults above. `clock` is the gate's clock.
    pub fn new(inner: T, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::default();
        Self { inner, clock, failures: FAILURES, first: FIRST, longest: LONGEST, state }
    }

    /// Opens after so many failures in a row; 0 counts as 1.
    #[must_use]
    pub fn after(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// Stays open for `first`, and for at most `longest` however often a probe fails.
    #[must_use]
    pub fn open_for(mut self, first: Duration, longest: Duration) -> Self {
        (self.first, self.longest) = (first, longest.max(first));
        self
    }

    /// Whether a text would be refused now.
    pub fn is_open(&self) -> bool {
        let now = self.clock.elapsed();
        let state = self.lock();
        now < state.until || (state.open && state.probing)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a text through, or says how long not.
    fn enter(&self) -> Result<Attempt<'_, T>, HandoffError> {
        let now = self.clock.elapsed();
        let mut state = self.lock();
        let wait = match state.until.checked_sub(now).filter(|wait| !wait.is_zero()) {
            Some(wait) => wait,
            None if state.open && state.probing => Duration::from_secs(1),
            None => {
                state.probing = state.open;
                let generation = state.generation;
                return Ok(Attempt { breaker: self, generation, since: now, concluded: false });
            }
        };
        let error = HandoffError::not_sent("the provider failed or asked for a pause a moment ago");
        Err(error
            .by(state.provider.unwrap_or("circuit breaker"))
            .remedy("wait for the pause; a fail-over uses the next provider meanwhile")
            .retry_after(wait))
    }

    /// Books what a hand-off that entered in `generation` tells; without an error, as it was dropped or
    /// taken.
    fn conclude(&self, generation: u64, told: Told, error: Option<&HandoffError>) {
        let now = self.clock.elapsed();
        let mut state = self.lock();
        if generation == state.generation {
            match told {
                Told::Works => {
                    let until = state.until;
                    *state = State { until, generation, ..State::default() };
                }
                Told::Nothing => state.probing = false,
                Told::Fails | Told::FailsAll => self.fail(&mut state, told, now),
            }
        }
        state.provider = error.and_then(HandoffError::provider).or(state.provider);
        if let Some(pause) = error.and_then(HandoffError::pause) {
            state.until = state.until.max(now.saturating_add(pause.min(self.longest)));
        }
    }

    fn fail(&self, state: &mut State, told: Told, now: Duration) {
        state.failures = state.failures.saturating_add(1);
        if !state.probing && told != Told::FailsAll && state.failures < self.failures {
            return;
        }
        let factor = 1_u32.checked_shl(state.opened).unwrap_or(u32::MAX);
        let span = self.first.saturating_mul(factor).min(self.longest);
        (state.open, state.probing) = (true, false);
        state.generation = state.generation.wrapping_add(1);
        state.opened = state.opened.saturating_add(1);
        state.until = state.until.max(now.saturating_add(span));
    }
}

/// What an answer tells about the provider.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Works,
    /// Neither: the next text is the probe, if this one was.
    Nothing,
    Fails,
    FailsAll,
}

impl Told {
    fn by(answer: &Result<Handoff, HandoffError>) -> Self {
        let Err(error) = answer else { return Self::Works };
        match error.kind() {
            _ if error.fails_every_text() => Self::FailsAll,
            HandoffErrorKind::Refused => Self::Works,
            // Of one country, sender or kind of number; some adapters say so before they ask anybody.
            HandoffErrorKind::NotSent if error.needs_operator() => Self::Nothing,
            _ if error.tells_of_one_text() => Self::Nothing,
            _ => Self::Fails,
        }
    }
}

/// One hand-off. Dropped late and without a result, it counts as a failure.
struct Attempt<'a, T: SmsTransport> {
    breaker: &'a CircuitBreaker<T>,
    generation: u64,
    since: Duration,
    concluded: bool,
}

impl<T: SmsTransport> Attempt<'_, T> {
    fn conclude(mut self, answer: &Result<Handoff, HandoffError>) {
        self.concluded = true;
        let told = Told::by(answer);
        self.breaker.conclude(self.generation, told, answer.as_ref().err());
    }
}

impl<T: SmsTransport> Drop for Attempt<'_, T> {
    fn drop(&mut self) {
        if !self.concluded {
            let late = self.breaker.clock.elapsed() >= self.since.saturating_add(LATE);
            let fails = late || thread::panicking();
            let told = if fails { Told::Fails } else { Told::Nothing };
            self.breaker.conclude(self.generation, told, None);
        }
    }
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for CircuitBreaker<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let attempt = self.enter()?;
        let answer = self.inner.hand_off(sms).await;
        attempt.conclude(&answer);
        answer
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.inner.ready().await
    }
}

#[cfg(test)]
mod tests;
