//! One entry of the control book.

use std::fmt;
use std::time::Duration;

use super::effect::{ControlError, Effect};
use super::reason::{Actor, Reason, bounded};
use super::target::Target;
use super::translated;
use crate::base::id::Pseudonym;
use crate::base::purpose_name::looks_like;
use crate::base::time::Timestamp;

/// The number of an entry within its book; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ControlId(pub u64);

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The code of a test number under the gate's key: neither the book nor its reader learns it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedCode(Box<[u8]>);

impl SealedCode {
    pub(crate) fn new(sealed: &[u8]) -> Self {
        Self(sealed.into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

crate::base::masked::debug_redacted!(SealedCode, "[sealed]");

/// An entry that is not in a book yet.
///
/// ```
/// use otpgate::access::{Actor, Draft, Effect, Reason, Target};
/// use otpgate::{Region, Timestamp};
///
/// let (reason, actor) = (Reason::new("pumping, ticket 4711")?, Actor::new("ada")?);
/// let off = Draft::new(Target::Country(Region::DE), Effect::CountryOff, reason.clone(), actor.clone())?
///     .until(Timestamp::from_millis(1_800_000_000_000));
/// assert_eq!(off.effect(), Effect::CountryOff);
/// assert!(Draft::new(Target::Everything, Effect::Allow, reason, actor).is_err());
/// # Ok::<(), otpgate::access::ControlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a draft does nothing until it is in the book"]
pub struct Draft {
    target: Target,
    effect: Effect,
    purpose: Option<Box<str>>,
    reason: Reason,
    actor: Actor,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    sealed: Option<SealedCode>,
}

impl Draft {
    /// The longest life of a test number: long enough for an app review and a month of updates,
    /// short enough that a forgotten one ends.
    pub(crate) const LONGEST_TEST: Duration = Duration::from_secs(30 * 86_400);

    /// An entry without an end, for every purpose. A network behind a translator's well-known prefix
    /// (`64:ff9b::203.0.113.0/120`) is entered as the IPv4 network that its clients are counted as.
    ///
    /// # Errors
    ///
    /// [`ControlError::Mismatched`] if `effect` makes no sense for `target`,
    /// [`ControlError::NarrowSurge`] for a surge of less than a country.
    pub fn new(
        target: Target,
        effect: Effect,
        reason: Reason,
        actor: Actor,
    ) -> Result<Self, ControlError> {
        // Its clients are known by their IPv4 addresses.
        let target = match target {
            Target::Network(network) => Target::Network(translated::network(network)),
            other => other,
        };
        match effect.applies_to(&target) {
            true => Ok(Self::bare(target, effect, reason, actor)),
            false if effect.is_surge() => Err(ControlError::NarrowSurge),
            false => Err(ControlError::Mismatched { effect }),
        }
    }

    /// The draft of an entry that a book holds; `None` if none can. A book of before may hold a
    /// surge of a prefix.
    pub(super) fn of_book(
        target: Target,
        effect: Effect,
        reason: Reason,
        actor: Actor,
    ) -> Option<Self> {
        let narrow = effect.is_surge() && matches!(target, Target::Prefix(_));
        (narrow || effect.applies_to(&target)).then(|| Self::bare(target, effect, reason, actor))
    }

    /// A test number with its code. Needs an end.
    pub(crate) fn test_number(
        number: Pseudonym,
        sealed: SealedCode,
        reason: Reason,
        actor: Actor,
    ) -> Self {
        let draft = Self::bare(Target::Number(number), Effect::TestNumber, reason, actor);
        Self { sealed: Some(sealed), ..draft }
    }

    fn bare(target: Target, effect: Effect, reason: Reason, actor: Actor) -> Self {
        Self {
            target,
            effect,
            purpose: None,
            reason,
            actor,
            since: None,
            until: None,
            sealed: None,
        }
    }

    /// Ends the entry at `until`.
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Lets the entry begin at `since` instead of at once. A lift of the detector's block cannot wait.
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Limits the entry to one purpose.
    ///
    /// # Errors
    ///
    /// [`ControlError::Purpose`] if the name is blank, longer than 32 characters or holds a control
    /// character, [`ControlError::PurposeLike`] if it only looks like a standard purpose, such as `login`,
    /// [`ControlError::NarrowSurge`] for a surge.
    ///
    /// ```
    /// use otpgate::access::{Actor, ControlError, Draft, Effect, Reason, Target};
    ///
    /// let (why, ada) = (Reason::new("toll fraud, ticket 4711")?, Actor::new("ada")?);
    /// let off = Draft::new(Target::Everything, Effect::SmsOff, why, ada)?;
    /// let error = off.clone().for_purpose("login").unwrap_err();
    /// assert_eq!(error, ControlError::PurposeLike { standard: "log-in" });
    /// assert!(off.for_purpose("log-in").is_ok());
    /// # Ok::<(), ControlError>(())
    /// ```
    pub fn for_purpose(self, purpose: &str) -> Result<Self, ControlError> {
        if self.effect.is_surge() {
            return Err(ControlError::NarrowSurge);
        }
        if let Some(standard) = looks_like(purpose.trim()) {
            return Err(ControlError::PurposeLike { standard });
        }
        self.limited_to(purpose).ok_or(ControlError::Purpose)
    }

    /// The same for `purpose` alone. A book of before may hold a surge of one.
    pub(super) fn limited_to(self, purpose: &str) -> Option<Self> {
        Some(Self { purpose: Some(bounded(purpose, 32)?), ..self })
    }

    /// What it does.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// What it is about.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// The same entry, dated back to `since` where it is to begin at once: a gate whose clock lags obeys it
    /// from its next request on as well. A test number, which stops nothing, has its days from now on.
    pub(crate) fn at_once(self, since: Timestamp) -> Self {
        match self.since {
            None if self.effect != Effect::TestNumber => self.since(since),
            _ => self,
        }
    }

    /// The entry itself, made at `now`.
    pub(super) fn enter(mut self, id: ControlId, now: Timestamp) -> Result<Control, ControlError> {
        let since = self.since.unwrap_or(now);
        if self.effect == Effect::LiftAutomaticBlock && since > now {
            return Err(ControlError::LiftLater);
        }
        match self.until {
            None if self.effect.needs_end() => return Err(ControlError::Endless),
            Some(until) if until <= since || until <= now => return Err(ControlError::EndsFirst),
            Some(until)
                if self.effect == Effect::TestNumber && until.since(since) > Self::LONGEST_TEST =>
            {
                return Err(ControlError::TestTooLong);
            }
            _ => {}
        }
        self.since = Some(since);
        Ok(Control { id, draft: self, since })
    }
}

/// An entry of the book.
///
/// An entry holds from its beginning until just before its end:
///
/// ```
/// use otpgate::access::{Actor, ControlBook, Draft, Effect, Reason, Target};
/// use otpgate::Timestamp;
///
/// let at = Timestamp::from_millis;
/// let (why, ada) = (Reason::new("provider maintenance")?, Actor::new("ada")?);
/// let draft = Draft::new(Target::Everything, Effect::SmsOff, why, ada)?;
/// let (book, id) = ControlBook::new().with(draft.since(at(2_000)).until(at(5_000)), at(1_000))?;
/// let control = book.entry(id).unwrap();
/// assert!(!control.holds(at(1_999)) && control.holds(at(2_000)));
/// assert!(control.holds(at(4_999)) && !control.holds(at(5_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    id: ControlId,
    draft: Draft,
    since: Timestamp,
}

impl Control {
    /// Its number.
    pub const fn id(&self) -> ControlId {
        self.id
    }

    /// What it is about.
    pub const fn target(&self) -> &Target {
        &self.draft.target
    }

    /// What it does.
    pub const fn effect(&self) -> Effect {
        self.draft.effect
    }

    /// The only purpose it is for; `None` for all.
    pub fn purpose(&self) -> Option<&str> {
        self.draft.purpose.as_deref()
    }

    /// Why.
    pub fn reason(&self) -> &str {
        self.draft.reason.as_str()
    }

    /// Who.
    pub fn actor(&self) -> &str {
        self.draft.actor.as_str()
    }

    /// From when on it holds. An entry that [`Controls`](crate::Controls) made without a beginning is dated
    /// back by twice the [clocks' bound](crate::GateBuilder::clock_skew), so that it holds at once at a gate
    /// whose clock lags.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Until when it holds; `None` for as long as it is in the book.
    pub const fn until(&self) -> Option<Timestamp> {
        self.draft.until
    }

    /// The code of a test number.
    pub(crate) const fn sealed_code(&self) -> Option<&SealedCode> {
        self.draft.sealed.as_ref()
    }

    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.since <= now && !self.is_over(now)
    }

    /// Whether it switches all SMS off at `now`. One that is for a purpose alone, or that only comes
    /// later, stops nobody else now.
    #[cfg(any(feature = "console", feature = "metrics"))]
    pub(crate) fn pauses_all(&self, now: Timestamp) -> bool {
        self.effect() == Effect::SmsOff
            && *self.target() == Target::Everything
            && self.purpose().is_none()
            && self.holds(now)
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// Whether it holds for `purpose` at `now`.
    pub(super) fn concerns(&self, purpose: &str, now: Timestamp) -> bool {
        self.holds(now) && self.purpose().is_none_or(|only| only == purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{ClientIp, ControlBook, Query, SurgeFactor};
    use crate::recipient::Recipient;

    #[test]
    fn ends_are_checked_on_entry() {
        let now = Timestamp::from_millis(1_000);
        let draft = |effect| {
            let (reason, actor) = (Reason::new("r").unwrap(), Actor::new("a").unwrap());
            Draft::new(Target::Everything, effect, reason, actor).unwrap()
        };
        let enter = |draft: Draft| draft.enter(ControlId(1), now).map(|control| control.since());
        let surge = Effect::ExpectSurge(SurgeFactor::new(3).unwrap());
        assert_eq!(enter(draft(surge)), Err(ControlError::Endless));
        assert_eq!(enter(draft(Effect::ExtendAutomaticBlock)), Err(ControlError::Endless));
        assert_eq!(enter(draft(Effect::SmsOff)), Ok(now));
        assert_eq!(enter(draft(Effect::SmsOff).until(now)), Err(ControlError::EndsFirst));
        let later = Timestamp::from_millis(5_000);
        let scheduled = draft(Effect::SmsOff).since(later);
        assert_eq!(enter(scheduled.clone().until(later)), Err(ControlError::EndsFirst));
        assert_eq!(enter(scheduled), Ok(later));
        let lift = draft(Effect::LiftAutomaticBlock);
        assert_eq!(enter(lift.clone()), Ok(now));
        assert_eq!(enter(lift.clone().since(now)), Ok(now));
        assert_eq!(enter(lift.since(later)), Err(ControlError::LiftLater));
    }

    /// What was entered for a purpose was meant to let its campaign through, and has an end.
    #[test]
    fn a_surge_of_before_is_read_and_counts_for_every_purpose() {
        let now = Timestamp::from_millis(1_000);
        let recipient = Recipient::from_e164("+4915112345678").unwrap();
        let surge = Effect::ExpectSurge(SurgeFactor::new(3).unwrap());
        let kept = |target: Target| {
            let (reason, actor) = (Reason::new("r").unwrap(), Actor::new("a").unwrap());
            let draft = Draft::of_book(target, surge, reason, actor).unwrap();
            let draft = draft.limited_to("sign-up").unwrap().until(Timestamp::from_millis(5_000));
            let (book, id) = ControlBook::new().with(draft, now).unwrap();
            let book = ControlBook::decode(&book.encode()).unwrap();
            let expected = ["sign-up", "log-in"].map(|purpose| {
                let query = Query {
                    recipient: &recipient,
                    number: Pseudonym::from_bytes([1; 16]),
                    client: ClientIp::unknown(),
                    user: None,
                    purpose,
                    now,
                };
                book.decide(&query).surge.map(Control::id)
            });
            (expected, id)
        };
        let (expected, id) = kept(Target::Everything);
        assert_eq!(expected, [Some(id); 2]);
        let (expected, _) = kept(Target::Prefix("+49151".parse().unwrap()));
        assert_eq!(expected, [None; 2], "the country is far more than was meant");
    }
}
