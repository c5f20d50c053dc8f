//! Why a proof was not accepted.

use std::time::Duration;

/// Why a proof was not accepted.
///
/// The reason is for the host's log. A page needs only to know whether to wait, to fetch a new
/// ticket, or to give up; see [`wait`](Self::wait) and [`fresh_ticket_helps`](Self::fresh_ticket_helps).
///
/// What your own page does next:
///
/// ```
/// use std::time::Duration;
/// use otpgate::token::TokenError;
///
/// fn next(error: TokenError) -> &'static str {
///     match error.wait() {
///         Some(_) => "wait, then post the same proof again",
///         None if error.fresh_ticket_helps() => "fetch a ticket, answer it, post again",
///         None => "stop: the page's script is wrong",
///     }
/// }
/// assert!(next(TokenError::TooSoon { wait: Duration::from_millis(700) }).starts_with("wait"));
/// assert!(next(TokenError::Expired).starts_with("fetch"));
/// assert!(next(TokenError::NumberMismatch).starts_with("stop"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text is not a proof of this version.
    #[error(
        "the token proof is not 180 characters of base64url holding a version 1 ticket; send the form field unchanged, or update the page's script"
    )]
    Malformed,
    /// The ticket names a key that the ring does not hold, or no longer holds.
    #[error(
        "the ticket was made under a key that is not in the key ring; fetch a new ticket, and after a rotation keep the old key retired for an hour"
    )]
    UnknownKey,
    /// The ticket's MAC is wrong: nobody with the key made this ticket.
    #[error("the ticket was not issued by this gate or was altered; fetch a new ticket")]
    Forged,
    /// The ticket was answered faster than a person could.
    #[error("the ticket may be used in {} ms; wait and send the same proof again", wait.as_millis())]
    TooSoon {
        /// How long until the same proof may be accepted.
        wait: Duration,
    },
    /// The ticket's life is over.
    #[error("the ticket has expired; fetch a new ticket and answer it")]
    Expired,
    /// The ticket's issue lies more than 30 seconds in the future.
    #[error(
        "the ticket was issued more than 30 seconds ahead of this machine's clock; synchronise the clocks of the instances"
    )]
    IssuedInFuture,
    /// The ticket was issued for another realm or purpose.
    #[error(
        "the ticket was issued for another realm or purpose; fetch the ticket for the purpose of this form"
    )]
    WrongPurpose,
    /// The ticket was issued to another origin, session or client network.
    #[error(
        "the ticket was issued to another origin, session or client network; fetch a new ticket in this session, and check that preflight and form see the same client address"
    )]
    WrongBinding,
    /// The proof was made for another number than the one in the form.
    #[error(
        "the proof was made for another number than the one posted; answer the ticket after the last change of the number"
    )]
    NumberMismatch,
    /// The proof holds less work than the ticket asks for.
    #[error("the proof lacks the {bits} leading zero bits that its ticket asks for; do the work")]
    WorkMissing {
        /// The leading zero bits asked for.
        bits: u8,
    },
}

impl TokenError {
    /// How long to wait before sending the same proof again; `None` if that will never help.
    ///
    /// ```
    /// use otpgate::token::TokenError;
    /// use std::time::Duration;
    ///
    /// let wait = Duration::from_millis(700);
    /// assert_eq!(TokenError::TooSoon { wait }.wait(), Some(wait));
    /// assert_eq!(TokenError::Expired.wait(), None);
    /// ```
    #[must_use]
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::TooSoon { wait } => Some(wait),
            _ => None,
        }
    }

    /// Whether an honest page gets further with a new ticket.
    ///
    /// False if the page's own script is at fault, so that it does not fetch tickets for ever.
    #[must_use]
    pub const fn fresh_ticket_helps(self) -> bool {
        match self {
            Self::UnknownKey
            | Self::Forged
            | Self::Expired
            | Self::WrongPurpose
            | Self::WrongBinding => true,
            Self::Malformed
            | Self::TooSoon { .. }
            | Self::IssuedInFuture
            | Self::NumberMismatch
            | Self::WorkMissing { .. } => false,
        }
    }
}

crate::base::sentence::debug_as_sentence!(TokenError);
