//! The list of anonymiser networks against a naive reading of its documentation.

use std::fmt::Write;
use std::io::BufReader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use otpgate::ClientIp;
use otpgate::access::{AnonymiserKind, AnonymiserKinds, AnonymiserList, Anonymisers, Network};
use proptest::prelude::*;

/// Addresses that often lie in each other's networks, and at the ends of the space.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        (0_u32..600).prop_map(|low| Ipv4Addr::from_bits(0xCB00_7000 | low)),
        prop::sample::select(vec![8, 9, 203, 223]).prop_map(|a| Ipv4Addr::new(a, 255, 255, 255)),
        Just(Ipv4Addr::new(255, 255, 255, 255)),
        Just(Ipv4Addr::new(0, 0, 0, 0)),
    ];
    let v6 = prop_oneof![
        (0_u128..600).prop_map(|low| Ipv6Addr::from_bits((0x2001_0db8 << 96) | (low << 60))),
        (0_u128..4).prop_map(|low| Ipv6Addr::from_bits(u128::MAX - low)),
        (0_u128..4).prop_map(Ipv6Addr::from_bits),
    ];
    prop_oneof![v4.prop_map(IpAddr::V4), v6.prop_map(IpAddr::V6)]
}

fn kind() -> impl Strategy<Value = AnonymiserKind> {
    prop::sample::select(AnonymiserKind::ALL.to_vec())
}

fn entries() -> impl Strategy<Value = Vec<(Network, AnonymiserKind)>> {
    let network = (address(), 0_u8..=1, 0_u8..64).prop_map(|(address, whole, cut)| {
        let (least, most) = if address.is_ipv4() { (8, 32) } else { (16, 128) };
        let length = if whole == 1 { most } else { (most - cut.min(most)).max(least) };
        Network::new(address, length).unwrap()
    });
    prop::collection::vec((network, kind()), 0..40)
}

/// A line in one of the spellings of its network.
fn line(network: &Network, spelling: u8) -> String {
    match (network.address(), spelling % 4) {
        (IpAddr::V4(v4), 1) => format!("::ffff:{v4}/{}", network.length() + 96),
        // A translator's prefix carries public addresses only.
        (IpAddr::V4(v4), 2) if v4.octets()[0] == 203 => {
            format!("64:ff9b::{v4}/{}", network.length() + 96)
        }
        (address, 3) if network.length() == if address.is_ipv4() { 32 } else { 128 } => {
            address.to_string()
        }
        _ => network.to_string(),
    }
}

proptest! {
    #[test]
    fn a_list_says_what_its_lines_say(
        entries in entries(),
        spellings in prop::collection::vec(any::<u8>(), 40),
        asked in prop::collection::vec(address(), 1..60),
    ) {
        let mut text = String::from("# a list\r\n\n");
        for ((network, kind), spelling) in entries.iter().zip(&spellings) {
            let line = line(network, *spelling);
            match (kind, spelling % 3) {
                (AnonymiserKind::Proxy, 0) => writeln!(text, "  {line}  # the list's own").unwrap(),
                (kind, 1) => writeln!(text, "{line}\t{kind};comment").unwrap(),
                (kind, _) => writeln!(text, "{line} {}\r", kind.to_string().to_uppercase()).unwrap(),
            }
        }
        let list = AnonymiserList::parse(&text, AnonymiserKind::Proxy).unwrap();
        prop_assert_eq!(list.lines(), entries.len() as u64);
        prop_assert!(list.bytes() <= entries.len() * 34);
        let edges = entries.iter().flat_map(|(network, _)| around(network));
        for address in asked.into_iter().chain(edges) {
            let client = ClientIp::from_peer(address);
            let expected: AnonymiserKinds = entries
                .iter()
                .filter(|(network, _)| network.contains(client.expose_ip().unwrap()))
                .map(|(_, kind)| *kind)
                .collect();
            prop_assert_eq!(list.kinds(&client), expected, "{}", address);
        }
        prop_assert!(list.kinds(&ClientIp::unknown()).is_empty());
    }

    /// No text is a panic, and what is refused is refused by its number.
    #[test]
    fn any_text_is_a_list_or_its_bad_lines(text in prop::collection::vec(any::<u8>(), 0..3_000)) {
        let lines = text.split(|byte| *byte == b'\n').count() as u64;
        match AnonymiserList::read(&text[..], AnonymiserKind::Vpn) {
            Ok(list) => prop_assert!(list.lines() <= lines),
            Err(otpgate::access::AnonymiserListError::Lines { bad, total }) => {
                prop_assert!(total > 0 && total <= lines && !bad.is_empty());
                prop_assert!(bad.is_sorted_by(|one, other| one.line < other.line));
                prop_assert!(bad.iter().all(|bad| (1..=lines).contains(&bad.line)));
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}

/// The first and last address of a network and their neighbours outside.
fn around(network: &Network) -> Vec<IpAddr> {
    match network.address() {
        IpAddr::V4(first) => {
            let first = first.to_bits();
            let last = first | u32::MAX.checked_shr(network.length().into()).unwrap_or(0);
            let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
            all.map(|bits| Ipv4Addr::from_bits(bits).into()).to_vec()
        }
        IpAddr::V6(first) => {
            let first = first.to_bits();
            let last = first | u128::MAX.checked_shr(network.length().into()).unwrap_or(0);
            let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
            all.map(|bits| Ipv6Addr::from_bits(bits).into()).to_vec()
        }
    }
}

/// Two million lines in a stream: the memory is what the documentation says, to the byte.
#[test]
fn millions_of_lines_take_the_memory_that_is_said() {
    const LINES: u32 = 2_000_000;
    let lines = (0..LINES).map(|line| {
        let address =
            Ipv4Addr::from_bits(0x0B00_0000 + line.wrapping_mul(2_654_435_761) % (1 << 27) * 2);
        format!("{address}\n")
    });
    let list =
        AnonymiserList::read(BufReader::new(Stream::new(lines)), AnonymiserKind::Proxy).unwrap();
    assert_eq!(list.lines(), u64::from(LINES));
    assert_eq!(list.bytes(), LINES as usize * 10, "no two lines are neighbours");
}

/// Text that is made while it is read.
struct Stream<I> {
    lines: I,
    left: Vec<u8>,
}

impl<I: Iterator<Item = String>> Stream<I> {
    fn new(lines: I) -> Self {
        Self { lines, left: Vec::new() }
    }
}

impl<I: Iterator<Item = String>> std::io::Read for Stream<I> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            self.left = self.lines.by_ref().take(200).collect::<String>().into_bytes();
        }
        let size = into.len().min(self.left.len());
        into[..size].copy_from_slice(&self.left[..size]);
        self.left.drain(..size);
        Ok(size)
    }
}

/// While lists are exchanged every look-up sees one of them, whole.
#[test]
fn a_look_up_during_an_exchange_sees_one_list() {
    let list = |text: &str| AnonymiserList::parse(text, AnonymiserKind::Tor).unwrap();
    let (one, two) =
        (list("192.0.2.1 tor\n192.0.2.1 vpn"), list("192.0.2.1 proxy\n192.0.2.1 hosting"));
    let kinds =
        |list: &AnonymiserList| list.kinds(&ClientIp::from_peer("192.0.2.1".parse().unwrap()));
    let seen = [kinds(&one), kinds(&two)];
    let (anonymisers, over) = (Anonymisers::new(one.clone()), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (anonymisers, over) = (anonymisers.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                let client = ClientIp::from_peer("192.0.2.1".parse().unwrap());
                while !over.load(Ordering::Relaxed) {
                    assert!(seen.contains(&anonymisers.kinds(&client)));
                }
            })
        })
        .collect();
    for round in 0..2_000 {
        anonymisers.replace(if round % 2 == 0 { two.clone() } else { one.clone() });
    }
    over.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}
