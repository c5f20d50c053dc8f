//! Templates: parsed once at start, with known fields only.

use std::fmt;

use crate::otp::shown;

/// Three segments of GSM-7 and some; a longer template is a mistake.
const LONGEST: usize = 480;

/// A message with fields, checked when it is compiled.
///
/// Fields stand in braces: `{code}`, `{brand}`, `{minutes}`, and for payments `{amount}` and
/// `{payee}`; a brace itself is written `{{` or `}}`. Each occurs once at most, `{code}` exactly once.
///
/// The fixed text is held to what keeps a message readable for people and for the parsers in their
/// telephones: one line; no character that is invisible or reverses text; **no run of four or more
/// digits**, because a second number is what people mistype and what automatic filling picks up; **no
/// link**, because a code message with a link is what phishing looks like. A field touches no digit,
/// and the code touches no letter either.
///
/// ```
/// use otpgate::message::{Template, TemplateError};
///
/// assert!(Template::compile("{code} is your {brand} code. Don't share it.").is_ok());
/// assert_eq!(Template::compile("Hello {brand}!"), Err(TemplateError::NoCode));
/// let unknown = Template::compile("{code} for {name}").unwrap_err();
/// assert!(unknown.to_string().contains("{code}, {brand}, {minutes}, {amount}, {payee}"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] names the rule and, where there is one, the place as a byte offset.
    pub fn compile(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.len() > LONGEST {
            return Err(TemplateError::TooLong { bytes: text.len() });
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| shown::is_hidden(*c)) {
            return Err(TemplateError::Hidden { at });
        }
        let template = Self { parts: parts(text)? };
        template.check_fields()?;
        template.check_text()?;
        Ok(template)
    }

    /// Whether `field` occurs.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.parts.contains(&Part::Field(field))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn check_fields(&self) -> Result<(), TemplateError> {
        for field in Field::ALL {
            let times = self.parts.iter().filter(|part| **part == Part::Field(field)).count();
            if times > 1 {
                return Err(TemplateError::Repeated { field });
            }
        }
        if !self.has(Field::Code) {
            return Err(TemplateError::NoCode);
        }
        for pair in self.parts.windows(2) {
            let touching = match pair {
                [Part::Field(field), Part::Field(_)] => Some(*field),
                [Part::Literal(text), Part::Field(field)] => {
                    text.chars().next_back().filter(|c| field.is_extended_by(*c)).map(|_| *field)
                }
                [Part::Field(field), Part::Literal(text)] => {
                    let mut next = text.chars();
                    let first = next.next();
                    // `.5` or ` 500` behind an amount would read as a part of it.
                    let continued = *field == Field::Amount
                        && matches!(first, Some('.' | ' '))
                        && next.next().is_some_and(char::is_numeric);
                    let extended = first.is_some_and(|c| field.is_extended_by(c));
                    (continued || extended).then_some(*field)
                }
                _ => None,
            };
            if let Some(field) = touching {
                return Err(TemplateError::Touching { field });
            }
        }
        Ok(())
    }

    fn check_text(&self) -> Result<(), TemplateError> {
        // A letter for every field: `{brand}.com` is a link, whatever the brand.
        let skeleton: String = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.as_str(),
                Part::Field(_) => "x",
            })
            .collect();
        if shown::longest_number(&skeleton) >= 4 {
            return Err(TemplateError::Number);
        }
        if shown::has_link(&skeleton) {
            return Err(TemplateError::Link);
        }
        Ok(())
    }
}

/// What a template can show.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Field {
    /// `{code}`: the one-time code.
    Code,
    /// `{brand}`: the [`Brand`](super::Brand).
    Brand,
    /// `{minutes}`: for how long the code is good, in whole minutes.
    Minutes,
    /// `{amount}`: the [`Amount`](crate::otp::Amount) of a payment.
    Amount,
    /// `{payee}`: the [`Payee`](crate::otp::Payee) of a payment.
    Payee,
}

impl Field {
    const ALL: [Self; 5] = [Self::Code, Self::Brand, Self::Minutes, Self::Amount, Self::Payee];

    /// Its name, as it stands between the braces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Brand => "brand",
            Self::Minutes => "minutes",
            Self::Amount => "amount",
            Self::Payee => "payee",
        }
    }

    /// Whether `c` right beside the field would read as a part of it.
    fn is_extended_by(self, c: char) -> bool {
        c.is_numeric() || (self == Self::Code && c.is_alphanumeric())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

/// A template that cannot be used.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// No text.
    #[error("the template is empty; write for example `{{code}} is your {{brand}} code.`")]
    Empty,
    /// More than 480 bytes.
    #[error("the template has {bytes} bytes, more than 480; a text should fit one segment of 160")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A line break, a control character, or one that is invisible or reverses text.
    #[error(
        "the template has a control character or an invisible one at byte {at}; remove it and keep to one line"
    )]
    Hidden {
        /// Where.
        at: usize,
    },
    /// A field that does not exist.
    #[error(
        "the template has the unknown field {{{name}}}; the fields are {{code}}, {{brand}}, {{minutes}}, {{amount}}, {{payee}}"
    )]
    UnknownField {
        /// The first 32 characters of its name.
        name: String,
    },
    /// `{` without `}`.
    #[error(
        "the template opens a field at byte {at} and does not close it; add `}}` or write `{{{{`"
    )]
    Unclosed {
        /// Where.
        at: usize,
    },
    /// `}` without `{`.
    #[error("the template has a closing brace at byte {at} without a field; write `}}}}`")]
    Unopened {
        /// Where.
        at: usize,
    },
    /// No `{code}`.
    #[error("the template does not show the code; add {{code}}")]
    NoCode,
    /// A field twice.
    #[error("the template has {field} more than once; keep one")]
    Repeated {
        /// Which.
        field: Field,
    },
    /// A field beside another one, or beside a digit, or the code beside a letter.
    #[error(
        "the template joins {field} to what is beside it, so that nobody can tell where it ends; put a space or punctuation between them"
    )]
    Touching {
        /// Which.
        field: Field,
    },
    /// Four or more digits in a row in the fixed text.
    #[error(
        "the template has a number of four or more digits, which could be taken for the code; spell it or leave it out"
    )]
    Number,
    /// Something that a telephone makes a link of.
    #[error(
        "the template has a link, or a full stop without a space behind it; code messages carry no links"
    )]
    Link,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Literal(String),
    Field(Field),
}

fn parts(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = text.len().saturating_sub(rest.len());
        if let Some(tail) = rest.strip_prefix("{{") {
            literal.push('{');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("}}") {
            literal.push('}');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('{') {
            let (name, tail) = tail.split_once('}').ok_or(TemplateError::Unclosed { at })?;
            if name.contains('{') {
                return Err(TemplateError::Unclosed { at });
            }
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let unknown = || TemplateError::UnknownField { name: name.chars().take(32).collect() };
            let field = field.ok_or_else(unknown)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Field(field));
            rest = tail;
        } else if c == '}' {
            return Err(TemplateError::Unopened { at });
        } else {
            literal.push(c);
            rest = rest.strip_prefix(c).unwrap_or_default();
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

crate::base::sentence::debug_as_sentence!(TemplateError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> TemplateError {
        Template::compile(text).expect_err(text)
    }

    #[test]
    fn parts_are_what_is_written() {
        let template = Template::compile("{{{brand}}}: {code}, {minutes} min").unwrap();
        let literal = |text: &str| Part::Literal(text.into());
        assert_eq!(
            template.parts(),
            [
                literal("{"),
                Part::Field(Field::Brand),
                literal("}: "),
                Part::Field(Field::Code),
                literal(", "),
                Part::Field(Field::Minutes),
                literal(" min"),
            ]
        );
    }

    #[test]
    fn each_mistake_has_its_error() {
        let name = |name: &str| TemplateError::UnknownField { name: name.into() };
        for (text, expected) in [
            ("", TemplateError::Empty),
            (&*format!("{{code}} {}", "x".repeat(480)), TemplateError::TooLong { bytes: 487 }),
            ("{code}\nis it", TemplateError::Hidden { at: 6 }),
            ("{code} \u{202e}is it", TemplateError::Hidden { at: 7 }),
            ("{code}\u{a0}x", TemplateError::Hidden { at: 6 }),
            ("{cod} is it", name("cod")),
            ("{ code} is it", name(" code")),
            ("{Code} is it", name("Code")),
            ("{} is it", name("")),
            ("your {code", TemplateError::Unclosed { at: 5 }),
            ("your {co{code}", TemplateError::Unclosed { at: 5 }),
            ("{code} is it}", TemplateError::Unopened { at: 12 }),
            ("no code here", TemplateError::NoCode),
            ("{{code}} is it", TemplateError::NoCode),
            ("{code} or {code}", TemplateError::Repeated { field: Field::Code }),
            ("{brand} {brand} {code}", TemplateError::Repeated { field: Field::Brand }),
            ("{code}{brand}", TemplateError::Touching { field: Field::Code }),
            ("X{code} is it", TemplateError::Touching { field: Field::Code }),
            ("{code}is it", TemplateError::Touching { field: Field::Code }),
            ("{code}0", TemplateError::Touching { field: Field::Code }),
            ("{code} {minutes}0", TemplateError::Touching { field: Field::Minutes }),
            ("{code} 1{brand}", TemplateError::Touching { field: Field::Brand }),
            ("{code} {amount}.5", TemplateError::Touching { field: Field::Amount }),
            ("{code} {amount} 500", TemplateError::Touching { field: Field::Amount }),
            ("{code} call 5551", TemplateError::Number),
            ("{code} ٣٤٥٦", TemplateError::Number),
            ("{code} see https://x", TemplateError::Link),
            ("{code} at {brand}.com", TemplateError::Link),
            ("{code} is it.Keep it", TemplateError::Link),
            ("{code} at www.{brand}", TemplateError::Link),
        ] {
            assert_eq!(error(text), expected, "{text:?}");
            assert!(error(text).to_string().len() > 20);
        }
    }

    #[test]
    fn three_digits_a_suffix_and_emoji_are_fine() {
        for good in
            ["{code}", "G-{code}", "{code}: 24/7, 100 %", "{brand}-Code {code}", "🔒 {code}"]
        {
            assert!(Template::compile(good).is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_compiler_panic(text in "(\\{code\\}|\\{\\{|\\}\\}|\\{|\\}|[a-z0-9 .é]){0,12}") {
            if let Ok(template) = Template::compile(&text) {
                let back: String = template.parts().iter().map(|part| match part {
                    Part::Literal(text) => text.replace('{', "{{").replace('}', "}}"),
                    Part::Field(field) => field.to_string(),
                }).collect();
                prop_assert_eq!(back, text);
            }
        }

        #[test]
        fn arbitrary_text_neither(text in "\\PC{0,60}") {
            let _ = Template::compile(&text);
        }
    }
}
