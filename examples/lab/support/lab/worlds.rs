//! Other hosts and other networks, for every scenario: what is measured should not rest on one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rng::{Rng, hash};
use super::world::{COUNTRIES, country};

/// Where the host's customers are, and whether their addresses say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// Twenty-three countries, each with addresses of its own.
    #[default]
    Plain,
    /// The same countries; everybody, attackers too, comes from carriers' gateways and VPN exits that
    /// serve the whole world, or from IPv6 addresses that change: an address says nothing.
    Nowhere,
    /// One country, and attackers who go there as they go elsewhere.
    Small,
}

/// The country of [`World::Small`].
const ONLY: &[u8; 2] = b"GB";
/// Carriers' gateways, VPN exits, and networks with IPv6 addresses that change.
const GATEWAYS: u64 = 24;
const EXITS: u64 = 400;
const SITES: u64 = 40;

impl World {
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "plain" => Ok(Self::Plain),
            "nowhere" => Ok(Self::Nowhere),
            "small" => Ok(Self::Small),
            _ => Err(format!("--world `{name}` is none of plain, nowhere, small")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Nowhere => "nowhere",
            Self::Small => "small",
        }
    }

    /// Thousandths of the host's traffic that a country has.
    pub fn share(self, index: usize) -> u32 {
        match self {
            Self::Small => 1_000 * u32::from(index == country(ONLY)),
            _ => COUNTRIES[index].share,
        }
    }

    /// The country in which something happens that in the plain world happens in `index`.
    pub fn stage(self, index: usize) -> usize {
        match self {
            Self::Small => country(ONLY),
            _ => index,
        }
    }

    /// The address of a person or a bot, if this world says it.
    pub fn address(self, rng: &mut Rng) -> Option<IpAddr> {
        if self != Self::Nowhere {
            return None;
        }
        let u = rng.unit();
        Some(match (u * 100.0) as u64 {
            0..40 => gateway(rng.below(GATEWAYS)),
            40..65 => gateway(GATEWAYS + rng.below(EXITS)),
            _ => {
                let site = 0x2a00_0000_u64 + hash(rng.below(SITES)) % 0x00ff_ffff;
                IpAddr::V6(Ipv6Addr::from_bits(
                    u128::from(site) << 96 | u128::from(rng.next() as u32) << 64 | 1,
                ))
            }
        })
    }
}

/// One of the addresses that many people share, no two in one wide network.
fn gateway(index: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(
        (0x2000_0000 + (index as u32) * 0x0004_0000) | (hash(index) as u32 & 0xffff),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::lab::scenario::ALL;
    use std::collections::HashSet;

    #[test]
    fn each_world_keeps_its_word() {
        let scenario = ALL.iter().find(|one| one.name == "H2").unwrap();
        let made = |world| scenario.make_in(world, 1, 200.0, 0.2).rows;
        let wide = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits() >> 16),
            IpAddr::V6(ip) => ip.to_bits() >> 96,
        };
        // nobody's network is only one side's
        let rows = made(World::Nowhere);
        let of = |attack| -> HashSet<u128> {
            rows.iter().filter(|row| row.is_attack() == attack).map(|row| wide(row.ip)).collect()
        };
        let (bots, people) = (of(true), of(false));
        assert!(bots.intersection(&people).count() * 10 > bots.len() * 9);
        let small = made(World::Small);
        assert!(small.iter().all(|row| row.is_attack() || row.region == *ONLY));
        assert!(small.iter().filter(|row| !row.is_attack()).count() > 800);
    }
}
