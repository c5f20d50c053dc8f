//! The laboratory: seeded honest traffic, innocent anomalies, attacks, and rules in common use.
//!
//! Everything repeats to the byte for the same seed.

pub mod adaptive;
pub mod attacks;
pub mod bandit;
pub mod baselines;
pub mod held_out;
pub mod honest;
pub mod rng;
pub mod row;
pub mod scenario;
pub mod world;
pub mod worlds;
