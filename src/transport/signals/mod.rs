//! The [`NumberSignals`] port: what a network knows of a number before a text is paid for.
//!
//! | look-up | feature | what it learns |
//! |---|---|---|
//! | `twilio::Lookup` | `twilio` | carrier, kind of line, SIM swap, whether the line is reachable |
//! | `vonage::IdentityInsights` | `vonage` | the same, and whether the number was ported |
//!
//! A gate asks where [`SignalsPolicy`](crate::policy::SignalsPolicy) says so, once limits, detector and
//! budget have let the text through, and keeps the answer sealed in the store.

mod answer;
mod error;
mod query;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use answer::{Carrier, Signals, SimSwap};
pub use error::{SignalsError, SignalsErrorKind};
pub use query::SignalsQuery;

/// Asks a network operator, or whoever can, about a number.
///
/// # Contract
///
/// An implementer
///
/// - MUST ask about [`SignalsQuery::expose_number`] and nothing else, at most once a call: each
///   look-up is paid;
/// - MUST say nothing of what it does not know: a field that the provider left out is `None`, and
///   never a guess;
/// - MUST report [`SignalsErrorKind::NotAsked`] only if the provider provably charged nothing: no
///   connection, credentials that are not accepted, too many requests. Everything else is
///   [`SignalsErrorKind::Unknown`], and counts as paid;
/// - MUST put neither the number nor a name into an error or a log;
/// - MUST end by itself. The gate gives up after
///   [`GateBuilder::signals_deadline`](crate::GateBuilder::signals_deadline) all the same.
///
/// ```
/// use async_trait::async_trait;
/// use otpgate::transport::signals::{NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap};
/// use otpgate::{LineType, Timestamp};
///
/// /// A carrier that texts its own customers.
/// #[derive(Debug)]
/// struct OwnRegister;
///
/// #[async_trait]
/// impl NumberSignals for OwnRegister {
///     async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError> {
///         let Some(changed_ms) = sim_changed(query.expose_number()) else {
///             return Err(SignalsError::unknown("the register has no such line"));
///         };
///         let swap = SimSwap::At(Timestamp::from_millis(changed_ms));
///         Ok(Signals::default().line_type(LineType::Mobile).sim_swap(swap))
///     }
/// }
/// # fn sim_changed(number: &str) -> Option<u64> { (number == "+4915112345678").then_some(7) }
/// # let query = SignalsQuery::for_test("+4915112345678", None);
/// # let signals = otpgate::testing::block_on(OwnRegister.look_up(&query)).unwrap();
/// # assert_eq!(signals.sim_swap, Some(SimSwap::At(Timestamp::from_millis(7))));
/// ```
#[async_trait]
pub trait NumberSignals: fmt::Debug + Send + Sync + 'static {
    /// Asks about one number.
    ///
    /// # Errors
    ///
    /// [`SignalsError`], whose kind says whether it cost something.
    async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError>;

    /// Whether a number could be asked about, as far as that can be told without a paid look-up: above
    /// all whether there are credentials. [`Gate::ready`](crate::Gate::ready) asks. The default knows
    /// nothing against it.
    ///
    /// # Errors
    ///
    /// [`SignalsError`] of kind [`NotAsked`](SignalsErrorKind::NotAsked), with cause and remedy.
    async fn ready(&self) -> Result<(), SignalsError> {
        Ok(())
    }
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: NumberSignals + ?Sized> NumberSignals for $pointer<T> {
            async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError> {
                (**self).look_up(query).await
            }

            async fn ready(&self) -> Result<(), SignalsError> {
                (**self).ready().await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
