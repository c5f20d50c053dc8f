//! Issue and verify one-time codes by SMS without letting bots spend your money.

mod base;
pub mod access;
pub mod limit;
pub mod pumping;
pub mod recipient;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod token;
pub mod transport;
pub mod message;
pub mod otp;

pub use base::entropy::{Entropy, EntropyError, SystemEntropy};
pub use base::id::{Pseudonym, RequestId};
pub use base::keyring::{KeyId, KeyRing, Pepper, PepperError, RETIRED_KEY_LIFE};
pub use base::money::Money;
pub use base::time::{Clock, SystemClock, Timestamp};
pub use recipient::{LineType, Recipient, RecipientError, Region};
pub use store::Store;
pub use transport::SmsTransport;
