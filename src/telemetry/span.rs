//! Spans around the gate's verbs and its calls to plug-ins; nothing at all without the feature
//! `tracing`.

use std::future::Future;

#[cfg(feature = "tracing")]
use super::label;
use crate::error::GateError;
use crate::event::Event;
use crate::human::HumanVerdict;
use crate::outcome::{Cleared, Entry, RefusalReason, Sent, Verified};
use crate::store::{Admitted, Redeemed, Tallies, Verdict};
use crate::token::SendTicket;
use crate::transport::signals::{Signals, SignalsError, SignalsErrorKind};
use crate::transport::{Handoff, HandoffError, HandoffErrorKind};

/// What a span can be about; each has a name of its own.
macro_rules! verbs {
    ($($verb:ident = $name:literal at $level:ident;)+) => {
        // Without `totp` nobody asks for an authenticator's code.
        #[cfg_attr(not(feature = "totp"), allow(dead_code))]
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Verb { $($verb,)+ }

        /// The names of all spans.
        ///
        /// ```
        /// assert!(otpgate::telemetry::SPANS.contains(&"otpgate.issue"));
        /// ```
        #[cfg(feature = "tracing")]
        pub const SPANS: &[&str] = &[$($name,)+];

        #[cfg(feature = "tracing")]
        fn open(verb: Verb) -> tracing::Span {
            use tracing::field::Empty;
            match verb {
                $(Verb::$verb => tracing::span!(
                    target: "otpgate",
                    tracing::Level::$level,
                    $name,
                    "otpgate.realm" = Empty,
                    "otpgate.purpose" = Empty,
                    "otpgate.region" = Empty,
                    "otpgate.channel" = Empty,
                    "otpgate.outcome" = Empty,
                    "otpgate.reason" = Empty,
                    "otpgate.detail" = Empty,
                ),)+
            }
        }
    };
}

verbs! {
    Preflight = "otpgate.preflight" at INFO;
    Clear = "otpgate.clear" at INFO;
    Authorise = "otpgate.authorise" at INFO;
    Issue = "otpgate.issue" at INFO;
    Decoy = "otpgate.decoy" at INFO;
    Entry = "otpgate.entry" at INFO;
    Resend = "otpgate.resend" at INFO;
    Verify = "otpgate.verify" at INFO;
    Authenticator = "otpgate.verify_authenticator" at INFO;
    Receipt = "otpgate.receipt" at INFO;
    Admit = "otpgate.store.admit" at DEBUG;
    Settle = "otpgate.store.settle" at DEBUG;
    Redeem = "otpgate.store.redeem" at DEBUG;
    Tally = "otpgate.store.tally" at DEBUG;
    HandOff = "otpgate.hand_off" at DEBUG;
    HumanCheck = "otpgate.human_check" at DEBUG;
    LookUp = "otpgate.look_up" at DEBUG;
}

/// The fields of the spans. Purposes and realms are the host's own names; all others are closed
/// lists of words.
///
/// ```
/// assert!(otpgate::telemetry::FIELDS.contains(&"otpgate.outcome"));
/// ```
#[cfg(feature = "tracing")]
pub const FIELDS: &[&str] = &[
    "otpgate.realm",
    "otpgate.purpose",
    "otpgate.region",
    "otpgate.channel",
    "otpgate.outcome",
    "otpgate.reason",
    "otpgate.detail",
];

/// A span that is open or will be; nothing without the feature.
#[must_use = "it is about what it is laid over"]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(not(feature = "tracing"))]
impl Span {
    pub(crate) fn of(_: Verb) -> Self {
        Self {}
    }

    pub(crate) fn with(self, _: &'static str, _: &str) -> Self {
        self
    }

    /// The future itself: one around it would be as large again, and be moved once more.
    pub(crate) fn over<T: Outcome, F: Future<Output = T>>(self, future: F) -> F {
        future
    }

    pub(crate) fn over_call<T: Outcome>(self, call: impl FnOnce() -> T) -> T {
        call()
    }
}

#[cfg(feature = "tracing")]
impl Span {
    pub(crate) fn of(verb: Verb) -> Self {
        Self { span: open(verb) }
    }

    /// Records a field that is known from the start.
    pub(crate) fn with(self, field: &'static str, word: &str) -> Self {
        self.span.record(field, word);
        self
    }

    /// Runs `future` inside and records what came of it.
    pub(crate) async fn over<T: Outcome>(self, future: impl Future<Output = T>) -> T {
        let answer = tracing::Instrument::instrument(future, self.span.clone()).await;
        self.came_to(&answer);
        answer
    }

    /// The same for a call that never waits.
    pub(crate) fn over_call<T: Outcome>(self, call: impl FnOnce() -> T) -> T {
        let answer = self.span.in_scope(call);
        self.came_to(&answer);
        answer
    }

    fn came_to(&self, answer: &impl Outcome) {
        self.span.record("otpgate.outcome", answer.outcome());
        if let Some(reason) = answer.reason() {
            record_reason(&self.span, label::reason(reason));
        }
    }
}

#[cfg(feature = "tracing")]
fn record_reason(span: &tracing::Span, [reason, detail]: [&'static str; 2]) {
    span.record("otpgate.reason", reason);
    span.record("otpgate.detail", detail);
}

/// Adds what an event knows to the verb's span: it is told inside of it.
#[cfg(not(feature = "tracing"))]
pub(crate) fn note(_: &Event) {}

/// Adds what an event knows to the verb's span: it is told inside of it.
#[cfg(feature = "tracing")]
pub(crate) fn note(event: &Event) {
    use crate::event::EventKind;
    let span = tracing::Span::current();
    if span.is_disabled() {
        return;
    }
    if let Some(purpose) = &event.purpose {
        span.record("otpgate.purpose", purpose.as_str());
    }
    if let Some(region) = &event.region {
        span.record("otpgate.region", region.as_str());
    }
    match &event.kind {
        EventKind::Rejected { cause } => record_reason(&span, [label::cause(*cause), label::NONE]),
        // The answer says "sent"; only this says that nothing was.
        EventKind::QuietlyRefused { reason } | EventKind::WouldRefuse { reason } => {
            record_reason(&span, label::reason(reason));
        }
        EventKind::Sent { channel, .. } => {
            span.record("otpgate.channel", label::channel(*channel));
        }
        _ => {}
    }
}

/// What came of a call, in one word.
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
pub(crate) trait Outcome {
    fn outcome(&self) -> &'static str;

    fn reason(&self) -> Option<&RefusalReason> {
        None
    }
}

impl<T: Outcome> Outcome for Result<T, GateError> {
    fn outcome(&self) -> &'static str {
        match self {
            Ok(answer) => answer.outcome(),
            Err(error) => error.kind().word(),
        }
    }

    fn reason(&self) -> Option<&RefusalReason> {
        self.as_ref().ok().and_then(Outcome::reason)
    }
}

impl Outcome for () {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl Outcome for SendTicket {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl Outcome for Cleared {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Passed(_) => "cleared",
            Self::StepUp(_) => "step_up",
            Self::Refused(_) => "refused",
        }
    }

    fn reason(&self) -> Option<&RefusalReason> {
        match self {
            Self::Passed(_) => None,
            Self::StepUp(step_up) => Some(step_up.reason()),
            Self::Refused(refusal) => Some(refusal.reason()),
        }
    }
}

impl Outcome for Sent {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Issued(_) => "sent",
            Self::StepUp(_) => "step_up",
            Self::Refused(_) => "refused",
        }
    }

    fn reason(&self) -> Option<&RefusalReason> {
        match self {
            Self::Issued(_) => None,
            Self::StepUp(step_up) => Some(step_up.reason()),
            Self::Refused(refusal) => Some(refusal.reason()),
        }
    }
}

impl Outcome for Entry {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Closed(_) => "closed",
        }
    }
}

impl Outcome for Verified {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Rejected(_) => "rejected",
        }
    }
}

#[cfg(feature = "totp")]
impl Outcome for crate::outcome::AuthenticatorVerdict {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

impl Outcome for crate::outcome::ReceiptOutcome {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl Outcome for Admitted {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Granted { .. } => "granted",
            Self::Exhausted { .. } => "exhausted",
            _ => "not_granted",
        }
    }
}

impl Outcome for Redeemed {
    fn outcome(&self) -> &'static str {
        match self.verdict {
            Verdict::Accepted { .. } => "accepted",
            _ => "rejected",
        }
    }
}

impl Outcome for Tallies {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl Outcome for HumanVerdict {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "failed",
        }
    }
}

impl Outcome for Result<Handoff, HandoffError> {
    fn outcome(&self) -> &'static str {
        match self.as_ref().map_err(HandoffError::kind) {
            Ok(_) => "accepted",
            Err(HandoffErrorKind::NotSent) => "not_sent",
            Err(HandoffErrorKind::Refused) => "refused",
            Err(HandoffErrorKind::Indeterminate) => "indeterminate",
        }
    }
}

/// A look-up that may have met its deadline.
impl Outcome for Option<Result<Result<Signals, SignalsError>, GateError>> {
    fn outcome(&self) -> &'static str {
        match self {
            Some(Ok(Ok(_))) => "answered",
            Some(Ok(Err(error))) if error.kind() == SignalsErrorKind::NotAsked => "not_asked",
            Some(Ok(Err(_))) => "unknown",
            Some(Err(_)) => "plug_in",
            None => "too_late",
        }
    }
}
