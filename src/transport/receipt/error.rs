//! [`ReceiptError`]: why a receipt is not believed.

use std::fmt;

/// What is wrong with a receipt, and so what to answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReceiptErrorKind {
    /// It has no signature, or no token, where it must have one. Answer 403.
    Unsigned,
    /// Its signature or token is not the provider's, or it is of another kind than configured.
    /// Answer 403.
    Forged,
    /// It was signed too long ago, or in the future. Answer 403.
    Stale,
    /// It is genuine and cannot be read. Answer 400: the provider will try again.
    Malformed,
    /// The secrets to check it with could not be read. Answer 503: the provider will try again.
    NoSecret,
}

impl ReceiptErrorKind {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unsigned | Self::Forged | Self::Stale => 403,
            Self::Malformed => 400,
            Self::NoSecret => 503,
        }
    }
}

/// A receipt that is not believed. Holds nothing of the request.
///
/// ```
/// use otpgate::transport::{ReceiptError, ReceiptErrorKind};
///
/// let error = ReceiptError::new("twilio", ReceiptErrorKind::Forged, "check the auth token");
/// assert_eq!(error.kind().status(), 403);
/// assert_eq!(
///     error.to_string(),
///     "twilio: the receipt's signature or token is wrong; check the auth token"
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReceiptError {
    provider: &'static str,
    kind: ReceiptErrorKind,
    remedy: &'static str,
}

impl ReceiptError {
    /// A receipt of `provider` is not believed. `remedy` says what to look at if it was genuine.
    #[must_use]
    pub const fn new(provider: &'static str, kind: ReceiptErrorKind, remedy: &'static str) -> Self {
        Self { provider, kind, remedy }
    }

    /// What is wrong.
    pub const fn kind(&self) -> ReceiptErrorKind {
        self.kind
    }

    /// Whose receipt it claims to be.
    pub const fn provider(&self) -> &'static str {
        self.provider
    }
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ReceiptErrorKind::Unsigned => "the receipt is not signed",
            ReceiptErrorKind::Forged => "the receipt's signature or token is wrong",
            ReceiptErrorKind::Stale => "the receipt was not signed within five minutes of now",
            ReceiptErrorKind::Malformed => "the receipt is genuine and cannot be read",
            ReceiptErrorKind::NoSecret => "the secrets to check receipts with cannot be read",
        };
        write!(f, "{}: {what}; {}", self.provider, self.remedy)
    }
}

impl std::error::Error for ReceiptError {}

crate::base::sentence::debug_as_sentence!(ReceiptError);
