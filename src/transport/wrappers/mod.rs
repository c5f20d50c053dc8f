//! Transports around transports: fail-over, routes, weights, circuit breaker, caps, prices.
//!
//! Each is an [`SmsTransport`](super::SmsTransport) itself, so they nest. None of them repeats a text
//! that may have gone out: only [`NotSent`](super::HandoffErrorKind::NotSent) is passed on to another
//! provider.
//!
//! | wrapper | what it does | what it answers in place of the provider |
//! |---|---|---|
//! | [`FailOver`] | the next provider takes what the first provably did not | – |
//! | [`Route`] | picks a provider by country and purpose | `NotSent` where no rule matches |
//! | [`Weighted`] | sends more through providers whose codes come back | – |
//! | [`CircuitBreaker`] | leaves a provider alone that fails, or that asked for a pause | `NotSent` while open |
//! | [`InFlightLimit`] | caps the texts on their way at one time | `NotSent` at the cap |
//! | [`SpendLimit`] | caps what one provider costs in 24 hours | `NotSent` at the cap |
//! | [`Priced`] | names what a provider's texts cost | the price, where the provider names none |
//! | [`Deadline`](super::Deadline) | ends a hand-off that hangs | `Indeterminate` |
//!
//! The usual nesting gives each provider its own breaker and caps, and puts the choice outside:
//!
//! ```
//! use std::sync::Arc;
//! use otpgate::transport::{CircuitBreaker, FailOver, InFlightLimit};
//! use otpgate::{Clock, SystemClock};
//! # use otpgate::testing::{Reply, ScriptedTransport, block_on};
//! # use otpgate::transport::{OutboundSms, SmsTransport};
//! # let ((twilio, first), (esendex, second)) = (ScriptedTransport::new(), ScriptedTransport::new());
//!
//! let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
//! let transport = FailOver::new(InFlightLimit::new(CircuitBreaker::new(twilio, clock.clone()), 64))
//!     .then(InFlightLimit::new(CircuitBreaker::new(esendex, clock), 64));
//! # first.reply(Reply::NotSent);
//! # let sms = OutboundSms::for_test("+4915112345678", "041673 is your code.", [1; 16]);
//! # block_on(transport.hand_off(&sms)).unwrap();
//! # assert_eq!((first.delivered().len(), second.delivered().len()), (0, 1));
//! ```

mod breaker;
mod fail_over;
mod in_flight;
mod priced;
mod route;
mod spend;
mod weighted;

pub use breaker::CircuitBreaker;
pub use fail_over::FailOver;
pub use in_flight::InFlightLimit;
pub use priced::Priced;
pub use route::{Route, RouteRule};
pub use spend::SpendLimit;
pub use weighted::{Conversions, Weighted};
