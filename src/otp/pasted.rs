//! The one code in what was typed or pasted.
//!
//! A *token* is an unbroken run of letters and digits. A *group* is a run of tokens of the code's
//! alphabet with nothing but spaces and dashes between them. A group as long as the format is a
//! candidate, and one candidate, however often it stands there, is the code. So a code never arises by
//! cutting a piece out of something longer, and never by choosing one of two.

use zeroize::Zeroizing;

use super::format::{CodeFormat, LONGEST};
use super::passcode::CodeText;
use crate::base::typed::{self, Character};

/// Longer input is refused by its length alone: ten segments of the widest characters are shorter.
const LONGEST_INPUT: usize = 2_048;

/// Looks for the code in `text`, in one pass over its characters.
pub(super) fn code_in(text: &str, format: &CodeFormat) -> Result<CodeText, MalformedCode> {
    if text.len() > LONGEST_INPUT {
        return Err(MalformedCode::TooLong);
    }
    let mut search = Search {
        format,
        group: Zeroizing::new([0; LONGEST]),
        length: 0,
        token: Token::None,
        token_at: 0,
        dialled: false,
        after_letter: false,
        candidate: None,
        ambiguous: false,
    };
    text.chars().for_each(|c| search.take(c));
    search.end_group();
    match search.candidate {
        _ if search.ambiguous => Err(MalformedCode::Ambiguous),
        Some(code) => Ok(code),
        None => Err(MalformedCode::Missing { expected: format.len() }),
    }
}

/// The input holds no code of the expected format, or more than one. It never quotes the input.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedCode {
    /// More than 2 048 bytes; nothing was looked at.
    #[error("the code is longer than 2 048 bytes; submit only the code itself")]
    TooLong,
    /// No run of characters in it has the shape of the code.
    #[error("there is no code of {expected} characters; submit it as it stands in the message")]
    Missing {
        /// The number of characters of the format.
        expected: usize,
    },
    /// Two different parts of it have the shape of the code.
    #[error("there are two different codes; submit one")]
    Ambiguous,
}

struct Search<'a> {
    format: &'a CodeFormat,
    /// The symbols of the group, as far as they fit; `length` counts on.
    group: Zeroizing<[u8; LONGEST]>,
    length: usize,
    token: Token,
    /// How long the group was before its last token.
    token_at: usize,
    /// A plus sign came before, with no word or line since: this is a phone number.
    dialled: bool,
    /// The character before was a letter, or a plus sign behind one.
    after_letter: bool,
    candidate: Option<CodeText>,
    ambiguous: bool,
}

/// The token that is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    /// All of it is of the alphabet; `digit` is its last character.
    Fits {
        digit: bool,
    },
    /// As `Fits` with a digit last, and behind it a character that is neither letter nor separator:
    /// with a digit behind that as well it is an amount, a time or a date.
    Marked,
    /// A character of it is not of the alphabet.
    Foreign {
        digit: bool,
    },
}

impl Search<'_> {
    fn take(&mut self, c: char) {
        let read = typed::read(c);
        let after_letter = self.after_letter;
        self.after_letter = c.is_alphabetic() || (after_letter && read == Character::Invisible);
        match read {
            Character::Invisible => {}
            Character::Digit(digit) => self.symbol(Some(digit), true),
            Character::Space | Character::Dash => match self.token {
                Token::Marked => self.end_group(),
                _ => self.end_token(),
            },
            Character::Plus => {
                // Behind a word it ends a name: `Canal+`.
                let name = after_letter || matches!(self.token, Token::Foreign { .. });
                if self.token != Token::None {
                    self.token = Token::Foreign { digit: false };
                }
                self.end_group();
                self.dialled = !name;
                self.after_letter = name;
            }
            Character::Break => {
                self.end_group();
                self.dialled = false;
            }
            Character::Mark | Character::Edge | Character::Other => match letter(c) {
                Some(letter) => self.symbol(letter, false),
                None if c.is_alphabetic() => {
                    self.end_group();
                    self.dialled = false;
                }
                None if ends_unspaced(c) => self.end_group(),
                None => match self.token {
                    Token::Fits { digit: true } => self.token = Token::Marked,
                    Token::Foreign { digit: true } => {}
                    _ => self.end_group(),
                },
            },
        }
    }

    /// Adds a letter or digit to the token.
    fn symbol(&mut self, symbol: Option<u8>, digit: bool) {
        if self.token == Token::Marked && !digit {
            self.end_group();
        }
        if self.token == Token::None {
            self.token_at = self.length;
        }
        // Every symbol is looked at, so that the time says nothing about the character.
        let known = symbol.filter(|symbol| {
            self.format.symbols().iter().fold(false, |known, one| known | (one == symbol))
        });
        self.token = match (self.token, known) {
            (Token::None | Token::Fits { .. }, Some(symbol)) => {
                if let Some(slot) = self.group.get_mut(self.length) {
                    *slot = symbol;
                }
                self.length = self.length.saturating_add(1);
                Token::Fits { digit }
            }
            _ => Token::Foreign { digit },
        };
    }

    /// A token of another alphabet ends the group before it.
    fn end_token(&mut self) {
        if matches!(self.token, Token::Foreign { .. }) {
            self.length = self.token_at;
            self.judge();
            self.dialled = false;
        }
        self.token = Token::None;
    }

    fn end_group(&mut self) {
        self.end_token();
        self.judge();
    }

    fn judge(&mut self) {
        let symbols = self.group.get(..self.length).filter(|_| !self.dialled);
        if let Some(code) = symbols.and_then(|symbols| CodeText::of(symbols, self.format)) {
            self.ambiguous |= self.candidate.as_ref().is_some_and(|other| *other != code);
            self.candidate = Some(code);
        }
        self.length = 0;
        self.token_at = 0;
    }
}

/// Whether `c` belongs to a token, and the capital that it stands for.
///
/// Letters that have cases do, and numbers that are no digits: `O12345` and `12345²` are no codes.
/// Letters of scripts that set words without spaces do not: `验证码123456，` holds one.
fn letter(c: char) -> Option<Option<u8>> {
    let full_width = matches!(c, '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}');
    let point = u32::from(c).saturating_sub(if full_width { 0xfee0 } else { 0 });
    let capital = u8::try_from(point).ok().map(|byte| byte.to_ascii_uppercase());
    (c.is_lowercase() || c.is_uppercase() || c.is_numeric() || c == '_').then_some(capital)
}

/// Punctuation that East Asian texts set without a space behind it: `123456，5分钟` is no amount.
fn ends_unspaced(c: char) -> bool {
    matches!(c,
        '\u{3001}'..='\u{303f}' | '\u{ff01}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0c}'
        | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff61}'..='\u{ff64}')
}

crate::base::sentence::debug_as_sentence!(MalformedCode);
