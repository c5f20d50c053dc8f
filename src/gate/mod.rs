//! [`Gate`]: the one way to a text and to an accepted code. Reads from top to bottom as a request
//! goes through it.

#[cfg(feature = "web")]
mod about;
mod answers;
mod caution;
mod channels;
mod clear;
mod controls;
mod guarded;
mod human;
mod inner;
mod names;
mod operate;
mod plan;
mod realm;
mod recall;
mod receipts;
mod request;
#[cfg(feature = "totp")]
mod second_factor;
mod send;
mod standing;
mod subjects;
mod test_number;
mod verify;
mod withheld;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::id::Pseudonym;
use crate::base::mac::MacKey;
use crate::context::{ClientContext, Purpose, Realm};
use crate::error::GateError;
use crate::otp::Binding;
use crate::outcome::{Clearance, Cleared, Entry, EntryGrant, Sent, Verified};
use crate::recipient::{Recipient, Region};
use crate::telemetry::Verb;
use crate::token::SendTicket;
use crate::transport::Channel;

pub use channels::FallbackChannel;
pub use controls::{Controls, ControlsError};
pub use receipts::{RECEIPT_WINDOW, ReceiptsError};
pub use test_number::TestNumber;

#[cfg(feature = "web")]
pub(crate) use about::About;
pub(crate) use channels::Carrier;
#[cfg(feature = "web")]
pub(crate) use guarded::caught;
pub(crate) use inner::Inner;
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
/// | provider calls back | [`receipts`](Self::receipts) | 1 to 4 for each receipt |
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

impl Gate {
    /// The same gate for another tenant. Nothing is shared with it but the limits that the policy
    /// calls global.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::{Cleared, Purpose, Realm};
    ///
    /// // A ticket of one tenant's page is worth nothing at another's form.
    /// let other = gate.in_realm(&Realm::new("tenant-8")?);
    /// let answer = other.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// assert!(matches!(answer, Cleared::Refused(_)));
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self { inner: Arc::clone(&self.inner), realm: self.inner.realms.of(realm, &self.inner) }
    }

    /// The tenant that this gate is for.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// assert_eq!(gate.realm().as_str(), "default");
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn realm(&self) -> &Realm {
        self.realm.id()
    }

    /// A ticket for the page that asks for the number: signed, short-lived, bound to the client's
    /// session and network. It goes into the form; the page's script answers it.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::Entropy`](crate::error::GateErrorKind::Entropy).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, client, .. } = shop;
    /// let ticket = gate.preflight(&otpgate::Purpose::SIGN_UP, &client)?;
    /// let form = format!(r#"<form data-ticket="{}">"#, ticket.as_str()); // `Cache-Control: no-store`
    /// assert_eq!(ticket.as_str().len(), 132);
    /// # Ok(())
    /// # });
    /// ```
    pub fn preflight(
        &self,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<SendTicket, GateError> {
        self.span(Verb::Preflight).over_call(|| self.ticket(purpose, client))
    }

    /// Checks what the form posted: the proof that the page's script made of the ticket and the
    /// number, then the destination, the lists and, where asked for, the human check.
    ///
    /// Charges nothing, and touches no store unless an operator's entry refuses the request: then
    /// it reads whether the entry still holds. It is async because the human check may be.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the human check, the store read or the random generator failed.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// # use otpgate::{Cleared, Purpose, RefusalReason, token};
    /// # let ticket = gate.preflight(&Purpose::SIGN_UP, &client)?;
    /// // The page answered for another number than the one that was posted.
    /// let proof = token::answer(ticket.as_str(), "+4915799999999")?;
    /// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// let Cleared::Refused(refusal) = answer else { panic!("cleared") };
    /// assert!(matches!(refusal.reason(), RefusalReason::Token(token::TokenError::NumberMismatch)));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn clear(
        &self,
        proof: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Result<Cleared, GateError> {
        let clear = self.clear_page(proof, recipient, purpose, client);
        self.told(self.span_of(Verb::Clear, purpose, recipient).over(clear).await)
    }

    /// Checks a request of a caller without a page, such as another service: its signature over
    /// number, purpose, time and a nonce, and the network it comes from.
    ///
    /// # Errors
    ///
    /// [`GateErrorKind::Entropy`](crate::error::GateErrorKind::Entropy).
    ///
    /// ```
    /// # use otpgate::access::{CallerId, CallerKey, CallerRequest, CallerRule, CallerRules};
    /// # use otpgate::{KeyId, KeyRing, Pepper, SystemEntropy};
    /// # let keys = KeyRing::new(KeyId(1), Pepper::generate(&SystemEntropy).unwrap());
    /// # let billing = CallerId::new("billing").unwrap();
    /// # let rule = CallerRule::new(billing.clone(), ["10.1.0.0/16".parse().unwrap()]);
    /// # let (ring, rules) = (keys.clone(), CallerRules::new("sms.example.com").allow(rule));
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.keys(ring).callers(rules), async |shop| {
    /// # let shop::Shop { gate, recipient, clock, .. } = shop;
    /// # let now = otpgate::Clock::now(&clock);
    /// # let end = now + std::time::Duration::from_secs(86_400);
    /// # let key = CallerKey::mint(&billing, "sms.example.com", end, &keys, now)?;
    /// # let request = CallerRequest { realm: "default", purpose: "payment", recipient: &recipient };
    /// # let signed = key.sign(&request, &SystemEntropy, now)?;
    /// use otpgate::{Cleared, Purpose};
    ///
    /// // `signed` is what `CallerKey::sign` made at the caller; the peer is that of the connection.
    /// let answer = gate.authorise(&signed, &recipient, &Purpose::PAYMENT, "10.1.2.3".parse()?)?;
    /// assert!(matches!(answer, Cleared::Cleared(_)));
    /// let answer = gate.authorise(&signed, &recipient, &Purpose::PAYMENT, "203.0.113.7".parse()?)?;
    /// assert!(matches!(answer, Cleared::Refused(_)), "not the caller's network");
    /// # Ok(())
    /// # });
    /// ```
    pub fn authorise(
        &self,
        request: &str,
        recipient: &Recipient,
        purpose: &Purpose,
        peer: std::net::IpAddr,
    ) -> Result<Cleared, GateError> {
        self.span_of(Verb::Authorise, purpose, recipient)
            .over_call(|| self.clear_caller(request, recipient, purpose, peer))
    }

    /// Charges everything the send must pay in one atomic step, makes the code and hands the text
    /// to the transport.
    ///
    /// Dropping the future sends at most one text; what was charged by then stays charged.
    ///
    /// The provider may call back before `issue` returns; hand what it posts to
    /// [`receipts`](Self::receipts), which finds the send all the same.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the gate could not decide. Nothing was sent unless the error says so.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, outbox, .. } = shop;
    /// let otpgate::Sent::Sent(issued) = gate.issue(clearance).await? else { panic!("not sent") };
    /// assert_eq!(outbox.handed_off(), 1);
    /// let grant = issued.grant().as_str(); // into the session, a cookie or a hidden field
    /// # Ok(())
    /// # });
    /// ```
    pub async fn issue(&self, clearance: Clearance) -> Result<Sent, GateError> {
        self.told(self.span(Verb::Issue).over(self.first_send(clearance, false)).await)
    }

    /// As [`issue`](Self::issue) for a number that must get no text, such as one without an account
    /// at a password reset: it checks and answers the same and charges the same limits, but no money,
    /// hands off nothing, and no code opens the grant. Without it the answer tells who has an account.
    ///
    /// It does not take the time that a provider takes. A host whose clients can measure that answers
    /// the page before `issue` or `decoy` has returned.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, client, outbox, .. } = shop;
    /// use otpgate::{Entry, Sent};
    ///
    /// let Sent::Sent(issued) = gate.decoy(clearance).await? else { panic!("answered as if sent") };
    /// assert!(matches!(gate.entry(issued.grant(), &client).await?, Entry::Open(_)));
    /// assert_eq!(outbox.handed_off(), 0);
    /// let now = gate.snapshot().await?;
    /// assert_eq!((now.sent, now.spent), (1, otpgate::Money::ZERO));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn decoy(&self, clearance: Clearance) -> Result<Sent, GateError> {
        self.told(self.span(Verb::Decoy).over(self.first_send(clearance, true)).await)
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
        self.told(self.span(Verb::Entry).over(self.view(grant, client)).await)
    }

    /// Sends another code for a running verification. Attempts are carried over, never refilled.
    ///
    /// A page has no form and so no ticket for this call. If the answer is [`Sent::StepUp`], the client
    /// answers its ticket on the *first* form: show that form again with the number filled in and the
    /// new ticket in it, and post it to [`request`](Self::request). What it sends is a new verification
    /// with a grant of its own; the interval, the quotas and the failures of the number still count.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let code = shop.code();
    /// # let shop::Shop { gate, client, clock, outbox, .. } = shop;
    /// # clock.advance(std::time::Duration::from_secs(31));
    /// use otpgate::{Entry, Sent};
    ///
    /// let _wrong = gate.verify(&grant, "a guess", &client).await?;
    /// assert!(matches!(gate.resend(&grant, &client).await?, Sent::Sent(_))); // after 30 seconds
    /// let Entry::Open(view) = gate.entry(&grant, &client).await? else { panic!("closed") };
    /// assert_eq!(view.attempts_left(), 4, "the wrong guess still counts");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn resend(
        &self,
        grant: &EntryGrant,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        let none = Binding::none();
        let resend = self.renewed_send(grant, &none, client, None);
        self.told(self.span(Verb::Resend).over(resend).await)
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
        let resend = self.renewed_send(grant, binding, client, None);
        self.told(self.span(Verb::Resend).over(resend).await)
    }

    /// [`resend`](Self::resend) by another channel, which the client asked for: "call me instead". A
    /// resend in every way, at the price of the channel, and only as
    /// [`FallbackPolicy`](crate::policy::FallbackPolicy) allows by now. An ordinary resend may take
    /// another channel by itself; [`Issued::channel`](crate::Issued::channel) says which it was.
    ///
    /// `binding` is the transaction of a code that is bound to one, otherwise
    /// [`Binding::none`](crate::otp::Binding::none).
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let shop::Shop { gate, client, .. } = shop;
    /// use otpgate::otp::Binding;
    /// use otpgate::{Channel, RefusalReason, Sent};
    ///
    /// // This gate has no other channel; `FallbackChannel` shows one that has.
    /// let sent = gate.resend_over(&grant, Channel::Voice, &Binding::none(), &client).await?;
    /// let Sent::Refused(refusal) = sent else { panic!("no such channel") };
    /// let reason = RefusalReason::ChannelOff { channel: Channel::Voice };
    /// assert_eq!(refusal.reason(), &reason);
    /// # Ok(())
    /// # });
    /// ```
    pub async fn resend_over(
        &self,
        grant: &EntryGrant,
        channel: Channel,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Sent, GateError> {
        let resend = self.renewed_send(grant, binding, client, Some(channel));
        self.told(self.span(Verb::Resend).over(resend).await)
    }

    /// Checks a code: charges the attempt, compares, consumes; one store round trip.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer. It is never a wrong code.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let code = shop.code();
    /// # let shop::Shop { gate, client, .. } = shop;
    /// use otpgate::Verified;
    ///
    /// assert!(matches!(gate.verify(&grant, "not a code", &client).await?, Verified::Rejected(_)));
    /// assert!(matches!(gate.verify(&grant, &code, &client).await?, Verified::Accepted(_)));
    /// assert!(matches!(gate.verify(&grant, &code, &client).await?, Verified::Rejected(_)), "once");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn verify(
        &self,
        grant: &EntryGrant,
        code: &str,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        let none = Binding::none();
        let redeem = self.redeem(grant, code, &none, client);
        self.told(self.span(Verb::Verify).over(redeem).await)
    }

    /// [`verify`](Self::verify) for a code that is bound to a transaction: give the transaction that
    /// is about to be executed. A changed amount or payee is rejected (EU 2018/389 Art. 5(1)(d)).
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    ///
    /// ```
    /// # use otpgate::message::{Brand, MessageFormat};
    /// # let message = MessageFormat::builder(Brand::new("Shop").unwrap()).transactions();
    /// # let message = message.build().unwrap();
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.message(message), async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, client, outbox, .. } = shop;
    /// use otpgate::otp::{Amount, Binding, Payee};
    /// use otpgate::{Sent, Verified};
    ///
    /// let payee = Payee::new("Haus & Grund")?;
    /// let rent = Binding::transaction(Amount::new("1250.00", "EUR")?, payee.clone());
    /// let more = Binding::transaction(Amount::new("9250.00", "EUR")?, payee);
    /// let Sent::Sent(issued) = gate.issue(clearance.bind(rent.clone())).await? else { panic!() };
    /// # let (grant, code) = (issued.into_grant(), outbox.last_code_to("+4915112345678").unwrap());
    /// let other = gate.verify_bound(&grant, &code, &more, &client).await?;
    /// assert!(matches!(other, Verified::Rejected(_)));
    /// let same = gate.verify_bound(&grant, &code, &rent, &client).await?;
    /// assert!(matches!(same, Verified::Accepted(_)));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn verify_bound(
        &self,
        grant: &EntryGrant,
        code: &str,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        let redeem = self.redeem(grant, code, binding, client);
        self.told(self.span(Verb::Verify).over(redeem).await)
    }

    /// The operator's hand: block, allow, override, switch; each with reason, actor and end.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, recipient, .. } = shop;
    /// use otpgate::access::{Actor, Effect, Reason};
    /// use otpgate::{RefusalReason, Sent};
    ///
    /// let (controls, actor) = (gate.controls(), Actor::new("ada")?);
    /// let why = Reason::new("asked us to stop, ticket 4711")?;
    /// let id = controls.enter(controls.number(&recipient), Effect::Block, why, actor, None).await?;
    /// let Sent::Refused(refusal) = gate.issue(clearance).await? else { panic!("blocked") };
    /// assert!(matches!(refusal.reason(), RefusalReason::Control { id: by, .. } if *by == id));
    /// # Ok(())
    /// # });
    /// ```
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
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// if let Err(error) = gate.warm_up().await {
    ///     eprintln!("{error}"); // no reason to stop: the first send tries again
    /// }
    /// # assert!(gate.warm_up().await.is_ok());
    /// # Ok(())
    /// # });
    /// ```
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
}

/// How long a granted admission is remembered, for repeats and refunds: longer than any hand-off.
const REMEMBER: Duration = Duration::from_secs(600);

/// A region as two letters; `00` for numbers of no country.
/// Where a number is, for its price and for the detector. One in no assigned block is counted with
/// the main country of its calling code: all such numbers of the world in one place would be
/// nobody's neighbours.
fn home(recipient: &Recipient) -> [u8; 2] {
    letters(recipient.region().or_else(|| recipient.calling_code().main_region()))
}

fn letters(region: Option<Region>) -> [u8; 2] {
    match region.as_ref().map(|region| region.as_str().as_bytes()) {
        Some([a, b]) => [*a, *b],
        _ => *b"00",
    }
}

/// The pseudonym of something that belongs to no single realm.
pub(crate) use names::shared_slots;

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
