//! Forwarding headers, read from the right.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::network::{Network, NetworkError};
use super::translated;

/// The proxies whose word about their peer you trust: your own load balancers and your CDN.
///
/// ```
/// use otpgate::access::TrustedProxies;
///
/// let proxies = TrustedProxies::parse(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"])?;
/// assert!(proxies.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(TrustedProxies::parse(["0.0.0.0/0"]).is_err(), "that would trust the attacker");
/// # Ok::<(), otpgate::access::TrustedProxiesError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// No proxy: every peer is the client itself.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The proxies in these networks.
    ///
    /// # Errors
    ///
    /// [`TrustedProxiesError`], which names the entry.
    pub fn parse<'a>(
        networks: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TrustedProxiesError> {
        networks.into_iter().map(trusted).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is one of the proxies.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// A list of proxies that cannot be trusted.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedProxiesError {
    /// An entry is not a network.
    #[error("trusted proxy {entry:?} is not a network; write an address or 10.0.0.0/8")]
    NotANetwork {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        source: NetworkError,
    },
    /// An entry is wider than any network that one operator's proxies stand in.
    #[error(
        "trusted proxy {entry:?} is wider than /8 (IPv4) or /7 (IPv6), so clients would be in it; list the proxies' own networks"
    )]
    TooWide {
        /// The entry.
        entry: String,
    },
}

/// The header in which the host's proxies name their peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses, the nearest last.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the `for` of each element.
    Forwarded,
}

impl ProxyHeader {
    /// The address that an element of the header names, if it does.
    fn read(self, element: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => forwarded_for(element),
            Self::Forwarded => forwarded(element),
        }
    }
}

/// A forwarding header from a trusted proxy that does not tell who the client is. Nothing in it was
/// believed; what stands further to the left, the client may have written itself.
///
/// ```
/// use otpgate::access::{ClientIp, ForwardedError, ProxyHeader, TrustedProxies};
///
/// let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
/// let read = |lines: &[&'static str]| {
///     let peer = "10.0.0.2".parse().unwrap();
///     ClientIp::behind(peer, ProxyHeader::XForwardedFor, lines.iter().copied(), &proxies)
/// };
/// assert_eq!(read(&[]), Err(ForwardedError::Missing));
/// assert_eq!(read(&["10.0.0.3, 10.0.0.4"]), Err(ForwardedError::OnlyProxies));
/// assert_eq!(
///     read(&["203.0.113.7, _hidden, 10.0.0.3"]),
///     Err(ForwardedError::NotAnAddress { from_right: 2 }),
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardedError {
    /// There is no header, or nothing in it.
    #[error("the trusted proxy sent no address of its peer; let it append one to the header")]
    Missing,
    /// An element is no address, and all to the right of it are trusted proxies.
    #[error(
        "element {from_right} from the right is no address; let each proxy append its peer's plain \
         address, and pass the values of all lines of the header"
    )]
    NotAnAddress {
        /// Which, 1 being the last one.
        from_right: usize,
    },
    /// Every element is a trusted proxy.
    #[error(
        "the header names nobody but trusted proxies; list the proxies' own networks only, not those \
         that clients are in"
    )]
    OnlyProxies,
    /// More hops than any chain of one operator's proxies has.
    #[error(
        "the header has more than {MAX_HOPS} trusted hops; see that the proxies do not forward in a circle"
    )]
    TooLong,
}

/// The right-most address of `lines` that is no trusted proxy.
pub(super) fn right_most_untrusted<'a, L>(
    lines: L,
    proxies: &TrustedProxies,
    header: ProxyHeader,
) -> Result<IpAddr, ForwardedError>
where
    L: IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
{
    let elements = lines
        .into_iter()
        .rev()
        .flat_map(|line| from_right(line, b','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty());
    let mut last = ForwardedError::Missing;
    for (from_right, element) in (1..).zip(elements) {
        if from_right > MAX_HOPS {
            return Err(ForwardedError::TooLong);
        }
        let address = header.read(element).ok_or(ForwardedError::NotAnAddress { from_right })?;
        if !proxies.contains(address) {
            return Ok(translated::client(address));
        }
        last = ForwardedError::OnlyProxies;
    }
    Err(last)
}

/// The parts of `text` between separators, from the right. A separator in a quoted string is part of
/// it: a proxy may quote the `Host` that the client asked for (RFC 7239 §5.3), with commas and
/// semicolons in it.
///
/// Read from the right, a quote that the client left open swallows only what the client wrote: what
/// the trusted proxy appended stands behind it, and is well-formed.
fn from_right(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let Some(at) = last_unquoted(all.as_bytes(), separator) else { return rest.take() };
        rest = all.get(..at);
        all.get(at.saturating_add(1)..)
    })
}

fn last_unquoted(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate().rev() {
        match *byte {
            b'"' if quoted => {
                // An odd number of backslashes in front escapes it: the string goes on.
                let before = text.get(..at).unwrap_or_default();
                let slashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
                quoted = !slashes.is_multiple_of(2);
            }
            b'"' => quoted = true,
            byte if byte == separator && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// An element of `X-Forwarded-For`: an address, with a port from some load balancers.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    if element.len() > MAX_NODE {
        return None;
    }
    if let Some(inner) = element.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let address = element.parse().ok();
    address.or_else(|| element.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

/// An element of `Forwarded` (RFC 7239 §4): its one `for` parameter.
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut nodes = from_right(element, b';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim_matches([' ', '\t']).eq_ignore_ascii_case("for").then_some(value)
    });
    let (node, second) = (nodes.next()?, nodes.next());
    if second.is_some() {
        return None;
    }
    let node = node.trim_matches([' ', '\t']);
    let unquoted = node.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let node = unquoted.unwrap_or(node);
    // A proxy may hide the port and still name the address (§6.3).
    match node.rsplit_once(':') {
        Some((name, port))
            if is_obfuscated(port) && (name.starts_with('[') || !name.contains(':')) =>
        {
            forwarded_for(name)
        }
        _ => forwarded_for(node),
    }
}

/// Whether `port` is an obfuscated one: an underscore and letters, digits, `.`, `_` or `-`.
fn is_obfuscated(port: &str) -> bool {
    port.strip_prefix('_').is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

/// No chain of one operator's proxies is longer; a longer one is not followed.
const MAX_HOPS: usize = 32;

/// The longest address with brackets and port: `[xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255]:65535`.
const MAX_NODE: usize = 54;

fn trusted(entry: &str) -> Result<Network, TrustedProxiesError> {
    let network: Network = entry
        .trim()
        .parse()
        .map_err(|source| TrustedProxiesError::NotANetwork { entry: entry.to_owned(), source })?;
    let widest = if network.is_v4() { 8 } else { 7 };
    if network.length() < widest {
        return Err(TrustedProxiesError::TooWide { entry: entry.to_owned() });
    }
    Ok(network)
}

crate::base::sentence::debug_as_sentence!(TrustedProxiesError, ForwardedError);

#[cfg(test)]
mod tests {
    use super::ProxyHeader::{Forwarded, XForwardedFor};
    use super::*;

    fn client(lines: &[&str], header: ProxyHeader) -> Option<String> {
        let proxies = TrustedProxies::parse(["10.0.0.0/8", "2001:db8:1::/48"]).unwrap();
        right_most_untrusted(lines.iter().copied(), &proxies, header).ok().map(|ip| ip.to_string())
    }

    #[test]
    fn each_way_to_be_broken_has_its_own_error() {
        use ForwardedError::*;
        let why = |lines: &[&str]| {
            let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
            right_most_untrusted(lines.iter().copied(), &proxies, XForwardedFor).unwrap_err()
        };
        assert_eq!(why(&[]), Missing);
        assert_eq!(why(&["", " , "]), Missing);
        assert_eq!(why(&["203.0.113.7, unknown, 10.0.0.3"]), NotAnAddress { from_right: 2 });
        assert_eq!(why(&["10.0.0.1", "10.0.0.2"]), OnlyProxies);
        assert_eq!(why(&[&"10.0.0.1,".repeat(33)]), TooLong);
        assert!(why(&["x"]).to_string().starts_with("element 1 from the right is no address"));
    }

    fn xff(lines: &[&str]) -> Option<String> {
        client(lines, XForwardedFor)
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(xff(&["1.1.1.1, 203.0.113.7, 10.0.0.3"]), some("203.0.113.7"));
        assert_eq!(
            xff(&["1.1.1.1", "203.0.113.7", "10.0.0.3 ,, 2001:db8:1::9"]),
            some("203.0.113.7")
        );
        assert_eq!(xff(&["203.0.113.7:4711"]), some("203.0.113.7"));
        assert_eq!(xff(&["[2001:db8::7]:4711"]), some("2001:db8::7"));
        assert_eq!(xff(&["[2001:db8::7]"]), some("2001:db8::7"));
        assert_eq!(xff(&["::ffff:203.0.113.7"]), some("203.0.113.7"));
        assert_eq!(xff(&["203.0.113.7, ::ffff:10.0.0.3"]), some("203.0.113.7"));
    }

    #[test]
    fn a_broken_chain_is_unknown_and_not_what_stands_before_it() {
        for broken in
            ["unknown", "_hidden", "fe80::1%eth0", "[10.0.0.1]", "256.1.1.1", "1.1.1.1;", "\"", "é"]
        {
            assert_eq!(xff(&[&format!("203.0.113.7, {broken}, 10.0.0.3")]), None, "{broken}");
        }
        assert_eq!(xff(&[]), None);
        assert_eq!(xff(&["", " , ,"]), None);
        assert_eq!(xff(&["10.0.0.1, 10.0.0.2"]), None);
        assert_eq!(xff(&[&"10.0.0.1,".repeat(40)]), None);
        assert_eq!(xff(&[&format!("203.0.113.7,{}10.0.0.1", "10.0.0.1,".repeat(40))]), None);
        assert_eq!(xff(&[&"9".repeat(1_000_000)]), None);
    }

    #[test]
    fn forwarded_is_read_by_its_one_for() {
        let fwd = |line: &str| client(&[line], Forwarded);
        assert_eq!(fwd("for=192.0.2.60;proto=http;by=203.0.113.43").as_deref(), Some("192.0.2.60"));
        assert_eq!(fwd(r#"For="[2001:db8:cafe::17]:4711""#).as_deref(), Some("2001:db8:cafe::17"));
        assert_eq!(fwd("for=192.0.2.43, for=198.51.100.17").as_deref(), Some("198.51.100.17"));
        assert_eq!(
            fwd("by=203.0.113.43; FOR = 192.0.2.1 , for=10.0.0.1").as_deref(),
            Some("192.0.2.1")
        );
        // The port may be obfuscated (RFC 7239 §6.3), the address not.
        assert_eq!(fwd(r#"for="203.0.113.7:_abc""#).as_deref(), Some("203.0.113.7"));
        assert_eq!(fwd(r#"for="[2001:db8::17]:_Port-1.x""#).as_deref(), Some("2001:db8::17"));
        for broken in [
            r#"for="203.0.113.7:_""#,
            r#"for="203.0.113.7:abc""#,
            r#"for="203.0.113.7:_a b""#,
            r#"for="203.0.113.7:80:_abc""#,
            r#"for="2001:db8::17:_abc""#,
            r#"for="_hidden:_abc""#,
            r#"for="unknown:_abc""#,
            r#"for=":_abc""#,
        ] {
            assert_eq!(fwd(broken), None, "{broken}");
        }
        assert_eq!(xff(&["203.0.113.7:_abc"]), None, "another header, another grammar");
        assert_eq!(fwd("for=unknown"), None);
        assert_eq!(fwd(r#"for="_gazonk""#), None);
        assert_eq!(fwd("for=192.0.2.43;for=198.51.100.17"), None);
        assert_eq!(fwd("proto=http"), None);
        assert_eq!(fwd(r#"for=""#), None);
    }

    #[test]
    fn networks_that_hold_clients_are_not_trusted() {
        for wide in ["0.0.0.0/0", "::/0", "128.0.0.0/1", "10.0.0.0/7", "2000::/3", "::ffff:0:0/96"]
        {
            let refused = TrustedProxies::parse([wide]);
            assert!(matches!(refused, Err(TrustedProxiesError::TooWide { .. })), "{wide}");
        }
        assert!(TrustedProxies::parse(["fc00::/7", "10.0.0.0/8"]).is_ok());
        let refused = TrustedProxies::parse(["10.0.0.0/8", "proxy.internal"]);
        assert!(refused.unwrap_err().to_string().contains("proxy.internal"));
    }
}
