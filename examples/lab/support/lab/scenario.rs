//! The scenarios: days of ordinary traffic, then an attack or an anomaly.

use super::attacks::attack;
use super::honest::{Anomaly, Honest};
use super::rng::Rng;
use super::row::Row;
use super::world::country;
use super::worlds::World;

const DAY: u64 = 86_400_000;
const HOUR: u64 = 3_600_000;
/// A Thursday, midnight UTC.
const START: u64 = 1_700_006_400_000 / DAY * DAY;
/// Days of ordinary traffic before the scenario.
const WARM_DAYS: u64 = 4;

/// How a scenario is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A1 to A14: the families of the target.
    Attack,
    /// Families from the issue that have no figure of their own.
    Further,
    /// Families that nobody tuned on.
    HeldOut,
    /// Innocent.
    Anomaly,
}

#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Kind,
}

const fn of(kind: Kind, name: &'static str, title: &'static str) -> Scenario {
    Scenario { name, title, kind }
}

/// All of them, in the order of the report.
pub const ALL: [Scenario; 55] = [
    of(Kind::Attack, "A1", "one block of 10 000 in order, 60 a minute"),
    of(Kind::Attack, "A2", "one block of 100 000, 1 000 a minute"),
    of(Kind::Attack, "A3", "20 countries, 100 blocks, 200 a minute"),
    of(Kind::Attack, "A4", "low and slow: 10 countries, 1 a minute all day"),
    of(Kind::Attack, "A5", "an operator's range in a busy country"),
    of(Kind::Attack, "A6", "fake converters, 70 % of codes entered"),
    of(Kind::Attack, "A7", "fake converters, 30 % of codes entered"),
    of(Kind::Attack, "A8", "20 victims are bombed with texts"),
    of(Kind::Attack, "A9", "400 numbers again and again"),
    of(Kind::Attack, "A10", "codes for the host's own customers"),
    of(Kind::Attack, "A11", "a new block after every 50 texts"),
    of(Kind::Attack, "A12", "14 hours of building trust, then 100 a minute"),
    of(Kind::Attack, "A13", "a whole operator, among customers"),
    of(Kind::Attack, "A14", "1 000 a minute over three countries"),
    of(Kind::Further, "A15", "three probes a block, a burst hours later"),
    of(Kind::Further, "A16", "one IPv6 site that rotates its /64"),
    of(Kind::Further, "A17", "pulses: a minute on, fourteen off"),
    of(Kind::Further, "A18", "inside a genuine launch of the same country"),
    of(Kind::Further, "A19", "in the first hour of a new installation"),
    of(Kind::Further, "A20", "reads decisions, leaves a block at the first stop"),
    of(Kind::Further, "A21", "reads decisions, stays one text below the threshold"),
    of(Kind::Further, "T1", "thin, over the busiest country, from its own addresses"),
    of(Kind::Further, "T2", "eight blocks at once among customers"),
    of(Kind::Further, "B1", "30 days of a bandit that enters a tenth of the codes"),
    of(Kind::HeldOut, "H1", "200 blocks of 100 numbers among customers"),
    of(Kind::HeldOut, "H2", "a tenth of the host's own traffic, in its rhythm"),
    of(Kind::HeldOut, "H3", "own cards sign up, then their neighbours are pumped"),
    of(Kind::HeldOut, "H4", "every request in another country, 25 % entered"),
    of(Kind::HeldOut, "H5", "two minutes an hour, each time another country"),
    of(Kind::HeldOut, "H6", "in strides through a range of a million"),
    of(Kind::HeldOut, "H7", "thirty blocks, mostly from their countries' networks"),
    of(Kind::HeldOut, "H8", "a day after his proxies' networks were verified from"),
    of(Kind::HeldOut, "H9", "in a country whose texts are lost for four hours"),
    of(Kind::HeldOut, "H10", "the neighbours of customers' numbers"),
    of(Kind::HeldOut, "H11", "a new thousand after every ten texts, from home"),
    of(Kind::Anomaly, "N1", "an ordinary day"),
    of(Kind::Anomaly, "N2", "a launch, ten times the volume"),
    of(Kind::Anomaly, "N3", "an operator down in the largest country"),
    of(Kind::Anomaly, "N3s", "the same, and receipts say delivered"),
    of(Kind::Anomaly, "N4", "the provider down everywhere for an hour"),
    of(Kind::Anomaly, "N4s", "the same, and receipts say delivered"),
    of(Kind::Anomaly, "N5", "a company: 60 numbers in a row, one address"),
    of(Kind::Anomaly, "N6", "a launch in a country never seen"),
    of(Kind::Anomaly, "N7", "a country down for six hours, with resends"),
    of(Kind::Anomaly, "N7s", "the same, and receipts say delivered"),
    of(Kind::Anomaly, "N8", "a launch while an operator is down"),
    of(Kind::Anomaly, "N8s", "the same, and receipts say delivered"),
    of(Kind::Anomaly, "N9", "a campus: 200 sign-ups an hour, one address"),
    of(Kind::Anomaly, "X1", "a market that always converted at 40 %"),
    of(Kind::Anomaly, "X2", "an outage in which everybody sends again, four times"),
    of(Kind::Anomaly, "X3", "five times the volume for an hour"),
    of(Kind::Anomaly, "X4", "everybody logs in again after an update"),
    of(Kind::Anomaly, "Y1", "held out: an advertisement, 20 times for 15 minutes"),
    of(Kind::Anomaly, "Y2", "held out: texts arrive ten times later for six hours"),
    of(Kind::Anomaly, "Y3", "held out: one in ten travels, from one day to the next"),
];

/// A scenario's rows, in time order, and when it begins: everything before is ordinary traffic.
pub struct Made {
    pub rows: Vec<Row>,
    pub begins_ms: u64,
    /// When the attack ends, or the anomaly.
    pub ends_ms: u64,
}

impl Scenario {
    pub fn is_attack(&self) -> bool {
        self.kind != Kind::Anomaly
    }

    /// Makes the rows.
    pub fn make(&self, seed: u64, daily: f64, solves: f64) -> Made {
        self.make_in(World::Plain, seed, daily, solves)
    }

    /// Makes the rows in a world of the caller's choice.
    pub fn make_in(&self, world: World, seed: u64, daily: f64, solves: f64) -> Made {
        // without days before it: a new installation
        let cold = matches!(self.name, "A19" | "X1");
        let begins_ms = START + if cold { 0 } else { WARM_DAYS * DAY };
        let at = begins_ms + 9 * HOUR;
        let honest = Honest::new(world, daily);
        // the same ordinary days before every scenario
        let mut rows = honest.rows(&mut Rng::new(seed ^ 0xbeef), START, begins_ms, &[]);
        let mut rng = Rng::new(seed ^ 0xfeed);
        let (special, end) = match self.name {
            name if self.is_attack() => {
                let (mut rows, end) = attack(name, seed, at, daily, solves);
                let mut draw = Rng::new(seed ^ 0xadd);
                for row in &mut rows {
                    row.ip = world.address(&mut draw).unwrap_or(row.ip);
                }
                (rows, end)
            }
            "N5" => (honest.company(&mut rng, at), at + HOUR / 2),
            "N6" => (honest.new_country(&mut rng, at, 240, 30.0), at + 4 * HOUR),
            "N9" => (honest.campus(&mut rng, at, 3), at + 3 * HOUR),
            _ => (Vec::new(), begins_ms),
        };
        let anomalies = self.anomalies(world, at);
        let span = if self.name == "X1" { 2 * DAY } else { DAY };
        let last = (begins_ms + span).max(end + 3 * HOUR);
        rows.extend(honest.rows(&mut rng, begins_ms, last, &anomalies));
        rows.extend(special);
        rows.sort_by_key(|row| row.at_ms);
        Made { rows, begins_ms, ends_ms: end }
    }

    fn anomalies(&self, world: World, at: u64) -> Vec<Anomaly> {
        let silent = self.name.ends_with('s');
        let [us, vn, ph, india, br] =
            [b"US", b"VN", b"PH", b"IN", b"BR"].map(|region| world.stage(country(region)));
        let launch =
            |country, factor| Anomaly::Launch { country, factor, from: at, to: at + 4 * HOUR };
        let down = |country, from, hours| Anomaly::OperatorDown {
            country,
            from,
            to: from + hours * HOUR,
            silent,
            sends: 0,
        };
        let outage = |country, hours, sends| Anomaly::Outage {
            country,
            from: at,
            to: at + hours * HOUR,
            silent,
            sends,
        };
        match self.name.trim_end_matches('s') {
            "A18" | "N2" => vec![launch(vn, 10.0)],
            // in the evening of the country
            "N3" => vec![down(us, at + 8 * HOUR, 3)],
            "N4" => vec![outage(None, 1, 0)],
            "H9" => vec![outage(Some(ph), 4, 1)],
            "N7" => vec![outage(Some(ph), 6, 2)],
            "N8" => vec![launch(ph, 6.0), down(ph, at, 4)],
            "X1" => vec![Anomaly::PoorMarket { country: br, conversion: 0.4, factor: 2.0 }],
            "X2" => vec![outage(Some(india), 3, 4)],
            "X3" => vec![Anomaly::Peak { factor: 5.0, from: at, to: at + HOUR }],
            "X4" => vec![Anomaly::Relogin { factor: 8.0, from: at, to: at + HOUR }],
            "Y1" => vec![Anomaly::Launch {
                country: world.stage(country(b"TR")),
                factor: 20.0,
                from: at,
                to: at + HOUR / 4,
            }],
            "Y3" => vec![Anomaly::Travel { share: 0.1, from: at - 9 * HOUR, to: at + 15 * HOUR }],
            "Y2" => vec![Anomaly::Slow { country: india, factor: 10, from: at, to: at + 6 * HOUR }],
            _ => Vec::new(),
        }
    }
}
