//! [`ClientSource`]: where a request says who sent it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use ::http::{HeaderMap, HeaderName};

use crate::access::{ClientIp, ForwardedError, ProxyHeader, TrustedProxies};

/// Where the client's address is read. The peer is that of the connection; a forwarding header is believed
/// only if a trusted proxy sent it, and only what the proxies appended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum ClientSource {
    /// The host faces the network itself: the peer is the client, whatever headers say.
    #[default]
    Peer,
    /// Behind proxies that append their peer to `X-Forwarded-For`.
    XForwardedFor(TrustedProxies),
    /// Behind proxies that write `Forwarded` (RFC 7239).
    Forwarded(TrustedProxies),
}

impl ClientSource {
    /// The client's address, or why nobody names it. A peer that is not known is no trusted proxy.
    pub(super) fn client(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
    ) -> Result<ClientIp, Nameless> {
        const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
        let Some(peer) = peer else { return Err(Nameless::Peer) };
        let (name, header, proxies) = match self {
            Self::Peer => return Ok(ClientIp::from_peer(peer)),
            Self::XForwardedFor(proxies) => (&X_FORWARDED_FOR, ProxyHeader::XForwardedFor, proxies),
            Self::Forwarded(proxies) => (&FORWARDED, ProxyHeader::Forwarded, proxies),
        };
        let lines = lines(headers, name);
        let lines = lines.iter().map(|line| &**line);
        ClientIp::behind(peer, header, lines, proxies).map_err(Nameless::Header)
    }
}

/// Why the address of a client is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Nameless {
    /// The server does not say who is connected.
    Peer,
    /// The trusted proxy does not.
    Header(ForwardedError),
}

impl fmt::Display for Nameless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str(
                "the server named no peer; serve the router with \
                 `into_make_service_with_connect_info::<SocketAddr>()`, or hand the endpoints the address of \
                 the connection",
            ),
            Self::Header(error) => error.fmt(f),
        }
    }
}

/// All lines of a header. A proxy appends to the line that the client wrote, so a byte that is no
/// text spoils the element it stands in, which names no address, and nothing beside it.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<Cow<'a, str>> {
    headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "198.51.100.1".parse().unwrap());
        headers.append("x-forwarded-for", "203.0.113.7".parse().unwrap());
        headers.append("forwarded", "for=198.51.100.9".parse().unwrap());
        let source = ClientSource::XForwardedFor(proxies.clone());
        let [proxy, other]: [IpAddr; 2] =
            ["10.0.0.2", "192.0.2.9"].map(|text| text.parse().unwrap());
        let client = |source: &ClientSource, peer| source.client(peer, &headers);
        let is = |address: &str| Ok(ClientIp::from_peer(address.parse().unwrap()));
        assert_eq!(client(&source, Some(proxy)), is("203.0.113.7"));
        assert_eq!(client(&source, Some(other)), is("192.0.2.9"));
        assert_eq!(client(&source, None), Err(Nameless::Peer));
        assert_eq!(client(&ClientSource::Peer, Some(proxy)), is("10.0.0.2"));
        let forwarded = ClientSource::Forwarded(proxies);
        assert_eq!(client(&forwarded, Some(proxy)), is("198.51.100.9"));

        headers.append("x-forwarded-for", HeaderValue::from_bytes(b"\xff").unwrap());
        let error = ForwardedError::NotAnAddress { from_right: 1 };
        assert_eq!(source.client(Some(proxy), &headers), Err(Nameless::Header(error)));
    }

    /// What the proxy appends stands on the client's own line, if it appends in place.
    #[test]
    fn a_bad_byte_spoils_its_own_element_only() {
        let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
        let source = ClientSource::XForwardedFor(proxies);
        let client = |line: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
            source.client(Some("10.0.0.2".parse().unwrap()), &headers)
        };
        let known = Ok(ClientIp::from_peer("203.0.113.7".parse().unwrap()));
        for before in
            [&b"\xe9"[..], b"\xc3", b"\xc3\xa9", b"\xf0\x9f", b"\xff\xfe", b"198.51.100.1\xe9"]
        {
            assert_eq!(client(&[before, b", 203.0.113.7"].concat()), known, "{before:?}");
            assert_eq!(client(&[before, b",203.0.113.7, 10.0.0.3"].concat()), known, "{before:?}");
            let after = [b"203.0.113.7, ", before, b", 10.0.0.3"].concat();
            assert!(client(&after).is_err(), "{before:?}");
        }
    }
}
