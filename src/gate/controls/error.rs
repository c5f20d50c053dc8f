//! [`ControlsError`]: why a change of the controls was not made.

use crate::access::{BookError, ControlError};
use crate::error::GateError;

/// A change of the controls that was not made.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop::Shop { gate, .. }| {
/// # use otpgate::access::{Actor, ControlError, Effect, Reason, Target};
/// # use otpgate::ControlsError;
/// # let (why, ada) = (Reason::new("a test")?, Actor::new("ada")?);
/// let controls = gate.controls(); // and nobody allows everything
/// let error = controls.enter(Target::Everything, Effect::Allow, why, ada, None).await.unwrap_err();
/// assert!(matches!(error, ControlsError::Control(ControlError::Mismatched { .. })));
/// # Ok(())
/// # });
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ControlsError {
    /// The entry, its reason, actor or end makes no sense.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The list is full, or there is no such entry.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The store gave no answer.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The test number was verified in the last 90 days.
    #[error(
        "the number was verified before and may be a customer's, whose account a fixed code would open; take another, or say `although_verified`"
    )]
    Verified,
    /// The test code is of another format than the gate's.
    #[error(
        "the test code is not of the gate's format; make it with that of `MessageFormat::codes`"
    )]
    TestCode,
    /// Others kept changing the controls.
    #[error(
        "others changed the controls at the same time, eight times; look at the list, then retry"
    )]
    Contended,
}

crate::base::sentence::debug_as_sentence!(ControlsError);
