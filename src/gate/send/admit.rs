//! The one atomic admission: ask the store, in shadow or quietly where the policy says so, and afresh if the
//! controls changed meanwhile.

use std::mem;
use std::time::Duration;

use crate::base::entropy::random;
use crate::base::id::RequestId;
use crate::base::time::Timestamp;
use crate::charges::Plan;
use crate::error::{GateError, GateErrorKind};
use crate::event::EventKind;
use crate::gate::Gate;
use crate::guarded;
use crate::human::HumanFailure;
use crate::otp::Passcode;
use crate::outcome::{Caution, Proved, RefusalReason, Remedy};
use crate::policy::{AnonymiserTier, Mode};
use crate::pumping::SightingKind;
use crate::realm::{Standing, TestEntry, Withheld};
use crate::store::{Admitted, VoidCode, blank};

use super::attempt::{Attempt, Case};
use super::deliver::UnderWay;
use super::{Disguise, Paid, Refused, SendJob};

/// How often a decision is made afresh because the controls changed under it.
const STALE_TRIES: usize = 3;

/// What the store said of a send, once it has said something final.
pub(super) enum Decision {
    Granted(Paid),
    /// Refused, and answered as if it were not.
    Quiet(Paid),
    /// Granted to a test number: no text, and its own code.
    Test(Paid, TestEntry),
    Refused(Refused),
    /// With whether the detector refuses: it counts those that still come.
    StepUp(RefusalReason, Remedy, bool),
}

impl Gate {
    /// Asks the store until the answer rests on the current controls.
    pub(super) async fn decide(
        &self,
        send: &SendJob<'_>,
        code: &Passcode,
        expires: Timestamp,
    ) -> Result<Decision, GateError> {
        let id = RequestId::from_bytes(random(&*self.inner.entropy)?);
        let challenge = self.names().challenge(&send.challenge.id);
        let code = VoidCode { challenge, digest: self.digest(send, code.expose_secret())? };
        let nobodys = self.nobodys(send);
        self.remember(send.now).await?;
        for again in 0..STALE_TRIES {
            let mut standing = self.standing(send).await?;
            if let Some(reason) = standing.take_refusal() {
                return Ok(Decision::Refused(reason.into()));
            }
            let asked = self.asked(send, &standing);
            // A stale answer has counted the request.
            let counted = again > 0;
            let case = Case { send, id, code, nobodys, expires, standing, asked, counted };
            let withheld = match asked {
                Some(_) if !case.is_observed() => None,
                _ => self.withheld(send, &case.standing, asked.is_some()).await?,
            };
            let Some(mut attempt) = self.first_attempt(&case, withheld)? else {
                return Ok(Decision::Refused(RefusalReason::VerificationOver.into()));
            };
            let answer = self.admit(&case, &mut attempt).await?;
            if !matches!(answer, Admitted::Granted { .. }) {
                self.not_saved(&mut attempt);
            }
            match answer {
                Admitted::Granted { counts, step, news, .. } => {
                    self.take_in(&news);
                    return Ok(self.granted(&case, attempt, counts, step));
                }
                Admitted::Exhausted { index, retry_after, news, .. } => {
                    self.take_in(&news);
                    return Ok(self.exhausted(&case, &attempt.plan, index, retry_after).await);
                }
                Admitted::NonceSpent { index: 0 } => {
                    return Ok(Decision::Refused(RefusalReason::TokenSpent.into()));
                }
                Admitted::NonceSpent { .. } => return Ok(self.human_check_spent(send)),
                Admitted::ChallengeGone => {
                    return Ok(Decision::Refused(RefusalReason::VerificationOver.into()));
                }
                Admitted::Stale { document, version } => {
                    // another gate saved what its detector knows at the same moment, or an operator
                    // changed the controls
                    if !self.outdated(document, version, send.now) {
                        drop(Box::pin(self.reload_controls(send.now)).await?);
                    }
                }
            }
        }
        Err(GateError::new(GateErrorKind::Store, "the controls kept changing during the request"))
    }

    /// What passed the human check has been used for another request.
    fn human_check_spent(&self, send: &SendJob<'_>) -> Decision {
        self.note(send, EventKind::HumanCheckFailed { failure: HumanFailure::Spent });
        self.watch(send, SightingKind::Failed);
        Decision::Refused(RefusalReason::HumanCheckFailed.into())
    }

    /// What controls and detector say about it.
    async fn standing(&self, send: &SendJob<'_>) -> Result<Standing, GateError> {
        let standing = self.realm.standing(&send.concern());
        if !standing.refuses() {
            return Ok(standing);
        }
        // Another gate may have lifted this entry. We do not admit, so we must ask.
        drop(Box::pin(self.reload_controls(send.now)).await?);
        Ok(self.realm.standing(&send.concern()))
    }

    /// Why this text is withheld from its number, though another number would get it. The store is
    /// asked whether the number was verified before whenever that may decide, and for every number,
    /// so that its round trips do not tell.
    async fn withheld(
        &self,
        send: &SendJob<'_>,
        standing: &Standing,
        asked: bool,
    ) -> Result<Option<Withheld>, GateError> {
        if let Some(Caution { tier: AnonymiserTier::Quiet, kind }) = send.caution {
            return Ok(Some(Withheld::Anonymiser(kind)));
        }
        if !send.policy.mode.quiet || standing.in_the_way(send.proved, asked).next().is_none() {
            return Ok(None);
        }
        let mark = Box::pin(self.inner.known(send.subjects.number, send.now)).await?;
        let known = mark.is_some_and(|(from, until)| from <= send.now && send.now < until);
        let mut causes = standing.in_the_way(send.proved, asked);
        let withheld = causes.find(|cause| !standing.waives(cause, known));
        let region = send.recipient.line_region();
        let observed = send.policy.mode.of(send.purpose, region) == Mode::Observe;
        if observed && withheld == Some(Withheld::Pumping) {
            let reason = standing.reason(Withheld::Pumping);
            self.note(send, EventKind::WouldRefuse { reason });
            return Ok(None);
        }
        Ok(withheld)
    }

    /// Asks the store for `attempt`. Where it does not fit, shadow mode tells what would be refused and asks
    /// for what it lets pass, and quiet mode withholds what a fault of the number or its owner's opt-out is
    /// in the way of.
    async fn admit(&self, case: &Case<'_>, attempt: &mut Attempt) -> Result<Admitted, GateError> {
        let mut answer = self.pay(case, attempt).await?;
        if let Admitted::Exhausted { index, .. } = &answer
            && case.is_observed()
            && attempt.plan.may_be_waved(*index)
        {
            let (cause, _) = attempt.plan.cause(*index);
            let reason = cause.reason(case.standing.pumping_words());
            self.note(case.send, EventKind::WouldRefuse { reason });
            attempt.in_shadow();
            answer = Box::pin(self.pay(case, attempt)).await?;
        }
        if let Admitted::Exhausted { index, news, .. } = &answer
            && attempt.plan.cause(*index).0.is_of_number()
            && case.send.hides_failures()
        {
            self.take_in(news);
            self.not_saved(attempt);
            if case.is_observed() {
                attempt.in_shadow();
            }
            attempt.of_fault(case);
            answer = Box::pin(self.pay(case, attempt)).await?;
        }
        Ok(answer)
    }

    /// Asks the store to admit what `attempt` charges. A renewal whose number has had its free one is
    /// asked for again, as the evidence that it now is.
    async fn pay(&self, case: &Case<'_>, attempt: &mut Attempt) -> Result<Admitted, GateError> {
        let answer = self.submit(case, attempt).await?;
        if let Admitted::Exhausted { index, .. } = &answer
            && let Some(plan) = attempt.plan.resend_again(*index)
        {
            attempt.again(plan);
            return Box::pin(self.submit(case, attempt)).await;
        }
        Ok(answer)
    }

    /// Asks the store once. What the attempt charges and saves is lent to the admission.
    async fn submit(&self, case: &Case<'_>, attempt: &mut Attempt) -> Result<Admitted, GateError> {
        let mut admission = self.admission(case, attempt);
        mem::swap(&mut admission.charges, &mut attempt.plan.charges);
        admission.documents = mem::take(&mut attempt.documents);
        let under_way = UnderWay::asked(self, case.send, self.if_unanswered(case));
        let answer = guarded::admit(&*self.inner.store, &admission).await;
        let answer = self.heard_of(admission.exchange.as_ref(), answer, Admitted::news);
        under_way.answered();
        mem::swap(&mut admission.charges, &mut attempt.plan.charges);
        attempt.documents = mem::take(&mut admission.documents);
        blank::leave_admission(admission);
        answer
    }

    /// As what a request is told that nobody waits for. Where the detector's verdict stands in the way,
    /// the store admits nothing, and whoever waits is told as one who was asked or refused.
    fn if_unanswered(&self, case: &Case<'_>) -> Option<SightingKind> {
        let (send, standing) = (case.send, &case.standing);
        let pumping = standing.pumping(send.proved);
        let verdict = if send.policy.mode.quiet { case.asked } else { pumping };
        match verdict {
            Some(remedy) if !case.is_observed() => match pumping {
                Some(Remedy::Wait) => Some(SightingKind::Refused),
                _ => self.offers(send, remedy).then_some(SightingKind::Asked),
            },
            _ => Some(SightingKind::Unsent),
        }
    }

    /// What goes along with texts that are sent waits for the next one.
    fn not_saved(&self, attempt: &mut Attempt) {
        if let Some(saved) = attempt.saved.take() {
            self.realm.watch.not_saved(saved, mem::take(&mut attempt.documents));
        }
    }

    /// What follows from a grant: a text, a test number's code, or a text that is withheld.
    fn granted(&self, case: &Case<'_>, attempt: Attempt, counts: Vec<u64>, step: u64) -> Decision {
        let (send, standing) = (case.send, &case.standing);
        if let Some(saved) = attempt.saved {
            self.realm.watch.saved(saved);
        }
        let withheld = match attempt.withheld {
            Some(Withheld::Fault(_)) => Some(Withheld::Fault(Plan::fault(&counts))),
            other => other,
        };
        let (plan, id, code) = (attempt.plan, case.id, case.code);
        let may_be_withheld = self.may_be_withheld(send, standing);
        let disguise = Self::disguise(case);
        let paid = Paid { plan, counts, step, id, code, may_be_withheld, disguise };
        if let Some(entry) = attempt.test {
            return Decision::Test(paid, entry);
        }
        let Some(withheld) = withheld else { return Decision::Granted(paid) };
        let pumping = standing.pumping(send.proved).is_some();
        self.watch(send, withheld.sighting(pumping));
        let reason = standing.reason(withheld);
        self.note(send, EventKind::QuietlyRefused { reason });
        Decision::Quiet(paid)
    }

    /// What follows where the charge at `index` does not fit: a step-up if the client can do something
    /// about it, otherwise a refusal.
    async fn exhausted(
        &self,
        case: &Case<'_>,
        plan: &Plan,
        index: usize,
        mut retry_after: Duration,
    ) -> Decision {
        let (send, standing) = (case.send, &case.standing);
        let (cause, remedy) = plan.cause(index);
        if cause.is_pumping() {
            // All that comes may be refused, and then no send carries what this gate has to save.
            Box::pin(self.save_overdue(send.now)).await;
            retry_after = standing.pumping_wait(send.now).unwrap_or(retry_after);
        }
        let reason = cause.reason(standing.pumping_words());
        let pumping = standing.pumping(send.proved) == Some(Remedy::Wait);
        if self.offers(send, remedy) {
            return Decision::StepUp(reason, remedy, pumping);
        }
        Decision::Refused(Refused { reason, retry_after: Some(retry_after), pumping })
    }

    /// What the detector asks of this client, if it is something that the client can do.
    ///
    /// Where the detector refuses, known numbers are served: everybody is asked there for what it asks
    /// for elsewhere. Whether it asks or refuses may turn on one text, and so would tell
    /// whether a number that somebody tried before counts as evidence, which a known one does not.
    fn asked(&self, send: &SendJob<'_>, standing: &Standing) -> Option<Remedy> {
        let remedy = match standing.pumping(send.proved)? {
            Remedy::Human | Remedy::Wait if send.policy.mode.quiet => standing.asks(),
            remedy => remedy,
        };
        self.offers(send, remedy).then_some(remedy)
    }

    /// Where only what is private about the number lets its text out, a failure of the provider's would
    /// tell as much as the text.
    fn disguise(case: &Case<'_>) -> Option<Disguise> {
        let Case { send, standing, asked, .. } = case;
        let mode = &send.policy.mode;
        // In shadow mode the detector withholds nobody's.
        let withholds = |cause: Withheld| !(case.is_observed() && cause == Withheld::Pumping);
        if mode.quiet && standing.in_the_way(send.proved, asked.is_some()).any(withholds) {
            Some(Disguise::Withheld)
        } else {
            send.is_beside_decoys().then_some(Disguise::Decoy)
        }
    }

    /// Whether texts are withheld here from some numbers, for everybody to know: where the detector
    /// asks, and where what it asks for can be done. Elsewhere nobody sees that it is alert, and whether
    /// it is may turn on one text.
    fn may_be_withheld(&self, send: &SendJob<'_>, standing: &Standing) -> bool {
        let is_asked = self.inner.human.is_some() || standing.asks() == Remedy::Work;
        send.policy.mode.quiet && is_asked && standing.is_alert()
    }

    /// Whether the client can do something about it that it has not done yet.
    fn offers(&self, send: &SendJob<'_>, remedy: Remedy) -> bool {
        if send.subjects.caller.is_some() {
            return false;
        }
        match remedy {
            Remedy::Wait => false,
            Remedy::Work => send.proved < Proved::Work && !send.challenge.renew,
            Remedy::Human => {
                send.proved < Proved::Human && !send.challenge.renew && self.inner.human.is_some()
            }
        }
    }
}
