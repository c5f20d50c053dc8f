//! [`HttpError`]: why there is no answer, and whether the request can have been read.

use std::fmt;

/// What is known about a request that got no complete answer.
///
/// ```
/// use otpgate::http::HttpErrorKind;
///
/// assert!(HttpErrorKind::Unreachable.is_unsent());
/// assert!(!HttpErrorKind::TimedOut.is_unsent(), "it may have been read");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The request was provably not written in full: the name did not resolve, the connection was
    /// refused or timed out, TLS failed.
    Unreachable,
    /// The request could not be built: a header has a control byte, or the URL is not one.
    Invalid,
    /// The connection ended before the answer did. The request may have been read.
    Interrupted,
    /// The deadline passed before the answer was complete. The request may have been read.
    TimedOut,
    /// The answer is larger than the client accepts. The request was read.
    TooLarge,
}

impl HttpErrorKind {
    /// Whether the other side provably did not get the request.
    #[must_use]
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::Unreachable | Self::Invalid)
    }
}

/// No complete answer. Holds nothing of the request but its host.
///
/// ```
/// use std::error::Error;
/// use otpgate::http::{HttpError, HttpErrorKind};
///
/// let error = HttpError::unreachable(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
/// assert_eq!(error.kind(), HttpErrorKind::Unreachable);
/// assert!(error.to_string().starts_with("the server cannot be reached: connection refused; check"));
/// assert!(error.source().unwrap().is::<std::io::Error>());
/// ```
pub struct HttpError {
    kind: HttpErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl HttpError {
    /// The request was provably not written in full.
    pub fn unreachable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: HttpErrorKind::Unreachable, source: source.into() }
    }

    /// The request could not be made.
    pub fn invalid(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: HttpErrorKind::Invalid, source: source.into() }
    }

    /// The connection ended before the answer did.
    pub fn interrupted(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: HttpErrorKind::Interrupted, source: source.into() }
    }

    /// The deadline passed before the answer was complete.
    pub fn timed_out(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: HttpErrorKind::TimedOut, source: source.into() }
    }

    /// The answer is larger than the client accepts.
    pub fn too_large(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: HttpErrorKind::TooLarge, source: source.into() }
    }

    /// What is known about the request.
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self.kind {
            HttpErrorKind::Unreachable => (
                "the server cannot be reached",
                "check its address, and this machine's DNS, firewall and CA certificates",
            ),
            HttpErrorKind::Invalid => {
                ("the request could not be made", "check the address and the credentials")
            }
            HttpErrorKind::Interrupted => (
                "the connection ended before the answer",
                "the server may have taken the request: ask it before you repeat it",
            ),
            HttpErrorKind::TimedOut => (
                "no complete answer before the deadline",
                "the server may have taken the request: see its status page, or allow more time",
            ),
            HttpErrorKind::TooLarge => (
                "the answer is too large",
                "see that the address is the provider's interface and not a page for people",
            ),
        };
        // The innermost cause says what happened; those around it say "error sending request".
        let mut cause: &(dyn std::error::Error + 'static) = &*self.source;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        write!(f, "{what}: {cause}; {cure}")
    }
}

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

crate::base::sentence::debug_as_sentence!(HttpError);
