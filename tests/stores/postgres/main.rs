//! The PostgreSQL store on real servers of the tests' own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects)]

mod ahead;
mod calls;
mod conformance;
mod failover;
mod faults;
mod gate;
mod lease;
mod processes;
mod slices;
mod start;
mod told;
