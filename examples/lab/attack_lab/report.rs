//! The results, as a table, as JSON and as a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::options::{Options, heading};
use crate::outcome::{Outcome, People};
use crate::pictures;
use crate::rivals::Rival;
use crate::support::lab::scenario::{Kind, Scenario};
use crate::support::lab::worlds::World;
use crate::support::page::{grouped, head};
use crate::support::score::Scores;
use crate::support::table::{aligned, dollars};
use crate::targets::{self, Target};

/// One rival, one scenario, one seed.
#[derive(Clone, Debug)]
pub struct Cell {
    pub scenario: Scenario,
    pub seed: u64,
    pub rival: Rival,
    pub outcome: Outcome,
    /// The whole trace, as the replay scores it.
    pub scores: Scores,
}

/// Everything that was measured.
pub struct Results {
    pub daily: f64,
    pub world: World,
    pub seeds: Vec<u64>,
    pub gates: usize,
    pub solves: f64,
    pub policy: String,
    pub rivals: Vec<Rival>,
    pub scenarios: Vec<Scenario>,
    pub cells: Vec<Cell>,
}

/// One scenario over all seeds.
pub struct Summary {
    pub runs: u64,
    pub asked: u64,
    pub sent: u64,
    pub worst: u64,
    pub asked_microusd: u64,
    pub spent_microusd: u64,
    /// Texts before the first twenty stops in a row, the mean.
    pub stop: Option<f64>,
    pub people: People,
    pub concerned: People,
    pub attacked: People,
    pub recovery_s: u64,
}

impl Summary {
    pub fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Self {
        let mut sum = Self {
            runs: 0,
            asked: 0,
            sent: 0,
            worst: 0,
            asked_microusd: 0,
            spent_microusd: 0,
            stop: None,
            people: People::default(),
            concerned: People::default(),
            attacked: People::default(),
            recovery_s: 0,
        };
        let mut stops = Vec::new();
        for Cell { outcome, .. } in cells {
            sum.runs += 1;
            sum.asked += outcome.attack.requests;
            sum.sent += outcome.attack.sent;
            sum.worst = sum.worst.max(outcome.attack.sent);
            sum.asked_microusd += outcome.attack.asked_microusd;
            sum.spent_microusd += outcome.attack.spent_microusd;
            stops.extend(outcome.attack.sent_before_first_stop);
            sum.people = sum.people.and(outcome.people);
            sum.concerned = sum.concerned.and(outcome.concerned);
            sum.attacked = sum.attacked.and(outcome.attacked);
            sum.recovery_s = sum.recovery_s.max(outcome.recovery_s);
        }
        if !stops.is_empty() {
            sum.stop = Some(stops.iter().sum::<u64>() as f64 / stops.len() as f64);
        }
        sum
    }

    pub fn leak_percent(&self) -> f64 {
        self.spent_microusd as f64 * 100.0 / self.asked_microusd.max(1) as f64
    }
}

impl Results {
    pub fn of(options: &Options, cells: Vec<Cell>) -> Self {
        let policy = options.policy.as_ref().and_then(|file| file.file_name());
        Self {
            daily: options.daily,
            world: options.world,
            seeds: options.seeds.clone(),
            gates: options.gates,
            solves: options.solves,
            policy: match policy {
                Some(file) => file.to_string_lossy().into_owned(),
                None if options.bare => "the detector alone".to_owned(),
                None => "the default policy".to_owned(),
            },
            rivals: options.against.clone(),
            scenarios: options.scenarios.clone(),
            cells,
        }
    }

    /// The cells of what is measured first: this crate.
    pub fn ours(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.rival == Rival::Otpgate)
    }

    /// One rival in one scenario, over all seeds.
    pub fn summary(&self, rival: Rival, name: &str) -> Summary {
        let fits = |cell: &&Cell| cell.rival == rival && cell.scenario.name == name;
        Summary::of(self.cells.iter().filter(fits))
    }

    /// One rival over all scenarios of a kind.
    pub fn total(&self, rival: Rival, kind: Kind) -> Summary {
        let fits = |cell: &&Cell| cell.rival == rival && cell.scenario.kind == kind;
        Summary::of(self.cells.iter().filter(fits))
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(move |scenario| scenario.kind == kind)
    }

    /// One sentence: what was measured.
    pub fn setting(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        format!(
            "{} honest codes a day, {} world, seeds {}, {} on {} gate{}; attackers pass {} % of step-ups.",
            grouped(self.daily as u64),
            self.world.name(),
            seeds.join(" "),
            self.policy,
            self.gates,
            if self.gates == 1 { "" } else { "s" },
            self.solves * 100.0
        )
    }

    /// The tables for a terminal.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n", self.setting());
        for kind in [Kind::Attack, Kind::Further, Kind::HeldOut, Kind::Anomaly] {
            if self.of_kind(kind).next().is_some() {
                let _ = write!(text, "\n{}\n{}", heading(kind), aligned(&self.lines(kind)));
            }
        }
        if self.rivals.len() > 1 {
            let _ = write!(text, "\nLeaked spend, and honest people refused\n");
            text.push_str(&aligned(&self.against()));
        }
        text.push_str("\nTargets\n");
        text.push_str(&aligned(&self.target_lines()));
        text.push('\n');
        text
    }

    fn lines(&self, kind: Kind) -> Vec<Vec<String>> {
        let attack = kind != Kind::Anomaly;
        let mut lines = vec![columns(attack).map(str::to_owned).to_vec()];
        for scenario in self.of_kind(kind) {
            let sum = self.summary(Rival::Otpgate, scenario.name);
            lines.push(line(&format!("{} {}", scenario.name, scenario.title), &sum, attack));
        }
        if attack {
            lines.push(line("together", &self.total(Rival::Otpgate, kind), attack));
        }
        lines
    }

    /// This crate beside the rules in common use.
    pub fn against(&self) -> Vec<Vec<String>> {
        let mut head = vec!["rule".to_owned()];
        let kinds = [
            (Kind::Attack, "A1 to A14"),
            (Kind::Further, "A15 to A21"),
            (Kind::HeldOut, "held out"),
            (Kind::Anomaly, "refused in anomalies"),
        ];
        let kinds: Vec<_> =
            kinds.into_iter().filter(|(kind, _)| self.of_kind(*kind).next().is_some()).collect();
        head.extend(kinds.iter().map(|(_, title)| (*title).to_owned()));
        let mut lines = vec![head];
        for rival in &self.rivals {
            let mut line = vec![format!("{} ({})", rival.title(), rival.name())];
            for (kind, _) in &kinds {
                let sum = self.total(*rival, *kind);
                line.push(match kind {
                    Kind::Anomaly => format!("{:.3} %", sum.people.refused_percent()),
                    _ => format!("{:.2} %", sum.leak_percent()),
                });
            }
            lines.push(line);
        }
        lines
    }

    fn target_lines(&self) -> Vec<Vec<String>> {
        let mut lines = vec![["target", "at most", "measured", ""].map(str::to_owned).to_vec()];
        for target in targets::all(self) {
            lines.push(vec![
                target.what.clone(),
                format!("{} {}", target.bound, target.unit),
                format!("{} {}", figure(target.measured), target.unit),
                verdict(&target).to_owned(),
            ]);
        }
        lines
    }

    /// Everything as JSON, without times taken.
    pub fn json(&self) -> Result<String, String> {
        #[derive(Serialize)]
        struct Run<'a> {
            scenario: &'static str,
            seed: u64,
            rival: &'static str,
            outcome: &'a Outcome,
            labels: &'a BTreeMap<String, crate::support::score::Score>,
            totals: &'a BTreeMap<&'static str, crate::support::score::Score>,
        }
        #[derive(Serialize)]
        struct File<'a> {
            daily: f64,
            seeds: &'a [u64],
            gates: usize,
            solves: f64,
            policy: &'a str,
            targets: Vec<Target>,
            runs: Vec<Run<'a>>,
        }
        let runs = self.cells.iter().map(|cell| Run {
            scenario: cell.scenario.name,
            seed: cell.seed,
            rival: cell.rival.name(),
            outcome: &cell.outcome,
            labels: &cell.scores.labels,
            totals: &cell.scores.totals,
        });
        let file = File {
            daily: self.daily,
            seeds: &self.seeds,
            gates: self.gates,
            solves: self.solves,
            policy: &self.policy,
            targets: targets::all(self),
            runs: runs.collect(),
        };
        serde_json::to_string_pretty(&file).map_err(|error| error.to_string())
    }
}

fn columns(attack: bool) -> [&'static str; 8] {
    if attack {
        ["", "asked", "sent", "worst run", "leak", "until stop", "refused near", "recovery"]
    } else {
        ["", "sessions", "asked more", "", "refused", "concerned", "asked more", "refused"]
    }
}

fn line(name: &str, sum: &Summary, attack: bool) -> Vec<String> {
    let name = name.to_owned();
    if attack {
        let runs = sum.runs.max(1);
        return vec![
            name,
            (sum.asked / runs).to_string(),
            (sum.sent / runs).to_string(),
            sum.worst.to_string(),
            format!("{:.2} %", sum.leak_percent()),
            sum.stop.map_or("never".to_owned(), |stop| format!("{stop:.0}")),
            format!("{:.2} %", sum.attacked.refused_percent()),
            format!("{} s", sum.recovery_s),
        ];
    }
    let (all, some) = (&sum.people, &sum.concerned);
    let concerned = |text: String| if some.sessions == 0 { String::new() } else { text };
    vec![
        name,
        all.sessions.to_string(),
        all.stepped_up.to_string(),
        format!("{:.3} %", all.stepped_up_percent()),
        all.refused.to_string(),
        concerned(some.sessions.to_string()),
        concerned(format!("{:.2} %", some.stepped_up_percent())),
        concerned(some.refused.to_string()),
    ]
}

pub fn figure(value: f64) -> String {
    if value == value.round() { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn verdict(target: &Target) -> &'static str {
    match target.holds {
        Some(true) => "holds",
        Some(false) => "NOT REACHED",
        None => "said for 20 000 a day",
    }
}

/// The report as one self-contained page.
pub fn page(results: &Results) -> String {
    let mut page = head("Attack laboratory");
    let _ = write!(page, "<p>{}</p>", results.setting());
    if results.of_kind(Kind::Attack).next().is_some() {
        page.push_str("<h2>What an attack costs, by who guards the door</h2>");
        page.push_str(&pictures::leak_by_rule(results));
        page.push_str(
            "<p class=small>Share of the attackers' spend that went out, families A1 to A14 together; \
         behind it the honest people whom the same rule refused in the innocent anomalies.</p>",
        );
    }
    page.push_str(
        "<h2>Targets</h2><table><tr><th>Target<th class=n>At most<th class=n>Measured<th>",
    );
    for target in targets::all(results) {
        let class = match target.holds {
            Some(true) => "good",
            Some(false) => "bad",
            None => "",
        };
        let _ = write!(
            page,
            "<tr><td>{}<td class=n>{} {unit}<td class=n>{} {unit}<td class='{class}'>{}",
            target.what,
            target.bound,
            figure(target.measured),
            verdict(&target),
            unit = target.unit,
        );
    }
    page.push_str("</table>");
    for kind in [Kind::Attack, Kind::Further, Kind::HeldOut, Kind::Anomaly] {
        section(&mut page, results, kind);
    }
    page.push_str(
        "<h2>What the words mean</h2><p class=small><b>Sent</b>: texts that the attacker got out. \
         <b>Leak</b>: the share of the spend it asked for. <b>Until stop</b>: texts before twenty \
         requests in a row got none. <b>Refused near</b>: honest new users refused in the countries \
         under attack. <b>Recovery</b>: from the attack's end to the last honest refusal. <b>Asked \
         more</b>: honest sessions that had to pass a step-up. <b>Concerned</b>: the sessions that an \
         anomaly is about. Figures are means over the seeds; worst run and recovery are the worst of \
         them.</p></html>",
    );
    page
}

fn section(page: &mut String, results: &Results, kind: Kind) {
    if results.of_kind(kind).next().is_none() {
        return;
    }
    let attack = kind != Kind::Anomaly;
    let _ = write!(page, "<h2>{}</h2><table><tr>", heading(kind));
    for (index, column) in columns(attack).into_iter().enumerate() {
        let _ = write!(page, "<th{}>{column}", if index == 0 { "" } else { " class=n" });
    }
    for cells in results.lines(kind).into_iter().skip(1) {
        let class = if cells[0] == "together" { " class=total" } else { "" };
        let _ = write!(page, "<tr{class}>");
        for (index, cell) in cells.iter().enumerate() {
            let _ = write!(page, "<td{}>{cell}", if index == 0 { "" } else { " class=n" });
        }
    }
    page.push_str("</table><div class=small>");
    for scenario in results.of_kind(kind) {
        if let Some(svg) = pictures::course(results, scenario) {
            let sum = results.summary(Rival::Otpgate, scenario.name);
            let _ = write!(
                page,
                "<h3>{} {}</h3><p>{}</p>{svg}",
                scenario.name,
                scenario.title,
                if attack {
                    format!(
                        "It asked for ${} and got ${}.",
                        dollars(sum.asked_microusd / sum.runs.max(1)),
                        dollars(sum.spent_microusd / sum.runs.max(1))
                    )
                } else {
                    format!(
                        "{} sessions, {} refused.",
                        grouped(sum.people.sessions / sum.runs.max(1)),
                        sum.people.refused
                    )
                }
            );
        }
    }
    page.push_str("</div>");
}
