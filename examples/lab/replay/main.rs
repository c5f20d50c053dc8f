//! What would a policy have done to real traffic? Drives real gates over a trace of requests.
//!
//! ```text
//! cargo run --release --features testing --example replay -- TRACE.csv [--json OUT] [--html OUT] [--policy FILE]
//!                                         [--compare FILE] [--gates N] [--explain PREFIX]
//! cargo run --release --features testing --example replay -- TRACE.csv --fit
//! ```
//!
//! The format of a trace and of a policy file is described in docs/replay.md. The gates see what a
//! host would show them: number, address and session; never the label.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)] // a program for a terminal, not a library

#[path = "../support/mod.rs"]
#[allow(dead_code)] // shared with the attack lab, which needs the rest
mod support;

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use support::compare::compare;
use support::drive::{self, Run};
use support::explain::{Explanation, Watched, Watcher};
use support::fit::Fit;
use support::host::{Choices, Host, prices};
use support::score::Scores;
use support::trace::Trace;
use support::{page, policy};

const USAGE: &str = "usage: replay TRACE.csv [--json OUT] [--html OUT] [--policy FILE] [--compare FILE] [--gates N] [--explain PREFIX]
       replay TRACE.csv --fit";

/// At least this share of the numbers that converted are what the numbering table would refuse: the
/// trace is made up, or newer than the table.
const OUTSIDE_PER_MILLE: usize = 1;

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)).and_then(|arguments| replay(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn replay(arguments: &Arguments) -> Result<(), String> {
    let mut trace = Trace::open(&arguments.trace)?;
    for (line, reason) in trace.malformed.iter().take(20) {
        eprintln!("line {line}: {reason}; skipped");
    }
    if trace.malformed.len() > 20 {
        eprintln!("… and {} more malformed rows", trace.malformed.len() - 20);
    }
    if !trace.malformed.is_empty() {
        eprintln!("{} malformed rows skipped, {} left", trace.malformed.len(), trace.rows.len());
    }
    for (rows, what) in [(trace.without_address, "ip"), (trace.without_session, "session")] {
        if rows > 0 {
            eprintln!("note: {rows} rows have no {what}; each of them gets one of its own");
        }
    }
    if trace.rows.is_empty() {
        return Err(format!("{}: no row of it can be read", arguments.trace.display()));
    }
    if arguments.fit {
        print!("{}", Fit::of(&trace).text());
        return Ok(());
    }
    let watched =
        arguments.explain.as_deref().map(|prefix| Watched::of(prefix, &trace)).transpose()?;
    let any_number = numbers_outside_the_table(&trace);
    let choose = |file: &Option<PathBuf>| -> Result<Choices, String> {
        let mut choices = match file {
            Some(file) => policy::read(file)?,
            None => Choices::default(),
        };
        choices.gates = arguments.gates;
        choices.any_number |= any_number;
        Ok(choices)
    };
    // What is wrong with the second policy is said before the first has run.
    let second = arguments.compare.is_some().then(|| choose(&arguments.compare)).transpose()?;
    let choices = choose(&arguments.policy)?;
    let prices = prices(&trace);
    let start = trace.rows.first().map_or(0, |row| row.at_ms);
    let run = |what: &str, choices: &Choices, trace: &mut Trace| {
        let mut host = Host::new(choices, &prices, start)?;
        Ok::<_, String>(with_progress(what, trace, |trace, tick| match &watched {
            None => (drive::run(trace, &mut host, None, tick), Vec::new()),
            Some(watched) => {
                let mut watcher = Watcher::new(&mut host, watched.node, Host::inspect);
                let run: Run = drive::run(trace, &mut watcher, None, tick);
                (run, watcher.samples)
            }
        }))
    };
    let (first, samples) = run("replay", &choices, &mut trace)?;
    let scores = Scores::of(&trace, &first);
    print!("{}", scores.table());
    let explanation =
        watched.as_ref().map(|watched| Explanation::of(watched, &samples, &trace, &first));
    for (reason, count) in &scores.refusals {
        println!("refused {count}: {reason}");
    }
    println!(
        "{} nodes, {:.1} MB in the detector at most; {} ns a request",
        scores.nodes_peak,
        scores.bytes_peak as f64 / 1e6,
        scores.nanoseconds_per_request
    );
    if let Some(explanation) = &explanation {
        print!("{}", explanation.text());
    }
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&scores).map_err(|error| error.to_string())?;
        write(file, &json)?;
    }
    if let Some(file) = &arguments.html {
        write(
            file,
            &page::render(&arguments.trace, &trace, &first, &scores, explanation.as_ref()),
        )?;
    }
    if let Some(choices) = &second {
        let (second, _) = run("compare", choices, &mut trace)?;
        print!("{}", compare(&trace, &first, &second));
    }
    Ok(())
}

/// A number that converts gets texts. If too many of them are what the numbering table would refuse,
/// the table and the trace do not fit, and refusing by the table would say nothing about the policy.
fn numbers_outside_the_table(trace: &Trace) -> bool {
    let (all, outside) = (trace.converting, trace.converting_outside);
    let unfit = outside > 0 && outside * 1_000 >= all * OUTSIDE_PER_MILLE;
    if unfit {
        eprintln!(
            "note: {outside} of {all} numbers whose code was entered are unassigned or no mobile in \
             the numbering table ({}); it does not fit this trace, and no number is refused by it",
            otpgate::recipient::METADATA_VERSION
        );
    }
    unfit
}

/// A bar on a terminal, silence elsewhere.
fn with_progress<T>(
    what: &str,
    trace: &mut Trace,
    work: impl FnOnce(&mut Trace, &mut dyn FnMut(usize)) -> T,
) -> T {
    let mut terminal = std::io::stderr();
    let shown = terminal.is_terminal();
    let all = trace.rows.len().max(1);
    let mut last = usize::MAX;
    let mut tick = |done: usize| {
        let share = done * 40 / all;
        if shown && share != last {
            last = share;
            let bar = "#".repeat(share);
            let _ignored = write!(terminal, "\r{what} [{bar:<40}] {done}/{all}");
            let _ignored = terminal.flush();
        }
    };
    let result = work(trace, &mut tick);
    if shown {
        eprintln!();
    }
    result
}

fn write(file: &PathBuf, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

#[derive(Debug, Default)]
struct Arguments {
    trace: PathBuf,
    json: Option<PathBuf>,
    html: Option<PathBuf>,
    policy: Option<PathBuf>,
    compare: Option<PathBuf>,
    gates: usize,
    explain: Option<String>,
    fit: bool,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { gates: 1, ..Self::default() };
        let mut trace = None;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
            match word.as_str() {
                "--json" => arguments.json = Some(value()?.into()),
                "--html" => arguments.html = Some(value()?.into()),
                "--policy" => arguments.policy = Some(value()?.into()),
                "--compare" => arguments.compare = Some(value()?.into()),
                "--explain" => arguments.explain = Some(value()?),
                "--fit" => arguments.fit = true,
                "--gates" => {
                    let text = value()?;
                    let gates = text.parse().ok().filter(|gates| (1..=64).contains(gates));
                    arguments.gates = gates.ok_or(format!("--gates `{text}` is not 1 to 64"))?;
                }
                _ if word.starts_with("--") => {
                    return Err(format!("unknown option {word}\n{USAGE}"));
                }
                _ if trace.is_none() => trace = Some(PathBuf::from(&word)),
                _ => return Err(format!("more than one trace: {word}\n{USAGE}")),
            }
        }
        arguments.trace = trace.ok_or(USAGE.to_owned())?;
        let Self { json, html, policy, compare, gates, explain, .. } = &arguments;
        let files = [json, html, policy, compare].into_iter().any(Option::is_some);
        if arguments.fit && (files || explain.is_some() || *gates != 1) {
            return Err(format!("--fit runs no gate and writes no file: use it alone\n{USAGE}"));
        }
        Ok(arguments)
    }
}
