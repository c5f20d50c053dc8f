//! A registered text, and where a finished one first differs from it.

use std::collections::BTreeSet;

use super::RegistrationError;

/// The longest template that India's portals take.
const LONGEST: usize = 2_000;

/// A text as a registry holds it: fixed characters, and slots in the notation of India's DLT.
///
/// | slot | stands for |
/// |---|---|
/// | `{#var#}` | 1 to 30 characters of any kind |
/// | `{#numeric#}`, `{#number#}` | 1 to 15 digits |
/// | `{#alphanumeric#}` | 1 to 30 letters and digits |
///
/// Two slots of one kind side by side hold twice as much. Where the portals' documents differ on a
/// length the shorter one holds here: a text that one carrier drops is paid for all the same. Since
/// 2026 new templates need the tagged slots (TRAI's direction of 18 November 2025).
///
/// ```
/// use otpgate::message::RegisteredText;
///
/// let registered = RegisteredText::parse("{#numeric#} is your code.")?;
/// assert_eq!(registered.first_difference("041673 is your code."), None);
/// assert_eq!(registered.first_difference("041673 is your code!"), Some(20));
/// assert_eq!(registered.first_difference("041673 is your code"), Some(20));
/// assert_eq!(registered.first_difference("041 673 is your code."), Some(5));
/// # Ok::<(), otpgate::message::RegistrationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisteredText {
    source: Box<str>,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    Fixed(char),
    Slot { kind: Kind, most: u16 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Any,
    Digits,
    LettersAndDigits,
}

/// A place in the tokens, and how many characters its slot has taken.
type Place = (usize, u16);

impl RegisteredText {
    /// Reads a text as it stands in the registry.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`] if the text has no slot, a slot of a kind that no code message has, or
    /// more than 2000 characters.
    pub fn parse(text: &str) -> Result<Self, RegistrationError> {
        if text.chars().nth(LONGEST).is_some() {
            return Err(RegistrationError::TooLong);
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let slot = rest.strip_prefix("{#").and_then(|tail| tail.split_once("#}"));
            if let Some((name, tail)) = slot {
                push_slot(&mut tokens, name)?;
                rest = tail;
            } else {
                tokens.push(Token::Fixed(character));
                rest = rest.strip_prefix(character).unwrap_or_default();
            }
        }
        if !tokens.iter().any(|token| matches!(token, Token::Slot { .. })) {
            return Err(RegistrationError::NoSlot);
        }
        Ok(Self { source: text.into(), tokens })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The number of the first character of `text`, counted from 1, that is not as registered; one more
    /// than its length if it ends too soon; `None` if it is as registered.
    ///
    /// The text is read as far into the registered one as it goes. A `{#var#}` takes whatever it can
    /// hold, so behind one the place may be named late; behind the other slots it is exact.
    #[must_use]
    pub fn first_difference(&self, text: &str) -> Option<usize> {
        let mut places = self.with_ends(BTreeSet::from([(0, 0)]));
        let (mut furthest, mut good, mut read) = (0, 0_usize, 0_usize);
        for character in text.chars() {
            let next = places.iter().filter_map(|place| self.after(*place, character)).collect();
            places = self.with_ends(next);
            read = read.saturating_add(1);
            if let Some((token, _)) = places.last().filter(|(token, _)| *token >= furthest) {
                (furthest, good) = (*token, read);
            }
        }
        let whole = places.iter().any(|(token, _)| *token == self.tokens.len());
        (!whole).then(|| good.saturating_add(1))
    }

    /// Where `character` leads from `place`.
    fn after(&self, (token, taken): Place, character: char) -> Option<Place> {
        match *self.tokens.get(token)? {
            Token::Fixed(fixed) => (fixed == character).then(|| (token.saturating_add(1), 0)),
            Token::Slot { kind, most } => {
                (taken < most && kind.takes(character)).then(|| (token, taken.saturating_add(1)))
            }
        }
    }

    /// `places`, and those behind a slot that has taken something.
    fn with_ends(&self, mut places: BTreeSet<Place>) -> BTreeSet<Place> {
        let in_slot = |(token, taken): &&Place| {
            *taken > 0 && matches!(self.tokens.get(*token), Some(Token::Slot { .. }))
        };
        let behind: Vec<Place> =
            places.iter().filter(in_slot).map(|(token, _)| (token.saturating_add(1), 0)).collect();
        places.extend(behind);
        places
    }
}

impl Kind {
    fn takes(self, character: char) -> bool {
        match self {
            Self::Any => true,
            Self::Digits => character.is_ascii_digit(),
            Self::LettersAndDigits => character.is_alphanumeric(),
        }
    }
}

fn push_slot(tokens: &mut Vec<Token>, name: &str) -> Result<(), RegistrationError> {
    let (kind, length) = match name {
        "var" => (Kind::Any, 30),
        "numeric" | "number" => (Kind::Digits, 15),
        "alphanumeric" => (Kind::LettersAndDigits, 30),
        _ => return Err(RegistrationError::Slot { name: name.chars().take(32).collect() }),
    };
    match tokens.last_mut() {
        Some(Token::Slot { kind: before, most }) if *before == kind => {
            *most = most.saturating_add(length);
        }
        _ => tokens.push(Token::Slot { kind, most: length }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn difference(registered: &str, text: &str) -> Option<usize> {
        RegisteredText::parse(registered).unwrap().first_difference(text)
    }

    #[test]
    fn it_is_compared_character_by_character() {
        for (registered, text, expected) in [
            ("{#var#} is it", "123456 is it", None),
            ("{#var#} is it", "123456 is It", Some(11)),
            ("{#var#} is it", "123456  is it", None),
            ("{#numeric#} is it", "123456  is it", Some(8)),
            ("{#var#} is it", "123456 is it ", Some(13)),
            ("{#var#} is it", "", Some(1)),
            ("{#var#} is it", " is it", Some(6)),
            ("{#numeric#} is it", " is it", Some(1)),
            ("Code: {#var#}", "Code: ", Some(7)),
            ("Code: {#var#}", "code: 1", Some(1)),
            ("{#var#}\n@a.b #{#var#}", "12\n@a.b #12", None),
            ("{#var#}\n@a.b #{#var#}", "12 @a.b #12", Some(12)),
            ("{#alphanumeric#}.", "AB12.", None),
            ("{#alphanumeric#}.", "AB-12.", Some(3)),
            ("é{#var#}", "é1", None),
            ("é{#var#}", "e\u{301}1", Some(1)),
        ] {
            assert_eq!(difference(registered, text), expected, "{registered} / {text}");
        }
        let longest = "x".repeat(30);
        assert_eq!(difference("{#var#}!", &format!("{longest}!")), None);
        assert_eq!(difference("{#var#}!", &format!("{longest}x!")), Some(31));
        assert_eq!(difference("{#var#}{#var#}!", &format!("{longest}{longest}!")), None);
        assert_eq!(difference("{#numeric#}!", &format!("{}!", "1".repeat(16))), Some(16));
    }

    #[test]
    fn slots_that_no_code_message_has_are_refused() {
        for name in ["url", "urlott", "cbn", "email", "Var", " var", ""] {
            let error = RegisteredText::parse(&format!("{{#var#}} {{#{name}#}}")).unwrap_err();
            assert_eq!(error, RegistrationError::Slot { name: name.into() });
        }
        assert_eq!(RegisteredText::parse("no slot {var}"), Err(RegistrationError::NoSlot));
        let long = format!("{{#var#}}{}", "x".repeat(1_993));
        assert!(RegisteredText::parse(&long).is_ok());
        assert_eq!(RegisteredText::parse(&format!("{long}x")), Err(RegistrationError::TooLong));
    }

    proptest! {
        /// A text made by filling the slots is as registered, and one fixed character less or changed is not.
        #[test]
        fn filled_slots_match_and_a_changed_character_is_named(
            before in "[a-z ]{0,20}", code in "[0-9]{6}", after in "[a-z .]{1,20}", change: usize,
        ) {
            let registered = format!("{before}{{#numeric#}}{after}");
            let text = format!("{before}{code}{after}");
            prop_assert_eq!(difference(&registered, &text), None);
            let at = change % text.chars().count();
            let changed: String =
                text.chars().enumerate().map(|(n, c)| if n == at { '~' } else { c }).collect();
            let found = difference(&registered, &changed);
            prop_assert_eq!(found, Some(at + 1));
        }

        #[test]
        fn any_registered_text_is_read_or_refused(text in "\\PC{0,60}|(\\{#(var|numeric|x)#\\}|[a-z#{}]){0,20}") {
            if let Ok(registered) = RegisteredText::parse(&text) {
                let place = registered.first_difference(&text);
                prop_assert!(place.is_none_or(|place| place <= text.chars().count() + 1));
                prop_assert_eq!(registered.as_str(), text);
            }
        }
    }
}
