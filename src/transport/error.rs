//! [`HandoffError`]: why a text was not, or perhaps not, handed off.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ErrorRow;

/// What is known about a text whose hand-off failed, and so what the gate does next.
///
/// A transport that tries another provider may do so after `NotSent` alone:
///
/// ```
/// use otpgate::transport::{HandoffError, HandoffErrorKind};
///
/// let next = |error: &HandoffError| error.kind() == HandoffErrorKind::NotSent;
/// assert!(next(&HandoffError::not_sent("connection refused")));
/// assert!(!next(&HandoffError::indeterminate("no answer within 10 seconds")), "it may arrive twice");
/// assert!(!next(&HandoffError::refused("opted out")), "the answer is about the number");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HandoffErrorKind {
    /// The provider provably did not accept the text. The gate gives back the money and all limits,
    /// voids the code and answers with an error; a fail-over may try another provider.
    NotSent,
    /// The provider said no for good: the number does not exist, has opted out, is blocked. The
    /// gate gives back the money and the number's limits, voids the code and does not try again. The
    /// client's limits stay charged, or probing for numbers would be free.
    Refused,
    /// The text may have gone out. The gate gives nothing back, keeps the code good and does not
    /// try again.
    Indeterminate,
}

/// What a provider reported about a number, and so about every later text to it. Worth remembering:
/// the next text to the number would be paid for, or refused, in the same way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NumberFault {
    /// It is no number of a subscriber.
    Invalid,
    /// It takes no texts: a landline, a machine, a short code.
    NotMobile,
    /// It is not in service any more.
    Disconnected,
    /// Its owner asked for no more texts from this sender (`STOP`).
    OptedOut,
    /// Provider or network block it.
    Barred,
}

impl fmt::Display for NumberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "no number of a subscriber",
            Self::NotMobile => "taking no texts",
            Self::Disconnected => "out of service",
            Self::OptedOut => "opted out",
            Self::Barred => "blocked by provider or network",
        })
    }
}

/// A failed hand-off. Holds neither the number nor the text nor a credential.
///
/// ```
/// use std::error::Error;
/// use otpgate::transport::{HandoffError, HandoffErrorKind};
///
/// let cause = std::io::Error::from(std::io::ErrorKind::TimedOut);
/// let error = HandoffError::indeterminate(cause);
/// assert_eq!(error.kind(), HandoffErrorKind::Indeterminate);
/// assert!(error.source().unwrap().is::<std::io::Error>());
/// ```
///
/// An adapter says who failed, why, and what to do about it:
///
/// ```
/// use std::time::Duration;
/// use otpgate::transport::{HandoffError, HandoffErrorKind};
///
/// let error = HandoffError::not_sent("error 20003, the credentials are not accepted")
///     .by("twilio")
///     .remedy("check the account SID and its token")
///     .alert_all();
/// assert_eq!(error.kind(), HandoffErrorKind::NotSent);
/// assert_eq!(
///     error.to_string(),
///     "twilio: error 20003, the credentials are not accepted; the text was not sent; \
///      check the account SID and its token"
/// );
/// assert!(error.needs_operator() && error.fails_every_text());
///
/// let busy = HandoffError::not_sent("too many requests").retry_after(Duration::from_secs(2));
/// assert_eq!(busy.pause(), Some(Duration::from_secs(2)));
/// ```
pub struct HandoffError {
    kind: HandoffErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
    details: Option<Box<Details>>,
}

#[derive(Clone, Default)]
struct Details {
    provider: Option<&'static str>,
    code: Option<Cow<'static, str>>,
    remedy: Option<Cow<'static, str>>,
    pause: Option<Duration>,
    number_fault: Option<NumberFault>,
    alert: bool,
    every_text: bool,
    one_text: bool,
    passed_over: Vec<Arc<HandoffError>>,
}

impl HandoffError {
    /// Provider, cause, what came of it, and remedy.
    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>, result: &str) -> fmt::Result {
        let details = self.details.as_ref();
        let provider = details.and_then(|details| details.provider).unwrap_or("provider");
        write!(f, "{provider}: {}; {result}", self.source)?;
        let remedy = details.and_then(|details| details.remedy.as_ref());
        remedy.map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }

    /// The text was provably not accepted.
    pub fn not_sent(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(HandoffErrorKind::NotSent, source)
    }

    /// The provider refused the text for good.
    pub fn refused(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(HandoffErrorKind::Refused, source)
    }

    /// The text may have gone out: the kind for everything unknown.
    pub fn indeterminate(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(HandoffErrorKind::Indeterminate, source)
    }

    /// An error of this kind.
    pub fn new(
        kind: HandoffErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, source: source.into(), details: None }
    }

    /// The error that a row of `provider`'s table describes.
    #[must_use]
    pub fn of_row(provider: &'static str, row: &ErrorRow) -> Self {
        // `HTTP 401` says itself what it is.
        let word = if row.code.starts_with("HTTP") { "" } else { "error " };
        let mut error = Self::new(row.kind, format!("{word}{}, {}", row.code, row.meaning))
            .by(provider)
            .code(row.code)
            .remedy(row.remedy);
        let details = error.details();
        (details.alert, details.every_text) = (row.alert, row.every_text);
        (details.one_text, details.number_fault) = (row.one_text, row.number_fault);
        error
    }

    /// Names the provider.
    #[must_use]
    pub fn by(mut self, provider: &'static str) -> Self {
        self.details().provider = Some(provider);
        self
    }

    /// Adds the provider's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.details().code = Some(code.into());
        self
    }

    /// Says what to do about it. Neither a number nor a secret belongs in it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.details().remedy = Some(remedy.into());
        self
    }

    /// Adds how long the provider asks to wait.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.details().pause = Some(pause);
        self
    }

    /// As [`Handoff::passing_over`](super::Handoff::passing_over): what those said that were asked before.
    #[must_use]
    pub fn passing_over(mut self, errors: impl IntoIterator<Item = Self>) -> Self {
        self.details().passed_over.splice(..0, errors.into_iter().map(Arc::new));
        self
    }

    /// As [`Handoff::passed_over`](super::Handoff::passed_over), where the next one refused the number or left
    /// the text in doubt. Where nobody took it, the error itself says what each of them said.
    pub fn passed_over(&self) -> &[Arc<Self>] {
        self.details.as_ref().map_or(&[], |details| &details.passed_over)
    }

    /// Says that it stays so until an operator acts: a country that is not enabled, a sender that is
    /// not registered.
    #[must_use]
    pub fn alert(mut self) -> Self {
        self.details().alert = true;
        self
    }

    /// Says that it stays so for every text until an operator acts, whatever its number, country and
    /// sender: wrong credentials, no credit.
    #[must_use]
    pub fn alert_all(mut self) -> Self {
        self.details().every_text = true;
        self.alert()
    }

    /// Says that it tells of this text or its number alone, and nothing about the provider: a handset
    /// that is off, a network that filters.
    #[must_use]
    pub fn one_text(mut self) -> Self {
        self.details().one_text = true;
        self
    }

    /// Adds what it tells about the number.
    #[must_use]
    pub fn about_number(mut self, fault: NumberFault) -> Self {
        self.details().number_fault = Some(fault);
        self
    }

    /// What is known about the text.
    pub fn kind(&self) -> HandoffErrorKind {
        self.kind
    }

    /// Which provider failed, if the transport says so.
    pub fn provider(&self) -> Option<&'static str> {
        self.details.as_ref()?.provider
    }

    /// The provider's own code: a row of its table in `docs/providers.md`, as a rule.
    pub fn provider_code(&self) -> Option<&str> {
        self.details.as_ref()?.code.as_deref()
    }

    /// How long the provider asks to wait before the next text (`Retry-After`). No adapter waits by
    /// itself: a wrapper that backs off does.
    pub fn pause(&self) -> Option<Duration> {
        self.details.as_ref()?.pause
    }

    /// What it tells about the number, and so about later texts to it.
    pub fn number_fault(&self) -> Option<NumberFault> {
        self.details.as_ref()?.number_fault
    }

    /// Whether it stays so until an operator acts, for some texts or for all.
    pub fn needs_operator(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.alert)
    }

    /// Whether every text will fail so until an operator acts, whatever its number, country and
    /// sender. A [`CircuitBreaker`](super::CircuitBreaker) opens at once.
    pub fn fails_every_text(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.every_text)
    }

    /// Whether it tells of this text or its number alone. A [`CircuitBreaker`](super::CircuitBreaker)
    /// counts it as nothing.
    pub fn tells_of_one_text(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.one_text)
    }

    fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }
}

impl fmt::Display for HandoffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.details.is_none() {
            return f.write_str(match self.kind {
                HandoffErrorKind::NotSent => {
                    "the provider did not accept the text; nothing was spent; see the cause and retry"
                }
                HandoffErrorKind::Refused => {
                    "the provider refused the text for good; nothing was spent; ask for another number"
                }
                HandoffErrorKind::Indeterminate => {
                    "the text may have gone out; wait for it, and resend only when the interval is over"
                }
            });
        }
        let result = match self.kind {
            HandoffErrorKind::NotSent => "the text was not sent",
            HandoffErrorKind::Refused => "the text was refused for good",
            HandoffErrorKind::Indeterminate => "the text may have gone out",
        };
        self.describe(f, result)
    }
}

impl std::error::Error for HandoffError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

crate::base::sentence::debug_as_sentence!(HandoffError);
