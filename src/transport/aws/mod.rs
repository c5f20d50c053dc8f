//! [`EndUserMessaging`] and [`Sns`]: texts through AWS.
//!
//! End User Messaging (`SendTextMessage` of `sms-voice`) is AWS's interface for texts: it says why it
//! refuses one, knows opt-outs and has [a check](EndUserMessaging::check) that sends nothing. SNS
//! (`Publish` to a number) is the older one; take it if the account has nothing else.
//!
//! ```no_run
//! use otpgate::http::{CredentialError, Credentials};
//! use otpgate::transport::aws::{Account, EndUserMessaging, Sender};
//!
//! // Read anew for each text: the keys of a role rotate.
//! let account = Credentials::from_fn(|| {
//!     let read = |name| std::env::var(name).map_err(CredentialError::new);
//!     let token = read("AWS_SESSION_TOKEN")?;
//!     Account::new(read("AWS_ACCESS_KEY_ID")?, read("AWS_SECRET_ACCESS_KEY")?)
//!         .and_then(|account| account.with_session_token(token))
//!         .map_err(CredentialError::new)
//! });
//! let transport = EndUserMessaging::builder(account, "eu-central-1", Sender::identity("pool-1"))
//!     .configuration_set("one-time-codes")
//!     .build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A repeat
//!
//! Neither takes an idempotency key: a repeated request is a second text and a second charge. The
//! SDKs repeat up to three times after a 5xx or a lost connection.
//!
//! # Receipts
//!
//! Events of End User Messaging go to an event destination of the configuration set. If that is an SNS
//! topic with an HTTPS subscription, [`Receipts`] checks what SNS posts. Those that the host reads in
//! CloudWatch, Firehose or EventBridge it tells [`Gate::receipt`](crate::Gate::receipt), and so it does
//! with CloudWatch's log of deliveries for [`Sns`]. Each event of End User Messaging carries the text's own
//! key as `otpgate` in its context.
//!
//! # The clock
//!
//! A signature has a time and holds for five to fifteen minutes, so the host's clock must be right.

mod account;
mod certificate;
mod end_user_messaging;
mod error;
mod receipt;
mod sign;
mod sns;

pub use account::Account;
pub use certificate::SigningCertificates;
pub use end_user_messaging::{EndUserMessaging, EndUserMessagingBuilder, Sender};
pub use error::{ERRORS, FAULTS, SNS_ERRORS};
pub use receipt::{Receipts, SignatureVersion};
pub use sns::{Sns, SnsBuilder, SnsSender};

use crate::base::money::Money;
use crate::transport::AdapterError;

/// The name of End User Messaging in outcomes, events and errors.
pub const NAME: &str = "aws";

/// The name of SNS in outcomes, events and errors.
pub const SNS_NAME: &str = "aws-sns";

/// A highest price as AWS writes it, dollars with five decimals at most.
fn dollars(provider: &'static str, price: Money) -> Result<String, AdapterError> {
    let micros = price.as_microdollars();
    if !(10..100_000_000).contains(&micros) || !micros.is_multiple_of(10) {
        let problem = "the highest price is 0.00001 to 99.99999 dollars, in steps of 0.00001";
        return Err(AdapterError::new(provider, problem));
    }
    Ok(format!("{}.{:05}", micros / 1_000_000, micros % 1_000_000 / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_dollars_with_five_decimals() {
        let text = |micros| dollars(NAME, Money::microdollars(micros)).ok();
        assert_eq!(text(75_000).as_deref(), Some("0.07500"));
        assert_eq!(text(10).as_deref(), Some("0.00001"));
        assert_eq!(text(99_999_990).as_deref(), Some("99.99999"));
        for refused in [0, 9, 11, 100_000_000, u64::MAX] {
            assert_eq!(text(refused), None, "{refused}");
        }
    }
}
