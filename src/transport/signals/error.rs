//! [`SignalsError`]: no answer, and whether it cost something.

use std::fmt;

use crate::transport::{HandoffError, HandoffErrorKind};

/// Whether a look-up that gave no answer was paid for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SignalsErrorKind {
    /// The provider provably was not asked, or charged nothing.
    NotAsked,
    /// It may have been paid for.
    Unknown,
}

/// The network said nothing of a number. Holds no number.
///
/// ```
/// use otpgate::transport::signals::{SignalsError, SignalsErrorKind};
///
/// let error = SignalsError::not_asked("connection refused");
/// assert_eq!(error.kind(), SignalsErrorKind::NotAsked);
/// assert!(error.to_string().starts_with("the network said nothing of the number: connection refused;"));
/// ```
pub struct SignalsError {
    kind: SignalsErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl SignalsError {
    /// Nothing was charged.
    pub fn not_asked(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: SignalsErrorKind::NotAsked, source: source.into() }
    }

    /// It may have been paid for.
    pub fn unknown(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: SignalsErrorKind::Unknown, source: source.into() }
    }

    /// Whether it was paid for.
    pub fn kind(&self) -> SignalsErrorKind {
        self.kind
    }
}

/// What the layer that adapters share says of a request: only what was not sent cost nothing.
impl From<HandoffError> for SignalsError {
    fn from(error: HandoffError) -> Self {
        match error.kind() {
            HandoffErrorKind::NotSent => Self::not_asked(Question(error)),
            _ => Self::unknown(Question(error)),
        }
    }
}

/// The failure of a request that was no text.
struct Question(HandoffError);

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(
            f,
            match self.0.kind() {
                HandoffErrorKind::NotSent => "nothing was charged",
                _ => "it may have been charged",
            },
        )
    }
}

impl std::error::Error for Question {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

crate::base::sentence::debug_as_sentence!(Question);

impl fmt::Display for SignalsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the network said nothing of the number: {}; see the provider's status page and what the policy's `signals.without_answer` does then",
            self.source
        )
    }
}

impl std::error::Error for SignalsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

crate::base::sentence::debug_as_sentence!(SignalsError);
