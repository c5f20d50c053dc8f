//! [`Refusal`]: no text, with one answer for the log and another for the client.

use std::fmt;
use std::time::Duration;

use crate::access::{CallerError, DestinationRefusal};
use crate::token::TokenError;

use super::LimitName;

/// A send is refused.
#[derive(Debug)]
pub struct Refusal {
    pub(crate) reason: RefusalReason,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) public_retry: Option<Duration>,
}

impl Refusal {
    /// Why, for the host's log and the operator.
    #[must_use]
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }

    /// When it may be tried again, to the millisecond; `None` if waiting does not help. For
    /// authenticated callers and logs.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the client may see: the same for everything an attacker could probe.
    #[must_use]
    pub fn public(&self) -> PublicRefusal {
        PublicRefusal { kind: self.reason.public_kind(), retry_after: self.public_retry }
    }
}

/// What the client may see of a refusal. Says nothing of which limit, list or suspicion it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicRefusal {
    kind: PublicRefusalKind,
    retry_after: Option<Duration>,
}

impl PublicRefusal {
    /// What the client can do.
    #[must_use]
    pub fn kind(&self) -> PublicRefusalKind {
        self.kind
    }

    /// For a `Retry-After` header: whole seconds, never too early, rounded up coarsely so that it
    /// does not name the limit.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The HTTP status that fits: 429 where waiting helps, 403 or 400 where it does not.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            PublicRefusalKind::TryLater => 429,
            PublicRefusalKind::ReloadPage | PublicRefusalKind::StartOver => 400,
            PublicRefusalKind::OtherNumber | PublicRefusalKind::OtherMethod => 403,
        }
    }
}

impl fmt::Display for PublicRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            PublicRefusalKind::ReloadPage => "Please reload the page and try again.",
            PublicRefusalKind::OtherNumber => "We cannot send codes to this number.",
            PublicRefusalKind::OtherMethod => "Codes by SMS are off; please use another method.",
            PublicRefusalKind::StartOver => "Please start again.",
            PublicRefusalKind::TryLater => "Please wait a while before you ask for another code.",
        })
    }
}

/// What the client can do about a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PublicRefusalKind {
    /// Load the page again: the form is too old, too new, altered or used.
    ReloadPage,
    /// Give another number.
    OtherNumber,
    /// Use another second factor.
    OtherMethod,
    /// Start the verification again.
    StartOver,
    /// Wait.
    TryLater,
}

/// Why a send is refused or needs a step-up. For logs, events and operators.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The front-end token does not hold.
    #[error("front-end token: {0}")]
    Token(#[source] TokenError),
    /// The front-end token, or the caller's request, was used before.
    #[error("the token was used before; load the page again for a new one")]
    TokenSpent,
    /// The caller's credential does not hold.
    #[error("caller: {0}")]
    Caller(#[source] CallerError),
    /// The destination policy says no.
    #[error("destination: {0}")]
    Destination(#[source] DestinationRefusal),
    /// An operator's entry says no.
    #[error("control {id}: {why}; lift it through `Gate::controls`")]
    Control {
        /// The entry.
        id: u64,
        /// Its reason.
        why: String,
    },
    /// An operator switched to known numbers only.
    #[error("only known numbers are served at the moment (control {id})")]
    KnownNumbersOnly {
        /// The entry.
        id: u64,
    },
    /// An operator switched SMS off.
    #[error("SMS is switched off; offer the authenticator app")]
    SmsOff,
    /// The human check was made and failed.
    #[error("the human check was not passed")]
    HumanCheckFailed,
    /// A limit is used up.
    #[error("limit reached: {0}")]
    Limit(LimitName),
    /// A money budget is used up.
    #[error("budget used up: {0}")]
    Budget(LimitName),
    /// The number's lane is shut after too many wrong codes.
    #[error("too many wrong codes for this number; pass a human check or use a known device")]
    TooManyFailures,
    /// The detector sees SMS pumping.
    #[error("pumping: {0}")]
    Pumping(String),
    /// The provider refused the number for good.
    #[error("the provider refused the number; ask for another")]
    NumberRefused,
    /// The verification that was to be renewed is over.
    #[error("the verification is accepted, locked, closed or not this client's; start again")]
    VerificationOver,
}

impl RefusalReason {
    pub(crate) fn public_kind(&self) -> PublicRefusalKind {
        match self {
            Self::Token(_) | Self::TokenSpent | Self::HumanCheckFailed => {
                PublicRefusalKind::ReloadPage
            }
            Self::Destination(_) | Self::NumberRefused => PublicRefusalKind::OtherNumber,
            Self::SmsOff => PublicRefusalKind::OtherMethod,
            Self::VerificationOver => PublicRefusalKind::StartOver,
            _ => PublicRefusalKind::TryLater,
        }
    }
}
