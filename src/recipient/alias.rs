//! Lines that have more than one E.164 number, and the one that stands for them in keys.
//!
//! Trunk prefixes, carrier codes and local forms are the parser's business. What remains are numbers
//! that differ in E.164 and still ring the same phone. Each rule below maps to the form that
//! mobile networks dial today:
//!
//! | country | other spelling | key | why |
//! |---|---|---|---|
//! | Mexico | +52 1 and ten digits | +52 and ten digits | the 1 for mobiles ended in 2019–2020; rewritten at parsing |
//! | Argentina | +54 and ten geographic digits | +54 9 and the ten | the 9 marks calls to mobiles; area and subscriber number are unique without it |
//! | Brazil | +55, area and eight digits from 6, 8 or 9 | a 9 before the eight | ninth digit of mobiles, finished in 2016 |
//! | Benin | +229 and eight digits not from 8 | +229 01 and the eight | ten digits since 30 November 2024 |
//! | Gabon | +241 and seven digits from 2, 4–7, with a 0 before them or without | 6 (from 2, 5, 6) or 7 (from 4, 7) before the seven | nine digits at home since 15 November 2019, the old ones ended on 6 April 2024 (ARCEP) |
//! | Gambia | +220 and seven digits of a mobile | the operator's 83, 86, 87 or 89 before them | nine digits, both in use from 4 September to 30 November 2026 (PURA); Gamcel (89) follows |
//! | Liberia | +231 5 and six digits | +231 555 and the six | Novafone's ten digits at home, since 19 September 2013 |
//! | Palestine | +972 56, +972 59 | +970 | the two mobile networks answer under both codes |
//! | Somalia | +252 24 and six digits | +252 634 and the six | Telesom's 63 took the place of the area code 2 |
//!
//! `scripts/numbering/renumbered.py` looks for such pairs in the metadata: every region in which one to
//! three digits, put into each valid mobile number, give a valid mobile number again. It names the rule
//! above or the reason why there is none, and fails where newer metadata has a pair that nobody has
//! looked at.
//!
//! A rule needs a published correspondence of old and new numbers. Merging two lines that are not one
//! is worse than not merging one: what its holder has proved would count for a stranger.
//!
//! Gaps, known and not merged, because the old number is refused or invalid, has no SMS, may have
//! been given to somebody else, or its new form is not published: old Ivorian and Vietnamese numbers
//! (impossible or invalid lengths and ranges); Kosovo's former +377 44 and 45, +386 43 and 49, and
//! +381 numbers; the landlines of San Marino under +39 0549, of the West Bank and Gaza under +972,
//! and of Italy without their zero; Brazilian trunked radio from 7, which got no ninth digit; Gabon's
//! 03, whose operator is gone; Liberia's 46, 47 and 6, the other operators of Somalia, Myanmar's short
//! numbers, Solomon Islands' 48, Tuvalu's 90, the six digits of Saint Pierre and Miquelon beside
//! 708 and the four of Niue beside 888, whose correspondence is not published; Korea's 011 to 019, which
//! have ended; a line's number before and after porting to another area.

use super::canonical::Number;
use super::digits::Digits;
use super::numbering::Plan;

const ARGENTINA: u16 = 54;
const BENIN: u16 = 229;
const BRAZIL: u16 = 55;
const GABON: u16 = 241;
const GAMBIA: u16 = 220;
const ISRAEL: u16 = 972;
const LIBERIA: u16 = 231;
const MEXICO: u16 = 52;
const PALESTINE: u16 = 970;
const SOMALIA: u16 = 252;

/// Rewrites a retired spelling that today's plan calls too long.
pub(super) fn modernise(plan: &Plan, national: &mut Digits) {
    if plan.code == MEXICO && national.len() == 11 && national.as_slice().first() == Some(&1) {
        national.skip(1);
    }
}

/// The number that stands for the line in keys: `number` itself but for the rules above.
pub(super) fn line(number: &Number) -> Number {
    // Nearly every number has no such code.
    let mut rules = RULES.iter().filter(|rule| rule.former == number.code.value());
    rules.find_map(|rule| rule.renumber(number)).unwrap_or(*number)
}

/// The other numbers that [`line`] takes for `line`, if it has such.
pub(super) fn former(line: &Number) -> impl Iterator<Item = Number> + use<> {
    let line = *line;
    let rules = RULES.iter().filter(move |rule| rule.code == line.code.value());
    rules.filter_map(move |rule| rule.undo(&line))
}

/// How the national number of a line is rewritten.
struct Rule {
    /// The calling code of the other spelling, and which of its national numbers are one.
    former: u16,
    concerns: fn(&[u8]) -> bool,
    /// The calling code of the line.
    code: u16,
    /// How many digits stay in front.
    keep: usize,
    /// What stands after those.
    old: &'static [u8],
    /// What takes its place.
    new: &'static [u8],
}

/// Each national number of an other spelling is concerned by one of these.
const RULES: [Rule; 15] = [
    Rule::of_one(
        ARGENTINA,
        &[],
        &[9],
        |it| matches!(it, [1, 1, ..] | [2 | 3, ..] if it.len() == 10),
    ),
    Rule::of_one(BENIN, &[], &[0, 1], |it| matches!(it, [0..=7 | 9, ..] if it.len() == 8)),
    Rule {
        keep: 2,
        ..Rule::of_one(
            BRAZIL,
            &[],
            &[9],
            |it| matches!(it, [_, _, 6 | 8 | 9, ..] if it.len() == 10),
        )
    },
    Rule::of_one(GABON, &[], &[6], |it| matches!(it, [2 | 5 | 6, ..] if it.len() == 7)),
    Rule::of_one(GABON, &[], &[7], |it| matches!(it, [4 | 7, ..] if it.len() == 7)),
    Rule::of_one(GABON, &[0], &[6], |it| matches!(it, [0, 2 | 5 | 6, ..] if it.len() == 8)),
    Rule::of_one(GABON, &[0], &[7], |it| matches!(it, [0, 4 | 7, ..] if it.len() == 8)),
    Rule::of_one(
        GAMBIA,
        &[],
        &[8, 7],
        |it| matches!(it, [2 | 7, ..] | [4, 0 | 1 | 5, ..] if it.len() == 7),
    ),
    Rule::of_one(
        GAMBIA,
        &[],
        &[8, 3],
        |it| matches!(it, [3, ..] | [5, 0..=4 | 8 | 9, ..] if it.len() == 7),
    ),
    Rule::of_one(GAMBIA, &[], &[8, 6], |it| matches!(it, [6, ..] if it.len() == 7)),
    Rule::of_one(GAMBIA, &[], &[8, 9], |it| matches!(it, [9, ..] if it.len() == 7)),
    Rule::of_one(LIBERIA, &[], &[5, 5], |it| matches!(it, [5, ..] if it.len() == 7)),
    // Rewritten at parsing.
    Rule::of_one(MEXICO, &[1], &[], |it| matches!(it, [1, ..] if it.len() == 11)),
    Rule {
        code: PALESTINE,
        ..Rule::of_one(ISRAEL, &[], &[], |it| matches!(it, [5, 6 | 9, ..] if it.len() == 9))
    },
    Rule::of_one(SOMALIA, &[2], &[6, 3], |it| matches!(it, [2, 4, ..] if it.len() == 8)),
];

impl Rule {
    /// A rule within one calling code that begins at the first digit.
    const fn of_one(
        code: u16,
        old: &'static [u8],
        new: &'static [u8],
        concerns: fn(&[u8]) -> bool,
    ) -> Self {
        Self { former: code, concerns, code, keep: 0, old, new }
    }

    /// The line that `number` is another spelling of.
    fn renumber(&self, number: &Number) -> Option<Number> {
        let national = national_digits(number).filter(|it| (self.concerns)(it.as_slice()))?;
        let renumbered = self.exchange(national.as_slice(), self.old, self.new)?;
        Some(Number::new(Plan::of_code(self.code)?, renumbered.as_slice()))
    }

    /// The other spelling of `line`.
    fn undo(&self, line: &Number) -> Option<Number> {
        let national = national_digits(line)?;
        let before = self.exchange(national.as_slice(), self.new, self.old)?;
        let before = Some(before).filter(|it| (self.concerns)(it.as_slice()))?;
        Some(Number::new(Plan::of_code(self.former)?, before.as_slice()))
    }

    /// `national` with `then` in the place of `now`.
    fn exchange(&self, national: &[u8], now: &[u8], then: &[u8]) -> Option<Digits> {
        let (head, tail) = national.split_at_checked(self.keep)?;
        let mut exchanged = Digits::default();
        exchanged.extend(head)?;
        exchanged.extend(then)?;
        exchanged.extend(tail.strip_prefix(now)?)?;
        Some(exchanged)
    }
}

fn national_digits(number: &Number) -> Option<Digits> {
    let mut digits = Digits::default();
    let length = u32::from(number.length.saturating_sub(number.code.length()));
    for place in (0..length).rev() {
        let digit = number.value.checked_div(10_u64.checked_pow(place)?)? % 10;
        digits.push(u8::try_from(digit).ok()?)?;
    }
    Some(digits)
}
