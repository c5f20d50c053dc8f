//! [`ReceiptsError`]: why a webhook's request was not taken.

use crate::error::GateError;
use crate::transport::ReceiptError;

/// A webhook's request that was not taken, or not all of it.
///
/// ```
/// use otpgate::ReceiptsError;
/// use otpgate::transport::{ReceiptError, ReceiptErrorKind};
///
/// let forged = ReceiptError::new("twilio", ReceiptErrorKind::Forged, "check the auth token");
/// assert_eq!(ReceiptsError::from(forged).status(), 403);
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptsError {
    /// The request is not genuine, too old or unreadable. Nothing of it was believed.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The gate could not apply it. Let the provider repeat it: nothing is applied twice.
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl ReceiptsError {
    /// The HTTP status to answer with: that of [`ReceiptErrorKind::status`], or 503 for an outage, at
    /// which providers repeat the request.
    ///
    /// [`ReceiptErrorKind::status`]: crate::transport::ReceiptErrorKind::status
    pub fn status(&self) -> u16 {
        match self {
            Self::Receipt(error) => error.kind().status(),
            Self::Gate(_) => 503,
        }
    }
}

crate::base::sentence::debug_as_sentence!(ReceiptsError);
