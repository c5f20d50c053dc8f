//! Drives a host over a trace and writes down what became of each row.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use otpgate::pumping::PriceTable;
use otpgate::token::SendTicket;
use otpgate::{Region, StepUpMeans};

use crate::host::{Answer, Choices, Host, Text};
use crate::trace::Trace;

/// How long a client takes for a step-up.
const STEP_UP_MS: u64 = 3_000;
/// How long a carrier takes for a receipt.
const RECEIPT_MS: u64 = 5_000;
/// The most step-ups one client goes through for one text.
const STEP_UPS: u8 = 3;

/// What became of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    pub sent: bool,
    pub stepped_up: bool,
    pub passed: bool,
    /// Why it was refused, if it was.
    pub refused: Option<String>,
    pub verified: bool,
}

/// A whole run.
#[derive(Debug, Default)]
pub struct Run {
    pub fates: Vec<Fate>,
    pub refusals: BTreeMap<String, u64>,
    pub nodes_peak: usize,
    pub bytes_peak: usize,
    pub nanoseconds_per_request: u64,
}

enum Later {
    StepUp { row: usize, rounds: u8, means: StepUpMeans, ticket: SendTicket },
    Verify { row: usize, sent: usize },
    Receipt { row: usize, sent: usize },
}

/// What a message costs in each country: the dearest that the trace says, so that no budget is
/// judged too kindly.
pub fn prices(trace: &Trace) -> PriceTable {
    let mut dearest: BTreeMap<[u8; 2], u32> = BTreeMap::new();
    for row in &trace.rows {
        let price = u32::try_from(row.price_microusd).unwrap_or(u32::MAX);
        let entry = dearest.entry(letters(row.phone.region())).or_default();
        *entry = price.max(*entry);
    }
    dearest
        .into_iter()
        .fold(PriceTable::builtin(), |table, (region, price)| table.with(region, price))
}

/// Runs the trace. `progress` is told how many rows are done.
pub fn run(
    trace: &Trace,
    choices: &Choices,
    prices: &PriceTable,
    mut progress: impl FnMut(usize),
) -> Result<Run, String> {
    let start = trace.rows.first().map_or(0, |row| row.at_ms);
    let mut host = Host::new(choices, prices, start)?;
    let mut run = Run { fates: vec![Fate::default(); trace.rows.len()], ..Run::default() };
    let mut due: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut waiting: BTreeMap<u64, Later> = BTreeMap::new();
    let mut texts: BTreeMap<usize, (Text, u8)> = BTreeMap::new();
    let (mut ticket, mut sends, mut next) = (0_u64, 0_usize, 0_usize);
    loop {
        let row_at = trace.rows.get(next).map(|row| row.at_ms);
        let due_at = due.peek().map(|Reverse((at, _))| *at);
        let at = match (due_at, row_at) {
            (None, None) => break,
            (Some(due), Some(row)) => due.min(row),
            (Some(at), None) | (None, Some(at)) => at,
        };
        host.advance(at);
        let (index, rounds, step_up) = if due_at == Some(at) {
            let Some(later) = due.pop().and_then(|Reverse((_, key))| waiting.remove(&key)) else {
                continue;
            };
            match later {
                Later::StepUp { row, rounds, means, ticket } => {
                    (row, rounds, Some((means, ticket)))
                }
                Later::Verify { row, sent } => {
                    if let Some((text, _)) = texts.get(&sent) {
                        run.fates[row].verified = host.verify(text);
                    }
                    release(&mut texts, sent);
                    continue;
                }
                Later::Receipt { row, sent } => {
                    if let Some((text, _)) = texts.get(&sent) {
                        host.receipt(text, trace.rows[row].delivered);
                    }
                    release(&mut texts, sent);
                    continue;
                }
            }
        } else {
            next += 1;
            if next.is_multiple_of(256) {
                progress(next);
                let (nodes, bytes) = host.footprint();
                run.nodes_peak = run.nodes_peak.max(nodes);
                run.bytes_peak = run.bytes_peak.max(bytes);
            }
            (next - 1, 0, None)
        };
        let row = &trace.rows[index];
        let mut plan = |at: u64, later: Later| {
            due.push(Reverse((at, ticket)));
            waiting.insert(ticket, later);
            ticket += 1;
        };
        let stepped = step_up.is_some();
        match host.request(&row.phone, row.ip, &row.session, step_up) {
            Answer::Sent(text) => {
                run.fates[index].sent = true;
                run.fates[index].passed |= stepped;
                plan(at + RECEIPT_MS, Later::Receipt { row: index, sent: sends });
                let converts = row.converts_after_ms;
                if let Some(after) = converts {
                    plan(at.saturating_add(after), Later::Verify { row: index, sent: sends });
                }
                texts.insert(sends, (*text, 1 + u8::from(converts.is_some())));
                sends += 1;
            }
            Answer::StepUp(means, ticket) => {
                run.fates[index].stepped_up = true;
                if row.solves && rounds < STEP_UPS {
                    let later = Later::StepUp { row: index, rounds: rounds + 1, means, ticket };
                    plan(at + STEP_UP_MS, later);
                }
            }
            Answer::Refused(reason) => {
                *run.refusals.entry(reason.clone()).or_default() += 1;
                run.fates[index].refused = Some(reason);
            }
        }
    }
    progress(trace.rows.len());
    let (nodes, bytes) = host.footprint();
    run.nodes_peak = run.nodes_peak.max(nodes);
    run.bytes_peak = run.bytes_peak.max(bytes);
    let inside = u64::try_from(host.inside.as_nanos()).unwrap_or(u64::MAX);
    run.nanoseconds_per_request = inside.checked_div(host.requests).unwrap_or(0);
    Ok(run)
}

/// Forgets a text when nothing more will happen to it.
fn release(texts: &mut BTreeMap<usize, (Text, u8)>, sent: usize) {
    if let Some((_, uses)) = texts.get_mut(&sent) {
        *uses -= 1;
        if *uses == 0 {
            texts.remove(&sent);
        }
    }
}

fn letters(region: Option<Region>) -> [u8; 2] {
    match region.as_ref().map(|region| region.as_str().as_bytes()) {
        Some([a, b]) => [*a, *b],
        _ => *b"00",
    }
}
