//! Networks in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// A network in CIDR notation, or a single address. IPv4-mapped IPv6 is folded to IPv4, and bits
/// after the prefix are dropped, so that one network has one spelling.
///
/// ```
/// use otpgate::access::Network;
///
/// let network: Network = "203.0.113.0/24".parse()?;
/// assert!(network.contains("203.0.113.9".parse().unwrap()));
/// assert!(network.contains("::ffff:203.0.113.9".parse().unwrap()));
/// assert_eq!("203.0.113.77/24".parse(), Ok(network));
/// assert_eq!("2001:db8::1".parse::<Network>()?.to_string(), "2001:db8::1/128");
/// # Ok::<(), otpgate::access::NetworkError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

impl Network {
    /// The network of the first `length` bits of `address`, of the IPv4 address if it is mapped.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the address has fewer bits than that.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, NetworkError> {
        IpNet::new(address.to_canonical(), length)
            .map(|net| Self(net.trunc()))
            .map_err(|_| NetworkError)
    }

    /// The network of exactly this address.
    #[must_use]
    pub fn single(address: IpAddr) -> Self {
        Self(IpNet::from(address.to_canonical()))
    }

    /// Whether `address`, or the IPv4 address in it, belongs to the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The IPv4 address in an address of this network, if the network is the prefix of a
    /// translator: /32, /40, /48, /56, /64 or /96, laid out by RFC 6052 §2.2.
    ///
    /// Only the operator of a translator knows its prefix, and where the IPv4 address stands depends
    /// on the prefix's length. A host behind one says so before the peer becomes a client. `None`
    /// for an address of another network, and for bits where the layout has none.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// use otpgate::ClientIp;
    /// use otpgate::access::Network;
    ///
    /// let translator: Network = "64:ff9b:1:fffe::/64".parse()?;
    /// let peer: IpAddr = "64:ff9b:1:fffe:cb:71:700::".parse()?;
    /// let peer = translator.embedded_ipv4(peer).map_or(peer, IpAddr::V4);
    /// assert_eq!(ClientIp::from_peer(peer).expose_ip(), Some("203.0.113.7".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn embedded_ipv4(&self, address: IpAddr) -> Option<Ipv4Addr> {
        let IpAddr::V6(v6) = address else { return None };
        if self.is_v4() || !self.contains(address) {
            return None;
        }
        let octets = v6.octets();
        // Octet 8 is the `u` octet, 0 and left out.
        let places: [usize; 4] = match self.length() {
            32 => [4, 5, 6, 7],
            40 => [5, 6, 7, 9],
            48 => [6, 7, 9, 10],
            56 => [7, 9, 10, 11],
            64 => [9, 10, 11, 12],
            96 => [12, 13, 14, 15],
            _ => return None,
        };
        let suffix = octets.get(places[3].saturating_add(1)..)?;
        if octets.get(8) != Some(&0) || suffix.iter().any(|octet| *octet != 0) {
            return None;
        }
        let [a, b, c, d] = places.map(|place| octets.get(place).copied().unwrap_or_default());
        Some(Ipv4Addr::new(a, b, c, d))
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.0.addr()
    }

    /// How many leading bits are fixed.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether every address of `narrow` belongs to this network.
    pub(crate) fn covers(&self, narrow: &Self) -> bool {
        self.0.contains(&narrow.0)
    }

    /// The first and the last address.
    pub(super) fn ends(&self) -> (IpAddr, IpAddr) {
        (self.0.network(), self.0.broadcast())
    }

    pub(super) fn is_v4(&self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `address/length` or an address alone.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] for any other text.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(Self::single).map_err(|_| NetworkError);
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u8 = length.parse().ok().filter(|_| plain).ok_or(NetworkError)?;
        match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(v4)) => {
                Self::new(v4.into(), length.checked_sub(96).ok_or(NetworkError)?)
            }
            _ => Self::new(address, length),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text is not a network.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network; write an address, or an address and a length such as 203.0.113.0/24")]
pub struct NetworkError;

crate::base::sentence::debug_as_sentence!(NetworkError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_networks_are_folded_or_refused() {
        assert_eq!("::ffff:10.0.0.0/104".parse::<Network>(), "10.0.0.0/8".parse());
        assert_eq!("::ffff:10.0.0.1".parse::<Network>(), "10.0.0.1/32".parse());
        assert_eq!("::ffff:10.0.0.0/8".parse::<Network>(), Err(NetworkError));
    }

    /// The table of RFC 6052 §2.4.
    #[test]
    fn translated_addresses_are_read_by_the_length_of_the_prefix() {
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            let network: Network = prefix.parse().unwrap();
            let embedded = network.embedded_ipv4(address.parse().unwrap());
            assert_eq!(embedded, Some(Ipv4Addr::new(192, 0, 2, 33)), "{address}");
            assert_eq!(network.embedded_ipv4("2001:db9::192.0.2.33".parse().unwrap()), None);
            assert_eq!(network.embedded_ipv4("192.0.2.33".parse().unwrap()), None);
        }
        for (prefix, address) in [
            ("2001:db8:122:344::/80", "2001:db8:122:344::192.0.2.33"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:1c0:2:2100::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:1"),
            ("192.0.2.0/24", "192.0.2.33"),
        ] {
            let network: Network = prefix.parse().unwrap();
            assert_eq!(network.embedded_ipv4(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn only_plain_lengths_are_read() {
        for bad in
            ["", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/ 8", "::/129", "x/8"]
        {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
        assert_eq!("10.0.0.0/08".parse::<Network>(), "10.0.0.0/8".parse());
    }
}
