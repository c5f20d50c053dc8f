//! [`FailOver`]: the next provider takes what the first provably did not.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms, SmsTransport};

/// Providers in order. A text goes to the next one only if the one before provably did not accept
/// it, so that no text is paid for twice.
///
/// A refusal ([`Refused`](HandoffErrorKind::Refused)) speaks about the number and ends the attempt, as
/// does an outcome that nobody knows ([`Indeterminate`](HandoffErrorKind::Indeterminate)).
///
/// What the providers before said stands in [`Handoff::passed_over`], or in
/// [`HandoffError::passed_over`] if the next one refused: a gate tells its observer of each that needs
/// an operator, so that a revoked key is noticed while the next provider still works.
///
/// ```
/// # use otpgate::testing::{Reply, ScriptedTransport, block_on};
/// use otpgate::transport::{FailOver, HandoffErrorKind, OutboundSms, SmsTransport};
///
/// # let ((one, first), (two, second)) = (ScriptedTransport::new(), ScriptedTransport::new());
/// let transport = FailOver::new(one).then(two);
/// let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
///
/// first.reply(Reply::NotSent); // refused the connection: the second takes it
/// let handoff = block_on(transport.hand_off(&sms)).unwrap();
/// assert_eq!((first.delivered().len(), second.delivered().len()), (0, 1));
/// assert_eq!(handoff.passed_over()[0].kind(), HandoffErrorKind::NotSent);
///
/// first.reply(Reply::LostAnswer); // it may have gone out: nobody else sends it
/// let error = block_on(transport.hand_off(&sms)).unwrap_err();
/// assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
/// assert_eq!(second.delivered().len(), 1);
/// ```
#[derive(Debug)]
pub struct FailOver {
    providers: Vec<Arc<dyn SmsTransport>>,
}

impl FailOver {
    /// Starts with `first`.
    #[must_use]
    pub fn new(first: impl SmsTransport) -> Self {
        Self { providers: vec![Arc::new(first)] }
    }

    /// Adds the provider that takes what all before it did not.
    #[must_use]
    pub fn then(mut self, next: impl SmsTransport) -> Self {
        self.providers.push(Arc::new(next));
        self
    }
}

#[async_trait]
impl SmsTransport for FailOver {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let mut failures = Vec::new();
        for provider in &self.providers {
            match provider.hand_off(sms).await {
                Err(error) if error.kind() == HandoffErrorKind::NotSent => failures.push(error),
                Err(error) => return Err(error.passing_over(failures)),
                Ok(handoff) => return Ok(handoff.passing_over(failures)),
            }
        }
        Err(nobody_took_it(failures))
    }

    /// All of them: a second provider without credentials would be missed only when it is needed.
    async fn ready(&self) -> Result<(), HandoffError> {
        for provider in &self.providers {
            provider.ready().await?;
        }
        Ok(())
    }
}

/// One error for all. It asks to wait only if every provider does, and no longer than the first of
/// them needs.
fn nobody_took_it(failures: Vec<HandoffError>) -> HandoffError {
    let alert = failures.iter().any(HandoffError::needs_operator);
    // One that takes other texts is enough for those.
    let every_text = failures.iter().all(HandoffError::fails_every_text);
    let pauses: Option<Vec<_>> = failures.iter().map(HandoffError::pause).collect();
    let pause = pauses.and_then(|pauses| pauses.into_iter().min());
    let error = HandoffError::not_sent(NobodyTookIt(failures))
        .by("fail-over")
        .remedy("mend the cause of one of them, or add a provider");
    let error = match (every_text, alert) {
        (true, _) => error.alert_all(),
        (false, true) => error.alert(),
        (false, false) => error,
    };
    pause.into_iter().fold(error, HandoffError::retry_after)
}

struct NobodyTookIt(Vec<HandoffError>);

impl fmt::Display for NobodyTookIt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no provider accepted the text")?;
        self.0.iter().try_for_each(|failure| write!(f, " [{failure}]"))
    }
}

crate::base::sentence::debug_as_sentence!(NobodyTookIt);

impl std::error::Error for NobodyTookIt {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.first().map(|first| first as _)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::transport::{ScriptedProvider, conformance};
    use crate::testing::{Reply, ScriptedTransport, block_on};

    /// Always fails with what `make` makes.
    struct Failing<F>(F);

    impl<F> fmt::Debug for Failing<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Failing")
        }
    }

    #[async_trait]
    impl<F: Fn() -> HandoffError + Send + Sync + 'static> SmsTransport for Failing<F> {
        async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
            Err((self.0)())
        }
    }

    fn sms() -> OutboundSms {
        OutboundSms::for_test("+4915112345678", "text", [1; 16])
    }

    #[test]
    fn a_refusal_and_an_unknown_outcome_end_the_attempt() {
        for reply in [Reply::Refused, Reply::LostText, Reply::LostAnswer] {
            let ((one, first), (two, second)) =
                (ScriptedTransport::new(), ScriptedTransport::new());
            first.reply(reply);
            assert!(block_on(FailOver::new(one).then(two).hand_off(&sms())).is_err());
            assert_eq!(second.handed_off(), 0);
        }
    }

    #[test]
    fn the_error_names_every_provider_and_waits_for_the_first_that_is_ready() {
        let busy = |name, wait| {
            Failing(move || {
                HandoffError::not_sent("busy").by(name).retry_after(Duration::from_secs(wait))
            })
        };
        let both = FailOver::new(busy("one", 30)).then(busy("two", 5));
        let error = block_on(both.hand_off(&sms())).unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::NotSent);
        assert_eq!(error.pause(), Some(Duration::from_secs(5)));
        assert!(!error.needs_operator());
        let shown = error.to_string();
        assert!(shown.contains("one: busy") && shown.contains("two: busy"), "{shown}");

        let broken = Failing(|| HandoffError::not_sent("wrong key").by("three").alert());
        let error = block_on(both.then(broken).hand_off(&sms())).unwrap_err();
        assert_eq!(error.pause(), None, "the third may take the next text at once");
        assert!(error.needs_operator() && !error.fails_every_text());

        let revoked = || Failing(|| HandoffError::not_sent("wrong key").alert_all());
        let error = block_on(FailOver::new(revoked()).then(revoked()).hand_off(&sms()));
        assert!(error.unwrap_err().fails_every_text());
    }

    #[test]
    fn it_is_a_transport_like_any_other() {
        let wrapped =
            || async { ScriptedProvider::wrapped(|inner| Box::new(FailOver::new(inner))) };
        block_on(conformance(wrapped)).assert();
    }
}
