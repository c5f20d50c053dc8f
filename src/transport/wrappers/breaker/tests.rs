//! What shuts a breaker, and for how long.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::testing::transport::{ScriptedProvider, conformance};
use crate::testing::{ManualClock, Reply, ScriptedTransport, TransportHandle, block_on, polled};
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
    bench.wait(2);
    drop(probe);
    bench.wait(19);
    assert!(bench.breaker.is_open(), "the second time is 20 seconds");
    bench.wait(1);
    assert!(bench.send(Reply::Accept).is_ok());
}

#[tokio::test]
async fn whoever_hangs_up_at_once_neither_opens_it_nor_holds_it_open() {
    let bench = bench();
    let sms = OutboundSms::for_test("+4915112345678", "text", [1; 16]);
    let hang_up = async || {
        bench.handle.always(Reply::Hang);
        let mut text = bench.breaker.hand_off(&sms);
        assert!(polled(&mut text).await.is_pending());
    };
    for _ in 0..20 {
        hang_up().await;
    }
    assert!(bench.send(Reply::Accept).is_ok());
    for _ in 0..5 {
        assert!(bench.send(Reply::NotSent).is_err());
    }
    bench.wait(10);
    hang_up().await;
    assert!(bench.send(Reply::Accept).is_ok(), "the next text is the probe");
}

#[test]
fn a_provider_whose_client_panics_fails() {
    let bench = bench();
    for _ in 0..5 {
        let panic = catch_unwind(AssertUnwindSafe(|| bench.send(Reply::Panic)));
        assert!(panic.is_err());
    }
    assert!(bench.breaker.is_open());
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
        ((|| HandoffError::not_sent("busy").retry_after(Duration::from_secs(7))) as fn() -> _, 7),
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
    ErrorRow::not_sent("21408", "the country is not enabled for the account", "enable it").alert();

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
    bench.wait(2);
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

/// Anybody may type the number of a handset that is off.
#[test]
fn what_tells_of_one_text_neither_shuts_it_nor_counts_as_a_success() {
    const OFF: ErrorRow =
        ErrorRow::indeterminate("unreachable", "the handset is off", "look").one_text();
    let bench = bench();
    let off = || Err(HandoffError::of_row("bird", &OFF));
    for _ in 0..20 {
        bench.breaker.enter().unwrap().conclude(&off());
    }
    assert!(!bench.breaker.is_open());
    for _ in 0..4 {
        assert!(bench.send(Reply::LostText).is_err());
    }
    bench.breaker.enter().unwrap().conclude(&off());
    assert!(bench.send(Reply::LostText).is_err());
    assert!(bench.breaker.is_open(), "the fifth in a row");
}
