//! [`Controls`]: what an operator can do. Every entry has a reason, an actor and, if you want, an
//! end.

mod error;
mod forgive;

use std::sync::Arc;

use crate::access::{
    Actor, BookError, Control, ControlBook, ControlError, ControlId, Draft, Effect, Reason, Target,
};
use crate::base::entropy::random;
use crate::base::time::Timestamp;
use crate::error::GateError;
use crate::event::EventKind;
use crate::guarded;
use crate::recipient::Recipient;
use crate::store::{Admitted, DocumentWrite, Home};

use super::Gate;

pub use error::ControlsError;

/// How often a change is made afresh because another operator was quicker.
const TRIES: usize = 8;

/// Changes what holds for a realm while it runs. Entries live in the store: every gate on it obeys
/// from its next request on, because each admission names the version it rests on.
///
/// Let each call run to its end: a change that is dropped on its way may have been made, and its
/// [`EventKind::ControlsChanged`] is not told. Servers drop the handler of a client who hangs up.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop::Shop { gate, .. }| {
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
    pub(super) fn gate(&self) -> &'a Gate {
        self.gate
    }

    /// The gate's time, to reckon an end from.
    pub fn now(&self) -> Timestamp {
        self.gate.now()
    }

    /// The target that stands for one number. The entry holds its pseudonym, not the number.
    ///
    /// It is of this realm: entered in another it stands for nobody, without an error. Make it anew from
    /// the controls of each realm that it is to hold in.
    #[must_use]
    pub fn number(&self, recipient: &Recipient) -> Target {
        Target::Number(self.gate.names().number(recipient))
    }

    /// The target that stands for one account, spelt as [`ClientContext::user`](crate::ClientContext::user)
    /// gets it. It is of this realm, as that of [`number`](Self::number) is.
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
    /// [`ControlsError`] if the entry makes no sense, no number begins with its prefix, the list is full, or the
    /// store gave no answer.
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
    /// # shop::open(async |shop::Shop { gate, .. }| {
    /// use std::time::Duration;
    /// use otpgate::access::{Actor, Draft, Effect, Reason, SurgeFactor, Target};
    ///
    /// // A campaign that begins in an hour and lasts a day: three times the usual traffic, of all
    /// // purposes together.
    /// let controls = gate.controls();
    /// let start = controls.now() + Duration::from_secs(3_600);
    /// let (why, ada) = (Reason::new("television spot")?, Actor::new("ada")?);
    /// let surge = Draft::new(Target::Everything, Effect::ExpectSurge(SurgeFactor::new(3)?), why, ada)?
    ///     .since(start)
    ///     .until(start + Duration::from_secs(86_400));
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
        let draft = draft.at_once(self.gate.inner.earliest(now));
        self.check_lines(&draft)?;
        let mut ended: Vec<(ControlId, String)> = Vec::new();
        let change = |book: &ControlBook| {
            admits(book, now)?;
            let before = book.expire(now);
            let (book, id) = before.with(draft.clone(), now)?;
            let gone = before.entries().filter(|entry| book.entry(entry.id()).is_none());
            ended = gone.map(|entry| (entry.id(), in_words(entry, now))).collect();
            Ok((book, id))
        };
        let (book, id) = self.change(change).await?;
        if let Some(entry) = book.entry(id) {
            let change = format!("{id}: {}: {}", in_words(entry, now), entry.reason());
            self.announce(entry.actor(), change);
            for (gone, words) in ended {
                self.announce(entry.actor(), format!("{gone}: lifted: {words}: by entry {id}"));
            }
        }
        self.take_in().await;
        Ok(id)
    }

    /// That some number begins with the prefix, if the draft is about one: else the entry would be for nobody.
    fn check_lines(&self, draft: &Draft) -> Result<(), ControlError> {
        let Target::Prefix(prefix) = draft.target() else { return Ok(()) };
        match prefix.has_lines(self.gate.inner.destinations.takes_unassigned()) {
            true => Ok(()),
            false => Err(ControlError::NoLines { trunk_zero: prefix.has_trunk_zero() }),
        }
    }

    /// Takes an entry away.
    ///
    /// # Errors
    ///
    /// [`ControlsError`] if there is no such entry or the store gave no answer.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, .. }| {
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

    /// [`lift`](Self::lift) with a reason. The observer gets it, so the log says tomorrow why the
    /// block is gone.
    ///
    /// # Errors
    ///
    /// As [`lift`](Self::lift).
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop::Shop { gate, .. }| {
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
        let now = self.gate.now();
        let mut lifted = String::new();
        let change = |book: &ControlBook| {
            lifted = book.entry(id).map(|entry| in_words(entry, now)).unwrap_or_default();
            book.without(id).map(|book| (book, id))
        };
        self.change(change).await?;
        self.announce(actor.as_str(), format!("{id}: lifted: {lifted}{why}"));
        self.take_in().await;
        Ok(())
    }

    /// Reads what has just been changed. It is changed whether or not that can be read: the next request does.
    async fn take_in(&self) {
        let read = self.gate.reload_controls(self.gate.now()).await;
        drop(self.gate.told(read));
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
        mut change: impl FnMut(&ControlBook) -> Result<(ControlBook, ControlId), BookError>,
    ) -> Result<(Arc<ControlBook>, ControlId), ControlsError> {
        let gate = self.gate;
        for _ in 0..TRIES {
            let now = gate.now();
            let seen = gate.reload_controls(now).await?;
            let (book, id) = change(&seen.book)?;
            let nonce = random(&*gate.inner.entropy).map_err(GateError::from)?;
            let mut admission = gate.inner.admission(Home::NOBODY, now).map_err(GateError::from)?;
            admission.documents = vec![DocumentWrite {
                document: gate.names().controls(),
                expect: seen.version,
                content: gate.realm.controls.seal(&book, nonce, &gate.inner.keys),
            }];
            match guarded::admit(&*gate.inner.store, &admission).await? {
                Admitted::Granted { .. } => return Ok((Arc::new(book), id)),
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

/// What an entry does, for whom and when. Of a long prefix, which is nearly a number, only the beginning.
fn in_words(entry: &Control, now: Timestamp) -> String {
    let mut words = format!("{:?} {:?}", entry.effect(), entry.target());
    if let Some(purpose) = entry.purpose() {
        words.push_str(" for ");
        words.push_str(purpose);
    }
    let since = Some(entry.since()).filter(|since| *since > now);
    let times = [(", from ", since), (", until ", entry.until())];
    for (name, at) in times.into_iter().filter_map(|(name, at)| Some((name, at?))) {
        words.push_str(name);
        words.push_str(&at.utc());
    }
    words
}

impl Gate {
    /// What an operator can do: block, allow, override, switch; each with reason, actor and end.
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
    pub fn controls(&self) -> Controls<'_> {
        Controls { gate: self }
    }
}
