//! Enforce, or only observe.

use std::collections::BTreeMap;

use crate::context::Purpose;
use crate::recipient::Region;

/// Whether a refusal is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Mode {
    /// Refuse what is refused.
    #[default]
    Enforce,
    /// Shadow mode: decide, record, and send all the same. Tokens, nonces, destinations, operators'
    /// controls, a human check asked of everyone, the exact text, attempts and the money budget of
    /// the realm are enforced even so.
    Observe,
}

/// The mode in general, per purpose and per country. The most specific wins; a country beats a
/// purpose.
#[derive(Clone, PartialEq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct ModePolicy {
    /// In general. Default: enforce.
    pub general: Mode,
    /// Per purpose.
    pub purposes: BTreeMap<Purpose, Mode>,
    /// Per country.
    pub countries: BTreeMap<Region, Mode>,
}

impl ModePolicy {
    /// The mode that holds for a send.
    #[must_use]
    pub fn of(&self, purpose: &Purpose, region: Option<Region>) -> Mode {
        region
            .and_then(|region| self.countries.get(&region))
            .or_else(|| self.purposes.get(purpose))
            .copied()
            .unwrap_or(self.general)
    }
}
