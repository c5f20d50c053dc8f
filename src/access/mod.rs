//! Who may ask for a message, and where one may go.
//!
//! - [`ClientIp`]: the client's address, from the peer or through [`TrustedProxies`], never from a
//!   bare header.
//! - [`DestinationPolicy`]: which countries and kinds of line get messages at all. There is no default.
//! - [`ControlBook`]: what operators allow, block, switch and forbid while the gate runs, each entry
//!   with its reason, its actor and its end.
//! - [`Anonymisers`]: networks behind which clients hide (Tor, VPN, proxies, hosting), from lists.
//! - [`CallerKey`] and [`CallerRules`]: hosts without a page sign each request, from known networks.
//! - [`DeviceProof`]: a browser that verified before, so that nobody can lock its owner out.

mod anonymiser;
mod book;
mod caller;
mod caller_key;
mod control;
mod control_codec;
mod destination;
mod device;
mod effect;
mod forwarded;
mod ip;
mod network;
mod reason;
mod ruling;
mod target;
mod translated;

pub use anonymiser::{
    AnonymiserKind, AnonymiserKindError, AnonymiserKinds, AnonymiserList, AnonymiserListError,
    Anonymisers, BadLine, BadLineKind,
};
pub use book::{BookError, ControlBook};
pub use caller::{Caller, CallerError, CallerRule, CallerRules};
pub use caller_key::{CallerId, CallerKey, CallerKeyError, CallerRequest};
pub(crate) use control::SealedCode;
pub use control::{Control, ControlId, Draft};
pub use destination::{DestinationPolicy, DestinationPolicyError, DestinationRefusal};
pub use device::{DeviceError, DeviceLife, DeviceProof, KnownDevice};
pub use effect::{ControlError, Effect, SurgeFactor};
pub use forwarded::{ForwardedError, ProxyHeader, TrustedProxies, TrustedProxiesError};
pub(crate) use ip::Around;
pub use ip::{ClientIp, ClientPrefix};
pub use network::{Network, NetworkError};
pub use reason::{Actor, Reason};
pub use ruling::{Brake, ListVerdict, Query, Ruling};
pub use target::{DialPrefix, DialPrefixError, Target};
