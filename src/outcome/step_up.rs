//! [`StepUp`]: what the client must prove before a text is sent.

use crate::token::SendTicket;

use super::RefusalReason;

/// The client must prove more before a text is sent.
#[derive(Debug)]
pub struct StepUp {
    pub(crate) means: StepUpMeans,
    pub(crate) ticket: SendTicket,
    pub(crate) reason: RefusalReason,
}

impl StepUp {
    /// What to ask the client for.
    #[must_use]
    pub fn means(&self) -> StepUpMeans {
        self.means
    }

    /// The ticket the client answers instead of the first one.
    pub fn ticket(&self) -> &SendTicket {
        &self.ticket
    }

    /// The ticket, by value.
    pub fn into_ticket(self) -> SendTicket {
        self.ticket
    }

    /// Why, for the host's log; not for the client.
    #[must_use]
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }
}

/// A way to prove more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StepUpMeans {
    /// A harder proof of work; the ticket says how hard, and the page's script just does it.
    Work {
        /// Leading zero bits.
        bits: u8,
    },
    /// A human check (CAPTCHA), whose response goes into
    /// [`ClientContext::human_response`](crate::ClientContext::human_response).
    Human,
}
