//! The distance between false alarms: as far as promised, at both borders of the null, for one node and
//! for the whole detector.

use super::super::evidence::{Bets, NullIndex};
use super::super::node::Node;
use super::*;

/// Mean number of sends until the evidence reaches `h`, at a null of the caller's choice.
fn run_length(h: f32, level: BlockLevel, tolerated: f32, gap_s: f64, conversion: f64) -> f64 {
    let tuning = Tuning::default();
    let bets = Bets::new(&tuning);
    let null = NullIndex(15); // p0 = 0.50
    let mut coins = Coins(7);
    let (mut sends, mut alarms) = (0_u64, 0_u64);
    while alarms < 30 && sends < 150_000 {
        let mut node = Node::new(NodeId::pool(level), 0, 0, T0);
        let mut now = T0;
        loop {
            sends += 1;
            // exponential gaps: Poisson arrivals at exactly the tolerated rate or any other
            now += (-coins.unit().max(1e-12).ln() * gap_s * 1_000.0) as u64;
            let pair = bets.at(null, level);
            node.fade(now, tolerated, || pair, 7_200.0);
            let verified = coins.unit() < conversion;
            for (s, bet) in node.bets.iter_mut().zip(pair) {
                *s = (*s + if verified { bet.verified } else { bet.open[3] }).max(0.0);
            }
            if node.evidence() >= h {
                alarms += 1;
                break;
            }
            if sends >= 150_000 {
                break;
            }
        }
    }
    sends as f64 / alarms.max(1) as f64
}

#[test]
fn false_alarms_are_at_least_as_far_apart_as_promised_when_people_convert_at_the_null() {
    let h = 5.0_f32; // e^5 = 148 sends
    for level in (0..LEVELS).filter_map(BlockLevel::from_index) {
        // any volume at all: a thousand sends an hour where two are tolerated
        let mean = run_length(h, level, 2.0, 3.6, 0.5);
        assert!(mean >= f64::from(h).exp(), "{level:?}: {mean}");
    }
}

#[test]
fn false_alarms_are_at_least_as_far_apart_as_promised_when_nobody_converts_but_volume_is_ordinary()
{
    let h = 5.0_f32;
    for level in (0..LEVELS).filter_map(BlockLevel::from_index) {
        let mean = run_length(h, level, 100.0, 36.0, 0.0);
        assert!(mean >= f64::from(h).exp(), "{level:?}: {mean}");
    }
}

/// Sends until any node asks, with codes entered as late as people do and at the null's share: mean
/// over many runs, through the detector as it is.
fn whole_run_length(gap_ms: u64, hosts: u64) -> f64 {
    let mut tuning = Tuning::default();
    // another null: here one block is all of its country
    tuning.parts.share = false;
    let null = tuning.null_share * tuning.prior_conversion;
    let mut coins = Coins(17);
    let (mut sends, mut alarms) = (0_u32, 0_u32);
    for _ in 0..12 {
        let mut d = Detector::with(1, tuning.clone(), Costs::default());
        let mut answers = std::collections::BTreeSet::new();
        for k in 0..500_u64 {
            let now = k * gap_ms;
            while let Some((due, digits)) = answers.first().copied()
                && due <= now
            {
                answers.pop_first();
                d.observe(Sighting::of(at(due), SightingKind::Verified, &subject(digits, 0)));
            }
            let host = 0x0a00_0000 + (coins.next() % hosts) as u32 % 4_000 * 65_537;
            let s = subject(998_941_200_000 + coins.next() % 100_000, host);
            d.observe(Sighting::of(at(now), SightingKind::Sent, &s));
            sends += 1;
            if coins.unit() < f64::from(null) {
                answers.insert((now + 4_000 + coins.next() % 36_000, s.digits));
            }
            if d.take_alerts().iter().any(|alert| alert.kind == AlertKind::Asking) {
                alarms += 1;
                break;
            }
        }
    }
    f64::from(sends) / f64::from(alarms.max(1))
}

#[test]
fn the_whole_detector_keeps_the_distance_with_late_answers_and_many_nodes() {
    let promised = f64::from(Tuning::default().ask_at).exp();
    for (gap_ms, hosts) in [(200, 1_000_000), (3_000, 1_000_000), (3_000, 3), (30_000, 40)] {
        let mean = whole_run_length(gap_ms, hosts);
        assert!(mean >= promised, "{gap_ms} ms, {hosts} addresses: {mean} < {promised}");
    }
}
