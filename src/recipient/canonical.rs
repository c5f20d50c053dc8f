//! A number in its one canonical form, with what the numbering table says about it.

use super::calling_code::CallingCode;
use super::line_type::LineType;
use super::numbering::Plan;
use super::region::Region;

/// A canonical number and what the table says about it.
#[derive(Clone, Copy)]
pub(super) struct Number {
    /// All digits, calling code first. The first digit is not 0, so the value fixes the length.
    pub(super) value: u64,
    pub(super) length: u8,
    pub(super) code: CallingCode,
    pub(super) region: Option<Region>,
    pub(super) line_type: LineType,
}

impl Number {
    /// The number with this calling code and national number.
    pub(super) fn new(plan: &Plan, national: &[u8]) -> Self {
        let code = CallingCode::of(plan);
        let value = value(u64::from(code.value()), national);
        let length = u8::try_from(national.len()).unwrap_or(u8::MAX).saturating_add(code.length());
        let assignment = plan.assignment(national);
        Self { value, length, code, region: assignment.region, line_type: assignment.line_type }
    }
}

/// The integer that `leading`, followed by `digits`, spells.
pub(super) fn value(leading: u64, digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(leading, |value, digit| value.saturating_mul(10).saturating_add(u64::from(*digit)))
}
