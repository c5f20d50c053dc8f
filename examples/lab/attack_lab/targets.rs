//! What has to be reached, beside what was.

use serde::Serialize;

use crate::outcome::People;
use crate::report::{Cell, Results};
use crate::support::lab::scenario::Kind;

/// One target.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    pub what: String,
    pub bound: f64,
    pub measured: f64,
    pub unit: &'static str,
    /// Whether it holds; null where it is only said for another size of host.
    pub holds: Option<bool>,
}

/// Attacks on one block of numbers. A12 also has one, but earns its way in by texts that convert.
const SINGLE_BLOCK: [&str; 6] = ["A1", "A2", "A5", "A6", "A7", "A17"];

/// All targets for which something was measured.
pub fn all(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut push = |what: String, bound: f64, unit: &'static str, measured: Option<f64>| {
        let holds = |measured: f64| Some(measured <= bound);
        targets.extend(measured.map(|measured| Target {
            what,
            bound,
            measured,
            unit,
            holds: holds(measured),
        }));
    };
    let leak = |names: &[&str]| leak(results, |cell| names.contains(&cell.scenario.name));
    push(
        "leaked spend, A1 to A14".to_owned(),
        0.5,
        "%",
        self::leak(results, |cell| cell.scenario.kind == Kind::Attack),
    );
    let single = cells(results, |cell| SINGLE_BLOCK.contains(&cell.scenario.name));
    push(
        "texts of an attack on one block, the worst run".to_owned(),
        60.0,
        "texts",
        single.map(|cell| cell.outcome.attack.sent as f64).reduce(f64::max),
    );
    push("leaked spend, low and slow (A4)".to_owned(), 20.0, "%", leak(&["A4"]));
    push("leaked spend, fake converters (A6, A7)".to_owned(), 2.0, "%", leak(&["A6", "A7"]));
    let normal = people(
        results,
        |cell| cell.scenario.name == "N1",
        |cell| cell.outcome.people.and(cell.outcome.before),
    );
    let anomalies = people(
        results,
        |cell| cell.scenario.name.starts_with('N'),
        |cell| cell.outcome.people.and(cell.outcome.before),
    );
    push(
        "honest sessions refused, ordinary days and N1 to N9".to_owned(),
        0.0,
        "sessions",
        anomalies.map(|people| people.refused as f64),
    );
    push(
        "honest sessions asked to prove more, ordinary days".to_owned(),
        0.01,
        "%",
        normal.map(|people| people.stepped_up_percent()),
    );
    let launch = people(results, |cell| cell.scenario.name == "N6", |cell| cell.outcome.concerned);
    push(
        "sessions of a launch in a new country asked to prove more (N6)".to_owned(),
        5.0,
        "%",
        launch.map(|people| people.stepped_up_percent()),
    );
    for (name, bound) in [("A3", 2.0), ("A5", 2.0), ("A7", 2.0), ("A13", 10.0)] {
        let attacked =
            people(results, |cell| cell.scenario.name == name, |cell| cell.outcome.attacked);
        push(
            format!("honest new users refused in attacked countries ({name})"),
            bound,
            "%",
            attacked.map(|people| people.refused_percent()),
        );
    }
    push(
        "last honest refusal after an attack's end (A1 to A14), the worst run".to_owned(),
        600.0,
        "s",
        cells(results, |cell| cell.scenario.kind == Kind::Attack)
            .map(|cell| cell.outcome.recovery_s as f64)
            .reduce(f64::max),
    );
    push(
        "largest detector".to_owned(),
        64.0,
        "MB",
        cells(results, |_| true).map(|cell| cell.outcome.bytes_peak as f64 / 1e6).reduce(f64::max),
    );
    // said for hosts of 20 000 a day
    if results.daily < 20_000.0 {
        for target in &mut targets {
            if target.what.contains("(N6)") {
                target.holds = None;
            }
        }
    }
    targets
}

fn cells<'a>(
    results: &'a Results,
    fits: impl Fn(&Cell) -> bool + 'a,
) -> impl Iterator<Item = &'a Cell> + 'a {
    results.ours().filter(move |cell| fits(cell))
}

fn leak(results: &Results, fits: impl Fn(&Cell) -> bool) -> Option<f64> {
    let sum = cells(results, fits)
        .map(|cell| &cell.outcome.attack)
        .fold((0, 0), |sum, score| (sum.0 + score.spent_microusd, sum.1 + score.asked_microusd));
    (sum.1 > 0).then(|| sum.0 as f64 * 100.0 / sum.1 as f64)
}

fn people(
    results: &Results,
    fits: impl Fn(&Cell) -> bool,
    which: impl Fn(&Cell) -> People,
) -> Option<People> {
    let sum = cells(results, fits).map(which).reduce(People::and)?;
    (sum.sessions > 0).then_some(sum)
}
