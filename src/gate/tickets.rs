//! Tickets: for the page, and for what a client must do more.

use super::Gate;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::error::GateError;
use crate::outcome::{OwnScope, RefusalReason, Remedy, StepUp, StepUpMeans};
use crate::policy::Policy;
use crate::token::{Scope, SendTicket, TicketTerms};

impl Gate {
    /// What to ask for, given what would help.
    pub(super) fn means(&self, policy: &Policy, remedy: Remedy) -> StepUpMeans {
        match remedy {
            Remedy::Human if self.inner.human.is_some() => StepUpMeans::Human,
            _ => StepUpMeans::Work { bits: policy.token.step_up_work.bits() },
        }
    }

    pub(super) fn step_up_ticket(
        &self,
        purpose: &Purpose,
        scope: &OwnScope,
        means: StepUpMeans,
        reason: RefusalReason,
        now: Timestamp,
    ) -> Result<StepUp, GateError> {
        let policy = self.inner.policy(purpose);
        let terms = match means {
            StepUpMeans::Work { .. } => policy.token.harder_work(),
            StepUpMeans::Human => policy.token.human_check(),
        };
        let ticket = self.sign(purpose, scope, terms, now)?;
        Ok(StepUp { means, ticket, reason })
    }

    pub(super) fn sign(
        &self,
        purpose: &Purpose,
        scope: &OwnScope,
        terms: TicketTerms,
        now: Timestamp,
    ) -> Result<SendTicket, GateError> {
        let scope = self.scope(purpose, scope);
        Ok(SendTicket::issue(&scope, terms, &self.inner.keys, &*self.inner.entropy, now)?)
    }

    pub(super) fn scope<'a>(&'a self, purpose: &'a Purpose, own: &'a OwnScope) -> Scope<'a> {
        Scope {
            realm: self.realm.name(),
            purpose: purpose.as_str(),
            origin: &own.origin,
            session: &own.session,
            client: &own.client,
        }
    }
}
