//! Tokens, which are spent once over all partitions: each is claimed at the partition of its name.

use crate::base::id::Pseudonym;
use crate::store::{Admission, Home, Nonce, StoreError};

use super::super::call::{Call, Claim};
use super::{Run, is_lost};

impl Run<'_> {
    /// Claims the nonces at the partitions of their names: which is spent already, if one is. The call's
    /// own partition is asked after that: of several uses at once the first to get here is the one. Where
    /// such a partition is lost, the word of the call's own must do.
    ///
    /// They are claimed in the order in which the message names them. All calls name a token before the
    /// response that came with it, so of several calls with the same two one gets both.
    pub(super) async fn claim(
        &self,
        own: Pseudonym,
        admission: &Admission,
    ) -> Result<Option<usize>, StoreError> {
        for (index, call) in self.claims(own, admission, false) {
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
        for (_, call) in self.claims(own, admission, true) {
            drop(self.send(call).await);
        }
    }

    /// The calls that claim the nonces, or give them back, and which nonce each is for. What the call's
    /// own partition spends is left to it, but for a nonce before one that is claimed elsewhere: or two
    /// calls with the same two nonces would take one each, and neither be the first.
    fn claims(
        &self,
        own: Pseudonym,
        admission: &Admission,
        release: bool,
    ) -> impl Iterator<Item = (usize, Call)> {
        let Admission { id, now, clock, .. } = admission;
        let place = |nonce: &Nonce| self.layout.place(self.layout.part_of(nonce.key), Home::NOBODY);
        let last = admission.nonces.iter().rposition(|nonce| place(nonce).tag != own);
        let claimed = admission.nonces.iter().take(last.map_or(0, |last| last.saturating_add(1)));
        let step = match release {
            false => Claim::Make,
            true => Claim::Release { moving: self.layout.before.is_some() },
        };
        let call = move |nonce| Call::claim(*now, *clock, &place(nonce), nonce, *id, step);
        claimed.map(call).enumerate()
    }
}
