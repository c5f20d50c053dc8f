//! Which countries have lines that begin with given digits.

use std::collections::BTreeSet;

use super::digits::{MAX_DIGITS, MIN_DIGITS};
use super::number::Recipient;
use super::numbering::Plan;
use super::region::Region;

/// The regions that have lines whose numbers begin with the digits of `leading`, calling code included, by
/// the numbering table. None: there is no such line, or only in a spelling of before.
pub(crate) fn regions_under(leading: u64) -> BTreeSet<Region> {
    let digits: Vec<u8> =
        leading.to_string().bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
    Plan::under(&digits).flat_map(|(plan, national)| plan.regions_under(national)).collect()
}

/// Numbers that begin with the digits of `leading`, as people write them: of each length, and each with
/// one digit again and again behind.
pub(crate) fn samples_under(leading: u64) -> impl Iterator<Item = Recipient> {
    let written = leading.to_string();
    let lengths = MIN_DIGITS.max(written.len())..=MAX_DIGITS;
    lengths.flat_map(move |length| {
        let written = written.clone();
        ('0'..='9').filter_map(move |digit| {
            let more = length.saturating_sub(written.len());
            let tail: String = std::iter::repeat_n(digit, more).collect();
            Recipient::parse(&format!("+{written}{tail}"), None).ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipient::CallingCode;

    fn under(leading: u64) -> String {
        let regions = regions_under(leading);
        regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_regions_under_a_prefix_are_those_of_its_lines() {
        for (leading, regions) in [
            (49151, "DE"),
            (4930, "DE"),
            (1876, "JM"),
            (4420, "GB"),
            (447, "GB GG IM JE"),
            (77, "KZ"),
            (393, "IT"),
            (800, "001"),
            // a trunk prefix, a code that nobody has, and ranges that nobody has
            (490151, ""),
            (4407700, ""),
            (999, ""),
            (1200, ""),
            (52155, ""),
        ] {
            assert_eq!(under(leading), regions, "+{leading}");
        }
        let wide = regions_under(4);
        for country in [Region::DE, Region::GB, Region::AT, Region::PL] {
            assert!(wide.contains(&country), "{country}");
        }
        assert!(!wide.contains(&Region::FR) && !wide.contains(&Region::US));
        assert!(regions_under(1).len() > 20 && regions_under(42).contains(&Region::CZ));
    }

    /// The automaton leads nowhere that has no line: whatever a valid number begins with has some.
    #[test]
    fn whatever_a_sample_begins_with_has_a_region() {
        let codes = (1..=999).filter_map(CallingCode::new);
        let mut compared = 0;
        let valid = |sample: &Recipient| sample.is_valid();
        let of = |code: CallingCode| samples_under(code.value().into()).filter(valid).take(1);
        for sample in codes.flat_map(of) {
            let Some(region) = sample.region() else { continue };
            let digits = sample.digits().to_string();
            for length in 1..digits.len() {
                let leading = digits[..length].parse().unwrap();
                assert!(regions_under(leading).contains(&region), "+{leading}: {region}");
            }
            compared += 1;
        }
        assert!(compared > 150, "{compared}");
    }
}
