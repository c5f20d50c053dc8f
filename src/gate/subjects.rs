//! Whose meters a request runs on, and which: those of the networks around its client, and of its lane.

use crate::access::{Around, ClientIp, ClientPrefix};
use crate::base::id::Pseudonym;
use crate::base::money::Money;
use crate::context::{ClientContext, Purpose};
use crate::limit::{MeterKey, Slot};
use crate::outcome::{Client, Lane, LimitName, Networks, Subjects};
use crate::policy::{AttemptPolicy, Evidence, FailurePolicy, QuotaPolicy};
use crate::pumping::{ClientNet, Subject};
use crate::realm::{purpose_byte, slot};
use crate::recipient::Recipient;

use super::Gate;

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

impl Gate {
    /// Whose meters a request runs on.
    pub(super) fn subjects(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Subjects {
        let names = self.names();
        Subjects {
            client: self.client_meters(client),
            session: Some(names.session(client.session())),
            user: client.user_id().map(|user| names.user(user)),
            ..self.destination_subjects(recipient, number, purpose)
        }
    }

    /// Whose meters a text runs on, whoever asked for it.
    pub(super) fn destination_subjects(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
    ) -> Subjects {
        let names = self.names();
        Subjects {
            number,
            block: names.block(recipient),
            country: names.country(recipient.region()),
            region: recipient.region(),
            client: Client::Caller,
            session: None,
            user: None,
            device: None,
            caller: None,
            purpose: names.purpose(purpose),
            realm: names.whole(),
            global: self.inner.global,
        }
    }

    fn client_meters(&self, client: &ClientContext) -> Client {
        let names = self.names();
        let name = |network: ClientPrefix| names.client(&network.to_bytes());
        let own = client.ip().prefix();
        match client.ip().around() {
            None => Client::Unknown(name(own)),
            Some(Around::V4 { site, campus, allocation }) => {
                let [campus, allocation] = names.around(campus, allocation);
                let around = Around::V4 { site, campus, allocation };
                Client::Network(Networks { own: name(own), around })
            }
            Some(around) => Client::Network(Networks { own: name(own), around: around.map(name) }),
        }
    }

    /// A request as the pumping detector sees it.
    pub(super) fn sighted(
        &self,
        recipient: &Recipient,
        purpose: &Purpose,
        price: Money,
        client: ClientIp,
    ) -> Subject {
        Subject {
            region: recipient.home().letters(),
            digits: recipient.digits(),
            known: false,
            purpose: purpose_byte(purpose),
            price_microusd: u32::try_from(price.as_microdollars()).unwrap_or(u32::MAX),
            client: client.counted().map_or(ClientNet::unknown(), ClientNet::of),
        }
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
