//! What is withheld from most numbers and not from some, for reasons that nobody may probe.

use crate::access::ControlId;
use crate::outcome::RefusalReason;

/// Why a text is withheld that a number would get for a private reason: it was verified before, or
/// an operator's entry allows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Withheld {
    /// Operators block the country or the prefix, and allow single numbers.
    Block(RefusalReason),
    /// Operators let messages go to known numbers only.
    KnownOnly(ControlId),
    /// The detector refuses, or asks for what this client cannot give.
    Pumping,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds a reason to withhold a text adds the scenario that shows nobody can tell.
    #[test]
    fn every_reason_to_withhold_has_its_rows() {
        let row = |reason: &Withheld| match reason {
            Withheld::Block(_) => {
                ["(Cause::Block, Fact::Allowed)", "(Cause::CountryOff, Fact::Allowed)"]
            }
            Withheld::KnownOnly(_) => {
                ["(Cause::KnownOnly, Fact::Known)", "(Cause::KnownOnly, Fact::Allowed)"]
            }
            Withheld::Pumping => {
                ["(Cause::Refused, Fact::Known)", "(Cause::Refused, Fact::Allowed)"]
            }
        };
        let rows = include_str!("../../tests/scenarios/waivers.rs");
        let block = Withheld::Block(RefusalReason::SmsOff);
        for reason in [block, Withheld::KnownOnly(ControlId(1)), Withheld::Pumping] {
            assert!(row(&reason).iter().all(|row| rows.contains(row)), "{reason:?}");
        }
    }
}
