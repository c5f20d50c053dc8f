//! The guide. It exists in the documentation only; every example in it is compiled and run.
//!
//! 1. [Getting started](getting_started): two pages and four handlers.
//! 2. The web edge (`web`, with that feature): the same handlers, mounted.
//! 3. [Second factor](second_factor): the authenticator app, and SMS as what it is.
//! 4. [Defaults](defaults): what is set, how to change it, what cannot be set.
//! 5. [Operations](operations): keys, alarms, incidents, roll-out.
//! 6. [Attacks](attacks): the holes that others had, and what prevents each here.
//! 7. [Transport authors](transport_authors): your own SMS provider.
//! 8. [Store authors](store_authors): your own storage.

pub mod attacks;
pub mod defaults;
pub mod getting_started;
pub mod operations;
pub mod second_factor;
pub mod store_authors;
pub mod transport_authors;
#[cfg(feature = "web")]
pub mod web;
