//! What gates tell and hear of each other in one call.

use super::*;
use crate::base::keyring::{KeyId, KeyRing, Pepper};
use crate::pumping::SightingKind;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn keys() -> KeyRing {
    KeyRing::new(KeyId(1), Pepper::from_bytes(std::array::from_fn(|n| n as u8)).unwrap())
}

fn watch(gate: u64) -> Watch {
    let mut detector = Detector::new(gate);
    detector.share();
    Watch::new("shop".into(), gate, detector)
}

fn sent(n: u64, at: Timestamp) -> Sighting {
    let subject = Subject {
        region: *b"UZ",
        digits: 998_901_230_000 + n % 10_000,
        known: false,
        purpose: 1,
        price_microusd: 141_100,
        client: ClientNet::of("203.0.113.7".parse().unwrap()),
    };
    Sighting::of(at, SightingKind::Sent, &subject)
}

fn id(n: u64) -> RequestId {
    RequestId::from_bytes((u128::from(n) << 64 | 7).to_be_bytes())
}

fn told(watch: &Watch, n: u64) -> Vec<u8> {
    watch.exchange(Pseudonym::from_bytes([7; 16]), id(n), &keys()).append
}

#[test]
fn what_a_call_tells_does_not_grow_with_the_rate() {
    // nobody called the store for long: what is left is for the calls after it
    let silent = watch(1);
    (0..4_200).for_each(|n| drop(silent.saw(sent(n, START), START)));
    let calls: Vec<usize> = (0..100).map(|n| told(&silent, n).len()).collect();
    assert!(calls.iter().all(|bytes| *bytes <= 4_096), "{calls:?}");
    assert_eq!(calls.iter().filter(|bytes| **bytes > 0).count(), 64);
}

/// News of another gate's: entries `bytes` long that nobody can read, so that each one that is opened
/// shows.
fn garbage(count: u64, bytes: usize) -> News {
    let entry = |n| (n, [&2_u64.to_be_bytes()[..], &vec![7; bytes]].concat());
    News { entries: (1..=count).map(entry).collect(), latest: count }
}

#[test]
fn what_a_call_takes_in_does_not_grow_with_the_rate() {
    for (entries, opened) in [(10, 10), (500, 500), (1_000, 504), (100_000, 504)] {
        let watch = watch(1);
        assert_eq!(watch.take_in(&garbage(entries, 130), &keys(), || START), opened);
    }
    assert_eq!(watch(1).take_in(&garbage(3, 1 << 20), &keys(), || START), 1);
}

#[test]
fn of_news_that_are_too_much_only_the_alarms_are_taken() {
    let (author, enough, lagging) = (watch(2), watch(1), watch(3));
    let alarm = Sighting { acting: 1, ..sent(0, START) };
    let mut news = News::default();
    for events in [vec![sent(5_000, START)], vec![alarm, sent(9_000, START)]] {
        events.into_iter().for_each(|event| drop(author.saw(event, START)));
        news.latest += 1;
        news.entries.push((news.latest, told(&author, news.latest)));
    }
    let nodes = |events: &[Sighting]| {
        let mut detector = Detector::new(9);
        events.iter().for_each(|event| detector.observe(*event));
        detector.nodes()
    };
    let all = [sent(5_000, START), alarm, sent(9_000, START)];
    assert!(nodes(&all) > nodes(&[alarm]));
    assert_eq!(enough.take_in(&news, &keys(), || START), 0);
    assert_eq!(enough.detector().nodes(), nodes(&all));
    assert_eq!(lagging.take_in_most(&news, &keys(), || START, 0), 0, "the newest is read");
    assert_eq!(lagging.detector().nodes(), nodes(&[alarm]));
}
