//! What gates tell and hear of each other in one call.

use super::super::saving::context;
use super::*;
use crate::base::keyring::{KeyId, KeyRing, Pepper};
use crate::pumping::{BlockLevel, NodeId, SightingKind};

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

/// A store that gives no answer for a while: what was to be told in the calls that failed is told by those that do
/// not, once.
#[test]
fn what_a_failed_call_was_to_tell_is_told_by_the_next() {
    let (author, other) = (watch(1), watch(2));
    let heard = |n: u64, append: Vec<u8>| {
        let news = News { entries: vec![(n, append)], latest: n };
        assert_eq!(other.take_in(&news, &keys(), || START), 0);
    };
    let journal = Pseudonym::from_bytes([7; 16]);
    for n in 0..200 {
        drop(author.saw(sent(n, START), START));
        if n < 100 {
            let failed = author.exchange(journal, id(n), &keys());
            author.untell(&failed, &keys());
            // Of the others' word nothing comes back, and nothing of none.
            author.untell(&Exchange { append: told(&other, n), ..failed.clone() }, &keys());
            author.untell(&Exchange { append: Vec::new(), ..failed }, &keys());
        }
    }
    // What did arrive, and was not acknowledged, is told twice and counts once.
    let lost = author.exchange(journal, id(1_000), &keys());
    heard(1, lost.append.clone());
    author.untell(&lost, &keys());
    for n in 2..200 {
        heard(n, told(&author, n + 1_000));
    }
    let unanswered = |detector: &Detector| {
        let country = NodeId::region(BlockLevel::Country, *b"UZ");
        detector.inspect(country).map(|node| node.unanswered)
    };
    assert_eq!(unanswered(&other.detector()), Some(200));
}

/// A detector of this release that saw something last at `now`.
fn learnt(now: Timestamp) -> Detector {
    let mut detector = Detector::new(1);
    detector.observe(sent(0, now));
    detector
}

/// What became of a document in the store.
#[derive(Clone, Copy)]
enum Kept {
    /// As a release of that version wrote it, then.
    As(u8, Timestamp),
    /// As somebody has changed it.
    Changed,
}

/// The head or a shard.
fn kept(place: usize, kept: Kept) -> Document {
    let (version, at) = match kept {
        Kept::As(version, at) => (version, at),
        Kept::Changed => (0, START),
    };
    let learnt = learnt(at);
    let mut plain = if place == 0 { learnt.head() } else { learnt.shard(place - 1) };
    plain[0] = version;
    let lead = if place == 0 { &[0; 8][..] } else { &[] };
    let plain = [lead, &plain].concat();
    let mut content = keys().papers().seal(&context("shop", place), [place as u8; 16], &plain);
    if let Kept::Changed = kept {
        *content.last_mut().unwrap() ^= 1;
    }
    Document { version: 1, content }
}

/// A process that reads head and shards at `now`, and whether it had something to say of them.
fn process(memory: [Kept; 2], now: Timestamp) -> (Watch, bool) {
    let watch = watch(2);
    let turn = watch.turn().unwrap();
    let memory = [0, 1].map(|place| kept(place, memory[place]));
    let (trouble, _) = watch.remember(turn, &memory, &News::default(), &keys(), now);
    (watch, trouble.is_some())
}

fn hours(hours: u64) -> Timestamp {
    START + Duration::from_secs(3_600) * u32::try_from(hours).unwrap()
}

/// A gate of an older release wrote a blank memory over what newer ones had learnt, head and all shards.
#[test]
fn what_another_release_saved_is_left_alone_unless_nobody_reads_it_any_more() {
    let newest = Detector::new(1).head()[0];
    let rows = [
        ([newest, newest], false),
        ([newest + 1, newest], true),
        ([newest, newest + 1], true),
        ([2, newest], false),
        ([newest, 2], false),
        ([2, newest + 1], false), // the newer part goes with the head that nobody reads
    ];
    for (versions, left) in rows {
        let (watch, told) = process(versions.map(|version| Kept::As(version, START)), START);
        assert_eq!(told, versions != [newest; 2], "{versions:?}");
        assert_eq!(watch.leaves_memory(START), left, "{versions:?}");
    }
}

/// Where no process lives for a day, each began the day anew, and nothing was ever saved again.
#[test]
fn the_day_counts_from_the_last_save_however_short_processes_live() {
    let newest = Detector::new(1).head()[0];
    let [newer, own] = [newest + 1, newest].map(|version| Kept::As(version, START));
    let led = Kept::As(newest + 1, START + Duration::from_secs(365 * 86_400));
    for memory in [[newer, newer], [newer, own], [Kept::Changed, own], [led, newer]] {
        for born in [1, 21, 41] {
            let (watch, told) = process(memory, hours(born));
            assert!(told);
            for hour in born..born + 20 {
                assert_eq!(watch.leaves_memory(hours(hour)), hour < 24, "{hour} of {born}");
            }
        }
    }
    // Where nothing can be opened nothing tells how old it is.
    let (watch, _) = process([Kept::Changed; 2], hours(41));
    assert!(watch.leaves_memory(hours(64)) && !watch.leaves_memory(hours(65)));
}

/// A save writes the head and one shard of 64: the others are of the other release for an hour to come.
#[test]
fn what_is_left_of_another_release_beside_a_head_of_ones_own_begins_no_day() {
    let newest = Detector::new(1).head()[0];
    let head = Kept::As(newest, hours(25));
    for (shard, left) in [
        (Kept::As(newest + 1, START), false),
        (Kept::As(newest + 1, hours(24)), true), // it saves still
        (Kept::Changed, false),                  // nobody reads it
    ] {
        let (watch, told) = process([head, shard], hours(26));
        assert!(told);
        assert_eq!(watch.leaves_memory(hours(26)), left);
    }
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
