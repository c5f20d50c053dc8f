//! What a human check answers: a verdict, or the reason why there is none.

use std::error::Error;
use std::fmt;

use super::HumanPass;

/// What the service said. Exhaustive on purpose: there is no third answer.
///
/// What an adapter makes of the usual answer of a service:
///
/// ```
/// use otpgate::human::{HumanFailure, HumanPass, HumanVerdict};
///
/// fn verdict(success: bool, hostname: &str, codes: &[&str], pass: HumanPass) -> HumanVerdict {
///     match (success, hostname) {
///         (true, "shop.example") => HumanVerdict::Passed(pass),
///         (true, _) => HumanVerdict::Failed(HumanFailure::WrongSite),
///         _ if codes.contains(&"timeout-or-duplicate") => HumanVerdict::Failed(HumanFailure::Spent),
///         _ => HumanVerdict::Failed(HumanFailure::NotHuman),
///     }
/// }
/// let pass = HumanPass::named(b"identifier");
/// assert_eq!(verdict(true, "shop.example", &[], pass), HumanVerdict::Passed(pass));
/// let elsewhere = verdict(true, "evil.example", &[], pass);
/// assert_eq!(elsewhere, HumanVerdict::Failed(HumanFailure::WrongSite));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a verdict that is not looked at lets scripts pass"]
pub enum HumanVerdict {
    /// A person, as far as the service can tell. The gate lets what is named here pass once.
    Passed(HumanPass),
    /// No.
    Failed(HumanFailure),
}

/// Why a check failed; for the log. To the page every reason is the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HumanFailure {
    /// The service holds the visitor for a script, or scored it below the threshold.
    NotHuman,
    /// The response was used before or is too old.
    Spent,
    /// The response was earned on another host or for another action.
    WrongSite,
}

/// The human check gave no clear answer. Nothing was sent.
///
/// ```
/// use otpgate::human::{HumanCheckError, HumanCheckErrorKind};
///
/// let time_out = std::io::Error::from(std::io::ErrorKind::TimedOut);
/// let error = HumanCheckError::new(HumanCheckErrorKind::Unavailable).caused_by(time_out);
/// assert_eq!(error.kind(), HumanCheckErrorKind::Unavailable);
/// assert!(std::error::Error::source(&error).is_some());
/// ```
pub struct HumanCheckError {
    kind: HumanCheckErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl HumanCheckError {
    /// An error of `kind` without a cause.
    #[must_use]
    pub const fn new(kind: HumanCheckErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds the cause. It must hold neither the response nor the service's secret.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, as far as the caller can act on it.
    pub const fn kind(&self) -> HumanCheckErrorKind {
        self.kind
    }
}

impl fmt::Display for HumanCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            HumanCheckErrorKind::Unavailable => {
                "the human-check service gave no answer in time; nothing was sent; ask for a new response and try again later"
            }
            HumanCheckErrorKind::Unreadable => {
                "the human-check service answered with something unreadable; nothing was sent; compare the adapter with the service's current API"
            }
            HumanCheckErrorKind::Misconfigured => {
                "the human-check service refused our credentials or request; nothing was sent; check the site key, the secret and the host name"
            }
            HumanCheckErrorKind::NotConfigured => {
                "a human check was asked for and none is configured; nothing was sent; give the builder a `HumanCheck` or a policy that steps up by work alone"
            }
        })
    }
}

impl Error for HumanCheckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The kinds of [`HumanCheckError`], by what to do next. The gate sends nothing in any of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HumanCheckErrorKind {
    /// Time-out, refused connection, 5xx: try later, with a new response.
    Unavailable,
    /// The answer could not be understood: look at the adapter.
    Unreadable,
    /// The service refused the site's credentials: look at the configuration.
    Misconfigured,
    /// There is no service: see [`NoHumanCheck`](super::NoHumanCheck).
    NotConfigured,
}

crate::base::sentence::debug_as_sentence!(HumanCheckError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_kept() {
        let error = HumanCheckError::new(HumanCheckErrorKind::Unavailable)
            .caused_by(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert!(error.source().is_some_and(|source| source.is::<std::io::Error>()));
    }
}
