//! What the web edge asks of a grant before it calls the gate.

use crate::context::{ClientContext, Purpose};
use crate::otp::CodeFormat;
use crate::outcome::EntryGrant;

use super::Gate;
use super::entry::hint;

/// What a grant that is this client's says of its verification.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) purpose: Purpose,
    /// What its code looks like.
    pub(crate) code: CodeFormat,
    /// The number with all but its ends hidden.
    pub(crate) hint: String,
}

impl Gate {
    /// What the grant says; `None` if it is forged, closed or another client's. The store is not asked: the
    /// verification may be over.
    pub(crate) fn about(&self, grant: &EntryGrant, client: &ClientContext) -> Option<About> {
        let grant = self.read_grant(grant, client, self.now())?;
        let (code, hint) = (self.inner.format_of(&grant), hint(&grant));
        Some(About { purpose: grant.purpose, code, hint })
    }
}
