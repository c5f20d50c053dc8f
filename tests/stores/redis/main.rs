//! The Redis store on real servers of the tests' own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects)]

mod calls;
#[cfg(feature = "redis-cluster")]
mod cluster;
mod conformance;
mod faults;
mod gate;
mod processes;
mod start;
#[cfg(feature = "redis-tls")]
mod tls;
