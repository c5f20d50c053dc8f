//! Framing: texts sent so that the detector turns against a host's own customers.

use super::*;

const MINUTE: u64 = 60_000;

/// A mobile number of Germany, anywhere in its ranges.
fn german(coins: &mut Coins) -> Subject {
    let region = *b"DE";
    let digits = 4_915_100_000_000 + coins.next() % 300_000_000;
    let client = ClientNet::of(IpAddr::V4(Ipv4Addr::from_bits(coins.next() as u32 | 1 << 24)));
    Subject { region, digits, known: false, purpose: 1, price_microusd: 100_000, client }
}

/// What became of a run of people who all solve step-ups and enter their code.
#[derive(Debug, Default, Clone, Copy)]
struct People {
    asked: u32,
    served: u32,
    refused: u32,
}

impl People {
    fn come(&mut self, d: &mut Detector, ms: u64, coins: &mut Coins) {
        let s = german(coins);
        self.asked += u32::from(matches!(d.assess(at(ms), &s, false).verdict, Verdict::StepUp(_)));
        if request(d, ms, &s, true) {
            self.served += 1;
            d.observe(Event::of(at(ms + 20_000), EventKind::Verified, &s));
        } else {
            self.refused += 1;
        }
    }
}

/// Twelve hours of an attacker's requests, one each `gap` ms, of which he solves `solves`, and a
/// person each ten minutes from the first hour on; returns the texts that the attacker got.
fn half_a_day(d: &mut Detector, gap: u64, solves: f64) -> (u32, People) {
    let mut coins = Coins(8);
    let (mut sent, mut people, mut next) = (0, People::default(), 60 * MINUTE);
    for ms in (0..12 * 60 * MINUTE).step_by(gap as usize) {
        let solves = coins.unit() < solves;
        sent += u32::from(request(d, ms, &german(&mut coins), solves));
        if ms >= next {
            next += 10 * MINUTE;
            people.come(d, ms + 500, &mut coins);
        }
    }
    (sent, people)
}

/// A detector that never thinks a realm young: what a framed country costs without the rule.
fn without_the_rule() -> Detector {
    Detector::with(1, Tuning { young_daily: 0.0, ..Tuning::default() }, Costs::default())
}

#[test]
fn who_solves_nothing_cannot_close_a_country_to_a_young_realm() {
    for gap in [1_000, 10_000, 60_000] {
        let before = half_a_day(&mut without_the_rule(), gap, 0.0);
        let now = half_a_day(&mut Detector::new(1), gap, 0.0);
        println!("one in {gap} ms, 0 % solved: before {before:?}, now {now:?}");
        assert_eq!(now.1.refused, 0, "one in {gap} ms: {now:?}");
        assert!(now.0 <= 120, "one in {gap} ms: {} texts", now.0);
    }
}

/// The price of asking: bots that solve a fifth of the step-ups, until the evidence suffices.
#[test]
fn a_young_realm_pays_a_bounded_price_to_those_who_solve() {
    for gap in [1_000, 10_000, 60_000] {
        let before = half_a_day(&mut without_the_rule(), gap, 0.2);
        let now = half_a_day(&mut Detector::new(1), gap, 0.2);
        println!("one in {gap} ms, 20 % solved: before {before:?}, now {now:?}");
        let requests = 12 * 3_600_000 / gap as u32;
        assert!(now.0 <= 100 + requests / 5, "one in {gap} ms: {} texts", now.0);
        assert!(now.0 <= 1_000, "one in {gap} ms: {} texts", now.0);
    }
}

#[test]
fn twenty_verified_numbers_a_day_are_a_history() {
    for (minutes, young) in [(120, true), (30, false)] {
        let mut coins = Coins(10);
        let (mut d, mut people) = (Detector::new(1), People::default());
        for minute in (0..4 * 1_440).step_by(minutes) {
            people.come(&mut d, minute as u64 * MINUTE, &mut coins);
        }
        assert_eq!(people.refused, 0, "{people:?}");
        assert_eq!(d.is_young(), young, "one in {minutes} minutes");
    }
}
