//! The client's address and the networks it is counted by.

use std::fmt;
use std::net::IpAddr;

use super::forwarded::{self, ForwardedError, ProxyHeader, TrustedProxies};
use super::network::Network;
use super::translated;

/// The client's address, from a source that the client does not control.
///
/// There are two: the peer of the connection, and a forwarding header that a trusted proxy wrote.
/// There is no constructor from a header alone: at least seven published holes of 2025–26 are a
/// limiter that believed `X-Forwarded-For` (CVE-2025-59152 and CVE-2026-111934 among them).
///
/// `Debug` shows the network, not the address.
///
/// ```
/// use otpgate::access::{ClientIp, ProxyHeader::XForwardedFor, TrustedProxies};
///
/// let proxies = TrustedProxies::parse(["10.0.0.0/8"])?;
/// let peer = "10.0.0.2".parse()?;
///
/// // The proxy appended 203.0.113.7; what stands before it, the client wrote itself.
/// let client = ClientIp::behind(peer, XForwardedFor, ["198.51.100.1, 203.0.113.7"], &proxies)?;
/// assert_eq!(client.expose_ip(), Some("203.0.113.7".parse()?));
///
/// // A peer that is no proxy of ours is the client, whatever it claims.
/// let direct = ClientIp::behind("192.0.2.9".parse()?, XForwardedFor, ["203.0.113.7"], &proxies)?;
/// assert_eq!(direct.expose_ip(), Some("192.0.2.9".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClientIp(Option<IpAddr>);

impl ClientIp {
    /// The peer of the connection: for a host that faces the network itself.
    ///
    /// An IPv4 client whose address reached the host in IPv6 is its IPv4 self: mapped
    /// (`::ffff:203.0.113.7`), or behind a translator with the well-known prefix of RFC 6052
    /// (`64:ff9b::203.0.113.7`). For a translator with another prefix see
    /// [`Network::embedded_ipv4`].
    #[must_use]
    pub fn from_peer(peer: IpAddr) -> Self {
        Self(Some(translated::client(peer)))
    }

    /// The client behind the host's own proxies, by the header that they write: the right-most address in it
    /// that is not one of them. A peer that is no trusted proxy is the client itself, whatever its header
    /// claims.
    ///
    /// `lines` are the values of *all* header lines of that name in the order received. If you pass
    /// only the first one, you pass what the client wrote. Read them with
    /// [`String::from_utf8_lossy`]: a proxy appends to the client's own line, and a byte in it that is
    /// no text must not hide what stands beside it.
    ///
    /// Every trusted proxy MUST append its own peer, or replace the header. One that passes the
    /// header through lets clients choose their address.
    ///
    /// # Errors
    ///
    /// [`ForwardedError`] if the header of a trusted peer is missing, broken, or names only
    /// proxies: then nothing is known of the client, and guessing would let it choose.
    /// `unwrap_or_default()` makes that [`ClientIp::unknown`]. Log the error: it shows a
    /// misconfigured proxy.
    ///
    /// ```
    /// use otpgate::access::{ClientIp, ForwardedError, ProxyHeader, TrustedProxies};
    ///
    /// let proxies = TrustedProxies::parse(["10.0.0.0/8"])?;
    /// let peer = "10.0.0.2".parse()?;
    /// let broken = ClientIp::behind(peer, ProxyHeader::XForwardedFor, ["203.0.113.7, unknown"], &proxies);
    /// assert_eq!(broken, Err(ForwardedError::NotAnAddress { from_right: 1 }));
    ///
    /// // A comma in a quoted value splits nothing: a proxy may quote the `Host` that the client chose.
    /// let line = r#"for=203.0.113.7;host="a,for=198.51.100.1;x=""#;
    /// let client = ClientIp::behind(peer, ProxyHeader::Forwarded, [line], &proxies)?;
    /// assert_eq!(client.expose_ip(), Some("203.0.113.7".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn behind<'a, L>(
        peer: IpAddr,
        header: ProxyHeader,
        lines: L,
        proxies: &TrustedProxies,
    ) -> Result<Self, ForwardedError>
    where
        L: IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
    {
        if !proxies.contains(peer) {
            return Ok(Self::from_peer(peer));
        }
        forwarded::right_most_untrusted(lines, proxies, header).map(|address| Self(Some(address)))
    }

    /// A client whose address is not known. All such clients share one tight bucket; an unknown
    /// address never means no limit. Also the default.
    #[must_use]
    pub const fn unknown() -> Self {
        Self(None)
    }

    /// The address, under a name that a reviewer can search for: it is personal data.
    pub const fn expose_ip(&self) -> Option<IpAddr> {
        self.0
    }

    /// What the client is counted by: the address in IPv4, the /64 in IPv6, since one subscriber line
    /// commonly gets a /64 and can use all of its 2^64 addresses. An address of 6to4 counts as the IPv4
    /// address in it.
    ///
    /// ```
    /// use otpgate::ClientIp;
    ///
    /// let client = ClientIp::from_peer("203.0.113.77".parse().unwrap());
    /// assert_eq!(client.prefix().to_string(), "203.0.113.77/32");
    /// assert_eq!(client.site().to_string(), "203.0.113.0/24");
    /// let client = ClientIp::from_peer("2001:db8:1:203::7".parse().unwrap());
    /// assert_eq!(client.prefix().to_string(), "2001:db8:1:203::/64");
    /// assert_eq!(client.site().to_string(), "2001:db8:1:200::/56");
    /// assert_eq!(client.organisation().to_string(), "2001:db8:1::/48");
    /// ```
    pub fn prefix(&self) -> ClientPrefix {
        self.cut(32, 64)
    }

    /// The network around it: /24 in IPv4, /56 in IPv6 (RFC 6177: what a home is commonly given).
    pub fn site(&self) -> ClientPrefix {
        self.cut(24, 56)
    }

    /// The widest network counted: /16 in IPv4, /48 in IPv6 (RFC 6177: what a company is given).
    pub fn organisation(&self) -> ClientPrefix {
        self.cut(16, 48)
    }

    /// The networks around the client, as far as the provider's allocation. Registries allocate an
    /// IPv6 /32 to a provider and rarely more than an IPv4 /16 at once; what is wider holds strangers
    /// to each other.
    pub(crate) fn around(&self) -> Option<Around> {
        let (campus, allocation) = (self.cut(20, 48), self.cut(16, 32));
        let third = match translated::counted(self.0?) {
            IpAddr::V4(address) => {
                let [_, _, third, _] = address.octets();
                third
            }
            // Of an address that is not public.
            IpAddr::V6(address) if translated::is_6to4(address.into()) => {
                let [_, _, _, _, third, ..] = address.octets();
                third
            }
            IpAddr::V6(_) => {
                let (site, provider) = (self.site(), self.cut(18, 40));
                return Some(Around::V6 { site, campus, provider, allocation });
            }
        };
        Some(Around::V4 { site: third & 0x0F, campus, allocation })
    }

    /// The address that limits and evidence go by. A list of networks goes by
    /// [`expose_ip`](Self::expose_ip).
    pub(crate) fn counted(&self) -> Option<IpAddr> {
        self.0.map(translated::counted)
    }

    fn cut(&self, v4: u8, v6: u8) -> ClientPrefix {
        ClientPrefix(self.counted().and_then(|address| {
            let length = match address {
                IpAddr::V4(_) => v4,
                // One of those that are not public: its address, /24 or /16 in 6to4's spelling.
                IpAddr::V6(_) if translated::is_6to4(address) => v4.saturating_add(16),
                IpAddr::V6(_) if translated::is_teredo(address) => 32,
                IpAddr::V6(_) => v6,
            };
            Network::new(address, length).ok()
        }))
    }
}

/// The networks around a client, from its site to its provider's allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Around<N = ClientPrefix> {
    /// The /20, which of its sixteen /24s, and the /16.
    V4 { site: u8, campus: N, allocation: N },
    /// The /56, the /48, the /40 and the /32.
    V6 { site: N, campus: N, provider: N, allocation: N },
}

impl<N> Around<N> {
    /// The same with every network named.
    pub(crate) fn map<M>(self, name: impl Fn(N) -> M) -> Around<M> {
        match self {
            Self::V4 { site, campus, allocation } => {
                Around::V4 { site, campus: name(campus), allocation: name(allocation) }
            }
            Self::V6 { site, campus, provider, allocation } => Around::V6 {
                site: name(site),
                campus: name(campus),
                provider: name(provider),
                allocation: name(allocation),
            },
        }
    }
}

impl fmt::Debug for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIp({})", self.cut(24, 48))
    }
}

/// A network that clients are counted by, or the bucket of all whose address is unknown.
///
/// ```
/// use otpgate::access::ClientIp;
///
/// let one = ClientIp::from_peer("2001:db8::1".parse().unwrap());
/// let two = ClientIp::from_peer("2001:db8::ffff:ffff:ffff:ffff".parse().unwrap());
/// assert_eq!(one.prefix(), two.prefix());
/// assert_eq!(one.prefix().to_string(), "2001:db8::/64");
/// assert!(ClientIp::unknown().prefix().is_unknown());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientPrefix(Option<Network>);

impl ClientPrefix {
    /// Whether this is the bucket of unknown addresses.
    pub const fn is_unknown(&self) -> bool {
        self.0.is_none()
    }

    pub(super) const fn network(&self) -> Option<Network> {
        self.0
    }

    /// A fixed encoding for hashing: version (4, 6, or 0 for unknown), length, address as IPv6 would
    /// hold it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 18] {
        let mut bytes = [0; 18];
        if let Some(network) = self.0 {
            let (version, address) = match network.address() {
                IpAddr::V4(v4) => (4, v4.to_ipv6_mapped()),
                IpAddr::V6(v6) => (6, v6),
            };
            let head = [version, network.length()];
            let all = head.into_iter().chain(address.octets());
            bytes.iter_mut().zip(all).for_each(|(slot, byte)| *slot = byte);
        }
        bytes
    }
}

impl fmt::Display for ClientPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(network) => fmt::Display::fmt(&network, f),
            None => f.write_str("unknown"),
        }
    }
}

impl fmt::Debug for ClientPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.0.and_then(|network| {
            let most = if network.is_v4() { 24 } else { 48 };
            Network::new(network.address(), network.length().min(most)).ok()
        });
        write!(f, "ClientPrefix({})", Self(masked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> ClientIp {
        ClientIp::from_peer(text.parse().unwrap())
    }

    #[test]
    fn mapped_addresses_are_their_ipv4_selves() {
        assert_eq!(peer("::ffff:203.0.113.7"), peer("203.0.113.7"));
        assert_eq!(peer("::ffff:203.0.113.7").prefix().to_string(), "203.0.113.7/32");
    }

    /// All of IPv4 shared one /64 there, and one bucket.
    #[test]
    fn clients_behind_a_translator_are_told_apart() {
        assert_eq!(peer("64:ff9b::203.0.113.7"), peer("203.0.113.7"));
        assert_ne!(peer("64:ff9b::203.0.113.7").prefix(), peer("64:ff9b::203.0.113.8").prefix());
        let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
        let proxy = "10.0.0.2".parse().unwrap();
        let lines = ["64:ff9b::203.0.113.7"];
        assert_eq!(
            ClientIp::behind(proxy, ProxyHeader::XForwardedFor, lines, &proxies)
                .unwrap_or_default(),
            peer("203.0.113.7")
        );
        // What a stranger can have translated is no proxy of ours, and no internal caller.
        let inside = "64:ff9b::10.0.0.2".parse().unwrap();
        assert!(!proxies.contains(inside));
        assert!(ClientIp::from_peer(inside).expose_ip().is_some_and(|ip| ip.is_ipv6()));
    }

    /// An IPv4 address has 65 536 /64s in 6to4: they are one, and that address.
    #[test]
    fn a_6to4_site_counts_as_its_ipv4_address() {
        let [one, other] = [peer("2002:cb00:7107:1::1"), peer("2002:cb00:7107:ffff::1")];
        let v4 = peer("203.0.113.7");
        for cut in [ClientIp::prefix, ClientIp::site, ClientIp::organisation] {
            assert_eq!([cut(&one), cut(&other)], [cut(&v4); 2]);
        }
        assert_eq!(one.around(), v4.around());
        assert_ne!(one, v4, "no list takes it for IPv4");
        assert_eq!(one.expose_ip(), Some("2002:cb00:7107:1::1".parse().unwrap()));
        let private = peer("2002:a01:203:1::1");
        assert_eq!(private.prefix().to_string(), "2002:a01:203::/48");
    }

    /// A Teredo client chooses its server, and with it its /64.
    #[test]
    fn all_of_teredo_is_one_client() {
        let [one, other] = [peer("2001:0:cb00:7107:8000::1"), peer("2001:0:c633:6407:8000::1")];
        for cut in [ClientIp::prefix, ClientIp::site, ClientIp::organisation] {
            assert_eq!(cut(&one), cut(&other));
            assert_eq!(cut(&one).to_string(), "2001::/32");
        }
        assert_ne!(one.prefix(), peer("2001:1::1").prefix());
    }

    #[test]
    fn tiers_widen() {
        let v4 = peer("203.0.113.7");
        assert_eq!(v4.site().to_string(), "203.0.113.0/24");
        assert_eq!(v4.organisation().to_string(), "203.0.0.0/16");
        let v6 = peer("2001:db8:1:2ff:3::4");
        assert_eq!(v6.prefix().to_string(), "2001:db8:1:2ff::/64");
        assert_eq!(v6.site().to_string(), "2001:db8:1:200::/56");
        assert_eq!(v6.organisation().to_string(), "2001:db8:1::/48");
    }

    #[test]
    fn debug_shows_the_network_only() {
        assert_eq!(format!("{:?}", peer("203.0.113.7")), "ClientIp(203.0.113.0/24)");
        assert_eq!(format!("{:?}", peer("203.0.113.7").prefix()), "ClientPrefix(203.0.113.0/24)");
        let v6 = peer("2001:db8:1:2:3::4");
        assert_eq!(
            format!("{v6:?} {:?}", v6.prefix()),
            "ClientIp(2001:db8:1::/48) ClientPrefix(2001:db8:1::/48)"
        );
        assert_eq!(format!("{:?}", ClientIp::unknown()), "ClientIp(unknown)");
    }

    #[test]
    fn encodings_differ_by_version_length_and_address() {
        let all = [
            peer("203.0.113.0").prefix(),
            peer("203.0.113.0").site(),
            peer("::").prefix(),
            peer("::").site(),
            ClientIp::unknown().prefix(),
        ];
        let distinct: std::collections::BTreeSet<_> =
            all.iter().map(ClientPrefix::to_bytes).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn above_the_site_a_6to4_client_is_its_ipv4_client() {
        let around = |address| peer(address).around().unwrap().map(|network| network.to_string());
        let v4 = |campus: &str, allocation: &str| Around::V4 {
            site: 113 & 0x0F,
            campus: campus.to_owned(),
            allocation: allocation.to_owned(),
        };
        assert_eq!(around("203.0.113.7"), v4("203.0.112.0/20", "203.0.0.0/16"));
        assert_eq!(around("2002:cb00:7107::1"), around("203.0.113.7"));
        // 10.0.113.7
        assert_eq!(around("2002:a00:7107::1"), v4("2002:a00:7000::/36", "2002:a00::/32"));
        let [site, campus, provider, allocation] =
            ["2001:db8:1203::/56", "2001:db8:1203::/48", "2001:db8:1200::/40", "2001:db8::/32"]
                .map(str::to_owned);
        assert_eq!(around("2001:db8:1203::7"), Around::V6 { site, campus, provider, allocation });
        assert_eq!(ClientIp::unknown().around(), None);
    }
}
