//! [`TestNumber`]: a fixed code for one number, until a stated time, and never a text.

use crate::access::{
    Actor, BookError, ControlBook, ControlId, Draft, Effect, Reason, SealedCode, Target,
};
use crate::base::entropy::random;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::error::GateError;
use crate::event::{EventKind, TestUse};
use crate::otp::{CodeFormat, TestCode};
use crate::outcome::Grant;
use crate::realm::{TestEntry, test_context};
use crate::recipient::Recipient;

use super::Gate;
use super::controls::{Controls, ControlsError};

/// A number for app-store reviewers or end-to-end tests. A request for a code sends no text, and
/// this fixed code opens the verification.
///
/// Everything else holds for it as for every number: the ticket, destinations, blocks, intervals, quotas,
/// attempts and lockout. It costs no money and is no evidence against its block. It counts against its
/// client as any request does; its success gives back exactly that, and does not make the number a known
/// one. It ends by itself, after 30 days at the latest, and can be [lifted](Controls::lift) before: from
/// then on its codes open nothing, those of running verifications included. So do those of an entry that was
/// made when codes had another format: lift it, and enter the number anew.
///
/// Each use is an [`EventKind::TestNumberUsed`]. Limit what it opens:
/// [`Verification::test_number`](crate::Verification::test_number) says that a verification came
/// from one.
///
/// ```
/// # let (observer, events) = otpgate::QueuedObserver::bounded(64);
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open_with(|parts| parts.observer(observer), async |shop| {
/// # let clearance = shop.clearance().await;
/// # let shop::Shop { gate, client, recipient, outbox, .. } = shop;
/// use std::time::Duration;
/// use otpgate::access::{Actor, Reason};
/// use otpgate::otp::{CodeFormat, TestCode};
/// use otpgate::{EventKind, Sent, SystemEntropy, TestNumber, Verified};
///
/// let code = TestCode::draw(&CodeFormat::default(), &SystemEntropy)?;
/// let controls = gate.controls();
/// let until = controls.now() + Duration::from_secs(7 * 86_400);
/// let test = TestNumber::new(recipient, code.clone(), until);
/// let (why, ada) = (Reason::new("app review of 4.2")?, Actor::new("ada")?);
/// let id = controls.test_number(&test, why, ada.clone()).await?;
///
/// let Sent::Issued(issued) = gate.issue(clearance).await? else { panic!("answered as if sent") };
/// assert_eq!(outbox.handed_off(), 0, "never a text");
/// let verified = gate.verify(issued.grant(), code.expose_secret(), &client).await?;
/// let Verified::Accepted(verification) = verified else { panic!("the fixed code") };
/// assert_eq!(verification.test_number(), Some(id));
/// let used = |kind: &EventKind| matches!(kind, EventKind::TestNumberUsed { .. });
/// assert_eq!(events.try_iter().filter(|event| used(&event.kind)).count(), 2);
///
/// controls.lift(id, &ada).await?;
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `Controls::test_number` has entered it"]
pub struct TestNumber {
    recipient: Recipient,
    code: TestCode,
    until: Timestamp,
    purpose: Option<Purpose>,
    although_verified: bool,
}

impl TestNumber {
    /// `code` for `recipient` until `until`, for every purpose whose policy accepts test numbers.
    pub fn new(recipient: Recipient, code: TestCode, until: Timestamp) -> Self {
        Self { recipient, code, until, purpose: None, although_verified: false }
    }

    /// For one purpose only.
    pub fn for_purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Also if the number was verified in the last 90 days. Without this such a number is refused: it
    /// may be a customer's, whose account the fixed code would open.
    pub fn although_verified(mut self) -> Self {
        self.although_verified = true;
        self
    }
}

impl Controls<'_> {
    /// The format that the code of a test number has: that of the gate's texts.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, .. }| {
    /// use otpgate::otp::TestCode;
    ///
    /// let code = TestCode::draw(&gate.controls().code_format(), &otpgate::SystemEntropy)?;
    /// assert_eq!(code.expose_secret().len(), 6);
    /// # Ok(())
    /// # });
    /// ```
    pub fn code_format(&self) -> CodeFormat {
        self.gate().inner.message.codes()
    }

    /// Enters a test number; every gate on the store obeys from its next request on.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Verified`] if the number was verified before and the test does not say that it
    /// may have been; [`ControlsError::TestCode`] if the code is not of the gate's format;
    /// [`ControlsError::Book`] if the realm has as many as the policy allows;
    /// [`ControlsError::Control`] if it would last longer than 30 days;
    /// [`ControlsError::Gate`] if the store gave no answer.
    pub async fn test_number(
        &self,
        test: &TestNumber,
        reason: Reason,
        actor: Actor,
    ) -> Result<ControlId, ControlsError> {
        let gate = self.gate();
        if test.code.format() != gate.inner.message.codes() {
            return Err(ControlsError::TestCode);
        }
        let number = gate.names().number(&test.recipient);
        if !test.although_verified {
            let now = gate.now();
            // A verification of the last three days counts too: its mark begins later.
            if gate.inner.known(number, now).await?.is_some_and(|(_, until)| now < until) {
                return Err(ControlsError::Verified);
            }
        }
        let nonce = random(&*gate.inner.entropy).map_err(GateError::from)?;
        let code = test.code.expose_secret().as_bytes();
        let key = gate.inner.keys.papers();
        let sealed =
            SealedCode::new(&key.seal(&test_context(number, gate.realm.name()), nonce, code));
        let draft = Draft::test_number(number, sealed, reason, actor).until(test.until);
        let draft = match &test.purpose {
            Some(purpose) => draft.for_purpose(purpose.as_str())?,
            None => draft,
        };
        let most = gate.inner.policy.test.numbers;
        let full = BookError::TooManyTestNumbers { most };
        self.enter_if(draft, |book, now| match book.test_numbers(now) < most {
            true => Ok(()),
            false => Err(full),
        })
        .await
    }
}

impl Gate {
    /// The entry that a grant was opened under, if this gate has seen that it holds. It asks the store only
    /// if it has not: a wrong code takes one round trip, as for any number.
    pub(super) async fn test_entry_seen(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Option<TestEntry>, GateError> {
        match self.test_entry_in(&self.realm.controls.seen().book, grant, now) {
            None if grant.test.is_some() => self.test_entry(grant, now).await,
            seen => Ok(seen),
        }
    }

    /// The same, read from the store, so that one that was lifted anywhere opens nothing from then on.
    pub(super) async fn test_entry(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Option<TestEntry>, GateError> {
        let fresh = self.reload_controls(now).await?;
        Ok(self.test_entry_in(&fresh.book, grant, now))
    }

    fn test_entry_in(
        &self,
        book: &ControlBook,
        grant: &Grant,
        now: Timestamp,
    ) -> Option<TestEntry> {
        let Grant { purpose, recipient, .. } = grant;
        let control = book.entry(grant.test?)?;
        let holds = control.effect() == Effect::TestNumber
            && *control.target() == Target::Number(self.names().number(recipient))
            && control.holds(now)
            && control.purpose().is_none_or(|only| only == purpose.as_str());
        let allowed = self.inner.policy(purpose).test.numbers > 0;
        if holds && allowed { TestEntry::of(control) } else { None }
    }

    pub(super) fn note_test(
        &self,
        entry: &TestEntry,
        step: TestUse,
        purpose: &Purpose,
        recipient: &Recipient,
        now: Timestamp,
    ) {
        let kind = EventKind::TestNumberUsed {
            id: entry.id,
            step,
            reason: entry.reason.clone(),
            actor: entry.actor.clone(),
        };
        let number = self.names().number(recipient);
        self.tell(&self.event_of(now, purpose, recipient, number, kind));
    }
}
