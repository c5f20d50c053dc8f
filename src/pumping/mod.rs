//! Pumping detection: a tree of number blocks, each with evidence under a stated false-alarm bound.
//!
//! [`Detector`] is the whole of it: [`Detector::assess`] before a message, [`Detector::observe`]
//! after anything happened. See `evidence` for the statistic, `act` for what follows from it.

mod act;
mod afar;
mod controls;
mod costs;
mod country;
mod detector;
mod evidence;
mod exchange;
mod flow;
mod heal;
mod history;
mod home;
mod journal;
mod known;
mod level;
mod memory;
mod node;
mod operator;
mod path;
mod places;
mod reason;
mod rules;
mod session;
mod sessions;
mod share;
mod sighting;
mod snapshot;
mod step_up;
mod suspects;
mod table;
mod terms;
mod together;
mod tree;
mod trust;
mod tuning;
mod view;

pub use controls::{Action, NodeView};
pub use costs::{Costs, PRICE_SOURCE, PriceTable};
pub use detector::Detector;
pub use journal::CodecError;
pub use level::{BlockLevel, ClientNet, LEVELS, NodeId, Subject};
pub use reason::{Alert, AlertKind, Assessment, Judgement, Reason, Rule, Strength};
pub use sighting::{EVENT_BYTES, Sighting, SightingKind};
pub(crate) use snapshot::{Draft, SHARDS, saved_at};
pub use tuning::{Parts, Tuning};

#[cfg(test)]
mod tests;
