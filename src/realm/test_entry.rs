//! [`TestEntry`]: a test number, as it holds for one request.

use zeroize::Zeroizing;

use crate::access::{Control, ControlId, SealedCode};
use crate::base::id::Pseudonym;
use crate::base::keyring::KeyRing;
use crate::base::time::Timestamp;
use crate::store::{StoreError, StoreErrorKind};

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

    /// The code, if it was sealed for this number.
    pub(crate) fn code(
        &self,
        number: Pseudonym,
        realm: &str,
        keys: &KeyRing,
    ) -> Result<Zeroizing<String>, StoreError> {
        let opened = keys.papers().open(&test_context(number, realm), self.sealed.as_bytes());
        let code = opened
            .map(Zeroizing::new)
            .and_then(|bytes| Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned())));
        code.ok_or_else(|| {
            let cause = "the code of a test number cannot be read; lift its entry and make it anew";
            StoreError::new(StoreErrorKind::Corrupt, cause)
        })
    }
}

/// What the code of a test number is sealed for.
pub(crate) fn test_context(number: Pseudonym, realm: &str) -> Vec<u8> {
    [&b"otpgate/v1/test/"[..], number.as_bytes(), realm.as_bytes()].concat()
}
