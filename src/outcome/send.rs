//! The answers on the way to a text: [`Cleared`], [`Sent`], [`Issued`].

use std::time::Duration;

use crate::base::time::Timestamp;
use crate::transport::{Channel, Handoff, IdempotencyKey};

use super::{Clearance, EntryGrant, Refusal, SendRecord, StepUp};

/// The answer of [`Gate::clear`](crate::Gate::clear) and [`Gate::authorise`](crate::Gate::authorise).
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let proof = shop.proof();
/// # let shop::Shop { gate, client, recipient, .. } = shop;
/// use otpgate::{Cleared, Purpose};
///
/// let status = match gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await? {
///     Cleared::Passed(clearance) => gate.issue(clearance).await.map(|_sent| 303)?,
///     Cleared::StepUp(_) => 428, // with the new ticket in the body
///     Cleared::Refused(refusal) => refusal.public().status(),
/// };
/// assert_eq!(status, 303);
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a clearance sends nothing until it is handed to `Gate::issue`"]
#[allow(clippy::large_enum_variant)] // moved once, from one call to the next; a box costs more
pub enum Cleared {
    /// The request may go on to [`Gate::issue`](crate::Gate::issue).
    Passed(Clearance),
    /// The client must prove more first.
    StepUp(StepUp),
    /// The request is refused; nothing was charged.
    Refused(Refusal),
}

/// The answer of [`Gate::issue`](crate::Gate::issue) and [`Gate::resend`](crate::Gate::resend).
///
/// Asking again before the interval is over (by default 30 seconds) is refused:
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let shop::Shop { gate, client, .. } = shop;
/// use std::time::Duration;
/// use otpgate::{LimitName, RefusalReason, Sent};
///
/// let Sent::Refused(refusal) = gate.resend(&grant, &client).await? else { panic!("too soon") };
/// assert!(matches!(refusal.reason(), RefusalReason::Limit(LimitName::NumberInterval)));
/// assert_eq!(refusal.retry_after(), Some(Duration::from_secs(30)));
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
#[must_use = "the grant in it opens the code-entry screen"]
pub enum Sent {
    /// The text was handed off, or may have been.
    Issued(Issued),
    /// The client must prove more first; nothing was charged. Never the answer to a resend.
    StepUp(StepUp),
    /// The send is refused, and nothing was charged, with two exceptions. A number that the provider
    /// refused for good leaves the client's limits charged. A text that its network speaks against
    /// ([`SimSwapped`](crate::RefusalReason::SimSwapped), [`NoSignals`](crate::RefusalReason::NoSignals),
    /// refused visibly where [`ModePolicy::quiet`](crate::policy::ModePolicy::quiet) is off) leaves those
    /// of the number and of whoever asked, and what the look-up cost.
    Refused(Refusal),
}

/// A text was handed off.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let issued = shop.issued().await;
/// # let now = otpgate::Clock::now(&shop.clock);
/// use std::time::Duration;
///
/// assert!(issued.confirmed());
/// assert_eq!(issued.expires().since(now), Duration::from_secs(300)); // `code.life`
/// assert_eq!(issued.resend_after(), Duration::from_secs(30)); // `interval.ladder.first`
/// let (note, grant) = (issued.record().clone(), issued.into_grant());
/// # assert!(shop.gate.receipt(&note, otpgate::DeliveryStatus::Delivered).is_ok());
/// # Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct Issued {
    pub(crate) grant: EntryGrant,
    pub(crate) expires: Timestamp,
    pub(crate) resend_after: Duration,
    pub(crate) confirmed: bool,
    pub(crate) may_be_withheld: bool,
    pub(crate) handoff: Option<Handoff>,
    pub(crate) key: IdempotencyKey,
    pub(crate) record: SendRecord,
    pub(crate) channel: Channel,
}

impl Issued {
    /// What opens the code-entry screen: keep it in the user's session or a hidden field.
    pub fn grant(&self) -> &EntryGrant {
        &self.grant
    }

    /// The grant, by value.
    #[must_use]
    pub fn into_grant(self) -> EntryGrant {
        self.grant
    }

    /// When the code expires.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How long until the user may ask for the text again.
    pub fn resend_after(&self) -> Duration {
        self.resend_after
    }

    /// Whether the provider confirmed that it accepted the text. If not, it may arrive all the
    /// same: show the code-entry screen.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # shop.outbox.reply(otpgate::testing::Reply::LostAnswer);
    /// # let shop::Shop { gate, client, outbox, .. } = shop;
    /// use otpgate::{Sent, Verified};
    ///
    /// let Sent::Issued(issued) = gate.issue(clearance).await? else { panic!("the provider timed out") };
    /// assert!(!issued.confirmed());
    /// # let code = outbox.last_code_to("+4915112345678").unwrap();
    /// let answer = gate.verify(issued.grant(), &code, &client).await?; // it arrived
    /// assert!(matches!(answer, Verified::Accepted(_)));
    /// # Ok(())
    /// # });
    /// ```
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether the pumping detector is on the alert here, so that numbers never verified before may
    /// get no text although this answer is the same for all ([quiet
    /// refusal](crate::policy::ModePolicy::quiet)). It says nothing about the number: show the
    /// code-entry screen, and another way in for people whom no text reaches. Always `false` where
    /// the detector asks for a human check and the gate has none: there nobody can see whether it
    /// is on the alert.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// let issued = shop.issued().await;
    /// let hint = if issued.may_be_withheld() { "No text? Sign up by e-mail." } else { "" };
    /// assert_eq!(hint, ""); // an ordinary day
    /// # Ok(())
    /// # });
    /// ```
    pub fn may_be_withheld(&self) -> bool {
        self.may_be_withheld
    }

    /// What the provider said when it took the text. `None` if it did not confirm, and for a
    /// [decoy](crate::Gate::decoy): never show a client whether it is there.
    pub fn handoff(&self) -> Option<&Handoff> {
        self.handoff.as_ref()
    }

    /// By which channel it went. For the log and the host: where the policy has a step with
    /// [`undelivered`](crate::policy::FallbackStep::undelivered), a page that shows it tells what the network
    /// said of the number; say "by text or by call" there.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The key that the text was handed off under. A provider that lets the sender choose a reference
    /// names it in its receipts, for texts it did not confirm as well.
    pub fn idempotency_key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What a host that checks delivery receipts itself keeps under the provider's message identifier,
    /// to report them with [`Gate::receipt`](crate::Gate::receipt).
    /// [`Gate::receipts`](crate::Gate::receipts) needs nothing kept.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let issued = shop.issued().await;
    /// # let gate = &shop.gate;
    /// use std::collections::HashMap;
    /// use otpgate::DeliveryStatus;
    ///
    /// let mut sent = HashMap::new(); // a table of the host's, for a day or so
    /// if let Some(id) = issued.handoff().and_then(|handoff| handoff.message_id.clone()) {
    ///     sent.insert(id, issued.record().clone());
    /// }
    /// // The provider's webhook names the message.
    /// let id = sent.keys().next().cloned().expect("confirmed");
    /// assert!(gate.receipt(&sent[&id], DeliveryStatus::Delivered).is_ok());
    /// # Ok(())
    /// # });
    /// ```
    pub fn record(&self) -> &SendRecord {
        &self.record
    }
}
