//! What the host is told of a send: the grant, a step-up or a refusal, and the events of the log.

use std::time::Duration;

use crate::base::id::RequestId;
use crate::base::time::Timestamp;
use crate::error::{GateError, GateErrorKind};
use crate::event::EventKind;
use crate::outcome::{
    Client, EntryGrant, Grant, Issued, Lane, Note, Proved, Refusal, RefusalReason, Remedy,
    SendRecord, Sent,
};
use crate::pumping::{Sighting, SightingKind};
use crate::transport::IdempotencyKey;

use super::deliver::Over;
use super::{Paid, Refused, SendJob};
use crate::charges::Plan;
use crate::gate::Gate;

impl Gate {
    pub(super) fn issued(
        &self,
        send: &SendJob<'_>,
        paid: &Paid,
        grant: Option<&EntryGrant>,
        expires: Timestamp,
        over: Over,
    ) -> Result<Sent, GateError> {
        let grant = match grant {
            Some(grant) => grant.clone(),
            None => self.grant(send)?,
        };
        let resend_after = self.resend_after(send, &paid.plan, &paid.counts);
        let Over { handoff, confirmed, record } = over;
        let record = record.unwrap_or_else(|| self.record(send, paid.id));
        let key = IdempotencyKey::of(paid.id);
        let channel = send.chosen.channel;
        let may_be_withheld = paid.may_be_withheld;
        let issued = Issued {
            grant,
            expires,
            resend_after,
            confirmed,
            may_be_withheld,
            handoff,
            key,
            record,
            channel,
        };
        Ok(Sent::Issued(issued))
    }

    pub(super) fn step_up(
        &self,
        send: &SendJob<'_>,
        reason: RefusalReason,
        remedy: Remedy,
        pumping: bool,
    ) -> Result<Sent, GateError> {
        match reason {
            // Where it refuses, the answer to the question is no evidence.
            _ if pumping => self.watch(send, SightingKind::Refused),
            RefusalReason::Pumping(_) => self.watch(send, SightingKind::Asked),
            _ => {}
        }
        self.note(send, EventKind::StepUpAsked { reason: reason.clone() });
        let means = self.means(send.policy, remedy);
        Ok(Sent::StepUp(self.step_up_ticket(send.purpose, send.scope, means, reason, send.now)?))
    }

    pub(in crate::gate) fn refused(
        &self,
        now: Timestamp,
        send: Option<&SendJob<'_>>,
        refused: Refused,
    ) -> Result<Sent, GateError> {
        let Refused { reason, retry_after, pumping } = refused;
        let kind = EventKind::Refused { reason: reason.clone() };
        match send {
            Some(send) => {
                if pumping {
                    self.watch(send, SightingKind::Refused);
                }
                self.note(send, kind);
            }
            None => self.tell(&self.event(now, kind)),
        }
        Ok(Sent::Refused(Refusal::new(reason, retry_after, &*self.inner.entropy)?))
    }

    pub(super) fn note(&self, send: &SendJob<'_>, kind: EventKind) {
        let (recipient, number) = (send.recipient, send.subjects.number);
        self.tell(&self.event_of(send.now, send.purpose, recipient, number, kind));
    }

    /// Raises an event when a budget passes half or the step-up tier, or has no room for another text.
    pub(super) fn note_budgets(&self, send: &SendJob<'_>, paid: &Paid) {
        let soft = send.policy.budget.soft_percent;
        for tier in paid.plan.budget_tiers(&paid.counts, paid.step, soft, None) {
            self.note(send, tier);
        }
    }

    /// Tells the detector, and those of the other gates, what became of a request. A text that was
    /// withheld and a decoy are told with all that a sent one is told with. Whether a step-up was passed
    /// is told once, with what the request came to.
    pub(super) fn watch(&self, send: &SendJob<'_>, kind: SightingKind) {
        let subject = send.subject();
        let mut sighting = Sighting::of(send.now, kind, &subject);
        let beside = [SightingKind::Failed, SightingKind::Alike, SightingKind::Unlike];
        // A renewal and a caller bring no answer to a step-up: they go by what was proved before.
        let answers = !send.challenge.renew && send.subjects.client != Client::Caller;
        if answers && send.proved > Proved::Ordinary && !beside.contains(&kind) {
            sighting = sighting.passed();
        }
        self.saw(sighting);
    }

    fn grant(&self, send: &SendJob<'_>) -> Result<EntryGrant, GateError> {
        let grant = Grant {
            key: send.challenge.key,
            challenge: send.challenge.id,
            purpose: send.purpose.clone(),
            lane: send.lane,
            recipient: send.recipient.clone(),
            block: send.subjects.block,
            session: send.subjects.session.unwrap_or_default(),
            client: send.subjects.client.networks(),
            price: send.price,
            format: Some(send.format),
            opened: send.challenge.opened,
            closes: send.challenge.closes,
            binding: self.inner.binding_tag(send.binding),
            decoy: send.decoy,
            disguised: send.disguised,
            test: send.test,
            entered_by: match send.lane {
                Lane::Proven => send.subjects.device,
                Lane::Caller => send.subjects.caller,
                Lane::Open | Lane::Checked => None,
            },
            language: send.language.map(|tag| tag.as_str().to_owned()).unwrap_or_default(),
        };
        grant
            .seal(&self.inner.keys, self.realm.name(), send.now)
            .ok_or_else(|| GateError::new(GateErrorKind::Store, "the current key is gone"))
    }

    pub(super) fn record(&self, send: &SendJob<'_>, id: RequestId) -> SendRecord {
        self.note_of(send, id).record(&self.inner.keys)
    }

    /// What is told of the send when its receipts come in.
    pub(super) fn note_of(&self, send: &SendJob<'_>, id: RequestId) -> Note {
        Note {
            id: *id.as_bytes(),
            at: send.now,
            realm: self.realm.id().clone(),
            purpose: send.purpose.clone(),
            recipient: send.recipient.clone(),
            lane: send.lane,
            channel: send.chosen.channel,
            price: send.price,
            segments: u8::try_from(send.segments).unwrap_or(u8::MAX),
            paid: !send.decoy,
        }
    }

    fn resend_after(&self, send: &SendJob<'_>, plan: &Plan, counts: &[u64]) -> Duration {
        let ladder = send.policy.interval.ladder;
        let rung = plan.ladder().and_then(|index| counts.get(index)).copied().unwrap_or(1);
        let doublings = u32::try_from(rung.saturating_sub(1)).unwrap_or(u32::MAX).min(32);
        ladder
            .first
            .saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
            .min(ladder.longest)
    }
}
