//! One room each, through its public names: what its documentation promises, and stores and transports
//! through the published suites.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects)]

mod access;
mod message_format;
mod recipient;
mod token;

#[cfg(feature = "testing")]
mod store_conformance;
#[cfg(feature = "testing")]
mod store_zoo;
#[cfg(feature = "testing")]
mod transport_conformance;
