//! The sentences the docs promise, as properties.

#![allow(clippy::arithmetic_side_effects, clippy::field_reassign_with_default)]

mod afar;
mod bound;
mod draft;
mod foresee;
mod framing;
mod full;
mod heard;
mod home;
mod networks;
mod slow;
mod solvers;
mod years;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::level::LEVELS;
use super::*;
use crate::base::time::Timestamp;

const T0: u64 = 1_700_000_000_000;

/// splitmix64, for tests that need millions of coins.
struct Coins(u64);

impl Coins {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        super::table::mix(self.0)
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A detector of a realm that has a history.
fn grown() -> Detector {
    Detector::with(1, Tuning { young_numbers: 0, ..Tuning::default() }, Costs::default())
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(T0 + ms)
}

fn subject(digits: u64, host: u32) -> Subject {
    Subject {
        region: *b"UZ",
        digits,
        known: false,
        purpose: 1,
        price_microusd: 141_100,
        client: ClientNet::of(IpAddr::V4(Ipv4Addr::from_bits(host))),
    }
}

/// One client's request, answered as told. True when a message went out.
fn request(d: &mut Detector, ms: u64, s: &Subject, solves: bool) -> bool {
    let first = d.assess(at(ms), s, false);
    d.observe(Sighting::after(at(ms), s, &first));
    match first.verdict {
        Judgement::Allow => true,
        Judgement::StepUp(_) if solves => {
            let second = d.assess(at(ms + 3_000), s, true);
            d.observe(Sighting::after(at(ms + 3_000), s, &second).passed());
            second.verdict == Judgement::Allow
        }
        _ => false,
    }
}

#[test]
fn honest_step_ups_are_no_evidence_at_the_null() {
    let t = Tuning::default();
    let bad = (1.0 - (1.0 - t.honest_failure) * t.pass_factor) / t.honest_failure;
    let mean = (1.0 - t.honest_failure) * t.pass_factor + t.honest_failure * bad;
    assert!((mean - 1.0).abs() < 1e-5, "{mean}");
}

#[test]
fn a_block_pumped_at_any_rate_costs_fewer_than_sixty_messages() {
    for gap in [50, 1_000, 20_000, 120_000] {
        let mut d = grown();
        let mut coins = Coins(3);
        let mut sent = 0;
        for k in 0..1_500 {
            let s = subject(998_941_230_000 + k % 10_000, coins.next() as u32);
            let solves = coins.unit() < 0.2;
            sent += u32::from(request(&mut d, k * gap, &s, solves));
        }
        assert!(sent <= 60, "{sent} at one in {gap} ms");
    }
}

#[test]
fn a_genuine_launch_is_never_refused_nor_asked() {
    let mut d = Detector::new(1);
    let mut coins = Coins(5);
    let mut answers = std::collections::BinaryHeap::new();
    for k in 0..3_000_u64 {
        let now = k * 2_000;
        let s = subject(998_901_000_000 + coins.next() % 8_000_000, coins.next() as u32);
        while let Some(std::cmp::Reverse((due, digits, host))) = answers.peek().copied()
            && due <= now
        {
            answers.pop();
            d.observe(Sighting::of(at(due), SightingKind::Verified, &subject(digits, host)));
        }
        let verdict = d.assess(at(now), &s, false).verdict;
        assert_eq!(verdict, Judgement::Allow, "request {k}");
        d.observe(Sighting::of(at(now), SightingKind::Sent, &s));
        if coins.unit() < 0.65 {
            let host = 0;
            answers.push(std::cmp::Reverse((now + 8_000 + coins.next() % 20_000, s.digits, host)));
        }
    }
}

/// Drives one block into refusal and returns the detector and when.
fn attacked() -> (Detector, u64) {
    let mut d = grown();
    let mut now = 0;
    for k in 0..200 {
        now = k * 5_000;
        request(&mut d, now, &subject(998_941_230_000 + k, k as u32 * 7_919), false);
    }
    (d, now)
}

#[test]
fn a_refusal_says_which_node_and_how_much_evidence() {
    let (mut d, now) = attacked();
    let a = d.assess(at(now + 1_000), &subject(998_941_230_050, 1), false);
    assert!(matches!(a.verdict, Judgement::Refuse { until_ms } if until_ms > T0 + now));
    let words: Vec<_> = a.reasons.iter().map(ToString::to_string).collect();
    assert!(words.iter().any(|w| w.contains("nats of evidence")), "{words:?}");
    assert!(words.iter().all(|w| !w.contains("998941230050")));
    assert!(d.take_alerts().iter().any(|a| a.kind == AlertKind::BlockBegun));
}

#[test]
fn known_numbers_pass_where_strangers_are_refused() {
    let (mut d, now) = attacked();
    let mut friend = subject(998_941_230_051, 1);
    friend.known = true;
    assert_eq!(d.assess(at(now + 1_000), &friend, false).verdict, Judgement::Allow);
}

#[test]
fn a_number_becomes_known_after_three_days_and_is_forgotten_after_ninety() {
    let day = 86_400_000;
    let mut d = Detector::new(1);
    let s = subject(998_935_550_001, 9);
    d.observe(Sighting::of(at(0), SightingKind::Sent, &s));
    d.observe(Sighting::of(at(9_000), SightingKind::Verified, &s));
    assert!(!d.memory.is_known(&s, T0 + 2 * day));
    assert!(d.memory.is_known(&s, T0 + 4 * day));
    assert!(d.memory.is_known(&s, T0 + 80 * day));
    assert!(!d.memory.is_known(&s, T0 + 92 * day));
}

#[test]
fn operators_can_lift_forbid_and_extend() {
    let (mut d, now) = attacked();
    let s = subject(998_941_230_052, 1);
    let acting = d.acting(at(now));
    assert!(acting.iter().any(|view| view.action == Action::Refuse));
    for view in acting {
        d.lift(view.node);
    }
    assert_eq!(d.assess(at(now + 1_000), &s, false).verdict, Judgement::Allow);
    let block = NodeId::block(BlockLevel::TenThousand, s.digits);
    d.extend(block, at(now), Duration::from_secs(600));
    let refused = d.assess(at(now + 2_000), &s, false).verdict;
    assert_eq!(refused, Judgement::Refuse { until_ms: T0 + now + 600_000 });
    d.forbid(block, at(now), Duration::from_secs(600));
    assert_eq!(d.assess(at(now + 3_000), &s, false).verdict, Judgement::Allow);
}

#[test]
fn an_ended_attack_is_forgiven_within_ten_minutes() {
    let (mut d, now) = attacked();
    let verdict = d.assess(at(now + 601_000), &subject(998_941_230_053, 1), false).verdict;
    assert!(!matches!(verdict, Judgement::Refuse { .. }), "{verdict:?}");
}

#[test]
fn flooding_cannot_grow_the_tables_nor_push_suspects_out() {
    let mut tuning = Tuning::default();
    tuning.max_nodes = 2_000;
    tuning.max_sessions = 1_000;
    let mut d = Detector::with(1, tuning, Costs::default());
    for k in 0..200 {
        request(&mut d, k * 5_000, &subject(998_941_230_000 + k, k as u32 * 7_919), false);
    }
    let before = d.acting(at(0)).len();
    assert!(before > 0);
    let mut coins = Coins(11);
    for k in 0..20_000 {
        let mut s = subject(100_000_000_000 + coins.next() % 800_000_000_000, coins.next() as u32);
        s.region = [b'A' + (coins.next() % 26) as u8, b'A' + (coins.next() % 26) as u8];
        d.observe(Sighting::of(at(1_000_000 + k), SightingKind::Sent, &s));
        d.observe(Sighting::of(at(1_000_000 + k), SightingKind::Asked, &s));
    }
    assert!(d.nodes() <= 2_000);
    assert!(d.bytes() < 8_000_000, "{}", d.bytes());
    assert!(d.acting(at(0)).len() >= before);
}

#[test]
fn a_snapshot_continues_where_it_stopped() {
    let (mut a, now) = attacked();
    let bytes = a.snapshot();
    let mut b = Detector::new(1);
    b.restore(&bytes).unwrap();
    assert_eq!(b.snapshot().len(), bytes.len());
    let mut coins = Coins(2);
    for k in 0..500 {
        let s = subject(998_941_200_000 + coins.next() % 90_000, coins.next() as u32);
        let t = now + 1_000 + k * 7_000;
        let solves = coins.unit() < 0.5;
        assert_eq!(request(&mut a, t, &s, solves), request(&mut b, t, &s, solves), "{k}");
    }
}

#[test]
fn a_snapshot_of_another_version_is_refused_by_name() {
    let mut bytes = attacked().0.snapshot();
    bytes[0] = 2;
    let mut d = Detector::new(1);
    assert_eq!(d.restore(&bytes), Err(CodecError::Version(2)));
    assert_eq!(d.nodes(), 0);
}

/// Three days in which people of one country verify from one wide network.
fn at_home() -> (Detector, u64) {
    let mut d = Detector::new(1);
    let day = 86_400_000;
    for k in 0..600 {
        let now = k * 3 * day / 600;
        let s = subject(998_900_000_000 + k * 7_919, 0x0a00_0000 + k as u32);
        assert!(request(&mut d, now, &s, true));
        if k % 4 != 0 {
            d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &s));
        }
    }
    (d, 3 * day)
}

#[test]
fn a_spray_from_networks_never_verified_from_is_seen_although_its_ranges_are_busy() {
    let (mut with, now) = at_home();
    let mut tuning = Tuning::default();
    tuning.parts.away = false;
    let mut without = Detector::with(1, tuning, Costs::default());
    without.restore(&with.snapshot()).unwrap();
    let (mut seen, mut unseen) = (0, 0);
    for k in 0..400 {
        // people's own numbers, as credential stuffing has them
        let digits = 998_900_000_000 + k * 17 % 600 * 7_919;
        let t = now + k * 60_000;
        let s = subject(digits, (k as u32).wrapping_mul(0x0123_4567) | 0x4000_0000);
        seen += u32::from(request(&mut with, t, &s, false));
        unseen += u32::from(request(&mut without, t, &s, false));
    }
    assert!(seen <= 40 && unseen > seen, "{seen} {unseen}");
    // whoever verifies from home is not even asked
    let person = subject(998_900_000_000 + 7_919 * 1_000, 0x0a00_0001);
    assert_eq!(with.assess(at(now + 400 * 60_000), &person, false).verdict, Judgement::Allow);
    // and a person the host knows is at most asked, wherever he is
    let mut friend = subject(998_900_000_000, 0x5000_0001);
    friend.known = true;
    let verdict = with.assess(at(now + 400 * 60_000), &friend, false).verdict;
    assert!(!matches!(verdict, Judgement::Refuse { .. }), "{verdict:?}");
}

#[test]
fn a_network_is_seen_a_day_after_a_code_asked_for_from_it_was_entered() {
    let day = 86_400_000;
    let (mut a, mut b) = (Detector::new(1), Detector::new(2));
    a.share();
    let s = subject(998_935_550_001, 0x0a01_0203);
    a.observe(Sighting::of(at(0), SightingKind::Sent, &s));
    // verification says nothing of the client
    let entered = Subject { client: ClientNet::unknown(), ..s };
    a.observe(Sighting::of(at(9_000), SightingKind::Verified, &entered));
    b.absorb(at(9_000), &a.drain_outbox()).unwrap();
    let mut c = Detector::new(3);
    c.restore(&a.snapshot()).unwrap();
    let mut e = Detector::new(4);
    let shards: Vec<_> = (0..SHARDS).map(|shard| b.shard(shard)).collect();
    e.restore_parts(&b.head(), shards.iter().map(Vec::as_slice), Timestamp::MAX).unwrap();
    let neighbour = subject(998_901_110_001, 0x0a01_0909);
    let abroad = Subject { region: *b"KZ", ..neighbour };
    for d in [&a, &b, &c, &e] {
        assert!(d.memory.is_away(&neighbour, T0 + day / 2));
        assert!(!d.memory.is_away(&neighbour, T0 + 2 * day));
        assert!(d.memory.is_away(&abroad, T0 + 2 * day));
        assert!(d.memory.is_away(&neighbour, T0 + 95 * day));
        // nobody could tell the address: no suspicion from that
        assert!(!d.memory.is_away(&entered, T0));
    }
}

#[test]
fn a_company_that_signs_up_from_its_own_address_is_hardly_asked() {
    let (mut d, start) = at_home();
    let mut asked = 0;
    for k in 0..40 {
        let now = start + k * 30_000;
        let s = subject(998_931_110_000 + k, 0x0a00_0007);
        asked += u32::from(d.assess(at(now), &s, false).verdict != Judgement::Allow);
        d.observe(Sighting::of(at(now), SightingKind::Sent, &s));
        if k % 5 != 0 {
            d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &s));
        }
    }
    assert!(asked <= 4, "{asked}");
}

#[test]
fn step_ups_are_counted_out_where_they_were_counted_in() {
    let (mut d, now) = attacked();
    let s = subject(998_951_110_000, 77);
    d.observe(Sighting::of(at(now), SightingKind::Sent, &s));
    let asking = |d: &Detector| d.tree.iter().map(|(_, n)| u32::from(n.asking)).sum::<u32>();
    let before = asking(&d);
    d.observe(Sighting::of(at(now + 1_000), SightingKind::Asked, &subject(998_951_110_001, 78)));
    assert!(asking(&d) > before);
    // the cold block becomes a warm one while the step-up is out
    d.observe(Sighting::of(at(now + 2_000), SightingKind::Verified, &s));
    d.observe(Sighting::of(at(now + 100_000), SightingKind::Sent, &subject(447_400_123_456, 5)));
    assert_eq!(asking(&d), 0);
}

#[test]
fn events_from_the_future_do_not_move_the_clock() {
    let (mut a, mut b) = (Detector::new(1), Detector::new(2));
    a.share();
    a.observe(Sighting::of(at(86_400_000), SightingKind::Sent, &subject(998_941_230_000, 1)));
    assert_eq!(b.absorb(at(0), &a.drain_outbox()), Ok(0));
    assert_eq!(b.nodes(), 0);
}

fn any_event() -> impl Strategy<Value = (u64, u8, u64, u32, bool, bool)> {
    (0_u64..120_000, 0_u8..9, 0_u64..3_000, 0_u32..50, any::<bool>(), any::<bool>())
}

fn replay(d: &mut Detector, events: &[(u64, u8, u64, u32, bool, bool)]) {
    let mut now = 0;
    for (gap, kind, tail, host, known, passed) in events {
        now += gap;
        let mut s = subject(998_941_230_000 + tail, *host);
        s.known = *known;
        let kind = match kind {
            0 | 1 => SightingKind::Sent,
            2 => SightingKind::Asked,
            3 => SightingKind::Failed,
            4 => SightingKind::Refused,
            5 => SightingKind::Verified,
            6 => SightingKind::Undelivered,
            7 => SightingKind::Alike,
            _ => SightingKind::Unlike,
        };
        let mut event = Sighting::of(at(now), kind, &s);
        event.passed = *passed;
        d.observe(event);
        if *known {
            let verdict = d.assess(at(now), &s, false).verdict;
            assert!(
                !matches!(verdict, Judgement::Refuse { .. }),
                "known numbers are never refused"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn known_is_never_refused_and_state_is_a_function_of_events(
        events in prop::collection::vec(any_event(), 1..400)
    ) {
        let (mut a, mut b) = (Detector::new(1), Detector::new(1));
        replay(&mut a, &events);
        replay(&mut b, &events);
        prop_assert_eq!(a.snapshot(), b.snapshot());
        let mut c = Detector::new(1);
        prop_assert!(c.restore(&a.snapshot()).is_ok());
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut d = Detector::new(1);
        prop_assert!(d.restore(&bytes).is_err());
        if !bytes.is_empty() {
            prop_assert!(d.absorb(at(0), &bytes).is_err());
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused(place in 0_usize..20_000, bit in 0_u8..8) {
        let (d, _) = attacked();
        let mut bytes = d.snapshot();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        prop_assert!(Detector::new(1).restore(&bytes).is_err());
    }

    #[test]
    fn events_survive_their_encoding(
        ms in any::<u64>(), tail in 0_u64..1_000_000, host in any::<u32>(), passed in any::<bool>()
    ) {
        let s = subject(998_940_000_000 + tail, host);
        let mut event = Sighting::of(Timestamp::from_millis(ms), SightingKind::Asked, &s);
        event.passed = passed;
        event.acting = 0x2a;
        prop_assert_eq!(Sighting::from_bytes(&event.to_bytes()), Some(event));
    }
}
