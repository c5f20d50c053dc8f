//! Which part failed, what a test number was used for, why a code was not accepted.

use crate::error::GateErrorKind;

/// Which part an [`EventKind::Outage`](super::EventKind::Outage) is about.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(8);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # use otpgate::store::StoreErrorKind;
/// # use otpgate::testing::{FailNth, ModelStore, Verb};
/// # let broken = FailNth::new(ModelStore::default(), Verb::Admit, 0, StoreErrorKind::Unavailable);
/// # shop::open_with(|parts| parts.observer(observer).store(broken).clock_unchecked_danger(), async |shop| {
/// # let clearance = shop.clearance().await;
/// use otpgate::{EventKind, OutagePart};
///
/// assert!(shop.gate.issue(clearance).await.is_err()); // the store does not answer
/// let outage = events.try_iter().find_map(|event| match event.kind {
///     EventKind::Outage { part, .. } => Some(part),
///     _ => None,
/// });
/// assert_eq!(outage, Some(OutagePart::Store));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum OutagePart {
    /// The store gave no answer to a call, is full, or holds controls that cannot be read: a text was not
    /// sent, or a code not accepted.
    Store,
    /// This host's clock and the store's are too far apart.
    Clock,
    /// The human check could not be made.
    HumanCheck,
    /// A look-up of a number gave no answer.
    LookUp,
    /// A provider failed in a way that has no event of its own: its transport panicked, or texts will
    /// fail so until an operator acts
    /// ([`HandoffError::needs_operator`](crate::transport::HandoffError::needs_operator)): wrong
    /// credentials, no credit, a sender that is not registered.
    Provider,
    /// The operating system gave no random bytes.
    Entropy,
    /// A text did not have its exact form.
    Text,
    /// A plug-in panicked.
    PlugIn,
    /// The host's half of the web edge failed, or lacks what makes it work: a script for the human check, the
    /// addresses of clients, texts that name its site.
    Host,
    /// What stands beside an answer: the text went out or the code was accepted, and a refund, a price, a
    /// provider's word about a number or what the detector knows was not recorded, or what another gate or
    /// release has recorded cannot be read.
    Record,
    /// The store answers and has lost what it knew, as after a fail-over to a replica that lags or with its
    /// disk: operators' entries may be gone, the newest first, and limits are given out once more. Each gate
    /// tells it once for each realm, as far as it knows what was there.
    StoreLost,
}

impl OutagePart {
    pub(crate) const fn of(kind: GateErrorKind) -> Self {
        match kind {
            GateErrorKind::Store | GateErrorKind::StoreFull => Self::Store,
            GateErrorKind::Clock => Self::Clock,
            GateErrorKind::HumanCheck => Self::HumanCheck,
            GateErrorKind::LookUp => Self::LookUp,
            GateErrorKind::Entropy => Self::Entropy,
            GateErrorKind::Message => Self::Text,
            GateErrorKind::HandOff => Self::Provider,
            GateErrorKind::Panic => Self::PlugIn,
        }
    }

    /// The part of an error that did not change the answer.
    pub(crate) const fn beside(kind: GateErrorKind) -> Self {
        match kind {
            GateErrorKind::Store | GateErrorKind::StoreFull => Self::Record,
            other => Self::of(other),
        }
    }
}

/// What was done with a test number ([`EventKind::TestNumberUsed`](super::EventKind::TestNumberUsed)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TestUse {
    /// A code was asked for: no text went out.
    Issued,
    /// The fixed code was accepted.
    Accepted,
    /// Another code was not.
    Rejected,
}

/// Why a code was not accepted. For logs; the client sees one answer.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(8);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(observer), async |shop| {
/// # let grant = shop.grant().await;
/// # let code = shop.code();
/// # let shop::Shop { gate, client, .. } = shop;
/// use otpgate::{EventKind, RejectionCause};
///
/// let _accepted = gate.verify(&grant, &code, &client).await?;
/// let _rejected = gate.verify(&grant, &code, &client).await?; // two clicks
/// let cause = RejectionCause::Replay;
/// assert!(events.try_iter().any(|event| event.kind == EventKind::Rejected { cause }));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RejectionCause {
    /// Wrong.
    Mismatch,
    /// No code, or two different ones; charged like a wrong one.
    Malformed,
    /// Past its expiry.
    Expired,
    /// Accepted before: a replay, or two clicks.
    Replay,
    /// No attempts were left.
    Locked,
    /// No such verification.
    Unknown,
    /// The grant is forged, too old or another client's; or it is of another transaction than was brought,
    /// which costs no attempt.
    BadGrant,
    /// The number's lane is shut or pausing.
    NumberLimit,
    /// The session's attempts are used up; or those of its network, if it holds no genuine grant.
    ClientLimit,
}
