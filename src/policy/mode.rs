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
    /// Quiet refusal: what the pumping detector refuses is answered as if a text had gone out. The
    /// client gets a grant, a code page and intervals; no text is sent, no money is spent, and no code
    /// opens it. Whoever searches for the detector's thresholds then sees none. Known numbers are
    /// never refused by it, quietly or not; [`EventKind::QuietlyRefused`](crate::EventKind) tells the
    /// truth to the observer.
    ///
    /// Default: off, because an honest person who is refused by mistake then waits for a text that
    /// never comes. A host that turns it on answers the page before `issue` has returned, or the
    /// provider's time tells the two apart.
    pub quiet: bool,
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
