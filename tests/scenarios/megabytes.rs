//! Tried: a mebibyte of what is worst for each reader, in every place that a client's text reaches.

use std::time::{Duration, Instant};

use otpgate::access::{Network, ProxyHeader};
use otpgate::otp::{CodeFormat, SubmittedCode};
use otpgate::{Cleared, ClientIp, Entry, EntryGrant, Purpose, Recipient, Region, Sent, Verified};

use crate::a08_ip_forgery::{PROXY, ip, proxies};
use crate::support::{ALICE, House, in_session, recipient, small};

const MEBIBYTE: usize = 1 << 20;

/// What takes square time needs hours for a mebibyte; a busy machine needs no such bound for the rest.
const SLOW: Duration = Duration::from_secs(20);

const WORST: [&str; 22] = [
    "1",
    "0",
    "A",
    "_",
    "=",
    "==",
    ",",
    ";",
    "\"",
    "\\",
    "\\\"",
    ",\"",
    "\";for=",
    "for=10.0.0.1,",
    "[",
    ":",
    "\u{200b}",
    "é",
    "+",
    "123456 ",
    "𝟏",
    "\u{fe0f}\u{20e3}",
];

#[tokio::test]
async fn no_reader_takes_more_than_linear_time_or_panics() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    for unit in WORST {
        let begun = Instant::now();
        let long = unit.repeat(MEBIBYTE / unit.len());
        let me = &house.client;
        assert!(SubmittedCode::parse(&long, &CodeFormat::default()).is_err(), "{unit:?}");
        for home in [None, Some(Region::DE), Some(Region::BR)] {
            assert!(Recipient::parse(&long, home).is_err(), "{unit:?}");
        }
        assert!(long.parse::<Network>().is_err(), "{unit:?}");
        for line in [long.clone(), format!("{long}, for=203.0.113.7"), format!("for=\"{long}\"")] {
            let _ =
                ClientIp::behind(ip(PROXY), ProxyHeader::Forwarded, [line.as_str()], &proxies())
                    .unwrap_or_default();
            let _ = ClientIp::behind(
                ip(PROXY),
                ProxyHeader::XForwardedFor,
                [line.as_str()],
                &proxies(),
            )
            .unwrap_or_default();
        }
        assert!(matches!(
            house.gate.clear(&long, &recipient(ALICE), &Purpose::SIGN_UP, me).await.unwrap(),
            Cleared::Refused(_)
        ));
        let peer = "10.1.2.3".parse().unwrap();
        let signed = house.gate.authorise(
            &long,
            &recipient(ALICE),
            &Purpose::SIGN_UP,
            &otpgate::access::ClientIp::from_peer(peer),
        );
        assert!(matches!(signed.unwrap(), Cleared::Refused(_)));
        let made_up = EntryGrant::from_client(long.clone());
        let verified = house.gate.verify(&made_up, &long, me).await.unwrap();
        assert!(matches!(verified, Verified::Rejected(_)));
        assert!(matches!(house.gate.entry(&made_up, me).await.unwrap(), Entry::Closed(_)));
        assert!(matches!(house.gate.resend(&made_up, me).await.unwrap(), Sent::Refused(_)));
        let wide = in_session(1, &long)
            .user(long.clone())
            .device_proof(long.clone())
            .human_response(long.clone());
        assert!(!house.accepts_from(&grant, &code, &wide).await);
        let _ = house.try_send(ALICE, &wide).await;
        assert!(begun.elapsed() < SLOW, "{unit:?}: {:?}", begun.elapsed());
    }
    assert!(house.accepts(&grant, &code).await, "the grant is as good as before");
}
