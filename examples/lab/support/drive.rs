//! Drives a judge over a trace and writes down what became of each row.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::judge::{Decision, Judge};
use super::trace::{Row, Trace};

/// How long a client takes for a step-up.
const STEP_UP_MS: u64 = 3_000;
/// How long a carrier takes for a receipt.
const RECEIPT_MS: u64 = 5_000;
/// The most step-ups one client goes through for one text.
const STEP_UPS: u8 = 3;

/// The reason of those who waited for the interval's end and were told to wait again.
const INTERVAL: &str = "limit: interval between two sends to a number";

/// What became of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    pub sent: bool,
    pub stepped_up: bool,
    pub passed: bool,
    pub verified: bool,
    /// Why it was refused, if it was: index into [`Run::reasons`].
    pub refused: Option<u16>,
}

/// A whole run.
#[derive(Debug, Default)]
pub struct Run {
    pub fates: Vec<Fate>,
    pub reasons: Vec<String>,
    pub nodes_peak: usize,
    pub bytes_peak: usize,
    pub nanoseconds_per_request: u64,
}

impl Run {
    /// Refused rows by reason.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for reason in self.fates.iter().filter_map(|fate| fate.refused) {
            if let Some(reason) = self.reasons.get(usize::from(reason)) {
                *counts.entry(reason.clone()).or_insert(0) += 1;
            }
        }
        counts
    }

    fn measure(&mut self, judge: &dyn Judge) {
        let (nodes, bytes) = judge.footprint();
        self.nodes_peak = self.nodes_peak.max(nodes);
        self.bytes_peak = self.bytes_peak.max(bytes);
    }

    fn reason(&mut self, reason: String) -> u16 {
        let known = self.reasons.iter().position(|known| *known == reason);
        let index = known.unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }
}

/// An attacker who chooses its numbers by the answers it gets.
pub trait Adaptive {
    /// Before an attack row is asked for.
    fn choose(&mut self, row: &mut Row);
    /// What came of it; a step-up that is not passed counts as stopped.
    fn learn(&mut self, sent: bool);
    /// What became of a request in the end, and how many step-ups were passed for it.
    fn settled(&mut self, _row: &Row, _sent: bool, _step_ups: u8) {}
    /// What it has to say at the end.
    fn report(&self) -> Option<String> {
        None
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    StepUp { row: usize, rounds: u8 },
    Press { row: usize },
    Verify { row: usize },
    Receipt { row: usize },
}

/// Runs the trace. `progress` is told how many rows are done. With an adaptive attacker the rows of
/// the trace are left as it chose them.
pub fn run(
    trace: &mut Trace,
    judge: &mut dyn Judge,
    mut attacker: Option<&mut dyn Adaptive>,
    mut progress: impl FnMut(usize),
) -> Run {
    let mut run = Run { fates: vec![Fate::default(); trace.rows.len()], ..Run::default() };
    let mut due: BinaryHeap<Reverse<(u64, u64, Later)>> = BinaryHeap::new();
    let (mut order, mut next) = (0_u64, 0_usize);
    loop {
        let row_at = trace.rows.get(next).map(|row| row.at_ms);
        let due_at = due.peek().map(|Reverse((at, ..))| *at);
        let at = match (due_at, row_at) {
            (None, None) => break,
            (Some(due), Some(row)) => due.min(row),
            (Some(at), None) | (None, Some(at)) => at,
        };
        judge.advance(at);
        let (index, rounds, waited) = if due_at == Some(at) {
            let Some(Reverse((.., later))) = due.pop() else { break };
            match later {
                Later::StepUp { row, rounds } => (row, rounds, true),
                Later::Press { row } => (row, 0, true),
                Later::Verify { row } => {
                    run.fates[row].verified = judge.verify(row, &trace.rows[row], at);
                    if !last_is_receipt(&trace.rows[row]) {
                        judge.close(row, &trace.rows[row]);
                    }
                    continue;
                }
                Later::Receipt { row } => {
                    judge.receipt(row, &trace.rows[row], at);
                    if last_is_receipt(&trace.rows[row]) {
                        judge.close(row, &trace.rows[row]);
                    }
                    continue;
                }
            }
        } else {
            next += 1;
            if next.is_multiple_of(256) {
                progress(next);
                run.measure(judge);
            }
            (next - 1, 0, false)
        };
        let attack = attacker.is_some() && trace.is_attack(&trace.rows[index]);
        if let (Some(attacker), true) = (&mut attacker, attack && !waited) {
            attacker.choose(&mut trace.rows[index]);
        }
        let row = &trace.rows[index];
        let mut plan = |at: u64, later: Later| {
            due.push(Reverse((at, order, later)));
            order += 1;
        };
        if rounds == 0
            && let Some(live) = judge.button(row, at).filter(|live| *live > at)
        {
            plan(live, Later::Press { row: index });
            continue;
        }
        let mut decision = judge.request(index, row, at, rounds > 0);
        if let Decision::CountDown(live) = decision {
            if !waited {
                plan(live.max(at + 1), Later::Press { row: index });
                continue;
            }
            decision = Decision::Refuse(INTERVAL.to_owned());
        }
        if let (Some(attacker), true) = (&mut attacker, attack && rounds == 0) {
            attacker.learn(decision == Decision::Send);
        }
        let goes_on = decision == Decision::StepUp && row.solves && rounds < STEP_UPS;
        if let (Some(attacker), true, false) = (&mut attacker, attack, goes_on) {
            attacker.settled(row, decision == Decision::Send, rounds);
        }
        let fate = &mut run.fates[index];
        match decision {
            Decision::Send => {
                fate.sent = true;
                fate.passed |= rounds > 0;
                plan(at.saturating_add(RECEIPT_MS), Later::Receipt { row: index });
                if let Some(after) = row.converts_after_ms {
                    plan(at.saturating_add(after), Later::Verify { row: index });
                }
            }
            Decision::StepUp => {
                fate.stepped_up = true;
                if row.solves && rounds < STEP_UPS {
                    let later = Later::StepUp { row: index, rounds: rounds + 1 };
                    plan(at.saturating_add(STEP_UP_MS), later);
                }
            }
            Decision::CountDown(_) => {}
            Decision::Refuse(reason) => {
                let reason = run.reason(reason);
                run.fates[index].refused = Some(reason);
            }
        }
    }
    progress(trace.rows.len());
    run.measure(judge);
    run.nanoseconds_per_request = judge.nanoseconds_per_request();
    run
}

/// Whether the receipt is the last that happens to a text.
fn last_is_receipt(row: &Row) -> bool {
    row.converts_after_ms.is_none_or(|after| after < RECEIPT_MS)
}
