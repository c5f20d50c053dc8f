//! Framing: texts sent so that the detector turns against a host's own customers.

use super::*;

const MINUTE: u64 = 60_000;

/// Where somebody's numbers are, and what a text to them costs.
#[derive(Clone, Copy)]
struct Country {
    region: [u8; 2],
    price_microusd: u32,
    number: fn(u64) -> u64,
}

/// Hundreds of blocks of a million.
const GERMANY: Country = Country {
    region: *b"DE",
    price_microusd: 100_000,
    number: |dice| 4_915_100_000_000 + dice % 300_000_000,
};

/// Ten blocks of 100 000.
const ICELAND: Country = Country {
    region: *b"IS",
    price_microusd: 150_000,
    number: |dice| {
        const BLOCKS: [u64; 10] = [69, 76, 77, 78, 79, 83, 84, 85, 86, 89];
        3_540_000_000 + BLOCKS[(dice % 10) as usize] * 100_000 + dice / 10 % 100_000
    },
};

impl Country {
    /// Any number of it, from a network that nobody else comes from.
    fn subject(self, coins: &mut Coins) -> Subject {
        let digits = (self.number)(coins.next());
        let client = ClientNet::of(IpAddr::V4(Ipv4Addr::from_bits(coins.next() as u32 | 1 << 24)));
        let Self { region, price_microusd, .. } = self;
        Subject { region, digits, known: false, purpose: 1, price_microusd, client }
    }

    fn dollars(self, texts: u32) -> f64 {
        f64::from(texts) * f64::from(self.price_microusd) / 1e6
    }
}

/// What became of a run of people who all solve step-ups and enter their code.
#[derive(Debug, Default, Clone, Copy)]
struct People {
    asked: u32,
    served: u32,
    refused: u32,
}

impl People {
    fn come(&mut self, d: &mut Detector, ms: u64, s: &Subject) {
        self.asked += u32::from(matches!(d.assess(at(ms), s, false).verdict, Judgement::StepUp(_)));
        if request(d, ms, s, true) {
            self.served += 1;
            d.observe(Sighting::of(at(ms + 20_000), SightingKind::Verified, s));
        } else {
            self.refused += 1;
        }
    }
}

/// An attacker who asks for texts all over a country, one each `gap_ms`, and does what is asked of
/// `solves` of them.
#[derive(Clone, Copy, Debug)]
struct Framer {
    gap_ms: u64,
    solves: f64,
    /// Whether he and everybody else stand behind one address.
    is_neighbour: bool,
}

impl Framer {
    /// Twelve hours of it, and a person each ten minutes from the second hour on; the texts that the
    /// attacker got, and what became of the people.
    fn frames(self, d: &mut Detector, country: Country) -> (u32, People) {
        let mut coins = Coins(8);
        let (mut sent, mut people, mut next) = (0, People::default(), 60 * MINUTE);
        let subject = |coins: &mut Coins| {
            let s = country.subject(coins);
            let client = if self.is_neighbour { subject(0, 7 << 24).client } else { s.client };
            Subject { client, ..s }
        };
        for ms in (0..12 * 60 * MINUTE).step_by(self.gap_ms as usize) {
            let solves = coins.unit() < self.solves;
            sent += u32::from(request(d, ms, &subject(&mut coins), solves));
            if ms >= next {
                next += 10 * MINUTE;
                people.come(d, ms + 500, &subject(&mut coins));
            }
        }
        let region = country.region.map(char::from);
        println!("{region:?}, {self:?}: {sent} texts, ${:.2}, {people:?}", country.dollars(sent));
        (sent, people)
    }
}

/// The detector of an old realm is as one without the rule, which shows what the rule is worth.
#[test]
fn who_solves_nothing_cannot_close_a_country_to_a_young_realm() {
    for country in [GERMANY, ICELAND] {
        for gap_ms in [1_000, 10_000, 60_000] {
            let framer = Framer { gap_ms, solves: 0.0, is_neighbour: false };
            let (_, before) = framer.frames(&mut grown(), country);
            assert!(before.refused > 60, "{before:?}");
            let (texts, people) = framer.frames(&mut Detector::new(1), country);
            assert_eq!(people.refused, 0, "{people:?}");
            assert!(texts <= 120, "{texts} texts");
        }
    }
}

#[test]
fn who_solves_nothing_cannot_close_an_address_to_a_young_realm() {
    let framer = Framer { gap_ms: 10_000, solves: 0.0, is_neighbour: true };
    let (_, before) = framer.frames(&mut grown(), GERMANY);
    assert!(before.refused > 60, "{before:?}");
    let (texts, people) = framer.frames(&mut Detector::new(1), GERMANY);
    assert_eq!(people.refused, 0, "{people:?}");
    assert!(texts <= 120, "{texts} texts");
}

/// The price of asking: bots that solve a part of the step-ups, or all of them, as they do where work
/// is all that can be asked for. It is bounded for the host, and for the attacker it is dear.
#[test]
fn people_cut_off_from_a_young_realm_cost_two_thirds_of_a_dollar_each() {
    for country in [GERMANY, ICELAND] {
        for (gap_ms, solves) in
            [(1_000, 0.2), (10_000, 0.2), (60_000, 0.2), (1_000, 1.0), (10_000, 1.0)]
        {
            let framer = Framer { gap_ms, solves, is_neighbour: false };
            let (texts, people) = framer.frames(&mut Detector::new(1), country);
            assert!(f64::from(people.refused) <= 1.5 * country.dollars(texts), "{people:?}");
            assert!(texts <= 1_000, "{texts} texts");
        }
    }
}

/// The fewest texts that close a node of a realm without history, whatever was learnt of it.
#[test]
fn a_young_realm_s_node_takes_fifty_seven_texts_to_close_and_twenty_eight_to_close_again() {
    let tuning = Tuning::default();
    let bets = super::super::evidence::Bets::new(&tuning);
    let nulls = [tuning.null_share * tuning.prior_conversion, tuning.null_range.1];
    let texts = |nats: f32, p0: f32, level: BlockLevel| {
        let [bold, careful] = bets.at(bets.quantise(p0), level).map(|bet| bet.open[3]);
        ((nats / bold.max(careful)).ceil()) as u32
    };
    let fewest = |nats: f32, p0: f32| {
        let levels =
            (0..LEVELS).filter_map(BlockLevel::from_index).filter(|level| !level.only_asks());
        levels.map(|level| texts(nats, p0, level)).min().unwrap()
    };
    let first = tuning.young_refuse_at + std::f32::consts::LN_2;
    let again = tuning.young_refuse_at / 2.0;
    assert_eq!(nulls.map(|p0| (fewest(first, p0), fewest(again, p0))), [(98, 49), (57, 28)]);
    let country = |nats, p0| texts(nats, p0, BlockLevel::Country);
    assert_eq!(nulls.map(|p0| (country(first, p0), country(again, p0))), [(174, 86), (93, 46)]);
}

/// Whether a realm is young after `days` days with `a_day` numbers verified on each, evenly.
fn is_young_after(days: u64, a_day: u64, number: impl Fn(u64, u64) -> u64) -> bool {
    let (mut coins, mut d) = (Coins(10), Detector::new(1));
    for turn in 0..days * a_day {
        let ms = turn * 1_440 * MINUTE / a_day;
        let s =
            Subject { digits: number(turn / a_day, turn % a_day), ..GERMANY.subject(&mut coins) };
        People::default().come(&mut d, ms, &s);
    }
    d.advance(T0 + days * 1_440 * MINUTE);
    let mut copy = Detector::new(2);
    copy.restore(&d.snapshot()).unwrap();
    copy.advance(T0 + days * 1_440 * MINUTE);
    assert_eq!(copy.memory.is_young(), d.memory.is_young(), "a restart forgets none of it");
    d.memory.is_young()
}

/// Numbers count once, a day late, of a day at most 75 and of a block of 100 000 at most sixteen.
#[test]
fn what_makes_a_history() {
    let anywhere = |day: u64, turn: u64| 4_915_100_000_000 + (day * 1_000 + turn) * 70_007;
    assert!(is_young_after(6, 20, anywhere) && !is_young_after(10, 20, anywhere));
    assert!(is_young_after(2, 500, anywhere) && !is_young_after(4, 500, anywhere));
    assert!(is_young_after(6, 140, |_, turn| anywhere(0, turn)), "140 phones, again each day");
    assert!(is_young_after(6, 200, |day, turn| 4_915_100_000_000 + day * 10_000 + turn * 41));
}
