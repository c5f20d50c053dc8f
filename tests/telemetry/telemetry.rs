//! What the features `metrics` and `tracing` export, through the exporters that hosts use: nothing
//! personal, nothing unbounded, and every metric that the rules and the dashboard ask for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::disallowed_methods)]
#![allow(unreachable_pub, reason = "modules of one test")]

mod documents;
mod exported;
mod prometheus;
mod traffic;
