//! Issue and verify one-time codes by SMS without letting bots spend your money.

mod base;

pub mod access;
pub mod limit;
pub mod message;
pub mod otp;
pub mod policy;
pub mod pumping;
pub mod recipient;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod token;
pub mod transport;

mod builder;
mod context;
pub mod error;
mod event;
mod gate;
mod outcome;

pub use access::ClientIp;
pub use base::entropy::{Entropy, EntropyError, SystemEntropy};
pub use base::id::{Pseudonym, RequestId};
pub use base::keyring::{KeyId, KeyRing, Pepper, PepperError, RETIRED_KEY_LIFE};
pub use base::money::Money;
pub use base::time::{Clock, SystemClock, Timestamp};
pub use builder::GateBuilder;
pub use context::{ClientContext, NameError, Purpose, Realm};
pub use error::{ConfigError, GateError, GateErrorKind};
pub use event::{Event, EventKind, NoObserver, Observer, QueuedObserver, RejectionCause};
#[cfg(feature = "totp")]
pub use gate::AuthenticatorVerdict;
pub use gate::{
    Clearance, Controls, ControlsError, CountrySnapshot, DeliveryStatus, EntryGrant, Gate,
    RecordError, ReportedOutcome, SendRecord, Snapshot,
};
pub use outcome::{
    Cleared, Entry, EntryClosed, EntryView, Issued, LimitName, PublicRefusal, PublicRefusalKind,
    Refusal, RefusalReason, Rejection, Sent, StepUp, StepUpMeans, Verification, Verified,
};
pub use policy::Policy;
pub use recipient::{LineType, Recipient, RecipientError, Region};
pub use store::Store;
pub use transport::SmsTransport;
