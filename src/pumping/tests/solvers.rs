//! Attackers who pass what they are asked: what the rule against them is worth, against the same attack
//! without it.

use super::*;

const MINUTE: u64 = 60_000;
pub(super) const DAY: u64 = 1_440 * MINUTE;

/// A country of a realm with history, by its number.
pub(super) fn there(country: u64, number: u64, host: u32) -> Subject {
    let region = [b'A' + (country / 26) as u8, b'A' + (country % 26) as u8];
    let digits = (211 + country) * 1_000_000_000 + number;
    Subject { region, digits, price_microusd: 80_000, ..subject(digits, host) }
}

/// Four days in which `people` of each of so many countries ask from its own network, and most enter
/// their code.
pub(super) fn customers(tuning: Tuning, countries: u64, people: u64) -> (Detector, u64) {
    let mut d = Detector::with(1, tuning, Costs::default());
    for k in 0..people * countries {
        let country = k % countries;
        let now = k * 4 * DAY / (people * countries);
        let network = (10 + country as u32) << 24;
        let s = there(country, k * 7_919 % 5_000_000, network | (k as u32 % 60_000));
        assert!(request(&mut d, now, &s, true));
        if k % 4 != 0 {
            d.observe(Sighting::of(at(now + 20_000), SightingKind::Verified, &s));
        }
    }
    (d, 4 * DAY)
}

/// Bots all over the ranges where customers are, who pass every step-up and enter no code.
fn solved(tuning: Tuning) -> u32 {
    // by itself: where people at home are told apart, a block stays shut for so long (decision 63) that
    // few trials are left to save
    let parts = Parts { home: false, ..tuning.parts };
    let (mut d, start) = customers(Tuning { parts, ..tuning }, 1, 4_000);
    let (mut coins, mut got) = (Coins(11), 0);
    for k in 0..1_200 {
        let s = there(0, coins.next() % 5_000_000, coins.next() as u32 | 0x8000_0000);
        got += u32::from(request(&mut d, start + k * MINUTE / 10, &s, true));
    }
    got
}

#[test]
fn where_a_country_has_been_proved_attacked_each_block_gets_no_trial_of_its_own() {
    let now = solved(Tuning::default());
    let trials = solved(Tuning { proved_at: f32::INFINITY, ..Tuning::default() });
    assert!(now * 10 < trials * 9, "{now} texts, {trials} if each block is judged anew");
}
