//! What the gate answers. Outcomes, not errors: a refusal is an answer, an outage is a
//! [`GateError`](crate::GateError).

mod clearance;
mod entry;
mod grant;
mod limit;
mod public_wait;
mod receipt;
mod record;
mod refusal;
mod send;
mod snapshot;
mod step_up;
mod subjects;
mod verification;
#[cfg(feature = "serde")]
mod wire;

pub use clearance::Clearance;
pub use entry::{ChannelOffer, Entry, EntryClosed, EntryView};
pub use grant::EntryGrant;
pub use limit::LimitName;
pub use receipt::{ReceiptOutcome, TakenReceipt};
pub use record::{RecordError, SendRecord};
pub use refusal::{PublicRefusal, PublicRefusalKind, Refusal, RefusalReason};
pub use send::{Cleared, Issued, Sent};
pub use snapshot::{CountrySnapshot, DetectorFootprint, GlobalBudget, OtherGate, Snapshot};
pub use step_up::{StepUp, StepUpMeans};
#[cfg(feature = "totp")]
pub use verification::AuthenticatorVerdict;
pub use verification::{Rejection, Verification, Verified};

pub(crate) use clearance::{Caution, OwnScope};
pub(crate) use grant::Grant;
pub(crate) use record::Note;
pub(crate) use subjects::{Client, Lane, Networks, Proved, Remedy, Subjects};
