//! What one code costs in things that a busy machine does not change: instructions, compressions of
//! SHA-256 and allocations, counted by `callgrind`; beside the floor of `gate`.
//!
//! `cargo bench --features testing --bench cost`; needs `valgrind`. The run fails if a bound of
//! `docs/performance.md` is broken.
//!
//! `valgrind` knows no SHA instructions, so sha2 takes its portable code there. A compression is then
//! always the same number of instructions: the table counts them apart from all others.

#![allow(missing_docs, unreachable_pub, clippy::disallowed_methods, clippy::unwrap_used)]
#![allow(clippy::panic, clippy::print_stdout, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing)]

#[path = "gate/counted.rs"]
mod counted;
#[path = "gate/floor.rs"]
mod floor;
#[path = "gate/world.rs"]
mod world;

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use otpgate::testing::block_on;

use counted::Counted;
use floor::Floor;
use world::{BATCH, World, clear, enter, miss, out, pair, refuse, sent};

/// Numbers that were sent a code, and entered it, before anything is counted.
const RESIDENT: u64 = 2_048;
/// Saves until every part was saved once.
const SAVES: u64 = 64;
/// Says in a run under `callgrind` what is counted.
const ROW: &str = "OTPGATE_COST_ROW";
/// Compressions in the row that tells what one costs.
const COMPRESSIONS: u64 = 1_024;

/// What is counted, its name in the table, and how often it happens.
const ROWS: [(&str, &str, u64); 9] = [
    ("hash", "one compression", COMPRESSIONS),
    ("floor_issue", "floor of clear + issue", BATCH),
    ("issue", "clear + issue", BATCH),
    ("refused", "clear + issue, refused by the number's interval", BATCH),
    ("floor_verify", "floor of verify", BATCH),
    ("verify", "verify, right", BATCH),
    ("wrong", "verify, wrong", BATCH),
    ("read", "reading both records and the device proof of a pair", BATCH),
    ("save", "a save of the detector's memory", SAVES),
];

/// The row of which each call is counted by itself: sends, in whose course the detector's memory is saved.
const SAVING: &str = "saving";
/// Numbers whose memory is saved there.
const SAVED: u64 = 20_000;
/// What the dearest send may take beyond an ordinary one: instructions beside hashing, and compressions.
const DEAREST: (f64, f64) = (400_000.0, 400.0);

/// What a pair of `clear` + `issue` and `verify` may cost: compressions, and allocations.
const PAIR: (f64, f64) = (50.0, 25.0);

fn main() {
    match std::env::var(ROW) {
        Ok(row) => run(&row),
        Err(_) => table(),
    }
}

/// What happens in here is counted.
#[inline(never)]
fn counted(what: impl FnOnce()) {
    what();
}

/// Does what is counted.
fn run(row: &str) {
    match row {
        // 64 bytes and their end: two each.
        "hash" => counted(|| {
            (0..COMPRESSIONS / 2).for_each(|n| {
                black_box(floor::one_hash(n));
            })
        }),
        "floor_issue" | "floor_verify" => {
            let mut floor = Floor::default();
            floor.populate(RESIDENT);
            let forms = floor.forms();
            if row == "floor_issue" {
                counted(|| forms.iter().for_each(|form| drop(floor.issue(form))));
                return;
            }
            let out: Vec<_> = forms.iter().map(|form| floor.issue(form)).collect();
            counted(|| out.iter().for_each(|out| floor.verify(out)));
        }
        _ => of_gate(row),
    }
}

fn of_gate(row: &str) {
    let mut world = World::single();
    if row == SAVING {
        world.populate(SAVED);
        return drop(world.minute_of(4, |send| counted(send)));
    }
    world.populate(RESIDENT);
    let gate = world.gate();
    // Carries the save that is due, so that none is counted by chance.
    let forms = world.prepare(BATCH);
    world::whole(&gate, forms);
    let (first, forms) = (world.called(), world.prepare(BATCH));
    if row == "issue" {
        counted(|| forms.iter().for_each(|form| drop(sent(&gate, clear(&gate, form)))));
        return;
    }
    if row == "read" {
        let pairs: Vec<_> = forms.iter().map(|form| pair(&gate, form)).collect();
        return counted(|| {
            for (issued, verification) in &pairs {
                black_box((issued.record().as_str(), verification.record().as_str()));
                black_box(verification.device_proof().as_str());
            }
        });
    }
    let all: Vec<_> = forms.iter().map(|form| out(sent(&gate, clear(&gate, form)), form)).collect();
    match row {
        "verify" => counted(|| all.iter().for_each(|out| enter(&gate, out))),
        "wrong" => counted(|| all.iter().for_each(|out| miss(&gate, out))),
        "refused" => {
            let again = world.forms(first, BATCH);
            world.rest(Duration::from_secs(2));
            counted(|| again.iter().for_each(|form| refuse(&gate, form)));
        }
        _ => counted(|| block_on(gate.save_detector()).unwrap()),
    }
}

/// Runs itself once for each row.
fn table() {
    println!("| call | instructions beside hashing | compressions | allocations |");
    println!("|---|---|---|---|");
    let mut compression = 1.0;
    let mut pair = (0.0, 0.0);
    for (row, name, calls) in ROWS {
        let each = under_callgrind(row)[0].each(calls);
        if row == "hash" {
            compression = each.hashing;
            continue;
        }
        let compressions = each.hashing / compression;
        println!("| {name} | {:.0} | {compressions:.1} | {:.1} |", each.other, each.allocations);
        if row == "issue" || row == "verify" {
            pair = (pair.0 + compressions, pair.1 + each.allocations);
        }
    }
    println!("\na pair: {:.1} compressions, {:.1} allocations", pair.0, pair.1);
    let more = dearest(&under_callgrind(SAVING), compression);
    println!(
        "the dearest send of a minute, beyond the ordinary one: {:.0} instructions, {:.0} compressions",
        more.0, more.1
    );
    assert!(pair.0 <= PAIR.0, "more compressions than {}", PAIR.0);
    assert!(pair.1 <= PAIR.1, "more allocations than {}", PAIR.1);
    assert!(
        more.0 <= DEAREST.0 && more.1 <= DEAREST.1,
        "a send pays more than {DEAREST:?} for a save"
    );
}

/// What the sends take beyond an ordinary one at most: of instructions, and of compressions.
fn dearest(sends: &[Counted], compression: f64) -> (f64, f64) {
    let beyond = |of: fn(&Counted) -> f64| {
        let mut all: Vec<f64> = sends.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() - 1] - all[all.len() / 2]
    };
    (beyond(|send| send.other), beyond(|send| send.hashing) / compression)
}

/// What was counted in each call of [`counted`].
fn under_callgrind(row: &str) -> Vec<Counted> {
    let file = std::env::temp_dir().join(format!("otpgate-cost-{}-{row}", std::process::id()));
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--zero-before=cost::counted", "--dump-after=cost::counted"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().unwrap())
        .env(ROW, row)
        .output()
        .unwrap_or_else(|error| panic!("valgrind: {error}; install it"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    // A dump ends with each counted part; the file itself is of what came after.
    let dumps = (1..).map(|n| PathBuf::from(format!("{}.{n}", file.display())));
    let mut counted = Vec::new();
    for dump in dumps.take_while(|dump| dump.exists()) {
        counted.push(Counted::read(&std::fs::read_to_string(&dump).unwrap()));
        drop(std::fs::remove_file(dump));
    }
    drop(std::fs::remove_file(file));
    counted
}
