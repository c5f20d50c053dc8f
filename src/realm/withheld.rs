//! What is withheld while the client is told otherwise, for reasons that nobody may probe.

use crate::access::{AnonymiserKind, ControlId};
use crate::outcome::RefusalReason;
use crate::pumping::SightingKind;
use crate::transport::NumberFault;

/// Why a text is withheld. Most are waived for a private reason: the number was verified before, or
/// an operator's entry allows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Withheld {
    /// Operators block the country or the prefix, and allow single numbers.
    Block(RefusalReason),
    /// Operators let messages go to known numbers only.
    KnownOnly(ControlId),
    /// The detector refuses, or asks for what this client cannot give.
    Pumping,
    /// An operator extends the detector's block to it.
    Extended,
    /// The client's network hides who it is, and its kind is answered quietly. The number decides
    /// nothing about it.
    Anonymiser(AnonymiserKind),
    /// A provider reported that texts to the number are in vain.
    Fault(Option<NumberFault>),
}

impl Withheld {
    /// What the detector is told of it; `pumping`: whether it stands in the way itself.
    pub(crate) fn sighting(&self, pumping: bool) -> SightingKind {
        match self {
            Self::Fault(_) => SightingKind::Unsent,
            _ if pumping => SightingKind::Knocked,
            _ => SightingKind::Withheld,
        }
    }
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
            Withheld::Extended => {
                ["(Cause::Extended, Fact::Known)", "(Cause::Extended, Fact::Allowed)"]
            }
            Withheld::Anonymiser(_) => {
                ["(Cause::Anonymiser, Fact::Known)", "(Cause::Anonymiser, Fact::Allowed)"]
            }
            Withheld::Fault(_) => {
                let scenario = "nobody_sees_of_which_number_a_fault_is_remembered";
                [scenario, scenario]
            }
        };
        let rows = concat!(
            include_str!("../../tests/scenarios/waivers.rs"),
            include_str!("../../tests/scenarios/number_faults.rs")
        );
        let block = Withheld::Block(RefusalReason::SmsOff);
        let hidden = Withheld::Anonymiser(AnonymiserKind::Tor);
        let known = Withheld::KnownOnly(ControlId(1));
        let detected = [Withheld::Pumping, Withheld::Extended];
        for reason in [block, known, hidden, Withheld::Fault(None)].into_iter().chain(detected) {
            assert!(row(&reason).iter().all(|row| rows.contains(row)), "{reason:?}");
        }
    }
}
