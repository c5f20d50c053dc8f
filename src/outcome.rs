//! What the gate answers. Outcomes, not errors: a refusal is an answer, an outage is a
//! [`GateError`](crate::GateError).

use std::fmt;
use std::time::Duration;

use crate::access::{CallerError, DestinationRefusal, DeviceProof};
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::otp::Binding;
use crate::recipient::Recipient;
use crate::token::{SendTicket, TokenError};

use crate::gate::{Clearance, EntryGrant, SendRecord};

/// The answer of [`Gate::clear`](crate::Gate::clear) and [`Gate::authorise`](crate::Gate::authorise).
#[derive(Debug)]
#[must_use = "a clearance sends nothing until it is handed to `Gate::issue`"]
#[allow(clippy::large_enum_variant)] // moved once, from one call to the next; a box costs more
pub enum Cleared {
    /// The request may go on to [`Gate::issue`](crate::Gate::issue).
    Cleared(Clearance),
    /// The client must prove more first.
    StepUp(StepUp),
    /// The request is refused; nothing was charged.
    Refused(Refusal),
}

/// The answer of [`Gate::issue`](crate::Gate::issue) and [`Gate::resend`](crate::Gate::resend).
#[derive(Debug)]
#[must_use = "the grant in it opens the code-entry screen"]
pub enum Sent {
    /// The text was handed off, or may have been.
    Sent(Issued),
    /// The client must prove more first; nothing was charged.
    StepUp(StepUp),
    /// The send is refused; nothing was charged, except that a number which the provider refused
    /// for good leaves the client's limits charged.
    Refused(Refusal),
}

/// A text was handed off.
#[derive(Debug)]
pub struct Issued {
    pub(crate) grant: EntryGrant,
    pub(crate) expires: Timestamp,
    pub(crate) resend_after: Duration,
    pub(crate) confirmed: bool,
    pub(crate) record: SendRecord,
}

impl Issued {
    /// What opens the code-entry screen: keep it in the user's session or a hidden field.
    #[must_use]
    pub fn grant(&self) -> &EntryGrant {
        &self.grant
    }

    /// The grant, by value.
    #[must_use]
    pub fn into_grant(self) -> EntryGrant {
        self.grant
    }

    /// When the code expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How long until the user may ask for the text again.
    #[must_use]
    pub fn resend_after(&self) -> Duration {
        self.resend_after
    }

    /// Whether the provider confirmed that it accepted the text. If not, it may arrive all the
    /// same: show the code-entry screen.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// What the host keeps beside the provider's message identifier, to report the delivery
    /// receipt with [`Gate::receipt`](crate::Gate::receipt).
    #[must_use]
    pub fn record(&self) -> &SendRecord {
        &self.record
    }
}

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

/// A send is refused.
#[derive(Debug)]
pub struct Refusal {
    pub(crate) reason: RefusalReason,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) public_retry: Option<Duration>,
}

impl Refusal {
    /// Why, for the host's log and the operator.
    #[must_use]
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }

    /// When it may be tried again, to the millisecond; `None` if waiting does not help. For
    /// authenticated callers and logs.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the client may see: the same for everything an attacker could probe.
    #[must_use]
    pub fn public(&self) -> PublicRefusal {
        PublicRefusal { kind: self.reason.public_kind(), retry_after: self.public_retry }
    }
}

/// What the client may see of a refusal. Says nothing of which limit, list or suspicion it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicRefusal {
    kind: PublicRefusalKind,
    retry_after: Option<Duration>,
}

impl PublicRefusal {
    /// What the client can do.
    #[must_use]
    pub fn kind(&self) -> PublicRefusalKind {
        self.kind
    }

    /// For a `Retry-After` header: whole seconds, never too early, rounded up coarsely so that it
    /// does not name the limit.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The HTTP status that fits: 429 where waiting helps, 403 or 400 where it does not.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            PublicRefusalKind::TryLater => 429,
            PublicRefusalKind::ReloadPage | PublicRefusalKind::StartOver => 400,
            PublicRefusalKind::OtherNumber | PublicRefusalKind::OtherMethod => 403,
        }
    }
}

impl fmt::Display for PublicRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            PublicRefusalKind::ReloadPage => "Please reload the page and try again.",
            PublicRefusalKind::OtherNumber => "We cannot send codes to this number.",
            PublicRefusalKind::OtherMethod => "Codes by SMS are off; please use another method.",
            PublicRefusalKind::StartOver => "Please start again.",
            PublicRefusalKind::TryLater => "Please wait a while before you ask for another code.",
        })
    }
}

/// What the client can do about a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PublicRefusalKind {
    /// Load the page again: the form is too old, too new, altered or used.
    ReloadPage,
    /// Give another number.
    OtherNumber,
    /// Use another second factor.
    OtherMethod,
    /// Start the verification again.
    StartOver,
    /// Wait.
    TryLater,
}

/// Why a send is refused or needs a step-up. For logs, events and operators.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The front-end token does not hold.
    #[error("front-end token: {0}")]
    Token(#[source] TokenError),
    /// The front-end token, or the caller's request, was used before.
    #[error("the token was used before; load the page again for a new one")]
    TokenSpent,
    /// The caller's credential does not hold.
    #[error("caller: {0}")]
    Caller(#[source] CallerError),
    /// The destination policy says no.
    #[error("destination: {0}")]
    Destination(#[source] DestinationRefusal),
    /// An operator's entry says no.
    #[error("control {id}: {why}; lift it through `Gate::controls`")]
    Control {
        /// The entry.
        id: u64,
        /// Its reason.
        why: String,
    },
    /// An operator switched to known numbers only.
    #[error("only known numbers are served at the moment (control {id})")]
    KnownNumbersOnly {
        /// The entry.
        id: u64,
    },
    /// An operator switched SMS off.
    #[error("SMS is switched off; offer the authenticator app")]
    SmsOff,
    /// The human check was made and failed.
    #[error("the human check was not passed")]
    HumanCheckFailed,
    /// A limit is used up.
    #[error("limit reached: {0}")]
    Limit(LimitName),
    /// A money budget is used up.
    #[error("budget used up: {0}")]
    Budget(LimitName),
    /// The number's lane is shut after too many wrong codes.
    #[error("too many wrong codes for this number; pass a human check or use a known device")]
    TooManyFailures,
    /// The detector sees SMS pumping.
    #[error("pumping: {0}")]
    Pumping(String),
    /// The provider refused the number for good.
    #[error("the provider refused the number; ask for another")]
    NumberRefused,
    /// The verification that was to be renewed is over.
    #[error("the verification is accepted, locked, closed or not this client's; start again")]
    VerificationOver,
}

impl RefusalReason {
    pub(crate) fn public_kind(&self) -> PublicRefusalKind {
        match self {
            Self::Token(_) | Self::TokenSpent | Self::HumanCheckFailed => {
                PublicRefusalKind::ReloadPage
            }
            Self::Destination(_) | Self::NumberRefused => PublicRefusalKind::OtherNumber,
            Self::SmsOff => PublicRefusalKind::OtherMethod,
            Self::VerificationOver => PublicRefusalKind::StartOver,
            _ => PublicRefusalKind::TryLater,
        }
    }
}

/// Which limit. The word in front is the subject, as in [`QuotaPolicy`](crate::policy::QuotaPolicy).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LimitName {
    /// The interval between two sends to a number.
    NumberInterval,
    /// Messages per number.
    Number,
    /// Messages per client network.
    Client,
    /// Unverified messages per client network.
    ClientUnverified,
    /// Unverified messages per wider network.
    NetworkUnverified,
    /// Messages per session.
    Session,
    /// Messages per account.
    User,
    /// Messages per proven device.
    Device,
    /// Messages or money per block of 10 000 numbers.
    Block,
    /// Unverified messages per block of 10 000 numbers.
    BlockUnverified,
    /// Messages or money per country.
    Country,
    /// Messages or money per purpose.
    Purpose,
    /// Messages per caller.
    Caller,
    /// Messages or money per realm.
    Realm,
    /// Money per realm that no accepted code paid back.
    RealmUnverified,
    /// Messages over all realms.
    Global,
    /// Money per message: the destination is too dear.
    Message,
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NumberInterval => "interval between two sends to a number",
            Self::Number => "messages per number",
            Self::Client => "messages per client network",
            Self::ClientUnverified => "unverified messages per client network",
            Self::NetworkUnverified => "unverified messages per wider network",
            Self::Session => "messages per session",
            Self::User => "messages per account",
            Self::Device => "messages per device",
            Self::Block => "block of 10 000 numbers",
            Self::BlockUnverified => "unverified messages per block of 10 000 numbers",
            Self::Country => "country",
            Self::Purpose => "purpose",
            Self::Caller => "caller",
            Self::Realm => "realm",
            Self::RealmUnverified => "unverified spend of the realm",
            Self::Global => "all realms",
            Self::Message => "price of one message",
        })
    }
}

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

/// The answer of [`Gate::verify`](crate::Gate::verify).
#[derive(Debug)]
#[must_use = "only `Accepted` proves anything"]
pub enum Verified {
    /// The code was right.
    Accepted(Verification),
    /// The code was not accepted.
    Rejected(Rejection),
}

/// The proof that a code was accepted: the only one there is. Cannot be made, copied or forged by
/// the host, so a screen skipped is a compile error.
#[derive(Debug)]
#[must_use]
pub struct Verification {
    pub(crate) recipient: Recipient,
    pub(crate) purpose: Purpose,
    pub(crate) binding: Binding,
    pub(crate) at: Timestamp,
    pub(crate) device_proof: DeviceProof,
    pub(crate) record: SendRecord,
}

impl Verification {
    /// The number that was proven: take it from here, never from the request.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// What the code was for.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The transaction the code was bound to.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The authentication method reference (RFC 8176).
    #[must_use]
    pub fn amr(&self) -> &'static str {
        "sms"
    }

    /// Always true: SMS is a restricted authenticator (NIST SP 800-63B-4 §3.2.9), not
    /// phishing-resistant; offer an alternative.
    #[must_use]
    pub fn restricted(&self) -> bool {
        true
    }

    /// A proof that this device verified this number, for a cookie of 90 days (`HttpOnly`,
    /// `Secure`, `SameSite=Lax`). Hand it back with
    /// [`ClientContext::device_proof`](crate::ClientContext::device_proof).
    #[must_use]
    pub fn device_proof(&self) -> &DeviceProof {
        &self.device_proof
    }

    /// What the host keeps to tell the gate later, with [`Gate::report`](crate::Gate::report), that
    /// the verified number turned out worthless.
    #[must_use]
    pub fn record(&self) -> &SendRecord {
        &self.record
    }
}

/// The code was not accepted: wrong, expired, used, locked or unknown. One answer for all of them;
/// the [`Observer`](crate::Observer) gets the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejection(pub(crate) ());

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The code was not accepted. Check it, or ask for a new one.")
    }
}
