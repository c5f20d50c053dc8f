//! [`GateError`]: an outage, never an answer. [`ConfigError`]: a gate that cannot be built.

use std::fmt;

use crate::base::entropy::EntropyError;
use crate::base::sentence;
use crate::human::HumanCheckError;
use crate::message::{MessageFormatError, RenderError};
use crate::store::{StoreError, StoreErrorKind};
use crate::transport::HandoffError;
use crate::transport::signals::SignalsError;

/// What failed, and so what the host does next.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let clearance = shop.clearance().await;
/// # shop.outbox.reply(otpgate::testing::Reply::NotSent);
/// # let shop::Shop { gate, .. } = shop;
/// use otpgate::GateErrorKind;
///
/// let error = gate.issue(clearance).await.unwrap_err(); // the provider cannot be reached
/// let (status, wake_somebody) = match error.kind() {
///     GateErrorKind::HandOff | GateErrorKind::HumanCheck => (503, false),
///     _ => (503, true), // the store, the templates, a bug
/// };
/// assert_eq!((status, wake_somebody), (503, false));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GateErrorKind {
    /// The store gave no answer. Nothing was sent or accepted. Show "try again in a moment".
    Store,
    /// The store is full of live state. Nothing was sent or accepted. Raise its capacity.
    StoreFull,
    /// This host's clock and the store's are too far apart. Nothing was sent or accepted. The source
    /// names the distance; set the wrong clock by NTP. Calls pass again as soon as they agree.
    Clock,
    /// The human check could not be made. Nothing was sent. Show "try again in a moment".
    HumanCheck,
    /// The look-up of numbers lacks what it needs. Comes only from [`Gate::ready`](crate::Gate::ready): in
    /// a running gate the policy's `signals.without_answer` decides.
    LookUp,
    /// The operating system gave no random bytes. Nothing was sent.
    Entropy,
    /// The text did not come back from its own parser as it should. Nothing was sent. Fix the
    /// message's templates or the transaction's fields.
    Message,
    /// The provider provably did not accept the text. The money and all limits are given back; the
    /// user may ask again at once, from a new page. Where an outage would tell something about the number, it is
    /// no error: see [`ModePolicy::decoys`](crate::policy::ModePolicy::decoys).
    HandOff,
    /// The store or the human check panicked. Nothing was sent or accepted. A transport that panics is
    /// no error: the text may have gone out, so it is an [`Issued`](crate::Issued) that is not
    /// [confirmed](crate::Issued::confirmed).
    Panic,
}

/// An outage: the gate could not decide, so it refused (it fails closed).
///
/// Holds no number and no code. What a client did wrong is not an error but an outcome:
/// [`Refusal`](crate::Refusal), [`Rejection`](crate::Rejection).
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let clearance = shop.clearance().await;
/// # shop.outbox.reply(otpgate::testing::Reply::NotSent);
/// # let shop::Shop { gate, .. } = shop;
/// use std::error::Error;
///
/// let error = gate.issue(clearance).await.unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the provider did not accept the text; nothing was spent; retry or switch provider",
/// );
/// assert!(error.source().is_some(), "the transport's own error, for the log");
/// # Ok(())
/// # });
/// ```
pub struct GateError {
    kind: GateErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl GateError {
    pub(crate) fn panic() -> Self {
        Self { kind: GateErrorKind::Panic, source: None }
    }

    pub(crate) fn new(
        kind: GateErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// What failed.
    pub fn kind(&self) -> GateErrorKind {
        self.kind
    }
}

impl GateErrorKind {
    /// One word for spans: the part that failed.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::StoreFull => "store_full",
            Self::Clock => "clock",
            Self::HumanCheck => "human_check",
            Self::LookUp => "look_up",
            Self::Entropy => "entropy",
            Self::Message => "text",
            Self::HandOff => "hand_off",
            Self::Panic => "plug_in",
        }
    }

    /// The part that failed, as an operator calls it.
    const fn part(self) -> &'static str {
        match self {
            Self::Store | Self::StoreFull => "store",
            Self::Clock => "clock",
            Self::HumanCheck => "human check",
            Self::LookUp => "look-up",
            Self::Entropy => "random generator",
            Self::Message => "message",
            Self::HandOff => "transport",
            Self::Panic => "plug-in",
        }
    }
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            GateErrorKind::Store => {
                "the store gave no answer, so nothing was sent or accepted; check the store, retry"
            }
            GateErrorKind::StoreFull => {
                "the store is full, so nothing was sent or accepted; raise its capacity"
            }
            GateErrorKind::Clock => {
                "this host's clock and the store's disagree, so nothing was sent or accepted; set it by NTP"
            }
            GateErrorKind::HumanCheck => {
                "the human check could not be made, so nothing was sent; check its provider, retry"
            }
            GateErrorKind::LookUp => {
                "the look-up of numbers is not ready; nothing was asked; check its credentials"
            }
            GateErrorKind::Entropy => {
                "the operating system gave no random bytes, so nothing was sent; check its entropy source"
            }
            GateErrorKind::Message => {
                "the text does not have its exact form, so it was not sent; fix the template or fields"
            }
            GateErrorKind::HandOff => {
                "the provider did not accept the text; nothing was spent; retry or switch provider"
            }
            GateErrorKind::Panic => {
                "a plug-in panicked, so nothing was accepted; see its panic message and fix it"
            }
        })
    }
}

impl std::error::Error for GateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<StoreError> for GateError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Full => GateErrorKind::StoreFull,
            StoreErrorKind::Clock => GateErrorKind::Clock,
            _ => GateErrorKind::Store,
        };
        Self::new(kind, error)
    }
}

impl From<EntropyError> for GateError {
    fn from(error: EntropyError) -> Self {
        Self::new(GateErrorKind::Entropy, error)
    }
}

impl From<RenderError> for GateError {
    fn from(error: RenderError) -> Self {
        Self::new(GateErrorKind::Message, error)
    }
}

impl From<HumanCheckError> for GateError {
    fn from(error: HumanCheckError) -> Self {
        Self::new(GateErrorKind::HumanCheck, error)
    }
}

impl From<SignalsError> for GateError {
    fn from(error: SignalsError) -> Self {
        Self::new(GateErrorKind::LookUp, error)
    }
}

impl From<HandoffError> for GateError {
    fn from(error: HandoffError) -> Self {
        Self::new(GateErrorKind::HandOff, error)
    }
}

/// A gate that cannot be built. Comes only from [`build`](crate::GateBuilder::build) and
/// [`Policy::check`](crate::Policy::check).
///
/// ```
/// use otpgate::{ConfigError, Gate, Policy};
///
/// let Err(ConfigError::Missing(parts)) = Gate::builder().build() else { panic!("six are missing") };
/// assert_eq!(parts, ["keys", "store", "transport", "brand", "countries", "daily_budget"]);
///
/// let mut policy = Policy::default();
/// policy.code.attempts = 0;
/// assert_eq!(
///     policy.check().unwrap_err().to_string(),
///     "`code.attempts` is 0, but must be 1 to 10 (ASVS 6.6.3)",
/// );
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Parts without a sensible default were not given: the methods of
    /// [`GateBuilder`](crate::GateBuilder) that give them, all of those missing at once.
    #[error("the gate lacks parts; give them with `GateBuilder::{}`", .0.join("`, `"))]
    Missing(Vec<&'static str>),
    /// A value breaks a rule.
    #[error("`{field}` is {value}, but must be {rule}")]
    Rule {
        /// The field of the policy or the part of the builder.
        field: &'static str,
        /// The value found.
        value: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The brand or the origin makes no text.
    #[error(transparent)]
    Message(MessageFormatError),
    /// The gate's own name could not be drawn.
    #[error(transparent)]
    Entropy(EntropyError),
}

impl ConfigError {
    pub(crate) fn rule(field: &'static str, value: impl fmt::Display, rule: &'static str) -> Self {
        Self::Rule { field, value: value.to_string(), rule }
    }
}

/// A gate that could not send a text now: what [`Gate::ready`](crate::Gate::ready) found.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |_| {
/// use otpgate::human::NoHumanCheck;
///
/// let gate = shop::parts().human_check(NoHumanCheck).build()?;
/// let error = gate.ready().await.unwrap_err();
/// assert_eq!(error.causes().len(), 1);
/// assert!(error.to_string().starts_with("the gate is not ready; human check: "), "{error}");
/// # Ok(())
/// # });
/// ```
pub struct NotReady(Vec<GateError>);

impl NotReady {
    pub(crate) fn new(causes: Vec<GateError>) -> Self {
        Self(causes)
    }

    /// Every part that failed, the store first.
    #[must_use]
    pub fn causes(&self) -> &[GateError] {
        &self.0
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gate is not ready")?;
        for cause in &self.0 {
            write!(f, "; {}: ", cause.kind.part())?;
            match &cause.source {
                Some(source) => sentence::write(&**source, f)?,
                None => write!(f, "{cause}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for NotReady {}

sentence::debug_as_sentence!(ConfigError, GateError, NotReady);
