//! Issue and verify one-time codes by SMS without letting bots spend your money.

mod base;
pub mod message;
pub mod otp;

pub use base::entropy::{Entropy, EntropyError, SystemEntropy};
pub use base::id::{Pseudonym, RequestId};
pub use base::keyring::{KeyId, KeyRing, Pepper, PepperError, RETIRED_KEY_LIFE};
pub use base::money::Money;
pub use base::time::{Clock, SystemClock, Timestamp};
