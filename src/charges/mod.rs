//! What a send must pay: the policy's rules turned into one list of charges, and what an accepted code
//! gives back. Pure: nothing here knows the gate or waits for a store.

mod client;
mod credits;
pub(crate) mod fault;
mod limits;
mod meters;
mod money;
mod number;
mod plan;
mod variants;

pub(crate) use credits::{credits, customers, of_client};
pub(crate) use plan::{COUNT_SPAN_MS, Cause, Due, Plan, Terms, UNLIMITED};
