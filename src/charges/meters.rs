//! Which meters a request charges: those of the networks around its client, and of its lane.

use crate::access::Around;
use crate::base::id::Pseudonym;
use crate::limit::{MeterKey, Slot};
use crate::outcome::{Lane, LimitName, Networks};
use crate::policy::{AttemptPolicy, Evidence, FailurePolicy, QuotaPolicy};
use crate::realm::slot;

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

impl Lane {
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
