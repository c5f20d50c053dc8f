//! Whose address speaks for him.
//!
//! Several people verified from an address, of late and one after the other from the same country, and
//! step-ups do not fail there: a company, a campus, a carrier's gateway. Inside a refused operator or
//! country the people of *that* country who come from it are asked instead, because honest newcomers
//! are there. Not inside finer blocks, where an attacker's own verified numbers could buy the same favour.
//!
//! An exit that serves the whole world is open to attackers too, and an address that they rent in one
//! country says nothing for the numbers of another. So an address remembers the country of those who
//! verify, and how many were of another; in the field where a block keeps its share of its country.
//! Only verified codes move it: to take an address's trust away, or to gain it for another country,
//! takes about every third code that is entered there.

use super::node::Node;
use super::path::{COUNTRY, HOST, Path, slot_at};
use super::tree::Tree;

/// What the last one who verified counts.
const LATEST: f32 = 0.1;

/// The share of other countries from which an address says nothing.
const MIXED: f32 = 0.3;

impl Node {
    /// Somebody new of a country verified from this address.
    pub(super) fn verified_from(&mut self, country: u16) {
        if self.warm == 0 {
            (self.country, self.share) = (country, 0.0);
        }
        let is_other = self.country != country;
        self.share = self.share * (1.0 - LATEST) + if is_other { LATEST } else { 0.0 };
        if is_other && self.share > 0.5 {
            (self.country, self.share) = (country, 1.0 - self.share);
        }
    }

    /// Whether those who verified from this address are of one country, and it is this one.
    fn speaks_for(&self, country: u16) -> bool {
        self.country == country && self.share < MIXED
    }
}

/// Whether the address of a client speaks for him, to a number of this country.
pub(super) fn is_trusted(host: Option<&Node>, country: Option<&Node>) -> bool {
    let (Some(host), Some(country)) = (host, country) else { return false };
    host.is_trusted_host() && host.speaks_for(country.country)
}

impl Tree {
    /// Whether an address speaks for the client, to a number of his country.
    pub(super) fn is_trusted_client(&self, path: &Path) -> bool {
        is_trusted(self.at(slot_at(path, HOST)), self.at(slot_at(path, COUNTRY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pumping::{BlockLevel, ClientNet, NodeId};

    #[test]
    fn an_address_speaks_for_the_country_of_those_who_verify_there() {
        let id = NodeId::address(BlockLevel::Host, ClientNet::from_bits(7));
        // born by a request to country 9, which nobody answered
        let mut host = Node::new(id, 9, 0, 1);
        let verify = |host: &mut Node, country| {
            host.verified_from(country);
            host.warm = 1;
        };
        verify(&mut host, 3);
        assert!(host.speaks_for(3) && !host.speaks_for(9));
        for _ in 0..3 {
            verify(&mut host, 5);
        }
        assert!(host.speaks_for(3), "three of another country are not yet too many");
        verify(&mut host, 5);
        assert!(!host.speaks_for(3) && !host.speaks_for(5));
        for _ in 0..12 {
            verify(&mut host, 5);
        }
        assert!(host.speaks_for(5), "the address has changed hands");
        let mut gateway = Node::new(id, 0, 0, 1);
        for k in 0..1_000 {
            verify(&mut gateway, k % 7);
            assert!(k < 4 || (0..7).all(|country| !gateway.speaks_for(country)));
        }
    }
}
