//! What networks and carriers say: receipts, and what kind of line a number is.

use super::solvers::{customers, there};
use super::*;

/// A receipt has its network in its bytes, and no client; what older gates wrote is read as none.
#[test]
fn a_receipt_s_network_travels_where_the_client_would() {
    let s = subject(998_940_000_001, 7);
    for kind in [SightingKind::Delivered, SightingKind::Undelivered] {
        let network = "43404".parse().ok();
        let event = Sighting::of(at(5), kind, &s).in_network(network);
        let read = Sighting::from_bytes(&event.to_bytes()).unwrap();
        assert_eq!(read.network, network);
        assert_eq!(read.subject, Subject { client: ClientNet::unknown(), ..s });
        // As a gate of before wrote it: with the client, which was never known, or whatever stands there.
        for client in [ClientNet::unknown(), s.client, ClientNet::from_bits(u64::MAX)] {
            let sent = Sighting::of(at(5), SightingKind::Sent, &Subject { client, ..s });
            let mut bytes = sent.to_bytes();
            bytes[0] = kind as u8;
            let read = Sighting::from_bytes(&bytes).unwrap();
            assert_eq!((read.kind, read.network, read.subject.digits), (kind, None, s.digits));
        }
    }
    let sent = Sighting::of(at(5), SightingKind::Sent, &s).in_network("43404".parse().ok());
    assert_eq!(Sighting::from_bytes(&sent.to_bytes()).unwrap().subject, s, "its client is kept");
}

/// Receipts that reach one gate each tell every gate of the deployment which network loses texts.
#[test]
fn a_network_s_outage_is_seen_at_a_gate_that_hears_of_it() {
    const DAY: u64 = 86_400_000;
    let (mut one, mut two) = (Detector::new(1), Detector::new(2));
    one.share();
    let customer = |n: u64| subject(998_900_000_000 + n * 100_000, n as u32);
    for n in 0..16 {
        for kind in [SightingKind::Sent, SightingKind::Verified, SightingKind::Delivered] {
            one.observe(Sighting::of(at(n * 1_000), kind, &customer(n)));
        }
    }
    two.absorb(at(DAY), &one.drain_outbox()).unwrap();
    for n in 0..16 {
        let (now, s) = (DAY * 26 / 24 + n * 20_000, customer(n));
        one.observe(Sighting::of(at(now), SightingKind::Sent, &s));
        let (kind, network) = match n % 2 {
            0 => (SightingKind::Undelivered, "43404"),
            _ => (SightingKind::Delivered, "43405"),
        };
        one.observe(Sighting::of(at(now + 5_000), kind, &s).in_network(network.parse().ok()));
    }
    two.absorb(at(2 * DAY), &one.drain_outbox()).unwrap();
    for (name, gate) in [("one", &mut one), ("two", &mut two)] {
        let mut alerts = gate.take_alerts();
        alerts.retain(|alert| alert.kind == AlertKind::CarrierOutage);
        let [alert] = alerts[..] else { panic!("{name}: {alerts:?}") };
        assert_eq!(alert.network, "43404".parse().ok(), "{name}");
        let sentence = alert.to_string();
        assert!(sentence.contains("UZ") && sentence.contains(", network 434-04 ("), "{sentence}");
    }
}

/// The texts of an hour to sixteen customers in blocks of their own, all of whom enter the code, and what
/// the provider says of each. What receipts say of the country then: whether it is told as an outage, and
/// how much evidence weighs.
fn told_in(d: &mut Detector, hour: u64, word: impl Fn(u64) -> Option<SightingKind>) -> (bool, f32) {
    let mut now = 0;
    for n in 0..16 {
        let s = subject(998_900_000_000 + n * 100_000, n as u32);
        now = hour * 3_600_000 + n * 20_000;
        d.observe(Sighting::of(at(now), SightingKind::Sent, &s));
        d.observe(Sighting::of(at(now + 3_000), SightingKind::Verified, &s));
        if let Some(kind) = word(n) {
            d.observe(Sighting::of(at(now + 5_000), kind, &s));
        }
    }
    let told = d.take_alerts().iter().any(|alert| alert.kind == AlertKind::CarrierOutage);
    let country = d.memory.country_of(*b"UZ").unwrap();
    let (all, by_receipt) = d.memory.outage_factors(T0 + now + 5_000, country);
    assert_eq!(all, by_receipt, "everybody enters the code");
    (told, by_receipt)
}

/// Some providers and networks report what fails and never that a text arrived: AWS calls what arrived
/// successful in some countries, and many networks confirm nothing.
#[test]
fn failures_alone_are_no_outage_where_nothing_is_called_delivered() {
    for silent in [None, Some(SightingKind::Delivered)] {
        let mut d = Detector::new(1);
        for hour in 0..72 {
            let word = |n: u64| match n {
                _ if n.is_multiple_of(3) => Some(SightingKind::Undelivered),
                1 => silent, // one network confirms
                _ => None,
            };
            assert_eq!(told_in(&mut d, hour, word), (false, 1.0), "hour {hour}, {silent:?}");
        }
    }
}

/// Where texts are called delivered, their loss is an outage for as long as it lasts; a provider that
/// confirms no more is one for some days, and no longer.
#[test]
fn an_outage_is_measured_by_the_days_before() {
    use SightingKind::{Delivered, Undelivered};
    let mut d = Detector::new(1);
    for hour in 0..120 {
        assert_eq!(told_in(&mut d, hour, |_| Some(Delivered)), (false, 1.0), "hour {hour}");
    }
    let mut read = Detector::new(2);
    read.restore(&d.snapshot()).unwrap();
    for gate in [&mut d, &mut read] {
        for hour in 120..144 {
            let (_, weight) = told_in(gate, hour, |_| Some(Undelivered));
            assert_eq!(weight, 0.15, "hour {hour}");
        }
        let healed = (144..480).find(|hour| told_in(gate, *hour, |_| Some(Undelivered)).1 == 1.0);
        assert!(healed.is_some_and(|hour| hour <= 120 + 24 * 5), "{healed:?}");
    }
}

/// The texts of six hours to numbers of one block that nobody verifies, by a bot that solves `solved`
/// of five step-ups; after each text the network says `word` of it.
fn texts_got(solved: u64, word: Option<SightingKind>) -> usize {
    let mut d = grown();
    let mut texts = 0;
    for sent in 0..1_080_u64 {
        let s = subject(998_901_230_000 + sent, 0x0B00_0000 + sent as u32 * 65_793);
        if request(&mut d, sent * 20_000, &s, sent % 5 < solved) {
            texts += 1;
            if let Some(kind) = word {
                d.observe(Sighting::of(at(sent * 20_000 + 3_000), kind, &s));
            }
        }
    }
    texts
}

/// What a block holds after some texts to it that nobody enters, each asked for from `network` and, by its
/// receipt, `arrived` or not.
fn held_after_texts(network: u32, arrived: SightingKind) -> f32 {
    use SightingKind::Delivered;
    let (mut d, now) = customers(Tuning::default(), 1, 1_000);
    let text = |k: u64| there(0, 4_210_000 + k * 997, network | (k as u32 * 65_793));
    for k in 0..12 {
        d.observe(Sighting::of(at(now + k * 60_000), SightingKind::Sent, &text(k)));
        d.observe(Sighting::of(at(now + k * 60_000 + 4_000), arrived, &text(k)));
        // and texts to customers arrive meanwhile
        for other in 0..40 {
            let customer = there(0, other * 100_000 + k, 10 << 24);
            d.observe(Sighting::of(at(now + k * 60_000 + 5_000), Delivered, &customer));
        }
    }
    d.advance(T0 + now + 900_000);
    let path = d.find_path(T0 + now + 900_000, &text(0), false);
    d.tree.at(path[3]).map_or(0.0, |node| node.evidence())
}

/// An operator that is down loses the texts of people at home. Numbers that nobody holds, or a carrier that
/// reports what suits it, excuse no one else.
#[test]
fn a_text_that_did_not_arrive_speaks_less_only_against_people_at_home() {
    use SightingKind::{Delivered, Undelivered};
    let (at_home, afar) = (10 << 24, 0x8000_0000);
    let [home, lost_at_home] = [Delivered, Undelivered].map(|kind| held_after_texts(at_home, kind));
    let [far, lost_afar] = [Delivered, Undelivered].map(|kind| held_after_texts(afar, kind));
    println!("from home {home}, lost {lost_at_home}; from afar {far}, lost {lost_afar}");
    assert!(home > 1.0 && lost_at_home < home * 0.75, "{lost_at_home} of {home}");
    assert!(far > 1.0 && lost_afar >= far * 0.99, "{lost_afar} of {far}");
}

/// What a network's word on lines can do, in either direction: it decides sooner between asking and
/// refusing, and lines that are as expected buy a bot next to nothing.
#[test]
fn a_network_s_word_on_lines_speeds_the_detector_up_and_hardly_slows_it_down() {
    for solved in [1, 2, 5] {
        let [plain, unlike, alike] = [None, Some(SightingKind::Unlike), Some(SightingKind::Alike)]
            .map(|line| texts_got(solved, line));
        println!("{solved} of 5 solved: {plain} texts, {unlike} unlike, {alike} alike");
        assert!(unlike <= plain, "{solved}: {unlike} of {plain}");
        assert!(alike <= plain + plain / 10 + 2, "{solved}: {alike} of {plain}");
    }
    assert!(texts_got(2, Some(SightingKind::Unlike)) < texts_got(2, None));
}
