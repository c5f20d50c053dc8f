//! A save in pieces: what it holds, and what one piece costs.

use std::collections::BTreeSet;

use super::super::session::OpenStepUp;
use super::super::snapshot::{BUDGET, HEAD};
use super::*;

/// A detector that knows so many sessions, numbers and networks, all of a few minutes, and has asked as
/// many step-ups as it remembers.
fn crowded(sessions: u64) -> (Detector, u64) {
    let (mut d, now) = attacked();
    let mut coins = Coins(3);
    let mut s = subject(998_931_000_000, 7);
    for k in 0..sessions {
        s.digits = 998_931_000_000 + coins.next() % 900_000_000;
        s.client = ClientNet::of(Ipv4Addr::from_bits(coins.next() as u32).into());
        let t = at(now + 1_000 + k * 20);
        d.observe(Sighting::of(t, SightingKind::Sent, &s));
        if k % 2 == 0 {
            d.observe(Sighting::of(t, SightingKind::Verified, &s));
        }
        d.memory.place_verified(&s, T0 + now);
    }
    let now = now + 1_000 + sessions * 20;
    for k in 0..sessions.min(16_384) {
        s.digits = 998_701_000_000 + k;
        let (subject, asked_at, places) = (s, T0 + now + k, 0);
        let open = OpenStepUp { subject, asked_at, places, known: false, stage: 0, generation: 0 };
        d.sessions.step_ups.add(open);
    }
    (d, now)
}

#[test]
fn a_draft_is_the_head_and_a_shard() {
    let (d, _) = crowded(40_000);
    for shard in [0, 63] {
        let mut draft = Draft::new(shard, [0; 2]);
        while !draft.is_done() {
            d.go_on(&mut draft);
        }
        let [head, rest] = draft.finish().unwrap();
        assert_eq!(rest.len(), d.shard(shard).len());
        // Too many sessions for a head: the same ones, in the order of their places.
        let restored = |head: &[u8]| {
            let mut other = Detector::new(9);
            let parts = [&rest[..]].into_iter();
            assert_eq!(other.restore_parts(head, parts, Timestamp::MAX).unwrap(), []);
            let mut asked: Vec<u64> = other.sessions.step_ups.iter().map(|(key, _)| key).collect();
            asked.sort_unstable();
            (
                other.nodes(),
                other.sessions.all().iter().filter(|session| session.live).count(),
                asked,
            )
        };
        let (nodes, sessions, asked) = restored(&head);
        assert_eq!((sessions, asked.len()), (HEAD, HEAD));
        assert_eq!((nodes, sessions, asked), restored(&d.head()));
    }
    // One call does for a small one.
    let mut small = Detector::new(1);
    small.observe(Sighting::of(at(0), SightingKind::Sent, &subject(998_931_000_000, 7)));
    let mut draft = Draft::new(5, [0, 3]);
    small.go_on(&mut draft);
    let rest = [&[0; 3], &small.shard(5)[..]].concat();
    assert_eq!(draft.finish(), Some([small.head(), rest]));
}

/// Counted in what a piece leaves behind, whatever it says that it cost.
#[test]
fn no_piece_of_a_draft_is_long_however_much_there_is() {
    for sessions in [100, 2_000, 40_000] {
        let (d, _) = crowded(sessions);
        let mut draft = Draft::new(3, [24, 16]);
        let (mut pieces, mut moves, mut before) = (0, 0, draft.made());
        while !draft.is_done() {
            assert!(d.go_on(&mut draft) <= BUDGET);
            let made = draft.made();
            let [entries, bytes, room] = std::array::from_fn(|n| made[n].abs_diff(before[n]));
            assert!(entries <= 4_096 && bytes <= 32_768, "{before:?} {made:?}");
            moves += usize::from(room > 0);
            (pieces, before) = (pieces + 1, made);
        }
        assert!(pieces <= 10 + sessions / 50, "{sessions}: {pieces}");
        // Room is made for the head and for the shard, once each: what is written is never copied.
        assert!(moves <= 2, "{sessions}: {moves}");
    }
}

/// What comes and goes between two pieces is written once or not at all.
#[test]
fn a_draft_bears_what_happens_meanwhile() {
    let (mut d, now) = crowded(6_000);
    let mut draft = Draft::new(3, [0; 2]);
    let mut coins = Coins(5);
    let mut s = subject(998_931_000_000, 7);
    let mut k = 0;
    while !draft.is_done() {
        d.go_on(&mut draft);
        for _ in 0..100 {
            (s.digits, k) = (998_711_000_000 + coins.next() % 900_000, k + 1);
            d.observe(Sighting::of(at(now + 17_000 + k), SightingKind::Asked, &s));
            s.client = ClientNet::of(Ipv4Addr::from_bits(coins.next() as u32).into());
            // The tables of what verified grow, and their rows move.
            d.memory.place_verified(&s, T0 + now);
            d.memory.number_verified(s.digits, T0 + now);
        }
    }
    let [head, rest] = draft.finish().unwrap();
    let mut other = Detector::new(9);
    assert_eq!(other.restore_parts(&head, [&rest[..]].into_iter(), Timestamp::MAX).unwrap(), []);
    for memory in other.memory.tables() {
        let mut rows: Vec<u64> = memory.rows().map(|row| row >> 24).collect();
        let all = rows.len();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), all);
    }
    let step_ups = &other.sessions.step_ups;
    assert_eq!(step_ups.queued(), step_ups.iter().count());
}

/// The queue of numbers gets shorter in the middle meanwhile: none is passed over for that.
#[test]
fn a_draft_finds_every_number_although_their_queue_is_tidied() {
    let (mut full, now) = attacked();
    let s = |k: u64| subject(998_931_000_000 + k, 7);
    let sent = |d: &mut Detector, k: u64, ms: u64| {
        d.sessions.numbers.count(s(k).digits, T0 + now + ms, true);
    };
    // Far more at the end of the queue are forgiven than stay.
    (0..20_000).for_each(|k| sent(&mut full, k, 1 + k));
    (4_000..20_000).for_each(|k| full.sessions.numbers.forgive(s(k).digits));
    full.now = T0 + now + 20_000;
    let mut tidied = 0;
    for each in (0..1_000).step_by(50) {
        let mut d = full.clone();
        let mut draft = Draft::new(3, [0; 2]);
        let mut k = 30_000;
        while !draft.is_done() {
            d.go_on(&mut draft);
            (0..each).for_each(|n| sent(&mut d, k + n, 20_000));
            k += each;
        }
        tidied += usize::from(d.sessions.numbers.left_out() > 0);
        let [head, rest] = draft.finish().unwrap();
        let restored = |shard: &[u8]| {
            let mut other = Detector::new(9);
            other.restore_parts(&head, [shard].into_iter(), Timestamp::MAX).unwrap();
            let numbers = other.sessions.numbers.iter().map(|(digits, _)| digits);
            numbers.filter(|digits| *digits < s(30_000).digits).collect::<BTreeSet<u64>>()
        };
        assert_eq!(restored(&rest), restored(&full.shard(3)), "{each} at a time");
    }
    assert!(tidied > 0);
}
