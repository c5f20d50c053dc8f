//! Networks above the site: a provider's whole allocation has little more than one of its customers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use otpgate::policy::{Evidence, QuotaPolicy};
use otpgate::{ClientContext, Policy, Sent};

use crate::street::{Street, Who, from, v6};
use crate::support::{days, hours};

/// The default ladder, a five-hundredth of it: what nobody verifies never drains here.
fn small(quotas: &mut QuotaPolicy) {
    let at_most = |hard| Some(Evidence { soft: hard, hard, drain: Duration::from_secs(1 << 20) });
    quotas.network_unverified = at_most(6);
    quotas.campus_unverified = at_most(8);
    quotas.provider_unverified = at_most(10);
    quotas.allocation_unverified = at_most(12);
    quotas.customers_unverified = at_most(48);
}

/// What `requests` requests from networks that `pick` names get, all step-ups done.
async fn texts(street: &Street, requests: u32, pick: impl Fn(u32) -> u32) -> u32 {
    let mut sent = 0;
    for n in 0..requests {
        let answer = street.insist(from(n, v6(pick(n)))).await;
        sent += u32::from(matches!(answer, Sent::Issued(_)));
    }
    sent
}

/// A well-mixed `n`.
fn anywhere(n: u32) -> u32 {
    (n ^ n << 9).wrapping_mul(0x9e37_79b9)
}

#[tokio::test]
async fn a_ladder_of_networks_grows_slower_than_what_is_inside() {
    type Pick = fn(u32) -> u32;
    let within: [(u32, Pick); 4] = [
        (6, |n| n % 256),
        (8, |n| anywhere(n) & 0xffff),
        (10, |n| anywhere(n) & 0xff_ffff),
        (12, anywhere),
    ];
    for (most, pick) in within {
        let street = Street::new(small).await;
        assert_eq!(texts(&street, 120, pick).await, most, "of a network that may send {most}");
    }
}

/// The whole of it by the default policy, in a day: by arithmetic, since the limits are exact.
#[test]
fn by_default_an_allocation_gets_twice_a_site() {
    let quotas = Policy::default().quotas;
    let a_day = |evidence: Option<Evidence>| {
        let Evidence { hard, drain, .. } = evidence.unwrap();
        (hard + 86_400 / drain.as_secs()) as f64
    };
    let ladder = [
        a_day(quotas.network_unverified),
        a_day(quotas.campus_unverified),
        a_day(quotas.provider_unverified),
        a_day(quotas.allocation_unverified),
    ];
    for rungs in ladder.windows(2) {
        let growth = rungs[1] / rungs[0];
        assert!((1.0..1.3).contains(&growth), "{growth} for 256 times the networks: {ladder:?}");
    }
    assert!(ladder[3] <= 2.0 * ladder[0], "{ladder:?}");
    assert!(a_day(quotas.customers_unverified) <= 4.5 * ladder[0]);
}

/// A day after some sixteen people entered their codes a network counts as one with customers, and
/// only that network: the rest of the allocation is as strange as before.
#[tokio::test]
async fn customers_lift_the_limits_of_their_own_networks_up_to_a_bound() {
    let street = Street::new(small).await;
    for n in 1_000..1_100 {
        let ask = from(n, v6(anywhere(n) & 0xffff));
        let Who::Page(who) = &ask.who else { panic!("a page") };
        let who = who.clone();
        let Sent::Issued(issued) = street.send(ask).await else { panic!("{n}") };
        let code = street.house.last_code();
        assert!(street.house.accepts_from(issued.grant(), &code, &who).await);
    }
    assert_eq!(texts(&street, 20, |n| anywhere(n) & 0xffff).await, 8, "not on the same day");
    street.house.clock.advance(days(20) + hours(1));
    let elsewhere = texts(&street, 60, |n| anywhere(n) & 0xffff | 0x55_0000).await;
    assert_eq!(elsewhere, 8, "another /48 of the same /40 has no customers");
    let sent = texts(&street, 120, |n| anywhere(n) & 0xffff).await;
    assert!(
        (30..=48).contains(&sent),
        "{sent}: up to what the allocation may send, whoever it has"
    );
}

/// Tried: one network in every form of its addresses. `most` is what it may send in plain IPv4.
#[tokio::test]
async fn the_forms_of_an_address_are_one_network() {
    let form = |n: u32| -> std::net::IpAddr {
        let (v4, host) = (0xcb00_7100 | (n * 7 % 64), u128::from(n));
        let v6 = match n % 5 {
            0 => return std::net::Ipv4Addr::from_bits(v4).into(),
            1 => 0xffff_u128 << 32 | u128::from(v4),
            2 => 0x64_ff9b_u128 << 96 | u128::from(v4),
            3 => 0x2002_u128 << 112 | u128::from(v4) << 80 | host << 64 | host,
            // Two forms in one: 6to4 whose subnet and host change, with the same IPv4 address.
            _ => 0x2002_u128 << 112 | u128::from(v4) << 80 | (host * 977) << 64 | 1,
        };
        std::net::Ipv6Addr::from_bits(v6).into()
    };
    let street = Street::new(small).await;
    let mut by_form = [0_i32; 5];
    for n in 0..320 {
        let sent = matches!(street.insist(from(n, form(n))).await, Sent::Issued(_));
        by_form[n as usize % 5] += i32::from(sent);
    }
    assert_eq!(by_form.iter().sum::<i32>(), 6, "{by_form:?}");
}

/// Tried: 64 sessions all over one network, each of them used again from ever other networks inside it, every
/// text repeated as often as the gate lets it. `most` is what the network may send.
#[tokio::test]
async fn sessions_do_not_multiply_the_ladder() {
    type Pick = fn(u32) -> IpAddr;
    let within: [(&str, u32, Pick); 7] = [
        ("/56", 6, |n| v6(n % 256).into()),
        ("/48", 8, |n| v6(anywhere(n) & 0xffff).into()),
        ("/40", 10, |n| v6(anywhere(n) & 0xff_ffff).into()),
        ("/32", 12, |n| v6(anywhere(n)).into()),
        ("/24", 6, |n| Ipv4Addr::from_bits(0xcb00_7100 | (n % 256)).into()),
        ("/20", 8, |n| Ipv4Addr::from_bits(0xcb00_7000 | anywhere(n) & 0xfff).into()),
        ("/16", 12, |n| Ipv4Addr::from_bits(0xcb00_0000 | anywhere(n) & 0xffff).into()),
    ];
    for (network, most, pick) in within {
        let street = Street::new(small).await;
        let before = street.house.texts();
        let who =
            |n: u32, at: u32| ClientContext::from_peer(pick(at), format!("session-{}", n % 64));
        let mut open = Vec::new();
        for n in 0..192 {
            let mut ask = from(n, pick(n));
            ask.who = Who::Page(who(n, n));
            let sent = street.insist(ask).await;
            if let Sent::Issued(issued) = sent {
                open.push((n, issued.into_grant()));
            }
        }
        assert_eq!(open.len(), most as usize, "first texts of a {network}");
        for round in 1..6 {
            street.house.clock.advance(hours(1) / 60);
            for (n, grant) in &open {
                let _ =
                    street.house.gate.resend(grant, &who(*n, n * 7 + round * 64)).await.unwrap();
            }
        }
        let texts = street.house.texts() - before;
        assert_eq!(texts, 2 * most as usize, "each text of a {network} once more, and no further");
    }
}
