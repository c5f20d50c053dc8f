//! A list of networks that somebody else publishes: refused with the numbers of its bad lines, or read so
//! that every address has exactly the kinds of the lines it lies in, however the text is cut into reads.
#![no_main]

use std::io::BufReader;
use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use otpgate::ClientIp;
use otpgate::access::{AnonymiserKind, AnonymiserList, AnonymiserListError, Network};

fuzz_target!(|text: &[u8]| {
    let read =
        |most| AnonymiserList::read(BufReader::with_capacity(most, text), AnonymiserKind::Tor);
    let list = match (read(8_192), read(3)) {
        (Ok(list), Ok(other)) => {
            assert_eq!(format!("{list:?}"), format!("{other:?}"));
            list
        }
        (Err(error), Err(other)) => return refused(text, &error, &other),
        differ => panic!("{differ:?}"),
    };
    let lines = entries(text);
    assert_eq!(list.lines(), lines.len() as u64);
    for client in lines.iter().flat_map(|(network, _)| around(network)).map(ClientIp::from_peer) {
        let address = client.expose_ip().unwrap();
        let kinds = list.kinds(&client);
        for kind in AnonymiserKind::ALL {
            let named = lines.iter().any(|(network, of)| *of == kind && network.contains(address));
            assert_eq!(kinds.contains(kind), named, "{client:?} {kind}");
        }
    }
});

/// At least one line is named, none twice, and none that is not there.
fn refused(text: &[u8], error: &AnonymiserListError, other: &AnonymiserListError) {
    assert_eq!(error.to_string(), other.to_string());
    let AnonymiserListError::Lines { bad, total } = error else { panic!("{error}") };
    let all = text.split(|byte| *byte == b'\n').count() as u64;
    assert!(!bad.is_empty() && bad.len() as u64 <= *total && *total <= all);
    assert!(bad.is_sorted_by(|one, next| one.line < next.line));
    assert!(bad.iter().all(|bad| (1..=all).contains(&bad.line)));
}

/// What a list that was read says, line by line.
fn entries(text: &[u8]) -> Vec<(Network, AnonymiserKind)> {
    let text = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
    let entry = |line: &[u8]| {
        let said = line.split(|byte| matches!(byte, b'#' | b';')).next()?;
        let mut words = std::str::from_utf8(said).unwrap().split_ascii_whitespace();
        let network = known_by(words.next()?.parse().unwrap());
        let kind = words.next().map_or(AnonymiserKind::Tor, |kind| kind.parse().unwrap());
        assert_eq!(words.next(), None);
        Some((network, kind))
    };
    text.split(|byte| *byte == b'\n').filter_map(entry).collect()
}

/// The network of IPv4 that the clients of `network` are known by, if they come through a translator.
fn known_by(network: Network) -> Network {
    let client = ClientIp::from_peer(network.address());
    match (client.expose_ip(), network.length().checked_sub(96)) {
        (Some(IpAddr::V4(v4)), Some(length)) if network.address().is_ipv6() => {
            Network::new(v4.into(), length).unwrap()
        }
        _ => network,
    }
}

/// The ends of `network` and what lies beside them.
fn around(network: &Network) -> [IpAddr; 4] {
    match network.address() {
        IpAddr::V4(first) => {
            let first = first.to_bits();
            let last = first | u32::MAX.checked_shr(network.length().into()).unwrap_or(0);
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                .map(|bits| IpAddr::V4(bits.into()))
        }
        IpAddr::V6(first) => {
            let first = first.to_bits();
            let last = first | u128::MAX.checked_shr(network.length().into()).unwrap_or(0);
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                .map(|bits| IpAddr::V6(bits.into()))
        }
    }
}
