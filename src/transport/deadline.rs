//! [`Deadline`]: an end for a provider that hangs.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;

use crate::base::timer::wait;

use super::{Handoff, HandoffError, OutboundSms, SmsTransport};

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A transport that gives up after a time. The text may have gone out by then, so the failure is
/// [`Indeterminate`](super::HandoffErrorKind::Indeterminate).
///
/// A gate puts one around its transport by itself ([`GateBuilder::hand_off_deadline`]). One more is for
/// a transport inside another, such as the first of two providers. It needs no runtime: a thread of
/// its own keeps the time, unless the host says how to wait.
///
/// ```
/// use std::time::Duration;
/// use otpgate::transport::{ConsoleTransport, Deadline};
///
/// let transport = Deadline::after(ConsoleTransport::stdout(), Duration::from_secs(10));
/// assert_eq!(format!("{transport:?}"), "Deadline { inner: ConsoleTransport, span: 10s }");
/// let by_tokio = Deadline::new(ConsoleTransport::stdout(), Duration::from_secs(10), |span| {
///     Box::pin(tokio::time::sleep(span))
/// });
/// # drop(by_tokio);
/// ```
///
/// [`GateBuilder::hand_off_deadline`]: crate::GateBuilder::hand_off_deadline
pub struct Deadline<T> {
    inner: T,
    span: Duration,
    sleep: Box<dyn Fn(Duration) -> Sleep + Send + Sync>,
}

impl<T: SmsTransport> Deadline<T> {
    /// Gives `inner` at most `span` for each text, by the system's monotonic clock.
    pub fn after(inner: T, span: Duration) -> Self {
        Self::new(inner, span, |span| Box::pin(wait(span)))
    }

    /// Gives `inner` at most `span` for each text; `sleep` waits.
    pub fn new(
        inner: T,
        span: Duration,
        sleep: impl Fn(Duration) -> Sleep + Send + Sync + 'static,
    ) -> Self {
        Self { inner, span, sleep: Box::new(sleep) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Deadline<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inner, span) = (&self.inner, &self.span);
        f.debug_struct("Deadline").field("inner", inner).field("span", span).finish()
    }
}

impl<T: SmsTransport> Deadline<T> {
    /// [`hand_off`](SmsTransport::hand_off), without a box of its own.
    pub(crate) async fn hand_over(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.within(self.inner.hand_off(sms), HandoffError::indeterminate).await
    }

    async fn within<A>(
        &self,
        work: impl Future<Output = Result<A, HandoffError>>,
        late: fn(&'static str) -> HandoffError,
    ) -> Result<A, HandoffError> {
        let mut work = pin!(work);
        // Most providers that answer at once need no timer.
        let mut end = None;
        poll_fn(move |context| {
            if let Poll::Ready(answer) = work.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            let end: &mut Sleep = end.get_or_insert_with(|| (self.sleep)(self.span));
            end.as_mut()
                .poll(context)
                .map(|()| Err(late("the provider did not answer before the deadline")))
        })
        .await
    }
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for Deadline<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        self.hand_over(sms).await
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.within(self.inner.ready(), HandoffError::not_sent).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Reply, ScriptedTransport};
    use crate::transport::HandoffErrorKind;

    fn sms() -> OutboundSms {
        OutboundSms::for_test("+15550100", "text", [1; 16])
    }

    #[tokio::test]
    async fn a_provider_that_hangs_is_given_up_on_as_perhaps_sent() {
        let (transport, handle) = ScriptedTransport::new();
        handle.reply(Reply::Hang);
        let at_once = Deadline::new(transport, Duration::ZERO, |_| Box::pin(async {}));
        let error = at_once.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
    }

    /// Under an executor without a timer.
    #[test]
    fn the_system_clock_ends_it_without_a_runtime() {
        let (transport, handle) = ScriptedTransport::new();
        handle.reply(Reply::Hang);
        let quick = Deadline::after(transport, Duration::from_millis(1));
        let error = crate::testing::block_on(quick.hand_off(&sms())).unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
    }

    #[tokio::test]
    async fn a_provider_that_answers_is_not_disturbed() {
        let (transport, handle) = ScriptedTransport::new();
        let never = Deadline::new(transport, Duration::ZERO, |_| Box::pin(std::future::pending()));
        assert!(never.hand_off(&sms()).await.is_ok());
        assert_eq!(handle.sent().len(), 1);
    }
}
