//! What each further core is worth: whole verifications by 1, 2, 4, 8 and 16 threads, beside the
//! machine itself; and what it costs a gate to be one of several.
//!
//! `cargo bench --features testing,redb --bench scaling`. A whole verification is the ticket, its
//! answer, `clear`, `issue` and `verify`, of a number that nobody has asked for before. Every thread
//! has a clock of its own, so that no clock is what they wait for. All cells are measured in turn and
//! many times over, so what slows the machine slows all of them; ratios are medians of ratios within a
//! turn. Nothing is judged here: `docs/performance-measurements.md` has the figures.
//!
//! The file of redb lies in the folder that `OTPGATE_SCALING_FOLDER` names, or in `/dev/shm`.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::disallowed_methods)]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

#[path = "gate/world.rs"]
mod world;

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use otpgate::{Clock, Gate, Timestamp};
use sha2::{Digest, Sha256};

use world::{START, answered, store, visit};

/// How often every cell is measured.
const TURNS: usize = 9;
/// Verifications by each thread in one cell.
const EACH: u64 = 6_144;
/// Verifications before anything is measured.
const RESIDENT: u64 = 60_000;
/// Time between two verifications, whoever makes them: 500 a second.
const PACE: Duration = Duration::from_millis(2);
/// How long a form is open before it is posted.
const OPEN: Duration = Duration::from_millis(2_400);

thread_local! {
    static ELAPSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Each thread sets its own.
#[derive(Debug)]
struct ThreadClock;

impl Clock for ThreadClock {
    fn now(&self) -> Timestamp {
        START + ELAPSED.get()
    }

    fn elapsed(&self) -> Duration {
        ELAPSED.get()
    }
}

/// A gate, the numbers it has seen and the time it has lived through.
struct Host {
    gate: Gate,
    next: u64,
    elapsed: Duration,
}

impl Host {
    fn new(gate: Gate) -> Self {
        Self { gate, next: 0, elapsed: Duration::ZERO }
    }

    /// Verifications a second by `threads`, `each` of them by each, `pace` apart.
    fn rate(&mut self, threads: u64, each: u64, pace: Duration) -> f64 {
        let step = pace * threads as u32;
        let ahead = (OPEN.as_micros() / step.as_micros()) as u64 + 1;
        let barrier = Barrier::new(threads as usize);
        let (start, share) = (self.elapsed, ahead + each);
        let ends: Vec<(Duration, Duration)> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|n| {
                    let (gate, barrier) = (self.gate.clone(), &barrier);
                    let mut numbers = self.next + n * share..;
                    scope.spawn(move || {
                        ELAPSED.set(start + pace * n as u32);
                        let mut page = || {
                            ELAPSED.set(ELAPSED.get() + step);
                            let n = numbers.next().unwrap();
                            visit(&gate, n, n)
                        };
                        let mut open: VecDeque<_> = (0..ahead).map(|_| page()).collect();
                        barrier.wait();
                        let started = Instant::now();
                        for _ in 0..each {
                            open.push_back(page());
                            answered(&gate, &open.pop_front().unwrap());
                        }
                        (started.elapsed(), ELAPSED.get())
                    })
                })
                .collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        self.next += threads * share;
        self.elapsed = ends.iter().map(|(_, end)| *end).max().unwrap();
        let slowest = ends.iter().map(|(took, _)| *took).max().unwrap();
        (threads * each) as f64 / slowest.as_secs_f64()
    }
}

/// Hashes a second by `threads` that share nothing.
fn machine(threads: u64) -> f64 {
    const HASHES: u64 = 1_000_000;
    let barrier = Barrier::new(threads as usize);
    let slowest = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let started = Instant::now();
                    for n in 0..HASHES {
                        black_box(Sha256::digest(black_box(n.to_le_bytes())));
                    }
                    started.elapsed()
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).max().unwrap()
    });
    (threads * HASHES) as f64 / slowest.as_secs_f64()
}

fn main() {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let threads: Vec<u64> = [1, 2, 4, 8, 16].into_iter().filter(|n| *n <= cores).collect();
    let mut only = Host::new(world::gate(store(), ThreadClock, true));
    let mut one_of_many = Host::new(world::gate(store(), ThreadClock, false));
    only.rate(1, RESIDENT, PACE);
    one_of_many.rate(1, RESIDENT, PACE);

    let mut table: [Vec<Vec<f64>>; 3] = Default::default();
    for _ in 0..TURNS {
        let mut rates = [const { Vec::new() }; 3];
        for threads in &threads {
            rates[0].push(only.rate(*threads, EACH, PACE));
            rates[1].push(one_of_many.rate(*threads, EACH, PACE));
            rates[2].push(machine(*threads));
        }
        table.iter_mut().zip(rates).for_each(|(row, rates)| row.push(rates));
    }
    println!("{cores} cores; {TURNS} turns of {EACH} verifications by each thread\n");
    heading(&threads);
    print("memory store, the only gate", &table[0]);
    print("memory store, one of many gates", &table[1]);
    print("the machine itself (SHA-256)", &table[2]);
    let idle = |turn: &Vec<f64>| turn[threads.len() - 1] >= 0.95 * cores.min(16) as f64 * turn[0];
    if !table[2].iter().all(idle) {
        println!("\nThe machine is busy with other things: these ratios say little.");
    }

    #[cfg(feature = "redb")]
    durable();

    exchange(&mut only, &mut one_of_many);
}

fn heading(columns: &[u64]) {
    let names: Vec<String> = columns.iter().map(u64::to_string).collect();
    println!("| threads | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
}

/// A row: medians, and medians of the ratios to one thread of the same turn.
fn print(name: &str, turns: &[Vec<f64>]) {
    let cells: Vec<String> = (0..turns[0].len())
        .map(|column| {
            let rate = median(turns.iter().map(|turn| turn[column]));
            let ratio = median(turns.iter().map(|turn| turn[column] / turn[0]));
            if column == 0 { format!("{rate:.0}") } else { format!("{rate:.0} ({ratio:.2}×)") }
        })
        .collect();
    println!("| {name} | {} |", cells.join(" | "));
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What it costs to be one of several gates, however many requests come: one thread, in turns.
fn exchange(only: &mut Host, one_of_many: &mut Host) {
    println!("\n| requests a second | times the only gate |\n|---|---|");
    for (rate, pace) in [(10, 100_000), (1_000, 1_000), (10_000, 100)] {
        let pace = Duration::from_micros(pace);
        let mut ratio = || only.rate(1, 2_048, pace) / one_of_many.rate(1, 2_048, pace);
        ratio();
        println!("| {rate} | {:.2} |", median((0..15).map(|_| ratio())));
    }
}

/// Verifications on redb, by callers that each wait for their answer.
#[cfg(feature = "redb")]
fn durable() {
    const CALLERS: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 256];
    let folder = std::env::var_os("OTPGATE_SCALING_FOLDER")
        .map_or_else(|| std::path::PathBuf::from("/dev/shm"), std::path::PathBuf::from);
    let folder = if folder.is_dir() { folder } else { std::env::temp_dir() };
    let path = folder.join(format!("otpgate-scaling-{}.redb", std::process::id()));
    let store = otpgate::store::RedbStore::open(&path).unwrap();
    let mut host = Host::new(world::gate(store, ThreadClock, true));
    let mut turns = Vec::new();
    for _ in 0..3 {
        let rate = |callers: &u64| host.rate(*callers, (2_048 / callers).max(16), PACE);
        turns.push(CALLERS.iter().map(rate).collect());
    }
    drop(host);
    std::fs::remove_file(&path).unwrap();
    println!();
    heading(&CALLERS);
    print("redb (callers)", &turns);
}
