//! The laboratory: seeded honest traffic, innocent anomalies, attacks, baselines and a runner.
//!
//! Every number it prints repeats to the byte for the same seed. The runner drives anything that
//! implements [`runner::Judge`].

pub mod attacks;
pub mod baselines;
pub mod honest;
pub mod rng;
pub mod runner;
pub mod trace;
pub mod world;
