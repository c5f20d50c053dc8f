//! [`Home`]: whom a call is about, by which a store of several parts spreads.

use crate::base::id::Pseudonym;

/// Whom a call is about: a number, or an account.
///
/// Nearly everything that a call charges once is somebody's own: a number's interval, its quotas, its
/// code. A store that is spread over several parts keeps what is of one home in one part, and a call
/// goes to the part of its home. What a call names besides is *common*: a budget, a country, a
/// client's network. All homes share it, and its limits hold over all of them.
///
/// A store in one piece ignores it. One that is spread relies on two promises of its caller:
///
/// - **A home is stable.** A subject that is a home's own, a challenge, and an admission with its
///   settlement are named under one and the same home in every call, from every process.
/// - **What is common can be split.** A [`Ladder`](crate::limit::Limit::Ladder) or
///   [`Failures`](crate::limit::Limit::Failures) is charged on a home's own subjects only: each of
///   their charges depends on the one before.
///
/// ```
/// use otpgate::Pseudonym;
/// use otpgate::store::Home;
///
/// let [number, challenge, country] = [1, 2, 3].map(|byte| Pseudonym::from_bytes([byte; 16]));
/// let home = Home::of(number).and(challenge);
/// assert_eq!(home.name(), Some(number));
/// assert!(home.owns(number) && home.owns(challenge) && !home.owns(country));
/// assert!(!Home::NOBODY.owns(number) && Home::alone(number).owns(country));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Home {
    name: Option<Pseudonym>,
    also: Option<Pseudonym>,
    alone: bool,
}

impl Home {
    /// Nobody in particular: an operator's list, a detector's memory. Every subject is common.
    pub const NOBODY: Self = Self { name: None, also: None, alone: false };

    /// `name`, whose own is the subject of that name.
    #[must_use]
    pub const fn of(name: Pseudonym) -> Self {
        Self { name: Some(name), also: None, alone: false }
    }

    /// And one more subject, that no call with another home names: a challenge, a send.
    #[must_use]
    pub const fn and(self, subject: Pseudonym) -> Self {
        Self { also: Some(subject), ..self }
    }

    /// `name`, whose own is everything that the call names.
    #[must_use]
    pub const fn alone(name: Pseudonym) -> Self {
        Self { name: Some(name), also: None, alone: true }
    }

    /// What a store spreads by; `None` for [`NOBODY`](Self::NOBODY).
    pub const fn name(&self) -> Option<Pseudonym> {
        self.name
    }

    /// Whether `subject` is this home's own. What is not is common to all homes.
    #[must_use]
    pub fn owns(&self, subject: Pseudonym) -> bool {
        self.alone || self.name == Some(subject) || self.also == Some(subject)
    }
}
