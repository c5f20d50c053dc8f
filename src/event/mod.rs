//! What the gate tells the host: [`Event`]s with reasons and without secrets, to an [`Observer`].

mod cause;
mod observer;

use std::sync::Arc;
use std::time::Duration;

use crate::access::ControlId;
use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::human::HumanFailure;
use crate::outcome::{LimitName, RefusalReason};
use crate::pumping::Alert;
use crate::recipient::Region;
use crate::transport::signals::Signals;
use crate::transport::{Channel, DeliveryFault, IdempotencyKey, NumberFault, Price, ReceiptError};

pub use cause::{OutagePart, RejectionCause, TestUse};
pub(crate) use observer::tell;
pub use observer::{NoObserver, Observer, QueuedObserver};

/// One decision or change of state (ASVS 16.3). Holds no code, key, token or number: a number appears
/// as its country and a keyed pseudonym that is the same for the same number. Addresses appear only as
/// the networks that an operator enters into the controls or that the pumping detector warns of.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(8);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(observer), async |shop| {
/// # shop.issued().await;
/// use otpgate::{EventKind, Region};
///
/// let sent = events.iter().find(|event| matches!(event.kind, EventKind::Sent { .. })).unwrap();
/// assert_eq!((&*sent.realm, sent.region), ("default", Some(Region::DE)));
/// assert!(sent.number.is_some(), "a pseudonym: the same for every text to this number");
/// assert!(!format!("{sent:?}").contains("15112345678"));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The gate's time.
    pub at: Timestamp,
    /// The realm's name.
    pub realm: Arc<str>,
    /// The purpose, where there is one.
    pub purpose: Option<Purpose>,
    /// The country of the number, where there is one.
    pub region: Option<Region>,
    /// The number's pseudonym, where there is one.
    pub number: Option<Pseudonym>,
    /// Which text it is, in [`Sent`](EventKind::Sent), [`NotSent`](EventKind::NotSent),
    /// [`Receipt`](EventKind::Receipt), [`Settled`](EventKind::Settled) and
    /// [`PriceUnconverted`](EventKind::PriceUnconverted): it joins what is told of one text, hours or
    /// days apart, with [`Issued::idempotency_key`](crate::Issued::idempotency_key) and with the provider's own records, where the
    /// provider keeps a reference. A resend is a text of its own. `None` in every other event.
    pub text: Option<IdempotencyKey>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
///
/// The enum grows, so a match ends in `_`:
///
/// ```
/// use otpgate::{EventKind, LimitName};
///
/// fn metric(kind: &EventKind) -> Option<&'static str> {
///     match kind {
///         EventKind::Sent { .. } => Some("sms_sent"),
///         EventKind::Accepted { .. } => Some("code_accepted"),
///         EventKind::Outage { .. } | EventKind::GuessSpraying { .. } => Some("page_somebody"),
///         EventKind::BudgetTier { percent: 100, .. } => Some("page_somebody"),
///         _ => None,
///     }
/// }
/// let half = EventKind::BudgetTier { scope: LimitName::Realm, percent: 50, step_up: false };
/// assert_eq!(metric(&half), None);
/// assert_eq!(metric(&EventKind::GuessSpraying { failures: 1_000 }), Some("page_somebody"));
/// ```
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A ticket was made for a page.
    TicketIssued,
    /// A text was handed off.
    Sent {
        /// What was reserved for all its segments, by the price table. What a provider says that it cost
        /// follows as [`Settled`](Self::Settled).
        price: Money,
        /// Its segments, as the gate counts them.
        segments: u32,
        /// Whether it renewed a running verification.
        resend: bool,
        /// Whether the provider confirmed it.
        confirmed: bool,
        /// By which channel it went.
        channel: Channel,
    },
    /// A text was not accepted by the provider; what it cost was given back.
    NotSent {
        /// Whether the provider refused the number for good.
        refused: bool,
        /// By which channel it was to go.
        channel: Channel,
    },
    /// A decoy was answered: no text was sent, the client cannot tell.
    DecoyAnswered,
    /// A send was refused.
    Refused {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// A text was withheld and the client told otherwise, because another number would have got it
    /// for a private reason ([`ModePolicy::quiet`](crate::policy::ModePolicy::quiet)). Many of them
    /// while no attack is on are honest people who wait in vain: look at the reason.
    QuietlyRefused {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// In shadow mode: a send would have been refused.
    WouldRefuse {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// A client was asked to prove more.
    StepUpAsked {
        /// Why. `Display` says it in words.
        reason: RefusalReason,
    },
    /// A human check was made and not passed, beside [`Refused`](Self::Refused).
    HumanCheckFailed {
        /// Why, as far as the service tells.
        failure: HumanFailure,
    },
    /// A code was accepted.
    Accepted {
        /// Attempts it took.
        attempts: u32,
        /// Time from the first send to the right code.
        took: Duration,
    },
    /// A code was not accepted.
    Rejected {
        /// Why.
        cause: RejectionCause,
    },
    /// A test number was used: a code was asked for and no text sent, or the fixed code was
    /// accepted, in place of [`Sent`](Self::Sent) and [`Accepted`](Self::Accepted); or a wrong one
    /// was not, beside [`Rejected`](Self::Rejected). If you did not expect it, look at once.
    TestNumberUsed {
        /// The entry.
        id: ControlId,
        /// What was done.
        step: TestUse,
        /// Why the entry was made.
        reason: String,
        /// Who made it.
        actor: String,
    },
    /// An authenticator-app code was checked.
    Authenticator {
        /// Whether it was accepted.
        accepted: bool,
    },
    /// The use of a budget passed a tier, by a text or by a higher price that its provider named afterwards.
    /// The event names the country and the purpose of that text. It is told once, when the tier is passed:
    /// that a budget still is used up, [`Refused`](Self::Refused) tells, and the
    /// [snapshot](crate::Snapshot::spent). On Redis over partitions the text that takes the last room may
    /// pass the tier untold, so go by those as well.
    BudgetTier {
        /// Whose budget.
        scope: LimitName,
        /// The tier in percent: 50, the policy's step-up tier, or 100 when no further text of that
        /// price fits.
        percent: u8,
        /// Whether it is the policy's step-up tier
        /// ([`BudgetPolicy::soft_percent`](crate::policy::BudgetPolicy::soft_percent)), from which on
        /// clients prove more, be it at 50 or 100 too.
        step_up: bool,
    },
    /// Many wrong codes over many numbers: somebody tries one guess each.
    GuessSpraying {
        /// Failures in the last hour.
        failures: u64,
    },
    /// The pumping detector has something to say; at most once in ten minutes of one kind about one
    /// node.
    Pumping {
        /// What, where, and on what evidence.
        alert: Alert,
    },
    /// What the network says of a number, before its text goes out or is refused.
    Signals {
        /// What it says.
        signals: Signals,
        /// Whether it was asked for this text and paid for, or kept from before.
        asked: bool,
    },
    /// A delivery receipt came in, the first that says what became of its text.
    Receipt {
        /// Whether the text was delivered.
        delivered: bool,
        /// Why it was not, where the provider says so.
        fault: Option<DeliveryFault>,
        /// Whether the number's owner got interval and quotas back: in the lanes of device proofs and
        /// callers, a few times a day.
        given_back: bool,
    },
    /// A provider named what a text really cost, and the budgets were put right.
    Settled {
        /// What the budgets held for it: the price table's, or what the provider had said before.
        reserved: Money,
        /// What they hold now.
        price: Money,
        /// What the provider said, in its own currency; `None` if nothing was billed by the policy
        /// ([`ReceiptPolicy::undelivered_is_free`](crate::policy::ReceiptPolicy::undelivered_is_free)),
        /// or if it named only more segments than were reserved.
        stated: Option<Price>,
    },
    /// A provider named a price in a currency for which the policy states no rate
    /// ([`BudgetPolicy::rates`](crate::policy::BudgetPolicy::rates)). The budgets keep what was
    /// reserved, or what it is for more segments, if the provider counts more.
    PriceUnconverted {
        /// What the provider said.
        stated: Price,
    },
    /// A provider reported something about a number that holds for later texts too. None goes to it for
    /// as long as it is remembered, and `QuietlyRefused` tells of those that were asked for;
    /// [`Controls::forget_faults`](crate::Controls::forget_faults) ends it.
    NumberFault {
        /// What it reported.
        fault: NumberFault,
        /// How long it is remembered.
        remembered: Duration,
    },
    /// The owner of a number opted in by text, and what providers had reported about it is forgotten.
    OptedIn,
    /// A genuine receipt belongs to no send that this deployment knows: one of another system on the
    /// same account, or one whose send has been forgotten.
    ReceiptUnmatched {
        /// Whose receipt it is.
        provider: &'static str,
    },
    /// A request with receipts was not believed, as its error says: a wrong secret or URL, a clock, or
    /// somebody who forges them. Anybody can cause one.
    ReceiptRefused {
        /// Whose receipt it claims to be, what is wrong, and what to look at if it was genuine.
        error: ReceiptError,
    },
    /// The host reported what a verification was worth.
    Reported {
        /// Whether it was worthless.
        worthless: bool,
    },
    /// An operator changed the controls.
    ControlsChanged {
        /// Who.
        actor: String,
        /// What, in words.
        change: String,
    },
    /// A part failed: the gate refused because of it, or went on without it, as the text says.
    Outage {
        /// Which part: whom to wake.
        part: OutagePart,
        /// What, in words.
        what: String,
    },
}
