//! The numbering table: what libphonenumber's metadata says about every calling code and region.
//!
//! Region, type and validity of a national number come from one walk through a digit automaton
//! (`states.bin`, one state for every distinct way a number can go on), so that the cost is one
//! table read per digit whatever the country. Only national and international prefixes, where
//! the end of the match and its groups matter, are matched by [`prefix`].

mod prefix;
mod table;
mod under;

use super::digits::Digits;
use super::line_type::LineType;
use super::region::Region;

pub(super) use table::for_each_region;

/// The version of libphonenumber's metadata that the table was generated from.
pub const METADATA_VERSION: &str = table::METADATA_VERSION;

/// One calling code and the regions that share it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) code: u16,
    root: u16,
    /// Positions in `TERRITORIES`, the main one first.
    territories: &'static [u8],
}

/// The dialling rules of one region.
#[derive(Debug)]
pub(super) struct Territory {
    pub(super) region: Region,
    pub(super) code: u16,
    viable: u16,
    national_prefix: u16,
    transform: &'static str,
    international_prefix: u16,
    lengths: u32,
    local_lengths: u32,
}

/// How the length of a national number compares with the lengths in use in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Possible,
    LocalOnly,
    TooShort,
    TooLong,
    Unused,
}

/// What the table says about a national number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) region: Option<Region>,
    pub(super) line_type: LineType,
}

impl Plan {
    /// The plan that `digits` start with, and the length of its calling code.
    pub(super) fn leading(digits: &[u8]) -> Option<(&'static Self, usize)> {
        let mut code = 0_usize;
        for (digit, length) in digits.iter().zip(1..=3) {
            code = code.saturating_mul(10).saturating_add(usize::from(*digit));
            if code == 0 {
                return None;
            }
            if let Some(plan) = Self::at(code) {
                return Some((plan, length));
            }
        }
        None
    }

    pub(super) fn of_code(code: u16) -> Option<&'static Self> {
        Self::at(usize::from(code))
    }

    fn at(code: usize) -> Option<&'static Self> {
        let index = table::PLAN_OF_CODE.get(code)?;
        table::PLANS.get(usize::from(*index))
    }

    /// The region whose rules apply while the region of a number is not known yet.
    pub(super) fn main(&self) -> Option<&'static Territory> {
        self.territory(0)
    }

    /// The only region of the plan, if no other shares its calling code.
    pub(super) fn only_region(&self) -> Option<Region> {
        if self.territories.len() == 1 { self.main().map(|only| only.region) } else { None }
    }

    /// Region and type of a national number.
    pub(super) fn assignment(&self, national: &[u8]) -> Assignment {
        self.assigned(run(self.root, national))
    }

    /// What an output of the automaton says.
    fn assigned(&self, output: u16) -> Assignment {
        let region = match usize::from(output >> 4).checked_sub(1) {
            Some(position) => self.territory(position).map(|found| found.region),
            None => self.only_region(),
        };
        Assignment { region, line_type: LineType::from_table(output & 0xf) }
    }

    fn territory(&self, position: usize) -> Option<&'static Territory> {
        self.territories.get(position).and_then(|index| table::TERRITORIES.get(usize::from(*index)))
    }
}

impl Territory {
    /// The rules of a geographic region.
    pub(super) fn of(region: Region) -> Option<&'static Self> {
        let [first, second] = region.letters();
        let row = usize::from(first.checked_sub(b'A')?).saturating_mul(26);
        let column = usize::from(second.checked_sub(b'A').filter(|column| *column < 26)?);
        let index = table::TERRITORY_OF_REGION.get(row.saturating_add(column))?;
        table::TERRITORIES.get(usize::from(*index))
    }

    /// Every geographic region, in alphabetical order.
    pub(super) fn regions() -> impl Iterator<Item = Region> {
        table::TERRITORIES.iter().map(|row| row.region).filter(|region| *region != Region::WORLD)
    }

    /// Whether the region has numbers of this length.
    pub(super) fn length(&self, digits: usize) -> Length {
        let bit = u32::try_from(digits).ok().and_then(|shift| 1_u32.checked_shl(shift));
        let bit = bit.unwrap_or(0);
        if self.lengths == 0 {
            Length::Unused
        } else if self.local_lengths & bit != 0 {
            Length::LocalOnly
        } else if self.lengths & bit != 0 {
            Length::Possible
        } else if bit != 0 && bit < self.lengths & self.lengths.wrapping_neg() {
            Length::TooShort
        } else if bit == 0 || bit > self.lengths {
            Length::TooLong
        } else {
            Length::Unused
        }
    }

    /// Length of the international dialling prefix (`00`, `011`) that `digits` start with.
    pub(super) fn international_prefix(&self, digits: &[u8]) -> Option<usize> {
        let end = prefix::find(self.international_prefix, digits)?.end;
        // No calling code begins with 0: what follows decides whether this was a prefix at all.
        if digits.get(end) == Some(&0) { None } else { Some(end) }
    }

    /// The number without its trunk prefix or carrier code, or with its area code where it is in
    /// local form. `None` if there is nothing to do, or if that would turn a number of the region
    /// into one that is not.
    pub(super) fn without_national_prefix(&self, number: &Digits) -> Option<Digits> {
        let found = prefix::find(self.national_prefix, number.as_slice())?;
        let candidate = if self.rewrites(&found) {
            self.rewrite(&found, number)?
        } else {
            number.skipping(found.end)
        };
        let kept = self.is_viable(number.as_slice()) && !self.is_viable(candidate.as_slice());
        if kept { None } else { Some(candidate) }
    }

    fn rewrites(&self, found: &prefix::Found) -> bool {
        if self.transform.is_empty() {
            return false;
        }
        match (&found.first, &found.second) {
            (Some(_), Some(second)) => !second.is_empty(),
            (Some(first), None) => !first.is_empty(),
            (None, _) => false,
        }
    }

    fn rewrite(&self, found: &prefix::Found, number: &Digits) -> Option<Digits> {
        let digits = number.as_slice();
        let mut rewritten = Digits::default();
        let mut group = false;
        for byte in self.transform.bytes() {
            match (group, byte) {
                (false, b'$') => group = true,
                (false, digit) => rewritten.push(digit.checked_sub(b'0')?)?,
                (true, name) => {
                    let range = if name == b'1' { &found.first } else { &found.second };
                    if let Some(range) = range.clone() {
                        rewritten.extend(digits.get(range)?)?;
                    }
                    group = false;
                }
            }
        }
        rewritten.extend(digits.get(found.end..)?)?;
        Some(rewritten)
    }

    /// Whether the digits look like a national number of the region, whatever their type.
    pub(super) fn is_viable(&self, national: &[u8]) -> bool {
        run(self.viable, national) != 0
    }
}

/// Ten successors, an output, and padding that keeps a state within one cache line.
type State = [u16; 16];

const OUTPUT: usize = 10;

/// Walks the automaton from `state` and returns the output of the state that it ends in.
fn run(mut state: u16, digits: &[u8]) -> u16 {
    for digit in digits {
        state = word(state, usize::from(*digit));
        if state == 0 {
            return 0;
        }
    }
    word(state, OUTPUT)
}

fn word(state: u16, column: usize) -> u16 {
    table::STATES.get(usize::from(state)).and_then(|row| row.get(column)).map_or(0, |word| *word)
}

/// Reads the generated states at compile time: eleven little-endian words each.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // fails the build, never a call
const fn states<const N: usize>(bytes: &[u8]) -> [State; N] {
    assert!(bytes.len() == N * (OUTPUT + 1) * 2, "states.bin and table.rs are not of one run");
    let mut states = [[0; 16]; N];
    let mut at = 0;
    while at < N * (OUTPUT + 1) {
        let word = u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]]);
        states[at / (OUTPUT + 1)][at % (OUTPUT + 1)] = word;
        at += 1;
    }
    states
}

const fn plan(code: u16, root: u16, territories: &'static [u8]) -> Plan {
    Plan { code, root, territories }
}

#[allow(clippy::too_many_arguments)] // a row of the generated table, in its column order
const fn territory(
    region: [u8; 2],
    code: u16,
    viable: u16,
    national_prefix: u16,
    transform: &'static str,
    international_prefix: u16,
    lengths: u32,
    local_lengths: u32,
) -> Territory {
    Territory {
        region: Region::from_letters(region),
        code,
        viable,
        national_prefix,
        transform,
        international_prefix,
        lengths,
        local_lengths,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_far_below_a_megabyte() {
        let rows = size_of_val(&table::TERRITORIES) + size_of_val(&table::PLANS);
        let programs = size_of_val(&table::PROGRAMS) + size_of_val(&table::PLAN_OF_CODE);
        let total = size_of_val(&table::STATES) + rows + programs;
        assert!(total < 384 * 1024, "{total} bytes");
    }

    #[test]
    fn calling_codes_are_prefix_free() {
        for plan in &table::PLANS {
            let mut digits: Vec<u8> = plan.code.to_string().bytes().map(|b| b - b'0').collect();
            let length = digits.len();
            digits.extend([9; 5]);
            let (found, at) = Plan::leading(&digits).unwrap();
            assert_eq!((found.code, at), (plan.code, length));
        }
        assert!(Plan::leading(&[0, 4, 9]).is_none());
        assert!(Plan::leading(&[2, 1, 0]).is_none());
        assert!(Plan::leading(&[]).is_none());
    }

    #[test]
    fn lengths_of_a_plan_with_gaps() {
        let row = territory(*b"ZZ", 1, 0, u16::MAX, "", u16::MAX, 1 << 7 | 1 << 10, 1 << 5);
        let seen: Vec<_> = [3, 5, 7, 8, 10, 11, 31, 32, 40].map(|n| row.length(n)).into();
        use Length::*;
        assert_eq!(
            seen,
            [TooShort, LocalOnly, Possible, Unused, Possible, TooLong, TooLong, TooLong, TooLong]
        );
    }
}
