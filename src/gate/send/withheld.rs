//! Texts that are withheld, so that nobody can tell which numbers get one.

use super::Send;
use crate::error::GateError;
use crate::event::EventKind;
use crate::gate::Gate;
use crate::guarded;
use crate::limit::MeterKey;
use crate::outcome::Caution;
use crate::policy::{AnonymiserTier, Mode};
use crate::realm::{Standing, Withheld, slot};
use crate::store::{Home, TallyQuery};

impl Gate {
    /// Why this text is withheld from its number, though another number would get it. The store is
    /// asked whether the number was verified before whenever that may decide, and for every number,
    /// so that its round trips do not tell.
    pub(super) async fn withheld(
        &self,
        send: &Send<'_>,
        standing: &Standing,
        asked: bool,
    ) -> Result<Option<Withheld>, GateError> {
        if let Some(Caution { tier: AnonymiserTier::Quiet, kind }) = send.caution {
            return Ok(Some(Withheld::Anonymiser(kind)));
        }
        if !send.policy.mode.quiet || standing.in_the_way(send.proved, asked).next().is_none() {
            return Ok(None);
        }
        let mut query = TallyQuery::new(send.now, self.inner.partition);
        query.clock = self.inner.clock_check;
        query.home = Home::of(send.subjects.number);
        query.marks = vec![MeterKey::new(send.subjects.number, slot::KNOWN)];
        let tallies = Box::pin(guarded::tally(&*self.inner.store, &query)).await?;
        let mark = tallies.marks.first().copied().flatten();
        let known = mark.is_some_and(|(from, until)| from <= send.now && send.now < until);
        let mut causes = standing.in_the_way(send.proved, asked);
        let withheld = causes.find(|cause| !standing.waives(cause, known));
        let observed = send.policy.mode.of(send.purpose, send.recipient.region()) == Mode::Observe;
        if observed && withheld == Some(Withheld::Pumping) {
            let reason = standing.reason(Withheld::Pumping);
            self.note(send, EventKind::WouldRefuse { reason });
            return Ok(None);
        }
        Ok(withheld)
    }
}
