//! Issue and verify one-time codes by SMS without letting bots spend your money.

mod base;
pub mod recipient;

pub use base::time::{Clock, SystemClock, Timestamp};
pub use recipient::{LineType, Recipient, RecipientError, Region};
