//! What a send charges to its client, and to the groups that it falls into.

use crate::outcome::{Client, LimitName, Networks, Remedy, Subjects};
use crate::realm::slot;

use super::cause::Cause;
use super::plan::{Plan, Terms, UNLIMITED};

impl Plan {
    pub(super) fn client(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let quotas = &terms.policy.quotas;
        match who.client {
            Client::Network(networks) => {
                self.quotas(networks.own, &quotas.client, LimitName::Client);
                let name = LimitName::ClientUnverified;
                let own = terms.of_client(quotas.client_unverified);
                self.evidence(terms, networks.own, own, name);
                self.around(terms, networks);
            }
            Client::Unknown(shared) => {
                let (lane, list) = (terms.lane.index(), &quotas.client_unknown);
                self.quotas_in(shared, lane, list, LimitName::Client);
            }
            Client::Caller => {}
        }
        for (subject, quotas, name) in [
            (who.session, &quotas.session, LimitName::Session),
            (who.user, &quotas.user, LimitName::User),
            (who.device, &quotas.device, LimitName::Device),
        ] {
            if let Some(subject) = subject {
                self.quotas(subject, quotas, name);
            }
        }
    }

    /// The networks around the client. Customers lift the limits above its site, but for the one on
    /// the allocation that nothing lifts.
    fn around(&mut self, terms: &Terms<'_>, networks: Networks) {
        let quotas = &terms.policy.quotas;
        for (rung, place) in networks.rungs() {
            let (evidence, name) = rung.limit(quotas);
            let waiver = rung.is_lifted().then(|| place.customers());
            let evidence = terms.of_client(evidence);
            self.evidence_at(terms, place.unverified(), evidence, name, waiver);
        }
        let name = LimitName::CustomersUnverified;
        let at_most = terms.of_client(quotas.customers_unverified);
        self.evidence_at(terms, networks.at_most(), at_most, name, None);
    }

    pub(super) fn groups(&mut self, terms: &Terms<'_>, who: &Subjects) {
        let quotas = &terms.policy.quotas;
        if let Some(block) = who.block {
            self.quotas(block, &quotas.block, LimitName::Block);
            self.evidence(terms, block, quotas.block_unverified, LimitName::BlockUnverified);
        }
        if let Some(caller) = who.caller {
            self.quotas(caller, &quotas.caller, LimitName::Caller);
        }
        self.quotas(who.country, &quotas.country, LimitName::Country);
        self.quotas(who.purpose, &quotas.purpose, LimitName::Purpose);
        self.quotas(who.realm, &quotas.realm, LimitName::Realm);
        self.quotas(who.global, &quotas.global, LimitName::Global);
    }

    /// Counts what was sent, for the dashboard: charges that never refuse.
    pub(super) fn count(&mut self, who: &Subjects) {
        for (subject, name) in [(who.country, LimitName::Country), (who.realm, LimitName::Realm)] {
            self.charge(subject, slot::SENT, UNLIMITED, 1, Cause::Limit(name), Remedy::Wait);
        }
    }
}
