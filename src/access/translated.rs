//! IPv4 clients that arrive in IPv6, behind a translator.
//!
//! A server that has IPv6 alone sees the IPv4 half of the world through a translator, all of it in one
//! /96 and so in one /64. Counted by that, every IPv4 client would share one bucket.
//!
//! | form | counts as | on a list of networks |
//! |---|---|---|
//! | `::ffff:0:0/96`, mapped (RFC 4291) | its IPv4 address: the same socket's other spelling | its IPv4 address |
//! | `64:ff9b::/96`, well-known prefix (RFC 6052) | its IPv4 address: written by a translator of the server's own network, and not routed between networks | its IPv4 address |
//! | `::ffff:0:0:0/96`, translated (RFC 2765) | its IPv4 address, likewise | its IPv4 address |
//! | `2002::/16`, 6to4 (RFC 3056) | its IPv4 address, or each address would have every limit twice | itself: anybody may announce the route, so no entry for the IPv4 address lets it in |
//! | `64:ff9b:1::/48`, local use (RFC 8215), and a prefix of one's own (RFC 6052, 6rd) | its /64, unless the host says more: where the address stands depends on a length that it does not show ([`Network::embedded_ipv4`](super::Network::embedded_ipv4)) | itself |
//! | `2001::/32`, Teredo (RFC 4380) | one client in all: bits 32 to 63 name a server that the client chooses, so one IPv4 address has 2³² /64s; the service has ended | itself |
//! | ISATAP, `::0:5efe:0:0/96` and `::200:5efe:0:0/96` in any /64 (RFC 5214) | its /64, as every host of the site: the IPv4 address is one inside it, often private | itself |
//! | `::/96`, IPv4-compatible (RFC 4291 §2.5.5.1, deprecated) | one client in all, its /64: no network carries them | itself |
//!
//! An address that is not public (private, loopback, shared, link-local) stays IPv6: RFC 6052 §3.1 forbids
//! to translate it with the well-known prefix, and a rule for an internal network must not match it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;

/// The address that a client is known by.
pub(super) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => well_known(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    }
}

/// The network that clients of `network` are known by: that of IPv4 if it lies within the prefix of a
/// translator.
pub(super) fn network(network: Network) -> Network {
    let v4 = match client(network.address()) {
        IpAddr::V4(address) if !network.is_v4() => Some(address),
        _ => None,
    };
    let length = network.length().checked_sub(96);
    v4.zip(length)
        .and_then(|(address, length)| Network::new(address.into(), length).ok())
        .unwrap_or(network)
}

/// The address that a client's limits and evidence are counted by. Lists of networks go by the address
/// itself.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0x2002, high, low, ..] => {
            let v4 = embedded(high, low);
            if is_public(v4) { v4.into() } else { address }
        }
        // All of Teredo.
        [0x2001, 0, ..] => Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0).into(),
        _ => address,
    }
}

/// Whether `address` belongs to an IPv4 address by 6to4: then bits 16 to 47 are that address.
pub(super) fn is_6to4(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments().first() == Some(&0x2002))
}

/// Whether `address` is one of Teredo: then bits 32 to 63 are a server of the client's choice.
pub(super) fn is_teredo(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments().starts_with(&[0x2001, 0]))
}

fn well_known(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let (v4, inside) = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => ([high, low], true),
        [0, 0, 0, 0, 0xffff, 0, high, low] => ([high, low], true),
        _ => ([0, 0], false),
    };
    let [high, low] = v4;
    let v4 = embedded(high, low);
    (inside && is_public(v4)).then_some(v4)
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn is_public(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    !(first == 0
        || first >= 240
        || shared
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_behind_a_translator_is_its_ipv4_self() {
        let as_network = |text: &str| network(text.parse().unwrap()).to_string();
        for (form, is) in [
            ("64:ff9b::203.0.113.0/120", "203.0.113.0/24"),
            ("64:ff9b::203.0.113.7", "203.0.113.7/32"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            // All of IPv4 is no network of somebody's; what is not public stays what it was.
            ("64:ff9b::/96", "64:ff9b::/96"),
            ("64:ff9b::203.0.113.0/95", "64:ff9b::/95"),
            ("64:ff9b::10.0.0.0/104", "64:ff9b::a00:0/104"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(as_network(form), is, "{form}");
        }
    }

    /// One row for each form, and what it counts as.
    #[test]
    fn every_form_counts_as_the_table_says() {
        let as_counted = |text: &str| counted(client(text.parse().unwrap())).to_string();
        for (form, is) in [
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("64:ff9b::203.0.113.7", "203.0.113.7"),
            ("::ffff:0:203.0.113.7", "203.0.113.7"),
            ("2002:cb00:7107:9::7", "203.0.113.7"),
            ("2002:a01:203::1", "2002:a01:203::1"),
            ("64:ff9b:1::203.0.113.7", "64:ff9b:1::cb00:7107"),
            ("2001:0:cb00:7107:8000::1", "2001::"),
            ("2001:db8::5efe:203.0.113.7", "2001:db8::5efe:cb00:7107"),
            ("2001:db8::200:5efe:203.0.113.7", "2001:db8::200:5efe:cb00:7107"),
            ("::203.0.113.7", "::203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(as_counted(form), form_of(is), "{form}");
        }
    }

    fn form_of(text: &str) -> String {
        text.parse::<IpAddr>().unwrap().to_string()
    }

    #[test]
    fn a_translated_client_is_its_ipv4_self() {
        let as_client = |text: &str| client(text.parse().unwrap()).to_string();
        for form in ["64:ff9b::203.0.113.7", "::ffff:0:203.0.113.7", "::ffff:203.0.113.7"] {
            assert_eq!(as_client(form), "203.0.113.7", "{form}");
        }
        for stays in [
            "64:ff9b::10.1.2.3",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.1.1",
            "64:ff9b::100.64.0.1",
            "64:ff9b::192.168.0.1",
            "64:ff9b::0.0.0.0",
            "64:ff9b::255.255.255.255",
            "64:ff9b::1:203.0.113.7",
            "64:ff9b:1::203.0.113.7",
            "2002:cb00:7107::1",
            "2001::203.0.113.7",
            "2001:db8::203.0.113.7",
            "::203.0.113.7",
        ] {
            assert_eq!(as_client(stays), stays.parse::<Ipv6Addr>().unwrap().to_string());
        }
    }
}
