//! [`Entry`]: whether the code-entry screen may be shown.

use std::time::Duration;

/// The answer of [`Gate::entry`](crate::Gate::entry): may the code-entry screen be shown?
#[derive(Debug)]
#[must_use = "only `Open` may show the code-entry screen"]
pub enum Entry {
    /// Yes.
    Open(EntryView),
    /// No.
    Closed(EntryClosed),
}

/// What the code-entry screen can show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryView {
    pub(crate) hint: String,
    pub(crate) attempts_left: u32,
    pub(crate) expires_in: Duration,
    pub(crate) resend_after: Duration,
}

impl EntryView {
    /// The number with all but its ends hidden.
    #[must_use]
    pub fn number_hint(&self) -> &str {
        &self.hint
    }

    /// Attempts left.
    #[must_use]
    pub fn attempts_left(&self) -> u32 {
        self.attempts_left
    }

    /// How long the newest code is still good; zero if it expired and another must be sent.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// How long until another code may be sent.
    #[must_use]
    pub fn resend_after(&self) -> Duration {
        self.resend_after
    }
}

/// The code-entry screen must not be shown. The same for every cause: send the client back to the
/// form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryClosed;
