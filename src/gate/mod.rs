//! [`Gate`]: the one way to a text and to an accepted code. Reads from top to bottom as a request
//! goes through it.

mod clear;
mod clearance;
mod controls;
mod grant;
mod guarded;
mod names;
mod operate;
mod plan;
mod realm;
mod recall;
mod record;
#[cfg(feature = "totp")]
mod second_factor;
mod send;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{CallerRules, DestinationPolicy};
use crate::base::entropy::Entropy;
use crate::base::id::Pseudonym;
use crate::base::keyring::KeyRing;
use crate::base::mac::MacKey;
use crate::base::money::Money;
use crate::base::time::{Clock, Forward, Timestamp};
use crate::context::{ClientContext, Purpose, Realm};
use crate::error::GateError;
use crate::event::{Event, EventKind, Observer, tell};
use crate::message::MessageFormat;
use crate::otp::Binding;
use crate::outcome::{Cleared, Entry, Sent, Verified};
use crate::policy::Policy;
use crate::pumping::{Costs, PriceTable, Tuning};
use crate::recipient::Recipient;
use crate::store::Store;
use crate::token::{HumanCheck, SendTicket};
use crate::transport::SmsTransport;

pub use clearance::Clearance;
pub use controls::{Controls, ControlsError};
pub use grant::EntryGrant;
pub use operate::{
    CountrySnapshot, DeliveryStatus, DetectorFootprint, RecordError, ReportedOutcome, Snapshot,
};
pub use record::SendRecord;
#[cfg(feature = "totp")]
pub use second_factor::AuthenticatorVerdict;

use names::Names;
pub(crate) use realm::Realms;

use realm::RealmState;

/// Issues and verifies one-time codes by SMS.
///
/// A gate is cheap to clone, has no type parameters and may be shared by every thread. Build one
/// with [`Gate::builder`](crate::Gate::builder), keep it for the life of the process.
///
/// | step | call | store round trips |
/// |---|---|---|
/// | page shown | [`preflight`](Self::preflight) | 0 |
/// | form posted | [`clear`](Self::clear), then [`issue`](Self::issue) | 0, then 1 |
/// | code page asked for | [`entry`](Self::entry) | 1 |
/// | "send it again" | [`resend`](Self::resend) | 1 |
/// | code typed | [`verify`](Self::verify) | 1 |
/// | no page, another service asks | [`authorise`](Self::authorise) instead of `clear` | 0 |
///
/// A text without a checked token does not compile, nor does using a clearance twice:
///
/// ```compile_fail
/// async fn twice(gate: &otpgate::Gate, clearance: otpgate::Clearance) {
///     let _ = gate.issue(clearance).await;
///     let _ = gate.issue(clearance).await; // moved
/// }
/// ```
///
/// ```compile_fail
/// async fn unchecked(gate: &otpgate::Gate, recipient: otpgate::Recipient) {
///     let _ = gate.issue(otpgate::Clearance { recipient }).await; // private fields
/// }
/// ```
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
    realm: Arc<RealmState>,
}

pub(crate) struct Inner {
    pub(crate) clock: Forward<Box<dyn Clock>>,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) keys: KeyRing,
    pub(crate) store: Box<dyn Store>,
    pub(crate) transport: Box<dyn SmsTransport>,
    pub(crate) observer: Box<dyn Observer>,
    pub(crate) human: Option<Box<dyn HumanCheck>>,
    pub(crate) policy: Policy,
    pub(crate) purposes: BTreeMap<Purpose, Policy>,
    pub(crate) destinations: DestinationPolicy,
    pub(crate) callers: Option<CallerRules>,
    pub(crate) message: MessageFormat,
    pub(crate) prices: PriceTable,
    pub(crate) daily_budget: Money,
    pub(crate) partition: Pseudonym,
    pub(crate) global: Pseudonym,
    pub(crate) tuning: Tuning,
    pub(crate) costs: Costs,
    /// Whether other gates work on the same store.
    pub(crate) shared: bool,
    /// Names this gate among them.
    pub(crate) instance: u64,
    pub(crate) realms: Realms,
}

impl Gate {
    pub(crate) fn new(inner: Inner, realm: &Realm) -> Self {
        let inner = Arc::new(inner);
        let realm = inner.realms.of(realm, &inner);
        Self { inner, realm }
    }

    /// The same gate for another tenant. Nothing is shared with it but the limits that the policy
    /// calls global.
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self { inner: Arc::clone(&self.inner), realm: self.inner.realms.of(realm, &self.inner) }
    }

    /// A ticket for the page that asks for the number: signed, short-lived, bound to the client's
    /// session and network. It goes into the form; the page's script answers it.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::Entropy`](crate::error::GateErrorKind::Entropy).
    pub fn preflight(
        &self,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<SendTicket, GateError> {
        self.ticket(purpose, client)
    }

    /// Checks what the form posted: the proof that the page's script made of the ticket and the
    /// number, then the destination, the lists and, where asked for, the human check.
    ///
    /// Charges nothing, and touches no store unless an operator's entry refuses the request: then
    /// it reads whether the entry still holds. Otherwise asynchronous only for the human check.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the human check or that reading could not be made.
    pub async fn clear(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<Cleared, GateError> {
        self.clear_page(proof, recipient, purpose, client).await
    }

    /// Checks a request of a caller without a page, such as another service: its signature over
    /// number, purpose, time and a nonce, and the network it comes from.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::Entropy`](crate::error::GateErrorKind::Entropy).
    pub fn authorise(
        &self,
        request: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        peer: std::net::IpAddr,
    ) -> Result<Cleared, GateError> {
        self.clear_caller(request, recipient, purpose, peer)
    }

    /// Charges everything the send must pay in one atomic step, makes the code and hands the text
    /// to the transport.
    ///
    /// Dropping the future sends at most one text; what was charged by then stays charged.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the gate could not decide; then nothing was sent, or it says otherwise.
    pub async fn issue(&self, clearance: Clearance) -> Result<Sent, GateError> {
        self.first_send(clearance, false).await
    }

    /// As [`issue`](Self::issue) for a number that must get no text, such as one without an account
    /// at a password reset: charges the same and answers the same, hands off nothing, and no code
    /// opens the grant. Without it the answer tells who has an account.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub async fn decoy(&self, clearance: Clearance) -> Result<Sent, GateError> {
        self.first_send(clearance, true).await
    }

    /// Whether the code-entry screen may be shown, and what is on it.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer: show an outage, not the screen.
    pub async fn entry(
        &self,
        grant: &EntryGrant,
        client: &ClientContext,
    ) -> Result<Entry, GateError> {
        self.view(grant, client).await
    }

    /// Sends another code for a running verification. Attempts are carried over, never refilled.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub async fn resend(
        &self,
        grant: &EntryGrant,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        self.renewed_send(grant, &Binding::none(), client).await
    }

    /// [`resend`](Self::resend) for a code that is bound to a transaction: the host gives the
    /// transaction again, and it must be the same.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub async fn resend_bound(
        &self,
        grant: &EntryGrant,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        self.renewed_send(grant, binding, client).await
    }

    /// Checks a code: charges the attempt, compares, consumes; one store round trip.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer. It is never a wrong code.
    pub async fn verify(
        &self,
        grant: &EntryGrant,
        code: &str,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        self.redeem(grant, code, &Binding::none(), client).await
    }

    /// [`verify`](Self::verify) for a code that is bound to a transaction: give the transaction that
    /// is about to be executed. A changed amount or payee is rejected (EU 2018/389 Art. 5(1)(d)).
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn verify_bound(
        &self,
        grant: &EntryGrant,
        code: &str,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        self.redeem(grant, code, binding, client).await
    }

    /// The operator's hand: block, allow, override, switch; each with reason, actor and end.
    #[must_use]
    pub fn controls(&self) -> Controls<'_> {
        Controls::of(self)
    }

    /// Reads what the realm's store remembers: the operator's controls and what the pumping detector
    /// knew before this process started. Without it the first send does so, which then takes one
    /// round trip more; call it at start to spare that send.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer; the first send tries again.
    pub async fn warm_up(&self) -> Result<(), GateError> {
        self.realm.remember(self, self.now()).await
    }

    /// Saves what the pumping detector of the realm knows, all of it, in the store. The gate saves
    /// the urgent part about once a minute by itself, along with a send; before a planned restart
    /// this saves the last minute, and the last hour of what is learnt slowly.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer, or others kept saving at the same time.
    pub async fn save_detector(&self) -> Result<(), GateError> {
        self.realm.save(self).await
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn names(&self) -> Names<'_> {
        let (key, realm) = (self.inner.keys.pseudonyms(), self.realm.name());
        Names { key, realm, fixed: self.realm.names() }
    }

    fn policy(&self, purpose: &Purpose) -> &Policy {
        self.inner.purposes.get(purpose).unwrap_or(&self.inner.policy)
    }

    fn event(&self, at: Timestamp, kind: EventKind) -> Event {
        Event {
            at,
            realm: self.realm.shared_name(),
            purpose: None,
            region: None,
            number: None,
            kind,
        }
    }

    fn tell_outage(&self, what: String) {
        self.tell(&self.event(self.now(), EventKind::Outage { what }));
    }

    fn tell(&self, event: &Event) {
        tell(&*self.inner.observer, event);
    }
}

/// How long a granted admission is remembered, for repeats and refunds: longer than any hand-off.
const REMEMBER: Duration = Duration::from_secs(600);

/// A region as two letters; `00` for numbers of no country.
/// Where a number is, for its price and for the detector. One in no assigned block is counted with
/// the main country of its calling code: all such numbers of the world in one place would be
/// nobody's neighbours.
fn home(recipient: &Recipient) -> [u8; 2] {
    let region = recipient.region().or_else(|| recipient.calling_code().main_region());
    match region.as_ref().map(|region| region.as_str().as_bytes()) {
        Some([a, b]) => [*a, *b],
        _ => *b"00",
    }
}

/// The pseudonym of something that belongs to no single realm.
pub(crate) fn shared_name(key: &MacKey, kind: &str, value: &str) -> Pseudonym {
    names::shared(key, kind, value)
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("realm", &self.realm.name())
            .field("store", &self.inner.store)
            .field("transport", &self.inner.transport)
            .finish_non_exhaustive()
    }
}
