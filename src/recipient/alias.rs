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
//! | Palestine | +972 56, +972 59 | +970 | the two mobile networks answer under both codes |
//!
//! Gaps, known and not merged, because the old number is refused or invalid, has no SMS, or may have
//! been given to somebody else: old Ivorian and Vietnamese numbers (impossible or invalid
//! lengths and ranges); Kosovo's former +377, +381 and +386 numbers; the landlines of San Marino under
//! +39 0549, of the West Bank and Gaza under +972, and of Italy without their zero; Brazilian numbers
//! from 7, still valid in both lengths; a line's number before and after porting to another area.

use super::digits::Digits;
use super::numbering::Plan;
use super::parse::{self, Number};

const ARGENTINA: u16 = 54;
const BENIN: u16 = 229;
const BRAZIL: u16 = 55;
const ISRAEL: u16 = 972;
const MEXICO: u16 = 52;
const PALESTINE: u16 = 970;

/// Rewrites a retired spelling that today's plan calls too long.
pub(super) fn modernise(plan: &Plan, national: &mut Digits) {
    if plan.code == MEXICO && national.len() == 11 && national.as_slice().first() == Some(&1) {
        national.skip(1);
    }
}

/// The number that stands for the line in keys: `number` itself but for the rules above.
pub(super) fn line(number: &Number) -> Number {
    let national_length = number.length.saturating_sub(number.code.length());
    let rule: Option<(u16, &[u8], usize)> = match (number.code.value(), national_length) {
        (ARGENTINA, 10) => Some((ARGENTINA, &[9], 0)),
        (BRAZIL, 10) => Some((BRAZIL, &[9], 2)),
        (BENIN, 8) => Some((BENIN, &[0, 1], 0)),
        (ISRAEL, 9) => Some((PALESTINE, &[], 0)),
        _ => None,
    };
    rule.and_then(|(code, inserted, at)| {
        let national = national_digits(number)?;
        let national = national.as_slice();
        if !applies(number.code.value(), national) {
            return None;
        }
        let (head, tail) = national.split_at_checked(at)?;
        let mut merged = Digits::default();
        merged.extend(head)?;
        merged.extend(inserted)?;
        merged.extend(tail)?;
        Some(parse::number(Plan::of_code(code)?, merged.as_slice()))
    })
    .unwrap_or(*number)
}

fn applies(code: u16, national: &[u8]) -> bool {
    match code {
        ARGENTINA => matches!(national, [1, 1, ..] | [2 | 3, ..]),
        BRAZIL => matches!(national, [_, _, 6 | 8 | 9, ..]),
        BENIN => !matches!(national, [8, ..]),
        ISRAEL => matches!(national, [5, 6 | 9, ..]),
        _ => false,
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
