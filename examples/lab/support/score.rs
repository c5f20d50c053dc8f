//! Adds up the fates of a run by label.

use std::collections::BTreeMap;

use serde::Serialize;

use super::drive::Run;
use super::table::{aligned, dollars};
use super::trace::Trace;

/// After so many stops in a row an attack counts as stopped.
const STOPPED: u64 = 20;

/// The numbers of one label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    pub requests: u64,
    pub sent: u64,
    pub stepped_up: u64,
    pub step_up_passed: u64,
    pub refused: u64,
    pub asked_microusd: u64,
    pub spent_microusd: u64,
    /// Messages sent before twenty requests in a row got none; null if that never happened.
    pub sent_before_first_stop: Option<u64>,
    #[serde(skip)]
    in_a_row: u64,
}

/// The result of a run, as it goes into the JSON file.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    pub labels: BTreeMap<String, Score>,
    pub totals: BTreeMap<&'static str, Score>,
    pub refusals: BTreeMap<String, u64>,
    pub nodes_peak: usize,
    pub bytes_peak: usize,
    pub nanoseconds_per_request: u64,
    pub rows: usize,
    pub malformed_rows: usize,
}

impl Scores {
    pub fn of(trace: &Trace, run: &Run) -> Self {
        let mut labels: BTreeMap<String, Score> = BTreeMap::new();
        let mut totals: BTreeMap<&'static str, Score> =
            [("attack", Score::default()), ("legit", Score::default())].into();
        for (row, fate) in trace.rows.iter().zip(&run.fates) {
            let label = trace.label(row);
            let side = if trace.is_attack(row) { "attack" } else { "legit" };
            if !labels.contains_key(label) {
                labels.insert(label.to_owned(), Score::default());
            }
            for score in [labels.get_mut(label), totals.get_mut(side)].into_iter().flatten() {
                score.requests += 1;
                score.sent += u64::from(fate.sent);
                score.stepped_up += u64::from(fate.stepped_up);
                score.step_up_passed += u64::from(fate.passed);
                score.refused += u64::from(fate.refused.is_some());
                score.asked_microusd += u64::from(row.price_microusd);
                score.in_a_row = if fate.sent { 0 } else { score.in_a_row + 1 };
                if fate.sent {
                    score.spent_microusd += u64::from(row.price_microusd);
                }
                if score.in_a_row >= STOPPED && score.sent_before_first_stop.is_none() {
                    score.sent_before_first_stop = Some(score.sent);
                }
            }
        }
        Self {
            labels,
            totals,
            refusals: run.refusals(),
            nodes_peak: run.nodes_peak,
            bytes_peak: run.bytes_peak,
            nanoseconds_per_request: run.nanoseconds_per_request,
            rows: trace.rows.len(),
            malformed_rows: trace.malformed.len(),
        }
    }

    /// A table for the terminal.
    pub fn table(&self) -> String {
        let head = [
            "label",
            "requests",
            "sent",
            "stepped up",
            "passed",
            "refused",
            "asked $",
            "spent $",
            "spent %",
        ];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        let totals = self.totals.iter().map(|(side, score)| (format!("total {side}"), score));
        let labels = self.labels.iter().map(|(label, score)| (label.clone(), score));
        for (name, score) in labels.chain(totals) {
            let share = score.spent_microusd as f64 * 100.0 / (score.asked_microusd.max(1) as f64);
            lines.push(vec![
                name,
                score.requests.to_string(),
                score.sent.to_string(),
                score.stepped_up.to_string(),
                score.step_up_passed.to_string(),
                score.refused.to_string(),
                dollars(score.asked_microusd),
                dollars(score.spent_microusd),
                format!("{share:.2}"),
            ]);
        }
        aligned(&lines)
    }
}
