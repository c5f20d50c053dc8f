//! The web edge through real sockets: the flow of a page, and what attackers send in its place
//! (SECURITY-BAR A7, A8, A15, A19).

#![cfg(all(feature = "testing", feature = "axum"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unreachable_pub, reason = "modules of one test")]
#![allow(clippy::arithmetic_side_effects)]

mod address;
mod alert;
mod bodies;
#[cfg(feature = "console")]
mod console;
mod crowd;
mod flow;
mod hosted;
mod hung_up;
mod known;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod payment;
mod purposes;
mod races;
mod receipts;
mod site;
mod tenants;
mod tokens;
mod uniform;
mod wire;
