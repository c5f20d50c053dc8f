//! The embedded store on files of the tests' own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects)]

mod gate;
#[cfg(unix)]
mod kill;
mod store;
