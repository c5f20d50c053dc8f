//! What saving the detector's memory costs the send that pays most for it.
//!
//! `cargo bench --features testing --bench saving`. Once a minute the memory is saved, by the sends of that
//! time together: each makes a piece, and one carries all. The run fails if the dearest send of a minute takes
//! more beyond an ordinary one than `docs/performance.md` allows; of many minutes the median, so that one
//! interruption of the machine is none.

#![allow(missing_docs, unreachable_pub, clippy::disallowed_methods, clippy::unwrap_used)]
#![allow(clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::indexing_slicing)]

#[path = "gate/world.rs"]
mod world;

use std::time::Duration;

use world::World;

/// What saving may cost one send.
const DEAREST: Duration = Duration::from_micros(200);
/// Minutes measured.
const MINUTES: usize = 60;

/// Numbers that enter a code every day or two, and batches of sends a minute.
const SIZES: [(u64, u32); 4] = [(2_000, 2), (100_000, 2), (300_000, 2), (300_000, 20)];
/// Minutes after which the sessions of the last half hour are what they stay.
const WARM: usize = 32;

fn main() {
    println!(
        "| numbers | sends a minute | a send, µs | the dearest of a minute, beyond it | best | nine of ten |"
    );
    println!("|---|---|---|---|---|---|");
    let broken: Vec<_> = SIZES.into_iter().filter(|size| !holds(size)).collect();
    assert!(broken.is_empty(), "a save costs one send more than {DEAREST:?}: {broken:?}");
}

fn holds(&(residents, batches): &(u64, u32)) -> bool {
    let mut world = World::single();
    world.populate(residents);
    (0..WARM).for_each(|_| drop(world.minute(batches)));
    let minutes: Vec<Vec<Duration>> = (0..MINUTES).map(|_| world.minute(batches)).collect();
    let mut all = minutes.concat();
    all.sort_unstable();
    let ordinary = all[all.len() / 2];
    let mut dearest: Vec<Duration> =
        minutes.iter().map(|minute| *minute.iter().max().unwrap() - ordinary).collect();
    dearest.sort_unstable();
    let typical = dearest[MINUTES / 2];
    let us = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e6);
    let row = [ordinary, typical, dearest[0], dearest[MINUTES * 9 / 10]].map(us).join(" | ");
    println!("| {residents} | {} | {row} |", u64::from(batches) * world::BATCH);
    typical <= DEAREST
}
