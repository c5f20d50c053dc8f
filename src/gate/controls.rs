//! [`Controls`]: the operator's hand. Every entry has a reason, an actor and, where wanted, an end.

use std::sync::Arc;

use crate::access::{
    Actor, BookError, Control, ControlBook, ControlError, ControlId, Draft, Effect, Reason, Target,
};
use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::error::GateError;
use crate::event::EventKind;
use crate::guarded;
use crate::limit::{Limit, MeterKey};
use crate::outcome::Lane;
#[cfg(feature = "totp")]
use crate::realm::slot;
use crate::recipient::Recipient;
use crate::store::{Admission, Admitted, ClockCheck, DocumentWrite, Home, Refund};

use super::Gate;
use super::receipts::fault::Call;

/// How often a change is made afresh because another operator was quicker.
const TRIES: usize = 8;

/// Changes what holds for a realm while it runs. Entries live in the store: every gate on it obeys
/// from its next request on, because each admission names the version it rests on.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let shop::Shop { gate, .. } = shop;
/// use std::time::Duration;
/// use otpgate::access::{Actor, Effect, Reason, Target};
///
/// let (controls, ada) = (gate.controls(), Actor::new("ada")?);
/// let prefix = Target::Prefix("+99899394".parse()?);
/// let reason = Reason::new("pumping since 02:40, ticket 4711")?;
/// let until = controls.now() + Duration::from_secs(6 * 3_600);
/// let id = controls.enter(prefix, Effect::Block, reason, ada.clone(), Some(until)).await?;
///
/// let entries = controls.list().await?;
/// assert_eq!((entries[0].id(), entries[0].target()), (id, &prefix));
/// assert_eq!((entries[0].actor(), entries[0].until()), ("ada", Some(until)));
/// controls.lift(id, &ada).await?;
/// # Ok(())
/// # });
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Controls<'a> {
    gate: &'a Gate,
}

impl<'a> Controls<'a> {
    pub(super) fn of(gate: &'a Gate) -> Self {
        Self { gate }
    }

    pub(super) fn gate(&self) -> &'a Gate {
        self.gate
    }

    /// The gate's time, to reckon an end from.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.gate.now()
    }

    /// The target that stands for one number. The entry holds its pseudonym, not the number.
    #[must_use]
    pub fn number(&self, recipient: &Recipient) -> Target {
        Target::Number(self.gate.names().number(recipient))
    }

    /// The target that stands for one account.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, .. } = shop;
    /// # use otpgate::access::{Actor, Effect, Reason};
    /// let (controls, ada) = (gate.controls(), Actor::new("ada")?);
    /// let target = controls.user("account-4711"); // as `ClientContext::user` has it
    /// assert_eq!(target, controls.user("account-4711"));
    /// assert!(!format!("{target:?}").contains("4711"));
    /// controls.enter(target, Effect::Block, Reason::new("fraud, ticket 4712")?, ada, None).await?;
    /// # assert_eq!(controls.list().await?.len(), 1);
    /// # Ok(())
    /// # });
    /// ```
    #[must_use]
    pub fn user(&self, user: &str) -> Target {
        Target::User(self.gate.names().user(user))
    }

    /// Makes an entry for every purpose: a block, an allowance, a switch.
    ///
    /// # Errors
    ///
    /// [`ControlsError`] if the entry makes no sense, the list is full, or the store gave no answer.
    pub async fn enter(
        &self,
        target: Target,
        effect: Effect,
        reason: Reason,
        actor: Actor,
        until: Option<Timestamp>,
    ) -> Result<ControlId, ControlsError> {
        let draft = Draft::new(target, effect, reason, actor)?;
        self.enter_draft(match until {
            Some(until) => draft.until(until),
            None => draft,
        })
        .await
    }

    /// Makes an entry from a [`Draft`], which may also name a purpose or begin later.
    ///
    /// # Errors
    ///
    /// As [`enter`](Self::enter).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// use std::time::Duration;
    /// use otpgate::access::{Actor, Draft, Effect, Reason, SurgeFactor, Target};
    ///
    /// // A campaign that begins in an hour and lasts a day: three times the usual sign-ups.
    /// let controls = gate.controls();
    /// let start = controls.now() + Duration::from_secs(3_600);
    /// let (why, ada) = (Reason::new("television spot")?, Actor::new("ada")?);
    /// let surge = Draft::new(Target::Everything, Effect::ExpectSurge(SurgeFactor::new(3)?), why, ada)?
    ///     .since(start)
    ///     .until(start + Duration::from_secs(86_400))
    ///     .for_purpose("sign-up")?;
    /// let id = controls.enter_draft(surge).await?;
    /// assert!(!controls.list().await?[0].holds(controls.now()), "not yet");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn enter_draft(&self, draft: Draft) -> Result<ControlId, ControlsError> {
        self.enter_if(draft, |_, _| Ok(())).await
    }

    /// Makes an entry of a book that `admits` it.
    pub(super) async fn enter_if(
        &self,
        draft: Draft,
        admits: impl Fn(&ControlBook, Timestamp) -> Result<(), BookError>,
    ) -> Result<ControlId, ControlsError> {
        let now = self.gate.now();
        let change = |book: &ControlBook| {
            admits(book, now)?;
            book.expire(now).with(draft.clone(), now)
        };
        let (book, id) = self.change(change).await?;
        if let Some(entry) = book.entry(id) {
            let change =
                format!("{id}: {:?} {:?}: {}", entry.effect(), entry.target(), entry.reason());
            self.announce(entry.actor(), change);
        }
        Ok(id)
    }

    /// Takes an entry away.
    ///
    /// # Errors
    ///
    /// [`ControlsError`] if there is no such entry or the store gave no answer.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// # use otpgate::access::{Actor, Effect, Reason, Target};
    /// # let (controls, ada) = (gate.controls(), Actor::new("ada")?);
    /// # let why = Reason::new("provider is down")?;
    /// let id = controls.enter(Target::Everything, Effect::SmsOff, why, ada.clone(), None).await?;
    /// controls.lift(id, &ada).await?;
    /// assert!(controls.list().await?.is_empty());
    /// assert!(controls.lift(id, &ada).await.is_err(), "there is no such entry any more");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn lift(&self, id: ControlId, actor: &Actor) -> Result<(), ControlsError> {
        self.lift_entry(id, actor, "").await
    }

    /// [`lift`](Self::lift) with a reason, which the observer is told: for whoever asks tomorrow why the
    /// block is gone.
    ///
    /// # Errors
    ///
    /// As [`lift`](Self::lift).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// # use otpgate::access::{Actor, Effect, Reason, Target};
    /// # let (controls, ada) = (gate.controls(), Actor::new("ada")?);
    /// # let why = Reason::new("provider is down")?;
    /// let id = controls.enter(Target::Everything, Effect::SmsOff, why, ada.clone(), None).await?;
    /// controls.lift_because(id, &Reason::new("the provider is back")?, &ada).await?;
    /// assert!(controls.list().await?.is_empty());
    /// # Ok(())
    /// # });
    /// ```
    pub async fn lift_because(
        &self,
        id: ControlId,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        self.lift_entry(id, actor, &format!(": {}", reason.as_str())).await
    }

    async fn lift_entry(
        &self,
        id: ControlId,
        actor: &Actor,
        why: &str,
    ) -> Result<(), ControlsError> {
        self.change(|book| book.without(id).map(|book| (book, id))).await?;
        self.announce(actor.as_str(), format!("{id}: lifted{why}"));
        Ok(())
    }

    /// Forgets the wrong codes counted against a number, in every lane: for an owner at the help desk
    /// whom a stranger locked out, once the desk knows who is asking.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::access::{Actor, Reason};
    ///
    /// let (why, desk) = (Reason::new("passport seen, ticket 4712")?, Actor::new("ada, help desk")?);
    /// gate.controls().forgive(&recipient, &why, &desk).await?;
    /// # Ok(())
    /// # });
    /// ```
    pub async fn forgive(
        &self,
        recipient: &Recipient,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        let number = self.gate.names().number(recipient);
        let attempts = &self.gate.inner.policy.attempts;
        let lane =
            |lane: &Lane| (MeterKey::new(number, lane.counted()), lane.failures(attempts).limit());
        self.give_back_failures(number, Lane::ALL.iter().map(lane)).await?;
        let change = format!("failures of {recipient:?} forgiven: {}", reason.as_str());
        self.announce(actor.as_str(), change);
        Ok(())
    }

    /// Forgets what providers reported about a number, so that it gets a text again: for an owner whose
    /// number is back in service, or who opted in again. If the provider still says the same, the next
    /// text tells.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, recipient, .. } = shop;
    /// use otpgate::access::{Actor, Reason};
    ///
    /// let (why, ada) = (Reason::new("texted START, ticket 4713")?, Actor::new("ada")?);
    /// gate.controls().forget_faults(&recipient, &why, &ada).await?;
    /// # Ok(())
    /// # });
    /// ```
    pub async fn forget_faults(
        &self,
        recipient: &Recipient,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        self.gate.forget_faults(recipient, self.gate.now(), Call::Once).await?;
        let change = format!("reports about {recipient:?} forgotten: {}", reason.as_str());
        self.announce(actor.as_str(), change);
        Ok(())
    }

    /// Forgets the wrong authenticator codes counted against an account, as
    /// [`forgive`](Self::forgive) does for a number. `user` is the account's identifier at the host.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    #[cfg(feature = "totp")]
    pub async fn forgive_authenticator(
        &self,
        user: &str,
        reason: &Reason,
        actor: &Actor,
    ) -> Result<(), ControlsError> {
        let user = self.gate.names().user(user);
        let account = MeterKey::new(user, slot::AUTHENTICATOR);
        let meter = (account, self.gate.inner.policy.attempts.authenticator.limit());
        self.give_back_failures(user, std::iter::once(meter)).await?;
        let what = "failures of an account's authenticator forgiven";
        self.announce(actor.as_str(), format!("{what}: {}", reason.as_str()));
        Ok(())
    }

    /// Vouches for this host's clock, after a pause or a step that was right: a store inside this
    /// process takes the wall clock anew. Other gates' clocks and a server's are not touched, and
    /// this host's is still held to the bound.
    ///
    /// Call it only after the clock has been looked at: what it vouches for is what every limit's
    /// span is measured by. Told to the observer as [`EventKind::ControlsChanged`].
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let shop::Shop { gate, client, clock, .. } = shop;
    /// use std::time::Duration;
    /// use otpgate::access::{Actor, Reason};
    /// use otpgate::{Clock, GateErrorKind};
    ///
    /// clock.set_wall(clock.now() + Duration::from_secs(90_000)); // the machine slept for 25 hours
    /// let error = gate.controls().list().await.unwrap_err();
    /// assert!(error.to_string().contains("clock"), "{error}");
    ///
    /// let reason = Reason::new("laptop slept, chronyc says 3 ms")?;
    /// gate.controls().trust_clock(&reason, &Actor::new("ada")?).await?;
    /// assert!(gate.controls().list().await.is_ok());
    /// # Ok(())
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer, or has a server's clock and this host's is
    /// too far from it.
    pub async fn trust_clock(&self, reason: &Reason, actor: &Actor) -> Result<(), ControlsError> {
        let gate = self.gate;
        gate.relearn_clock();
        let now = gate.now();
        let id = RequestId::from_bytes(random(&*gate.inner.entropy).map_err(GateError::from)?);
        let mut admission = Admission::new(id, now, gate.inner.partition, now + super::REMEMBER);
        admission.clock = match gate.inner.clock_check.skew() {
            Some(skew) => ClockCheck::Set(skew),
            None => ClockCheck::Unchecked,
        };
        let _granted = guarded::admit(&*gate.inner.store, &admission).await?;
        self.announce(actor.as_str(), format!("clock vouched for: {}", reason.as_str()));
        Ok(())
    }

    async fn give_back_failures(
        &self,
        whose: Pseudonym,
        meters: impl Iterator<Item = (MeterKey, Limit)>,
    ) -> Result<(), ControlsError> {
        let gate = self.gate;
        let now = gate.now();
        let id = RequestId::from_bytes(random(&*gate.inner.entropy).map_err(GateError::from)?);
        let mut admission = Admission::new(id, now, gate.inner.partition, now + super::REMEMBER);
        admission.clock = gate.inner.clock_check;
        admission.home = Home::of(whose);
        let _granted = guarded::admit(&*gate.inner.store, &admission).await?;
        let all = |(key, limit)| Refund { key, limit, cost: 100, charged: now, waiver: None };
        gate.give_all_back(id, admission.home, meters.map(all).collect()).await?;
        Ok(())
    }

    /// Every entry that holds now or will, the oldest first; read from the store.
    ///
    /// # Errors
    ///
    /// [`ControlsError::Gate`] if the store gave no answer.
    pub async fn list(&self) -> Result<Vec<Control>, ControlsError> {
        let now = self.gate.now();
        let seen = self.gate.reload_controls(now).await?;
        let live =
            seen.book.entries().filter(|entry| entry.until().is_none_or(|until| until > now));
        Ok(live.cloned().collect())
    }

    /// Reads, changes, and writes if nobody was quicker.
    async fn change(
        &self,
        change: impl Fn(&ControlBook) -> Result<(ControlBook, ControlId), BookError>,
    ) -> Result<(Arc<ControlBook>, ControlId), ControlsError> {
        let gate = self.gate;
        for _ in 0..TRIES {
            let now = gate.now();
            let seen = gate.reload_controls(now).await?;
            let (book, id) = change(&seen.book)?;
            let [nonce, request]: [[u8; 16]; 2] = [
                random(&*gate.inner.entropy).map_err(GateError::from)?,
                random(&*gate.inner.entropy).map_err(GateError::from)?,
            ];
            let mut admission = Admission::new(
                RequestId::from_bytes(request),
                now,
                gate.inner.partition,
                now + super::REMEMBER,
            );
            admission.clock = gate.inner.clock_check;
            admission.documents = vec![DocumentWrite {
                document: gate.names().controls(),
                expect: seen.version,
                content: gate.realm.controls.seal(&book, nonce, &gate.inner.keys),
            }];
            match guarded::admit(&*gate.inner.store, &admission).await? {
                Admitted::Granted { .. } => {
                    drop(gate.reload_controls(now).await?);
                    return Ok((Arc::new(book), id));
                }
                _ => continue,
            }
        }
        Err(ControlsError::Contended)
    }

    fn announce(&self, actor: &str, change: String) {
        let kind = EventKind::ControlsChanged { actor: actor.to_owned(), change };
        self.gate.tell(&self.gate.event(self.gate.now(), kind));
    }
}

impl Gate {
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
}

/// A change of the controls that was not made.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let shop::Shop { gate, .. } = shop;
/// # use otpgate::access::{Actor, ControlError, Effect, Reason, Target};
/// # use otpgate::ControlsError;
/// # let (why, ada) = (Reason::new("a test")?, Actor::new("ada")?);
/// let controls = gate.controls(); // and nobody allows everything
/// let error = controls.enter(Target::Everything, Effect::Allow, why, ada, None).await.unwrap_err();
/// assert!(matches!(error, ControlsError::Control(ControlError::Mismatched { .. })));
/// # Ok(())
/// # });
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ControlsError {
    /// The entry, its reason, actor or end makes no sense.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The list is full, or there is no such entry.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The store gave no answer.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The test number was verified in the last 90 days.
    #[error(
        "the number was verified before and may be a customer's, whose account a fixed code would open; take another, or say `although_verified`"
    )]
    Verified,
    /// The test code is of another format than the gate's.
    #[error(
        "the test code is not of the gate's format; make it with that of `MessageFormat::codes`"
    )]
    TestCode,
    /// Others kept changing the controls.
    #[error(
        "others changed the controls at the same time, eight times; look at the list, then retry"
    )]
    Contended,
}

crate::base::sentence::debug_as_sentence!(ControlsError);
