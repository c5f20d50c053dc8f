//! Tokens, which are spent once over all partitions: each is claimed at the partition of its name.

use crate::base::id::Pseudonym;
use crate::store::{Admission, Home, Nonce, StoreError};

use super::super::call::Call;
use super::{Run, is_lost};

impl Run<'_> {
    /// Claims the nonces at the partitions of their names: which is spent already, if one is. The call's
    /// own partition is asked after that: of several uses at once the first to get here is the one. Where
    /// such a partition is lost, the word of the call's own must do.
    pub(super) async fn claim(
        &self,
        own: Pseudonym,
        admission: &Admission,
    ) -> Result<Option<usize>, StoreError> {
        for (index, nonce) in admission.nonces.iter().enumerate() {
            let Some(call) = self.claim_of(own, admission, nonce, false) else { continue };
            match self.send(call).await {
                Ok(reply) if reply.number()? == 0 => {}
                Ok(_) => return Ok(Some(index)),
                Err(error) if is_lost(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Gives the claims of a refused call back. What does not arrive stays spent.
    pub(super) async fn release(&self, own: Pseudonym, admission: &Admission) {
        for nonce in &admission.nonces {
            if let Some(call) = self.claim_of(own, admission, nonce, true) {
                drop(self.send(call).await);
            }
        }
    }

    /// The call that claims a nonce at the partition of its name, or gives it back. `None` if that is where
    /// the call itself is made.
    fn claim_of(
        &self,
        own: Pseudonym,
        admission: &Admission,
        nonce: &Nonce,
        release: bool,
    ) -> Option<Call> {
        let place = self.layout.place(self.layout.part_of(nonce.key), Home::NOBODY);
        if place.tag == own {
            return None;
        }
        let Admission { id, now, clock, .. } = admission;
        Some(Call::claim(*now, *clock, &place, nonce, *id, release))
    }
}
