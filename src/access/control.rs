//! One entry of the control book.

use std::fmt;
use std::time::Duration;

use super::target::Target;
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;

/// What an entry does to its target.
///
/// Each effect takes the targets that it makes sense for; [`Draft::new`] refuses the rest:
///
/// ```
/// use otpgate::access::{Actor, ControlError, Draft, Effect, Reason, Target};
/// use otpgate::Region;
///
/// let (why, ada) = (Reason::new("toll fraud since 02:40")?, Actor::new("ada")?);
/// let draft = |target, effect| Draft::new(target, effect, why.clone(), ada.clone());
/// assert!(draft(Target::Country(Region::LV), Effect::CountryOff).is_ok());
/// assert!(draft(Target::Everything, Effect::SmsOff).is_ok());
/// assert_eq!(
///     draft(Target::Everything, Effect::CountryOff).unwrap_err(),
///     ControlError::Mismatched { effect: Effect::CountryOff },
/// );
/// # Ok::<(), ControlError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Messages are let past the pumping detector and step-ups, but not past a human check that the
    /// policy asks of everyone. Never past an interval, a quota, a
    /// budget or the destination policy: an allowed number that is abused costs no more than any other.
    ///
    /// For a single number it lifts refusals and no step-up, unless
    /// [`ModePolicy::quiet`](crate::policy::ModePolicy::quiet) is off: who is spared one would be seen
    /// to be on the list. While any such entry holds, a blocked country or prefix is refused quietly.
    Allow,
    /// No messages.
    Block,
    /// Incident switch: no messages to a country, whatever is allowed inside it, except to numbers
    /// that are allowed one by one.
    CountryOff,
    /// Incident switch: messages only to numbers that verified before, and to numbers allowed one by
    /// one.
    KnownNumbersOnly,
    /// Incident switch: no SMS at all; the gate points to the authenticator app. No exceptions.
    SmsOff,
    /// More traffic than usual is expected, by this factor. Needs an end.
    ExpectSurge(SurgeFactor),
    /// The detector may not block here.
    ForbidAutomaticBlock,
    /// The detector's block is over and its evidence from before the entry does not count. New
    /// evidence may block again.
    LiftAutomaticBlock,
    /// The detector's block stays until the entry ends. Needs an end.
    ExtendAutomaticBlock,
    /// No text, and a fixed code in its place. Needs an end, 30 days off at the latest. Only
    /// [`Controls::test_number`](crate::Controls::test_number) makes such an entry.
    TestNumber,
}

impl Effect {
    pub(super) const fn is_automatic(self) -> bool {
        matches!(
            self,
            Self::ForbidAutomaticBlock | Self::LiftAutomaticBlock | Self::ExtendAutomaticBlock
        )
    }

    const fn needs_end(self) -> bool {
        matches!(self, Self::ExpectSurge(_) | Self::ExtendAutomaticBlock | Self::TestNumber)
    }

    const fn applies_to(self, target: &Target) -> bool {
        use Target::{Country, Everything, Network, Number, Prefix, User};
        match self {
            Self::Allow | Self::Block => {
                matches!(target, Country(_) | Prefix(_) | Number(_) | Network(_) | User(_))
            }
            Self::CountryOff => matches!(target, Country(_)),
            Self::KnownNumbersOnly | Self::SmsOff => matches!(target, Everything | Country(_)),
            Self::ExpectSurge(_) => matches!(target, Everything | Country(_) | Prefix(_)),
            Self::ForbidAutomaticBlock | Self::LiftAutomaticBlock | Self::ExtendAutomaticBlock => {
                matches!(target, Everything | Country(_) | Prefix(_) | Network(_))
            }
            // It lacks the code.
            Self::TestNumber => false,
        }
    }
}

/// How many times the usual traffic is expected: 2 to 100.
///
/// At most 100, because a surge of that size switches the detector off in all but name.
///
/// ```
/// use otpgate::access::{ControlError, SurgeFactor};
///
/// assert_eq!(SurgeFactor::new(3)?.value(), 3);
/// assert_eq!(SurgeFactor::new(1), Err(ControlError::SurgeFactor { given: 1 }));
/// assert!(SurgeFactor::new(101).is_err());
/// # Ok::<(), ControlError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SurgeFactor(u8);

impl SurgeFactor {
    /// A surge of `factor` times the usual.
    ///
    /// # Errors
    ///
    /// [`ControlError::SurgeFactor`] if it is not 2 to 100.
    pub const fn new(factor: u8) -> Result<Self, ControlError> {
        if factor >= 2 && factor <= 100 {
            Ok(Self(factor))
        } else {
            Err(ControlError::SurgeFactor { given: factor })
        }
    }

    /// The factor.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// Why an entry was made: 1 to 200 characters, not blank, no control characters.
///
/// Required, because nobody dares to remove an entry that nobody can explain. Operators see it and
/// the store keeps it, so write no phone number into it.
///
/// ```
/// use otpgate::access::{ControlError, Reason};
///
/// assert_eq!(Reason::new(" pumping, ticket 4711 ")?.as_str(), "pumping, ticket 4711");
/// assert_eq!(Reason::new("   "), Err(ControlError::Reason));
/// assert!(Reason::new("two\nlines").is_err());
/// # Ok::<(), ControlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason(Box<str>);

impl Reason {
    /// Reads a reason; blanks at both ends are dropped.
    ///
    /// # Errors
    ///
    /// [`ControlError::Reason`] if it is blank, too long or holds a control character.
    pub fn new(text: &str) -> Result<Self, ControlError> {
        bounded(text, 200).map(Self).ok_or(ControlError::Reason)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who made an entry: 1 to 64 characters, as [`Reason`]. Your operator's or service's name.
///
/// ```
/// use otpgate::access::{Actor, ControlError};
///
/// assert_eq!(Actor::new("night-watch@sms.example.com")?.as_str(), "night-watch@sms.example.com");
/// assert_eq!(Actor::new(""), Err(ControlError::Actor));
/// # Ok::<(), ControlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor(Box<str>);

impl Actor {
    /// Reads an actor; blanks at both ends are dropped.
    ///
    /// # Errors
    ///
    /// [`ControlError::Actor`] if it is blank, too long or holds a control character.
    pub fn new(text: &str) -> Result<Self, ControlError> {
        bounded(text, 64).map(Self).ok_or(ControlError::Actor)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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

impl fmt::Debug for SealedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedCode([sealed])")
    }
}

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

    /// An entry without an end, for every purpose.
    ///
    /// # Errors
    ///
    /// [`ControlError::Mismatched`] if `effect` makes no sense for `target`.
    pub fn new(
        target: Target,
        effect: Effect,
        reason: Reason,
        actor: Actor,
    ) -> Result<Self, ControlError> {
        if !effect.applies_to(&target) {
            return Err(ControlError::Mismatched { effect });
        }
        Ok(Self::bare(target, effect, reason, actor))
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

    /// Lets the entry begin at `since` instead of at once.
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Limits the entry to one purpose.
    ///
    /// # Errors
    ///
    /// [`ControlError::Purpose`] if the name is blank, longer than 32 characters or holds a control
    /// character.
    pub fn for_purpose(mut self, purpose: &str) -> Result<Self, ControlError> {
        self.purpose = Some(bounded(purpose, 32).ok_or(ControlError::Purpose)?);
        Ok(self)
    }

    /// What it does.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// The entry itself, made at `now`.
    pub(super) fn enter(mut self, id: ControlId, now: Timestamp) -> Result<Control, ControlError> {
        let since = self.since.unwrap_or(now);
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
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
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
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    id: ControlId,
    draft: Draft,
    since: Timestamp,
}

impl Control {
    /// Its number.
    #[must_use]
    pub const fn id(&self) -> ControlId {
        self.id
    }

    /// What it is about.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.draft.target
    }

    /// What it does.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.draft.effect
    }

    /// The only purpose it is for; `None` for all.
    #[must_use]
    pub fn purpose(&self) -> Option<&str> {
        self.draft.purpose.as_deref()
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.draft.reason.as_str()
    }

    /// Who.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.draft.actor.as_str()
    }

    /// From when on it holds.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Until when it holds; `None` for as long as it is in the book.
    #[must_use]
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

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// Whether it holds for `purpose` at `now`.
    pub(super) fn concerns(&self, purpose: &str, now: Timestamp) -> bool {
        self.holds(now) && self.purpose().is_none_or(|only| only == purpose)
    }
}

/// An entry that cannot be made.
///
/// What only shows when the entry is made, its times, fails there and not in [`Draft::new`]:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use otpgate::Timestamp;
/// use otpgate::access::{
///     Actor, BookError, ControlBook, ControlError, Draft, Effect, Reason, SurgeFactor, Target,
/// };
///
/// let (why, ada) = (Reason::new("a campaign")?, Actor::new("ada")?);
/// let surge = Effect::ExpectSurge(SurgeFactor::new(2)?);
/// let endless = Draft::new(Target::Everything, surge, why, ada)?;
/// let error = ControlBook::new().with(endless, Timestamp::from_millis(0)).unwrap_err();
/// assert_eq!(error, BookError::Control(ControlError::Endless));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The effect makes no sense for the target.
    #[error(
        "{effect:?} does not apply to such a target; lists take numbers, prefixes, countries, networks and users, switches take a country or everything"
    )]
    Mismatched {
        /// What was to be done.
        effect: Effect,
    },
    /// The reason is unusable.
    #[error("a reason is 1 to 200 characters without line breaks; say why the entry is made")]
    Reason,
    /// The actor is unusable.
    #[error("an actor is 1 to 64 characters without line breaks; say who makes the entry")]
    Actor,
    /// The purpose is unusable.
    #[error("a purpose is 1 to 32 characters; name one of the gate's purposes or none")]
    Purpose,
    /// The factor is not 2 to 100.
    #[error("a surge of {given} times the usual is not 2 to 100; choose such a factor")]
    SurgeFactor {
        /// What was asked for.
        given: u8,
    },
    /// The entry needs an end and has none.
    #[error("an expected surge, an extended block and a test number need an end; add `until`")]
    Endless,
    /// A test number for longer than 30 days.
    #[error("a test number lasts 30 days at most; choose an earlier end, and enter it again then")]
    TestTooLong,
    /// The entry would be over before it begins.
    #[error("the entry ends before it begins or before now; choose a later `until`")]
    EndsFirst,
}

fn bounded(text: &str, longest: usize) -> Option<Box<str>> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= longest;
    (fits && !text.chars().any(char::is_control)).then(|| text.into())
}

crate::base::sentence::debug_as_sentence!(ControlError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_and_plain() {
        assert_eq!(Reason::new("  x ").unwrap().as_str(), "x");
        for bad in ["", "  ", "a\nb", "a\u{0}", &"x".repeat(201)] {
            assert_eq!(Reason::new(bad), Err(ControlError::Reason));
        }
        assert!(Reason::new(&"ß".repeat(200)).is_ok());
        assert_eq!(Actor::new(&"x".repeat(65)), Err(ControlError::Actor));
    }

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
    }
}
