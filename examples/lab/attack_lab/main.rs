//! The attack laboratory: honest traffic, innocent anomalies and attacks, against real gates and
//! against the rules in common use. A host's penetration test, with its own policy file.
//!
//! ```text
//! cargo run --release --features testing --example attack_lab -- [--daily 20000] [--seeds 5] [--scenarios A1,N*]
//!         [--policy FILE] [--gates N] [--solves 0.2] [--against all] [--out FOLDER]
//! ```
//!
//! Every scenario is a whole trace, ordinary days included, and goes through the same driver as the
//! replay: `replay` on a written trace gives the same figures. Results repeat to the byte.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)] // a program for a terminal, not a library

mod bare;
mod options;
mod outcome;
mod pictures;
mod report;
mod rivals;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // shared with the replay, which needs the rest
mod support;
mod targets;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use options::Options;
use outcome::Outcome;
use report::{Cell, Results};
use support::drive::{self, Adaptive, Run};
use support::lab::adaptive::{Hopper, Searcher};
use support::lab::bandit::Bandit;
use support::lab::row::to_csv;
use support::lab::scenario::Scenario;
use support::page::when;
use support::score::Scores;
use support::trace::Trace;

fn main() -> ExitCode {
    match Options::read(std::env::args().skip(1)).and_then(|options| laboratory(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attack_lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn laboratory(options: &Options) -> Result<(), String> {
    let began = Instant::now();
    let traces = options.out.join("traces");
    make_folder(if options.traces { &traces } else { &options.out })?;
    let tasks: Vec<(usize, u64)> = options
        .seeds
        .iter()
        .flat_map(|seed| (0..options.scenarios.len()).map(|index| (index, *seed)))
        .collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![None; tasks.len()]));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(tasks.len());
    let work = || -> Result<(), String> {
        while let Some((scenario, seed)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)).copied()
        {
            let cells = measure(options, &options.scenarios[scenario], seed, &traces)?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            let index = tasks.iter().position(|task| *task == (scenario, seed)).unwrap_or_default();
            done[index] = Some(cells);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => Err("a measurement panicked".to_owned()),
        })
    })?;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let cells: Vec<_> = done.into_iter().flatten().flatten().collect();
    let mut took: Vec<_> = cells.iter().map(|cell| cell.scores.nanoseconds_per_request).collect();
    took.sort_unstable();
    let took = took.get(took.len() / 2).copied().unwrap_or_default();
    let results = Results::of(options, cells);
    print!("{}", results.table());
    write(&options.out.join("report.json"), &results.json()?)?;
    write(&options.out.join("report.html"), &report::page(&results))?;
    if let Some(folder) = &options.images {
        make_folder(folder)?;
        for (name, svg) in pictures::all(&results) {
            write(&folder.join(name), &svg)?;
        }
    }
    let (seconds, page) = (began.elapsed().as_secs(), options.out.join("report.html"));
    println!("{seconds} s, {took} ns a request in the median run; {}", page.display());
    Ok(())
}

/// One scenario with one seed, by everyone who is measured.
fn measure(
    options: &Options,
    scenario: &Scenario,
    seed: u64,
    traces: &Path,
) -> Result<Vec<Cell>, String> {
    let mut made = scenario.make_in(options.world, seed, options.daily, options.solves);
    let rows = std::mem::take(&mut made.rows);
    let trace = Trace::read(to_csv(&rows).as_bytes())?;
    if let Some((line, reason)) = trace.malformed.first() {
        return Err(format!("{} made a malformed row, line {line}: {reason}", scenario.name));
    }
    let mut cells = Vec::new();
    for rival in &options.against {
        let mut trace = trace.clone();
        let mut judge = rival.judge(options, &trace, made.begins_ms)?;
        let mut attacker: Option<Box<dyn Adaptive>> = match scenario.name {
            "A20" => Some(Box::new(Hopper::new(seed))),
            "A21" => Some(Box::new(Searcher::new(seed))),
            "B1" => Some(Box::new(Bandit::new(seed))),
            _ => None,
        };
        let playing = attacker.as_mut().map(|attacker| &mut **attacker as &mut dyn Adaptive);
        let run = drive::run(&mut trace, judge.as_mut(), playing, |_| {});
        if let Some(report) = attacker.and_then(|attacker| attacker.report()) {
            println!("{} seed {seed}, {}: {report}", scenario.name, rival.name());
        }
        let scores = Scores::of(&trace, &run);
        let first = cells.is_empty();
        if first && options.explain {
            explain(scenario, seed, &trace, &run);
        }
        if first && options.traces {
            let file = traces.join(format!("{}-{seed}.csv", scenario.name));
            write(&file, &as_it_was(rows.clone(), &trace))?;
        }
        let attack = scores.totals.get("attack").cloned().unwrap_or_default();
        let outcome = Outcome::of(&trace, &run, &made, attack);
        cells.push(Cell { scenario: *scenario, seed, rival: *rival, outcome, scores });
    }
    Ok(cells)
}

/// The trace in its own format, with the numbers and addresses that an adaptive attacker chose.
fn as_it_was(mut rows: Vec<support::lab::row::Row>, trace: &Trace) -> String {
    for (row, asked) in rows.iter_mut().zip(&trace.rows) {
        row.phone = asked.phone;
        row.ip = asked.ip;
        row.region = asked.region;
        row.price_microusd = asked.price_microusd;
    }
    to_csv(&rows)
}

fn explain(scenario: &Scenario, seed: u64, trace: &Trace, run: &Run) {
    for (row, fate) in trace.rows.iter().zip(&run.fates) {
        if trace.is_attack(row) || (fate.refused.is_none() && !fate.stepped_up) {
            continue;
        }
        let reason = match fate.refused {
            Some(reason) => format!("refused, {}", run.reasons[usize::from(reason)]),
            None if fate.sent => "asked to prove more, passed".to_owned(),
            None => "asked to prove more, left".to_owned(),
        };
        println!(
            "{} seed {seed} {} {} {} {}: {reason}",
            scenario.name,
            when(row.at_ms),
            trace.label(row),
            String::from_utf8_lossy(&row.region),
            row.ip,
        );
    }
}

fn make_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
