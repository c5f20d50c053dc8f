//! What is measured of one run: beside the replay's scores, what only the laboratory knows.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::support::drive::Run;
use crate::support::lab::scenario::Made;
use crate::support::score::Score;
use crate::support::trace::Trace;

/// Points along the time axis.
pub const BINS: usize = 144;

/// Honest sessions: a person, with all its presses of "send again".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct People {
    pub sessions: u64,
    pub stepped_up: u64,
    pub refused: u64,
}

impl People {
    pub fn and(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            stepped_up: self.stepped_up + other.stepped_up,
            refused: self.refused + other.refused,
        }
    }

    fn add(&mut self, (stepped_up, refused): (bool, bool)) {
        self.sessions += 1;
        self.stepped_up += u64::from(stepped_up);
        self.refused += u64::from(refused);
    }

    pub fn refused_percent(&self) -> f64 {
        self.refused as f64 * 100.0 / self.sessions.max(1) as f64
    }

    pub fn stepped_up_percent(&self) -> f64 {
        self.stepped_up as f64 * 100.0 / self.sessions.max(1) as f64
    }
}

/// Counts over time, from the beginning of the scenario on.
#[derive(Clone, Debug, Default)]
pub struct Course {
    pub start_ms: u64,
    pub end_ms: u64,
    pub honest_asked: Vec<f64>,
    pub honest_sent: Vec<f64>,
    pub attack_asked: Vec<f64>,
    pub attack_sent: Vec<f64>,
    pub stopped: Vec<f64>,
}

/// The measures of one rival in one scenario with one seed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// The attack, scored as the replay scores it.
    pub attack: Score,
    /// Honest people in the ordinary days before.
    pub before: People,
    /// Honest people during the scenario.
    pub people: People,
    /// Those whom the anomaly is about: the company, the launch, the campus.
    pub concerned: People,
    /// Honest new people in countries under attack.
    pub attacked: People,
    /// Seconds from the end of the attack to the last honest refusal.
    pub recovery_s: u64,
    /// Refusals by reason, all of the trace.
    pub refusals: BTreeMap<String, u64>,
    /// Refusals of honest people by reason.
    pub honest_refusals: BTreeMap<String, u64>,
    pub nodes_peak: usize,
    pub bytes_peak: usize,
    #[serde(skip)]
    pub course: Course,
}

impl Outcome {
    pub fn of(trace: &Trace, run: &Run, made: &Made, attack: Score) -> Self {
        let mut outcome = Self {
            attack,
            refusals: run.refusals(),
            nodes_peak: run.nodes_peak,
            bytes_peak: run.bytes_peak,
            course: course(trace, run, made.begins_ms),
            ..Self::default()
        };
        let attacked: HashSet<[u8; 2]> =
            trace.rows.iter().filter(|row| trace.is_attack(row)).map(|row| row.region).collect();
        // what became of a person: of all presses together
        let mut sessions: HashMap<&str, (usize, (bool, bool))> = HashMap::new();
        let mut last_refusal = 0;
        for (index, (row, fate)) in trace.rows.iter().zip(&run.fates).enumerate() {
            if trace.is_attack(row) {
                continue;
            }
            let (_, fates) = sessions.entry(&row.session).or_insert((index, (false, false)));
            fates.0 |= fate.stepped_up;
            fates.1 |= fate.refused.is_some();
            if let Some(reason) = fate.refused {
                let reason = run.reasons[usize::from(reason)].clone();
                *outcome.honest_refusals.entry(reason).or_default() += 1;
                last_refusal = row.at_ms;
            }
        }
        for (first, fates) in sessions.into_values() {
            let row = &trace.rows[first];
            if row.at_ms < made.begins_ms {
                outcome.before.add(fates);
                continue;
            }
            outcome.people.add(fates);
            match trace.label(row) {
                "legit:returning" => {}
                "legit:new" if attacked.contains(&row.region) => outcome.attacked.add(fates),
                "legit:new" => {}
                _ => outcome.concerned.add(fates),
            }
        }
        if !attacked.is_empty() {
            outcome.recovery_s = last_refusal.saturating_sub(made.ends_ms) / 1_000;
        }
        outcome
    }
}

fn course(trace: &Trace, run: &Run, start_ms: u64) -> Course {
    let end_ms = trace.rows.last().map_or(start_ms, |row| row.at_ms).max(start_ms + 1);
    let empty = || vec![0.0; BINS];
    let mut course = Course {
        start_ms,
        end_ms,
        honest_asked: empty(),
        honest_sent: empty(),
        attack_asked: empty(),
        attack_sent: empty(),
        stopped: empty(),
    };
    for (row, fate) in trace.rows.iter().zip(&run.fates) {
        let Some(since) = row.at_ms.checked_sub(start_ms) else { continue };
        let bin = (since as u128 * BINS as u128 / (end_ms - start_ms + 1) as u128) as usize;
        let (asked, sent) = if trace.is_attack(row) {
            (&mut course.attack_asked, &mut course.attack_sent)
        } else {
            (&mut course.honest_asked, &mut course.honest_sent)
        };
        asked[bin] += 1.0;
        sent[bin] += f64::from(u8::from(fate.sent));
        course.stopped[bin] += f64::from(u8::from(!fate.sent));
    }
    course
}
