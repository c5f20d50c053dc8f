//! Send intervals and limits: what a [`Limit`] means, to the millisecond, for every store.
//!
//! A store keeps a *meter* under a [`MeterKey`] and judges it by the [`Limit`] that comes with each
//! call. The limit itself is never stored, so a host that lowers one sees it hold at once.

mod rule;

pub use rule::{Limit, MeterKey, Slot};
