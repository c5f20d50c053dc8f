//! What more clients behind an anonymiser must do.

use crate::access::{AnonymiserKind, AnonymiserKinds};
use crate::error::ConfigError;

use super::Evidence;

/// How to treat a client whose network hides who it is. Each tier includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum AnonymiserTier {
    /// Like anybody.
    Ordinary,
    /// Its networks have room for fewer unverified messages:
    /// [`AnonymiserPolicy::unverified_percent`].
    Fewer,
    /// It passes a human check before the first text; harder work, where
    /// [`GateBuilder::human_check`](crate::GateBuilder::human_check) gives none.
    HumanCheck,
    /// It is answered as if a text had gone out, but none does. Use it for a network that none of
    /// your users comes from: the page cannot tell, so honest people would wait in vain.
    /// [`EventKind::QuietlyRefused`] tells the observer.
    ///
    /// [`EventKind::QuietlyRefused`]: crate::EventKind::QuietlyRefused
    Quiet,
}

/// How clients of anonymiser networks are treated, by the kind of network; the strictest of several
/// kinds holds.
///
/// It applies to the clients that [`GateBuilder::anonymisers`](crate::GateBuilder::anonymisers)
/// lists and to those that you name ([`ClientContext::anonymiser`]); without either nothing
/// changes. Two are exempt: a client with the proof of a device that verified the number before,
/// and one whose network or account an operator allows
/// ([`Effect::Allow`](crate::access::Effect::Allow)). It does not apply to callers without a page.
///
/// ```
/// use otpgate::Policy;
/// use otpgate::policy::AnonymiserTier;
///
/// let mut policy = Policy::default();
/// policy.anonymisers.hosting = AnonymiserTier::Quiet; // nobody shops from a data centre
/// policy.anonymisers.unverified_percent = 0; // and Tor has no room at all?
/// let error = policy.check().unwrap_err().to_string();
/// assert!(error.starts_with("`anonymisers.unverified_percent` is 0, but must be 1 to 100"));
/// ```
///
/// [`ClientContext::anonymiser`]: crate::ClientContext::anonymiser
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct AnonymiserPolicy {
    /// Exits of Tor. Default: a human check, because some people have good reason to come that way.
    pub tor: AnonymiserTier,
    /// Virtual private networks and relays. Default: fewer unverified messages. Too many people use
    /// one, some without knowing (Apple's Private Relay), to ask each of them for more.
    pub vpn: AnonymiserTier,
    /// Proxies. Default: a human check. Rented ones carry most of what pumps SMS.
    pub proxy: AnonymiserTier,
    /// Hosting companies and clouds. Default: a human check. Scripts run there; people come from
    /// there only through their company's network.
    pub hosting: AnonymiserTier,
    /// The percentage of its networks' limits on unverified messages that such a client may use.
    /// Default: 20. Other clients keep the whole.
    pub unverified_percent: u8,
}

impl Default for AnonymiserPolicy {
    fn default() -> Self {
        Self {
            tor: AnonymiserTier::HumanCheck,
            vpn: AnonymiserTier::Fewer,
            proxy: AnonymiserTier::HumanCheck,
            hosting: AnonymiserTier::HumanCheck,
            unverified_percent: 20,
        }
    }
}

impl AnonymiserPolicy {
    /// The tier of clients in a network of `kind`.
    #[must_use]
    pub fn of(&self, kind: AnonymiserKind) -> AnonymiserTier {
        match kind {
            AnonymiserKind::Tor => self.tor,
            AnonymiserKind::Vpn => self.vpn,
            AnonymiserKind::Proxy => self.proxy,
            AnonymiserKind::Hosting => self.hosting,
        }
    }

    /// The strictest tier of `kinds`, and the kind that it belongs to; `None` if nothing is asked
    /// beyond the ordinary.
    pub(crate) fn strictest(
        &self,
        kinds: AnonymiserKinds,
    ) -> Option<(AnonymiserTier, AnonymiserKind)> {
        let tiers = kinds.iter().map(|kind| (self.of(kind), kind));
        tiers.max().filter(|(tier, _)| *tier > AnonymiserTier::Ordinary)
    }

    /// What is left of a limit on unverified messages: at least one message.
    pub(crate) fn share(&self, evidence: Evidence) -> Evidence {
        let percent = u64::from(self.unverified_percent);
        let part = |whole: u64| (whole.saturating_mul(percent) / 100).max(1);
        Evidence { soft: part(evidence.soft), hard: part(evidence.hard), ..evidence }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=100).contains(&self.unverified_percent) {
            return Err(ConfigError::rule(
                "anonymisers.unverified_percent",
                self.unverified_percent,
                "1 to 100; to send nothing there take the tier `Quiet`, or block the network",
            ));
        }
        Ok(())
    }
}
