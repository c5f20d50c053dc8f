//! [`Reason`] and [`Actor`]: why an entry was made, and who made it.

use super::effect::ControlError;

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
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text` without the blanks around it, if it is a line of at most `longest` characters.
pub(super) fn bounded(text: &str, longest: usize) -> Option<Box<str>> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= longest;
    (fits && !text.chars().any(char::is_control)).then(|| text.into())
}

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
}
