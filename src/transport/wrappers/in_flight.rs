//! [`InFlightLimit`]: a cap on the texts on their way at one time.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::transport::{Handoff, HandoffError, OutboundSms, SmsTransport};

/// At the cap nothing waits in line: a code that comes late is a code that is asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets at most so many hand-offs be under way at once. A text above the cap is
/// [`NotSent`](crate::transport::HandoffErrorKind::NotSent): a [`FailOver`](super::FailOver) takes it to
/// the next provider at once, and without one the gate gives everything back and the user asks again.
///
/// Providers cap concurrency by themselves and answer 429; a slow provider otherwise piles up requests,
/// each with its connection and its memory, until the host itself is down.
///
/// ```
/// # use otpgate::testing::{ScriptedTransport, block_on};
/// use otpgate::transport::{InFlightLimit, OutboundSms, SmsTransport};
///
/// # let (provider, handle) = ScriptedTransport::new();
/// let transport = InFlightLimit::new(provider, 64);
/// let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
/// assert!(block_on(transport.hand_off(&sms)).is_ok());
/// assert_eq!(transport.in_flight(), 0);
/// ```
#[derive(Debug)]
pub struct InFlightLimit<T> {
    inner: T,
    most: NonZeroUsize,
    now: AtomicUsize,
}

impl<T: SmsTransport> InFlightLimit<T> {
    /// At most `most` texts at once; 0 counts as 1.
    pub fn new(inner: T, most: usize) -> Self {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        Self { inner, most, now: AtomicUsize::new(0) }
    }

    /// How many are under way.
    pub fn in_flight(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Option<Place<'_>> {
        let add = |now: usize| (now < self.most.get()).then(|| now.saturating_add(1));
        self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Place(&self.now))
    }
}

/// One text under way. Dropped with the call, also when the caller gives up.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for InFlightLimit<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let Some(_place) = self.enter() else {
            let cause = format!("{} texts are on their way already", self.most);
            return Err(HandoffError::not_sent(cause)
                .by("in-flight limit")
                .remedy("raise the cap if the provider allows it, or add a provider")
                .retry_after(PAUSE));
        };
        self.inner.hand_off(sms).await
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.inner.ready().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::transport::{ScriptedProvider, conformance};
    use crate::testing::{Reply, ScriptedTransport, block_on, polled};
    use crate::transport::HandoffErrorKind;

    fn sms() -> OutboundSms {
        OutboundSms::for_test("+4915112345678", "text", [1; 16])
    }

    #[tokio::test]
    async fn the_text_above_the_cap_is_not_sent_and_a_dropped_one_leaves_its_place() {
        let (provider, handle) = ScriptedTransport::new();
        let limit = InFlightLimit::new(provider, 1);
        handle.reply(Reply::Hang);
        let hanging = sms();
        let mut first = limit.hand_off(&hanging);
        assert!(polled(&mut first).await.is_pending());
        assert_eq!(limit.in_flight(), 1);
        let error = limit.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::NotSent);
        assert_eq!(error.pause(), Some(PAUSE));
        drop(first);
        assert!(limit.hand_off(&sms()).await.is_ok());
        assert_eq!(limit.in_flight(), 0);
    }

    #[test]
    fn it_is_a_transport_like_any_other() {
        let wrapped =
            || async { ScriptedProvider::wrapped(|inner| Box::new(InFlightLimit::new(inner, 0))) };
        block_on(conformance(wrapped)).assert();
    }
}
