//! Who comes from afar and enters no code, while people at home do.

use super::solvers::{DAY, customers, there};
use super::*;

const MINUTE: u64 = 60_000;
/// Three countries; so often a session at home in each, and one from afar in one of them.
const COUNTRIES: u64 = 3;
const AT_HOME: u64 = 8 * MINUTE;
const FROM_AFAR: u64 = 40 * MINUTE;

/// A day on which so many of four people at home enter their codes, and so many of four from afar.
fn a_day(tuning: Tuning, at_home: u64, from_afar: u64) -> (Detector, u64) {
    let (mut d, start) = customers(tuning, COUNTRIES, 1_500);
    let (mut coins, mut asked) = (Coins(9), 0);
    let ask = |d: &mut Detector, now: u64, s: Subject, enters: bool| {
        let sent = request(d, now, &s, true);
        if sent && enters {
            d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &s));
        }
    };
    for k in 0..DAY / AT_HOME {
        let now = start + k * AT_HOME;
        for country in 0..COUNTRIES {
            let host = (10 + country as u32) << 24 | (coins.next() as u32 % 60_000);
            let s = there(country, coins.next() % 5_000_000, host);
            ask(&mut d, now + country, s, coins.next() % 4 < at_home);
        }
        if (k * AT_HOME).is_multiple_of(FROM_AFAR) {
            let s =
                there(k % COUNTRIES, coins.next() % 5_000_000, coins.next() as u32 | 0x8000_0000);
            asked += u64::from(d.assess(at(now + 9), &s, false).verdict != Judgement::Allow);
            ask(&mut d, now + 9, s, coins.next() % 4 < from_afar);
        }
    }
    (d, asked)
}

fn without() -> Tuning {
    let mut tuning = Tuning::default();
    tuning.parts.afar = false;
    tuning
}

/// Three texts in two hours are no volume that would show by itself.
#[test]
fn a_trickle_from_afar_that_enters_nothing_is_asked_while_people_at_home_enter_their_codes() {
    let (d, asked) = a_day(Tuning::default(), 3, 0);
    let (_, by_volume) = a_day(without(), 3, 0);
    assert!(asked > 9 && by_volume == 0, "{asked} {by_volume}");
    let mut copy = Detector::new(2);
    copy.restore(&d.snapshot()).unwrap();
    let now = 5 * DAY + MINUTE;
    for mut d in [d, copy] {
        let host = |host| there(0, 4_321, host);
        let mut verdict = |s: Subject| d.assess(at(now), &s, false).verdict;
        assert_eq!(verdict(host(0x8765_4321)), Judgement::StepUp(Strength::Human));
        assert_eq!(verdict(host(10 << 24 | 7)), Judgement::Allow, "nobody at home");
    }
}

#[test]
fn in_an_outage_nothing_is_held_against_those_from_afar() {
    assert_eq!(a_day(Tuning::default(), 0, 0).1, 0);
}

#[test]
fn people_from_afar_who_enter_their_codes_are_not_asked() {
    for enter in [2, 3, 4] {
        assert_eq!(a_day(Tuning::default(), 3, enter).1, 0, "{enter} of four");
    }
}
