//! The one atomic admission: plan, ask the store, and ask again if the controls changed meanwhile.

use crate::access::Query;
use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::error::{GateError, GateErrorKind};
use crate::event::EventKind;
use crate::human::HumanFailure;
use crate::limit::MeterKey;
use crate::otp::digest::{CodeContext, digest};
use crate::otp::{Passcode, ResendCode};
use crate::outcome::{Proved, RefusalReason, Remedy};
use crate::policy::Mode;
use crate::pumping::SightingKind;
use crate::store::{Admission, Admitted, ChallengeWrite, Guard, Home, Observation, VoidCode};
use crate::transport::Channel;

use super::{Paid, Refused, Send};
use crate::gate::plan::{COUNT_SPAN_MS, Cause, Plan, Terms};
use crate::gate::{Gate, REMEMBER, guarded};
use crate::realm::{Concern, Standing, TestEntry, Withheld, slot};

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
        send: &Send<'_>,
        code: &Passcode,
        expires: Timestamp,
    ) -> Result<Decision, GateError> {
        let id = RequestId::from_bytes(random(&*self.inner.entropy)?);
        let challenge = self.names().challenge(&send.challenge.id);
        let code = VoidCode { challenge, digest: self.digest(send, code.expose_secret())? };
        let nobodys: [u8; 32] = random(&*self.inner.entropy)?;
        self.remember(send.now).await?;
        for again in 0..STALE_TRIES {
            let mut standing = self.realm.standing(&self.concern(send));
            if standing.refuses() {
                // No admission would tell that another gate has lifted the entry since.
                drop(Box::pin(self.reload_controls(send.now)).await?);
                standing = self.realm.standing(&self.concern(send));
            }
            if let Some(reason) = standing.take_refusal() {
                return Ok(Decision::Refused(reason.into()));
            }
            let observed =
                send.policy.mode.of(send.purpose, send.recipient.region()) == Mode::Observe;
            let asked = self.asked(send, &standing);
            let mut withheld = match asked {
                Some(_) if !observed => None,
                _ => self.withheld(send, &standing, asked.is_some()).await?,
            };
            let mut plan = self.plan(send, &standing, asked);
            let test = standing.test().filter(|_| send.may_be_tested() && withheld.is_none());
            if withheld.is_some() {
                plan = plan.withheld();
            } else if send.challenge.renew && send.test != test.map(|entry| entry.id) {
                // Entered or lifted since: the code before and the one to come are not of one kind.
                return Ok(Decision::Refused(RefusalReason::VerificationOver.into()));
            } else if test.is_some() {
                plan = plan.tested();
            }
            let test = test.cloned();
            let mut admission = self.admission(send, id, challenge, &standing);
            let mut saved = None;
            if again > 0 {
                // A stale answer has counted the request.
                admission.observe.clear();
            }
            let unopposed =
                if send.policy.mode.quiet { asked.is_none() } else { standing.passes(send.proved) };
            if unopposed && let Some((documents, save)) = self.writes(send.now, false) {
                (admission.documents, saved) = (documents, Some(save));
            }
            let digest = match &test {
                _ if withheld.is_some() => nobodys,
                Some(entry) => self.digest(send, &self.test_code(entry, send.subjects.number)?)?,
                None => code.digest,
            };
            let until = test.as_ref().map_or(Timestamp::MAX, |entry| entry.until);
            let kept = withheld.is_some();
            admission.challenge =
                Some(write(send, code.challenge, digest, expires.min(until), until, kept));
            let mut answer = self.pay(&mut plan, &mut admission).await?;
            if let Admitted::Exhausted { index, .. } = &answer
                && observed
                && plan.may_be_waved(*index)
            {
                let (cause, _) = plan.cause(*index);
                let reason = cause.reason(standing.pumping_words());
                self.note(send, EventKind::WouldRefuse { reason });
                plan = plan.in_shadow();
                // Counted and told already.
                admission.observe.clear();
                admission.exchange = None;
                answer = Box::pin(self.pay(&mut plan, &mut admission)).await?;
            }
            if let Admitted::Exhausted { index, news, .. } = &answer
                && plan.cause(*index).0 == Cause::Fault
                && send.policy.mode.quiet
            {
                self.take_in(news);
                plan = plan.of_fault(send.subjects.number, &send.policy.receipts);
                withheld = Some(Withheld::Fault(None));
                // Counted and told already; what this gate saves goes with a text that is sent.
                admission.observe.clear();
                (admission.exchange, saved) = (None, None);
                admission.documents.clear();
                let challenge = code.challenge;
                admission.challenge = Some(write(send, challenge, nobodys, expires, until, true));
                answer = Box::pin(self.pay(&mut plan, &mut admission)).await?;
            }
            match answer {
                Admitted::Granted { counts, step, news, .. } => {
                    self.take_in(&news);
                    if let Some(saved) = saved {
                        self.realm.watch.saved(saved);
                    }
                    if let Some(Withheld::Fault(fault)) = &mut withheld {
                        *fault = Plan::fault(&counts);
                    }
                    let may_be_withheld = self.may_be_withheld(send, &standing);
                    let paid = Paid { plan, counts, step, id, code, may_be_withheld };
                    if let Some(entry) = test {
                        return Ok(Decision::Test(paid, entry));
                    }
                    let Some(withheld) = withheld else { return Ok(Decision::Granted(paid)) };
                    let pumping = standing.pumping(send.proved).is_some();
                    self.watch(send, withheld.sighting(pumping));
                    let reason = standing.reason(withheld);
                    self.note(send, EventKind::QuietlyRefused { reason });
                    return Ok(Decision::Quiet(paid));
                }
                Admitted::Exhausted { index, retry_after, news, .. } => {
                    self.take_in(&news);
                    let (cause, remedy) = plan.cause(index);
                    if cause == Cause::Pumping {
                        Box::pin(self.save_overdue(send.now)).await;
                    }
                    let reason = cause.reason(standing.pumping_words());
                    let retry_after = match cause {
                        Cause::Pumping => standing.pumping_wait(send.now).unwrap_or(retry_after),
                        _ => retry_after,
                    };
                    let pumping = standing.pumping(send.proved) == Some(Remedy::Wait);
                    return Ok(if self.offers(send, remedy) {
                        Decision::StepUp(reason, remedy, pumping)
                    } else {
                        let retry_after = Some(retry_after);
                        Decision::Refused(Refused { reason, retry_after, pumping })
                    });
                }
                Admitted::NonceSpent { index: 0 } => {
                    return Ok(Decision::Refused(RefusalReason::TokenSpent.into()));
                }
                Admitted::NonceSpent { .. } => {
                    let failure = HumanFailure::Spent;
                    self.note(send, EventKind::HumanCheckFailed { failure });
                    self.watch(send, SightingKind::Failed);
                    return Ok(Decision::Refused(RefusalReason::HumanCheckFailed.into()));
                }
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

    /// What the detector asks of this client, if it is something that the client can do.
    ///
    /// Where the detector refuses, known numbers are served: everybody is asked there for what it asks
    /// for elsewhere. Whether it asks or refuses may turn on one text, and so would tell
    /// whether a number that somebody tried before counts as evidence, which a known one does not.
    fn asked(&self, send: &Send<'_>, standing: &Standing) -> Option<Remedy> {
        let remedy = match standing.pumping(send.proved)? {
            Remedy::Human | Remedy::Wait if send.policy.mode.quiet => standing.asks(),
            remedy => remedy,
        };
        self.offers(send, remedy).then_some(remedy)
    }

    /// Whether texts are withheld here from some numbers, for everybody to know: where the detector
    /// asks, and where what it asks for can be done. Elsewhere nobody sees that it is alert, and whether
    /// it is may turn on one text.
    fn may_be_withheld(&self, send: &Send<'_>, standing: &Standing) -> bool {
        let is_asked = self.inner.human.is_some() || standing.asks() == Remedy::Work;
        send.policy.mode.quiet && is_asked && standing.is_alert()
    }

    /// Asks the store to admit what `plan` charges. A renewal whose number has had its free one is
    /// asked for again, as the evidence that it now is.
    async fn pay(&self, plan: &mut Plan, admission: &mut Admission) -> Result<Admitted, GateError> {
        let mut answer = self.charge(plan, admission).await?;
        if let Admitted::Exhausted { index, .. } = &answer
            && let Some(paid) = plan.resend_again(*index)
        {
            *plan = paid;
            // Counted and told already.
            admission.observe.clear();
            admission.exchange = None;
            answer = Box::pin(self.charge(plan, admission)).await?;
        }
        Ok(answer)
    }

    async fn charge(
        &self,
        plan: &mut Plan,
        admission: &mut Admission,
    ) -> Result<Admitted, GateError> {
        admission.charges = std::mem::take(&mut plan.charges);
        let answer = guarded::admit(&*self.inner.store, admission).await;
        plan.charges = std::mem::take(&mut admission.charges);
        answer
    }

    fn concern<'a>(&self, send: &'a Send<'_>) -> Concern<'a> {
        Concern {
            query: Query {
                recipient: send.recipient,
                number: send.subjects.number,
                client: send.from,
                user: send.user,
                purpose: send.purpose.as_str(),
                now: send.now,
            },
            subject: self.sighted(send.recipient, send.purpose, send.price, send.seen_from()),
            proved: send.proved,
            quiet: send.policy.mode.quiet,
        }
    }

    fn plan(&self, send: &Send<'_>, standing: &Standing, asked: Option<Remedy>) -> Plan {
        let terms = Terms {
            policy: send.policy,
            purpose: send.purpose,
            lane: send.lane,
            proved: if standing.exempt() { send.proved.max(Proved::Work) } else { send.proved },
            price: send.reserved(),
            daily_budget: self.inner.daily_budget,
            resend: send.challenge.renew,
            open: send.policy.code.open,
            hidden: send.caution.is_some(),
        };
        let mut plan = Plan::of_send(&terms, &send.subjects);
        let number = send.subjects.number;
        if send.policy.mode.quiet {
            // Of everybody: who is spared would be known for a customer.
            if let Some(remedy) = asked {
                plan.verdict(Cause::Pumping, remedy, number, None);
            }
        } else {
            let known = Some(MeterKey::new(number, slot::KNOWN));
            if let Some(id) = standing.known_only() {
                plan.verdict(Cause::KnownOnly(id), Remedy::Wait, number, known);
            }
            if let Some(remedy) = standing.pumping(send.proved) {
                plan.verdict(Cause::Pumping, remedy, number, known);
            }
        }
        if send.chosen.channel == Channel::Sms {
            plan.ask_fault(number);
        }
        if let Some(max) = send.chosen.most {
            let challenge = self.names().challenge(&send.challenge.id);
            plan.carried(challenge, send.chosen.channel, max.into(), send.policy.code.open);
        }
        if send.decoy { plan.unpaid() } else { plan }
    }

    fn admission(
        &self,
        send: &Send<'_>,
        id: RequestId,
        challenge: Pseudonym,
        standing: &Standing,
    ) -> Admission {
        let names = self.names();
        let requests = |subject: Pseudonym| Observation {
            key: MeterKey::new(subject, slot::REQUESTS),
            span_ms: COUNT_SPAN_MS,
            units: 1,
        };
        let mut admission = Admission::new(id, send.now, self.inner.partition, send.now + REMEMBER);
        admission.clock = self.inner.clock_check;
        admission.home = Home::of(send.subjects.number).and(challenge);
        admission.guards = vec![Guard { document: names.controls(), version: standing.version() }];
        admission.nonces = send.nonce.into_iter().chain(send.human).collect();
        admission.observe = vec![requests(send.subjects.country), requests(send.subjects.realm)];
        admission.exchange = self.exchange(id);
        admission
    }

    /// Whether the client can do something about it that it has not done yet.
    fn offers(&self, send: &Send<'_>, remedy: Remedy) -> bool {
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

    fn digest(&self, send: &Send<'_>, code: &str) -> Result<[u8; 32], GateError> {
        if send.decoy {
            return Ok(random(&*self.inner.entropy)?);
        }
        let context = CodeContext {
            realm: self.realm.name().as_bytes(),
            purpose: send.purpose.as_str(),
            challenge: &send.challenge.id,
            subject: send.subjects.number.as_bytes(),
            binding: &send.binding.bytes(),
        };
        let keys = self
            .inner
            .keys
            .verifying(send.challenge.key, send.now)
            .unwrap_or_else(|| self.inner.keys.signing());
        Ok(digest(&keys.code, &context, code))
    }
}

/// `withheld`: the code is nobody's, and one that did go out before stays good.
fn write(
    send: &Send<'_>,
    key: Pseudonym,
    digest: [u8; 32],
    expires: Timestamp,
    until: Timestamp,
    withheld: bool,
) -> ChallengeWrite {
    if send.challenge.renew {
        let keep_previous = withheld || send.policy.code.resend == ResendCode::KeepPrevious;
        ChallengeWrite::Renew { key, digest, expires, keep_previous }
    } else {
        let closes = send.challenge.closes.min(until);
        let attempts = send.policy.code.attempts;
        ChallengeWrite::Open { key, digest, expires, closes, attempts }
    }
}
