//! Drives a judge over a trace and keeps the score.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use super::rng::Rng;
use super::trace::Row;
use super::world::{COUNTRIES, country};

/// What a judge says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Send,
    StepUp,
    Refuse,
}

/// Anything that decides about requests: a detector, a baseline, a whole gate.
pub trait Judge {
    fn request(&mut self, row: &Row, at_ms: u64, passed: bool) -> Decision;
    fn verified(&mut self, row: &Row, at_ms: u64);
    fn receipt(&mut self, _row: &Row, _at_ms: u64) {}
}

/// Score of one label.
#[derive(Clone, Debug, Default)]
pub struct Score {
    pub asked: u64,
    pub sent: u64,
    pub asked_usd: f64,
    pub sent_usd: f64,
    pub sessions: u64,
    pub stepped: u64,
    pub refused: u64,
    pub sent_before_first_stop: u64,
    pub first_reaction: Option<u64>,
    stops: u64,
    stopped: bool,
}

/// Scores of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub labels: BTreeMap<String, Score>,
    /// Honest new sessions in attacked countries: all and refused.
    pub attacked: (u64, u64),
    /// The last honest refusal, ms.
    pub last_refusal: u64,
    pub last_attack: u64,
}

impl Report {
    pub fn honest(&self) -> (u64, u64, u64) {
        self.labels
            .iter()
            .filter(|(l, _)| l.starts_with("legit"))
            .fold((0, 0, 0), |s, (_, x)| (s.0 + x.sessions, s.1 + x.stepped, s.2 + x.refused))
    }

    pub fn attack(&self) -> Score {
        self.labels
            .iter()
            .find(|(l, _)| l.starts_with("attack"))
            .map(|(_, s)| s.clone())
            .unwrap_or_default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    Verify(usize),
    Receipt(usize),
    Retry(usize),
}

/// Replays `rows` (sorted). A step-up is answered three seconds later where `solves` is set; a
/// refused client does nothing more; the receipt comes five seconds after the hand-off.
pub fn run(judge: &mut dyn Judge, rows: &mut [Row], adaptive: bool) -> Report {
    let mut report = Report::default();
    let mut later: BinaryHeap<Reverse<(u64, Later)>> = BinaryHeap::new();
    let mut gone: HashSet<u64> = HashSet::new();
    let mut seen: HashMap<u64, (bool, bool)> = HashMap::new();
    let attacked: HashSet<[u8; 2]> =
        rows.iter().filter(|r| r.is_attack()).map(|r| r.region).collect();
    report.last_attack = rows.iter().filter(|r| r.is_attack()).map(|r| r.at_ms).max().unwrap_or(0);
    let mut hop = Hop { rng: Rng::new(99), base: 0 };
    hop.next();
    let mut next = 0;
    loop {
        let from_trace = rows.get(next).map(|r| r.at_ms);
        let from_heap = later.peek().map(|Reverse((at, _))| *at);
        let take_heap = match (from_heap, from_trace) {
            (None, None) => break,
            (Some(h), Some(t)) => h <= t,
            (h, _) => h.is_some(),
        };
        let (at, index, passed) = if take_heap {
            let Some(Reverse((at, what))) = later.pop() else { break };
            match what {
                Later::Verify(i) => {
                    judge.verified(&rows[i], at);
                    continue;
                }
                Later::Receipt(i) => {
                    judge.receipt(&rows[i], at);
                    continue;
                }
                Later::Retry(i) => (at, i, true),
            }
        } else {
            next += 1;
            (rows[next - 1].at_ms, next - 1, false)
        };
        if adaptive && rows[index].is_attack() && !passed {
            rows[index].phone = hop.phone();
        }
        let row = &rows[index];
        if gone.contains(&row.session) {
            continue;
        }
        let usd = f64::from(row.price_microusd) / 1e6;
        let score = report.labels.entry(row.label.clone()).or_default();
        let state = seen.entry(row.session).or_insert_with(|| {
            score.sessions += 1;
            (false, false)
        });
        if !passed {
            score.asked += 1;
            score.asked_usd += usd;
        }
        let decision = judge.request(row, at, passed);
        if row.is_attack() {
            if decision == Decision::Send {
                score.stops = 0;
                if !score.stopped {
                    score.sent_before_first_stop += 1;
                }
            } else if !(passed && decision == Decision::StepUp) {
                score.stops += 1;
                score.stopped |= score.stops >= 20;
                score.first_reaction.get_or_insert(score.sent);
                if adaptive {
                    hop.next();
                }
            }
        }
        match decision {
            Decision::Send => {
                score.sent += 1;
                score.sent_usd += usd;
                later.push(Reverse((at + 5_000, Later::Receipt(index))));
                if let Some(after) = row.converts_after_ms {
                    later.push(Reverse((at + after, Later::Verify(index))));
                }
            }
            Decision::StepUp => {
                if !state.0 {
                    state.0 = true;
                    score.stepped += 1;
                }
                if row.solves && !passed {
                    later.push(Reverse((at + 3_000, Later::Retry(index))));
                } else {
                    gone.insert(row.session);
                }
            }
            Decision::Refuse => {
                if !state.1 {
                    state.1 = true;
                    score.refused += 1;
                    if !row.is_attack() {
                        report.last_refusal = report.last_refusal.max(at);
                        if std::env::var_os("LAB_REFUSALS").is_some() {
                            println!(
                                "    refused {} at {} {:?}",
                                row.label,
                                at,
                                row.region.map(char::from)
                            );
                        }
                    }
                }
                gone.insert(row.session);
            }
        }
        if row.label == "legit:new" && attacked.contains(&row.region) && !passed {
            report.attacked.0 += 1;
            report.attacked.1 += u64::from(decision == Decision::Refuse);
        }
    }
    report
}

/// The adaptive attacker's next block.
struct Hop {
    rng: Rng,
    base: u64,
}

impl Hop {
    fn next(&mut self) {
        let c = &COUNTRIES[country(b"BD")];
        let range = self.rng.below(c.ranges * 3);
        self.base = c.number(range, self.rng.below(100) * 10_000);
    }

    fn phone(&mut self) -> u64 {
        self.base + self.rng.below(10_000)
    }
}
