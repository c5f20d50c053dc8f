//! [`TestEntry`]: a test number, as it holds for one request.

use crate::access::{Control, ControlId, SealedCode};
use crate::base::time::Timestamp;

/// A test number's entry, as it holds for one request.
#[derive(Clone)]
pub(crate) struct TestEntry {
    pub(crate) id: ControlId,
    pub(crate) until: Timestamp,
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) sealed: SealedCode,
}

impl TestEntry {
    pub(crate) fn of(control: &Control) -> Option<Self> {
        Some(Self {
            id: control.id(),
            until: control.until()?,
            reason: control.reason().to_owned(),
            actor: control.actor().to_owned(),
            sealed: control.sealed_code()?.clone(),
        })
    }
}
