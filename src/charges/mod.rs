//! What a send and an attempt at its code must pay: the policy's rules turned into lists of charges, and
//! what an accepted code gives back. Pure: nothing here knows the gate or waits for a store.

pub(crate) mod attempt;
mod cause;
mod client;
mod credits;
pub(crate) mod fault;
mod limits;
mod meters;
mod money;
mod number;
mod plan;
mod variants;

pub(crate) use cause::Cause;
pub(crate) use plan::{COUNT_SPAN_MS, Due, Plan, Terms, UNLIMITED};
