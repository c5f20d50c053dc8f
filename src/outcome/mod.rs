//! What the gate answers. Outcomes, not errors: a refusal is an answer, an outage is a
//! [`GateError`](crate::GateError).

mod entry;
mod limit;
mod receipt;
mod refusal;
mod send;
mod step_up;
mod verification;

pub use entry::{ChannelOffer, Entry, EntryClosed, EntryView};
pub use limit::LimitName;
pub use receipt::{ReceiptOutcome, TakenReceipt};
pub use refusal::{PublicRefusal, PublicRefusalKind, Refusal, RefusalReason};
pub use send::{Cleared, Issued, Sent};
pub use step_up::{StepUp, StepUpMeans};
pub use verification::{Rejection, Verification, Verified};
