//! Attacks that are slower than anything a quarter of an hour shows.

use super::super::memory::Local;
use super::super::node::{Home, State};
use super::super::path::{COUNTRY, Path};
use super::solvers::{DAY, customers, there};
use super::*;

const MINUTE: u64 = 60_000;
const NOW: u64 = 4 * DAY;
/// The place of a block of a hundred thousand numbers.
const BLOCK: usize = 3;

/// A block where people have verified, in a country whose people all come from home, after some texts
/// that somebody elsewhere asked for. It refuses from now on.
fn refusing(tuning: Tuning) -> (Detector, Path, Local) {
    let (mut d, _) = customers(tuning, 1, 1_000);
    let s = |k: u64| there(0, 4_210_000 + k * 997, 0x8000_0000 | k as u32);
    for k in 0..6 {
        d.observe(Sighting::of(at(NOW - (10 - k) * MINUTE), SightingKind::Sent, &s(k)));
    }
    let now = T0 + NOW;
    d.attempted(now, &s(7));
    let local = d.local(now, s(7).region);
    let path = d.find_path(now, &s(7), false);
    d.begin_refusing(now, &path, BLOCK, &local);
    (d, path, local)
}

#[test]
fn a_block_lasts_by_those_whom_it_turns_away() {
    let lasts = |tuning: Tuning| {
        let (d, path, _) = refusing(tuning);
        d.tree.at(path[BLOCK]).map_or(0, |node| (node.until - node.since) / 1_000)
    };
    let mut without = Tuning::default();
    without.parts.home = false;
    let (spared, all) = (lasts(Tuning::default()), lasts(without));
    assert!(spared >= 2 * all, "{spared} s if people at home are asked, {all} s if not");
}

#[test]
fn a_tenth_counts_as_turned_away_although_all_come_from_home() {
    let (d, path, local) = refusing(Tuning::default());
    let view = d.view(&path, &local);
    let node = d.tree.at(path[BLOCK]).copied().unwrap();
    let honest = view.honest_rate(&node, BlockLevel::HundredThousand);
    let turned = view.turned_away_hourly(&node, BLOCK);
    assert!(honest > 0.2, "{honest}");
    assert!((turned - honest / 10.0).abs() < 1e-6, "{turned} of {honest}");
}

#[test]
fn a_slow_attack_does_not_end_between_two_requests() {
    let after = |tuning: Tuning, minutes: u64| {
        let (mut d, path, local) = refusing(tuning);
        d.release_ended(T0 + NOW + minutes * MINUTE, &path, &local);
        d.tree.at(path[BLOCK]).map(|node| node.state)
    };
    assert_eq!(after(Tuning::default(), 25), Some(State::Refusing));
    assert_eq!(after(Tuning::default(), 125), Some(State::Asking), "nor does it last for ever");
    let hasty = Tuning { quiet_harm: 0.0, ..Tuning::default() };
    assert_eq!(after(hasty, 25), Some(State::Asking));
}

#[test]
fn an_attack_from_home_on_blocks_of_a_country_that_asks_ends_with_its_silence() {
    let ends = |is_asking: bool, from_home: f32| {
        let (mut d, path, local) = refusing(Tuning::default());
        if is_asking {
            d.tree.ask_too(path[COUNTRY]);
        }
        let now = T0 + NOW + 25 * MINUTE;
        let rate = d.tree.refresh(now, &path, &local)[BLOCK];
        let mut node = d.tree.at(path[BLOCK]).copied().unwrap();
        node.bets = [6.0; 2];
        node.set_home(Home { sessions: from_home, asked: 0.0 });
        d.view(&path, &local).brink(now, &node, BLOCK, rate).is_some()
    };
    assert!(ends(true, 6.0), "the country asks those at home");
    assert!(!ends(true, 1.0), "they are not to blame");
    assert!(ends(true, 1.0) == ends(false, 1.0));
}

#[test]
fn while_rare_step_ups_fail_a_node_goes_on_asking() {
    let (d, path, local) = refusing(Tuning::default());
    let view = d.view(&path, &local);
    let goes_on = |minutes: u64, asked: f32| {
        let mut node = d.tree.at(path[BLOCK]).copied().unwrap();
        (node.gap, node.asked) = ((minutes * MINUTE) as f32, asked);
        (node.passed, node.failed) = (0.0, 0.2);
        view.step_ups_fail(&node)
    };
    assert!(goes_on(20, 1.1), "the latest failed twenty minutes ago");
    assert!(goes_on(3, 1.1), "of a dozen an hour none need have failed in the last quarter");
    assert!(!goes_on(1, 1.1), "a fast attack has ended");
    assert!(!goes_on(20, 0.9), "too few have failed");
}

/// Whether so many blocks are under alarm together after twelve texts to each, in as many countries or
/// fewer, that nobody answers.
fn alarm(tuning: Tuning, blocks: u64) -> bool {
    const COUNTRIES: u64 = 5;
    let (mut d, start) = customers(tuning, COUNTRIES, 600);
    let mut now = start;
    for text in 0..12 {
        for block in 0..blocks {
            let country = block % COUNTRIES;
            let number = block * 300_000 + text * 7_919 + 11;
            let host = (10 + country as u32) << 24 | (text as u32 * 97 + block as u32);
            now += 15 * MINUTE / blocks;
            d.observe(Sighting::of(at(now), SightingKind::Sent, &there(country, number, host)));
        }
    }
    let s = there(0, 11, 0x8000_0000);
    let local = d.local(T0 + now, s.region);
    let path = d.find_path(T0 + now, &s, false);
    d.view(&path, &local).is_common_alarm()
}

#[test]
fn blocks_under_suspicion_are_judged_together() {
    let tuning = Tuning::default();
    assert!(alarm(tuning.clone(), 14));
    assert!(!alarm(tuning.clone(), 3), "one block says nothing of the others");
    let mut alone = tuning.clone();
    alone.parts.together = false;
    assert!(!alarm(alone, 14));
    assert!(!alarm(Tuning { young_numbers: 5_000, ..tuning }, 14), "a young realm asks anyway");
}
