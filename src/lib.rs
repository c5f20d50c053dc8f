//! Issue and verify one-time codes by SMS without letting bots spend your money.

mod base;
pub mod pumping;

pub use base::time::{Clock, SystemClock, Timestamp};
