//! What is withheld while the client is told otherwise, for reasons that nobody may probe.

use crate::access::{AnonymiserKind, ControlId};
use crate::outcome::RefusalReason;

/// Why a text is withheld. Most are waived for a private reason: the number was verified before, or
/// an operator's entry allows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Withheld {
    /// Operators block the country or the prefix, and allow single numbers.
    Block(RefusalReason),
    /// Operators let messages go to known numbers only.
    KnownOnly(ControlId),
    /// The detector refuses, or asks for what this client cannot give.
    Pumping,
    /// The client's network hides who it is, and its kind is answered quietly. The number decides
    /// nothing about it.
    Anonymiser(AnonymiserKind),
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
            Withheld::Anonymiser(_) => {
                ["(Cause::Anonymiser, Fact::Known)", "(Cause::Anonymiser, Fact::Allowed)"]
            }
        };
        let rows = include_str!("../../tests/scenarios/waivers.rs");
        let block = Withheld::Block(RefusalReason::SmsOff);
        let hidden = Withheld::Anonymiser(AnonymiserKind::Tor);
        for reason in [block, Withheld::KnownOnly(ControlId(1)), Withheld::Pumping, hidden] {
            assert!(row(&reason).iter().all(|row| rows.contains(row)), "{reason:?}");
        }
    }
}
