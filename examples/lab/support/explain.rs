//! The evidence of one node over time: why a block was asked or refused, or why not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use otpgate::pumping::{Action, BlockLevel, NodeId, NodeView, Tuning};

use super::drive::Run;
use super::judge::{Decision, Judge};
use super::page::{self, when};
use super::plot::{ASKED, HONEST, Line, Plot, SENT, STEP_UP, STOPPED};
use super::table::aligned;
use super::trace::{Row, Trace};

/// Stretches of time in the table, and points in the plot.
const STRETCHES: u64 = 48;
/// Characters of the longest bar; it stands for the evidence at which a node may refuse, and a third
/// more.
const BAR: f64 = 32.0;

/// Which node is watched, and the numbers that it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub node: NodeId,
    prefix: String,
    region: Option<[u8; 2]>,
}

impl Watched {
    /// The node for a prefix: the block whose numbers have as many digits more, as numbers of that
    /// prefix in the trace have; where even a million is finer, the country.
    pub fn of(prefix: &str, trace: &Trace) -> Result<Self, String> {
        if let Some(pool) = Self::pool(prefix, trace)? {
            return Ok(pool);
        }
        let digits: String =
            prefix.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | 'x' | 'X')).collect();
        if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!(
                "--explain `{prefix}` is no prefix of a number, such as +99894120; other nodes are \
                 `country UZ`, `away`, `away UZ`, `unseen`, `unseen UZ` and `everyone`"
            ));
        }
        let mut lengths: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
        let mut regions: BTreeMap<[u8; 2], usize> = BTreeMap::new();
        for row in &trace.rows {
            let number = row.phone.to_string();
            if number.starts_with(&digits) {
                lengths.entry(number.len()).or_insert((0, row.phone)).0 += 1;
                *regions.entry(row.region).or_default() += 1;
            }
        }
        let usual = lengths.iter().max_by_key(|(_, (count, _))| *count);
        let Some((length, (_, phone))) = usual else {
            return Err(format!("--explain {prefix}: no number of the trace begins so"));
        };
        let level = match length - digits.len() {
            0..=2 => BlockLevel::Hundred,
            3 => BlockLevel::Thousand,
            4 => BlockLevel::TenThousand,
            5 => BlockLevel::HundredThousand,
            6 => BlockLevel::Million,
            _ => {
                let region = regions.iter().max_by_key(|(_, count)| **count);
                let region = region.map_or(*b"00", |(region, _)| *region);
                let node = NodeId::region(BlockLevel::Country, region);
                return Ok(Self { node, prefix: digits, region: Some(region) });
            }
        };
        let node = NodeId::block(level, *phone);
        // less than a hundred numbers is more than any node tells apart
        let kept = digits.len().min(length - 2);
        Ok(Self { node, prefix: digits[..kept].to_owned(), region: None })
    }

    /// A country, or one of the pools: `country GB`, `away` and `away GB` (networks where nobody was
    /// seen), `unseen` and `unseen GB` (ranges where nobody was seen), `everyone`. A pool's table counts
    /// all requests for its country, also those that are not the pool's.
    fn pool(name: &str, trace: &Trace) -> Result<Option<Self>, String> {
        let words: Vec<&str> = name.split_whitespace().collect();
        let (level, region) = match *words {
            ["country", region] => (BlockLevel::Country, Some(region)),
            ["away"] => (BlockLevel::Away, None),
            ["away", region] => (BlockLevel::AwayCountry, Some(region)),
            ["unseen"] => (BlockLevel::Cold, None),
            ["unseen", region] => (BlockLevel::ColdCountry, Some(region)),
            ["everyone"] => (BlockLevel::Everyone, None),
            _ => return Ok(None),
        };
        let Some(word) = region else {
            let node = NodeId::pool(level);
            return Ok(Some(Self { node, prefix: String::new(), region: None }));
        };
        let region = trace.rows.iter().map(|row| row.region).find(|known| known == word.as_bytes());
        let region = region.ok_or_else(|| {
            format!("--explain {name}: no number of the trace is in `{word}`; a country is written as UZ")
        })?;
        let node = NodeId::region(level, region);
        Ok(Some(Self { node, prefix: String::new(), region: Some(region) }))
    }

    fn counts(&self, row: &Row) -> bool {
        match self.region {
            Some(region) => row.region == region,
            None => row.phone.to_string().starts_with(&self.prefix),
        }
    }
}

/// What the node looked like at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at_ms: u64,
    pub view: NodeView,
}

/// Passes everything on, and writes down the node whenever it has changed.
pub struct Watcher<'a, J> {
    judge: &'a mut J,
    inspect: fn(&J, NodeId) -> Option<NodeView>,
    node: NodeId,
    now: u64,
    pub samples: Vec<Sample>,
}

impl<'a, J> Watcher<'a, J> {
    pub fn new(
        judge: &'a mut J,
        node: NodeId,
        inspect: fn(&J, NodeId) -> Option<NodeView>,
    ) -> Self {
        Self { judge, inspect, node, now: 0, samples: Vec::new() }
    }

    fn look(&mut self) {
        let Some(view) = (self.inspect)(self.judge, self.node) else { return };
        if self.samples.last().is_none_or(|sample| sample.view != view) {
            self.samples.push(Sample { at_ms: self.now, view });
        }
    }
}

impl<J: Judge> Judge for Watcher<'_, J> {
    fn advance(&mut self, at_ms: u64) {
        self.now = self.now.max(at_ms);
        self.judge.advance(at_ms);
    }

    fn button(&mut self, row: &Row, at_ms: u64) -> Option<u64> {
        self.judge.button(row, at_ms)
    }

    fn request(&mut self, index: usize, row: &Row, at_ms: u64, passed: bool) -> Decision {
        let decision = self.judge.request(index, row, at_ms, passed);
        self.look();
        decision
    }

    fn verify(&mut self, index: usize, row: &Row, at_ms: u64) -> bool {
        let accepted = self.judge.verify(index, row, at_ms);
        self.look();
        accepted
    }

    fn receipt(&mut self, index: usize, row: &Row, at_ms: u64) {
        self.judge.receipt(index, row, at_ms);
        self.look();
    }

    fn close(&mut self, index: usize, row: &Row) {
        self.judge.close(index, row);
    }

    fn footprint(&self) -> (usize, usize) {
        self.judge.footprint()
    }

    fn nanoseconds_per_request(&self) -> u64 {
        self.judge.nanoseconds_per_request()
    }
}

/// One stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    requests: u64,
    sent: u64,
    asked: u64,
    refused: u64,
    entered: u64,
    evidence: f32,
    step_ups: f32,
    share: f32,
    unanswered: u16,
    action: Option<Action>,
}

/// The course of a node, from the first request for one of its numbers to the last.
pub struct Explanation {
    watched: Watched,
    start_ms: u64,
    end_ms: u64,
    stretches: Vec<Stretch>,
    changes: Vec<Sample>,
}

impl Explanation {
    pub fn of(watched: &Watched, samples: &[Sample], trace: &Trace, run: &Run) -> Self {
        let rows = || trace.rows.iter().zip(&run.fates).filter(|(row, _)| watched.counts(row));
        let start_ms = rows().next().map_or(0, |(row, _)| row.at_ms);
        let end_ms = rows().next_back().map_or(start_ms, |(row, _)| row.at_ms).max(start_ms + 1);
        let place = |at: u64| {
            let part = u128::from(at.clamp(start_ms, end_ms) - start_ms) * u128::from(STRETCHES);
            (part / u128::from(end_ms - start_ms + 1)) as usize
        };
        let mut stretches = vec![Stretch::default(); STRETCHES as usize];
        for (row, fate) in rows() {
            let stretch = &mut stretches[place(row.at_ms)];
            stretch.requests += 1;
            stretch.sent += u64::from(fate.sent);
            stretch.asked += u64::from(fate.stepped_up);
            stretch.refused += u64::from(fate.refused.is_some());
            stretch.entered += u64::from(fate.verified);
        }
        let mut changes: Vec<Sample> = Vec::new();
        let mut before = Action::Pass;
        for sample in samples.iter().filter(|sample| sample.at_ms <= end_ms) {
            let view = &sample.view;
            let stretch = &mut stretches[place(sample.at_ms)];
            stretch.evidence = stretch.evidence.max(view.evidence);
            stretch.step_ups = view.step_up_evidence;
            stretch.share = stretch.share.max(view.share_evidence);
            stretch.unanswered = stretch.unanswered.max(view.unanswered);
            let acts = view.action != Action::Pass;
            stretch.action = acts.then_some(view.action).max_by_severity(stretch.action);
            if view.action != before {
                before = view.action;
                changes.push(*sample);
            }
        }
        Self { watched: watched.clone(), start_ms, end_ms, stretches, changes }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let tuning = Tuning::default();
        let mut text = format!(
            "\nEvidence at {}, in nats: it asks from {} on, and refuses from {} on\n",
            self.watched.node, tuning.ask_at, tuning.refuse_at
        );
        let head = [
            "from (UTC)",
            "requests",
            "sent",
            "asked",
            "refused",
            "entered",
            "out",
            "evidence",
            "step-ups",
            "share",
            "",
        ];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        let mut bars = vec![String::new()];
        for (index, stretch) in self.stretches.iter().enumerate() {
            if stretch.requests == 0 && stretch.evidence < 0.05 && stretch.action.is_none() {
                continue;
            }
            let since = u128::from(self.end_ms - self.start_ms) * index as u128;
            let from = self.start_ms + (since / u128::from(STRETCHES)) as u64;
            lines.push(vec![
                when(from),
                stretch.requests.to_string(),
                stretch.sent.to_string(),
                stretch.asked.to_string(),
                stretch.refused.to_string(),
                stretch.entered.to_string(),
                stretch.unanswered.to_string(),
                format!("{:.1}", stretch.evidence),
                format!("{:+.1}", stretch.step_ups),
                format!("{:.1}", stretch.share),
                match stretch.action {
                    Some(Action::Refuse) => "refuses".to_owned(),
                    Some(_) => "asks".to_owned(),
                    None => String::new(),
                },
            ]);
            bars.push(bar(stretch.evidence, &tuning));
        }
        for (line, bar) in aligned(&lines).lines().zip(&bars) {
            let _ = writeln!(text, "{}", format!("{line:<104} {bar}").trim_end());
        }
        if self.changes.is_empty() {
            text.push_str("It asked for nothing and refused nobody.\n");
        }
        for Sample { at_ms, view } in &self.changes {
            let what = match view.action {
                Action::Refuse => format!("refuses, until {} at most", when(view.until_ms)),
                Action::Ask => "asks to prove more".to_owned(),
                _ => "lets pass".to_owned(),
            };
            let _ = writeln!(
                text,
                "{}  {what}: evidence {:.1}, step-ups {:+.1}, share {:.1}, {} out, {:.1} verified a day",
                when(*at_ms),
                view.evidence,
                view.step_up_evidence,
                view.share_evidence,
                view.unanswered,
                view.verified_daily,
            );
        }
        text
    }

    /// For the page: a headline and a plot.
    pub fn section(&self) -> String {
        let tuning = Tuning::default();
        let series = |value: &dyn Fn(&Stretch) -> f32| -> Vec<f64> {
            self.stretches.iter().map(|stretch| f64::from(value(stretch))).collect()
        };
        let lines = [
            Line::new("evidence", HONEST, series(&|s| s.evidence)).filled(),
            Line::new("of step-ups", SENT, series(&|s| s.step_ups.max(0.0))),
            Line::new("of the share", ASKED, series(&|s| s.share)),
            Line::new("asks", STEP_UP, series(&|_| tuning.ask_at)),
            Line::new("refuses", STOPPED, series(&|_| tuning.refuse_at)),
        ];
        let plot = Plot {
            width: 960.0,
            height: 210.0,
            unit: "nats",
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            lines: &lines,
            shaded: &[],
        };
        let node = page::escape(&self.watched.node.to_string());
        format!("<h2>Evidence at {node}</h2>{}", plot.svg())
    }
}

/// The worse of two actions.
trait Severity {
    fn max_by_severity(self, other: Self) -> Self;
}

impl Severity for Option<Action> {
    fn max_by_severity(self, other: Self) -> Self {
        let rank = |action: &Self| match action {
            Some(Action::Refuse) => 2,
            Some(Action::Ask) => 1,
            _ => 0,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// A bar with a mark where the node asks and one where it refuses.
fn bar(evidence: f32, tuning: &Tuning) -> String {
    let place = |nats: f32| (f64::from(nats / tuning.refuse_at) * BAR * 0.75) as usize;
    let (full, asks, refuses) =
        (place(evidence).min(BAR as usize), place(tuning.ask_at), place(tuning.refuse_at));
    let end = full.max(refuses + 1);
    (0..end)
        .map(|at| match at {
            _ if at == asks => '?',
            _ if at == refuses => '!',
            _ if at < full => '#',
            _ => ' ',
        })
        .collect::<String>()
        .trim_end()
        .to_owned()
}
