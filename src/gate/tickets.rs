//! The answer to a request that is not let through: a ticket for more, or a refusal.

use std::time::Duration;

use super::Gate;
use crate::base::entropy::random;
use crate::base::time::Timestamp;
use crate::context::{ClientContext, Purpose};
use crate::error::GateError;
use crate::outcome::{
    OwnScope, PublicRefusalKind, Refusal, RefusalReason, Remedy, StepUp, StepUpMeans,
};
use crate::policy::Policy;
use crate::token::{Scope, SendTicket, TicketTerms};

impl Gate {
    pub(super) fn own_scope(&self, client: &ClientContext) -> OwnScope {
        OwnScope {
            origin: client.page_origin().to_owned(),
            session: client.session().to_owned(),
            client: client.ip().prefix().to_bytes().to_vec(),
            ip: *client.ip(),
        }
    }

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
        let policy = self.policy(purpose);
        let terms = match means {
            StepUpMeans::Work { .. } => policy.token.harder_work(),
            StepUpMeans::Human => policy.token.human_check(),
        };
        let ticket = self.sign(purpose, scope, terms, now)?;
        Ok(StepUp { means, ticket, reason })
    }

    pub(super) fn refusal(
        &self,
        reason: RefusalReason,
        retry_after: Option<Duration>,
    ) -> Result<Refusal, GateError> {
        let [noise]: [u8; 1] = random(&*self.inner.entropy)?;
        // A block has no end to name; without one it would look unlike a limit.
        let later = reason.public_kind() == PublicRefusalKind::TryLater;
        let shown = retry_after.or(later.then_some(NO_END));
        let public_retry = shown.map(|wait| blur(wait, noise));
        Ok(Refusal { reason, cause: None, retry_after, public_retry })
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

/// The wait shown for what does not end by itself: that of a send which the detector holds back.
const NO_END: Duration = Duration::from_secs(60);

/// A wait for the public: never too short, whole seconds, in steps so coarse and with so much noise
/// that it does not name the limit behind it.
fn blur(wait: Duration, noise: u8) -> Duration {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    let step = match seconds {
        0..=60 => 5,
        61..=600 => 30,
        _ => 300,
    };
    let noisy = seconds.saturating_add(seconds.saturating_mul(u64::from(noise)) / 2_560);
    Duration::from_secs(noisy.div_ceil(step).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_wait_is_never_too_short_and_at_most_a_step_and_a_tenth_too_long() {
        for millis in [0, 1, 999, 1_000, 29_999, 61_000, 599_000, 3_600_000, 86_400_000] {
            for noise in [0, 1, 128, 255] {
                let wait = Duration::from_millis(millis);
                let public = blur(wait, noise);
                assert!(public >= wait);
                assert!(public <= wait + wait / 10 + Duration::from_secs(301));
                assert_eq!(public.as_secs() % 5, 0);
            }
        }
    }
}
