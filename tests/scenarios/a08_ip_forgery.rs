//! A8: addresses that the client makes up.

use std::net::{IpAddr, Ipv6Addr};

use otpgate::access::{ProxyHeader, TrustedProxies};
use otpgate::policy::Quota;
use otpgate::{ClientContext, ClientIp};

use crate::support::{House, german};

pub(crate) const PROXY: &str = "10.0.0.2";
pub(crate) const CLIENT: &str = "203.0.113.9";
const TRIES: u64 = 40;
pub(crate) const LIMIT: usize = 10;

/// How many of 40 texts, to 40 numbers from 40 sessions, go out if the address limit is 10 an hour.
pub(crate) async fn texts(ip: impl Fn(u64) -> ClientIp) -> usize {
    let house = House::ruled(|policy| {
        policy.quotas.client = vec![Quota::hourly(LIMIT as u64)];
        policy.quotas.client_unknown = vec![Quota::hourly(LIMIT as u64)];
    });
    for index in 0..TRIES {
        let who = ClientContext::new(ip(index), format!("session-{index}"));
        let _ = house.try_send(&german(index), &who).await;
    }
    house.texts()
}

pub(crate) fn proxies() -> TrustedProxies {
    TrustedProxies::parse(["10.0.0.0/8"]).unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn made_up(index: u64) -> String {
    format!("198.51.100.{}", index % 250)
}

#[tokio::test]
async fn the_limit_holds_for_an_honest_client() {
    assert_eq!(texts(|_| ClientIp::from_peer(ip(CLIENT))).await, LIMIT);
}

#[tokio::test]
async fn a_rotating_forwarded_for_gains_nothing() {
    let forged = |index| {
        let line = format!("{}, {CLIENT}", made_up(index));
        ClientIp::behind(ip(PROXY), ProxyHeader::XForwardedFor, [line.as_str()], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(forged).await, LIMIT);
    let in_lines_of_its_own = |index| {
        let line = made_up(index);
        ClientIp::behind(ip(PROXY), ProxyHeader::XForwardedFor, [line.as_str(), CLIENT], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(in_lines_of_its_own).await, LIMIT);
    let as_a_proxy = |index| {
        let line = format!("{}, 10.9.9.9, {CLIENT}", made_up(index));
        ClientIp::behind(ip(PROXY), ProxyHeader::XForwardedFor, [line.as_str()], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(as_a_proxy).await, LIMIT);
}

#[tokio::test]
async fn a_rotating_forwarded_gains_nothing() {
    let forged = |index| {
        let line = format!("for={}, for=\"{CLIENT}:4711\"", made_up(index));
        ClientIp::behind(ip(PROXY), ProxyHeader::Forwarded, [line.as_str()], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(forged).await, LIMIT);
    let quoted = |index| {
        let line = format!("for=\"{}, for={CLIENT}", made_up(index));
        ClientIp::behind(ip(PROXY), ProxyHeader::Forwarded, [line.as_str()], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(quoted).await, LIMIT);
}

#[tokio::test]
async fn headers_of_a_client_without_a_proxy_are_ignored() {
    let forged = |index| {
        let line = made_up(index);
        ClientIp::behind(ip(CLIENT), ProxyHeader::XForwardedFor, [line.as_str()], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(forged).await, LIMIT);
}

#[tokio::test]
async fn mapped_addresses_and_one_slash_64_are_one_client() {
    let mapped = |index| {
        let plain: std::net::Ipv4Addr = CLIENT.parse().unwrap();
        if index % 2 == 0 {
            ClientIp::from_peer(plain.into())
        } else {
            ClientIp::from_peer(plain.to_ipv6_mapped().into())
        }
    };
    assert_eq!(texts(mapped).await, LIMIT);
    let hosts = |index: u64| {
        let host = u128::from(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let net: Ipv6Addr = "2001:db8:1:2::".parse().unwrap();
        ClientIp::from_peer(Ipv6Addr::from_bits(net.to_bits() | host).into())
    };
    assert_eq!(texts(hosts).await, LIMIT);
}

#[tokio::test]
async fn clients_without_an_address_share_one_limit() {
    assert_eq!(texts(|_| ClientIp::unknown()).await, LIMIT);
    let garbage = |index| {
        let line = format!("nonsense-{index}");
        ClientIp::behind(ip(PROXY), ProxyHeader::XForwardedFor, [line.as_str()], &proxies())
            .unwrap_or_default()
    };
    assert_eq!(texts(garbage).await, LIMIT);
}
