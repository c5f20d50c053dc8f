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
//! `scripts/numbering/renumbered.py` looks for such pairs in the metadata: every region in which a digit
//! or two, put into each valid mobile number, give a valid mobile number again. It names the rule
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
//! numbers, Solomon Islands' 48 and Tuvalu's 90, whose new forms are not published; Korea's 011 to 019,
//! which have ended; a line's number before and after porting to another area.

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

/// The calling codes that [`Rule::of`] knows.
const RENUMBERED: [u16; 8] = [ARGENTINA, BENIN, BRAZIL, GABON, GAMBIA, ISRAEL, LIBERIA, SOMALIA];

/// Rewrites a retired spelling that today's plan calls too long.
pub(super) fn modernise(plan: &Plan, national: &mut Digits) {
    if plan.code == MEXICO && national.len() == 11 && national.as_slice().first() == Some(&1) {
        national.skip(1);
    }
}

/// The number that stands for the line in keys: `number` itself but for the rules above.
pub(super) fn line(number: &Number) -> Number {
    // Nearly every number is done here.
    if !RENUMBERED.contains(&number.code.value()) {
        return *number;
    }
    let renumbered = national_digits(number).and_then(|national| {
        let rule = Rule::of(number.code.value(), national.as_slice())?;
        rule.apply(national.as_slice())
    });
    renumbered.unwrap_or(*number)
}

/// How the national number of a line is rewritten.
struct Rule {
    /// The calling code of the result.
    code: u16,
    /// How many digits stay in front.
    keep: usize,
    /// How many after those are dropped.
    drop: usize,
    /// What takes their place.
    insert: &'static [u8],
}

impl Rule {
    fn of(code: u16, national: &[u8]) -> Option<Self> {
        let insert = |insert| Some(Self { code, keep: 0, drop: 0, insert });
        let replace = |insert| Some(Self { code, keep: 0, drop: 1, insert });
        match (code, national.len(), national) {
            (ARGENTINA, 10, [1, 1, ..] | [2 | 3, ..]) => insert(&[9]),
            (BENIN, 8, [0..=7 | 9, ..]) => insert(&[0, 1]),
            (BRAZIL, 10, [_, _, 6 | 8 | 9, ..]) => {
                Some(Self { code, keep: 2, drop: 0, insert: &[9] })
            }
            (GABON, 7, [2 | 5 | 6, ..]) => insert(&[6]),
            (GABON, 7, [4 | 7, ..]) => insert(&[7]),
            (GABON, 8, [0, 2 | 5 | 6, ..]) => replace(&[6]),
            (GABON, 8, [0, 4 | 7, ..]) => replace(&[7]),
            (GAMBIA, 7, [2 | 7, ..] | [4, 0 | 1 | 5, ..]) => insert(&[8, 7]),
            (GAMBIA, 7, [3, ..] | [5, 0..=4 | 8 | 9, ..]) => insert(&[8, 3]),
            (GAMBIA, 7, [6, ..]) => insert(&[8, 6]),
            (GAMBIA, 7, [9, ..]) => insert(&[8, 9]),
            (ISRAEL, 9, [5, 6 | 9, ..]) => {
                Some(Self { code: PALESTINE, keep: 0, drop: 0, insert: &[] })
            }
            (LIBERIA, 7, [5, ..]) => insert(&[5, 5]),
            (SOMALIA, 8, [2, 4, ..]) => replace(&[6, 3]),
            _ => None,
        }
    }

    fn apply(&self, national: &[u8]) -> Option<Number> {
        let (head, tail) = national.split_at_checked(self.keep)?;
        let mut merged = Digits::default();
        merged.extend(head)?;
        merged.extend(self.insert)?;
        merged.extend(tail.get(self.drop..)?)?;
        Some(Number::new(Plan::of_code(self.code)?, merged.as_slice()))
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
