//! From typed text to the one E.164 number it stands for, by libphonenumber's rules.

use super::alias;
use super::calling_code::CallingCode;
use super::canonical::Number;
use super::digits::{Digits, MAX_DIGITS, MIN_DIGITS, Typed};
use super::error::RecipientError;
use super::numbering::{Length, Plan, Territory};
use super::region::Region;

/// libphonenumber looks at national numbers of these lengths.
const NATIONAL_LENGTHS: std::ops::RangeInclusive<usize> = 2..=17;

/// The international prefix of most countries (ITU-T E.164), which people write everywhere.
const USUAL_PREFIX: [u8; 2] = [0, 0];

/// Reads a number as somebody in `home` would mean it.
pub(super) fn read(typed: &Typed, home: Option<Region>) -> Result<Number, RecipientError> {
    let home = home.and_then(Territory::of);
    let mut digits = typed.digits();
    let explicit = if typed.has_plus() {
        Some(explicit_plan(&mut digits, home)?)
    } else {
        let home = home.ok_or(RecipientError::MissingCountry)?;
        implicit_plan(&mut digits, home)?
    };
    let (plan, main, rules) = match (explicit, home) {
        (Some(plan), _) => plan.main().map(|main| (plan, main, main)),
        (None, Some(home)) => {
            Plan::of_code(home.code).and_then(|plan| plan.main().map(|main| (plan, main, home)))
        }
        (None, None) => None,
    }
    .ok_or(RecipientError::UnknownCallingCode)?;

    let as_given = digits.len();
    if as_given < *NATIONAL_LENGTHS.start() {
        return Err(RecipientError::TooShort);
    }
    trim(rules, &mut digits);
    alias::modernise(plan, &mut digits);
    check_length(plan, main, digits.len())?;
    // Whoever sends us our own E.164 back must get the same number again.
    if digits.len() != as_given || rules.region != main.region {
        let mut again = digits.clone();
        trim(main, &mut again);
        if again.as_slice() != digits.as_slice() {
            return Err(RecipientError::NotCanonical);
        }
    }
    Ok(Number::new(plan, digits.as_slice()))
}

/// After a `+` comes a calling code, or, by a common slip, an international prefix and then one.
fn explicit_plan(
    digits: &mut Digits,
    home: Option<&Territory>,
) -> Result<&'static Plan, RecipientError> {
    match (take_plan(digits), home) {
        (Err(RecipientError::UnknownCallingCode), Some(home)) => {
            implicit_plan(digits, home)?.ok_or(RecipientError::UnknownCallingCode)
        }
        (result, _) => result,
    }
}

/// Without a `+` the calling code may follow an international prefix, or just be there: the number
/// is then not one of the region as it stands, or longer than any.
fn implicit_plan(
    digits: &mut Digits,
    home: &Territory,
) -> Result<Option<&'static Plan>, RecipientError> {
    if let Some(end) = home.international_prefix(digits.as_slice()) {
        if end != USUAL_PREFIX.len() && is_own_after_usual_prefix(digits, home) {
            return Err(RecipientError::NotCanonical);
        }
        digits.skip(end);
        return take_plan(digits).map(Some);
    }
    let Some((plan, candidate)) = after_own_code(digits, home) else { return Ok(None) };
    let better = !home.is_viable(digits.as_slice()) && home.is_viable(candidate.as_slice());
    if better || home.length(digits.len()) == Length::TooLong {
        *digits = candidate;
        return Ok(Some(plan));
    }
    Ok(None)
}

/// Whether people would read `00`, the calling code of the region and a number of it. Where a carrier is
/// chosen behind `00`, libphonenumber reads another country's: `0055 51 …` in Brazil is +51, Peru.
fn is_own_after_usual_prefix(digits: &Digits, home: &Territory) -> bool {
    digits.as_slice().starts_with(&USUAL_PREFIX)
        && after_own_code(&digits.skipping(USUAL_PREFIX.len()), home)
            .is_some_and(|(_, national)| home.is_viable(national.as_slice()))
}

/// What follows the calling code of the region, without a trunk prefix, if `digits` begin with that code.
fn after_own_code(digits: &Digits, home: &Territory) -> Option<(&'static Plan, Digits)> {
    let (plan, length) =
        Plan::leading(digits.as_slice()).filter(|(plan, _)| plan.code == home.code)?;
    let national = digits.skipping(length);
    Some((plan, home.without_national_prefix(&national).unwrap_or(national)))
}

fn take_plan(digits: &mut Digits) -> Result<&'static Plan, RecipientError> {
    if digits.len() <= *NATIONAL_LENGTHS.start() {
        return Err(RecipientError::TooShort);
    }
    let (plan, length) =
        Plan::leading(digits.as_slice()).ok_or(RecipientError::UnknownCallingCode)?;
    digits.skip(length);
    Ok(plan)
}

/// Takes the national prefix off, unless too little would remain for a number of the region.
fn trim(rules: &Territory, digits: &mut Digits) {
    if let Some(candidate) = rules.without_national_prefix(digits)
        && matches!(rules.length(candidate.len()), Length::Possible | Length::TooLong)
    {
        *digits = candidate;
    }
}

fn check_length(plan: &Plan, main: &Territory, national: usize) -> Result<(), RecipientError> {
    if national < *NATIONAL_LENGTHS.start() {
        return Err(RecipientError::TooShort);
    }
    match main.length(national) {
        Length::Possible => {}
        Length::LocalOnly => return Err(RecipientError::LocalOnly),
        Length::TooShort => return Err(RecipientError::TooShort),
        Length::TooLong => return Err(RecipientError::TooLong),
        Length::Unused => return Err(RecipientError::UnusedLength),
    }
    let total = national.saturating_add(usize::from(CallingCode::of(plan).length()));
    if total < MIN_DIGITS {
        Err(RecipientError::TooShort)
    } else if total > MAX_DIGITS {
        Err(RecipientError::TooLong)
    } else {
        Ok(())
    }
}
