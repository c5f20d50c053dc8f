//! What the tests of several packages share: a gate with everything on, and real servers that they start.
//!
//! The abuse suite of the crate includes `house.rs` and `clocks.rs` itself: a development dependency that
//! needs the crate would be built with its examples.

#![allow(missing_docs, missing_debug_implementations, clippy::new_without_default)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stderr, clippy::disallowed_methods)]

#[cfg(feature = "testing")]
pub mod clocks;
#[cfg(feature = "testing")]
pub mod gates;
#[cfg(feature = "testing")]
mod house;
#[cfg(feature = "http")]
pub mod http_server;
#[cfg(feature = "postgres")]
pub mod postgres_server;
#[cfg(feature = "redis")]
pub mod redis_proxy;
#[cfg(feature = "redis")]
pub mod redis_server;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub mod server_clock;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub mod stable_address;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod until;

#[cfg(any(feature = "postgres", feature = "redis"))]
pub use until::until;

#[cfg(feature = "testing")]
use house as support;
#[cfg(feature = "testing")]
pub use house::*; // as the abuse suite calls it
