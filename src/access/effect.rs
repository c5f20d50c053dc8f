//! [`Effect`]: what an entry does to its target, and [`ControlError`]: why it cannot.

use super::target::Target;

/// What an entry does to its target.
///
/// Each effect takes the targets that it makes sense for; [`Draft::new`](super::Draft::new) refuses the rest:
///
/// ```
/// use otpgate::access::{Actor, ControlError, Draft, Effect, Reason, SurgeFactor, Target};
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
///
/// let surge = Effect::ExpectSurge(SurgeFactor::new(3)?);
/// let narrow = Target::Prefix("+37121".parse().unwrap());
/// assert_eq!(draft(narrow, surge).unwrap_err(), ControlError::NarrowSurge);
/// let one = draft(Target::Country(Region::LV), surge)?.for_purpose("sign-up");
/// assert_eq!(one.unwrap_err(), ControlError::NarrowSurge);
/// # Ok::<(), ControlError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Messages are let past the pumping detector and what it asks for, and past what is asked of clients
    /// that hide; not past a human check that the policy asks of everyone. Never past an interval, a
    /// quota, a budget, their step-ups or the destination policy: an allowed number that is abused costs
    /// no more than any other.
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
    /// Incident switch: no SMS at all in this realm, as every entry is of one realm; the gate points to
    /// the authenticator app. No exceptions.
    SmsOff,
    /// More traffic than usual is expected in a country, or everywhere, by this factor. The
    /// detector counts a country's numbers and all purposes together, so there is no surge of less.
    /// Needs an end.
    ExpectSurge(SurgeFactor),
    /// The detector may not block here.
    ForbidAutomaticBlock,
    /// The detector's block is over and its evidence from before the entry does not count. New
    /// evidence may block again. It is carried out once, by every gate, when it is entered, and for
    /// all purposes: the detector counts them together. It takes away each
    /// [`ExtendAutomaticBlock`](Self::ExtendAutomaticBlock) inside it, and is refused where a wider one holds.
    LiftAutomaticBlock,
    /// All of the target is refused as pumping until the entry ends, in shadow mode as well, whether or not the
    /// detector refuses anywhere in it; numbers that verified before are served, as where the detector
    /// refuses. A lift of the same or more takes the entry away. Needs an end.
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

    pub(super) const fn is_surge(self) -> bool {
        matches!(self, Self::ExpectSurge(_))
    }

    pub(super) const fn needs_end(self) -> bool {
        matches!(self, Self::ExpectSurge(_) | Self::ExtendAutomaticBlock | Self::TestNumber)
    }

    /// The targets that it applies to, for an operator who named another.
    const fn takes(self) -> &'static str {
        match self {
            Self::Allow => "it takes a country, a prefix, a number, a network or a user",
            Self::Block => {
                "it takes a country, a prefix, a number, a network or a user; `SmsOff` stops all texts"
            }
            Self::CountryOff => {
                "it takes a country; everywhere there are `KnownNumbersOnly` and `SmsOff`"
            }
            Self::KnownNumbersOnly | Self::SmsOff | Self::ExpectSurge(_) => {
                "it takes a country or everything"
            }
            Self::ForbidAutomaticBlock | Self::LiftAutomaticBlock | Self::ExtendAutomaticBlock => {
                "it takes a country, a prefix, a network or everything"
            }
            Self::TestNumber => "`Controls::test_number` makes such an entry",
        }
    }

    pub(super) const fn applies_to(self, target: &Target) -> bool {
        use Target::{Country, Everything, Network, Number, Prefix, User};
        match self {
            Self::Allow | Self::Block => {
                matches!(target, Country(_) | Prefix(_) | Number(_) | Network(_) | User(_))
            }
            Self::CountryOff => matches!(target, Country(_)),
            Self::KnownNumbersOnly | Self::SmsOff => matches!(target, Everything | Country(_)),
            Self::ExpectSurge(_) => matches!(target, Everything | Country(_)),
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

/// An entry that cannot be made.
///
/// What only shows when the entry is made, its times, fails there and not in [`Draft::new`](super::Draft::new):
///
/// ```
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The effect makes no sense for the target.
    #[error(
        "{effect:?} does not apply to such a target; {}", effect.takes()
    )]
    Mismatched {
        /// What was to be done.
        effect: Effect,
    },
    /// A surge of something narrower than a country, or of one purpose.
    #[error(
        "a surge is of a country or everything and of all purposes, because the detector counts them together; target one of the two without a purpose, and give the factor of the whole"
    )]
    NarrowSurge,
    /// The reason is unusable.
    #[error("a reason is 1 to 200 characters without line breaks; say why the entry is made")]
    Reason,
    /// The actor is unusable.
    #[error("an actor is 1 to 64 characters without line breaks; say who makes the entry")]
    Actor,
    /// The purpose is unusable.
    #[error("a purpose is 1 to 32 characters; name one of the gate's purposes or none")]
    Purpose,
    /// The purpose only looks like one of the crate's, so the entry would be for no code.
    #[error(
        "that purpose only looks like `{standard}` and is another, so the entry is probably for no code; write `{standard}`, or none, which is for all; a purpose that your program really calls so needs another name there"
    )]
    PurposeLike {
        /// The one that it looks like.
        standard: &'static str,
    },
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
    /// A lift of the detector's block that is to begin later.
    #[error(
        "the detector's block is lifted when the entry is made; enter it without `since`, when it is due"
    )]
    LiftLater,
    /// No number begins with the prefix, so the entry would be for nobody.
    #[error("no number begins with that prefix, so the entry would be for nobody; {}", if *trunk_zero {
        "behind the country code stands the 0 that is dialled inside the country only: leave it out"
    } else {
        "compare its digits with those of a number that got a text"
    })]
    NoLines {
        /// Whether the 0 that is dialled inside a country stands behind its code.
        trunk_zero: bool,
    },
    /// The entry would be over before it begins.
    #[error("the entry ends before it begins or before now; choose a later `until`")]
    EndsFirst,
}

crate::base::sentence::debug_as_sentence!(ControlError);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Pseudonym;
    use crate::recipient::Region;

    /// What an operator reads at night leads to a target that this effect takes.
    #[test]
    fn a_mismatch_names_the_targets_that_fit() {
        let targets = [
            ("everything", Target::Everything),
            ("country", Target::Country(Region::DE)),
            ("prefix", Target::Prefix("+49151".parse().unwrap())),
            ("number", Target::Number(Pseudonym::default())),
            ("network", Target::Network("192.0.2.0/24".parse().unwrap())),
            ("user", Target::User(Pseudonym::default())),
        ];
        for effect in [
            Effect::Allow,
            Effect::Block,
            Effect::CountryOff,
            Effect::KnownNumbersOnly,
            Effect::SmsOff,
            Effect::ExpectSurge(SurgeFactor(3)),
            Effect::ForbidAutomaticBlock,
            Effect::LiftAutomaticBlock,
            Effect::ExtendAutomaticBlock,
        ] {
            let said = ControlError::Mismatched { effect }.to_string();
            let (_, takes) = said.split_once("it takes ").expect(&said);
            let takes = takes.split(';').next().unwrap_or_default();
            for (name, target) in &targets {
                assert_eq!(takes.contains(name), effect.applies_to(target), "{name}: {said}");
            }
        }
    }
}
