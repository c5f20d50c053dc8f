//! Send intervals and limits: what a [`Limit`] means, to the millisecond, for every store.
//!
//! A store keeps a *meter* under a [`MeterKey`] and judges it by the [`Limit`] that comes with each
//! call. The limit itself is never stored, so if you lower one it holds at once.
//!
//! [`Meter`] is that arithmetic, and [`Ledger`] a subject's meters in a few bytes; a store written
//! in Rust takes both, another ports them from the rules of [`Limit`].

mod failures;
mod gcra;
mod ladder;
mod ledger;
mod meter;
mod packed;
mod packed_before;
mod rule;
#[cfg(test)]
mod tests;
mod window;

pub use ledger::Ledger;
pub use meter::Meter;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use rule::bucket_ms;
pub use rule::{Limit, MeterKey, Slot};
