//! [`HandoffError`]: why a text was not, or perhaps not, handed off.

use std::error::Error as StdError;
use std::fmt;

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

/// A failed hand-off. Holds neither the number nor the text.
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
pub struct HandoffError {
    kind: HandoffErrorKind,
    source: Box<dyn StdError + Send + Sync>,
}

impl HandoffError {
    /// The text was provably not accepted.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: HandoffErrorKind::NotSent, source: source.into() }
    }

    /// The provider refused the text for good.
    pub fn refused(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: HandoffErrorKind::Refused, source: source.into() }
    }

    /// The text may have gone out: the kind for everything unknown.
    pub fn indeterminate(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: HandoffErrorKind::Indeterminate, source: source.into() }
    }

    /// What is known about the text.
    #[must_use]
    pub fn kind(&self) -> HandoffErrorKind {
        self.kind
    }
}

impl fmt::Debug for HandoffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandoffError")
            .field("kind", &self.kind)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for HandoffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            HandoffErrorKind::NotSent => {
                "the provider did not accept the text; nothing was spent; see the cause and retry"
            }
            HandoffErrorKind::Refused => {
                "the provider refused the text for good; nothing was spent; ask for another number"
            }
            HandoffErrorKind::Indeterminate => {
                "the text may have gone out; wait for it, and resend only when the interval is over"
            }
        })
    }
}

impl StdError for HandoffError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
