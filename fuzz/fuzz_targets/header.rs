//! Forwarding headers: whatever a client writes before it, the proxy's own entry is the client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::ClientIp;
use otpgate::access::{Network, ProxyHeader, TrustedProxies};

fuzz_target!(|input: (&str, &str, bool)| {
    let (forged, list, own_line) = input;
    let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
    let peer = [10, 0, 0, 2].into();
    let client = Some([203, 0, 113, 7].into());
    let joined = format!("{forged}, 203.0.113.7");
    let lines = if own_line { vec![forged, "203.0.113.7"] } else { vec![joined.as_str()] };
    assert_eq!(
        ClientIp::behind(peer, ProxyHeader::XForwardedFor, lines, &proxies)
            .unwrap_or_default()
            .expose_ip(),
        client,
        "{forged:?}"
    );
    let joined = format!("{forged}, for=203.0.113.7");
    let lines = if own_line { vec![forged, "for=203.0.113.7"] } else { vec![joined.as_str()] };
    assert_eq!(
        ClientIp::behind(peer, ProxyHeader::Forwarded, lines, &proxies)
            .unwrap_or_default()
            .expose_ip(),
        client,
        "{forged:?}"
    );
    // A proxy that hides the port names the address all the same.
    let hidden =
        format!(r#"{forged}, for="203.0.113.7:_{}""#, if own_line { "p1" } else { "a-b.c_" });
    assert_eq!(
        ClientIp::behind(peer, ProxyHeader::Forwarded, [hidden.as_str()], &proxies)
            .unwrap_or_default()
            .expose_ip(),
        client
    );
    // A peer that is no proxy is the client.
    let stranger = [192, 0, 2, 9].into();
    let seen = ClientIp::behind(stranger, ProxyHeader::XForwardedFor, [forged], &proxies)
        .unwrap_or_default()
        .expose_ip();
    assert_eq!(seen, Some(stranger));
    let _ = TrustedProxies::parse([list]);
    if let Ok(network) = list.parse::<Network>() {
        assert!(network.contains(network.address()));
        if let Some(v4) = network.embedded_ipv4(network.address()) {
            assert!([32, 40, 48, 56, 64, 96].contains(&network.length()), "{network} {v4}");
        }
        assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
    }
});
