//! Tried: an address inside a value that the proxy copies from the request into `Forwarded`.
//!
//! `Forwarded` may carry the `Host` that was asked for (RFC 7239 §5.3), quoted, because a host may
//! have commas, semicolons and equals signs in it (RFC 3986 §3.2.2).

use otpgate::ClientIp;
use otpgate::access::ProxyHeader;

use crate::a08_ip_forgery::{CLIENT, LIMIT, PROXY, ip, proxies, texts};

/// What a proxy writes that escapes as the RFC says, for a `Host` of the client's choice.
fn written_for(host: &str) -> [String; 2] {
    let host = host.replace('\\', "\\\\").replace('"', "\\\"");
    [
        format!("for={CLIENT};proto=https;host=\"{host}\""),
        format!("by=10.0.0.2; host=\"{host}\"; for=\"{CLIENT}:4711\""),
    ]
}

fn client_of(line: &str) -> ClientIp {
    ClientIp::behind(ip(PROXY), ProxyHeader::Forwarded, [line], &proxies()).unwrap_or_default()
}

#[test]
fn a_host_in_quotes_names_no_client() {
    let honest = ClientIp::from_peer(ip(CLIENT));
    for host in [
        "shop.example",
        "a,for=198.51.100.1",
        "a,for=198.51.100.1;x=",
        "a, for=198.51.100.1, for=10.0.0.9;x=",
        "a;for=198.51.100.1",
        "a;for=",
        ",",
        ";",
        "\"",
        "\\",
        "\",for=198.51.100.1;x=\"",
        "\\\",for=198.51.100.1;x=\"\\",
        "a,for=\"198.51.100.1",
        "\",for=\"198.51.100.1",
    ] {
        for line in written_for(host) {
            assert_eq!(client_of(&line), honest, "{line}");
            let after = format!("for=\"198.51.100.9, {line}, for=10.0.0.3");
            assert_eq!(client_of(&after), honest, "{after}");
        }
    }
}

#[tokio::test]
async fn a_rotating_host_gains_nothing() {
    for which in [0, 1] {
        for hop in ["", ","] {
            let forged = |index: u64| {
                let host = format!("a{hop};for=198.51.100.{};x=", index % 250);
                client_of(&written_for(&host)[which])
            };
            assert_eq!(texts(forged).await, LIMIT);
        }
    }
}
