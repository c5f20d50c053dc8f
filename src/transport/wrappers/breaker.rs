//! [`CircuitBreaker`]: leaves a provider alone that fails or asked for a pause.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// ask anybody. A hand-off that the caller dropped counts as a failure, as a host gives up on what hangs.
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
                return Ok(Attempt { breaker: self, generation, concluded: false });
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
            _ => Self::Fails,
        }
    }
}

/// One hand-off. Dropped without a result, it counts as a failure.
struct Attempt<'a, T: SmsTransport> {
    breaker: &'a CircuitBreaker<T>,
    generation: u64,
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
            self.breaker.conclude(self.generation, Told::Fails, None);
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
mod tests {
    use super::*;
    use crate::testing::transport::{ScriptedProvider, conformance};
    use crate::testing::{
        ManualClock, Reply, ScriptedTransport, TransportHandle, block_on, polled,
    };
    use crate::transport::ErrorRow;

    struct Bench {
        clock: ManualClock,
        handle: TransportHandle,
        breaker: CircuitBreaker<ScriptedTransport>,
    }

    fn bench() -> Bench {
        let (clock, (inner, handle)) = (ManualClock::default(), ScriptedTransport::new());
        let breaker = CircuitBreaker::new(inner, Arc::new(clock.clone()));
        Bench { clock, handle, breaker }
    }

    impl Bench {
        fn send(&self, reply: Reply) -> Result<Handoff, HandoffError> {
            self.handle.always(reply);
            let sms = OutboundSms::for_test("+4915112345678", "text", [1; 16]);
            block_on(self.breaker.hand_off(&sms))
        }

        fn wait(&self, seconds: u64) {
            self.clock.advance(Duration::from_secs(seconds));
        }
    }

    #[test]
    fn it_opens_after_five_failures_in_a_row_and_a_success_between_starts_over() {
        let bench = bench();
        for _ in 0..3 {
            for reply in [Reply::NotSent, Reply::LostAnswer, Reply::LostText, Reply::NotSent] {
                assert!(bench.send(reply).is_err());
            }
            assert!(bench.send(Reply::Accept).is_ok());
        }
        assert!(!bench.breaker.is_open());
        for _ in 0..5 {
            assert!(bench.send(Reply::NotSent).is_err());
        }
        let asked = bench.handle.handed_off();
        assert!(bench.send(Reply::Accept).is_err() && bench.breaker.is_open());
        assert_eq!(bench.handle.handed_off(), asked, "an open breaker asks nobody");
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_the_longest() {
        let bench = bench();
        for _ in 0..5 {
            assert!(bench.send(Reply::NotSent).is_err());
        }
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            bench.wait(seconds - 1);
            assert!(bench.breaker.is_open(), "{seconds}");
            bench.wait(1);
            let asked = bench.handle.handed_off();
            assert!(bench.send(Reply::NotSent).is_err());
            assert_eq!(bench.handle.handed_off(), asked + 1, "one probe");
        }
        bench.wait(300);
        assert!(bench.send(Reply::Accept).is_ok());
        assert!(bench.send(Reply::Accept).is_ok(), "and all others after it");
    }

    #[test]
    fn a_refused_number_is_no_failure_of_the_provider() {
        let bench = bench();
        for _ in 0..20 {
            assert!(bench.send(Reply::Refused).is_err());
        }
        assert!(!bench.breaker.is_open());
    }

    #[tokio::test]
    async fn one_probe_at_a_time_and_a_dropped_one_counts_as_failed() {
        let bench = bench();
        for _ in 0..5 {
            assert!(bench.send(Reply::NotSent).is_err());
        }
        bench.wait(10);
        bench.handle.always(Reply::Hang);
        let sms = OutboundSms::for_test("+4915112345678", "text", [1; 16]);
        let mut probe = bench.breaker.hand_off(&sms);
        let pending = std::future::poll_fn(|context| {
            std::task::Poll::Ready(probe.as_mut().poll(context).is_pending())
        });
        assert!(pending.await);
        let beside = bench.breaker.hand_off(&sms).await.unwrap_err();
        assert_eq!(beside.kind(), HandoffErrorKind::NotSent);
        drop(probe);
        bench.wait(19);
        assert!(bench.breaker.is_open(), "the second time is 20 seconds");
        bench.wait(1);
        assert!(bench.send(Reply::Accept).is_ok());
    }

    /// Fails with a pause, or with wrong credentials.
    #[derive(Debug)]
    struct Says(fn() -> HandoffError);

    #[async_trait]
    impl SmsTransport for Says {
        async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
            Err((self.0)())
        }
    }

    #[test]
    fn a_pause_is_honoured_and_wrong_credentials_open_it_at_once() {
        let sms = OutboundSms::for_test("+4915112345678", "text", [1; 16]);
        for (error, wait) in [
            (
                (|| HandoffError::not_sent("busy").retry_after(Duration::from_secs(7)))
                    as fn() -> _,
                7,
            ),
            (|| HandoffError::not_sent("busy").retry_after(Duration::from_secs(86_400)), 300),
            (|| HandoffError::not_sent("wrong key").by("twilio").alert_all(), 10),
        ] {
            let breaker = CircuitBreaker::new(Says(error), Arc::new(ManualClock::default()));
            assert!(block_on(breaker.hand_off(&sms)).is_err());
            let shut = block_on(breaker.hand_off(&sms)).unwrap_err();
            assert_eq!(shut.pause(), Some(Duration::from_secs(wait)), "{shut}");
        }
    }

    /// What Twilio says of a country that is not enabled.
    const COUNTRY: ErrorRow =
        ErrorRow::not_sent("21408", "the country is not enabled for the account", "enable it")
            .alert();

    /// Answers texts to Ghana with that row, and takes all others.
    #[derive(Debug)]
    struct NoGhana;

    #[async_trait]
    impl SmsTransport for NoGhana {
        async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
            match sms.expose_number().starts_with("+233") {
                true => Err(HandoffError::of_row("twilio", &COUNTRY)),
                false => Ok(Handoff::accepted("m")),
            }
        }
    }

    #[test]
    fn a_country_that_is_not_enabled_shuts_no_other() {
        let breaker = CircuitBreaker::new(NoGhana, Arc::new(ManualClock::default()));
        let send = |number| {
            let sms = OutboundSms::for_test(number, "text", [1; 16]);
            block_on(breaker.hand_off(&sms))
        };
        for _ in 0..20 {
            assert!(send("+233241234567").unwrap_err().needs_operator());
            assert!(send("+4915112345678").is_ok());
        }
        for _ in 0..20 {
            assert!(send("+233241234567").is_err());
        }
        assert!(!breaker.is_open(), "an answer about a country says nothing of others");
    }

    /// Nor does it tell that a provider works that is down.
    #[test]
    fn a_text_that_cannot_be_written_is_no_success() {
        let bench = bench();
        let local = || Err(HandoffError::not_sent("no sender for this country").alert());
        for _ in 0..4 {
            assert!(bench.send(Reply::LostText).is_err());
        }
        bench.breaker.enter().unwrap().conclude(&local());
        assert!(!bench.breaker.is_open());
        assert!(bench.send(Reply::LostText).is_err());
        assert!(bench.breaker.is_open(), "the fifth in a row");
        bench.wait(10);
        bench.breaker.enter().unwrap().conclude(&local());
        assert!(bench.send(Reply::LostText).is_err(), "the next is the probe");
        bench.wait(19);
        assert!(bench.breaker.is_open(), "which doubles the time");
        bench.wait(1);
        assert!(!bench.breaker.is_open());
    }

    #[tokio::test]
    async fn ten_texts_that_fail_together_open_it_once() {
        let bench = bench();
        bench.handle.always(Reply::Hang);
        let sms = OutboundSms::for_test("+4915112345678", "text", [1; 16]);
        let mut all: Vec<_> = (0..10).map(|_| bench.breaker.hand_off(&sms)).collect();
        for one in &mut all {
            assert!(polled(one).await.is_pending());
        }
        drop(all);
        bench.wait(9);
        assert!(bench.breaker.is_open());
        bench.wait(1);
        assert!(!bench.breaker.is_open(), "nobody has probed it, so nothing doubles");
        assert!(bench.send(Reply::Accept).is_ok());
    }

    /// Answers when it is told to, with what it is told.
    #[derive(Debug)]
    struct OnWord(Mutex<Vec<tokio::sync::oneshot::Receiver<Result<Handoff, HandoffError>>>>);

    #[async_trait]
    impl SmsTransport for OnWord {
        async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
            let word = self.0.lock().unwrap().remove(0);
            word.await.unwrap()
        }
    }

    #[tokio::test]
    async fn what_was_under_way_before_ends_no_pause_and_no_opening() {
        let busy = || HandoffError::not_sent("busy").retry_after(Duration::from_secs(60));
        let key = || HandoffError::not_sent("wrong key").alert_all();
        for (answer, seconds) in [(busy as fn() -> _, 60), (key, 10)] {
            let clock = ManualClock::default();
            let (words, answers): (Vec<_>, Vec<_>) =
                (0..3).map(|_| tokio::sync::oneshot::channel()).unzip();
            let breaker = CircuitBreaker::new(OnWord(Mutex::new(answers)), Arc::new(clock.clone()));
            let sms = OutboundSms::for_test("+4915112345678", "text", [1; 16]);
            let (mut older, mut oldest) = (breaker.hand_off(&sms), breaker.hand_off(&sms));
            assert!(polled(&mut oldest).await.is_pending());
            assert!(polled(&mut older).await.is_pending());
            let mut last = breaker.hand_off(&sms);
            assert!(polled(&mut last).await.is_pending());
            let mut words = words.into_iter();
            let [first, second, third] = [words.next(), words.next(), words.next()];
            let say = |word: Option<tokio::sync::oneshot::Sender<_>>, answer| {
                word.unwrap().send(answer).unwrap();
            };
            say(third, Err(answer()));
            assert!(last.await.is_err());
            assert!(breaker.is_open());
            say(first, Ok(Handoff::accepted("m")));
            assert!(oldest.await.is_ok());
            let shut = breaker.hand_off(&sms).await.unwrap_err();
            assert_eq!(shut.pause(), Some(Duration::from_secs(seconds)), "{shut}");
            // A failure that is as old still says how long the provider wants to be left alone.
            say(second, Err(HandoffError::not_sent("busy").retry_after(Duration::from_secs(90))));
            assert!(older.await.is_err());
            clock.advance(Duration::from_secs(89));
            assert!(breaker.is_open());
            clock.advance(Duration::from_secs(1));
            assert!(!breaker.is_open());
        }
    }

    #[test]
    fn closed_it_is_a_transport_like_any_other() {
        let wrapped = || async {
            ScriptedProvider::wrapped(|inner| {
                let clock = Arc::new(ManualClock::default());
                Box::new(CircuitBreaker::new(inner, clock).after(1_000))
            })
        };
        block_on(conformance(wrapped)).assert();
    }
}
