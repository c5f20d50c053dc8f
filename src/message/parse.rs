//! Reads a finished text as its recipients will, without knowing how it was put together.
//!
//! The renderer concatenates; this side knows only the grammar: the fixed parts, the class of each
//! field, and the rules of the last line. It finds the code by looking for codes. An error in the
//! renderer, in a class check or in a template rule therefore has to be made twice to get out.

use super::app_hash::AppHash;
use super::brand::Brand;
use super::error::Misread;
use super::origin::{OriginHost, parse_origin_bound};
use super::template::{Field, Part, Template};
use crate::otp::{Amount, CodeFormat, Payee, shown};

/// What the text should say.
pub(super) struct Expected<'a> {
    pub(super) template: &'a Template,
    pub(super) codes: CodeFormat,
    pub(super) code: &'a str,
    pub(super) brand: &'a str,
    pub(super) minutes: u8,
    pub(super) payment: Option<(&'a str, &'a str)>,
    pub(super) last: &'a LastLine,
}

/// The line that is for software.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum LastLine {
    #[default]
    None,
    Origin {
        host: OriginHost,
        frame: Option<Frame>,
    },
    App(AppHash),
}

/// The frame that a code is entered in, and the sign before its host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) host: OriginHost,
    pub(super) sign: char,
}

impl Expected<'_> {
    /// Whether `text` says exactly this.
    pub(super) fn check(&self, text: &str) -> Result<(), Misread> {
        let body = self.body(text)?;
        if shown::has_hidden(body) {
            return Err(Misread::Hidden);
        }
        if !self.is_only_code(body) || stands_twice(self.code.as_bytes(), body.as_bytes()) {
            return Err(Misread::Code);
        }
        let right = |found: &Reading<'_>| {
            found.code == Some(self.code)
                && found.brand.is_none_or(|brand| brand == self.brand)
                && found.minutes.is_none_or(|minutes| minutes.parse() == Ok(self.minutes))
                && found.amount.zip(found.payee) == self.payment
        };
        let reads = self.read(self.template.parts(), body, Reading::default(), &right);
        if reads { Ok(()) } else { Err(Misread::Shape) }
    }

    /// The text without its last line, if that line is right.
    fn body<'t>(&self, text: &'t str) -> Result<&'t str, Misread> {
        match self.last {
            LastLine::None if parse_origin_bound(text).is_some() => Err(Misread::Origin),
            LastLine::None => Ok(text),
            LastLine::Origin { host, frame } => {
                let (body, line) = text.rsplit_once('\n').ok_or(Misread::Origin)?;
                let found = parse_origin_bound(text).ok_or(Misread::Origin)?;
                let expected = frame.as_ref().map(|frame| frame.host.as_str());
                // The draft lets browsers ignore what follows; we let nothing follow.
                let mut words = line.split(' ').skip(2);
                let signed = frame.as_ref().is_none_or(|frame| {
                    words.next().is_some_and(|word| word.starts_with(frame.sign))
                });
                let right = found.host == host.as_str()
                    && found.code == self.code
                    && found.embedded == expected
                    && signed
                    && words.next().is_none();
                if right { Ok(body) } else { Err(Misread::Origin) }
            }
            LastLine::App(hash) => match text.rsplit_once('\n') {
                Some((body, line))
                    if line == hash.as_str() && text.len() <= AppHash::LONGEST_MESSAGE =>
                {
                    Ok(body)
                }
                _ => Err(Misread::AppHash),
            },
        }
    }

    /// Whether the one part of `text` that could be a code is the code.
    fn is_only_code(&self, text: &str) -> bool {
        if !text.is_ascii() {
            let mut codes = self.codes_in(text);
            return codes.next() == Some(self.code) && codes.next().is_none();
        }
        // The same by bytes, which is what most texts are.
        let (symbols, length) = (self.codes.symbols(), self.codes.len());
        let words = text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
        let mut codes = words.filter(|word| {
            let of_format = word.len() == length && word.iter().all(|byte| symbols.contains(byte));
            of_format || (word.len() >= 6 && has_number(word))
        });
        codes.next() == Some(self.code.as_bytes()) && codes.next().is_none()
    }

    /// Every word of `text` that could be taken for a code.
    fn codes_in<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let (symbols, length) = (self.codes.symbols(), self.codes.len());
        let like_code = move |word: &&str| {
            let of_format =
                word.len() == length && word.bytes().all(|byte| symbols.contains(&byte));
            // Six characters have six bytes at least.
            of_format || (word.len() >= 6 && shown::longest_number(word) >= 6)
        };
        text.split(|c: char| !c.is_alphanumeric()).filter(like_code)
    }

    /// Whether some way of reading `text` as `parts` is `right`.
    fn read<'t>(
        &self,
        parts: &[Part],
        text: &'t str,
        found: Reading<'t>,
        right: &dyn Fn(&Reading<'t>) -> bool,
    ) -> bool {
        let Some((part, parts)) = parts.split_first() else {
            return text.is_empty() && right(&found);
        };
        let field = match part {
            Part::Literal(literal) => {
                return text
                    .strip_prefix(literal.as_str())
                    .is_some_and(|rest| self.read(parts, rest, found, right));
            }
            Part::Field(field) => *field,
        };
        self.any_value(field, parts, text, |value, rest| {
            let mut found = found;
            match field {
                Field::Code => found.code = Some(value),
                Field::Brand => found.brand = Some(value),
                Field::Minutes => found.minutes = Some(value),
                Field::Amount => found.amount = Some(value),
                Field::Payee => found.payee = Some(value),
            }
            self.read(parts, rest, found, right)
        })
    }

    /// Whether some way in which `text` can begin with a value of `field` and go on with the next
    /// part is `right`, given the value and what follows it.
    fn any_value<'t>(
        &self,
        field: Field,
        next: &[Part],
        text: &'t str,
        right: impl Fn(&'t str, &'t str) -> bool,
    ) -> bool {
        let goes_on = |rest: &str| match next.first() {
            Some(Part::Literal(literal)) => rest.starts_with(literal.as_str()),
            Some(Part::Field(_)) => true,
            None => rest.is_empty(),
        };
        let names = |is_value: fn(&str) -> bool| {
            text.char_indices()
                .map(|(at, c)| at.saturating_add(c.len_utf8()))
                .filter_map(|end| text.split_at_checked(end))
                .any(|(value, rest)| goes_on(rest) && is_value(value) && right(value, rest))
        };
        let one = |value: Option<(&'t str, &'t str)>| {
            value.is_some_and(|(value, rest)| right(value, rest))
        };
        match field {
            Field::Code => one(text
                .split_at_checked(self.codes.len())
                .filter(|(code, _)| code.bytes().all(|byte| self.codes.symbols().contains(&byte)))),
            Field::Minutes => {
                let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
                let length = text.len().saturating_sub(rest.len());
                one(text.split_at_checked(length).filter(|_| (1..=2).contains(&length)))
            }
            Field::Amount => one(Amount::shown_at_start(text)),
            Field::Brand => names(|value| Brand::check(value).is_ok()),
            Field::Payee => names(|value| Payee::new(value).is_ok()),
        }
    }
}

/// Whether `code` stands in `text` at two places at least.
fn stands_twice(code: &[u8], text: &[u8]) -> bool {
    let first = code.first();
    let places = text.windows(code.len().max(1)).filter(|at| at.first() == first && *at == code);
    places.take(2).count() == 2
}

/// Whether a word has six digits in a row.
fn has_number(word: &[u8]) -> bool {
    word.windows(6).any(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// The values of one way to read a text.
#[derive(Clone, Copy, Default)]
struct Reading<'t> {
    code: Option<&'t str>,
    brand: Option<&'t str>,
    minutes: Option<&'t str>,
    amount: Option<&'t str>,
    payee: Option<&'t str>,
}

/// The code in `text`, as a phone finds it: in the origin-bound last line, or else the first run of 6
/// to 10 digits that stands by itself, or else of 4 or 5.
pub(crate) fn code_in(text: &str) -> Option<&str> {
    let runs = || {
        let runs = text.split(|symbol: char| !symbol.is_alphanumeric());
        runs.filter(|run| run.bytes().all(|byte| byte.is_ascii_digit()))
    };
    parse_origin_bound(text)
        .map(|bound| bound.code)
        .or_else(|| runs().find(|run| (6..=10).contains(&run.len())))
        .or_else(|| runs().find(|run| (4..=5).contains(&run.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "{code} is your {brand} code, {minutes} min.";
    const PAYMENT: &str = "{brand}: {code} pays {amount} to {payee}.";

    fn check(
        template: &str,
        payment: Option<(&str, &str)>,
        last: &LastLine,
        text: &str,
    ) -> Result<(), Misread> {
        let expected = Expected {
            template: &Template::compile(template).unwrap(),
            codes: CodeFormat::default(),
            code: "012345",
            brand: "Example",
            minutes: 5,
            payment,
            last,
        };
        expected.check(text)
    }

    #[test]
    fn the_code_is_found_as_a_phone_finds_it() {
        assert_eq!(code_in("Pay 1234 EUR: 041673"), Some("041673"));
        assert_eq!(code_in("999999 is the code\n\n@example.com #041673"), Some("041673"));
        assert_eq!(code_in("K7QM\n@example.com #K7QM"), Some("K7QM"));
        assert_eq!(code_in("Your code: 0416."), Some("0416"));
        assert_eq!(code_in("no code in ref12345678"), None);
    }

    #[test]
    fn a_text_is_right_or_it_is_named_what_is_wrong() {
        for (text, expected) in [
            ("012345 is your Example code, 5 min.", Ok(())),
            ("012346 is your Example code, 5 min.", Err(Misread::Code)),
            ("12345 is your Example code, 5 min.", Err(Misread::Code)),
            ("0123456 is your Example code, 5 min.", Err(Misread::Code)),
            ("012345 is your Example code, 012345 min.", Err(Misread::Code)),
            ("012345 is your 654321 code, 5 min.", Err(Misread::Code)),
            ("012345 is your 7654321 code, 5 min.", Err(Misread::Code)),
            ("012345 is your Ex012345ample code, 5 min.", Err(Misread::Code)),
            ("012345 is your 12345٣ code, 5 min.", Err(Misread::Code)),
            ("012345 is your Example code, 6 min.", Err(Misread::Shape)),
            ("012345 is your Example code, 005 min.", Err(Misread::Shape)),
            ("012345 is your Examples code, 5 min.", Err(Misread::Shape)),
            ("012345 is your Example code, 5 min. ", Err(Misread::Shape)),
            ("012345 is your Example code, 5 min", Err(Misread::Shape)),
            (" 012345 is your Example code, 5 min.", Err(Misread::Shape)),
            ("012345 is your Example code, 5\nmin.", Err(Misread::Hidden)),
            ("012345 is your Example\u{202e} code, 5 min.", Err(Misread::Hidden)),
            ("", Err(Misread::Code)),
        ] {
            assert_eq!(check(PLAIN, None, &LastLine::None, text), expected, "{text:?}");
        }
    }

    #[test]
    fn payments_show_what_is_paid_and_to_whom() {
        let rent = Some(("EUR 1 250.00", "Bob. code"));
        let text = "Example: 012345 pays EUR 1 250.00 to Bob. code.";
        assert_eq!(check(PAYMENT, rent, &LastLine::None, text), Ok(()));
        for other in [
            text.replace("1 250", "9 250"),
            text.replace("EUR", "USD"),
            text.replace("Bob", "Eve"),
            text.replace("1 250.00", "1250.00"),
            text.replace("Bob. code", "Bob @x"),
            text.replace(" to Bob. code", ""),
        ] {
            assert_eq!(
                check(PAYMENT, rent, &LastLine::None, &other),
                Err(Misread::Shape),
                "{other}"
            );
        }
        let plain = "012345 is your Example code, 5 min.";
        assert_eq!(check(PLAIN, rent, &LastLine::None, plain), Err(Misread::Shape));
    }

    #[test]
    fn the_last_line_is_exact() {
        let host = |text: &str| OriginHost::new(text).unwrap();
        let body = "012345 is your Example code, 5 min.";
        let line = LastLine::Origin { host: host("example.com"), frame: None };
        let in_frame = |sign| {
            let frame = Some(Frame { host: host("pay.example"), sign });
            LastLine::Origin { host: host("example.com"), frame }
        };
        let (framed, apple) = (in_frame('@'), in_frame('%'));
        for (last, end, right) in [
            (&line, "\n@example.com #012345", true),
            (&line, "\n@example.com #012346", false),
            (&line, "\n@example.org #012345", false),
            (&line, "\n@example.com #012345 ", false),
            (&line, "\n@example.com #012345 x", false),
            (&line, "\n@example.com #012345 @pay.example", false),
            (&line, "\n@example.com #012345 %pay.example", false),
            (&line, "\n@example.com #012345\n", false),
            (&line, "\n@example.com  #012345", false),
            (&line, "", false),
            (&framed, "\n@example.com #012345 @pay.example", true),
            (&framed, "\n@example.com #012345 @pay.example $", false),
            (&framed, "\n@example.com #012345 @evil.example", false),
            (&framed, "\n@example.com #012345 %pay.example", false),
            (&framed, "\n@example.com #012345 @pay.example %pay.example", false),
            (&framed, "\n@example.com #012345", false),
            (&apple, "\n@example.com #012345 %pay.example", true),
            (&apple, "\n@example.com #012345 @pay.example", false),
            (&LastLine::None, "\n@example.com #012345", false),
        ] {
            let found = check(PLAIN, None, last, &format!("{body}{end}"));
            let expected = if right { Ok(()) } else { Err(Misread::Origin) };
            assert_eq!(found, expected, "{end:?}");
        }
        let two = format!("{body}\n@evil.example #012345\n@example.com #012345");
        assert_eq!(check(PLAIN, None, &line, &two), Err(Misread::Hidden));
    }

    #[test]
    fn the_app_hash_ends_a_short_text() {
        let last = LastLine::App(AppHash::new("FA+9qCX9VSu").unwrap());
        let body = "012345 is your Example code, 5 min.";
        assert_eq!(check(PLAIN, None, &last, &format!("{body}\nFA+9qCX9VSu")), Ok(()));
        for bad in [format!("{body}\nFA+9qCX9VSv"), format!("{body} FA+9qCX9VSu"), body.to_owned()]
        {
            assert_eq!(check(PLAIN, None, &last, &bad), Err(Misread::AppHash));
        }
        let long = format!("{}\nFA+9qCX9VSu", "x".repeat(129));
        assert_eq!(check(PLAIN, None, &last, &long), Err(Misread::AppHash));
    }
}
