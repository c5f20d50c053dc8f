//! Who asks for a text: whose meters a request runs on, in which lane, and what it has proved.

use crate::access::Around;
use crate::base::id::Pseudonym;
use crate::limit::{MeterKey, Slot};
use crate::outcome::LimitName;
use crate::policy::{AttemptPolicy, Evidence, FailurePolicy, QuotaPolicy};
use crate::recipient::Region;

use super::names::slot;

/// Whose meters a send runs on: pseudonyms, computed once a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subjects {
    pub(crate) number: Pseudonym,
    pub(crate) block: Option<Pseudonym>,
    pub(crate) country: Pseudonym,
    pub(crate) region: Option<Region>,
    pub(crate) client: Client,
    pub(crate) session: Option<Pseudonym>,
    pub(crate) user: Option<Pseudonym>,
    pub(crate) device: Option<Pseudonym>,
    pub(crate) caller: Option<Pseudonym>,
    pub(crate) purpose: Pseudonym,
    pub(crate) realm: Pseudonym,
    pub(crate) global: Pseudonym,
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Client {
    /// A known address.
    Network(Networks),
    /// No address is known; all such clients share one subject.
    Unknown(Pseudonym),
    /// A caller without a page: the host itself.
    Caller,
}

/// The networks around a known address, from the client's own to the provider's allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Networks {
    /// IPv4 /32, IPv6 /64.
    pub(crate) own: Pseudonym,
    /// Those around it. An IPv4 /20 holds the meters of its sixteen /24s: fifteen subjects less.
    pub(crate) around: Around<Pseudonym>,
}

/// A network around a client on which unverified messages are limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rung {
    /// IPv4 /24, IPv6 /56.
    Site,
    /// IPv4 /20, IPv6 /48.
    Campus,
    /// IPv6 /40.
    Provider,
    /// IPv4 /16, IPv6 /32.
    Allocation,
}

/// Where the meters of a network stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    subject: Pseudonym,
    part: u8,
}

impl Networks {
    /// The networks around the client, narrowest first.
    pub(crate) fn rungs(&self) -> impl Iterator<Item = (Rung, Place)> + use<> {
        let whole = |rung, subject| Some((rung, Place { subject, part: 0 }));
        let rungs = match self.around {
            Around::V4 { site, campus, allocation } => {
                let part = (site & 0x0F).saturating_add(1);
                let site = Some((Rung::Site, Place { subject: campus, part }));
                [site, whole(Rung::Campus, campus), None, whole(Rung::Allocation, allocation)]
            }
            Around::V6 { site, campus, provider, allocation } => [
                whole(Rung::Site, site),
                whole(Rung::Campus, campus),
                whole(Rung::Provider, provider),
                whole(Rung::Allocation, allocation),
            ],
        };
        rungs.into_iter().flatten()
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self.around, Around::V6 { .. })
    }

    /// The bucket of the allocation that no customer lifts the limit of.
    pub(crate) fn at_most(&self) -> MeterKey {
        let (Around::V4 { allocation, .. } | Around::V6 { allocation, .. }) = self.around;
        MeterKey::new(allocation, slot::UNVERIFIED_AT_MOST)
    }
}

impl Rung {
    /// The limit, and its name.
    pub(crate) fn limit(self, quotas: &QuotaPolicy) -> (Option<Evidence>, LimitName) {
        match self {
            Self::Site => (quotas.network_unverified, LimitName::NetworkUnverified),
            Self::Campus => (quotas.campus_unverified, LimitName::CampusUnverified),
            Self::Provider => (quotas.provider_unverified, LimitName::ProviderUnverified),
            Self::Allocation => (quotas.allocation_unverified, LimitName::AllocationUnverified),
        }
    }

    /// Whether customers from the network lift the limit.
    pub(crate) fn is_lifted(self) -> bool {
        self != Self::Site
    }
}

impl Place {
    /// The bucket of unverified messages.
    pub(crate) fn unverified(self) -> MeterKey {
        MeterKey::new(self.subject, slot::unverified(self.part))
    }

    /// The mark of a network with customers.
    pub(crate) fn customers(self) -> MeterKey {
        MeterKey::new(self.subject, slot::CUSTOMERS)
    }
}

/// Which of a number's budgets a client uses. A stranger cannot use up another lane than his own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Lane {
    /// Anyone.
    Open,
    /// The client passed a human check.
    Checked,
    /// The client proved a device on which the number was verified before.
    Proven,
    /// The host itself asks, with a caller's key.
    Caller,
}

impl Client {
    pub(crate) fn networks(self) -> Option<Networks> {
        match self {
            Self::Network(networks) => Some(networks),
            Self::Unknown(_) | Self::Caller => None,
        }
    }
}

impl Lane {
    /// All of them: each counts failures of its own, and with the authenticator's their bounds add
    /// up to NIST's 100.
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Checked, Self::Proven, Self::Caller];

    pub(crate) fn failures(self, policy: &AttemptPolicy) -> &FailurePolicy {
        match self {
            Self::Open => &policy.open,
            Self::Checked => &policy.checked,
            Self::Proven => &policy.proven,
            Self::Caller => &policy.caller,
        }
    }

    /// Where its failures are counted.
    pub(crate) const fn counted(self) -> Slot {
        slot::failures(self.index())
    }

    /// How much of a number's quota over all lanes this one may fill: a third of it is out of reach
    /// of strangers, a sixth of clients that passed a human check, and a fifteenth of device proofs.
    pub(crate) const fn of_total(self, max: u64) -> u64 {
        let kept = match self {
            Self::Open => max / 3,
            Self::Checked => max / 6,
            // A device proof is good for 90 days, and a former partner may have some.
            Self::Proven => max / 15,
            Self::Caller => 0,
        };
        max.saturating_sub(kept)
    }

    /// Whether it is used by nobody but who has shown that the number is his, and the host.
    pub(crate) const fn is_owners(self) -> bool {
        matches!(self, Self::Proven | Self::Caller)
    }

    pub(crate) const fn index(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Checked => 1,
            Self::Proven => 2,
            Self::Caller => 3,
        }
    }

    pub(crate) const fn from_index(index: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Open),
            1 => Some(Self::Checked),
            2 => Some(Self::Proven),
            3 => Some(Self::Caller),
            _ => None,
        }
    }
}

/// How much the client has proved so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Proved {
    /// The ordinary token.
    Ordinary,
    /// Harder work.
    Work,
    /// A human check, a known device, or a caller's key.
    Human,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_keep_texts_of_the_day() {
        let of_thirty = Lane::ALL.map(|lane| lane.of_total(30));
        assert_eq!(of_thirty, [20, 25, 28, 30], "each leaves some to whoever proves more");
    }
}
